/** requireSession(): what a page, a script and a form are answered, for each of the ways a session can be. */
import type { IncomingMessage } from 'node:http'
import connect from 'connect'
import express from 'express'
import type { OktaSessionOptions, SessionRule } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, type Choices, cookiesOf, page, serve, startOkta, startParts } from './door.js'

const form = { ...page, 'Content-Type': 'application/x-www-form-urlencoded' }

/** An app with one guarded page, for every method. */
async function open(choices: Choices & { rule?: SessionRule } = {}) {
  const parts = await startParts(choices)
  const app = express()
  app.all('/account', parts.okta.requireSession(choices.rule), (req, res) => {
    res.json({ login: parts.okta.session(req).login })
  })
  const url = await serve(app)
  return { ...parts, url, ask: asking(url) }
}

/** Sends one request of each kind a guard tells apart. */
function asking(url: string, path = '/account?tab=1') {
  const send = (method: 'get' | 'head' | 'post', headers: object) => (cookie?: string) =>
    request(url)
      [method](path)
      .set({ ...headers, ...(cookie !== undefined && { Cookie: cookie }) })
  return {
    page: send('get', page),
    head: send('head', page),
    script: send('get', api),
    scriptPost: send('post', api),
    form: send('post', form),
  }
}

type Asking = ReturnType<typeof asking>
const everyAsk = [
  'page',
  'head',
  'script',
  'scriptPost',
  'form',
] as const satisfies (keyof Asking)[]
const asks = everyAsk.map((kind) => [kind] as const)

describe('an active session', () => {
  it.each(asks)('is let through, and asked for once: %s', async (kind) => {
    const { org, ask } = await open()
    const cookie = org.signIn('alice@example.com')
    const answer = await ask[kind](cookie).expect(200)
    if (kind !== 'head') expect(answer.body).toEqual({ login: 'alice@example.com' })
    expect(answer.headers).toMatchObject({ 'cache-control': 'private, no-store', vary: 'Cookie' })
    await ask[kind](cookie).expect(200)
    expect(org.calls.getCurrentSession).toBe(1)
  })
})

describe('nobody signed in', () => {
  it.each([['page'], ['head']] as const)('sends a %s to sign in, and back', async (kind) => {
    const { org, url, ask } = await open()
    const answer = await ask[kind]().expect(302)
    const back = encodeURIComponent(`${url}/account?tab=1`)
    expect(answer.headers.location).toBe(`${org.url}/login/login.htm?fromURI=${back}`)
    expect(answer.headers).toMatchObject({ 'cache-control': 'private, no-store', vary: 'Cookie' })
  })

  it.each([['script'], ['scriptPost']] as const)(
    'answers a %s a problem, and why',
    async (kind) => {
      const { org, ask } = await open()
      const answer = await ask[kind]().expect(401)
      expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
      expect(answer.headers).not.toHaveProperty('location')
      expect(answer.body).toEqual({
        type: 'about:blank',
        title: 'Unauthorized',
        status: 401,
        code: 'session_required',
        reason: 'no_cookie',
      })
      const unknown = await ask[kind]('idx=nobody').expect(401)
      expect(unknown.body).toMatchObject({ code: 'session_required', reason: 'not_found' })
      const invalid = await ask[kind]('idx="nobody"').expect(401)
      expect(invalid.body.reason).toBe('invalid_cookie')
      const ambiguous = await ask[kind]('idx=one; idx=other').expect(401)
      expect(ambiguous.body.reason).toBe('ambiguous_cookie')
      expect(org.calls.getCurrentSession).toBe(1)
    },
  )

  it('answers a form a page of the same status, with a link to sign in', async () => {
    const { org, ask } = await open()
    const { text, headers } = await ask.form().expect(401)
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    expect(text).toContain(`<a href="${org.url}/login/login.htm?fromURI=`)
    expect(headers).not.toHaveProperty('set-cookie')
  })

  it('says that a session has ended', async () => {
    const { org, clock, ask } = await open({ org: { idleMinutes: 1 } })
    const cookie = org.signIn('alice@example.com')
    await ask.script(cookie).expect(200)
    clock.advance(61_000)
    expect((await ask.script(cookie).expect(401)).body.reason).toBe('not_found')
  })

  it('asks what a client without Sec-Fetch-Mode accepts', async () => {
    const { url } = await open()
    const status = async (accept?: string) => {
      const asked = request(url).get('/account')
      return (await (accept === undefined ? asked : asked.set('Accept', accept))).status
    }
    for (const html of [
      'text/html',
      'text/html, application/json',
      'application/json;q=0.8, text/html',
      'application/xhtml+xml',
    ])
      expect([html, await status(html)]).toEqual([html, 302])
    for (const other of [
      undefined,
      '*/*',
      'application/json',
      'application/json, text/html;q=0.9',
      'application/problem+json, text/html;q=0.5',
      'text/html;q=0',
      'image/avif,*/*;q=0.8',
    ])
      expect([other, await status(other)]).toEqual([other, 401])
  })

  it('leads back to the page itself where a router has shortened its path', async () => {
    const { okta, org } = await startParts({ okta: { appUrl: 'https://app.example.com' } })
    const app = express()
    app.use('/deep', express.Router().get('/page', okta.requireSession()))
    const { headers } = await request(await serve(app))
      .get('/deep/page?a=b')
      .set(page)
      .expect(302)
    const back = encodeURIComponent('https://app.example.com/deep/page?a=b')
    expect(headers.location).toBe(`${org.url}/login/login.htm?fromURI=${back}`)
  })

  it('leads back to no other site, whatever path is asked for', async () => {
    const { okta, org } = await startParts({ okta: { appUrl: 'https://app.example.com' } })
    const app = express()
    app.use(okta.requireSession())
    const { headers } = await request(await serve(app))
      .get('//evil.example/x')
      .set(page)
      .expect(302)
    const home = encodeURIComponent('https://app.example.com/')
    expect(headers.location).toBe(`${org.url}/login/login.htm?fromURI=${home}`)
  })

  it.each<[OktaSessionOptions, string]>([
    [{ signInUrl: '/sign-in' }, '/sign-in?returnTo=%2Faccount%3Ftab%3D1'],
    [{ signInUrl: '/sign-in?a=b#c' }, '/sign-in?a=b&returnTo=%2Faccount%3Ftab%3D1#c'],
    [
      { signInUrl: (returnTo: string, req: IncomingMessage) => `/${req.method}${returnTo}` },
      '/GET/account?tab=1',
    ],
  ])('goes where the app says: %o', async (okta, location) => {
    const { ask } = await open({ okta })
    expect((await ask.page().expect(302)).headers.location).toBe(location)
  })
})

describe('a session that lacks a factor', () => {
  it.each([
    ['MFA_REQUIRED', 'mfa_required', 'mfa_required'],
    ['MFA_ENROLL', 'mfa_enroll_required', 'mfa_enroll'],
  ] as const)('is no session: %s', async (status, code, reason) => {
    const { org, ask } = await open()
    const cookie = org.signIn('alice@example.com', { status })
    for (const kind of ['page', 'head'] as const) {
      const { headers } = await ask[kind](cookie).expect(302)
      expect(headers.location).toContain(`${org.url}/login/login.htm?fromURI=`)
    }
    for (const kind of ['script', 'scriptPost'] as const) {
      const { body } = await ask[kind](cookie).expect(403)
      expect(body).toEqual({ type: 'about:blank', title: 'Forbidden', status: 403, code, reason })
    }
    const { text } = await ask.form(cookie).expect(403)
    expect(text).toContain(`<a href="${org.url}/login/login.htm?fromURI=`)
  })

  it('is no session either with a status nobody knows yet', async () => {
    const { org, ask } = await open()
    const cookie = org.signIn('alice@example.com')
    org.failNext({ kind: 'fields', set: { status: 'PAUSED' } })
    const { body } = await ask.script(cookie).expect(403)
    expect(body).toMatchObject({ code: 'session_incomplete', reason: 'unknown_status' })
  })
})

describe('a rule', () => {
  const unmet: [string, SessionRule, object][] = [
    ['mfa', { mfa: true }, { code: 'mfa_required', amr: ['mfa'] }],
    ['amr', { amr: ['pwd', 'hwk'] }, { code: 'mfa_required', amr: ['pwd', 'hwk'] }],
    [
      'signedInWithinMs',
      { signedInWithinMs: 59_999 },
      { code: 'reauthentication_required', maxAgeSeconds: 59 },
    ],
    ['allow', { allow: () => false }, { code: 'forbidden' }],
  ]

  it.each(unmet)('that is not met is a 403 of its own: %s', async (_, rule, problem) => {
    const { org, clock, ask } = await open({ rule })
    const cookie = org.signIn('alice@example.com')
    clock.advance(60_000)
    for (const kind of ['script', 'scriptPost'] as const) {
      const { body } = await ask[kind](cookie).expect(403)
      expect(body).toEqual({ type: 'about:blank', title: 'Forbidden', status: 403, ...problem })
    }
    for (const kind of ['page', 'head', 'form'] as const) {
      const { headers } = await ask[kind](cookie).expect(403)
      expect(headers['content-type']).toBe('text/html; charset=utf-8')
      expect(headers).not.toHaveProperty('location')
      expect(headers).not.toHaveProperty('set-cookie')
    }
  })

  it('offers to sign in again where that could help', async () => {
    const texts = unmet.map(async ([name, rule]) => {
      const { org, clock, ask } = await open({ rule })
      const cookie = org.signIn('alice@example.com')
      clock.advance(60_000)
      return [name, (await ask.page(cookie).expect(403)).text.includes('<a href=')]
    })
    expect(Object.fromEntries(await Promise.all(texts))).toEqual({
      mfa: true,
      amr: true,
      signedInWithinMs: true,
      allow: false,
    })
  })

  it.each<[string, SessionRule]>([
    ['mfa', { mfa: true }],
    ['amr', { amr: ['pwd', 'mfa'] }],
    ['signedInWithinMs', { signedInWithinMs: 60_000 }],
    ['all together', { mfa: true, amr: ['pwd'], signedInWithinMs: 60_000, allow: () => true }],
  ])('that is met lets through: %s', async (_, rule) => {
    const { org, clock, ask } = await open({ rule })
    const cookie = org.signIn('alice@example.com', { mfa: true })
    clock.advance(60_000)
    await ask.script(cookie).expect(200)
  })

  it('measures how long ago somebody signed in by Okta’s clock', async () => {
    const { org, ask } = await open({
      rule: { signedInWithinMs: 60_000 },
      org: { dateSkewMs: 3_600_000 },
    })
    await ask.script(org.signIn('alice@example.com')).expect(403)
  })

  it('takes the newer of the two verifications, and none for too long ago', async () => {
    const { org, clock, ask } = await open({ rule: { signedInWithinMs: 60_000 } })
    const cookie = org.signIn('alice@example.com')
    clock.advance(120_000)
    org.stepUp(cookie)
    await ask.script(cookie).expect(200)
    org.fail({
      kind: 'fields',
      set: { lastPasswordVerification: null, lastFactorVerification: null },
    })
    const { body } = await ask.script(org.signIn('alice@example.com')).expect(403)
    expect(body.code).toBe('reauthentication_required')
  })

  it('takes the second factor of an app certified by mca', async () => {
    const { org, ask } = await open({ rule: { mfa: true } })
    org.failNext({ kind: 'fields', set: { amr: ['pwd', 'mca'] } })
    await ask.script(org.signIn('alice@example.com')).expect(200)
  })

  it('asks Okta again for an answer that is too old for it', async () => {
    const { org, clock, ask } = await open({ rule: { maxStalenessMs: 10_000 } })
    const cookie = org.signIn('alice@example.com')
    await ask.script(cookie).expect(200)
    clock.advance(10_000)
    await ask.script(cookie).expect(200)
    expect(org.calls.getCurrentSession).toBe(1)
    clock.advance(1)
    await ask.script(cookie).expect(200)
    expect(org.calls.getCurrentSession).toBe(2)
  })

  it('of 0 ms asks for each request anew, and lets nobody through whom Okta could not vouch for', async () => {
    const { org, ask } = await open({ rule: { maxStalenessMs: 0 } })
    const cookie = org.signIn('alice@example.com')
    await ask.script(cookie).expect(200)
    await ask.script(cookie).expect(200)
    expect(org.calls.getCurrentSession).toBe(2)
    org.fail({ kind: 'reset' })
    await ask.script(cookie).expect(503)
  })

  it('that can’t be is a fault when the guard is made', async () => {
    const { okta } = await startParts()
    const rule = { mfa: 'yes', amr: 'pwd', signedInWithinMs: -1, allow: true, mfaa: true }
    expect(() => okta.requireSession(rule as never)).toThrow(
      /mfa: true or false\n- amr: .+\n- signedInWithinMs: .+\n- allow: a function\n- mfaa: no such/s,
    )
  })
})

describe('allow', () => {
  const withAllow = (allow: unknown) => open({ rule: { allow } as SessionRule })

  it('sees the session and the request', async () => {
    const seen: unknown[] = []
    const { org, ask } = await withAllow((session: { login: string }, req: IncomingMessage) => {
      seen.push(session.login, req.url)
      return true
    })
    await ask.script(org.signIn('alice@example.com')).expect(200)
    expect(seen).toEqual(['alice@example.com', '/account?tab=1'])
  })

  it.each<[string, unknown, number]>([
    ['true', () => true, 200],
    ['a promise of true', async () => true, 200],
    ['false', () => false, 403],
    ['a promise of false', async () => false, 403],
    ['nothing', () => {}, 403],
    ['a promise of nothing', async () => {}, 403],
    ['a truthy word', () => 'yes', 403],
    ['1', () => 1, 403],
    ['a promise of an object', async () => ({}), 403],
  ])('passes with true alone: %s', async (_, allow, status) => {
    const { org, ask } = await withAllow(allow)
    await ask.script(org.signIn('alice@example.com')).expect(status)
  })

  it.each<[string, unknown]>([
    ['an error', new Error('boom')],
    ['nothing', undefined],
    ['null', null],
    ['false', false],
    ['0', 0],
    ['an empty string', ''],
    ['the word route', 'route'],
    ['the word router', 'router'],
  ])('that throws or rejects with %s is an error, never a pass', async (_, thrown) => {
    for (const allow of [
      () => {
        throw thrown
      },
      async () => {
        throw thrown
      },
    ]) {
      const { org, okta } = await startParts()
      const app = express()
      const reached: string[] = []
      app.get('/account', okta.requireSession({ allow } as SessionRule), (_req, res) => {
        reached.push('the page')
        res.end()
      })
      app.use((_req, res) => void res.status(404).end(reached.push('what comes behind')))
      app.use(((error, _req, res, _next) => {
        res.status(500).end(String(error))
      }) as express.ErrorRequestHandler)
      const cookie = org.signIn('alice@example.com')
      await request(await serve(app))
        .get('/account')
        .set('Cookie', cookie)
        .expect(500)
      expect(reached).toEqual([])
    }
  })

  it('lets nobody through whose session became too weak while the app was thinking', async () => {
    const { org, okta } = await startParts()
    const allow = async (session: { userId: string }) => {
      org.fail({ kind: 'fields', set: { amr: ['pwd'] } })
      await okta.forget({ userId: session.userId })
      return true
    }
    const app = express().get('/', okta.requireSession({ mfa: true, allow }))
    const cookie = org.signIn('alice@example.com', { mfa: true })
    const { body } = await request(await serve(app))
      .get('/')
      .set('Cookie', cookie)
      .expect(403)
    expect(body.code).toBe('mfa_required')
  })

  it('is not asked about anybody who is refused anyway', async () => {
    const asked: unknown[] = []
    const { ask } = await withAllow((session: unknown) => asked.push(session) > 0)
    await ask.script().expect(401)
    await ask.script('idx=nobody').expect(401)
    expect(asked).toEqual([])
  })
})

describe('Okta that can’t be asked', () => {
  it('is a 503 with Retry-After: no redirect, and no cookie is taken', async () => {
    const { org, ask } = await open()
    org.fail({ kind: 'status', status: 500 })
    for (const kind of everyAsk) {
      const { headers } = await ask[kind](`idx=of-a-${kind}`).expect(503)
      expect(headers['retry-after']).toBe('1')
      expect(headers).not.toHaveProperty('set-cookie')
      expect(headers).not.toHaveProperty('location')
      expect(headers['cache-control']).toBe('private, no-store')
    }
  })

  it('is a page that loads itself again, unless that would send a form again', async () => {
    const { org, ask } = await open()
    org.fail({ kind: 'rate_limit' })
    const { text, headers } = await ask.page('idx=one').expect(503)
    const seconds = Number(headers['retry-after'])
    expect(seconds).toBeGreaterThan(1)
    expect(text).toContain(`<meta http-equiv="refresh" content="${seconds}">`)
    expect(text).not.toContain('<a href')
    const form = await ask.form('idx=two').expect(503)
    expect(form.headers['content-type']).toContain('text/html')
    expect(form.text).not.toContain('http-equiv')
  })

  it('is a problem for a script, and says how it is', async () => {
    const { org, ask } = await open()
    org.fail({ kind: 'html' })
    for (const kind of ['script', 'scriptPost'] as const)
      expect((await ask[kind](`idx=of-a-${kind}`).expect(503)).body).toEqual({
        type: 'about:blank',
        title: 'Service Unavailable',
        status: 503,
        code: 'okta_unavailable',
        reason: 'content_type',
      })
  })

  it('keeps nobody out who was let in a short while ago', async () => {
    const { org, clock, ask } = await open()
    const cookie = org.signIn('alice@example.com')
    await ask.page(cookie).expect(200)
    clock.advance(200_000)
    org.fail({ kind: 'reset' })
    await ask.page(cookie).expect(200)
  })
})

describe('a client over its own failure budget', () => {
  it('is a 429 with Retry-After, until it has waited', async () => {
    const { clock, ask } = await open({
      okta: { upstream: { failedLookupsPerClient: { perSecond: 0.1, burst: 2 } } },
    })
    await ask.script('idx=guess-1').expect(401)
    await ask.script('idx=guess-2').expect(401)
    for (const kind of everyAsk) {
      const { headers } = await ask[kind]('idx=guess-3').expect(429)
      expect(headers['retry-after']).toBe('10')
      expect(headers).not.toHaveProperty('set-cookie')
    }
    expect((await ask.script('idx=guess-3')).body).toMatchObject({
      title: 'Too Many Requests',
      status: 429,
      code: 'too_many_attempts',
    })
    expect((await ask.page('idx=guess-3')).text).toContain('Too many attempts')
    clock.advance(10_000)
    await ask.script('idx=guess-3').expect(401)
  })

  it('is one by what a trusted proxy says, and every client has a budget of its own', async () => {
    const { okta } = await startParts({
      okta: { upstream: { failedLookupsPerClient: { perSecond: 0.1, burst: 1 } } },
    })
    const app = express().set('trust proxy', 'loopback')
    app.use(okta.requireSession())
    const url = await serve(app)
    const from = (address: string, guess: string) =>
      request(url)
        .get('/')
        .set({ Cookie: `idx=${guess}`, 'X-Forwarded-For': address })
    await from('192.0.2.1', 'one').expect(401)
    await from('192.0.2.1', 'two').expect(429)
    await from('192.0.2.2', 'three').expect(401)
  })
})

describe('a browser that comes back from signing in without a session, again and again', () => {
  it('is told so, instead of being sent there once more', async () => {
    const { org, ask } = await open()
    let cookie = 'idx=never-good'
    let since: string | undefined
    for (let times = 1; times <= 4; times += 1) {
      const answer = await ask.page(cookie).expect(302)
      const value = cookiesOf(answer)['okta-sign-in-redirects']?.value ?? ''
      since ??= value.split('.')[1]
      expect(cookiesOf(answer)).toEqual({
        'okta-sign-in-redirects': {
          value: `${times}.${since}`,
          attributes: ['HttpOnly', 'Max-Age=60', 'Path=/', 'SameSite=Lax'],
        },
      })
      cookie = `idx=never-good; okta-sign-in-redirects=${value}`
    }
    const { text, headers } = await ask.page(cookie).expect(401)
    expect(headers).not.toHaveProperty('location')
    expect(text).toContain('several times within a minute')
    expect(text).toContain(`<a href="${org.url}/login/login.htm?fromURI=`)
  })

  it('is told the same where a factor is what lacks', async () => {
    const { org, clock, ask } = await open()
    const cookie = org.signIn('alice@example.com', { status: 'MFA_REQUIRED' })
    await ask.page(`${cookie}; okta-sign-in-redirects=4.${clock.now()}`).expect(401)
  })

  it.each([
    '',
    'x',
    '99',
    '-1.0',
    'NaN.NaN',
    '99.minute ago',
    '99.to come',
    '4.Infinity',
    '4.-Infinity',
  ])('counts from one where the cookie holds %j', async (value) => {
    const { clock, ask } = await open()
    const planted = value
      .replace('minute ago', String(clock.now() - 60_000))
      .replace('to come', String(clock.now() + 1))
    const answer = await ask.page(`okta-sign-in-redirects=${planted}`).expect(302)
    expect(cookiesOf(answer)['okta-sign-in-redirects']?.value).toMatch(/^1\.\d+$/)
  })
})

describe('a page loaded on a guess', () => {
  it.each(['Sec-Purpose', 'Purpose'])('is not counted (%s)', async (name) => {
    const { ask } = await open()
    const answer = await ask.page().set(name, 'prefetch').expect(302)
    expect(cookiesOf(answer)).toEqual({})
  })
})

describe('onDenied', () => {
  const withOnDenied = (onDenied: NonNullable<OktaSessionOptions['onDenied']>) =>
    open({ okta: { onDenied } })

  it('is told what the guard would answer, and answers in its place', async () => {
    const denials: object[] = []
    const { org, url, ask } = await withOnDenied((denial, _req, res) => {
      denials.push(denial)
      res.statusCode = 418
      res.end('mine')
    })
    await ask.page().expect(418, 'mine')
    org.fail({ kind: 'html' })
    await ask.script('idx=one').expect(418)
    const back = encodeURIComponent(`${url}/account?tab=1`)
    expect(denials).toEqual([
      {
        status: 401,
        code: 'session_required',
        reason: 'no_cookie',
        context: { state: 'anonymous', reason: 'no_cookie' },
        signInUrl: `${org.url}/login/login.htm?fromURI=${back}`,
      },
      {
        status: 503,
        code: 'okta_unavailable',
        reason: 'content_type',
        retryAfterMs: 1_000,
        context: { state: 'unavailable', reason: 'content_type', retryAfterMs: 1_000 },
      },
    ])
  })

  it('may go on to the next handler, which then has no session', async () => {
    const { okta } = await startParts({
      okta: { onDenied: (_denial, _req, _res, next) => next() },
    })
    const app = express().get('/', okta.requireSession(), (req, res) => {
      res.json({ state: req.okta.state })
    })
    const { body } = await request(await serve(app))
      .get('/')
      .expect(200)
    expect(body).toEqual({ state: 'anonymous' })
  })

  it.each([
    ['false', () => false],
    ['a promise of false', async () => false],
  ])('leaves the answer to the guard with %s', async (_, onDenied) => {
    const { ask } = await withOnDenied(onDenied)
    expect((await ask.script().expect(401)).body.code).toBe('session_required')
    await ask.script('idx=nobody').expect(401)
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('boom')
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('boom')
      },
    ],
    ['rejects with nothing', () => Promise.reject()],
  ])('that %s fails the request, and nothing else', async (_, onDenied) => {
    const { okta } = await startParts({ okta: { onDenied } })
    const app = express().use(okta.requireSession())
    app.use(((_error, _req, res, _next) => {
      res.status(500).end('failed')
    }) as express.ErrorRequestHandler)
    const url = await serve(app)
    await request(url).get('/').expect(500, 'failed')
    // The same where Okta had to be asked first, so that nobody above the guard could catch it.
    await request(url).get('/').set('Cookie', 'idx=nobody').expect(500, 'failed')
  })
})

describe('a sign-in URL of the app’s that throws', () => {
  it('fails the request, and nothing else', async () => {
    const signInUrl = () => {
      throw new Error('boom')
    }
    const { ask } = await open({ okta: { signInUrl } })
    await ask.page().expect(500)
    await ask.page('idx=nobody').expect(500)
  })
})

describe('an app that has answered already', () => {
  it('when the guard’s own answer comes late: the request fails, and nothing else', async () => {
    const { okta, org } = await startParts()
    const errors: unknown[] = []
    const guard = okta.requireSession()
    const url = await serve((req, res) => {
      guard(req, res, (error) => errors.push(error))
      res.end('too slow')
    })
    org.fail({ kind: 'html' })
    await request(url).get('/').set('Cookie', 'idx=one').expect(200, 'too slow')
    await okta.settled()
    await expect
      .poll(() => errors)
      .toEqual([expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' })])
  })
})

describe('what the app has said of caching', () => {
  it('stands where the guard lets through, and not on the guard’s own answer', async () => {
    const { okta, org } = await startParts()
    const app = express()
    app.use((_req, res, next) => {
      res.set({ 'Cache-Control': 'public, max-age=60', Vary: 'Accept' })
      next()
    })
    app.get('/', okta.requireSession(), (_req, res) => void res.end())
    const url = await serve(app)
    const passed = await request(url).get('/').set('Cookie', org.signIn('alice@example.com'))
    expect(passed.headers).toMatchObject({
      'cache-control': 'public, max-age=60',
      vary: 'Accept, Cookie',
    })
    const refused = await request(url).get('/').set(page).expect(302)
    expect(refused.headers).toMatchObject({
      'cache-control': 'private, no-store',
      vary: 'Accept, Cookie',
    })
  })
})

describe('a guard behind attachSession()', () => {
  it('asks nothing more, whatever the answer was', async () => {
    const { okta, org } = await startParts()
    const app = express()
    app.use(okta.attachSession())
    app.get('/', okta.requireSession(), okta.requireSession({ amr: ['pwd'] }), (req, res) => {
      res.json({ source: req.okta.session && okta.session(req).login })
    })
    const url = await serve(app)
    await request(url).get('/').set('Cookie', org.signIn('alice@example.com')).expect(200)
    expect(org.calls.getCurrentSession).toBe(1)
    await request(url).get('/').set('Cookie', 'idx=nobody').expect(401)
    expect(org.calls.getCurrentSession).toBe(2)
    org.fail({ kind: 'html' })
    await request(url).get('/').set('Cookie', 'idx=other').expect(503)
    expect(org.calls.getCurrentSession).toBe(3)
  })

  it('does not believe what something else wrote where the verdict stands', async () => {
    const { okta, org } = await startParts()
    const app = express()
    app.use(okta.attachSession())
    app.use((req, _res, next) => {
      const session = { id: 'x', login: 'mallory', userId: '00u', status: 'ACTIVE', amr: [] }
      Object.assign(req, {
        okta: { state: 'active', session, source: 'okta', askedAt: Date.now() },
      })
      next()
    })
    app.get('/', okta.requireSession(), (req, res) => void res.json(okta.session(req).login))
    const url = await serve(app)
    await request(url).get('/').expect(401)
    const { body } = await request(url).get('/').set('Cookie', org.signIn('alice@example.com'))
    expect(body).toBe('alice@example.com')
  })

  it('of another instance asks its own org', async () => {
    const one = await startParts()
    const other = await startParts({ okta: { property: 'partner' } })
    const app = express()
    app.use(one.okta.attachSession(), other.okta.attachSession())
    app.get('/one', one.okta.requireSession(), (req, res) => {
      const { okta, partner } = req as express.Request & { partner: { state: string } }
      res.json([okta.state, partner.state, one.okta.session(req).login])
    })
    app.get('/other', other.okta.requireSession(), (_req, res) => void res.end())
    const url = await serve(app)
    const cookie = one.org.signIn('alice@example.com')
    const { body } = await request(url).get('/one').set('Cookie', cookie).expect(200)
    expect(body).toEqual(['active', 'anonymous', 'alice@example.com'])
    await request(url).get('/other').set('Cookie', cookie).expect(401)
  })

  it('of another instance trusts no verdict but its own, also under the same name', async () => {
    const one = await startParts()
    const other = startOkta({ orgUrl: (await startParts()).org.url }, one.clock)
    const app = express()
    app.use(one.okta.attachSession())
    app.get('/', other.requireSession(), (_req, res) => void res.end())
    const url = await serve(app)
    await request(url).get('/').set('Cookie', one.org.signIn('alice@example.com')).expect(401)
  })
})

describe('a page whose answer is refused for a factor it may just have given', () => {
  it('asks once, however long Okta takes', async () => {
    const { org, clock, ask } = await open({ rule: { mfa: true } })
    const cookie = org.signIn('alice@example.com')
    await ask.page(cookie).expect(403)
    expect(org.calls.getCurrentSession).toBe(1)
    clock.advance(5_000)
    // Each answer is seconds old by the time it arrives.
    const ticking = setInterval(() => clock.advance(500), 1)
    org.fail({ kind: 'delay', delayMs: 20 })
    await ask.page(cookie).expect(403)
    clearInterval(ticking)
    expect(org.calls.getCurrentSession).toBe(2)
  })
})

describe('a guard without Express', () => {
  it('stands in an app of Connect’s', async () => {
    const { okta, org } = await startParts()
    const app = connect()
    app.use(okta.requireSession())
    app.use((req, res) => void res.end(okta.session(req).login))
    const url = await serve(app)
    await request(url).get('/').expect(401)
    const { text } = await request(url).get('/').set('Cookie', org.signIn('bob@example.com'))
    expect(text).toBe('bob@example.com')
  })

  it('stands in front of a bare handler of Node’s', async () => {
    const { okta, org } = await startParts()
    const guard = okta.requireSession()
    const url = await serve((req, res) => {
      guard(req, res, (error) => res.end(error ? 'failed' : okta.session(req).login))
    })
    await request(url).get('/').expect(401)
    const { text } = await request(url).get('/').set('Cookie', org.signIn('bob@example.com'))
    expect(text).toBe('bob@example.com')
  })
})
