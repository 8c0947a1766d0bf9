/** forwardAuth(): what a reverse proxy is told of a request it asks about. */
import express from 'express'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, type Choices, cookiesOf, page, serve, startParts } from './door.js'

type Options = Parameters<Awaited<ReturnType<typeof startParts>>['okta']['forwardAuth']>[0]

async function open(options: Options = {}, choices: Choices = {}) {
  const parts = await startParts(choices)
  const url = await serve(express().use('/auth', parts.okta.forwardAuth(options)))
  const ask = (cookie?: string, headers: Record<string, string> = {}) =>
    request(url)
      .get('/auth')
      .set(cookie === undefined ? headers : { ...headers, Cookie: cookie })
  return { ...parts, url, ask }
}

const identity = ({ headers }: { headers: Record<string, string> }) => ({
  userId: headers['okta-user-id'],
  login: headers['okta-login'],
  amr: headers['okta-amr'],
})

describe.each(['identity', 'classic'] as const)('on the %s engine', (engine) => {
  it('forwardAuth() answers an active session with 200, no body and its identity headers', async () => {
    const { org, ask } = await open({}, { org: { engine } })
    const cookie = org.signIn('alice@example.com', { mfa: true })
    const [session] = org.sessions
    const answer = await ask(cookie).expect(200)
    expect(identity(answer)).toEqual({
      userId: session?.userId,
      login: 'alice%40example.com',
      amr: session?.amr.join(' '),
    })
    expect(answer.headers).toMatchObject({ 'cache-control': 'private, no-store', vary: 'Cookie' })
    expect(answer.headers).not.toHaveProperty('set-cookie')
    expect(answer.headers).toMatchObject({ 'content-length': '0' })
    await ask(cookie).expect(200)
    expect(org.calls.getCurrentSession).toBe(1)
  })
})

describe('identity headers', () => {
  it.each([
    ['Jürgen Åström', 'J%C3%BCrgen%20%C3%85str%C3%B6m'],
    ['a\r\nOkta-Amr: mfa', 'a%0D%0AOkta-Amr%3A%20mfa'],
    ['half a \ud83d', 'half%20a%20%EF%BF%BD'],
  ])(
    'forwardAuth() percent-encodes a name that no header could hold: %j',
    async (login, expected) => {
      const { org, ask } = await open()
      org.failNext({ kind: 'fields', set: { login, amr: ['p w', 'm\nfa'] } })
      const answer = await ask(org.signIn('alice@example.com')).expect(200)
      expect(identity(answer)).toMatchObject({ login: expected, amr: 'p%20w m%0Afa' })
    },
  )
})

describe('denials', () => {
  it('forwardAuth() answers each denial with its own status, for a page or a script', async () => {
    const { org, ask } = await open(
      { rule: { mfa: true } },
      { okta: { upstream: { failedLookupsPerClient: { perSecond: 0.1, burst: 1 } } } },
    )
    for (const headers of [{}, page]) {
      const nobody = await ask(undefined, headers).expect(401)
      expect(nobody.body).toMatchObject({ code: 'session_required', reason: 'no_cookie' })
      expect(nobody.headers['content-type']).toBe('application/problem+json; charset=utf-8')
      expect(identity(nobody)).toEqual({})
      const weak = await ask(org.signIn('alice@example.com'), headers).expect(403)
      expect(weak.body).toMatchObject({ code: 'mfa_required', amr: ['mfa'] })
      expect(identity(weak)).toEqual({})
    }
    const incomplete = org.signIn('alice@example.com', { status: 'MFA_ENROLL' })
    expect((await ask(incomplete).expect(403)).body.code).toBe('mfa_enroll_required')
    // One failure, and three for each of the three sessions.
    for (let i = 0; i < 10; i += 1) await ask(`idx=guess-${i}`).expect(401)
    const guessing = await ask('idx=other-guess').expect(429)
    expect(guessing.headers['retry-after']).toBe('10')
  })

  it('forwardAuth() answers 503 with Retry-After while Okta is unavailable', async () => {
    const { org, ask } = await open({ redirect: true })
    org.fail({ kind: 'html' })
    const { headers, body } = await ask('idx=one').expect(503)
    expect(headers['retry-after']).toBe('1')
    expect(headers).not.toHaveProperty('location')
    expect(body.code).toBe('okta_unavailable')
    expect(headers).toMatchObject({ 'cache-control': 'private, no-store', vary: 'Cookie' })
  })
})

describe('redirect', () => {
  const appUrl = 'https://app.example.com'

  it.each([
    [{ 'X-Forwarded-Uri': '/deep?a=b' }, '/deep?a=b'],
    [{ 'X-Original-Uri': '/deep?a=b' }, '/deep?a=b'],
    [{ 'X-Forwarded-Uri': '//evil.example/' }, '/'],
    [{ 'X-Forwarded-Uri': 'https://evil.example/' }, '/'],
    [{ 'X-Forwarded-Uri': '/\\evil.example' }, '/'],
  ])(
    'forwardAuth() redirects to sign-in and back to the URL the proxy was asked for: %o',
    async (headers, path) => {
      const { org, ask } = await open({ redirect: true }, { okta: { appUrl } })
      const answer = await ask(undefined, { ...page, ...headers }).expect(302)
      const back = encodeURIComponent(appUrl + path)
      expect(answer.headers.location).toBe(`${org.url}/login/login.htm?fromURI=${back}`)
      expect(answer.headers['cache-control']).toBe('private, no-store')
    },
  )

  it('forwardAuth() never redirects to a host that the client chose', async () => {
    const { ask } = await open({ redirect: true }, { okta: { appUrl } })
    const answer = await ask(undefined, {
      ...page,
      'X-Forwarded-Host': 'evil.example',
    }).expect(302)
    expect(answer.headers.location).not.toContain('evil')
  })

  it('forwardAuth() answers 403 to a session that does not satisfy the rule', async () => {
    const { org, ask } = await open({ redirect: true, rule: { mfa: true } })
    await ask(org.signIn('alice@example.com')).expect(403)
  })
})

describe('the status of a request that may pass', () => {
  it('forwardAuth() answers the status that the app names', async () => {
    const { org, ask } = await open({ status: 204 })
    await ask(org.signIn('alice@example.com')).expect(204, '')
  })
})

/** The same request to the guard, and to forwardAuth() as each proxy asks about it. */
async function openBesideGuard() {
  const appUrl = 'https://app.example.com'
  const parts = await startParts({ okta: { appUrl } })
  const guard = parts.okta.requireSession({ mfa: true })
  const app = express()
  app.use('/envoy', parts.okta.forwardAuth({ redirect: true, rule: { mfa: true } }))
  app.get('/traefik', parts.okta.forwardAuth({ redirect: true, rule: { mfa: true } }))
  app.use('/deep', guard, (_req, res) => void res.send('passed'))
  const url = await serve(app)
  const target = '/deep/page?a=b'
  const forwarded = { 'X-Forwarded-Uri': target, 'X-Forwarded-Host': 'app.example.com' }
  const ask = {
    guard: (method: Method, headers: Record<string, string>) =>
      request(url)[method](target).set(headers),
    // Envoy sends the path behind a prefix, and the method as it is.
    envoy: (method: Method, headers: Record<string, string>) =>
      request(url)[method](`/envoy${target}`).set(headers),
    traefik: (method: Method, headers: Record<string, string>) =>
      request(url)
        .get('/traefik')
        .set({ ...headers, ...forwarded, 'X-Forwarded-Method': method.toUpperCase() }),
  }
  return { ...parts, ask }
}

type Method = 'get' | 'head' | 'post' | 'options'

/** What a browser says of a request that is no page. */
const destinations: Record<string, Record<string, string>> = {
  page,
  'page with a Referer': { ...page, Referer: 'https://app.example.com/form?c=d' },
  fetch: api,
  script: { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'script', Accept: '*/*' },
  image: { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image', Accept: 'image/*,*/*;q=0.8' },
  EventSource: { 'Sec-Fetch-Mode': 'cors', Accept: 'text/event-stream' },
  'page of an old browser': { Accept: 'text/html' },
  program: {},
  preflight: { Origin: 'https://www.example.com', 'Access-Control-Request-Method': 'PUT' },
}
const sessions = ['none', 'incomplete', 'weak', 'unanswered'] as const

describe.each(['envoy', 'traefik'] as const)('behind %s, with redirect', (proxy) => {
  it.each(sessions)(
    'every request is answered as the guard answers it: session %s',
    async (kind) => {
      const { org, ask } = await openBesideGuard()
      const cookie = cookieOf(kind)
      for (const [name, headers] of Object.entries(destinations)) {
        for (const method of ['get', 'head', 'post', 'options'] as const) {
          const sent = { ...headers, ...(cookie !== undefined && { Cookie: cookie }) }
          const [guard, other] = [await ask.guard(method, sent), await ask[proxy](method, sent)]
          // Traefik asks with GET whatever the method is: the answer to HEAD has a body.
          const body = method === 'head' ? '' : guard.text
          const facts = ({ status, headers: { location, ...rest } }: typeof guard) => ({
            status,
            location,
            type: rest['content-type'],
            policy: rest['content-security-policy'],
            retryAfter: rest['retry-after'],
            cookies: rest['set-cookie'],
          })
          expect(facts(other), `${method} ${name}`).toEqual(facts(guard))
          if (method !== 'head') expect(other.text, `${method} ${name}`).toBe(body)
        }
      }

      function cookieOf(session: (typeof sessions)[number]) {
        if (session === 'incomplete')
          return org.signIn('alice@example.com', { status: 'MFA_REQUIRED' })
        if (session === 'weak') return org.signIn('alice@example.com')
        if (session === 'unanswered') org.fail({ kind: 'html' })
        return session === 'unanswered' ? 'idx=one' : undefined
      }
    },
  )

  it('a browser that comes back without a session again and again gets the page about it', async () => {
    const { ask } = await openBesideGuard()
    let cookie = 'idx=never-good'
    let from = {}
    for (let times = 0; times < 4; times += 1) {
      const answer = await ask[proxy]('get', { ...page, ...from, Cookie: cookie }).expect(302)
      from = { Referer: new URL(answer.headers.location ?? '').origin }
      cookie = `idx=never-good; okta-sign-in-redirects=${cookiesOf(answer)['okta-sign-in-redirects']?.value}`
    }
    const { text } = await ask[proxy]('get', { ...page, ...from, Cookie: cookie }).expect(401)
    expect(text).toContain('several times in a row')
  })

  it('a request that passes ends the count of returns', async () => {
    const { org, ask } = await openBesideGuard()
    const cookie = `${org.signIn('alice@example.com', { mfa: true })}; okta-sign-in-redirects=1.1`
    const answer = await ask[proxy]('get', { ...page, Cookie: cookie }).expect(200)
    expect(cookiesOf(answer)['okta-sign-in-redirects']?.attributes).toContain('Max-Age=0')
    const { headers } = await ask[proxy]('get', { ...page, Cookie: cookie }).expect(200)
    expect(headers).not.toHaveProperty('set-cookie')
  })

  it('a posted form never leads back to its own address', async () => {
    const { ask } = await openBesideGuard()
    const { text } = await ask[proxy]('post', page).expect(401)
    expect(text).toContain(encodeURIComponent('https://app.example.com/'))
    expect(text).not.toContain('deep')
  })
})

describe('a CORS preflight', () => {
  const preflight = { Origin: 'https://www.example.com', 'Access-Control-Request-Method': 'PUT' }

  it.each<[string, Record<string, string>, number]>([
    ['by X-Forwarded-Method', { ...preflight, 'X-Forwarded-Method': 'OPTIONS' }, 200],
    ['by X-Original-Method', { ...preflight, 'X-Original-Method': 'OPTIONS' }, 200],
    ['of another method', { ...preflight, 'X-Forwarded-Method': 'PUT' }, 401],
    [
      'of two methods',
      { ...preflight, 'X-Forwarded-Method': 'OPTIONS', 'X-Original-Method': 'GET' },
      401,
    ],
    [
      'without Origin',
      { 'X-Forwarded-Method': 'OPTIONS', 'Access-Control-Request-Method': 'PUT' },
      401,
    ],
    ['without the method to come', { Origin: 'x', 'X-Forwarded-Method': 'OPTIONS' }, 401],
    ['without a method', preflight, 401],
  ])('passes where allowPreflight says so, and as nobody: %s', async (_, headers, status) => {
    const { org, ask } = await open({ allowPreflight: true })
    const answer = await ask(undefined, headers).expect(status)
    expect(identity(answer)).toEqual({})
    const refusing = await open()
    await refusing.ask(undefined, headers).expect(401)
    expect(org.calls.getCurrentSession).toBe(0)
  })

  it('a CORS preflight passes with its own method, and no other method claims to be one', async () => {
    const { url } = await open({ allowPreflight: true })
    await request(url).options('/auth/deep').set(preflight).expect(200)
    const claim = { ...preflight, 'X-Forwarded-Method': 'OPTIONS' }
    await request(url).post('/auth/deep').set(claim).expect(401)
  })
})

describe('options that can’t be', () => {
  it('forwardAuth() throws a TypeError that names an invalid option', async () => {
    const { okta } = await startParts()
    expect(() => okta.forwardAuth({ redirect: 'yes', rules: {} } as never)).toThrow(
      /^forwardAuth\(\).*\n {2}redirect: got "yes"; must be true or false \(EOS203\)\n {2}rules: no such option; did you mean `rule`\? \(EOS202\)\n.*$/,
    )
    expect(() => okta.forwardAuth({ status: 302 })).toThrow(
      /status: got 302; must be a whole number from 200 to 299/,
    )
    expect(() => okta.forwardAuth({ rule: { mfa: 1 } } as never)).toThrow(/^forwardAuth\(\).*mfa/s)
  })
})
