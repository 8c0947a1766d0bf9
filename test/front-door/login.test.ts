/** login(): a session token becomes a session and its cookie, or nothing at all. */
import express from 'express'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, type Choices, cookiesOf, ownPage, page, serve, startParts, taken } from './door.js'

const form = { ...page, ...ownPage, 'Content-Type': 'application/x-www-form-urlencoded' }
const script = { ...api, ...ownPage, 'Content-Type': 'application/json' }

async function open(choices: Choices = {}, options?: { returnTo: string }) {
  const parts = await startParts(choices)
  const app = express()
  app.all('/sign-in', parts.okta.login(options))
  app.get('/account', parts.okta.requireSession(), (req, res) => {
    res.json(parts.okta.session(req).login)
  })
  const url = await serve(app)
  const post = (fields: object, more: Record<string, string> = {}) =>
    request(url).post('/sign-in').set(script).set(more).send(JSON.stringify(fields))
  const submit = (fields: Record<string, string>, more: Record<string, string> = {}) =>
    request(url).post('/sign-in').set(form).set(more).send(new URLSearchParams(fields).toString())
  const account = (cookie: string) => request(url).get('/account').set('Cookie', cookie)
  return { ...parts, url, post, submit, account }
}

/** How the session's cookie is given to a browser, where the org is on http. */
const given = {
  value: expect.stringMatching(/^102[\w-]{22}$/),
  attributes: ['HttpOnly', 'Path=/', 'SameSite=Lax'],
}

describe.each([
  ['identity', 'an API token'],
  ['identity', 'none'],
  ['classic', 'an API token'],
  ['classic', 'none'],
] as const)('on the %s engine, with %s', (engine, token) => {
  const start = async (cookies?: readonly ['sid']) => {
    const apiToken = '00-an-api-token'
    return open({
      org: { engine, apiToken },
      okta: {
        ...(token === 'an API token' && { credentials: { apiToken } }),
        ...(cookies && { cookies }),
      },
    })
  }

  it('login() signs in for a script, and the guard accepts the cookie', async () => {
    const { org, post, account } = await start()
    const answer = await post({ sessionToken: org.sessionToken('alice@example.com') }).expect(200)
    expect(answer.body).toEqual({ expiresAt: org.sessions[0]?.expiresAt, returnTo: '/' })
    expect(answer.headers['cache-control']).toBe('no-store')
    const cookies = cookiesOf(answer)
    expect(cookies).toEqual({ sid: given, idx: taken, xids: taken })
    const { body } = await account(`sid=${cookies.sid?.value}`).expect(200)
    expect(body).toBe('alice@example.com')
    // The id CreateSession gave is the credential: the session is looked up, not seeded.
    expect(org.calls).toMatchObject({ createSession: 1, getCurrentSession: 1 })
  })

  it('login() redirects after a form post', async () => {
    const { org, submit } = await start(['sid'])
    const sessionToken = org.sessionToken('alice@example.com')
    const answer = await submit({ sessionToken, returnTo: '/account?tab=1' }).expect(303)
    expect(answer.headers.location).toBe('/account?tab=1')
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(cookiesOf(answer)).toEqual({ sid: given, xids: taken })
  })

  it('login() accepts a session token once', async () => {
    const { org, post } = await start()
    const sessionToken = org.sessionToken('alice@example.com')
    await post({ sessionToken }).expect(200)
    const again = await post({ sessionToken }).expect(401)
    expect(again.body).toEqual({
      type: 'about:blank',
      title: 'Unauthorized',
      status: 401,
      code: 'sign_in_failed',
    })
    expect(again.headers).not.toHaveProperty('set-cookie')
    expect(again.headers['cache-control']).toBe('no-store')
  })
})

describe('a rejected sign-in', () => {
  it('a rejected sign-in is a page for a form, and sets no cookie', async () => {
    const { submit } = await open()
    const { text, headers } = await submit({ sessionToken: 'an-unknown-token' }).expect(401)
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    expect(text).toContain('Signing in did not work')
    expect(text).not.toContain('an-unknown-token')
    expect(headers).not.toHaveProperty('set-cookie')
  })

  it.each([
    ['too old a token', 300_001],
    ['one just in time', 299_000],
  ])('a rejected sign-in is %s', async (_, ms) => {
    const { org, clock, post } = await open()
    const sessionToken = org.sessionToken('alice@example.com')
    clock.advance(ms)
    await post({ sessionToken }).expect(ms > 300_000 ? 401 : 200)
  })

  it('a rejected sign-in leaves the earlier session as it was', async () => {
    const { org, post, account } = await open()
    const before = org.signIn('bob@example.com')
    await account(before).expect(200)
    await post({ sessionToken: 'wrong' }, { Cookie: before }).expect(401)
    await account(before).expect(200)
    expect(org.calls.getCurrentSession).toBe(1)
  })
})

describe('a sign-in without a usable answer', () => {
  it.each([
    ['refuses the app', { kind: 'status', status: 403 }],
    ['is silent', { kind: 'hang' }],
    ['resets the connection', { kind: 'reset' }],
    ['has used up its minute', { kind: 'rate_limit' }],
    ['is a proxy’s 401', { kind: 'status', status: 401, body: 'no' }],
    ['is a page', { kind: 'html' }],
    ['sends a redirect', { kind: 'redirect' }],
    ['gives an id with a blank', { kind: 'fields', set: { id: 'a b' } }],
    [
      'gives an id that would be two cookies',
      { kind: 'fields', set: { id: 'a; Domain=example.com' } },
    ],
    ['gives an id with a quote', { kind: 'fields', set: { id: '"a"' } }],
    ['gives an id no cookie holds', { kind: 'fields', set: { id: 'a'.repeat(4_094) } }],
    ['gives an empty id', { kind: 'fields', set: { id: '' } }],
    ['gives no id', { kind: 'fields', remove: ['id'] }],
  ] as const)(
    'a sign-in without a usable answer is a 503 after one call, and sets no cookie: %s',
    async (_, fault) => {
      const { org, post, submit } = await open({ okta: { upstream: { timeoutMs: 400 } } })
      org.fail(fault)
      const sessionToken = () => org.sessionToken('alice@example.com')
      const { headers, body } = await post({ sessionToken: sessionToken() }).expect(503)
      expect(body).toEqual({
        type: 'about:blank',
        title: 'Service Unavailable',
        status: 503,
        code: 'okta_unavailable',
      })
      expect(headers['retry-after']).toMatch(/^[1-9]\d*$/)
      expect(headers).not.toHaveProperty('set-cookie')
      expect(org.calls.createSession).toBe(1)
      const asPage = await submit({ sessionToken: sessionToken() }).expect(503)
      expect(asPage.text).toContain('not possible right now')
      expect(asPage.headers).not.toHaveProperty('set-cookie')
    },
  )
})

describe('an earlier session in the browser', () => {
  it('a sign-in forgets the earlier session: its cookie is looked up again', async () => {
    const { org, post, account } = await open()
    const before = org.signIn('bob@example.com')
    const other = org.signIn('carol@example.com')
    await account(before).expect(200)
    await account(other).expect(200)
    expect(org.calls.getCurrentSession).toBe(2)
    await post({ sessionToken: org.sessionToken('alice@example.com') }, { Cookie: before })
    await account(before).expect(200)
    await account(other).expect(200)
    expect(org.calls.getCurrentSession).toBe(3)
  })

  it('a sign-in clears every other configured cookie', async () => {
    const cookies = [
      'idx',
      { name: 'first', as: 'sid' },
      'sid',
      { name: 'third', as: 'idx' },
    ] as const
    const { org, post } = await open({ okta: { cookies } })
    const answer = await post({ sessionToken: org.sessionToken('alice@example.com') }).expect(200)
    expect(cookiesOf(answer)).toEqual({
      first: given,
      idx: taken,
      sid: taken,
      third: taken,
      xids: taken,
    })
  })

  it('a sign-in keeps the cookies the app has set', async () => {
    const { okta, org } = await startParts()
    const app = express()
    app.use((_req, res, next) => {
      res.cookie('theme', 'dark')
      next()
    })
    app.post('/', okta.login())
    const sessionToken = org.sessionToken('alice@example.com')
    const answer = await request(await serve(app))
      .post('/')
      .set(ownPage)
      .send({ sessionToken })
    expect(Object.keys(cookiesOf(answer)).sort()).toEqual(['idx', 'sid', 'theme', 'xids'])
  })
})

describe('a cookie value used before its sign-in', () => {
  it('a cached negative answer is void once its cookie value has been signed in', async () => {
    const { org, post, account } = await open()
    const early = '102AAAAAAAAAAAAAAAAAAAAAA'
    await account(`sid=${early}`).expect(401)
    org.failNext({ kind: 'fields', set: { id: early } })
    const answer = await post({ sessionToken: org.sessionToken('alice@example.com') }).expect(200)
    expect(cookiesOf(answer).sid?.value).toBe(early)
    const callsBefore = org.calls.getCurrentSession
    await account(`sid=${early}`)
    expect(org.calls.getCurrentSession).toBe(callsBefore + 1)
  })
})

describe('returnTo', () => {
  const trusted = ['https://www.example.com']

  it.each<[string, string | undefined, string, string]>([
    ['the body', '/a?b#c', '', '/a?b#c'],
    ['the query', undefined, '?returnTo=%2Fa', '/a'],
    ['the body before the query', '/a', '?returnTo=%2Fb', '/a'],
    ['nothing', undefined, '', '/home'],
    ['a query that says it twice', undefined, '?returnTo=/a&returnTo=/a', '/home'],
    ['a trusted origin', 'https://www.example.com/x', '', 'https://www.example.com/x'],
    ['our own origin', 'http://app.example/x', '', '/x'],
    ['another origin', 'https://evil.example/', '', '/home'],
    ['another host without a scheme', '//evil.example/', '', '/home'],
    ['a backslash', '/\\evil.example', '', '/home'],
    ['a script', 'javascript:alert(1)', '', '/home'],
    ['user info', 'https://www.example.com@evil.example/', '', '/home'],
    ['a line end', '/a\r\nSet-Cookie: a=b', '', '/home'],
    ['nothing between quotes', '', '?returnTo=%2Fa', '/home'],
  ])('login() takes returnTo from %s', async (_, field, query, expected) => {
    const { okta, org } = await startParts({ okta: { trustedOrigins: trusted } })
    const app = express().post('/in', okta.login({ returnTo: '/home' }))
    const url = await serve(app)
    const fields = { sessionToken: org.sessionToken('alice@example.com') }
    const answer = await request(url)
      .post(`/in${query}`)
      .set({ ...ownPage, Host: 'app.example' })
      .send(field === undefined ? fields : { ...fields, returnTo: field })
    expect(answer.body.returnTo).toBe(expected)
    const sent = await request(url)
      .post(`/in${query}`)
      .set({ ...form, Host: 'app.example' })
      .send(
        new URLSearchParams({
          sessionToken: org.sessionToken('alice@example.com'),
          ...(field !== undefined && { returnTo: field }),
        }).toString(),
      )
    expect([sent.status, sent.headers.location]).toEqual([303, expected])
  })
})

describe('the failure budget of sign-ins', () => {
  const upstream = { failedLookupsPerClient: { perSecond: 0.1, burst: 2 } }

  it('login() answers 429 with Retry-After once a client has failed too often', async () => {
    const { org, clock, post, submit } = await open({ okta: { upstream } })
    await post({ sessionToken: 'guess-1' }).expect(401)
    await post({ sessionToken: 'guess-2' }).expect(401)
    const sessionToken = org.sessionToken('alice@example.com')
    const { headers, body } = await post({ sessionToken }).expect(429)
    expect(headers['retry-after']).toBe('10')
    expect(body).toMatchObject({ title: 'Too Many Requests', code: 'too_many_attempts' })
    expect((await submit({ sessionToken }).expect(429)).text).toContain('Too many attempts')
    expect(org.calls.createSession).toBe(2)
    clock.advance(10_000)
    await post({ sessionToken }).expect(200)
  })

  it('a successful sign-in is not charged to the failure budget', async () => {
    const { org, post } = await open({ okta: { upstream } })
    for (let times = 0; times < 5; times += 1)
      await post({ sessionToken: org.sessionToken('alice@example.com') }).expect(200)
  })

  it('the failure budgets of sign-ins and of lookups are separate', async () => {
    const { org, post, account } = await open({ okta: { upstream } })
    await account('idx=guess-1').expect(401)
    await account('idx=guess-2').expect(401)
    await account('idx=guess-3').expect(429)
    await post({ sessionToken: 'guess-1' }).expect(401)
    await post({ sessionToken: org.sessionToken('alice@example.com') }).expect(200)
    await post({ sessionToken: 'guess-2' }).expect(401)
    await post({ sessionToken: 'guess-3' }).expect(429)
  })
})

describe('methods', () => {
  it('login() handles POST, and leaves OPTIONS to the app', async () => {
    const { okta, org } = await startParts()
    const app = express()
    app.use('/in', okta.login())
    app.use((req, res) => void res.status(204).set('X-Left', req.method).end())
    const url = await serve(app)
    for (const method of ['get', 'put', 'delete', 'patch'] as const) {
      const { headers, body } = await request(url)[method]('/in').set(ownPage).expect(405)
      expect(headers.allow).toBe('POST')
      expect(headers['cache-control']).toBe('no-store')
      expect(body).toEqual({
        type: 'about:blank',
        title: 'Method Not Allowed',
        status: 405,
        code: 'method_not_allowed',
        detail: expect.any(String),
      })
    }
    const { headers } = await request(url).options('/in').expect(204)
    expect(headers['x-left']).toBe('OPTIONS')
    expect(org.calls.createSession).toBe(0)
  })
})
