/** What doctor says of the app behind its proxy, and of its event hook. */
import express from 'express'
import type { OktaSessionOptions } from 'express-okta-session'
import { describe, expect, it } from 'vitest'
import { judgeCookie } from '../../src/cli/doctor/app.js'
import { serve, startOkta, startOrg } from '../front-door/door.js'
import { trustworthy } from '../okta/certificates.js'
import {
  doctorProgram,
  examine,
  linesOf,
  type ProxyChoices,
  proxyTo,
  trusting,
} from './doctor-world.js'

interface Site extends ProxyChoices {
  readonly okta?: OktaSessionOptions
  readonly trustProxy?: boolean
}

/** An app of this package behind a proxy; gives the addresses of the org and of the proxy. */
async function openSite({ okta: options, trustProxy = true, ...proxy }: Site = {}) {
  const org = await startOrg({})
  const okta = startOkta({ orgUrl: org.url, ...options })
  const app = express()
  if (trustProxy) app.set('trust proxy', 'loopback')
  app.get('/account', okta.requireSession(), (_req, res) => void res.end())
  app.get('/', (_req, res) => void res.end('public'))
  app.post('/sign-out', okta.logout())
  return { org, app: await proxyTo(await serve(app), proxy) }
}

const withoutHost: ProxyChoices['change'] = (headers) => {
  headers.host = 'inner.internal:8080'
}

describe('whether browsers send Okta’s cookie to the app', () => {
  it.each([
    ['https://id.example.com', 'https://id.example.com/app', /^ok: .*idx and sid/],
    ['http://localhost:4000', 'http://localhost:3000', /^ok/],
    [
      'https://id.example.com',
      'https://app.example.com',
      /^warning: .*id\.example\.com .*alone, not to app\.example\.com -> Serve both on one host .*login\(\).*OpenID Connect/,
    ],
    [
      'https://acme.okta.com',
      'https://app.example.com',
      /^warning: .* -> Give the org a custom domain first\. Serve both on one host/,
    ],
    ['http://localhost:4000', 'http://127.0.0.1:3000', /^warning/],
    ['https://id.example.com', 'http://id.example.com', /^fault: .*Secure.* -> .*https/],
  ])('an org at %s and an app at %s', (orgUrl, app, line) => {
    const finding = judgeCookie(orgUrl, new URL(app), ['idx', 'sid'])
    expect(linesOf({ findings: [finding] }, 'cookie')).toEqual([expect.stringMatching(line)])
  })
})

describe('the app and its proxy', () => {
  it('an app that knows its address and accepts its own posts is ok', async () => {
    const { org, app } = await openSite()
    const report = await examine(['--org', org.url, '--app', `${app}/account`])
    expect(report.code).toBe(0)
    expect(linesOf(report, 'proxy')).toEqual([
      expect.stringMatching(`^ok: .*returns to ${app} -> $`),
    ])
    expect(linesOf(report, 'posts')).toEqual([expect.stringMatching(/^ok: .*\/sign-out/)])
  })

  it('a proxy that does not pass Host is a fault, for sign-in and for posts, and appUrl cures both', async () => {
    const { org, app } = await openSite({ change: withoutHost })
    const report = await examine(['--org', org.url, '--app', `${app}/account`])
    expect(linesOf(report, 'proxy')).toEqual([
      expect.stringMatching(
        `^fault: .*inner\\.internal:8080 .* -> Set appUrl to "${app}", or let the proxy keep Host`,
      ),
    ])
    expect(linesOf(report, 'posts')).toEqual([
      expect.stringMatching(`^fault: .*403 cross_site -> Set appUrl to "${app}"`),
    ])
    expect(report.code).toBe(1)
  })

  it('appUrl makes up for a proxy that does not pass Host', async () => {
    const org = await startOrg({})
    const routes = express()
    const inner = await serve(routes)
    const app = await proxyTo(inner, { change: withoutHost })
    const okta = startOkta({ orgUrl: org.url, appUrl: app })
    routes.get('/account', okta.requireSession(), (_req, res) => void res.end())
    routes.post('/sign-out', okta.logout())
    const report = await examine(['--org', org.url, '--app', `${app}/account`])
    expect([...linesOf(report, 'proxy'), ...linesOf(report, 'posts')]).toEqual([
      expect.stringMatching(/^ok/),
      expect.stringMatching(/^ok/),
    ])
  })

  it.each([
    ['trust proxy', { trustProxy: false }],
    [
      'X-Forwarded-Proto',
      { change: (headers: Record<string, unknown>) => void delete headers['x-forwarded-proto'] },
    ],
  ])('an https app without %s is a fault that names trust proxy', async (_what, choices) => {
    const { org, app } = await openSite({ tls: trustworthy, ...choices })
    const { out, code } = await doctorProgram(
      ['--org', org.url, '--app', `${app}/account`],
      await trusting(trustworthy),
    )
    expect(out).toMatch(
      /^fault {4}proxy .*http:\/\/localhost:\d+ for its address.*\n.*trust proxy/m,
    )
    expect(code).toBe(1)
  })

  it('a proxy that takes away a part of the path is a fault', async () => {
    const { org, app } = await openSite({ strip: '/shop' })
    const report = await examine(['--org', org.url, '--app', `${app}/shop/account`])
    expect(linesOf(report, 'proxy')).toEqual([
      expect.stringMatching(/^fault: .*does not return to the path/),
    ])
  })

  it('an app that signs in at another org is a fault', async () => {
    const { app } = await openSite()
    const other = await startOrg({})
    const report = await examine(['--org', other.url, '--app', `${app}/account`])
    expect(linesOf(report, 'proxy')).toEqual([
      expect.stringMatching(
        `^fault: .*sign in at http://localhost:\\d+, not at ${other.url} -> Compare orgUrl`,
      ),
    ])
  })

  it('a public page says nothing of the address, and the line asks for another page', async () => {
    const { org, app } = await openSite()
    const report = await examine(['--org', org.url, '--app', app])
    expect(linesOf(report, 'proxy')).toEqual([
      expect.stringMatching(/^warning: .*not known -> .*requires a session/),
    ])
    expect(report.code).toBe(0)
  })

  it.each([
    [502, /^fault: The app answers 502 .* -> The proxy does not reach the app/],
    [500, /^fault: The app answers 500 .* -> Look at the log of the app/],
  ])('an app that answers %i is a fault', async (status, line) => {
    const org = await startOrg({})
    const app = await serve((_req, res) => res.writeHead(status).end())
    const report = await examine(['--org', org.url, '--app', app])
    expect(linesOf(report, 'app')).toEqual([expect.stringMatching(line)])
    expect(linesOf(report, 'proxy')).toEqual([])
  })

  it.each([
    ['does not listen', async () => 'http://localhost:1', /no connection, ECONNREFUSED/],
    ['does not answer', () => serve(() => {}), /no answer in time/],
    ['is not resolved', async () => 'https://app.invalid', /host name was not resolved/],
  ])('an app that %s is a fault', async (_what, open, line) => {
    const org = await startOrg({})
    const report = await examine(['--org', org.url, '--app', await open()], { timeoutMs: 500 })
    expect(linesOf(report, 'app')).toEqual([expect.stringMatching(line)])
    expect(report.code).toBe(1)
  })

  it('no check signs a user out, and none calls Okta for the app', async () => {
    const { org, app } = await openSite()
    await examine(['--org', org.url, '--app', `${app}/account`])
    expect(org.calls).toMatchObject({ closeCurrentSession: 0, getCurrentSession: 2 })
  })
})

describe('the event hook', () => {
  const hookLine = async (url: string) => {
    const report = await examine(['--org', 'http://localhost:1', '--hook', url])
    return linesOf(report, 'hook')
  }

  it('an event hook of this package answers the challenge', async () => {
    const org = await startOrg({})
    const okta = startOkta({ orgUrl: org.url })
    const app = express().use('/okta/events', okta.eventHook({ secret: 'a secret of the hook' }))
    expect(await hookLine(`${await serve(app)}/okta/events`)).toEqual([
      expect.stringMatching(/^ok: .*in \d+ ms/),
    ])
  })

  it('a hook that is mounted behind a guard is a fault', async () => {
    const org = await startOrg({})
    const okta = startOkta({ orgUrl: org.url })
    const app = express()
    app.use(okta.requireSession())
    app.use('/okta/events', okta.eventHook({ secret: 'a secret of the hook' }))
    expect(await hookLine(`${await serve(app)}/okta/events`)).toEqual([
      expect.stringMatching(/^fault: .*(redirect|401).* -> .*in front of guards/),
    ])
  })

  it.each([
    [
      301,
      { location: 'https://elsewhere.example/hook?token=secret' },
      '',
      /^fault: .*redirect \(301, to https:\/\/elsewhere\.example\) -> /,
    ],
    [401, {}, '', /^fault: .*401 .*without the secret/],
    [404, {}, '', /^fault: .*404 .*path/],
    [405, {}, '', /^fault: .*405 .*app\.use/],
    [500, {}, '', /^fault: .*500 .*log of the app/],
    [200, {}, '<p>Hello</p>', /^fault: .*200 without/],
    [200, {}, '{"verification":"another"}', /^fault: .*200 without/],
  ])('an answer of %i with the headers %o and the body %j', async (status, headers, body, line) => {
    const url = await serve((_req, res) => res.writeHead(status, headers).end(body))
    expect(await hookLine(url)).toEqual([expect.stringMatching(line)])
  })

  it('a hook that takes longer than Okta waits is a fault', { timeout: 10_000 }, async () => {
    const url = await serve((req, res) => {
      const verification = req.headers['x-okta-verification-challenge']
      setTimeout(() => res.end(JSON.stringify({ verification })), 3_100)
    })
    expect(await hookLine(url)).toEqual([
      expect.stringMatching(/^fault: .*after \d{4} ms; Okta waits for 3,000/),
    ])
  })

  it('a hook on http beyond this machine is a fault, and one that does not answer too', async () => {
    expect(await hookLine('http://app.invalid/hook')).toEqual([
      expect.stringMatching(/^fault: .*on http/),
      expect.stringMatching(/^fault: .*did not answer/),
    ])
  })
})
