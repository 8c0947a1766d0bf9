/** authenticate(): the core, for anything with headers. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import request from 'supertest'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listen, serve, startParts } from './door.js'

describe.each(['identity', 'classic'] as const)('on the %s engine', (engine) => {
  it('authenticate() resolves for a request of Node’s to what attachSession() attaches', async () => {
    const { okta, org } = await startParts({ org: { engine } })
    const url = await serve(async (req, res) => {
      res.end(JSON.stringify(await okta.authenticate(req)))
    })
    const visit = async (cookie: string) =>
      JSON.parse((await request(url).get('/').set('Cookie', cookie)).text)
    expect(await visit(org.signIn('alice@example.com'))).toMatchObject({
      state: 'active',
      source: 'okta',
      session: { login: 'alice@example.com' },
    })
    expect(await visit('idx=unknown; sid=unknown')).toEqual({
      state: 'anonymous',
      reason: 'not_found',
    })
    expect(await visit('theme=dark')).toEqual({ state: 'anonymous', reason: 'no_cookie' })
    org.fail({ kind: 'html' })
    expect(await visit('sid=other')).toMatchObject({ state: 'unavailable', reason: 'content_type' })
  })
})

describe('what it takes', () => {
  it('authenticate() takes an upgrade request', async () => {
    const { okta, org } = await startParts()
    const server = createServer()
    const url = new URL(await listen(server, 'http'))
    const seen = new Promise((resolve) => {
      server.on('upgrade', (req, socket) => {
        resolve(okta.authenticate(req).then(({ state }) => state))
        socket.destroy()
      })
    })
    const socket = connect(Number(url.port), '127.0.0.1')
    const cookie = org.signIn('alice@example.com')
    socket.write(
      `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nCookie: ${cookie}\r\n\r\n`,
    )
    expect(await seen).toBe('active')
    socket.destroy()
  })

  it('authenticate() takes an HTTP/2 request, whose cookies come in pieces', async () => {
    const { okta, org } = await startParts()
    const server = createHttp2Server(async (req, res) => {
      res.end((await okta.authenticate(req)).state)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = connectHttp2(`http://127.0.0.1:${port}`)
    onTestFinished(() => {
      client.destroy()
      server.close()
    })
    const visit = async (cookie: string | string[]) => {
      const stream = client.request({ ':path': '/', cookie })
      return (await stream.setEncoding('utf8').toArray()).join('')
    }
    const cookie = org.signIn('alice@example.com')
    expect(await visit(cookie)).toBe('active')
    expect(await visit(['theme=dark', cookie, 'lang=en'])).toBe('active')
    expect(await visit('theme=dark')).toBe('anonymous')
  })

  it('authenticate() takes a Fetch request, and a plain object with headers', async () => {
    const { okta, org } = await startParts()
    const cookie = org.signIn('alice@example.com')
    const fetched = new Request('https://app.example.com/', { headers: { cookie } })
    expect(await okta.authenticate(fetched)).toMatchObject({ state: 'active', source: 'okta' })
    expect(await okta.authenticate({ headers: fetched.headers })).toMatchObject({
      source: 'memory',
    })
    expect(await okta.authenticate({ headers: { cookie } })).toMatchObject({ source: 'memory' })
    expect(await okta.authenticate({ headers: new Headers() })).toMatchObject({
      reason: 'no_cookie',
    })
    expect(org.calls.getCurrentSession).toBe(1)
  })

  it('authenticate() rejects a request without headers with a TypeError', async () => {
    const { okta } = await startParts()
    for (const wrong of [{}, { headers: null }, { headers: 'cookie' }, null, undefined, 'idx=x'])
      await expect(okta.authenticate(wrong as never)).rejects.toThrow(TypeError)
    await expect(okta.authenticate({} as never)).rejects.toThrow(/no headers to read/)
  })
})

describe('a signal', () => {
  it('an aborted signal rejects the call it was given to, and no other', async () => {
    const { okta, org } = await startParts()
    org.fail({ kind: 'delay', delayMs: 100 })
    const req = { headers: { cookie: org.signIn('alice@example.com') } }
    const controller = new AbortController()
    const leaving = okta.authenticate(req, { signal: controller.signal })
    const staying = okta.authenticate(req)
    const reason = new Error('gone home')
    controller.abort(reason)
    await expect(leaving).rejects.toBe(reason)
    expect(await staying).toMatchObject({ state: 'active' })
    expect(org.calls.getCurrentSession).toBe(1)
  })

  it('a signal that is aborted already does not reject a cached answer', async () => {
    const { okta, org } = await startParts()
    const req = { headers: { cookie: org.signIn('alice@example.com') } }
    await okta.authenticate(req)
    expect(await okta.authenticate(req, { signal: AbortSignal.abort() })).toMatchObject({
      state: 'active',
    })
  })
})
