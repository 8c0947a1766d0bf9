/** Health is kept per operation: while one of the seven fails, the other six are called and answered. */
import { type IncomingMessage, type ServerResponse, request as sendRequest } from 'node:http'
import express from 'express'
import type { OktaSession, OktaSessionOptions } from 'express-okta-session'
import type { LocalOrg } from 'express-okta-session/local-org'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, ownPage, page, serve, startOkta, startOrg, startParts, TestClock } from './door.js'

const ALICE = 'alice@example.com'
const BOB = 'bob@example.com'

const faults = {
  'a 503 in read-only mode': { kind: 'status', status: 503, errorCode: 'E0000010' },
  'a 403 with a page': { kind: 'html', status: 403 },
  'a redirect': { kind: 'redirect' },
  'no answer': { kind: 'hang' },
  'a reset connection': { kind: 'reset' },
} as const

function appOf(okta: OktaSession): express.Express {
  const app = express()
  app.set('trust proxy', true)
  app.get('/', okta.requireSession(), (_req, res) => void res.end())
  app.get('/fresh', okta.requireSession({ maxStalenessMs: 0 }), (_req, res) => void res.end())
  app.post('/refresh', okta.refresh({ everyMs: 0 }))
  app.post('/login', okta.login())
  app.post('/logout', okta.logout())
  const active = okta.refreshOnActivity({ everyMs: 0 })
  app.get('/active', okta.attachSession(), active, (_req, res) => void res.end())
  return app
}

async function open(options: Partial<OktaSessionOptions> = {}) {
  const parts = await startParts({
    org: { apiToken: '00-an-api-token' },
    okta: {
      credentials: { apiToken: '00-an-api-token' },
      upstream: { timeoutMs: 400, maxQueueMs: 5_000 },
      ...options,
    },
  })
  return { ...parts, ...(await browsersOf(parts.okta)) }
}

/** Requests to the app, each from an address of its own. */
async function browsersOf(okta: OktaSession) {
  const url = await serve(appOf(okta))
  let clients = 0
  const from = () => {
    clients += 1
    return { 'X-Forwarded-For': `198.51.${Math.floor(clients / 250)}.${(clients % 250) + 1}` }
  }
  const get = async (path: string, cookie: string, more = {}) =>
    (
      await request(url)
        .get(path)
        .set({ Cookie: cookie, ...api, ...from(), ...more })
    ).status
  const post = (path: string, cookie: string, body = {}, more = {}) =>
    request(url)
      .post(path)
      .set({ Cookie: cookie, ...ownPage, ...from(), ...more })
      .send(body)
  return { get, post }
}

type World = Awaited<ReturnType<typeof open>>

/** A session that the app has looked up. */
async function seen({ org, get }: World): Promise<string> {
  const cookie = org.signIn(ALICE)
  await expect.poll(() => get('/', cookie)).toBe(200)
  return cookie
}

const idOf = (org: LocalOrg) => org.sessions.at(-1)?.id ?? ''
const fulfilled = (call: Promise<unknown>) => call.then(() => 'done', String)

interface Way {
  readonly operation:
    | 'getCurrentSession'
    | 'refreshCurrentSession'
    | 'closeCurrentSession'
    | 'createSession'
    | 'getSession'
    | 'refreshSession'
    | 'revokeSession'
  /** Makes one call to Okta; resolves with what shows that it was answered. */
  readonly go: (world: World, cookie: string) => Promise<unknown>
  readonly well: unknown
}

const ways: Readonly<Record<string, Way>> = {
  'a guard, for an unseen cookie': {
    operation: 'getCurrentSession',
    go: ({ org, get }) => get('/', org.signIn(BOB)),
    well: 200,
  },
  'a guard, for a seen cookie': {
    operation: 'getCurrentSession',
    go: ({ get }, cookie) => get('/fresh', cookie),
    well: 200,
  },
  'refresh()': {
    operation: 'refreshCurrentSession',
    go: async ({ post }, cookie) => {
      const { status, body } = await post('/refresh', cookie)
      return [status, body.refreshed]
    },
    well: [200, true],
  },
  'refreshOnActivity()': {
    operation: 'refreshCurrentSession',
    go: async ({ org, get }, cookie) => {
      const before = org.calls.refreshCurrentSession
      expect(await get('/active', cookie, page)).toBe(200)
      await expect.poll(() => org.calls.refreshCurrentSession - before).toBe(1)
      return 'called'
    },
    well: 'called',
  },
  'login()': {
    operation: 'createSession',
    go: async ({ org, post }) =>
      (await post('/login', '', { sessionToken: org.sessionToken(BOB) })).status,
    well: 200,
  },
  'logout()': {
    operation: 'closeCurrentSession',
    go: async ({ post }, cookie) => (await post('/logout', cookie)).status,
    well: 204,
  },
  'api.getSession()': {
    operation: 'getSession',
    go: ({ org, okta }) => fulfilled(okta.api.getSession(idOf(org))),
    well: 'done',
  },
  'api.refreshSession()': {
    operation: 'refreshSession',
    go: ({ org, okta }) => fulfilled(okta.api.refreshSession(idOf(org))),
    well: 'done',
  },
  'api.revokeSession()': {
    operation: 'revokeSession',
    go: ({ org, okta }) => {
      org.signIn(BOB)
      return fulfilled(okta.api.revokeSession(idOf(org)))
    },
    well: 'done',
  },
}

const operations = [...new Set(Object.values(ways).map(({ operation }) => operation))]
const table = operations.flatMap((operation) =>
  Object.keys(faults).map((what) => [operation, what as keyof typeof faults] as const),
)

describe('while one operation fails, the other six go on', () => {
  it.each(table)(
    'the other six operations go on while %s fails with %s',
    async (operation, what) => {
      const world = await open()
      // A sign-out ends its session, and failed refreshes count once for each session.
      const isOncePerSession = /^(?:close|refresh)CurrentSession$/.test(operation)
      const count = isOncePerSession ? 12 : 3
      const cookies = await Promise.all(Array.from({ length: count }, () => seen(world)))
      const [cookie = '', ...leaving] = cookies
      const ill = Object.values(ways).filter((way) => way.operation === operation)
      const well = Object.entries(ways).filter(([, way]) => way.operation !== operation)
      world.org.fail(faults[what], { operation })
      // At first enough failures to open a circuit, while the others are called; then a half-open trial.
      for (const calls of [8, 1]) {
        const failures = Array.from({ length: calls }, () => {
          const given = isOncePerSession ? leaving.pop() : cookie
          return Promise.all(ill.map((way) => way.go(world, given ?? '').catch(() => {})))
        })
        // Calls that hang occupy slots meanwhile; the others have opened their circuit by then.
        if (calls === 1 || what !== 'no answer') await Promise.all(failures)
        for (const [name, way] of well) {
          const given = name === 'logout()' ? leaving.pop() : cookie
          expect([name, await way.go(world, given ?? '')]).toEqual([name, way.well])
        }
        await Promise.all(failures)
        world.clock.advance(1_200)
      }
    },
  )
})

describe('an Okta that refreshes no session', () => {
  it('unseen cookies are served while twelve people click behind refreshOnActivity()', async () => {
    const world = await open()
    const people = await Promise.all(Array.from({ length: 12 }, () => seen(world)))
    world.org.fail(faults['a 503 in read-only mode'], { operation: 'refreshCurrentSession' })
    const served: number[] = []
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(people.map((cookie) => world.get('/active', cookie, page)))
      await world.okta.settled()
      served.push(await world.get('/', world.org.signIn(BOB)))
      world.clock.advance(400)
    }
    expect(new Set(served)).toEqual(new Set([200]))
    expect(world.okta.stats().refused.breaker_open).toBeGreaterThan(0)
  })

  it('lookups keep a slot while refreshes hang for longer than a call may queue', async () => {
    const world = await open({ upstream: { timeoutMs: 1_500, maxQueueMs: 150 } })
    const people = await Promise.all(Array.from({ length: 12 }, () => seen(world)))
    world.org.fail(faults['no answer'], { operation: 'refreshCurrentSession' })
    for (const cookie of people) await world.get('/active', cookie, page)
    const before = world.org.calls.refreshCurrentSession
    expect(before).toBeGreaterThan(0)
    const served = await Promise.all(
      Array.from({ length: 6 }, () => world.get('/', world.org.signIn(BOB))),
    )
    expect(new Set(served)).toEqual(new Set([200]))
  })
})

const denied = {
  errorCode: 'E0000006',
  errorSummary: 'You do not have permission to perform the requested action',
  errorLink: 'E0000006',
  errorId: 'oae-x',
  errorCauses: [],
}

/** What something in front of Okta answers where a cookie or a token holds a `<`. */
const oddities: Readonly<Record<string, (res: ServerResponse) => void>> = {
  'a 403 with a page': (res) =>
    res.writeHead(403, { 'Content-Type': 'text/html' }).end('<p>Blocked</p>'),
  "a 403 of Okta's": (res) =>
    res.writeHead(403, { 'Content-Type': 'application/json' }).end(JSON.stringify(denied)),
  'a 400': (res) => res.writeHead(400).end(),
  'a page': (res) => res.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>Hello</p>'),
  'a redirect': (res) => res.writeHead(302, { Location: '/blocked' }).end(),
}

async function openBehind(answerOdd: (res: ServerResponse) => void) {
  const clock = new TestClock()
  const org = await startOrg({ clock, rateLimitPerMinute: 100_000 })
  const front = await serve((req, res) => void forward(req, res, org.url, answerOdd))
  const okta = startOkta({ orgUrl: front }, clock)
  return { org, okta, clock, ...(await browsersOf(okta)) }
}

async function forward(
  req: IncomingMessage,
  res: ServerResponse,
  orgUrl: string,
  answerOdd: (res: ServerResponse) => void,
): Promise<void> {
  let body = ''
  for await (const chunk of req) body += String(chunk)
  if (`${req.headers.cookie}${body}`.includes('<')) {
    answerOdd(res)
    return
  }
  const headers = { ...req.headers, host: new URL(orgUrl).host }
  sendRequest(orgUrl + req.url, { method: req.method, headers }, (answer) => {
    res.writeHead(answer.statusCode ?? 500, answer.headers)
    answer.pipe(res)
  }).end(body)
}

const fewClients = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'].map((address) => ({
  'X-Forwarded-For': address,
}))

describe.each(Object.entries(oddities))('odd answers to a few clients: %s', (_name, answerOdd) => {
  it('unseen cookies of others are looked up', async () => {
    const { org, clock, get, okta } = await openBehind(answerOdd)
    const served: number[] = []
    for (let round = 0; round < 15; round += 1) {
      // A cookie for each client: one lookup would answer all who send the same.
      for (const name of ['sid', 'idx'])
        await Promise.all(
          fewClients.map((from, client) => get('/', `${name}=<script>${round}-${client}`, from)),
        )
      served.push(await get('/', org.signIn(BOB)))
      clock.advance(300)
    }
    expect(new Set(served)).toEqual(new Set([200]))
    // They are charged themselves.
    expect(okta.stats().refused.too_many_attempts).toBeGreaterThan(0)
  })

  it('session tokens of others are exchanged', async () => {
    const { org, clock, post, okta } = await openBehind(answerOdd)
    const served: number[] = []
    for (let round = 0; round < 15; round += 1) {
      await Promise.all(
        fewClients.flatMap((from, client) =>
          [1, 2].map((attempt) =>
            post('/login', '', { sessionToken: `<script>${round}-${client}-${attempt}` }, from),
          ),
        ),
      )
      served.push((await post('/login', '', { sessionToken: org.sessionToken(BOB) })).status)
      clock.advance(300)
    }
    expect(new Set(served)).toEqual(new Set([200]))
    // Okta's own 403 may be about the API token: it is charged to no common budget.
    if (answerOdd !== oddities["a 403 of Okta's"])
      expect(okta.stats().refused.too_many_attempts).toBeGreaterThan(0)
  })
})
