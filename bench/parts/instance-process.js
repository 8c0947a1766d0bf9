/** Runs one instance of an app in a process of its own: oktaSession() with a store in Redis, without a server. */
import { once } from 'node:events'
import { createServer, IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { setImmediate as nextEventLoopTurn, setTimeout as pause } from 'node:timers/promises'
import { oktaSession } from '../../dist/index.js'
import { redisStore } from '../../dist/redis/index.js'
import { now, serve } from './processes.js'
import { connectedClient } from './redis-clients.js'
import { browserHeaders } from './stubs.js'

const [kind = '', port = '', orgUrl = '', secret = ''] = process.argv.slice(2)
const { client, close } = await connectedClient(
  kind === 'ioredis' ? 'ioredis' : 'node-redis',
  Number(port),
)
const okta = oktaSession({
  orgUrl,
  secret,
  logger: false,
  cache: { store: redisStore({ client }) },
})
const logout = okta.logout()
const refresh = okta.refresh()
const socket = new Socket()

/** @param {string} cookie */
async function authenticate(cookie) {
  const { state } = await okta.authenticate({ headers: browserHeaders(cookie) })
  if (state !== 'active') throw new Error(`the session is ${state}`)
}

/**
 * Resolves with the status of the answer to a fetch of a page of the app.
 * @param {import('./stubs.js').Handler} handler
 * @param {string} cookie
 * @returns {Promise<number>}
 */
function post(handler, cookie) {
  const req = new IncomingMessage(socket)
  const headers = { ...browserHeaders(cookie), 'content-length': '0' }
  Object.assign(req, { method: 'POST', url: '/', headers, body: {} })
  const res = new ServerResponse(req)
  return new Promise((resolve, reject) => {
    Object.assign(res, { end: () => resolve(res.statusCode) })
    handler(req, res, reject)
  })
}

/** @type {Promise<{ voidAt: number, refusedAt: number }> | undefined} */
let refusal
/** @type {import('node:http').Server | undefined} */
let hook
let isBusy = false

serve(
  {
    stats: () => okta.stats().store,

    /** @param {readonly string[]} cookies One after the other. */
    async authenticate(cookies) {
      for (const cookie of cookies) await authenticate(cookie)
    },

    /**
     * Concurrent lookups of one cookie.
     * @param {string} cookie
     * @param {number} lookups
     * @param {number} perTurn How many start in one turn of the event loop.
     */
    async stampede(cookie, lookups, perTurn) {
      const began = now()
      const before = okta.stats().store?.commands ?? 0
      const pending = []
      while (pending.length < lookups) {
        for (let i = 0; i < perTurn; i += 1) pending.push(authenticate(cookie))
        if (pending.length < lookups) await nextEventLoopTurn()
      }
      await Promise.all(pending)
      return { began, ended: now(), commands: (okta.stats().store?.commands ?? 0) - before }
    },

    /**
     * Begins to check a cached session each millisecond. Three processes that check without a pause would take
     * the processor from the one that signs out.
     * @param {string} cookie
     */
    awaitRefusal(cookie) {
      const headers = browserHeaders(cookie)
      const poll = async () => {
        let voidAt = 0
        for (;;) {
          const decision = okta.check({ headers })
          if (decision instanceof Promise) voidAt ||= now()
          if (!(decision instanceof Promise ? await decision : decision).ok)
            return { voidAt, refusedAt: now() }
          await pause(1)
        }
      }
      refusal = poll()
    },

    /** Resolves with the time of the first refusal. */
    refusedAt: async () => (await refusal)?.refusedAt,

    /** The same, with the time at which the cached session was no longer served. */
    refusal: () => refusal,

    /** Serves eventHook(). Resolves with its URL. @param {string} hookSecret */
    async serveHook(hookSecret) {
      const handler = okta.eventHook({ secret: hookSecret })
      hook = createServer((req, res) => handler(req, res, () => res.writeHead(500).end()))
      await once(hook.listen(0, '127.0.0.1'), 'listening')
      const address = hook.address()
      return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`
    },

    /** Resolves with the times before and after. @param {string} cookie */
    async signOut(cookie) {
      const began = now()
      const status = await post(logout, cookie)
      if (status !== 204) throw new Error(`logout() answered ${status}`)
      return { began, ended: now() }
    },

    /** @param {string} cookie */
    async forget(cookie) {
      const began = now()
      await okta.forget({ sessionId: cookie.slice(cookie.indexOf('=') + 1) })
      return { began, ended: now() }
    },

    /** @param {readonly string[]} cookies One after the other. */
    async signOutAll(cookies) {
      for (const cookie of cookies) await post(logout, cookie)
    },

    /** @param {readonly string[]} cookies One after the other. */
    async refreshAll(cookies) {
      for (const cookie of cookies) {
        const status = await post(refresh, cookie)
        if (status !== 200) throw new Error(`refresh() answered ${status}`)
      }
    },

    /** Appends records about unknown users until `quiet` is called. @param {number} perSecond */
    chatter(perSecond) {
      isBusy = true
      const append = async () => {
        for (let i = 0; isBusy; i += 1) {
          await okta.forget({ userId: `00u${String(i).padStart(17, '0')}` })
          await pause(1_000 / perSecond)
        }
      }
      void append()
    },

    quiet() {
      isBusy = false
    },
  },
  async () => {
    isBusy = false
    hook?.close()
    await okta.close()
    close()
  },
)
