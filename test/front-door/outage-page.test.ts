import express from 'express'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { cookiesOf, page, serve, startOkta, startParts, TestClock } from './door.js'
import { openGuarded } from './guarded-app.js'

const NAME = 'okta-unavailable-since'
const SECOND = 1_000

/** Seconds after which the page reloads itself. */
function reloadOf({ text }: { readonly text: string }): number {
  return Number(/<meta http-equiv="refresh" content="(\d+)">/.exec(text)?.[1])
}

function linksOf({ text }: { readonly text: string }): (readonly [string, string])[] {
  return [...text.matchAll(/<a href="([^"]*)">([^<]*)</g)].map(([, href = '', name = '']) => [
    name,
    href,
  ])
}

/** A guard before an org that fails, and browsers that keep the cookie of the page. */
async function openOutage() {
  const parts = await openGuarded()
  const { org, clock, visit } = parts
  // The clock of a test begins at a whole second.
  clock.advance(SECOND - (clock.now() % SECOND || SECOND))
  org.fail({ kind: 'status', status: 500 })
  const cookies: { since?: string; until?: number } = {}

  async function reload() {
    const isKept = cookies.since !== undefined && clock.now() < Number(cookies.until)
    const answer = await visit.page(isKept ? `idx=one; ${NAME}=${cookies.since}` : 'idx=one')
    const cookie = cookiesOf(answer)[NAME]
    if (cookie === undefined) return answer
    const maxAge = cookie.attributes.find((each) => each.startsWith('Max-Age='))?.slice(8)
    cookies.since = cookie.value
    cookies.until = clock.now() + Number(maxAge) * SECOND
    return answer
  }

  return { ...parts, reload, seconds: () => Math.floor(clock.now() / SECOND) }
}

describe('the page of an outage', () => {
  it('reloads itself after 1, 2, 4 ... 30 seconds, but never before Retry-After', async () => {
    const { clock, reload } = await openOutage()
    const pauses: number[] = []
    const retries: number[] = []
    for (let loaded = 0; loaded < 12; loaded += 1) {
      const answer = await reload()
      expect(answer.status).toBe(503)
      const retryAfter = Number(answer.headers['retry-after'])
      retries.push(retryAfter)
      expect(reloadOf(answer)).toBeGreaterThanOrEqual(retryAfter)
      pauses.push(reloadOf(answer))
      clock.advance(reloadOf(answer) * SECOND)
    }
    // Each is the pause of its time, or Retry-After where that is longer.
    let elapsed = 0
    for (const [index, pause] of pauses.entries()) {
      const own = [1, 3, 7, 15, 31].reduce((sum, at) => (elapsed >= at ? sum * 2 : sum), 1)
      expect(pause).toBe(Math.max(Math.min(30, own), retries[index] ?? 0))
      elapsed += pause
    }
    expect(pauses[0]).toBe(1)
    expect(pauses.at(-1)).toBe(30)
  })

  it.each([
    [0, 1],
    [1, 2],
    [2, 2],
    [3, 4],
    [7, 8],
    [15, 16],
    [30, 16],
    [31, 30],
    [3_600, 30],
    [3_601, 1],
  ])(
    '%i seconds after its first load the page of an outage waits %i seconds',
    async (elapsed, pause) => {
      const { visit, seconds } = await openOutage()
      const answer = await visit.page(`idx=one; ${NAME}=${seconds() - elapsed}`).expect(503)
      expect(answer.headers['retry-after']).toBe('1')
      expect(reloadOf(answer)).toBe(pause)
      expect(answer.text).toContain(
        `tries again by itself in ${pause} second${pause === 1 ? '' : 's'}.`,
      )
    },
  )

  it('the page of an outage reloads itself after Retry-After where that is longer', async () => {
    const { org, visit } = await openGuarded()
    org.fail({ kind: 'rate_limit' })
    const answer = await visit.page('idx=one').expect(503)
    const retryAfter = Number(answer.headers['retry-after'])
    expect(retryAfter).toBeGreaterThan(1)
    expect(reloadOf(answer)).toBe(retryAfter)
    // The cookie outlives the reload.
    expect(cookiesOf(answer)[NAME]?.attributes).toContain(`Max-Age=${retryAfter + 60}`)
  })

  it('the page of a visitor over budget reloads in its slot, however long it has waited', async () => {
    const { org, visit, clock } = await openGuarded({
      okta: { upstream: { failedLookups: { perSecond: 0.15, burst: 1 } } },
    })
    await visit.page('idx=one').expect(302)
    const since = Math.floor(clock.now() / 1_000) - 60
    const answer = await visit.page(`idx=two; ${NAME}=${since}`).expect(503)
    expect(answer.text).toContain('Many people are signing in')
    expect(reloadOf(answer)).toBe(Number(answer.headers['retry-after']))
    expect(reloadOf(answer)).toBeLessThan(30)
    expect(org.calls.getCurrentSession).toBe(1)
  })

  it('two tabs that reload do not lengthen the pauses of each other', async () => {
    const { clock, reload } = await openOutage()
    await reload()
    clock.advance(2 * SECOND)
    for (const _tab of ['one', 'other', 'one', 'other']) expect(reloadOf(await reload())).toBe(2)
  })

  it('an outage that begins after the cookie has ended begins with short pauses', async () => {
    const { org, clock, reload } = await openOutage()
    await reload()
    clock.advance(40 * SECOND)
    expect(reloadOf(await reload())).toBe(30)
    org.clearFaults()
    clock.advance(91 * SECOND)
    org.fail({ kind: 'status', status: 500 })
    const answer = await reload()
    expect(answer.status).toBe(503)
    expect(answer.text).not.toMatch(/, for \d+ /)
    expect(reloadOf(answer)).toBe(Number(answer.headers['retry-after']))
  })

  it('the cookie has the attributes of the other cookies of the package and holds only a time', async () => {
    const { visit, seconds } = await openOutage()
    const answer = await visit.page('idx=one').expect(503)
    expect(cookiesOf(answer)).toEqual({
      [NAME]: {
        value: String(seconds()),
        attributes: ['HttpOnly', 'Max-Age=61', 'Path=/', 'SameSite=Lax'],
      },
    })
  })

  it('the cookie is Secure where the org is on https', async () => {
    const okta = startOkta({
      orgUrl: 'https://localhost:1',
      upstream: { timeoutMs: 1_000 },
    })
    const decision = await okta.check({
      method: 'GET',
      url: '/account',
      headers: { ...lower(page), cookie: 'idx=one' },
    })
    if (decision.ok) throw new Error('passed')
    expect(decision.reply.status).toBe(503)
    const [line] = [decision.reply.headers['set-cookie'] ?? []].flat()
    expect(line).toMatch(/^okta-unavailable-since=\d+; .*Secure/)
  })

  it('the page of an outage says since when the visitor waits, and for how long', async () => {
    const { visit, clock, seconds } = await openOutage()
    const since = seconds()
    const iso = new Date(since * SECOND).toISOString()
    const time = `<time datetime="${iso}">${iso.slice(11, 19)} UTC</time>`
    const cookie = `idx=one; ${NAME}=${since}`
    expect((await visit.page(cookie)).text).toContain(`Waiting since ${time}.`)
    clock.advance(1 * SECOND)
    expect((await visit.page(cookie)).text).toContain(`Waiting since ${time}, for 1 second.`)
    clock.advance(58 * SECOND)
    expect((await visit.page(cookie)).text).toContain(`Waiting since ${time}, for 59 seconds.`)
    clock.advance(61 * SECOND)
    expect((await visit.page(cookie)).text).toContain(`Waiting since ${time}, for 2 minutes.`)
  })

  it.each([
    ['a script', () => '<script>alert(1)</script>'],
    ['an attribute’s end', () => '1"><meta http-equiv="refresh" content="0;url=https://evil.test'],
    ['nothing', () => ''],
    ['a negative number', () => '-1'],
    ['a fraction', (now: number) => `${now - 40}.5`],
    ['an exponent', (now: number) => `${(now - 40) / 10}e1`],
    ['a hexadecimal number', (now: number) => `0x${(now - 40).toString(16)}`],
    ['more digits than a time has', () => '9'.repeat(400)],
    ['blanks', () => '   '],
    ['another script’s digits', () => '١٧٠٠٠٠٠٠٠٠'],
    ['the future', (now: number) => String(now + 1)],
    ['the far future', () => '999999999999'],
    ['the beginning of time', () => '0'],
    ['more than an hour ago', (now: number) => String(now - 3_601)],
  ])('a planted cookie of an outage counts as none: %s', async (_, value) => {
    const { url, seconds } = await openOutage()
    const now = seconds()
    const answer = await request(url)
      .get('/account')
      .set(page)
      .set('Cookie', `idx=one; ${NAME}=${Buffer.from(value(now)).toString('latin1')}`)
      .expect(503)
    expect(reloadOf(answer)).toBe(1)
    expect(cookiesOf(answer)[NAME]?.value).toBe(String(now))
    expect(answer.text).not.toMatch(/<script|evil|, for \d+ /)
    expect(answer.text.match(/http-equiv/g)).toHaveLength(1)
  })

  it('the first of several cookies of the name decides', async () => {
    const { visit, seconds } = await openOutage()
    const now = seconds()
    const cookie = `x${NAME}=1; ${NAME}=${now - 7}; idx=one; ${NAME}=${now - 31}`
    expect(reloadOf(await visit.page(cookie).expect(503))).toBe(8)
  })

  it('the page of an outage offers to try now and the home page', async () => {
    const { visit } = await openOutage()
    const answer = await visit.page('idx=one').expect(503)
    expect(linksOf(answer)).toEqual([
      ['Try now', ''],
      ['Home page', '/'],
    ])
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'")
  })

  it('a page refused at the home page has no link to it, unless a form was posted there', async () => {
    const { okta, org } = await startParts()
    org.fail({ kind: 'status', status: 500 })
    const url = await serve(express().use(okta.requireSession()))
    const visit = (method: 'get' | 'post', path: string) =>
      request(url)[method](path).set(page).set('Cookie', 'idx=one').expect(503)
    expect(linksOf(await visit('get', '/'))).toEqual([['Try now', '']])
    expect(linksOf(await visit('get', '/?tab=1'))).toEqual([['Try now', '']])
    expect(linksOf(await visit('post', '/'))).toEqual([['Home page', '/']])
  })

  it('a form that is refused in an outage gets a page that neither reloads nor sets a cookie', async () => {
    const { visit, seconds } = await openOutage()
    const answer = await visit.form(`idx=one; ${NAME}=${seconds() - 40}`).expect(503)
    expect(answer.text).toContain('We cannot check your sign-in right now. You are not signed out')
    expect(answer.text).not.toContain('http-equiv')
    expect(answer.text).not.toContain('<time')
    expect(answer.headers).not.toHaveProperty('set-cookie')
    expect(linksOf(answer)).toEqual([['Home page', '/']])
  })

  it('a script gets no cookie of the page', async () => {
    const { visit } = await openOutage()
    for (const kind of ['script', 'scriptPost'] as const)
      expect((await visit[kind]('idx=one').expect(503)).headers).not.toHaveProperty('set-cookie')
  })

  it('a request that passes leaves the cookie of an outage alone', async () => {
    const { org, visit, seconds } = await openOutage()
    org.clearFaults()
    const cookie = org.signIn('alice@example.com')
    const answer = await visit.page(`${cookie}; ${NAME}=${seconds() - 4}`).expect(200)
    expect(answer.headers).not.toHaveProperty('set-cookie')
  })

  it('the cookie of an outage is not sent to Okta', async () => {
    const asked: (string | undefined)[] = []
    const orgUrl = await serve((req, res) => {
      asked.push(req.headers.cookie)
      res.writeHead(500).end()
    })
    const clock = new TestClock()
    const okta = startOkta({ orgUrl }, clock)
    const url = await serve(express().use(okta.requireSession()))
    const cookie = `${NAME}=${Math.floor(clock.now() / SECOND)}; idx=one`
    await request(url).get('/').set(page).set('Cookie', cookie).expect(503)
    expect(asked.length).toBeGreaterThan(0)
    expect(asked.join()).not.toContain(NAME)
  })

  it('a visitor who has only the cookie of an outage is not signed in', async () => {
    const { visit, seconds } = await openOutage()
    await visit.page(`${NAME}=${seconds()}`).expect(302)
  })

  it('behind forwardAuth() the page of an outage is about the address that the proxy names', async () => {
    const { okta, org } = await startParts()
    org.fail({ kind: 'status', status: 500 })
    const url = await serve(express().get('/auth', okta.forwardAuth({ redirect: true })))
    const visit = (headers: Record<string, string>) =>
      request(url).get('/auth').set(page).set('Cookie', 'idx=one').set(headers).expect(503)
    const inside = await visit({ 'X-Forwarded-Uri': '/reports', 'X-Forwarded-Method': 'GET' })
    expect(linksOf(inside)).toEqual([
      ['Try now', ''],
      ['Home page', '/'],
    ])
    expect(cookiesOf(inside)).toHaveProperty(NAME)
    expect(linksOf(await visit({ 'X-Forwarded-Uri': '/' }))).toEqual([['Try now', '']])
    const posted = await visit({ 'X-Forwarded-Uri': '/', 'X-Forwarded-Method': 'POST' })
    expect(linksOf(posted)).toEqual([['Home page', '/']])
    expect(posted.headers).not.toHaveProperty('set-cookie')
  })
})

describe('what the page of an outage says', () => {
  it('the page of an outage names the failure of Okta, and that the visitor is not signed out', async () => {
    const { visit } = await openOutage()
    const { text } = await visit.page('idx=one').expect(503)
    expect(text).toContain('Okta, which checks your sign-in for this app, cannot be reached')
    expect(text).toContain('You are not signed out.')
  })

  it('the page of an outage names the rate limit of Okta', async () => {
    const { org, visit } = await openGuarded()
    org.fail({ kind: 'rate_limit' })
    const { text } = await visit.page('idx=one').expect(503)
    expect(text).toContain('Okta limits how often this app may check sign-ins')
    expect(text).toContain('You are not signed out.')
  })

  it('the page of a shortage names the many people who sign in at once while the failure budget is spent', async () => {
    const { visit } = await openGuarded({
      okta: { upstream: { failedLookups: { perSecond: 0.1, burst: 1 } } },
    })
    let answer = await visit.page('idx=guess-0')
    for (let guess = 1; guess < 9 && answer.status !== 503; guess += 1)
      answer = await visit.page(`idx=guess-${guess}`)
    expect(answer.status).toBe(503)
    expect(answer.text).toContain('Many people are signing in at once')
    expect(answer.text).toContain('You are not signed out.')
  })
})

describe('the page of a client over its failure budget', () => {
  it('the page of a client over its failure budget leads to sign-in and the home page, and does not reload itself', async () => {
    const { org, url, visit } = await openGuarded({
      okta: { upstream: { failedLookupsPerClient: { perSecond: 0.1, burst: 1 } } },
    })
    await visit.page('idx=guess-1').expect(302)
    const answer = await visit.page('idx=guess-2').expect(429)
    const back = encodeURIComponent(`${url}/account?tab=1`)
    const lookups = org.calls.getCurrentSession
    expect(linksOf(answer)).toEqual([
      ['Sign in', `${org.url}/login/login.htm?fromURI=${back}`],
      ['Try again', ''],
      ['Home page', '/'],
    ])
    expect(answer.text).not.toContain('http-equiv')
    expect(answer.headers).not.toHaveProperty('set-cookie')
    // The link itself costs no call.
    expect(org.calls.getCurrentSession).toBe(lookups)
  })
})

function lower(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
}
