import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { channels, type Handler, type OktaSession } from 'express-okta-session'
import type { Fault } from 'express-okta-session/local-org'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { deferred } from './deferred.js'
import { ownPage, page, serve, startOkta, startOrg, TestClock } from './door.js'
import { holdOrg } from './held-org.js'

/** What nothing caught, which ends a process. */
let uncaught: unknown[]
const note = (error: unknown) => uncaught.push(error)

beforeEach(() => {
  uncaught = []
  process.on('uncaughtException', note)
  process.on('unhandledRejection', note)
})
afterEach(() => {
  process.off('uncaughtException', note)
  process.off('unhandledRejection', note)
  expect(uncaught).toEqual([])
})

const loop = 'okta-sign-in-redirects=1.1'
const post = { method: 'POST', headers: ownPage }
const json = { ...ownPage, 'Content-Type': 'application/json' }
const token = JSON.stringify({ sessionToken: 'a-token-of-some-length' })

interface Row {
  readonly name: string
  readonly handler: (okta: OktaSession) => Handler
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** How Okta answers once it does. */
  readonly fault?: Fault
}

const throwing = () => Promise.reject(new Error('the app failed'))

/** Every handler, at each of its ends that comes after a wait. */
const rows: readonly Row[] = [
  { name: 'attachSession()', handler: (okta) => okta.attachSession() },
  { name: 'requireSession() letting through', handler: (okta) => okta.requireSession() },
  {
    name: 'requireSession() letting a page through after a loop',
    handler: (okta) => okta.requireSession(),
    headers: { ...page, Cookie: loop },
  },
  {
    name: 'requireSession() refusing a page',
    handler: (okta) => okta.requireSession({ mfa: true }),
    headers: page,
  },
  {
    name: 'requireSession() refusing a program',
    handler: (okta) => okta.requireSession({ mfa: true }),
  },
  {
    name: 'requireSession() without an answer',
    handler: (okta) => okta.requireSession(),
    headers: page,
    fault: { kind: 'html' },
  },
  {
    name: 'requireSession() whose allow() rejects',
    handler: (okta) => okta.requireSession({ allow: throwing }),
  },
  { name: 'forwardAuth() letting through', handler: (okta) => okta.forwardAuth() },
  {
    name: 'forwardAuth() refusing',
    handler: (okta) => okta.forwardAuth({ rule: { mfa: true } }),
  },
  { name: 'sessionInfo()', handler: (okta) => okta.sessionInfo() },
  { name: 'refresh()', handler: (okta) => okta.refresh(), ...post },
  {
    name: 'refresh() without an answer',
    handler: (okta) => okta.refresh(),
    ...post,
    fault: { kind: 'html' },
  },
  { name: 'logout()', handler: (okta) => okta.logout(), ...post },
  {
    name: 'login()',
    handler: (okta) => okta.login(),
    method: 'POST',
    headers: json,
    body: token,
  },
]

/** The row's handler in front of an org that keeps its answer back. */
async function open(row: Row) {
  const clock = new TestClock()
  const org = await startOrg({ clock })
  const held = await holdOrg(org.url)
  const okta = startOkta({ orgUrl: held.url }, clock)
  if (row.fault !== undefined) org.fail(row.fault)
  // Before the call begins: a call without a subscriber at its start is not published.
  const called = deferred()
  const onCall = () => called.resolve()
  subscribe(channels.call, onCall)
  onTestFinished(() => void unsubscribe(channels.call, onCall))
  return {
    called: called.promise,
    held,
    okta,
    handler: row.handler(okta),
    cookie: org.signIn('alice@example.com'),
  }
}

function headersOf(row: Row, cookie: string): Record<string, string> {
  const { Cookie, ...headers } = row.headers ?? {}
  return { ...headers, cookie: Cookie === undefined ? cookie : `${cookie}; ${Cookie}` }
}

function send(url: string, row: Row, cookie: string): ClientRequest {
  const sent = httpRequest(url, { method: row.method ?? 'GET', headers: headersOf(row, cookie) })
  sent.on('error', () => {})
  sent.end(row.body)
  return sent
}

/** Lets Okta answer, and waits until the handler has handled the answer. */
async function answerNow({ held, called, okta }: Awaited<ReturnType<typeof open>>): Promise<void> {
  held.letGo()
  await called
  await okta.settled()
  for (let tick = 0; tick < 5; tick += 1) await new Promise((done) => setImmediate(done))
}

describe.each(rows)('a late answer: $name', (row) => {
  it('a handler leaves the answer of an earlier time limit as it is, and calls nothing', async () => {
    const opened = await open(row)
    const { held, handler, cookie } = opened
    let nexts = 0
    const url = await serve((req, res) => {
      handler(req, res, () => {
        nexts += 1
      })
      void held.received.then(() => {
        res.statusCode = 503
        res.end('too slow')
      })
    })
    const [answer] = (await once(send(url, row, cookie), 'response')) as [IncomingMessage]
    expect(answer.statusCode).toBe(503)
    await answerNow(opened)
    expect(nexts).toBe(0)
  })

  it('a handler ends silently when the client has gone', async () => {
    const opened = await open(row)
    const { held, handler, cookie } = opened
    let nexts = 0
    const gone = deferred<void>()
    const url = await serve((req, res) => {
      res.once('close', () => gone.resolve())
      handler(req, res, () => {
        nexts += 1
      })
    })
    const sent = send(url, row, cookie)
    await held.received
    sent.destroy()
    await gone.promise
    await answerNow(opened)
    expect(nexts).toBe(0)
  })

  it('a handler ends silently when the client of an HTTP/2 stream has gone', async () => {
    const opened = await open(row)
    const { held, handler, cookie } = opened
    let nexts = 0
    const gone = deferred<void>()
    const url = await serveHttp2((req, res) => {
      res.once('close', () => gone.resolve())
      handler(req, res, () => {
        nexts += 1
      })
    })
    const client = connectHttp2(url)
    onTestFinished(() => client.destroy())
    const stream = client.request({
      ':method': row.method ?? 'GET',
      ...headersOf(row, cookie),
      ...(row.body !== undefined && { 'content-length': row.body.length }),
    })
    stream.on('error', () => {})
    stream.end(row.body)
    await held.received
    stream.close()
    await gone.promise
    await answerNow(opened)
    expect(nexts).toBe(0)
  })
})

describe('onDenied() that answers late', () => {
  it('an onDenied() that answers late leaves an answer given meanwhile as it is', async () => {
    const clock = new TestClock()
    const org = await startOrg({ clock })
    const decided = deferred<boolean>()
    const okta = startOkta({ orgUrl: org.url, onDenied: () => decided.promise }, clock)
    const guard = okta.requireSession()
    const url = await serve((req, res) => {
      guard(req, res, () => {})
      res.statusCode = 503
      res.end('too slow')
    })
    const [answer] = (await once(httpRequest(url).end(), 'response')) as [IncomingMessage]
    decided.resolve(false)
    await decided.promise
    for (let tick = 0; tick < 5; tick += 1) await new Promise((done) => setImmediate(done))
    expect(answer.statusCode).toBe(503)
  })
})

describe('a request that has its answer before it reaches us', () => {
  it.each(rows)('a request that was answered before is left alone: $name', async (row) => {
    const { held, okta, handler, cookie } = await open(row)
    held.letGo()
    let nexts = 0
    const url = await serve((req, res) => {
      res.end('answered')
      handler(req, res, () => {
        nexts += 1
      })
    })
    const [answer] = (await once(send(url, row, cookie), 'response')) as [IncomingMessage]
    expect(answer.statusCode).toBe(200)
    await okta.settled()
    expect(nexts).toBe(0)
  })
})

type Listener = (req: IncomingMessage, res: ServerResponse) => void

/** Over HTTP/2 without TLS, as a proxy on the same machine speaks it. */
async function serveHttp2(listener: Listener): Promise<string> {
  const server = createHttp2Server((req, res) =>
    listener(req as unknown as IncomingMessage, res as unknown as ServerResponse),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `http://localhost:${(server.address() as AddressInfo).port}`
}
