/** The published configurations for one host: Okta's custom domain and an app behind nginx and Caddy. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import express, { type Express } from 'express'
import type { OktaSession } from 'express-okta-session'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { createAppServer } from '../../examples/websocket/app.js'
import { Browser } from '../examples/browser.js'
import { api } from '../front-door/door.js'
import { describeProxy, type ProxyName } from './programs.js'
import { host, origin, type SiteChoices, signIn, startSite } from './site.js'

const hookSecret = 'a-hook-secret-of-the-proxy-tests'

/** An app with every handler, which sees the proxy as its own. */
function createApp(okta: OktaSession): Express {
  const app = express()
  app.set('trust proxy', 'loopback')
  app.all('/seen', express.text({ limit: '1mb' }), (req, res) => {
    const { protocol, hostname, ip, method, originalUrl, headers, body } = req
    res.json({ protocol, hostname, ip, method, originalUrl, host: headers.host, headers, body })
  })
  app.get('/account', okta.requireSession(), (req, res) => {
    res.json({ login: okta.session(req).login })
  })
  app.get('/second-factor', okta.requireSession({ mfa: true }), (_req, res) => {
    res.json({})
  })
  app.get('/ticks', okta.requireSession(), (_req, res) => {
    // It never ends: a proxy that waits for the end, or for a full buffer, delivers nothing.
    res.set('content-type', 'text/event-stream').write('data: first\n\n')
  })
  app.post('/refresh', okta.refresh())
  app.all('/sign-out', okta.logout())
  app.use('/okta/events', okta.eventHook({ secret: hookSecret }))
  return app
}

const open = (proxy: ProxyName, choices: Partial<SiteChoices> = {}) =>
  startSite(proxy, { recipe: 'one-host', app: createApp, ...choices })

const json = (body: string) => JSON.parse(body)

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return text
}

const sessionEnded = (userId = '') => ({
  eventType: 'user.session.end',
  published: new Date().toISOString(),
  actor: { id: userId, type: 'User' },
  target: [],
})

describe.each(['nginx', 'caddy'] as const)('one host', (proxy) => {
  describeProxy(proxy, () => {
    it(`${proxy} serves Okta's sign-in page, and the browser returns to the page it asked for`, async () => {
      const { org, browser } = await open(proxy)
      const { url } = await browser.go(`${origin}/account?tab=1`)
      expect(new URL(url)).toMatchObject({ origin, pathname: '/login/login.htm' })
      const [user] = org.users
      const filledIn = { username: user?.login ?? '', password: user?.password ?? '' }
      const account = await browser.submit('/login/login.htm', filledIn)
      expect(account).toMatchObject({ status: 200, url: `${origin}/account?tab=1` })
      expect(json(account.body)).toEqual({ login: user?.login })
      expect(org.calls.getCurrentSession).toBe(1)
    })

    it(`${proxy} passes posts of own pages to refresh() and logout()`, async () => {
      const { org, browser } = await open(proxy)
      signIn(org, browser)
      await browser.go(`${origin}/account`)
      const refreshed = await browser.fetch('/refresh', 'POST')
      expect(json(refreshed.body)).toMatchObject({ refreshed: true })
      expect(org.calls.refreshCurrentSession).toBe(1)
      expect((await browser.fetch('/sign-out', 'POST')).status).toBe(204)
      expect(browser.cookies.size).toBe(0)
      expect(org.sessions).toEqual([])
      const after = await browser.send('GET', `${origin}/account`, api)
      expect(after.status).toBe(401)
    })

    it(`${proxy} passes 401, 403, and 503 with Retry-After on`, async () => {
      const { org, browser } = await open(proxy)
      const ask = async (path: string, cookie?: string) => {
        const headers = { ...api, ...(cookie !== undefined && { cookie }) }
        const { status, headers: sent, body } = await browser.send('GET', origin + path, headers)
        return { status, retryAfter: sent['retry-after'], code: json(body).code }
      }
      const cookie = org.signIn('alice@example.com')
      expect(await ask('/account')).toMatchObject({ status: 401, code: 'session_required' })
      expect(await ask('/second-factor', cookie)).toMatchObject({
        status: 403,
        code: 'mfa_required',
      })
      org.fail({ kind: 'status', status: 500 })
      expect(await ask('/account', org.signIn('bob@example.com'))).toEqual({
        status: 503,
        code: 'okta_unavailable',
        retryAfter: expect.stringMatching(/^[1-9]\d*$/),
      })
    })

    it(`${proxy} passes 429 and its Retry-After on`, async () => {
      const { browser } = await open(proxy, {
        okta: { upstream: { failedLookupsPerClient: { perSecond: 0.1, burst: 1 } } },
      })
      const guess = (n: number) =>
        browser.send('GET', `${origin}/account`, { ...api, cookie: `idx=guess-${n}` })
      expect((await guess(1)).status).toBe(401)
      const limited = await guess(2)
      expect(limited.status).toBe(429)
      expect(limited.headers['retry-after']).toBe('10')
      expect(json(limited.body).code).toBe('too_many_attempts')
    })

    it(`${proxy} tells the app the host, the scheme and the client, and no client can forge them`, async () => {
      const { browser } = await open(proxy)
      const forged = {
        'X-Forwarded-Proto': 'http',
        'X-Forwarded-Host': 'evil.example',
        'X-Forwarded-For': '203.0.113.7',
      }
      const { body } = await browser.send('GET', `${origin}/seen?a=%2F&b=c`, forged)
      expect(json(body)).toMatchObject({
        protocol: 'https',
        hostname: host,
        host,
        ip: '127.0.0.1',
        originalUrl: '/seen?a=%2F&b=c',
      })
      expect(json(body).headers).toMatchObject({
        'x-forwarded-proto': 'https',
        'x-forwarded-host': host,
        'x-forwarded-for': '127.0.0.1',
      })
    })

    it(`without appUrl, ${proxy}'s Host and X-Forwarded-Proto tell own posts from cross-site posts`, async () => {
      const { org, browser } = await startSite(proxy, {
        recipe: 'one-host',
        app: createApp,
        okta: { appUrl: undefined },
      })
      signIn(org, browser)
      const post = (from: string) => browser.send('POST', `${origin}/refresh`, { origin: from })
      expect((await post(origin)).status).toBe(200)
      for (const other of ['https://evil.example', `http://${host}`, `${origin}:8443`]) {
        const refused = await post(other)
        expect(refused.status, other).toBe(403)
        expect(json(refused.body).code).toBe('cross_site')
      }
    })

    it(`${proxy} redirects http to https, and keeps the path`, async () => {
      const { httpPort } = await open(proxy)
      const redirect = await new Browser().send('GET', `http://127.0.0.1:${httpPort}/account?a=b`, {
        host,
      })
      expect([301, 308]).toContain(redirect.status)
      expect(redirect.headers.location).toBe(`${origin}/account?a=b`)
    })

    it(`${proxy} passes on the bodies of posts, of known and of unknown length`, async () => {
      const { browser, agent } = await open(proxy)
      const url = `${origin}/seen`
      const headers = { 'content-type': 'text/plain' }
      const text = 'body '.repeat(20_000)
      const known = await browser.send('POST', url, headers, text)
      expect(json(known.body).body).toBe(text)
      const exchange = request(url, { method: 'POST', headers, agent })
      exchange.write(text)
      exchange.end('the end')
      const [unknown] = await once(exchange, 'response')
      expect(json(await textOf(unknown)).body).toBe(`${text}the end`)
    })

    it(`${proxy} keeps the Authorization of an event hook`, async () => {
      const { org, browser } = await open(proxy)
      signIn(org, browser)
      await browser.send('GET', `${origin}/account`, api)
      const [session] = org.sessions
      const body = JSON.stringify({ data: { events: [sessionEnded(session?.userId)] } })
      const post = (authorization: string) =>
        browser.send(
          'POST',
          `${origin}/okta/events`,
          { authorization, 'content-type': 'application/json' },
          body,
        )
      expect((await post('another secret')).status).toBe(401)
      expect((await post(hookSecret)).status).toBe(204)
      await browser.send('GET', `${origin}/account`, api)
      expect(org.calls.getCurrentSession).toBe(2)
    })

    it(`${proxy} delivers server-sent events at once`, async () => {
      const { browser, org, agent } = await open(proxy)
      const headers = { cookie: signIn(org, browser), accept: 'text/event-stream' }
      const [stream] = await once(request(`${origin}/ticks`, { headers, agent }).end(), 'response')
      const [chunk] = await once(stream.setEncoding('utf8'), 'data')
      expect(chunk).toBe('data: first\n\n')
    })

    it(`${proxy} passes WebSocket upgrades, which close at sign-out`, async () => {
      const { org, browser, agent } = await open(proxy, {
        app: (okta) => createAppServer({ okta }),
      })
      const cookie = signIn(org, browser)
      const socket = new WebSocket(`wss://${host}/`, { agent, headers: { cookie, origin } })
      onTestFinished(() => socket.terminate())
      const [message] = await once(socket, 'message')
      expect(json(String(message))).toEqual({ login: 'alice@example.com' })
      const closed = once(socket, 'close')
      await browser.send('POST', `${origin}/sign-out`, { origin })
      expect((await closed)[0]).toBe(1008)
    })
  })
})
