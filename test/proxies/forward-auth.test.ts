/** The published configurations for forwardAuth(): a program that knows nothing of Okta behind nginx and Caddy. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { request } from 'node:https'
import type { OktaSession } from 'express-okta-session'
import { describe, expect, it } from 'vitest'
import { createAuthService } from '../../examples/proxies/auth-service.js'
import { api, page } from '../front-door/door.js'
import { describeProxy, type ProxyName } from './programs.js'
import { host, origin, type SiteChoices, signIn, startSite } from './site.js'

const hookSecret = 'a-hook-secret-of-the-proxy-tests'

/** Answers what it was sent, the headers name by name as they came. */
function echo(req: IncomingMessage, res: ServerResponse): void {
  let body = ''
  req.setEncoding('utf8').on('data', (chunk) => {
    body += chunk
  })
  req.on('end', () => {
    const { method, url, rawHeaders } = req
    const names = rawHeaders.filter((_text, index) => index % 2 === 0)
    const headers = names.map((name, index) => [name.toLowerCase(), rawHeaders[2 * index + 1]])
    res.writeHead(url === '/own-500' ? 500 : 200, { 'content-type': 'application/json' })
    res.end(JSON.stringify({ method, url, body, headers }))
  })
}

async function open(proxy: ProxyName, choices: Partial<SiteChoices> = {}) {
  const site = await startSite(proxy, {
    recipe: 'forward-auth',
    app: (okta: OktaSession) => createAuthService({ okta, hookSecret }),
    program: echo,
    ...choices,
  })
  const get = (path: string, headers: Record<string, string | string[]> = {}) =>
    site.browser.send('GET', origin + path, headers)
  return { ...site, get }
}

interface Seen {
  readonly method: string
  readonly url: string
  readonly body: string
  readonly headers: readonly (readonly [string, string])[]
}

/** What the program saw. */
function seen(body: string): Seen {
  return JSON.parse(body)
}

/** The headers that a program may take for identity headers, whatever stands between their words. */
const identityOf = (body: string) =>
  seen(body)
    .headers.filter(([name]) => /^okta[^a-z]/i.test(name))
    .toSorted()

describe.each(['nginx', 'caddy'] as const)('forward auth', (proxy) => {
  describeProxy(proxy, () => {
    it(`${proxy} redirects a page to sign-in, and the browser returns to it`, async () => {
      const { org, browser } = await open(proxy)
      const target = `${origin}/reports?year=2026&q=a%26b`
      const { url } = await browser.go(target)
      expect(new URL(url)).toMatchObject({ origin, pathname: '/login/login.htm' })
      const [user] = org.users
      const filledIn = { username: user?.login ?? '', password: user?.password ?? '' }
      const answer = await browser.submit('/login/login.htm', filledIn)
      expect(answer).toMatchObject({ status: 200, url: target })
      expect(seen(answer.body).url).toBe('/reports?year=2026&q=a%26b')
      expect(identityOf(answer.body)).toContainEqual(['okta-login', 'alice%40example.com'])
    })

    it(`${proxy} tells the program the user, and removes what the client says of it`, async () => {
      const { org, browser, get } = await open(proxy)
      signIn(org, browser)
      const [session] = org.sessions
      const forged = {
        'Okta-User-Id': ['forged', 'forged again'],
        'okta-login': 'forged',
        'OKTA-AMR': 'mfa',
        Okta_User_Id: 'forged',
        okta_login: 'forged',
        'Okta-User_Id': 'forged',
        'Okta.User.Id': 'forged',
      }
      const { body } = await get('/', forged)
      expect(identityOf(body)).toEqual([
        ['okta-amr', session?.amr.join(' ')],
        ['okta-login', 'alice%40example.com'],
        ['okta-user-id', session?.userId],
      ])
    })

    it(`${proxy} does not hand Okta's session cookie to the program`, async () => {
      const { org, browser, get } = await open(proxy)
      signIn(org, browser)
      const { body } = await get('/')
      expect(seen(body).headers.filter(([name]) => name === 'cookie')).toEqual([])
    })

    it(`${proxy} tells the program the host, the scheme and the client`, async () => {
      const { org, browser, get } = await open(proxy)
      signIn(org, browser)
      const { body } = await get('/', {
        'X-Forwarded-Proto': 'http',
        'X-Forwarded-For': '10.9.8.7',
      })
      expect(Object.fromEntries(seen(body).headers)).toMatchObject({
        host,
        'x-forwarded-host': host,
        'x-forwarded-proto': 'https',
        'x-forwarded-for': '127.0.0.1',
      })
    })

    it(`${proxy} passes on posts with their bodies, of known and of unknown length`, async () => {
      const { org, browser, agent } = await open(proxy)
      const cookie = signIn(org, browser)
      const text = 'body '.repeat(20_000)
      const known = await browser.send('POST', `${origin}/save`, {}, text)
      expect(seen(known.body)).toMatchObject({ method: 'POST', url: '/save', body: text })
      const exchange = request(`${origin}/save`, { method: 'POST', headers: { cookie }, agent })
      exchange.end(text)
      const [response] = await once(exchange, 'response')
      let answer = ''
      for await (const chunk of response.setEncoding('utf8')) answer += chunk
      expect(seen(answer)).toMatchObject({ method: 'POST', body: text })
    })

    it(`${proxy} keeps 401, 403, and 503 with Retry-After`, async () => {
      const { org, get } = await open(proxy)
      const nobody = await get('/', api)
      expect(nobody.status).toBe(401)
      expect(nobody.headers['cache-control']).toContain('no-store')
      const incomplete = org.signIn('alice@example.com', { status: 'MFA_REQUIRED' })
      expect((await get('/', { ...api, cookie: incomplete })).status).toBe(403)
      org.fail({ kind: 'status', status: 500 })
      for (const headers of [api, page]) {
        const cookie = org.signIn('alice@example.com')
        const unavailable = await get('/', { ...headers, cookie })
        expect(unavailable.status).toBe(503)
        expect(unavailable.headers['retry-after']).toMatch(/^[1-9]\d*$/)
        expect(unavailable.headers).not.toHaveProperty('location')
      }
    })

    it(`${proxy} keeps 429 with Retry-After`, async () => {
      const { get } = await open(proxy, {
        okta: { upstream: { failedLookupsPerClient: { perSecond: 0.1, burst: 1 } } },
      })
      expect((await get('/', { ...api, cookie: 'idx=guess-1' })).status).toBe(401)
      const limited = await get('/', { ...api, cookie: 'idx=guess-2' })
      expect(limited.status).toBe(429)
      expect(limited.headers['retry-after']).toBe('10')
    })

    it(`${proxy} keeps the statuses of the program itself`, async () => {
      const { org, browser, get } = await open(proxy)
      signIn(org, browser)
      const { status, body } = await get('/own-500')
      expect(status).toBe(500)
      expect(seen(body).url).toBe('/own-500')
    })

    it(`${proxy} passes no request while the auth service is down`, async () => {
      const { org, browser, get } = await open(proxy, { app: () => destroy })
      signIn(org, browser)
      const { status, body } = await get('/')
      expect(status).toBeGreaterThanOrEqual(502)
      expect(body).not.toContain('headers')
    })

    it(`${proxy} returns to the path that was asked for, not to one a client names`, async () => {
      const { get } = await open(proxy)
      const forged = { 'X-Forwarded-Uri': '/chosen', 'X-Original-URI': '/chosen' }
      const { status, headers } = await get('/asked', { ...page, ...forged })
      expect(status).toBe(302)
      expect(headers.location).toBe(
        `${origin}/login/login.htm?fromURI=${encodeURIComponent(`${origin}/asked`)}`,
      )
      expect(headers['set-cookie']).toHaveLength(1)
    })

    it(`${proxy} passes refresh, sign-out and the event hook to the auth service`, async () => {
      const { org, browser, get } = await open(proxy)
      signIn(org, browser)
      await browser.go(`${origin}/`)
      expect((await browser.fetch('/okta/refresh', 'POST')).status).toBe(200)
      expect(org.calls.refreshCurrentSession).toBe(1)
      const hook = { authorization: hookSecret, 'content-type': 'application/json' }
      const events = JSON.stringify({ data: { events: [] } })
      const post = (headers: Record<string, string>) =>
        browser.send('POST', `${origin}/okta/events`, headers, events)
      expect((await post({ ...hook, authorization: 'another' })).status).toBe(401)
      expect((await post(hook)).status).toBe(204)
      expect((await browser.fetch('/okta/sign-out', 'POST')).status).toBe(204)
      expect(org.sessions).toEqual([])
      expect((await get('/', api)).status).toBe(401)
    })
  })
})

function destroy(req: IncomingMessage): void {
  req.socket.destroy()
}
