/** attachSession(): tells every request who its user is, answers none and fails none. */
import connect from 'connect'
import express from 'express'
import type { LocalOrg } from 'express-okta-session/local-org'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { type Choices, serve, startParts } from './door.js'

/** An app that shows what has landed on the request. */
async function open(choices: Choices = {}, before: express.Handler = (_req, _res, next) => next()) {
  const parts = await startParts(choices)
  const app = express()
  app.use(before, parts.okta.attachSession())
  app.all('/', (req, res) => {
    res.json(req.okta)
  })
  const url = await serve(app)
  const get = (cookie?: string) =>
    request(url)
      .get('/')
      .set(cookie === undefined ? {} : { Cookie: cookie })
  return { ...parts, url, get }
}

const engines = ['identity', 'classic'] as const

describe.each([
  ['identity', undefined],
  ['classic', undefined],
  ['identity', ['sid']],
  ['classic', ['sid']],
] as const)('on the %s engine, with cookies %j', (engine, cookies) => {
  const choices: Choices = { org: { engine }, ...(cookies && { okta: { cookies } }) }
  const signIn = (org: LocalOrg) =>
    org.signIn('alice@example.com', cookies === undefined ? {} : { cookie: 'sid' })

  it('attachSession() attaches Okta’s session, caches it, and sees it end', async () => {
    const { org, clock, get } = await open(choices)
    const cookie = signIn(org)
    const [live] = org.sessions
    const session = {
      id: live?.id,
      login: 'alice@example.com',
      userId: live?.userId,
      status: 'ACTIVE',
      createdAt: live?.createdAt,
      expiresAt: live?.expiresAt,
      amr: ['pwd'],
    }
    const askedAt = clock.now()
    const first = await get(cookie).expect(200)
    expect(first.body).toEqual({
      state: 'active',
      source: 'okta',
      askedAt,
      session: expect.objectContaining(session),
    })
    clock.advance(1_000)
    const second = await get(cookie).expect(200)
    expect(second.body).toEqual({ ...first.body, source: 'memory' })
    expect(org.calls.getCurrentSession).toBe(1)

    org.endSession(cookie)
    clock.advance(60_000)
    const third = await get(cookie).expect(200)
    expect(third.body).toEqual({ state: 'anonymous', reason: 'not_found' })
  })

  it('attachSession() ignores cookies that are not configured, and a request without any is anonymous', async () => {
    const { org, get } = await open(choices)
    expect((await get().expect(200)).body).toEqual({ state: 'anonymous', reason: 'no_cookie' })
    const { body } = await get('xids=102abc; other=x; SID=1; Idx=2').expect(200)
    expect(body).toEqual({ state: 'anonymous', reason: 'no_cookie' })
    expect(org.calls.getCurrentSession).toBe(0)
  })
})

describe('the verdict', () => {
  it('a context cannot be changed by another request', async () => {
    const { okta, org } = await startParts()
    const app = express().use(okta.attachSession())
    app.get('/', okta.requireSession(), (req, res) => {
      const session = req.okta?.session
      expect(() => Object.assign(session ?? {}, { login: 'mallory' })).toThrow(TypeError)
      expect(() => Object.assign(session?.amr ?? [], ['mfa'])).toThrow(TypeError)
      res.json([req.okta?.state, session?.login, session?.amr, okta.session(req).login])
      try {
        Object.assign(req.okta ?? {}, { state: 'anonymous', session: undefined })
      } catch {
        // Frozen is as good as its own.
      }
    })
    const url = await serve(app)
    const cookie = org.signIn('alice@example.com')
    for (const _ of ['of Okta', 'of memory', 'of memory']) {
      const { body } = await request(url).get('/').set('Cookie', cookie).expect(200)
      expect(body).toEqual(['active', 'alice@example.com', ['pwd'], 'alice@example.com'])
    }
  })

  it.each(engines)(
    'the second cookie decides when the first one’s session is over: %s',
    async (engine) => {
      const { org, get } = await open({ org: { engine } })
      const sid = org.signIn('bob@example.com', { cookie: 'sid' })
      const { body } = await get(`idx=of-yesterday; ${sid}`).expect(200)
      expect(body.session.login).toBe('bob@example.com')
      expect(org.calls.getCurrentSession).toBe(2)
    },
  )

  it('the first cookie decides when both are of the same user', async () => {
    const { org, get } = await open()
    const sid = org.signIn('alice@example.com', { cookie: 'sid' })
    const idx = org.signIn('alice@example.com')
    const first = (await get(idx).expect(200)).body.session.id
    const { body } = await get(`${sid}; ${idx}`).expect(200)
    expect(body.session.id).toBe(first)
  })

  it.each([
    ['is malformed', 'idx=%31', 'invalid_cookie'],
    ['comes twice', 'idx=one; idx=other', 'ambiguous_cookie'],
  ])('the second cookie does not decide where the first %s', async (_, idx, reason) => {
    const { org, get } = await open()
    const sid = org.signIn('bob@example.com', { cookie: 'sid' })
    const { body } = await get(`${idx}; ${sid}`).expect(200)
    expect(body).toEqual({ state: 'anonymous', reason })
    expect(org.calls.getCurrentSession).toBe(0)
  })

  it.each([
    ['MFA_REQUIRED', 'mfa_required'],
    ['MFA_ENROLL', 'mfa_enroll'],
  ] as const)('a session that lacks a factor is incomplete: %s', async (status, reason) => {
    const { org, get } = await open()
    const cookie = org.signIn('alice@example.com', { status })
    const { body } = await get(cookie).expect(200)
    expect(body).toEqual({
      state: 'incomplete',
      reason,
      incompleteSession: expect.objectContaining({ login: 'alice@example.com', status }),
    })
  })

  it('a session whose expiresAt is past is anonymous', async () => {
    const { org, clock, get } = await open()
    const cookie = org.signIn('alice@example.com')
    const expiresAt = new Date(clock.now() - 1_000).toISOString().replace(/\.\d+Z/, '.000Z')
    org.failNext({ kind: 'fields', set: { expiresAt } })
    const { body } = await get(cookie).expect(200)
    expect(body).toEqual({ state: 'anonymous', reason: 'expired' })
  })

  it('the context is set under the property the app chose', async () => {
    const { okta, org } = await startParts({ okta: { property: 'identity' } })
    const app = express().use(okta.attachSession())
    app.get('/', (req, res) => {
      const { okta, identity } = req as express.Request & { identity: { state: string } }
      res.json([okta ?? 'nothing', identity.state])
    })
    const cookie = org.signIn('alice@example.com')
    const { body } = await request(await serve(app))
      .get('/')
      .set('Cookie', cookie)
      .expect(200)
    expect(body).toEqual(['nothing', 'active'])
  })
})

describe('Okta unavailable', () => {
  it.each([
    [{ kind: 'reset' }, 'reset'],
    [{ kind: 'status', status: 500 }, 'server_error'],
    [{ kind: 'status', status: 403 }, 'forbidden'],
    [{ kind: 'status', status: 404, body: 'Not here' }, 'unexpected_status'],
    [{ kind: 'status', status: 401, body: { error: 'proxy' } }, 'unexpected_status'],
    [{ kind: 'html' }, 'content_type'],
    [{ kind: 'redirect' }, 'redirect'],
    [{ kind: 'rate_limit' }, 'rate_limited'],
  ] as const)(
    'the context is unavailable, and the app answers, when Okta fails with %o',
    async (fault, reason) => {
      const { org, get } = await open()
      const cookie = org.signIn('alice@example.com')
      const stop = org.fail(fault)
      const { body } = await get(cookie).expect(200)
      expect(body).toEqual({ state: 'unavailable', reason, retryAfterMs: expect.any(Number) })
      expect(body.retryAfterMs).toBeGreaterThan(0)
      stop()
    },
  )

  it('a request waits for Okta no longer than timeoutMs', async () => {
    const { org, get } = await open({ okta: { upstream: { timeoutMs: 100 } } })
    org.fail({ kind: 'hang' })
    const { body } = await get('idx=one').expect(200)
    expect(body).toMatchObject({ state: 'unavailable', reason: 'timeout' })
  })
})

describe('concurrent requests', () => {
  it('concurrent requests with one cookie share one call to Okta', async () => {
    const { org, get } = await open()
    org.fail({ kind: 'delay', delayMs: 100 })
    const cookie = org.signIn('alice@example.com')
    const answers = await Promise.all(Array.from({ length: 20 }, () => get(cookie)))
    expect(new Set(answers.map(({ body }) => body.state))).toEqual(new Set(['active']))
    expect(org.calls.getCurrentSession).toBe(1)
  })
})

describe('caching', () => {
  const caching = ({ headers }: { headers: Record<string, string> }) => ({
    cacheControl: headers['cache-control'],
    vary: headers.vary,
  })
  const kept = { cacheControl: 'private, no-store', vary: 'Cookie' }

  it('a request without a session cookie gets Vary: Cookie and no Cache-Control', async () => {
    const { get } = await open()
    const left = { cacheControl: undefined, vary: 'Cookie' }
    expect(caching(await get())).toEqual(left)
    expect(caching(await get('theme=dark'))).toEqual(left)
  })

  it('a request with a session cookie gets Cache-Control: private, no-store, whatever the context', async () => {
    const { org, get } = await open()
    const good = org.signIn('alice@example.com')
    for (const cookie of [good, good, 'idx=unknown', 'idx=unknown', 'idx="', 'idx=1; idx=2'])
      expect([cookie, caching(await get(cookie))]).toEqual([cookie, kept])
    org.fail({ kind: 'reset' })
    expect(caching(await get('idx=other'))).toEqual(kept)
  })

  it('the app’s own Cache-Control stands, set before or after attachSession()', async () => {
    const { org, get } = await open({}, (_req, res, next) => {
      res.set({ 'Cache-Control': 'no-cache', Vary: 'Accept-Encoding' })
      next()
    })
    const said = { cacheControl: 'no-cache', vary: 'Accept-Encoding, Cookie' }
    expect(caching(await get(org.signIn('alice@example.com')))).toEqual(said)
    expect(caching(await get())).toEqual(said)

    const parts = await startParts()
    const app = express().use(parts.okta.attachSession())
    app.get('/', (_req, res) => void res.set('Cache-Control', 'max-age=60').end())
    const url = await serve(app)
    const cookie = parts.org.signIn('alice@example.com')
    const behind = await request(url).get('/').set('Cookie', cookie)
    expect(caching(behind)).toEqual({ cacheControl: 'max-age=60', vary: 'Cookie' })
  })

  it.each([
    ['Cookie', 'Cookie'],
    ['Accept, cookie', 'Accept, cookie'],
    ['*', '*'],
    ['X-Cookie', 'X-Cookie, Cookie'],
  ])('Vary names Cookie once: %s', async (vary, expected) => {
    const { get } = await open({}, (_req, res, next) => {
      res.set('Vary', vary)
      next()
    })
    expect(caching(await get()).vary).toBe(expected)
  })
})

describe('mounted twice', () => {
  it('attachSession() mounted twice is logged once and causes no second lookup', async () => {
    const warnings: string[] = []
    const { okta, org } = await startParts({
      okta: { logger: { warn: (message) => warnings.push(message) } },
    })
    const app = express().use(okta.attachSession(), okta.attachSession())
    app.get('/', (req, res) => void res.json(req.okta?.state))
    const url = await serve(app)
    const cookie = org.signIn('alice@example.com')
    for (const _ of ['once', 'twice'])
      expect((await request(url).get('/').set('Cookie', cookie)).body).toBe('active')
    expect(warnings).toEqual([expect.stringContaining('attachSession() runs for a request')])
    expect(org.calls.getCurrentSession).toBe(1)
  })
})

describe('without Express', () => {
  it.each(['connect', 'node:http'])(
    'attachSession() attaches the same context without Express: %s',
    async (kind) => {
      const { okta, org } = await startParts()
      const attach = okta.attachSession()
      const show: Parameters<typeof serve>[0] = (req, res) => {
        const { okta } = req as typeof req & { okta: { state: string } }
        res.end(okta.state)
      }
      const app = connect().use(attach).use(show)
      const url = await serve(
        kind === 'connect' ? app : (req, res) => attach(req, res, () => show(req, res)),
      )
      expect((await request(url).get('/')).text).toBe('anonymous')
      const { text } = await request(url).get('/').set('Cookie', org.signIn('alice@example.com'))
      expect(text).toBe('active')
    },
  )
})
