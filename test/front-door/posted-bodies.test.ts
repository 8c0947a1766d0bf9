/** What login() and logout() read of a body, as clients and protocols send it. */
import { once } from 'node:events'
import { type ClientHttp2Session, connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import express from 'express'
import request from 'supertest'
import { describe, expect, it, onTestFinished } from 'vitest'
import { api, cookiesOf, ownPage, page, serve, startOkta, startOrg, startParts } from './door.js'
import { holdOrg } from './held-org.js'

const script = { ...api, ...ownPage, 'Content-Type': 'application/json' }
const form = { ...page, ...ownPage, 'Content-Type': 'application/x-www-form-urlencoded' }

async function open() {
  const parts = await startParts()
  const app = express()
  app.post('/sign-in', parts.okta.login())
  app.post('/sign-out', parts.okta.logout())
  const url = await serve(app)
  const post = (body: string, path = '/sign-in') => request(url).post(path).set(script).send(body)
  return { ...parts, post, token: () => parts.org.sessionToken('alice@example.com') }
}

describe('an unparsed JSON body', () => {
  it.each([
    ['a returnTo inside another field', '"state":{"returnTo":"/b"}'],
    ['a returnTo inside a list', '"states":[{"returnTo":"/b"},{"returnTo":"/c"}]'],
    ['a session token inside another field', '"old":{"sessionToken":"used"}'],
    ['a text that quotes a returnTo', String.raw`"note":"{\"returnTo\":\"/b\"}"`],
    ['a text that quotes one with escapes', String.raw`"note":"\u0022returnTo\u0022:"`],
    ['a text that ends with a backslash', String.raw`"note":"\\","more":"returnTo"`],
    ['a text of brackets', '"note":"}}]]","more":{"a":"{{[["}'],
    ['a field named like another in other letters', '"returnto":"/b"'],
  ])('an unparsed JSON body gives a field once: %s', async (_, more) => {
    const { post, token } = await open()
    for (const body of [
      `{"sessionToken":"${token()}","returnTo":"/a",${more}}`,
      `{${more},"returnTo":"/a","sessionToken":"${token()}"}`,
    ]) {
      const answer = await post(body)
      expect([answer.status, answer.body.returnTo, answer.body.detail]).toEqual([
        200,
        '/a',
        undefined,
      ])
    }
  })

  it.each([
    ['returnTo', '"returnTo":"/b"'],
    ['returnTo', String.raw`"return\u0054o":"/b"`],
    ['sessionToken', '"sessionToken":"other"'],
    ['sessionToken', '"x":{"sessionToken":"nested"},"sessionToken" \n : null'],
  ])(
    'an unparsed JSON body that gives %s twice is answered 400 without a call: %s',
    async (name, more) => {
      const { org, post, token } = await open()
      const { body } = await post(`{"sessionToken":"${token()}","returnTo":"/a",${more}}`).expect(
        400,
      )
      expect(body).toMatchObject({
        code: 'invalid_request',
        detail: expect.stringContaining(`${name} is given twice.`),
      })
      expect(org.calls.createSession).toBe(0)
    },
  )

  it('an unparsed body may begin with a byte order mark', async () => {
    const { org, post, token } = await open()
    await post(`\uFEFF{"sessionToken":"${token()}"}`).expect(200)
    const { headers } = await post('\uFEFFreturnTo=%2Fbye', '/sign-out')
      .set({ ...form, Cookie: org.signIn('alice@example.com') })
      .expect(303)
    expect(headers.location).toBe('/bye')
  })
})

describe('a session token that no org gives', () => {
  it.each([
    [4_096, 401, 1],
    [4_097, 400, 0],
    [16_000, 400, 0],
  ])(
    'a session token of %i characters is answered %i after %i calls',
    async (length, status, calls) => {
      const { org, post } = await open()
      const { body } = await post(JSON.stringify({ sessionToken: 'a'.repeat(length) })).expect(
        status,
      )
      expect(body.code).toBe(status === 401 ? 'sign_in_failed' : 'invalid_request')
      expect(org.calls.createSession).toBe(calls)
    },
  )
})

describe('a double click', () => {
  async function openHeld() {
    const org = await startOrg({})
    const held = await holdOrg(org.url)
    const okta = startOkta({ orgUrl: held.url, logger: false })
    const app = express()
    let read = 0
    app.use((req, _res, next) => {
      req.once('end', () => {
        read += 1
      })
      next()
    })
    app.post('/sign-in', okta.login())
    const url = await serve(app)
    const submit = (fields: Record<string, string>) =>
      request(url)
        .post('/sign-in')
        .set(form)
        .send(new URLSearchParams(fields).toString())
        .then((answer) => answer)
    return { org, held, url, submit, bodiesRead: () => read }
  }

  it('a second post of a session token under way gets the answer of the first', async () => {
    const { org, held, submit, bodiesRead } = await openHeld()
    const sessionToken = org.sessionToken('alice@example.com')
    const first = submit({ sessionToken, returnTo: '/first' })
    await held.received
    const second = submit({ sessionToken, returnTo: '/second' })
    const other = submit({ sessionToken: org.sessionToken('bob@example.com') })
    await expect.poll(bodiesRead).toBe(3)
    held.letGo()
    const [one, two, three] = await Promise.all([first, second, other])
    expect([one.status, one.headers.location]).toEqual([303, '/first'])
    expect([two.status, two.headers.location]).toEqual([303, '/second'])
    expect(cookiesOf(two).sid?.value).toBe(cookiesOf(one).sid?.value)
    expect(cookiesOf(three).sid?.value).not.toBe(cookiesOf(one).sid?.value)
    expect(org.calls.createSession).toBe(2)
    // Once it is answered a token is used, and nothing of it is kept.
    expect((await submit({ sessionToken })).status).toBe(401)
    expect(org.calls.createSession).toBe(3)
  })

  it('a second post gets the answer of the first whose browser has gone', async () => {
    const { org, held, url, submit, bodiesRead } = await openHeld()
    const sessionToken = org.sessionToken('alice@example.com')
    const left = new AbortController()
    const body = new URLSearchParams({ sessionToken })
    const headers = { ...ownPage, 'Sec-Fetch-Mode': 'navigate' }
    const gone = fetch(`${url}/sign-in`, { method: 'POST', body, headers, signal: left.signal })
    await held.received
    left.abort()
    await expect(gone).rejects.toThrow('aborted')
    const second = submit({ sessionToken })
    await expect.poll(bodiesRead).toBe(2)
    held.letGo()
    const answer = await second
    expect([answer.status, org.calls.createSession]).toEqual([303, 1])
    expect(cookiesOf(answer)).toHaveProperty('sid')
  })
})

describe('a body over HTTP/2 without a Content-Length', () => {
  async function openHttp2() {
    const parts = await startParts()
    const handlers = { '/sign-in': parts.okta.login(), '/sign-out': parts.okta.logout() }
    const server = createServer((req, res) => {
      const handler = handlers[req.url as keyof typeof handlers]
      handler(req as never, res as never, () => res.end('next'))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = connect(`http://localhost:${(server.address() as AddressInfo).port}`)
    onTestFinished(() => {
      client.destroy()
      server.close()
    })
    return {
      ...parts,
      post: (path: string, body: string, more = {}) => post(client, path, body, more),
    }
  }

  async function post(client: ClientHttp2Session, path: string, body: string, more: object) {
    const stream = client.request(
      { ':method': 'POST', ':path': path, 'sec-fetch-site': 'same-origin', ...more },
      { endStream: body === '' },
    )
    if (body !== '') stream.end(body)
    const [headers] = await once(stream, 'response')
    const text = Buffer.concat(await stream.toArray()).toString()
    return { status: headers[':status'], headers, text }
  }

  const json = { 'content-type': 'application/json' }
  const asForm = { ...page, 'content-type': 'application/x-www-form-urlencoded' }

  it('login() reads a body over HTTP/2 without a Content-Length', async () => {
    const { org, post } = await openHttp2()
    const sessionToken = org.sessionToken('alice@example.com')
    const answer = await post('/sign-in', JSON.stringify({ sessionToken, returnTo: '/a' }), json)
    expect([answer.status, JSON.parse(answer.text).returnTo]).toEqual([200, '/a'])
    expect(cookiesOf(answer)).toHaveProperty('sid')
  })

  it('logout() reads a body over HTTP/2 without a Content-Length', async () => {
    const { org, post } = await openHttp2()
    const cookie = org.signIn('alice@example.com')
    const answer = await post('/sign-out', 'returnTo=%2Fbye', { ...asForm, cookie })
    expect([answer.status, answer.headers.location]).toEqual([303, '/bye'])
    expect(org.sessions).toEqual([])
  })

  it('a long body over HTTP/2 without a Content-Length is answered 413', async () => {
    const { post } = await openHttp2()
    const answer = await post(
      '/sign-in',
      JSON.stringify({ sessionToken: 'a'.repeat(20_000) }),
      json,
    )
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([413, 'body_too_large'])
  })

  it('a post over HTTP/2 without a body has none', async () => {
    const { org, post } = await openHttp2()
    expect((await post('/sign-in', '', json)).text).toContain('sessionToken is missing')
    const cookie = org.signIn('alice@example.com')
    expect((await post('/sign-out', '', { ...api, cookie })).status).toBe(204)
  })
})
