/** Okta's event hooks against the front door: each event of Okta's table, deliveries of every kind, and requests that are none. */
import { createServer, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import express, { type RequestHandler } from 'express'
import type { OktaSessionOptions } from 'express-okta-session'
import type { HookEventParts } from 'express-okta-session/local-org'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, serve, startParts } from './door.js'

const SECRET = 'a-secret-of-the-event-hook'
const [ALICE, BOB] = ['alice@example.com', 'bob@example.com']

interface OpenOptions {
  readonly secret?: string | readonly [string, string]
  readonly header?: string
  readonly before?: readonly RequestHandler[]
  readonly okta?: OktaSessionOptions
}

/** An app with a hook and a guard; `calls` counts the lookups since it was last read. */
async function open({ secret = SECRET, header, before = [], ...choices }: OpenOptions = {}) {
  const lines: string[] = []
  const logger = { warn: (...line: unknown[]) => void lines.push(JSON.stringify(line)) }
  const parts = await startParts({ okta: { logger, ...choices.okta } })
  const { okta, org } = parts
  const app = express()
  app.use('/hook', ...before, okta.eventHook({ secret, ...(header !== undefined && { header }) }))
  app.get('/', okta.requireSession(), (_req, res) => void res.end('ok'))
  const url = await serve(app)
  const visit = (cookie: string) =>
    request(url)
      .get('/')
      .set({ ...api, Cookie: cookie })
  const post = (body: unknown, headers: object = { authorization: SECRET }) =>
    request(url)
      .post('/hook')
      .set(headers as Record<string, string>)
      .send(body as object)
  let before_ = 0
  const calls = () => {
    const now = org.calls.getCurrentSession
    const since = now - before_
    before_ = now
    return since
  }
  return { ...parts, url, visit, post, lines, calls }
}

const delivery = (...events: readonly unknown[]) => ({ data: { events } })

/** Signs in at two devices, and another user at one; all three are cached. */
async function threeSessions(opened: Awaited<ReturnType<typeof open>>) {
  const { org, visit, calls } = opened
  const phone = org.signIn(ALICE)
  const laptop = org.signIn(ALICE)
  const other = org.signIn(BOB)
  for (const cookie of [phone, laptop, other]) await visit(cookie).expect(200)
  for (const cookie of [phone, laptop, other]) await visit(cookie).expect(200)
  expect(calls()).toBe(3)
  return { phone, laptop, other }
}

/** Okta's table: which of the three cached sessions are looked up again after the event. */
const TABLE: readonly [type: string, parts: HookEventParts, again: string, note: string][] = [
  ['user.session.end', { session: 'phone' }, 'phone', 'a user ends a session'],
  ['user.session.end', { session: 'phone', admin: true }, 'phone', 'an administrator ends one'],
  [
    'user.session.end',
    { session: 'phone', admin: true, fields: { debugContext: { debugData: {} } } },
    'phone laptop',
    "the administrator's session alone is named",
  ],
  [
    'user.session.end',
    { user: ALICE, session: 'no-such-session' },
    'phone laptop',
    'an unknown id',
  ],
  [
    'user.session.end',
    { user: ALICE, fields: { authenticationContext: undefined } },
    'phone laptop',
    'no id',
  ],
  [
    'user.session.end',
    { user: ALICE, fields: { authenticationContext: { externalSessionId: 'unknown' } } },
    'phone laptop',
    "Okta's word for no id",
  ],
  [
    'user.session.end',
    { user: ALICE, admin: true, debugData: { ENDEDSESSIONID: 'phone' } },
    'phone',
    'the id in another spelling',
  ],
  [
    'user.session.clear',
    { user: ALICE },
    'phone laptop',
    "the administrator's own session is in the event",
  ],
  ['user.lifecycle.suspend', { user: ALICE }, 'phone laptop', ''],
  ['user.lifecycle.deactivate', { user: ALICE }, 'phone laptop', ''],
  ['user.lifecycle.delete.initiated', { user: ALICE }, 'phone laptop', ''],
  ['user.authentication.universal_logout', { user: ALICE }, 'phone laptop', ''],
  ['user.account.lock', { user: ALICE }, 'phone laptop', ''],
  ['user.account.update_password', { user: ALICE }, 'phone laptop', ''],
  [
    'user.account.update_password',
    { user: ALICE, admin: true },
    'phone laptop',
    'by an administrator',
  ],
  ['user.account.reset_password', { user: ALICE }, 'phone laptop', ''],
  ['user.mfa.factor.reset_all', { user: ALICE }, 'phone laptop', ''],
  ['user.mfa.factor.deactivate', { user: ALICE }, 'phone laptop', ''],
  ['user.mfa.factor.suspend', { user: ALICE }, 'phone laptop', ''],
  ['user.session.context.change', { user: ALICE }, 'phone laptop', ''],
  ['user.risk.change', { user: ALICE }, 'phone laptop', ''],
  [
    'user.risk.change',
    { user: ALICE, fields: { target: null } },
    'phone laptop',
    'the actor alone is named',
  ],
  [
    'user.session.clear',
    { user: ALICE, fields: { outcome: undefined } },
    'phone laptop',
    'no outcome',
  ],
  ['user.session.clear', { user: ALICE, outcome: 'FAILURE' }, '', 'nothing was done'],
  ['user.session.clear', { user: ALICE, outcome: 'DENY' }, '', 'nothing was done'],
  ['user.session.clear', { user: '00unobody' }, '', 'an unknown user'],
  ['user.session.start', { user: ALICE }, '', 'a no ends by itself'],
  ['user.lifecycle.unsuspend', { user: ALICE }, '', ''],
  ['user.lifecycle.activate', { user: ALICE }, '', ''],
  ['user.account.unlock', { user: ALICE }, '', ''],
  ['user.session.expire', { user: ALICE }, '', 'Okta never sends it'],
  ['application.lifecycle.update', { user: ALICE }, '', 'an event about something else'],
  ['__proto__', { user: ALICE }, '', 'no event at all'],
]

describe("Okta's events", () => {
  it.each(TABLE)('%s %j: %s', async (type, parts, again) => {
    const opened = await open()
    const { org, visit, post, calls } = opened
    const cookies: Readonly<Record<string, string>> = await threeSessions(opened)
    const ids = org.sessions.map(({ id }) => id)
    const idOf = (name: string | undefined) => (name === 'phone' ? ids[0] : name)
    const { session, debugData, ...others } = parts
    const event = org.hookEvent(type, {
      ...others,
      ...(session !== undefined && { session: idOf(session) ?? '' }),
      ...(debugData !== undefined && { debugData: { ENDEDSESSIONID: ids[0] ?? '' } }),
    })
    await post(delivery(event)).expect(204)
    const lookedUp: string[] = []
    for (const [name, cookie] of Object.entries(cookies)) {
      await visit(cookie).expect(200)
      if (calls() > 0) lookedUp.push(name)
    }
    expect(lookedUp.join(' ')).toBe(again)
  })

  it.each(['user.session.clear', 'user.session.end'])(
    '%s by an administrator whose own session is cached: that one stays, the user loses all',
    async (type) => {
      const opened = await open()
      const { org, visit, post, calls } = opened
      const { phone, laptop, other } = await threeSessions(opened)
      const administrator = org.sessions.find(({ login }) => login === BOB)
      const fields = {
        authenticationContext: { externalSessionId: administrator?.id },
        debugContext: { debugData: {} },
      }
      const event = org.hookEvent(type, { user: ALICE, admin: true, fields })
      await post(delivery(event)).expect(204)
      await visit(other).expect(200)
      expect(calls()).toBe(0)
      for (const cookie of [phone, laptop]) await visit(cookie).expect(200)
      expect(calls()).toBe(2)
    },
  )

  it('a session that Okta has ended is refused at the next request, with all it has on its way', async () => {
    const opened = await open()
    const { org, visit, url } = opened
    const { phone, laptop } = await threeSessions(opened)
    await org.addEventHook({ url: `${url}/hook`, authorization: SECRET })
    org.endSession(phone)
    await org.pushesSettled()
    const { body } = await visit(phone).expect(401)
    expect(body).toMatchObject({ reason: 'not_found' })
    await visit(laptop).expect(200)
    org.endUserSessions(org.users[0]?.userId ?? '')
    await org.pushesSettled()
    await visit(laptop).expect(401)
    expect(org.pushes.map(({ status }) => status)).toEqual([204, 204])
  })

  it('watch() calls back at the push, long before it would ask again', async () => {
    const opened = await open()
    const { org, okta, url } = opened
    const { phone } = await threeSessions(opened)
    await org.addEventHook({ url: `${url}/hook`, authorization: SECRET })
    const over = new Promise<string>((resolve) => {
      okta.watch({ headers: { cookie: phone } }, resolve)
    })
    await okta.settled()
    org.suspendUser(org.users[0]?.userId ?? '')
    expect(await over).toBe('not_found')
  })
})

describe('deliveries', () => {
  it('batches, duplicates and disorder: one revocation for each event', async () => {
    const { org, okta, post } = await open()
    const events = [ALICE, BOB].map((user) => org.hookEvent('user.session.clear', { user }))
    await post(delivery(...events, ...events)).expect(204)
    await post(delivery(...events.toReversed())).expect(204)
    await Promise.all(Array.from({ length: 5 }, () => post(delivery(...events)).expect(204)))
    expect(okta.stats().pushes).toEqual({ events: 16, revocations: 2, refused: 0 })
  })

  it('an event that has the uuid of another revokes as well', async () => {
    const { org, okta, post } = await open()
    const [one, other] = [ALICE, BOB].map((user) => org.hookEvent('user.session.clear', { user }))
    await post(delivery(one, { ...other, uuid: one?.uuid })).expect(204)
    expect(okta.stats().pushes).toMatchObject({ revocations: 2 })
  })

  it('an event without a uuid revokes each time', async () => {
    const { org, okta, post } = await open()
    const event = { ...org.hookEvent('user.session.clear', { user: ALICE }), uuid: undefined }
    await post(delivery(event)).expect(204)
    await post(delivery(event)).expect(204)
    expect(okta.stats().pushes).toMatchObject({ revocations: 2 })
  })

  it('malformed events beside good ones: the good ones count, one line says so', async () => {
    const { org, okta, post, lines } = await open()
    const good = org.hookEvent('user.session.clear', { user: ALICE })
    const bad = [
      null,
      7,
      'x',
      [],
      {},
      { eventType: 7 },
      { ...good, target: 'x' },
      { ...good, target: [{ type: 'AppUser', id: 'x' }, null] },
      { ...good, target: [{ type: 'User', id: {} }] },
    ]
    await post(delivery(...bad, good, ...bad)).expect(204)
    await post(delivery(...bad)).expect(204)
    expect(okta.stats().pushes).toMatchObject({ revocations: 1 })
    expect(lines.filter((line) => line.includes('malformed'))).toHaveLength(1)
  })

  it('a batch of a mebibyte revokes for all of its users', async () => {
    const opened = await open()
    const { org, okta, post, visit, calls } = opened
    const { phone } = await threeSessions(opened)
    const users = Array.from({ length: 1_000 }, (_, at) => `00u${at}`)
    const events = [...users, ALICE].map((user) => org.hookEvent('user.session.clear', { user }))
    await post(delivery(...events)).expect(204)
    expect(okta.stats().pushes).toMatchObject({ revocations: 1_001 })
    await visit(phone).expect(200)
    expect(calls()).toBe(1)
  })

  it.each([
    ['express.json()', express.json({ limit: '1mb' })],
    ['express.text()', express.text({ type: '*/*', limit: '1mb' })],
    ['express.raw()', express.raw({ type: '*/*', limit: '1mb' })],
    ['a parser of another type', express.urlencoded()],
  ])('behind %s it works the same', async (_name, parser) => {
    const { org, okta, post } = await open({ before: [parser] })
    const event = org.hookEvent('user.session.clear', { user: ALICE })
    await post(delivery(event)).expect(204)
    expect(okta.stats().pushes).toMatchObject({ revocations: 1 })
  })

  it('behind something that reads the body and keeps it, it says so', async () => {
    const drain: RequestHandler = (req, _res, next) => void req.resume().once('end', next)
    const { post } = await open({ before: [drain] })
    const { body } = await post(delivery()).expect(400)
    expect(body).toMatchObject({ code: 'body_already_read' })
  })

  it('works on a bare node:http server', async () => {
    const { okta, org } = await startParts()
    const hook = okta.eventHook({ secret: SECRET })
    const url = await serve((req, res) => hook(req, res, () => res.writeHead(404).end()))
    await org.addEventHook({ url: `${url}/`, authorization: SECRET })
    org.endUserSessions(org.users[0]?.userId ?? '')
    await org.pushesSettled()
    expect(okta.stats().pushes).toEqual({ events: 1, revocations: 1, refused: 0 })
  })
})

describe('the secret', () => {
  it.each([
    ['none', {}],
    ['another', { authorization: `${SECRET}x` }],
    ['an empty one', { authorization: '' }],
    ['with a scheme', { authorization: `Bearer ${SECRET}` }],
    ['in another header', { 'x-secret': SECRET }],
    ['in another case', { authorization: SECRET.toUpperCase() }],
  ])('%s: 401, and nothing is revoked', async (_name, headers) => {
    const { org, okta, post, lines } = await open()
    const event = org.hookEvent('user.session.clear', { user: ALICE })
    const { body, text } = await post(delivery(event), headers).expect(401)
    expect(body).toMatchObject({ code: 'invalid_secret', status: 401 })
    expect(okta.stats().pushes).toEqual({ events: 0, revocations: 0, refused: 1 })
    expect(text + lines.join()).not.toContain(SECRET)
  })

  it('sent twice, it is refused: a proxy could have added one', async () => {
    const { okta, url } = await open()
    const { port } = new URL(url)
    const status = await new Promise<number | undefined>((resolve) => {
      const headers = ['host', 'localhost', 'authorization', SECRET, 'authorization', SECRET]
      httpRequest({ port, path: '/hook', method: 'POST', headers }, (res) =>
        resolve(res.resume().statusCode),
      ).end('{}')
    })
    expect(status).toBe(401)
    expect(okta.stats().pushes).toMatchObject({ refused: 1 })
  })

  it('two are accepted while one is being replaced, and a header of its own', async () => {
    const other = 'the-secret-that-was-used-before'
    const { post } = await open({ secret: [SECRET, other], header: 'X-Hook-Secret' })
    await post(delivery(), { 'x-hook-secret': SECRET }).expect(204)
    await post(delivery(), { 'x-hook-secret': other }).expect(204)
    await post(delivery(), { authorization: SECRET }).expect(401)
  })

  it.each([
    [undefined],
    [''],
    [' x'],
    ['x\n'],
    ['é'],
    [['one']],
    [['same', 'same']],
    [['one', 'two', 'three']],
    [7],
  ])('%j is a fault that shows nothing of it', async (secret) => {
    const { okta } = await startParts()
    const fault = () => okta.eventHook({ secret: secret as unknown as string })
    expect(fault).toThrow(/^eventHook\(\): an option is wrong\n {2}secret: /)
    expect(fault).not.toThrow(/same|three/)
  })

  it('without options, and with unknown ones, the faults say what to write', async () => {
    const { okta } = await startParts()
    expect(() => okta.eventHook(undefined as never)).toThrow(
      /eventHook\(options\): must be an object/,
    )
    expect(() => okta.eventHook({} as never)).toThrow(/secret: is missing; must be a text/)
    expect(() => okta.eventHook({ secret: SECRET, headers: 'x' } as never)).toThrow(
      /no such option/,
    )
  })

  it('a short one is a line in the log', async () => {
    const { lines } = await open({ secret: 'short' })
    expect(lines.join()).toContain('less than 16 characters')
    expect(lines.join()).not.toContain('"short"')
  })
})

describe('the verification', () => {
  it.each([
    ['none', {}],
    ['the secret', { authorization: SECRET }],
    ['another', { authorization: 'x' }],
  ])('answers the challenge, with %s in its header', async (_name, headers) => {
    const { url } = await open()
    const challenge = 'abc-123_"'
    const { body } = await request(url)
      .get('/hook')
      .set({ ...headers, 'x-okta-verification-challenge': challenge })
      .expect(200)
      .expect('content-type', /^application\/json/)
      .expect('cache-control', 'no-store')
    expect(body).toEqual({ verification: challenge })
  })

  it('another secret at the verification is a line in the log', async () => {
    const { url, lines } = await open()
    await request(url)
      .get('/hook')
      .set({ authorization: 'x', 'x-okta-verification-challenge': 'c' })
    expect(lines.join()).toContain('another secret')
  })

  it.each([[undefined], [''], ['x'.repeat(4_097)]])(
    'without a challenge: 400',
    async (challenge) => {
      const { url } = await open()
      const headers = challenge === undefined ? {} : { 'x-okta-verification-challenge': challenge }
      const { body } = await request(url).get('/hook').set(headers).expect(400)
      expect(body).toMatchObject({ code: 'challenge_missing' })
    },
  )

  it.each(['put', 'delete', 'patch', 'options'] as const)('%s: 405', async (method) => {
    const { url } = await open()
    await request(url)
      [method]('/hook')
      .set({ authorization: SECRET })
      .expect(405)
      .expect('allow', 'GET, HEAD, POST')
  })
})

describe('bodies that are no delivery', () => {
  it.each([
    ['nothing', ''],
    ['no JSON', 'x'],
    ['half of it', '{"data":{"events":['],
    ['null', 'null'],
    ['a list', '[]'],
    ['no data', '{}'],
    ['no events', '{"data":{}}'],
    ['events that are none', '{"data":{"events":{"length":1}}}'],
    ['a prototype', '{"__proto__":{"data":{"events":[]}}}'],
    ['deep JSON', `${'['.repeat(200_000)}${']'.repeat(200_000)}`],
  ])('%s: 400, and nothing is revoked', async (_name, body) => {
    const { okta, url } = await open()
    const answer = await request(url)
      .post('/hook')
      .set({ authorization: SECRET, 'content-type': 'application/json' })
      .send(body)
      .expect(400)
    expect(answer.body).toMatchObject({ code: 'invalid_request' })
    expect(okta.stats().pushes).toEqual({ events: 0, revocations: 0, refused: 1 })
  })

  it('more than a mebibyte: 413, before and while it is read', async () => {
    const { url } = await open()
    const headers = { authorization: SECRET, 'content-type': 'application/json' }
    await request(url)
      .post('/hook')
      .set(headers)
      .send(`"${'x'.repeat(1_048_576)}"`)
      .expect(413)
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const req = httpRequest(`${url}/hook`, { method: 'POST', headers }, (res) =>
        resolve(res.statusCode),
      )
      req.on('error', reject)
      for (let sent = 0; sent < 20; sent += 1) req.write('x'.repeat(65_536))
      req.end()
    })
    expect(status).toBe(413)
  })

  it('ten mebibytes without the secret are not read', async () => {
    const { url } = await open()
    const { port } = new URL(url)
    const socket = connect(Number(port), 'localhost')
    const answer = await new Promise<string>((resolve) => {
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk
      })
      socket.on('close', () => resolve(text))
      socket.on('error', () => {})
      socket.write(
        `POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 10485760\r\n\r\n${'x'.repeat(1_000)}`,
      )
    })
    expect(answer).toMatch(/^HTTP\/1.1 401 /)
    expect(answer.toLowerCase()).toContain('connection: close')
  })

  it('a body that does not end is answered 408 within the time that Okta waits, and the connection ends', async () => {
    const { url } = await open()
    const { port } = new URL(url)
    const socket = connect(Number(port), 'localhost')
    const answer = await new Promise<string>((resolve) => {
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk
      })
      socket.on('close', () => resolve(text))
      socket.write(
        `POST /hook HTTP/1.1\r\nHost: x\r\nAuthorization: ${SECRET}\r\nContent-Length: 100\r\n\r\n{`,
      )
    })
    expect(answer).toMatch(/^HTTP\/1.1 408 /)
  })

  it('a client that goes away changes nothing', async () => {
    const { url, okta, org, post } = await open()
    const { port } = new URL(url)
    const socket = connect(Number(port), 'localhost')
    await new Promise<void>((resolve) => {
      socket.write(
        `POST /hook HTTP/1.1\r\nHost: x\r\nAuthorization: ${SECRET}\r\nContent-Length: 100\r\n\r\n{`,
        () => {
          socket.destroy()
          resolve()
        },
      )
    })
    await post(delivery(org.hookEvent('user.session.clear', { user: ALICE }))).expect(204)
    expect(okta.stats().pushes).toMatchObject({ revocations: 1 })
  })
})

describe('without a store', () => {
  it('one line says that pushes reach this process only, for all handlers of the instance', async () => {
    const { okta, lines } = await open()
    okta.eventHook({ secret: SECRET })
    okta.sharedSignals({ audience: 'https://app.example.com/signals' })
    expect(lines.filter((line) => line.includes('this process only'))).toHaveLength(1)
  })

  it('stats() has no pushes before a handler was made', async () => {
    const { okta } = await startParts()
    expect(okta.stats()).not.toHaveProperty('pushes')
  })
})

describe('a server that knows only requests', () => {
  it('a rejected delivery is no unhandled rejection', async () => {
    const { okta } = await startParts()
    const hook = okta.eventHook({ secret: SECRET })
    const server = createServer((req, res) =>
      hook(req, res, (error) => res.writeHead(500).end(String(error))),
    )
    const url = await serve((req, res) => void server.emit('request', req, res))
    await request(url).post('/').set({ authorization: SECRET }).send('x').expect(400)
  })
})

describe('after close()', () => {
  it('a delivery is answered 503, so that Okta sends it to another process', async () => {
    const { okta, org, post } = await open()
    const events = delivery(org.hookEvent('user.session.clear', { user: ALICE }))
    await okta.close()
    const { body, headers } = await post(events).expect(503)
    expect([body.code, headers['retry-after']]).toEqual(['closed', '5'])
    expect(okta.stats().pushes).toEqual({ events: 0, revocations: 0, refused: 1 })
  })

  it('a delivery whose body arrives after it is answered 503', async () => {
    const { okta, org, url } = await open()
    const text = JSON.stringify(delivery(org.hookEvent('user.session.clear', { user: ALICE })))
    const headers = { authorization: SECRET, 'content-length': Buffer.byteLength(text) }
    const sent = httpRequest(`${url}/hook`, { method: 'POST', headers })
    const answered = new Promise<number | undefined>((resolve, reject) => {
      sent.on('response', (res) => resolve(res.resume().statusCode)).on('error', reject)
    })
    await new Promise((resolve) => sent.write(text.slice(0, 10), resolve))
    // Another request on the way there and back: the first has reached the handler.
    await request(url).post('/hook').expect(401)
    await okta.close()
    sent.end(text.slice(10))
    expect(await answered).toBe(503)
  })
})
