/** refresh(): what a page calls while its user is active, and what that costs. */
import express from 'express'
import type { LocalOrg } from 'express-okta-session/local-org'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, type Choices, cookiesOf, ownPage, page, serve, startParts, taken } from './door.js'

const script = { ...api, ...ownPage }

async function open(choices: Choices = {}, options?: { everyMs: number }) {
  const parts = await startParts(choices)
  const app = express()
  app.all('/refresh', parts.okta.refresh(options))
  app.get('/account', parts.okta.requireSession(), (req, res) => {
    res.json(parts.okta.session(req).expiresAt)
  })
  const url = await serve(app)
  const post = (cookie?: string, headers: Record<string, string> = script) =>
    request(url)
      .post('/refresh')
      .set(cookie === undefined ? headers : { ...headers, Cookie: cookie })
  const account = (cookie: string) => request(url).get('/account').set('Cookie', cookie)
  return { ...parts, url, post, account }
}

/** When the org's only session ends, as the org has it. */
function endOf(org: LocalOrg): string | undefined {
  return org.sessions[0]?.expiresAt
}

const ours = ['HttpOnly', 'Path=/', 'SameSite=Lax']

describe.each([
  ['identity', undefined],
  ['classic', undefined],
  ['identity', ['sid']],
  ['classic', ['sid']],
] as const)('on the %s engine, with cookies %j', (engine, cookies) => {
  it('refresh() extends the session and its cache entry', async () => {
    const { org, clock, post, account } = await open({
      org: { engine },
      ...(cookies && { okta: { cookies } }),
    })
    const cookie = org.signIn('alice@example.com', cookies ? { cookie: 'sid' } : {})
    const [name = '', value] = cookie.split('=')
    await account(cookie).expect(200)
    clock.advance(1_800_000)
    const answer = await post(cookie).expect(200)
    const expiresAt = new Date(clock.now() + 7_200_000).toISOString()
    expect(endOf(org)).toBe(expiresAt)
    expect(answer.body).toEqual({ expiresAt, refreshed: true })
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', vary: 'Cookie' })
    const { sid, idx, xids } = cookiesOf(answer)
    expect({ sid, idx }[name as 'sid' | 'idx']).toEqual({ value, attributes: ours })
    expect(xids?.attributes).toEqual(name === 'sid' ? ours : undefined)

    const callsBefore = org.calls.getCurrentSession
    expect((await account(cookie).expect(200)).body).toBe(expiresAt)
    expect(org.calls.getCurrentSession).toBe(callsBefore)
  })
})

describe('how often Okta is called', () => {
  it('refresh() calls Okta once for a page that calls a hundred times within a minute', async () => {
    const { org, clock, post } = await open()
    const cookie = org.signIn('alice@example.com')
    clock.advance(10_000)
    const first = await post(cookie).expect(200)
    expect(first.body.refreshed).toBe(true)
    for (let times = 1; times < 100; times += 1) {
      clock.advance(600)
      const { body, headers } = await post(cookie).expect(200)
      expect(body).toEqual({ expiresAt: first.body.expiresAt, refreshed: false })
      expect(headers).not.toHaveProperty('set-cookie')
    }
    expect(org.calls.refreshCurrentSession).toBe(1)
    clock.advance(600)
    expect((await post(cookie).expect(200)).body.refreshed).toBe(true)
    expect(org.calls.refreshCurrentSession).toBe(2)
  })

  it('concurrent refresh() requests share one call, and one of them gets its cookies', async () => {
    const { org, post, account } = await open()
    const cookie = org.signIn('alice@example.com')
    await account(cookie)
    org.fail({ kind: 'delay', delayMs: 30 }, { operation: 'refreshCurrentSession' })
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(cookie)))
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
    expect(answers.filter(({ body }) => body.refreshed)).toHaveLength(1)
    expect(answers.filter(({ headers }) => headers['set-cookie'])).toHaveLength(1)
    expect(new Set(answers.map(({ body }) => body.expiresAt)).size).toBe(1)
    expect(org.calls.refreshCurrentSession).toBe(1)
  })

  it('the interval of refresh() is counted for each session', async () => {
    const { org, post } = await open()
    for (const user of ['alice@example.com', 'bob@example.com'])
      expect((await post(org.signIn(user)).expect(200)).body.refreshed).toBe(true)
    expect(org.calls.refreshCurrentSession).toBe(2)
  })

  it('refresh() calls Okta as often as everyMs says', async () => {
    const { org, clock, post } = await open({}, { everyMs: 5_000 })
    const cookie = org.signIn('alice@example.com')
    const refreshed = async () => (await post(cookie).expect(200)).body.refreshed
    expect(await refreshed()).toBe(true)
    clock.advance(4_999)
    expect(await refreshed()).toBe(false)
    clock.advance(1)
    expect(await refreshed()).toBe(true)
  })

  it('the interval of refresh() starts anew after a failed call', async () => {
    const { org, clock, post, account } = await open()
    const cookie = org.signIn('alice@example.com')
    await account(cookie)
    org.failNext({ kind: 'html' }, { operation: 'refreshCurrentSession' })
    await post(cookie).expect(503)
    clock.advance(10_000)
    expect((await post(cookie).expect(200)).body.refreshed).toBe(true)
  })

  it('refresh() within its interval answers what Okta has said since', async () => {
    const { org, clock, post, account } = await open({ okta: { cache: { ttlMs: 1_000 } } })
    const cookie = org.signIn('alice@example.com')
    await post(cookie).expect(200)
    clock.advance(30_000)
    // Somebody else's refresh of the same session.
    const renew = `${org.url}/api/v1/sessions/me/lifecycle/refresh`
    await fetch(renew, { method: 'POST', headers: { cookie } })
    await account(cookie).expect(200)
    const { body } = await post(cookie).expect(200)
    expect(body).toEqual({ refreshed: false, expiresAt: endOf(org) })
  })
})

describe('Okta’s own cookies', () => {
  it('refresh() passes on Okta’s session cookies with the app’s attributes and Okta’s lifetime, and nothing else', async () => {
    const { org, post } = await open()
    const cookie = org.signIn('alice@example.com')
    const lines = [
      'idx=renewed.value; Max-Age=3600; Domain=example.com; Path=/; SameSite=None',
      'xids=102external; Path=/',
      'JSESSIONID=0123; Path=/; HttpOnly',
      'DT=abc; Path=/',
      'okta-oauth-state=x',
    ]
    org.failNext({ kind: 'set_cookie', lines }, { operation: 'refreshCurrentSession' })
    const answer = await post(cookie).expect(200)
    expect(cookiesOf(answer)).toEqual({
      idx: {
        value: 'renewed.value',
        attributes: ['HttpOnly', 'Max-Age=3600', 'Path=/', 'SameSite=Lax'],
      },
      xids: { value: '102external', attributes: ours },
    })
  })

  it('refresh() does not pass on a deleted cookie of a good answer', async () => {
    const { org, post } = await open()
    const cookie = org.signIn('alice@example.com')
    const lines = [
      'idx=""; Max-Age=0',
      'sid=DELETED; Expires=Thu, 01-Jan-1970 00:00:10 GMT; Path=/',
      'xids=102external; Max-Age=0',
    ]
    org.failNext({ kind: 'set_cookie', lines }, { operation: 'refreshCurrentSession' })
    expect((await post(cookie).expect(200)).headers).not.toHaveProperty('set-cookie')
  })

  it('refresh() passes cookies on under the name the app gave them', async () => {
    const { org, post } = await open({ okta: { cookies: [{ name: 'app', as: 'sid' }] } })
    const value = org.signIn('alice@example.com', { cookie: 'sid' }).slice('sid='.length)
    const { app, ...rest } = cookiesOf(await post(`app=${value}`).expect(200))
    expect(app).toEqual({ value, attributes: ours })
    expect(Object.keys(rest)).toEqual(['xids'])
  })
})

describe('several cookies', () => {
  it('the cookie with a live session decides at a refresh', async () => {
    const { org, clock, post } = await open()
    const sid = org.signIn('bob@example.com', { cookie: 'sid' })
    clock.advance(1_000)
    const answer = await post(`idx=of-yesterday; ${sid}`).expect(200)
    expect(answer.body.refreshed).toBe(true)
    expect(cookiesOf(answer)).toMatchObject({ sid: { value: sid.slice('sid='.length) } })
    expect(cookiesOf(answer)).not.toHaveProperty('idx')
  })
})

describe('several cookies, of which one has ended', () => {
  const lookups = { operation: 'getCurrentSession' } as const

  it.each([{ kind: 'status', status: 503 }, { kind: 'html' }, { kind: 'reset' }] as const)(
    'refresh() clears no cookie while Okta can’t tell about the other: %o',
    async (fault) => {
      const { org, clock, post, account } = await open({
        okta: { cache: { ttlMs: 1_000, maxTtlMs: 1_000 } },
      })
      const idx = org.signIn('alice@example.com')
      const both = `${idx}; ${org.signIn('alice@example.com', { cookie: 'sid' })}`
      await account(both).expect(200)
      clock.advance(1_500)
      await account(idx).expect(200)
      org.endSession(idx)
      const stop = org.fail(fault, lookups)
      const answer = await post(both).expect(503)
      expect(answer.body.code).toBe('okta_unavailable')
      expect(answer.headers).not.toHaveProperty('set-cookie')
      stop()
      clock.advance(30_000)
      await account(both).expect(200)
    },
  )

  it('refresh() clears no cookie where the other’s session lacks a factor', async () => {
    const { org, post, account } = await open()
    const idx = org.signIn('alice@example.com')
    const other = org.signIn('alice@example.com', { cookie: 'sid', status: 'MFA_REQUIRED' })
    const both = `${idx}; ${other}`
    await account(both).expect(200)
    org.endSession(idx)
    expect((await post(both)).headers).not.toHaveProperty('set-cookie')
  })
})

describe('a session Okta no longer knows', () => {
  it('refresh() refuses a session Okta no longer knows, clears its cookies, and remembers it', async () => {
    const { org, post, account } = await open()
    const cookie = org.signIn('alice@example.com')
    await account(cookie).expect(200)
    org.endSession(cookie)
    const answer = await post(cookie).expect(401)
    expect(answer.body).toMatchObject({ code: 'session_required', reason: 'not_found' })
    expect(cookiesOf(answer)).toEqual({ idx: taken, sid: taken, xids: taken })
    expect(answer.headers['cache-control']).toContain('no-store')
    const callsBefore = org.calls.getCurrentSession
    await account(cookie).expect(401)
    expect(org.calls.getCurrentSession).toBe(callsBefore)
  })

  it('refresh() answers a form with a page', async () => {
    const { org, post, account } = await open()
    const cookie = org.signIn('alice@example.com')
    await account(cookie)
    org.endSession(cookie)
    const answer = await post(cookie, { ...page, ...ownPage }).expect(401)
    expect(answer.headers['content-type']).toContain('text/html')
    expect(cookiesOf(answer)).toHaveProperty('idx', taken)
  })

  it('a refreshed session whose expiresAt is past is over, whatever else the answer says', async () => {
    const { org, post } = await open()
    const cookie = org.signIn('alice@example.com')
    org.failNext(
      { kind: 'fields', set: { expiresAt: '2026-11-02T08:00:00.000Z' } },
      { operation: 'refreshCurrentSession' },
    )
    const answer = await post(cookie).expect(401)
    expect(answer.body.reason).toBe('expired')
    expect(cookiesOf(answer)).toHaveProperty('idx', taken)
  })

  it('refresh() refuses a session that lacks a factor of late, and keeps its cookies', async () => {
    const { org, post } = await open()
    const cookie = org.signIn('alice@example.com')
    org.failNext(
      { kind: 'fields', set: { status: 'MFA_REQUIRED' } },
      { operation: 'refreshCurrentSession' },
    )
    const answer = await post(cookie).expect(403)
    expect(answer.body.code).toBe('mfa_required')
    expect(answer.headers).not.toHaveProperty('set-cookie')
  })
})

describe('a sign-out while it is under way', () => {
  it('a refresh during a sign-out does not answer with a fresh cookie', async () => {
    const { okta, org } = await startParts()
    const app = express().post('/refresh', okta.refresh()).post('/sign-out', okta.logout())
    const url = await serve(app)
    const cookie = org.signIn('alice@example.com')
    const post = (path: string) =>
      request(url)
        .post(path)
        .set({ ...script, Cookie: cookie })
    await okta.authenticate({ headers: { cookie } })
    // Extended at Okta before the sign-out, heard of after it.
    org.failNext({ kind: 'delay', delayMs: 300 }, { operation: 'refreshCurrentSession' })
    const refreshing = post('/refresh').then((answer) => answer)
    await expect.poll(() => org.calls.refreshCurrentSession).toBe(1)
    await post('/sign-out').expect(204)
    const answer = await refreshing
    expect([answer.status, answer.body.reason]).toEqual([401, 'signed_out'])
    expect(cookiesOf(answer)).toEqual({ idx: taken, sid: taken, xids: taken })
  })
})

describe('a refresh without a session', () => {
  it.each([
    ['no cookie', undefined, 401, 'session_required', 'no_cookie'],
    ['an unknown cookie', 'idx=unknown', 401, 'session_required', 'not_found'],
    ['a malformed cookie', 'idx=%31', 401, 'session_required', 'invalid_cookie'],
  ])(
    'refresh() without a session answers as the guard does, and clears no cookie: %s',
    async (_, cookie, status, code, reason) => {
      const { org, post } = await open()
      const { body, headers } = await post(cookie).expect(status)
      expect(body).toMatchObject({ code, reason })
      expect(headers).not.toHaveProperty('set-cookie')
      expect(org.calls.refreshCurrentSession).toBe(0)
    },
  )

  it('refresh() answers 403 to a session that lacks a factor', async () => {
    const { org, post } = await open()
    const { body } = await post(org.signIn('alice@example.com', { status: 'MFA_ENROLL' })).expect(
      403,
    )
    expect(body.code).toBe('mfa_enroll_required')
  })
})

describe('a refresh while Okta is unavailable', () => {
  it.each([
    { kind: 'reset' },
    { kind: 'status', status: 500 },
    { kind: 'status', status: 403 },
    { kind: 'status', status: 404, body: {} },
  ] as const)(
    'refresh() answers 503 with Retry-After and signs no user out when Okta fails with %o',
    async (fault) => {
      const { org, post, account } = await open()
      const cookie = org.signIn('alice@example.com')
      await account(cookie).expect(200)
      org.fail(fault)
      const { body, headers } = await post(cookie).expect(503)
      expect(body.code).toBe('okta_unavailable')
      expect(headers['retry-after']).toMatch(/^[1-9]\d*$/)
      expect(headers).not.toHaveProperty('set-cookie')
      await account(cookie).expect(200)
    },
  )
})

describe('methods', () => {
  it('refresh() handles POST, and leaves OPTIONS to the app', async () => {
    const { org, url } = await open()
    for (const method of ['get', 'put', 'delete'] as const) {
      const { headers } = await request(url)[method]('/refresh').set(ownPage).expect(405)
      expect(headers.allow).toBe('POST')
    }
    await request(url).options('/refresh').expect(404)
    expect(org.calls.refreshCurrentSession).toBe(0)
  })
})

it('refresh() uses the context attachSession() has found', async () => {
  const { okta, org } = await startParts()
  const app = express().use(okta.attachSession()).post('/', okta.refresh())
  const cookie = org.signIn('alice@example.com')
  const url = await serve(app)
  await request(url)
    .post('/')
    .set({ ...script, Cookie: cookie })
    .expect(200)
  expect(org.calls.getCurrentSession).toBe(1)
})
