/** Round trips to sign-in are counted, not redirects, so that a browser that never gets a session is told so. */
import { hash } from 'node:crypto'
import express from 'express'
import type { OktaSessionOptions } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { cookiesOf, page, serve, startParts } from './door.js'
import { openGuarded } from './guarded-app.js'

const NAME = 'okta-sign-in-redirects'
/** The digest of `/account`. */
const PAGE = hash('sha256', '/account', 'base64url').slice(0, 6)

/** A browser's jar and its pages: each answer's count goes into the next request. */
async function openBrowser(cookie?: string, okta: OktaSessionOptions = {}) {
  const lines: unknown[][] = []
  const logger = { warn: (...line: unknown[]) => void lines.push(line) }
  const parts = await startParts({ okta: { logger, ...okta } })
  const app = express()
  app.get('/{*path}', parts.okta.requireSession(), (_req, res) => void res.send('passed'))
  const url = await serve(app)
  let count: string | undefined
  /** A cookie of another host, which the browser sends first. */
  let planted: string | undefined
  const plant = (other: string) => {
    planted = other
  }
  const jar = () => [planted, cookie, count].filter(Boolean).join('; ')
  const visit = (path: string, headers: Record<string, string>, host?: string) =>
    request(url)
      .get(path)
      .set({ ...page, ...headers, ...(host && { Host: host }), Cookie: jar() })
  const open = async (path: string, headers: Record<string, string> = {}, host?: string) => {
    const answer = await visit(path, headers, host)
    const line = [answer.headers['set-cookie'] ?? []].flat().find((each) => each.startsWith(NAME))
    if (line !== undefined) count = line.split(';')[0]
    return answer
  }
  /** The sign-in page sends the browser back. */
  const comeBack = (path: string, host?: string) =>
    open(path, { 'Sec-Fetch-Site': 'cross-site', Referer: `${parts.org.url}/` }, host)
  return { ...parts, url, lines, visit, open, comeBack, plant }
}

describe('a browser that comes back from signing in without a session, again and again', () => {
  it('repeated returns from sign-in without a session end in a page, not a redirect', async () => {
    const { org, clock, comeBack } = await openBrowser('idx=never-good')
    for (let times = 0; times < 4; times += 1) {
      const answer = await comeBack('/account?tab=1')
      clock.advance(25_000)
      expect(answer.status).toBe(302)
      const { value, attributes } = cookiesOf(answer)[NAME] ?? {}
      expect(value).toMatch(new RegExp(`^${times}\\.\\d+\\.[\\w-]{6}0$`))
      expect(attributes).toEqual(['HttpOnly', 'Max-Age=60', 'Path=/', 'SameSite=Lax'])
    }
    const { status, text, headers } = await comeBack('/account?tab=1')
    expect(status).toBe(401)
    expect(headers).not.toHaveProperty('location')
    expect(text).toContain('several times in a row')
    expect(text).toContain(`<a href="${org.url}/login/login.htm?fromURI=`)
  })

  it.each(['cross-site', 'same-site', 'none'])(
    'a loop of a browser that says Sec-Fetch-Site: %s ends before its 20 redirects do',
    async (site) => {
      const { open } = await openBrowser()
      let redirects = 0
      while ((await open('/account', { 'Sec-Fetch-Site': site })).status === 302) redirects += 2
      expect(redirects).toBeLessThanOrEqual(20)
    },
  )

  it('a loop over a sign-in page of the app’s own host ends, too', async () => {
    const { open } = await openBrowser('idx=never-good', { signInUrl: '/sign-in' })
    let redirects = 0
    while ((await open('/account', { 'Sec-Fetch-Site': 'same-origin' })).status === 302)
      redirects += 2
    expect(redirects).toBeLessThanOrEqual(20)
  })

  it('repeated returns of several tabs are counted together', async () => {
    const { comeBack } = await openBrowser()
    for (const path of ['/a', '/b', '/a', '/b', '/a'])
      expect((await comeBack(path)).status).toBe(302)
    expect((await comeBack('/b')).status).toBe(401)
  })

  it('a link of the app’s own that leads over sign-in and back ends in a page, too', async () => {
    const { url, open } = await openBrowser('idx=never-good')
    const passed = { 'Sec-Fetch-Site': 'cross-site', Referer: `${url}/start` }
    for (let times = 0; times < 4; times += 1)
      expect((await open('/account', passed)).status).toBe(302)
    expect((await open('/account', passed)).status).toBe(401)
  })

  it('repeated returns from a sign-in page of the app’s own host end in a page, too', async () => {
    const { url, clock, open } = await openBrowser('idx=never-good', { signInUrl: '/sign-in' })
    const from = (path: string) => {
      clock.advance(20_000)
      return open('/account', { 'Sec-Fetch-Site': 'same-origin', Referer: `${url}${path}` })
    }
    for (let times = 0; times < 12; times += 1) expect((await from('/start')).status).toBe(302)
    for (let times = 0; times < 3; times += 1) expect((await from('/sign-in?a=1')).status).toBe(302)
    expect((await from('/sign-in?a=1')).status).toBe(401)
  })

  it('a loop of a browser without Sec-Fetch headers and Referer ends before its 20 redirects do', async () => {
    const { clock, open } = await openBrowser()
    let redirects = 0
    while ((await open('/account')).status === 302) {
      redirects += 2
      clock.advance(1_500)
    }
    expect(redirects).toBeLessThanOrEqual(20)
  })

  it.each([
    ['no cookie', undefined, 'sends no session cookie'],
    ['a malformed cookie', 'idx=%31', 'cannot be read'],
    ['a cookie of no session', 'idx=nobody', 'is over'],
    ['two of one name', 'idx=one; idx=other', 'contradict each other (idx)'],
  ])('the page says what the reason is: %s', async (_, cookie, text) => {
    const { comeBack } = await openBrowser(cookie)
    for (let times = 0; times < 4; times += 1) await comeBack('/account')
    const answer = await comeBack('/account')
    expect(answer.status).toBe(401)
    expect(answer.text).toContain(text)
    // Signing out helps against cookies that contradict each other, and against nothing else.
    expect(answer.text.includes('>Sign out</a>')).toBe(text.startsWith('contradict'))
  })

  it('repeated returns without any session cookie are one line in the log, which names the hosts', async () => {
    const { comeBack, lines } = await openBrowser()
    for (let times = 0; times < 4; times += 1) await comeBack('/account')
    expect(lines).toEqual([])
    for (let times = 0; times < 2; times += 1)
      await comeBack('/account').then(({ status }) => expect(status).toBe(401))
    expect(lines).toEqual([
      [expect.stringMatching(/without a session cookie.+same host.+appUrl/), expect.anything()],
    ])
  })

  it('the page says that the session is signed out', async () => {
    const { org, okta, clock } = await startParts()
    const app = express().get('/', okta.requireSession()).post('/out', okta.logout())
    const cookie = org.signIn('alice@example.com')
    await request(app).post('/out').set({ 'Sec-Fetch-Site': 'same-origin', Cookie: cookie })
    const { text } = await request(app)
      .get('/')
      .set({ ...page, Cookie: `${cookie}; ${NAME}=4.${clock.now()}` })
      .expect(401)
    expect(text).toContain('is signed out')
  })

  it('a loop whose query changes with each round trip ends before its 20 redirects do', async () => {
    const { open } = await openBrowser()
    let redirects = 0
    const trip = () => open(`/account?state=${redirects}`, { 'Sec-Fetch-Site': 'cross-site' })
    while (redirects < 40 && (await trip()).status === 302) redirects += 2
    expect(redirects).toBeLessThanOrEqual(20)
  })

  it('returns from the sign-in page with another query each are counted together', async () => {
    const { comeBack } = await openBrowser()
    for (let times = 0; times < 4; times += 1)
      expect((await comeBack(`/account?state=${times}`)).status).toBe(302)
    expect((await comeBack('/account?state=4')).status).toBe(401)
  })

  it.each([
    ['is malformed', () => `${NAME}=x`],
    ['is too long', () => `${NAME}=${'x'.repeat(5_000)}`],
    ['counts no page', (now: number) => `${NAME}=1.${now}`],
    ['counts the page once', (now: number) => `${NAME}=0.${now}.${PAGE}0`],
    ['is old', (now: number) => `${NAME}=0.${now - 60_000}.${PAGE}9`],
    ['is sent many times', (now: number) => Array(50).fill(`${NAME}=0.${now}`).join('; ')],
  ])('a loop ends though another host planted a count that %s', async (_, planted) => {
    const { open, clock, plant } = await openBrowser()
    plant(planted(clock.now()))
    let redirects = 0
    const trip = () => open('/account', { 'Sec-Fetch-Site': 'cross-site' })
    while (redirects < 40 && (await trip()).status === 302) redirects += 2
    expect(redirects).toBeGreaterThan(8)
    expect(redirects).toBeLessThanOrEqual(20)
  })

  it('a planted count of many returns delays nothing once the user is signed in', async () => {
    const { org, clock, visit } = await openGuarded()
    const planted = `${NAME}=99.${clock.now()}`
    const { text } = await visit.page(planted).expect(401)
    expect(text).toContain('sign in again with the link below, or open the page again in a minute')
    await visit.page(`${planted}; ${org.signIn('alice@example.com')}`).expect(200)
    clock.advance(60_000)
    await visit.page(planted).expect(302)
  })

  it('repeated returns from sign-in without a factor end in a page, not a redirect', async () => {
    const { org, clock, visit } = await openGuarded()
    const cookie = org.signIn('alice@example.com', { status: 'MFA_REQUIRED' })
    const { text } = await visit.page(`${cookie}; ${NAME}=4.${clock.now()}`).expect(401)
    expect(text).toContain('lacks a second factor')
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
    '0.now.x.y',
    '0.now.0.a b',
    '0.now.abcdef0.a b',
    '0.now.a\tbcde0',
    '0.now."bcde"0',
    '0.now.ab,de\\0',
    '0.now.abcd\u00ff\u00fe0',
    '0.now.%0d%0aa0',
    `0.now.0.${'x'.repeat(200)}`,
  ])('the count of returns starts at none where its cookie holds %j', async (value) => {
    const { clock, visit } = await openGuarded()
    const planted = value
      .replace('minute ago', String(clock.now() - 60_000))
      .replace('to come', String(clock.now() + 1))
      .replace('now', String(clock.now()))
    const answer = await visit.page(`${NAME}=${planted}`).expect(302)
    expect(cookiesOf(answer)[NAME]?.value).toMatch(/^0\.\d+\.[\w-]{6}0$/)
  })
})

describe('what is no loop', () => {
  it('ten tabs restored at once are each redirected', async () => {
    const { visit, open } = await openBrowser()
    const restored = { 'Sec-Fetch-Site': 'none' }
    const together = Array.from({ length: 10 }, (_, tab) => visit(`/page/${tab}`, restored))
    for (const { status } of await Promise.all(together)) expect(status).toBe(302)
    for (let tab = 0; tab < 10; tab += 1)
      expect((await open(`/page/${tab}`, restored)).status).toBe(302)
  })

  it('ten tabs restored of one page, one after the other, are each redirected', async () => {
    const { open } = await openBrowser()
    for (let tab = 0; tab < 10; tab += 1)
      expect((await open('/account', { 'Sec-Fetch-Site': 'none' })).status).toBe(302)
  })

  it('ten tabs restored again and again, one after the other, are each redirected', async () => {
    const { open } = await openBrowser()
    for (let tab = 0; tab < 30; tab += 1)
      expect((await open(`/page/${tab % 10}`, { 'Sec-Fetch-Site': 'none' })).status).toBe(302)
  })

  it('ten tabs of one page restored twice, with a while between, are each redirected', async () => {
    const { clock, open } = await openBrowser()
    for (let tab = 0; tab < 20; tab += 1) {
      if (tab === 10) clock.advance(10_000)
      expect((await open('/account', { 'Sec-Fetch-Site': 'none' })).status).toBe(302)
    }
  })

  it.each([
    ['a portal', { Referer: 'https://portal.example.net/' }],
    ['web mail, which sends no Referer', {}],
  ])('ten clicks on one link of %s are each redirected', async (_, headers) => {
    for (const apartMs of [0, 6_000]) {
      const { clock, open } = await openBrowser()
      for (let times = 0; times < 10; times += 1) {
        clock.advance(apartMs)
        const answer = await open('/account', { 'Sec-Fetch-Site': 'cross-site', ...headers })
        expect(answer.status).toBe(302)
      }
    }
  })

  it('reloads without any Sec-Fetch header are each redirected', async () => {
    const { clock, open } = await openBrowser()
    for (let times = 0; times < 10; times += 1) expect((await open('/quick')).status).toBe(302)
    for (let times = 0; times < 20; times += 1) {
      clock.advance(4_000)
      expect((await open('/slow')).status).toBe(302)
    }
  })

  it('ten frames of a page are each redirected', async () => {
    const { open } = await openBrowser()
    const frame = { 'Sec-Fetch-Dest': 'iframe', 'Sec-Fetch-Site': 'same-origin' }
    for (let times = 0; times < 10; times += 1)
      expect((await open(`/frame/${times}`, frame)).status).toBe(302)
    for (let times = 0; times < 10; times += 1)
      expect((await open('/frame', frame)).status).toBe(302)
  })

  it('twenty quick clicks on one link are each redirected', async () => {
    const { open } = await openBrowser()
    const click = { 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-User': '?1' }
    for (let times = 0; times < 20; times += 1)
      expect((await open('/account', click)).status).toBe(302)
  })

  it('ten different pages without any Sec-Fetch header are each redirected', async () => {
    const { open } = await openBrowser()
    for (let times = 0; times < 10; times += 1)
      expect((await open(`/page/${times}`)).status).toBe(302)
  })

  it.each(['Sec-Purpose', 'Purpose'])(
    'a page loaded on a guess is not counted as a return from sign-in (%s)',
    async (name) => {
      const { visit } = await openGuarded()
      const answer = await visit.page().set(name, 'prefetch').expect(302)
      expect(cookiesOf(answer)).toEqual({})
    },
  )
})

describe('two cookies of one name', () => {
  const host = 'app.shop.example.com:8443'

  /** The page at the end of the loop, and where its link to sign out leads. */
  async function loop(cookie: string, okta: OktaSessionOptions = {}) {
    const browser = await openBrowser(cookie, okta)
    for (let times = 0; times < 4; times += 1) await browser.comeBack('/account/home?tab=1', host)
    const answer = await browser.comeBack('/account/home?tab=1', host)
    const link = /<a href="([^"]*)">Sign out/.exec(answer.text)?.[1]?.replaceAll('&amp;', '&')
    return { ...browser, answer, link: link ?? '' }
  }

  it('two cookies of one name are named on the page, and once in the log', async () => {
    const { answer, lines, comeBack } = await loop('idx=one; idx=other; sid=single')
    expect(answer.text).toContain('(idx)')
    await comeBack('/account/home?tab=1', host)
    const told = lines.filter(([message]) => String(message).includes('contradict each other'))
    expect(told).toEqual([[expect.anything(), expect.objectContaining({ cookies: 'idx' })]])
  })

  it('the page’s link to sign out closes both and expires both, wherever they were set', async () => {
    const org = await loop('idx=one; idx=other')
    const cookies = [org.org.signIn('alice@example.com'), org.org.signIn('bob@example.com')]
    const { visit, okta, url, link } = { ...org }
    const answer = await request(url)
      .get(link)
      .set({ ...page, 'Sec-Fetch-Site': 'same-origin', Host: host })
      .set('Cookie', [...cookies, `${NAME}=1.1`].join('; '))
      .expect(302)
    expect(answer.headers.location).toContain('/login/signout?')
    expect(answer.headers.location).not.toContain('okta-sign-out')
    expect(answer.headers['set-cookie']).toContainEqual(
      expect.stringMatching(`^${NAME}=; Max-Age=0;`),
    )
    const expired = [answer.headers['set-cookie'] ?? []]
      .flat()
      .filter((line) => /^idx=;/.test(line))
    const places = expired.map((line) => [
      /Domain=([^;]*)/.exec(line)?.[1] ?? '',
      /Path=([^;]*)/.exec(line)?.[1],
    ])
    for (const domain of ['', 'app.shop.example.com', 'shop.example.com', 'example.com'])
      for (const path of ['/', '/account', '/account/home'])
        expect(places).toContainEqual([domain, path])
    expect(new Set(places.map(String)).size).toBe(places.length)
    await okta.settled()
    expect(org.org.sessions).toEqual([])
    expect(visit).toBeDefined()
  })

  it.each([
    ['from another site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['from a neighbour', { 'Sec-Fetch-Site': 'same-site' }],
    ['from another program', { 'Sec-Fetch-Site': 'none' }],
    ['from nowhere that is known', {}],
  ])('no link signs out %s', async (_, headers) => {
    const { org, okta, url, link } = await loop('idx=one; idx=other')
    const cookies = [org.signIn('alice@example.com'), org.signIn('bob@example.com')]
    const answer = await request(url)
      .get(link)
      .set({ ...page, ...headers, Host: host, Cookie: cookies.join('; ') })
    expect(answer.headers['set-cookie']).toHaveLength(1)
    await okta.settled()
    expect(org.sessions).toHaveLength(2)
  })

  it('the link signs nobody out whose cookies do not contradict each other', async () => {
    const { org, url, link } = await loop('idx=one; idx=other')
    const headers = { ...page, 'Sec-Fetch-Site': 'same-origin', Host: host }
    await request(url)
      .get(link)
      .set({ ...headers, Cookie: org.signIn('alice@example.com') })
      .expect(200)
    expect(org.sessions).toHaveLength(1)
  })

  it('logout() expires two cookies of one name in every parent domain', async () => {
    const { okta } = await startParts()
    const url = await serve(express().post('/out', okta.logout()))
    const linesFor = async (at: string, cookie: string) => {
      const { headers } = await request(url)
        .post('/out')
        .set({ 'Sec-Fetch-Site': 'same-origin', Host: at, Cookie: cookie })
        .expect(204)
      const lines: string[] = [headers['set-cookie'] ?? []].flat()
      return lines.filter((line) => line.includes('Domain=')).map((line) => line.split(';')[0])
    }
    const both = 'idx=one; idx=other'
    expect(await linesFor('app.example.com', both)).toHaveLength(2)
    expect(await linesFor('app.example.com', 'idx=one')).toEqual([])
    for (const place of ['localhost:3000', '10.0.0.1', '[::1]:80'])
      expect(await linesFor(place, both)).toEqual([])
    for (const noName of ['-a.example.com', 'a-.example.com', `${'a'.repeat(64)}.example.com`])
      expect(await linesFor(noName, both)).toEqual([])
  })

  it.each(['-a.example.com', 'a-.example.com', `${'a'.repeat(64)}.example.com`])(
    'the link to sign out is followed where no cookie can have its Host: %s',
    async (at) => {
      const { url } = await openBrowser()
      const answer = await request(url)
        .get('/account?okta-sign-out=1')
        .set({ ...page, 'Sec-Fetch-Site': 'same-origin', Host: at })
        .set('Cookie', 'idx=one; idx=other')
        .expect(302)
      expect(answer.headers['set-cookie']).toContainEqual(expect.stringMatching(/^idx=; Max-Age=0/))
    },
  )
})
