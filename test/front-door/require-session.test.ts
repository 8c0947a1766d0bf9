/** requireSession(): what a page, a script and a form are answered, for each of the ways a session can be. */
import type { IncomingMessage } from 'node:http'
import connect from 'connect'
import express from 'express'
import type { OktaSessionOptions } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { cookiesOf, page, serve, startParts } from './door.js'
import { everyKind, openGuarded } from './guarded-app.js'

describe('an active session', () => {
  it.each(everyKind)(
    'an active session is let through, with one call to Okta: %s',
    async (kind) => {
      const { org, visit } = await openGuarded()
      const cookie = org.signIn('alice@example.com')
      const answer = await visit[kind](cookie).expect(200)
      if (kind !== 'head') expect(answer.body).toEqual({ login: 'alice@example.com' })
      expect(answer.headers).toMatchObject({ 'cache-control': 'private, no-store', vary: 'Cookie' })
      await visit[kind](cookie).expect(200)
      expect(org.calls.getCurrentSession).toBe(1)
    },
  )
})

describe('an anonymous request', () => {
  it.each([['page'], ['head']] as const)(
    'an anonymous %s is redirected to sign-in, and back',
    async (kind) => {
      const { org, url, visit } = await openGuarded()
      const answer = await visit[kind]().expect(302)
      const back = encodeURIComponent(`${url}/account?tab=1`)
      expect(answer.headers.location).toBe(`${org.url}/login/login.htm?fromURI=${back}`)
      expect(answer.headers).toMatchObject({ 'cache-control': 'private, no-store', vary: 'Cookie' })
    },
  )

  it.each([['script'], ['scriptPost']] as const)(
    'an anonymous %s gets a problem with its reason',
    async (kind) => {
      const { org, visit } = await openGuarded()
      const answer = await visit[kind]().expect(401)
      expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
      expect(answer.headers).not.toHaveProperty('location')
      expect(answer.body).toEqual({
        type: 'about:blank',
        title: 'Unauthorized',
        status: 401,
        code: 'session_required',
        reason: 'no_cookie',
      })
      const unknown = await visit[kind]('idx=nobody').expect(401)
      expect(unknown.body).toMatchObject({ code: 'session_required', reason: 'not_found' })
      const invalid = await visit[kind]('idx="nobody"').expect(401)
      expect(invalid.body.reason).toBe('invalid_cookie')
      const ambiguous = await visit[kind]('idx=one; idx=other').expect(401)
      expect(ambiguous.body.reason).toBe('ambiguous_cookie')
      expect(org.calls.getCurrentSession).toBe(1)
    },
  )

  it('an anonymous form post gets a page of the same status, with a link to sign in', async () => {
    const { org, visit } = await openGuarded()
    const { text, headers } = await visit.form().expect(401)
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    expect(text).toContain(`<a href="${org.url}/login/login.htm?fromURI=`)
    expect(headers).not.toHaveProperty('set-cookie')
  })

  it('the answer to an ended session says that it has ended', async () => {
    const { org, clock, visit } = await openGuarded({ org: { idleMinutes: 1 } })
    const cookie = org.signIn('alice@example.com')
    await visit.script(cookie).expect(200)
    clock.advance(61_000)
    expect((await visit.script(cookie).expect(401)).body.reason).toBe('not_found')
  })

  it('without Sec-Fetch-Mode the Accept header tells a page from a script', async () => {
    const { url } = await openGuarded()
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

  it('sign-in returns to the full path where a router has shortened it', async () => {
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

  it('sign-in returns to no other site, whatever path is requested', async () => {
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
  ])('the redirect to sign-in follows signInUrl: %o', async (okta, location) => {
    const { visit } = await openGuarded({ okta })
    expect((await visit.page().expect(302)).headers.location).toBe(location)
  })
})

describe('a session that lacks a factor', () => {
  it.each([
    ['MFA_REQUIRED', 'mfa_required', 'mfa_required'],
    ['MFA_ENROLL', 'mfa_enroll_required', 'mfa_enroll'],
  ] as const)('a session that lacks a factor is refused: %s', async (status, code, reason) => {
    const { org, visit } = await openGuarded()
    const cookie = org.signIn('alice@example.com', { status })
    for (const kind of ['page', 'head'] as const) {
      const { headers } = await visit[kind](cookie).expect(302)
      expect(headers.location).toContain(`${org.url}/login/login.htm?fromURI=`)
    }
    for (const kind of ['script', 'scriptPost'] as const) {
      const { body } = await visit[kind](cookie).expect(403)
      expect(body).toEqual({ type: 'about:blank', title: 'Forbidden', status: 403, code, reason })
    }
    const { text } = await visit.form(cookie).expect(403)
    expect(text).toContain(`<a href="${org.url}/login/login.htm?fromURI=`)
  })

  it('a session with an unknown status is refused', async () => {
    const { org, visit } = await openGuarded()
    const cookie = org.signIn('alice@example.com')
    org.failNext({ kind: 'fields', set: { status: 'PAUSED' } })
    const { body } = await visit.script(cookie).expect(403)
    expect(body).toMatchObject({ code: 'session_incomplete', reason: 'unknown_status' })
  })
})

describe('Okta unavailable', () => {
  it('an unavailable Okta is a 503 with Retry-After, without a redirect or a cleared cookie', async () => {
    const { org, visit } = await openGuarded()
    org.fail({ kind: 'status', status: 500 })
    for (const kind of everyKind) {
      const { headers } = await visit[kind](`idx=of-a-${kind}`).expect(503)
      expect(headers['retry-after']).toBe('1')
      const isNavigation = kind === 'page' || kind === 'head'
      const names = Object.keys(cookiesOf({ headers }))
      expect(names).toEqual(isNavigation ? ['okta-unavailable-since'] : [])
      expect(headers).not.toHaveProperty('location')
      expect(headers['cache-control']).toBe('private, no-store')
    }
  })

  it('the 503 page reloads itself, unless that would send a form again', async () => {
    const { org, visit } = await openGuarded()
    org.fail({ kind: 'rate_limit' })
    const { text, headers } = await visit.page('idx=one').expect(503)
    const seconds = Number(headers['retry-after'])
    expect(seconds).toBeGreaterThan(1)
    expect(text).toContain(`<meta http-equiv="refresh" content="${seconds}">`)
    expect(text).not.toContain('/login/login.htm')
    const form = await visit.form('idx=two').expect(503)
    expect(form.headers['content-type']).toContain('text/html')
    expect(form.text).not.toContain('http-equiv')
  })

  it('the 503 for a script is a problem with the reason', async () => {
    const { org, visit } = await openGuarded()
    org.fail({ kind: 'html' })
    for (const kind of ['script', 'scriptPost'] as const)
      expect((await visit[kind](`idx=of-a-${kind}`).expect(503)).body).toEqual({
        type: 'about:blank',
        title: 'Service Unavailable',
        status: 503,
        code: 'okta_unavailable',
        reason: 'content_type',
      })
  })

  it('a session seen a short while ago is let through while Okta is unavailable', async () => {
    const { org, clock, visit } = await openGuarded()
    const cookie = org.signIn('alice@example.com')
    await visit.page(cookie).expect(200)
    clock.advance(200_000)
    org.fail({ kind: 'reset' })
    await visit.page(cookie).expect(200)
  })
})

describe('a client over its own failure budget', () => {
  it('a client over its failure budget gets 429 with Retry-After, until it has waited', async () => {
    const { clock, visit } = await openGuarded({
      okta: { upstream: { failedLookupsPerClient: { perSecond: 0.1, burst: 2 } } },
    })
    await visit.script('idx=guess-1').expect(401)
    await visit.script('idx=guess-2').expect(401)
    for (const kind of everyKind) {
      const { headers } = await visit[kind]('idx=guess-3').expect(429)
      expect(headers['retry-after']).toBe('10')
      expect(headers).not.toHaveProperty('set-cookie')
    }
    expect((await visit.script('idx=guess-3')).body).toMatchObject({
      title: 'Too Many Requests',
      status: 429,
      code: 'too_many_attempts',
    })
    expect((await visit.page('idx=guess-3')).text).toContain('Too many attempts')
    clock.advance(10_000)
    await visit.script('idx=guess-3').expect(401)
  })

  it('each client behind a trusted proxy has a failure budget of its own', async () => {
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

describe('what the app has said of caching', () => {
  it('the app’s Cache-Control stands where the guard lets through, and not on the guard’s own answer', async () => {
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

describe('a guard without Express', () => {
  it('requireSession() works in a Connect app', async () => {
    const { okta, org } = await startParts()
    const app = connect()
    app.use(okta.requireSession())
    app.use((req, res) => void res.end(okta.session(req).login))
    const url = await serve(app)
    await request(url).get('/').expect(401)
    const { text } = await request(url).get('/').set('Cookie', org.signIn('bob@example.com'))
    expect(text).toBe('bob@example.com')
  })

  it('requireSession() works in front of a plain node:http handler', async () => {
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
