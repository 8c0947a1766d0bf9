/** The WebSocket example: who gets a socket, who is refused, and when it is closed. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type OktaSessionOptions, oktaSession } from 'express-okta-session'
import { createLocalOrg, type LocalOrg } from 'express-okta-session/local-org'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createAppServer, EVENTS_PATH } from '../../examples/websocket/app.js'

const hookSecret = 'a-hook-secret-of-the-tests'
const cleanups: (() => Promise<unknown> | unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(options: OktaSessionOptions = {}) {
  const org = await createLocalOrg()
  const okta = oktaSession({ orgUrl: org.url, logger: false, ...options })
  const server = createAppServer({ okta, hookSecret })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  cleanups.push(
    () => org.close(),
    () => okta.close(),
    () => server.close().closeAllConnections(),
  )
  const url = `http://localhost:${address.port}`
  return { org, okta, url, cookie: org.signIn('alice@example.com') }
}

function open(url: string, cookie?: string, origin = url): WebSocket {
  const socket = new WebSocket(url.replace('http', 'ws'), {
    headers: { origin, ...(cookie !== undefined && { cookie }) },
  })
  cleanups.push(() => socket.terminate())
  return socket
}

/** The HTTP answer to an upgrade that was refused. */
async function refusal(socket: WebSocket): Promise<IncomingMessage> {
  socket.on('error', () => {})
  const [, response] = await once(socket, 'unexpected-response')
  return response
}

async function firstMessage(socket: WebSocket): Promise<unknown> {
  const [data] = await once(socket, 'message')
  return JSON.parse(String(data))
}

async function closing(socket: WebSocket) {
  const [code, reason] = await once(socket, 'close')
  return { code, reason: String(reason) }
}

describe('the WebSocket example', () => {
  it('the WebSocket example accepts an upgrade with a session, and knows its user', async () => {
    const { url, cookie } = await start()
    expect(await firstMessage(open(url, cookie))).toEqual({ login: 'alice@example.com' })
  })

  it('the WebSocket example refuses an upgrade without a session', async () => {
    const { url } = await start()
    expect((await refusal(open(url))).statusCode).toBe(401)
    expect((await refusal(open(url, 'idx=unknown-knows-this-one'))).statusCode).toBe(401)
  })

  it('the WebSocket example refuses a cross-site upgrade that carries the cookies', async () => {
    const { url, cookie, org } = await start()
    expect((await refusal(open(url, cookie, 'https://elsewhere.example'))).statusCode).toBe(403)
    expect(org.calls.getCurrentSession).toBe(0)
  })

  it('the WebSocket example answers Retry-After while Okta is down', async () => {
    const { url, cookie, org } = await start()
    await org.close()
    const { statusCode, headers } = await refusal(open(url, cookie))
    expect(statusCode).toBe(503)
    expect(headers['retry-after']).toMatch(/^\d+$/)
  })

  it('the WebSocket example closes the socket at sign-out', async () => {
    const { url, cookie } = await start()
    const socket = open(url, cookie)
    await firstMessage(socket)
    const closed = closing(socket)
    const { status } = await fetch(`${url}/sign-out`, {
      method: 'POST',
      headers: { cookie, origin: url },
    })
    expect(status).toBe(204)
    expect(await closed).toEqual({ code: 1008, reason: 'signed_out' })
  })

  it('the WebSocket example closes the socket when Okta no longer knows the session', async () => {
    const { url, cookie, org } = await start({ cache: { ttlMs: 50, maxTtlMs: 50 } })
    const socket = open(url, cookie)
    await firstMessage(socket)
    for (const { id } of org.sessions) org.endSession(id)
    expect(await closing(socket)).toEqual({ code: 1008, reason: 'not_found' })
  })

  it.each([
    ['revokes the session', (org: LocalOrg) => org.endSession(org.sessions[0]?.id ?? '')],
    ['suspends the user', (org: LocalOrg) => org.suspendUser(org.sessions[0]?.userId ?? '')],
  ])('the WebSocket example closes the socket when an administrator %s', async (_does, end) => {
    const { url, cookie, org } = await start()
    await org.addEventHook({ url: url + EVENTS_PATH, authorization: hookSecret })
    const socket = open(url, cookie)
    await firstMessage(socket)
    end(org)
    expect(await closing(socket)).toEqual({ code: 1008, reason: 'not_found' })
  })

  it('the WebSocket example closes its sockets when the app stops', async () => {
    const { url, cookie, okta } = await start()
    const socket = open(url, cookie)
    await firstMessage(socket)
    await okta.close()
    expect(await closing(socket)).toEqual({ code: 1001, reason: 'closed' })
  })
})
