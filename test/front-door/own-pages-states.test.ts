/** Each state in which a person sees a page of the package: the reason in words, what to do, and the way home. */
import express from 'express'
import type { SessionRule } from 'express-okta-session'
import type { SignInOptions } from 'express-okta-session/local-org'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, type Choices, ownPage, page, serve, startParts } from './door.js'
import { seen } from './guard-page.js'

const formType = { 'Content-Type': 'application/x-www-form-urlencoded' }

/** An app with a guard for each rule, and the handlers that people reach with forms. */
async function open(choices: Choices = {}) {
  const parts = await startParts(choices)
  const { okta, org } = parts
  const guard = (rule: SessionRule) => okta.requireSession(rule)
  const app = express()
  app.all('/account', okta.requireSession())
  app.all('/admin', guard({ mfa: true }))
  app.all('/recent', guard({ signedInWithinMs: 1 }))
  app.all('/others', guard({ allow: () => false }))
  app.all('/login', okta.login())
  app.all('/logout', okta.logout())
  const url = await serve(app)
  const get = (path: string, headers: object = {}) =>
    request(url)
      .get(path)
      .set({ ...page, ...headers })
  const post = (path: string, headers: object = {}) =>
    request(url)
      .post(path)
      .set({ ...page, ...ownPage, ...formType, Referer: `${url}/form?a=1`, ...headers })
  const signedIn = (options?: SignInOptions) => ({
    Cookie: org.signIn('alice@example.com', options),
  })
  return { ...parts, url, get, post, signedIn }
}

type Opened = Awaited<ReturnType<typeof open>>
type Visit = (opened: Opened) => request.Test | Promise<request.Response>

interface State {
  readonly status: number
  readonly visit: Visit
  readonly choices?: Choices
  readonly heading: string
  readonly reason: string
  readonly advice: string
  readonly links: readonly string[]
}

const perClient = { failedLookupsPerClient: { perSecond: 0.1, burst: 1 } }

const states: Readonly<Record<string, State>> = {
  'a form without a session': {
    status: 401,
    visit: ({ post }) => post('/account'),
    heading: 'Please sign in',
    reason: 'You need to be signed in to do this.',
    advice: 'Sign in, then send the form again.',
    links: ['Sign in', 'Go back', 'Home page'],
  },
  'a form with the cookie of an ended session': {
    status: 401,
    visit: ({ post }) => post('/account', { Cookie: 'idx=ended' }),
    heading: 'Please sign in',
    reason: 'You need to be signed in to do this. Your session is over.',
    advice: 'Sign in, then send the form again.',
    links: ['Sign in', 'Go back', 'Home page'],
  },
  'a form with cookies that contradict each other': {
    status: 401,
    visit: ({ post }) => post('/account', { Cookie: 'idx=one; idx=other' }),
    heading: 'Please sign in',
    reason:
      'You need to be signed in to do this. Your browser sends session cookies that contradict each other (idx): another site of this domain may have set one.',
    advice: 'Sign in, then send the form again.',
    links: ['Sign in', 'Go back', 'Home page'],
  },
  'a form with a session that lacks its second factor': {
    status: 403,
    visit: ({ post, signedIn }) => post('/account', signedIn({ status: 'MFA_REQUIRED' })),
    heading: 'A second factor is needed',
    reason: 'Your sign-in still lacks its second factor.',
    advice: 'Please sign in with a second factor to continue.',
    links: ['Sign in', 'Go back', 'Home page'],
  },
  'a form with a session whose user has no second factor': {
    status: 403,
    visit: ({ post, signedIn }) => post('/account', signedIn({ status: 'MFA_ENROLL' })),
    heading: 'A second factor is needed',
    reason: 'Your sign-in asks for a second factor, and you have not set one up yet.',
    advice: 'Please set up a second factor at sign-in to continue.',
    links: ['Sign in', 'Go back', 'Home page'],
  },
  'a form with a session of an unknown status': {
    status: 403,
    // A status that Okta may add.
    visit: ({ post, signedIn }) => post('/account', signedIn({ status: 'LATER' as 'ACTIVE' })),
    heading: 'Signing in is not finished',
    reason: 'Your sign-in was begun and not completed.',
    advice: 'Please finish signing in to continue.',
    links: ['Sign in', 'Go back', 'Home page'],
  },
  'a rule for a second factor': {
    status: 403,
    visit: ({ get, signedIn }) => get('/admin', signedIn()),
    heading: 'A second factor is needed',
    reason: 'You are signed in, but without the second factor that this page asks for.',
    advice: 'Please sign in with a second factor to continue.',
    links: ['Sign in', 'Home page'],
  },
  'a rule for a recent sign-in': {
    status: 403,
    visit: ({ get, signedIn, clock }) => {
      const headers = signedIn()
      clock.advance(60_000)
      return get('/recent', headers)
    },
    heading: 'Please sign in again',
    reason: 'This page requires that you have signed in a short while ago.',
    advice: 'Please sign in again to continue.',
    links: ['Sign in', 'Home page'],
  },
  'a check of the app': {
    status: 403,
    visit: ({ get, signedIn }) => get('/others', signedIn()),
    heading: 'Not allowed',
    reason: 'You are signed in, but this is not open to you.',
    advice: 'If you need it, ask the people who run this app.',
    links: ['Home page'],
  },
  'a client over its failure budget': {
    status: 429,
    choices: { okta: { upstream: perClient } },
    visit: async ({ get }) => {
      await get('/account', { Cookie: 'idx=one' }).expect(302)
      return get('/account', { Cookie: 'idx=two' })
    },
    heading: 'Too many attempts',
    reason: 'Too many failed attempts came from your browser or your network in a short time.',
    advice: 'Please wait 10 seconds, then try again. If your session is over, sign in again.',
    links: ['Sign in', 'Try again', 'Home page'],
  },
  'a form of a client over its failure budget': {
    status: 429,
    choices: { okta: { upstream: perClient } },
    visit: async ({ get, post }) => {
      await get('/account', { Cookie: 'idx=one' }).expect(302)
      return post('/account', { Cookie: 'idx=two' })
    },
    heading: 'Too many attempts',
    reason: 'Too many failed attempts came from your browser or your network in a short time.',
    advice:
      'Please wait 10 seconds, then send the form again. If your session is over, sign in again.',
    links: ['Sign in', 'Go back', 'Home page'],
  },
  'a form in an outage': {
    status: 503,
    visit: ({ post, org, signedIn }) => {
      const headers = signedIn()
      org.fail({ kind: 'status', status: 500 })
      return post('/account', headers)
    },
    heading: 'One moment, please',
    reason: 'We cannot check your sign-in right now. You are not signed out.',
    advice: 'Please go back and send the form again shortly.',
    links: ['Go back', 'Home page'],
  },
  'a form of another site': {
    status: 403,
    visit: ({ post }) =>
      post('/login', { 'Sec-Fetch-Site': 'cross-site', Referer: 'https://evil.example/' }),
    heading: 'Not from here',
    reason: 'This form was sent from another site, or your browser did not say from where.',
    advice: 'Open the page in this app, and send the form from there.',
    links: ['Home page'],
  },
  'a sign-in without a token': {
    status: 400,
    visit: ({ post }) => post('/login'),
    heading: 'Signing in did not work',
    reason: 'The form was not complete.',
    advice: 'Please go back and try again.',
    links: ['Go back', 'Home page'],
  },
  'a sign-in with a form that is too large': {
    status: 413,
    visit: ({ post }) => post('/login').send(`sessionToken=${'x'.repeat(200_000)}`),
    heading: 'Signing in did not work',
    reason: 'The form was too large.',
    advice: 'Please go back and try again.',
    links: ['Go back', 'Home page'],
  },
  'a refused sign-in': {
    status: 401,
    visit: ({ post }) => post('/login').send('sessionToken=unknown'),
    heading: 'Signing in did not work',
    reason: 'The sign-in was not accepted, or took too long.',
    advice: 'Please try again.',
    links: ['Go back', 'Home page'],
  },
  'a sign-in over the failure budget': {
    status: 429,
    choices: { okta: { upstream: perClient } },
    visit: async ({ post }) => {
      await post('/login').send('sessionToken=one').expect(401)
      return post('/login').send('sessionToken=two')
    },
    heading: 'Too many attempts',
    reason: 'Too many failed attempts came from your browser or your network in a short time.',
    advice: 'Please wait 10 seconds, then send the form again.',
    links: ['Go back', 'Home page'],
  },
  'a sign-in in an outage': {
    status: 503,
    visit: ({ post, org }) => {
      org.fail({ kind: 'status', status: 500 })
      return post('/login').send('sessionToken=one')
    },
    heading: 'One moment, please',
    reason: 'Signing in is not possible right now.',
    advice: 'Please try again shortly.',
    links: ['Go back', 'Home page'],
  },
  'a loop of sign-ins': {
    status: 401,
    visit: ({ get, clock }) => get('/account', { Cookie: loop(clock.now()) }),
    heading: 'Signing in did not work',
    reason:
      'You were sent to sign in several times in a row and came back without a session. Your browser sends no session cookie: it may not be keeping it, or this app and the sign-in page are not on the same host.',
    advice: 'To continue, sign in again with the link below, or open the page again in a minute.',
    links: ['Sign in', 'Home page'],
  },
  'a loop of sign-ins with cookies that contradict each other': {
    status: 401,
    visit: ({ get, clock }) =>
      get('/account', { Cookie: `idx=one; idx=other; ${loop(clock.now())}` }),
    heading: 'Signing in did not work',
    reason:
      'You were sent to sign in several times in a row and came back without a session. Your browser sends session cookies that contradict each other (idx): another site of this domain may have set one.',
    advice: 'Signing out removes them; then sign in again.',
    links: ['Sign out', 'Sign in', 'Home page'],
  },
}

function loop(now: number): string {
  return `okta-sign-in-redirects=99.${now}`
}

describe('a page says the reason, what to do, and has a way home', () => {
  it.each(Object.entries(states))(
    'the page of %s says why, what to do, and leads home',
    async (_, { status, visit, choices, heading, reason, advice, links }) => {
      const answer = await visit(await open(choices))
      expect(answer.status).toBe(status)
      const it = seen(answer)
      expect(it).toMatchObject({ lang: 'en', title: heading, heading })
      expect(it.paragraphs).toEqual([reason, advice])
      expect(it.links.map(([text]) => text)).toEqual(links)
      expect(it.links.at(-1)).toEqual(['Home page', '/'])
      expect(answer.text).not.toMatch(/<script|<img|<link|style="/)
      expect(answer.headers['content-security-policy']).toContain("default-src 'none'")
    },
  )

  it('all states have the same look', async () => {
    const styles = new Set<string>()
    for (const { visit, choices } of Object.values(states)) {
      const { text } = await visit(await open(choices))
      styles.add(/<style>(.*?)<\/style>/s.exec(text)?.[1] ?? 'none')
      expect(text).toContain('<meta name="viewport" content="width=device-width')
      expect(text).toContain('<meta name="color-scheme" content="light dark">')
    }
    expect([...styles]).toEqual([expect.stringContaining('color-scheme:light dark')])
  })

  it('the page of logout() asks before it signs out, and leads home', async () => {
    const { get } = await open()
    const answer = await get('/logout').expect(405)
    expect(seen(answer)).toMatchObject({ heading: 'Sign out' })
    expect(seen(answer).paragraphs).toEqual(['Do you want to sign out?'])
    expect(seen(answer).links).toEqual([
      ['Sign out', ''],
      ['Home page', '/'],
    ])
    expect(answer.text).toContain('<form method="post"><button>Sign out</button></form>')
    expect(answer.headers['content-security-policy']).toContain("form-action 'self'")
  })

  it('a refused form leads back to the page it was on, and never to another site', async () => {
    const { post, url } = await open()
    const back = async (referer: string) =>
      seen(await post('/account', { Referer: referer }).expect(401)).links.find(
        ([text]) => text === 'Go back',
      )
    expect(await back(`${url}/form?a=1&b="2`)).toEqual(['Go back', '/form?a=1&b=%222'])
    expect(await back('https://evil.example/form')).toBeUndefined()
    expect(await back(`${url}//evil.example`)).toBeUndefined()
  })
})

describe('the answer without a page', () => {
  it('HEAD gets the headers of the page and no body', async () => {
    const { url, signedIn } = await open()
    const headers = { ...page, ...signedIn() }
    const { text, headers: got } = await request(url).get('/admin').set(headers).expect(403)
    const head = await request(url).head('/admin').set(headers).expect(403)
    expect(head.text ?? '').toBe('')
    expect(head.headers['content-length']).toBe(String(Buffer.byteLength(text)))
    expect(head.headers['content-security-policy']).toBe(got['content-security-policy'])
  })

  it('a script gets the problem alone, without the link of the 429 page', async () => {
    const given: (string | undefined)[] = []
    const { url } = await open({
      okta: {
        upstream: perClient,
        onDenied({ signInUrl }) {
          given.push(signInUrl)
          return false
        },
      },
    })
    const visit = (kind: object, cookie: string) =>
      request(url)
        .get('/account')
        .set({ ...kind, Cookie: cookie })
    await visit(api, 'idx=one').expect(401)
    const { body, type } = await visit(api, 'idx=two').expect(429)
    expect(type).toBe('application/problem+json')
    expect(body).toEqual({
      type: 'about:blank',
      title: 'Too Many Requests',
      status: 429,
      code: 'too_many_attempts',
      reason: 'too_many_attempts',
    })
    await visit(page, 'idx=two').expect(429)
    expect(given).toEqual([expect.any(String), undefined, expect.any(String)])
  })
})

describe('pages.home', () => {
  it.each([
    ['a path', '/start', '/start'],
    ['a URL', 'https://www.example.com/start', 'https://www.example.com/start'],
    ['a path with signs of HTML', '/"><script>alert(1)</script>', '/"><script>alert(1)</script>'],
  ])('the link home leads to pages.home: %s', async (_, home, href) => {
    const { get, signedIn } = await open({ okta: { pages: { home } } })
    const answer = await get('/others', signedIn()).expect(403)
    expect(seen(answer).links).toEqual([['Home page', href]])
    expect(answer.text).not.toContain('<script')
  })

  it('pages.home: false leaves the link out', async () => {
    const { get, signedIn } = await open({ okta: { pages: { home: false } } })
    expect(seen(await get('/others', signedIn()).expect(403)).links).toEqual([])
  })

  it('a page that is refused at pages.home has no link to itself', async () => {
    const { get, signedIn } = await open({ okta: { pages: { home: '/others?tab=1' } } })
    const headers = signedIn()
    expect(seen(await get('/others?tab=2', headers).expect(403)).links).toEqual([])
    const elsewhere = seen(await get('/admin', headers).expect(403))
    expect(elsewhere.links.at(-1)).toEqual(['Home page', '/others?tab=1'])
  })

  it('a hostile sign-in URL of the app is escaped', async () => {
    const signInUrl = () => '/sign-in?a="><script>alert(1)</script>&b=\'c'
    const { get, signedIn } = await open({ okta: { signInUrl } })
    const answer = await get('/admin', signedIn()).expect(403)
    expect(seen(answer).links[0]).toEqual(['Sign in', signInUrl()])
    expect(answer.text).not.toContain('<script')
    expect(answer.text).not.toContain("'c")
  })
})
