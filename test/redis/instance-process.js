// One instance of an app over the built package, in a process of its own: fork() it and send it a Start message.
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import express from 'express'
import { oktaSession } from 'express-okta-session'

/** @import { ClientLibrary, FromInstance, StartInstance, ToInstance } from './instances.js' */

/** The instance starts without Redis after this time, as node-redis' connect() waits for it without limit. */
const connectLimitMs = 1_000

/** @type {(message: FromInstance) => void} */
const send = (message) => void process.send?.(message)

/** @type {(level: 'warn' | 'info') => (message: string, fields?: unknown) => void} */
const log = (level) => (message, fields) => {
  const text = `${message} ${inspect(fields, { depth: 10, breakLength: Infinity })}`
  send({ kind: 'line', line: { level, message, text } })
}

/** @type {Promise<() => Promise<void>> | undefined} */
let running

process.on('disconnect', () => process.exit(1))
process.on('message', (/** @type {ToInstance} */ message) => {
  const done = message.kind === 'start' ? start(message) : stop()
  done.catch((error) => {
    console.error(error)
    process.exit(1)
  })
})

/** @param {StartInstance} message */
async function start(message) {
  running = serve(message)
  await running
}

async function stop() {
  const close = await running
  await close?.()
  process.disconnect?.()
  process.exit(0)
}

/** @param {StartInstance} message */
async function serve({ name, orgUrl, redis, options, pushes }) {
  const opened = redis && (await openStore(redis))
  const cache = /** @type {object | undefined} */ (options.cache)
  const okta = oktaSession({
    orgUrl,
    logger: { warn: log('warn'), info: log('info') },
    ...(opened && { secret: 'a secret of the tests, of more than 32 characters' }),
    ...options,
    cache: { ...cache, ...(opened && { store: opened.store }) },
  })
  const server = appOf(name, okta, pushes).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = /** @type {import('node:net').AddressInfo} */ (server.address())
  send({ kind: 'listening', port: address.port })
  return async () => {
    await okta.close()
    await opened?.close()
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
}

/**
 * @param {string} name
 * @param {import('express-okta-session').OktaSession} okta
 * @param {StartInstance['pushes']} pushes
 */
function appOf(name, okta, pushes) {
  const app = express()
  if (pushes !== undefined) {
    const { secret, audience, clientId } = pushes
    app.use('/okta/events', okta.eventHook({ secret }))
    app.use('/okta/signals', okta.sharedSignals({ audience, universalLogout: { clientId } }))
  }
  app.get('/stats', (_req, res) => void res.json(okta.stats()))
  app.post('/forget', express.json(), async (req, res) => {
    const status = await okta.forget(req.body).then(
      () => 204,
      () => 503,
    )
    res.sendStatus(status)
  })
  app.use(okta.attachSession())
  app.get('/me', okta.requireSession(), (req, res) => {
    const { okta: context } = /** @type {any} */ (req)
    res.json({ instance: name, login: okta.session(req).login, source: context.source })
  })
  app.post('/sign-out', okta.logout())
  app.post('/refresh', okta.refresh())
  return app
}

/** @param {NonNullable<StartInstance['redis']>} redis */
async function openStore({ url, library, prefix }) {
  const { client, close } = await openClient(library, url)
  const subpath = 'express-okta-session/redis'
  const { redisStore } = await import(subpath)
  return { store: redisStore({ client, ...(prefix !== undefined && { prefix }) }), close }
}

/**
 * Makes a client as the README of its library does, with a listener of errors.
 * @param {ClientLibrary} library
 * @param {string} url
 */
async function openClient(library, url) {
  const made = await import(library)
  if (library.startsWith('ioredis')) {
    const client = new made.Redis(url)
    client.on('error', () => {})
    return { client, close: async () => client.disconnect() }
  }
  const client = made.createClient({ url })
  client.on('error', () => {})
  const connected = client.connect().catch(() => {})
  await Promise.race([connected, delay(connectLimitMs, undefined, { ref: false })])
  const close = async () => {
    if (client.isOpen) await (library === 'redis4' ? client.disconnect() : client.destroy())
  }
  return { client, close }
}
