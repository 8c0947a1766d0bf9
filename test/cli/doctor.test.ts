/** The command itself: arguments, exit status, forms of the output, and what it never prints. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import express from 'express'
import { describe, expect, it } from 'vitest'
import { USAGE } from '../../src/cli/doctor/command.js'
import { serve, startOkta, startOrg } from '../front-door/door.js'
import {
  doctor,
  doctorProgram,
  examine,
  linesOf,
  proxyTo,
  root,
  serviceAppEnv,
} from './doctor-world.js'

const SECRET = 'canary-secret-00a1b2c3d4'

describe('the arguments of doctor', () => {
  it.each([
    ['no org', [], /--org is missing/],
    [
      'an org with a path',
      ['--org', 'https://id.example.com/path'],
      /write "https:\/\/id\.example\.com"/,
    ],
    [
      'the administrators’ console',
      ['--org', 'https://acme-admin.okta.com'],
      /write "https:\/\/acme\.okta\.com"/,
    ],
    ['another cookie', ['--org', 'http://localhost:1', '--cookie-name', 'xids'], /idx or sid/],
    [
      'a count that is none',
      ['--org', 'http://localhost:1', '--instances', '0'],
      /--instances must/,
    ],
    ['an app that is no URL', ['--org', 'http://localhost:1', '--app', 'app'], /--app must/],
    ['an unknown option', ['--org', 'http://localhost:1', '--orgs'], /--orgs/],
  ])('%s is wrong usage, which ends with 2 and makes no call', async (_what, args, message) => {
    const { code, out, err } = await doctor(args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(message)
    expect(err).toContain('Usage: express-okta-session doctor')
  })

  it.each([
    ['a bare argument', [SECRET]],
    ['a URL of the app with a password', ['--app', `https://user:${SECRET}@app.example.com`]],
    ['a URL of a hook with a password', ['--hook', `https://user:${SECRET}@app.example.com`]],
    ['a URL of Redis of another scheme', ['--redis', `http://user:${SECRET}@redis.internal`]],
    ['an org with a password', ['--org', `https://user:${SECRET}@id.example.com`]],
  ])('%s is not quoted', async (_what, args) => {
    const { code, err } = await doctor(['--org', 'http://localhost:1', ...args])
    expect(code).toBe(2)
    expect(err).not.toContain(SECRET)
  })

  it('a cookie that is no pair is wrong usage, and is not quoted', async () => {
    const { code, err } = await doctor(['--org', 'http://localhost:1'], {
      env: { OKTA_COOKIE: SECRET },
    })
    expect(code).toBe(2)
    expect(err).toContain('OKTA_COOKIE must be one pair')
    expect(err).not.toContain(SECRET)
  })
})

describe('the program', () => {
  it('--help names every option and ends with 0', async () => {
    const { code, out } = await doctorProgram(['--help'])
    expect(code).toBe(0)
    for (const name of [
      'org',
      'app',
      'cookie-name',
      'active-users',
      'instances',
      'redis',
      'hook',
      'json',
    ])
      expect(out).toContain(`--${name}`)
  })

  it('a healthy org and app give a table without faults, and the status 0', async () => {
    const org = await startOrg({ rateLimitPerMinute: 600 })
    const okta = startOkta({ orgUrl: org.url })
    const app = express()
    app.get('/account', okta.requireSession(), (_req, res) => void res.end())
    app.post('/sign-out', okta.logout())
    app.use('/okta/events', okta.eventHook({ secret: 'a secret of the hook' }))
    const url = await serve(app)
    const { code, out, err } = await doctorProgram(
      ['--app', `${url}/account`, '--hook', `${url}/okta/events`, '--active-users', '200'],
      serviceAppEnv(org, {
        OKTA_CLIENT_ORGURL: org.url,
        OKTA_COOKIE: org.signIn('alice@example.com'),
      }),
    )
    expect(err).toBe('')
    expect(out.split('\n')).toEqual(
      [
        /^Checks of http:\/\/localhost:\d+$/,
        /^$/,
        /^ok {7}org {10}Okta answers 404 without a cookie, in \d+ ms$/,
        /^ok {7}clock {8}This machine's clock agrees with Okta's$/,
        /^ok {7}rate_limit {3}598 of 600 calls to \/api\/v1\/sessions are left in this minute$/,
        /^ok {7}headroom {5}200 active users fit the limit of 600 calls a minute: the smallest ttlMs is 40 s$/,
        /^ok {7}tls .*http/,
        /^ok {7}credentials {2}Okta accepts the service app$/,
        /^ok {7}session {6}The idx cookie has a session: ACTIVE, for 120 minutes more$/,
        /^ok {7}cookie .*host of the org/,
        /^ok {7}app {10}The app answers 302 in \d+ ms$/,
        /^ok {7}proxy .*returns to http:\/\/localhost:\d+$/,
        /^ok {7}posts .*\/sign-out is accepted$/,
        /^ok {7}hook {9}The event hook answers the challenge in \d+ ms$/,
        /^$/,
        /^ {5}cache\.ttlMs active sessions$/,
        ...[50, 150, 300, 600, '1,500', '3,000'].map((n) => new RegExp(`\\d+ s +${n}$`)),
        /^$/,
        /^no faults, no warnings$/,
        /^$/,
      ].map((line) => expect.stringMatching(line)),
    )
    expect(code).toBe(0)
  })

  it('a fault ends it with 1', async () => {
    const org = await startOrg({})
    org.fail({ kind: 'status', status: 500 })
    const { code, out } = await doctorProgram(['--org', org.url])
    expect(out).toMatch(/^fault {4}org .*status 500/m)
    expect(out).toMatch(/^1 fault, 1 warning$/m)
    expect(code).toBe(1)
  })
})

describe('docs/doctor.md', () => {
  const doc = readFileSync(join(root, 'docs/doctor.md'), 'utf8')

  it('shows what the command prints', async () => {
    const org = await startOrg({ rateLimitPerMinute: 600 })
    const okta = startOkta({ orgUrl: org.url })
    const routes = express()
    routes.get('/account', okta.requireSession(), (_req, res) => void res.end())
    routes.post('/sign-out', okta.logout())
    routes.use('/okta/events', okta.eventHook({ secret: 'a secret of the hook' }))
    const app = await proxyTo(await serve(routes), {
      change(headers) {
        headers.host = 'app:3000'
      },
    })
    const args = [
      '--app',
      `${app}/account`,
      '--hook',
      `${app}/okta/events`,
      '--active-users',
      '500',
    ]
    const env = { OKTA_CLIENT_TOKEN: org.apiToken, OKTA_COOKIE: org.signIn('alice@example.com') }
    const { out, code } = await doctor(['--org', org.url, ...args], { env })
    const [, shown = ''] = /```text\n([\s\S]*?)```/.exec(doc) ?? []
    const withoutRedis = shown.replaceAll(/^ok {7}redis .*\n/gm, '')
    const masked = (text: string) => text.replaceAll(/localhost:\d+|\d+ ms/g, 'N')
    expect(masked(out)).toBe(masked(withoutRedis))
    expect(code).toBe(1)
  })

  it('explains each check, and names each option', () => {
    const sources = readdirSync(join(root, 'src/cli/doctor')).map(
      (name) => `src/cli/doctor/${name}`,
    )
    const code = [...sources, 'src/okta/health.ts'].map((name) =>
      readFileSync(join(root, name), 'utf8'),
    )
    const checks = code.flatMap((text) =>
      [...text.matchAll(/\bcheck(?: =|:) '(\w+)'/g)].map(([, check]) => check),
    )
    const rows = [...doc.matchAll(/^\| `(\w+)` \|/gm)].map(([, check]) => check)
    expect([...new Set(checks)].sort()).toEqual(rows.sort())
    for (const [option] of USAGE.matchAll(/--[a-z-]+/g)) expect(`${doc}--help`).toContain(option)
  })
})

describe('--json', () => {
  it('--json prints one line with stable fields', async () => {
    const org = await startOrg({ rateLimitPerMinute: 600 })
    const { out } = await doctor(['--org', org.url, '--active-users', '600', '--json'])
    expect(out.trimEnd().split('\n')).toHaveLength(1)
    expect(JSON.parse(out)).toEqual({
      org: org.url,
      faults: 0,
      warnings: 1,
      findings: [
        { check: 'org', level: 'ok', message: expect.any(String) },
        { check: 'clock', level: 'ok', message: expect.any(String) },
        { check: 'rate_limit', level: 'ok', message: expect.any(String) },
        {
          check: 'headroom',
          level: 'warning',
          message: expect.any(String),
          advice: expect.stringContaining('cache.ttlMs to 120_000'),
        },
        { check: 'tls', level: 'ok', message: expect.any(String) },
        { check: 'credentials', level: 'ok', message: expect.any(String) },
      ],
      headroom: {
        smallestTtlMs: 120_000,
        table: [
          { ttlMs: 10_000, sessions: 50 },
          { ttlMs: 30_000, sessions: 150 },
          { ttlMs: 60_000, sessions: 300 },
          { ttlMs: 120_000, sessions: 600 },
          { ttlMs: 300_000, sessions: 1_500 },
          { ttlMs: 600_000, sessions: 3_000 },
        ],
      },
    })
  })

  it('instances without a store divide the headroom, and with one they do not', async () => {
    const org = await startOrg({ rateLimitPerMinute: 600 })
    const args = ['--org', org.url, '--active-users', '2000', '--instances', '4']
    const alone = await examine(args)
    expect(linesOf(alone, 'headroom')).toEqual([
      expect.stringMatching(
        /^fault: 2,000 active users at 4 instances without a shared store .*503 -> .*1_600_000.*shared store/,
      ),
    ])
    const shared = await examine([...args, '--redis', 'redis://localhost:1'])
    expect(linesOf(shared, 'headroom')).toEqual([
      expect.stringMatching(/^warning: .*with a shared store .*300 s old -> .*400_000/),
    ])
  })
})

describe('secrets', () => {
  it('no run prints a token, a key, a cookie or a password, whatever fails', async () => {
    const org = await startOrg({})
    const cookie = org.signIn('alice@example.com')
    const { privateKey } = org.serviceApp
    const secrets = [SECRET, cookie.slice(4), String(privateKey.d), org.apiToken]
    const echoing = await serve((req, res) => {
      res.writeHead(403, { 'Content-Type': 'application/json', 'X-Okta-Request-Id': SECRET })
      const errorSummary = `${req.headers.authorization} ${req.headers.cookie} ${req.url}`
      res.end(JSON.stringify({ errorCode: 'E0000006', errorSummary, errorCauses: [] }))
    })
    const redis = `redis://user:${SECRET}@localhost:1`
    const app = `${org.url}/?token=${SECRET}`
    const environments = [
      { OKTA_CLIENT_TOKEN: SECRET, OKTA_COOKIE: cookie },
      { OKTA_CLIENT_TOKEN: `${SECRET} with blanks`, OKTA_COOKIE: cookie },
      { OKTA_CLIENT_ACCESSTOKEN: SECRET },
      { OKTA_CLIENT_CLIENTID: 'app', OKTA_CLIENT_PRIVATEKEY: SECRET },
      serviceAppEnv(org, { OKTA_CLIENT_SCOPES: 'okta.unknown', OKTA_COOKIE: cookie }),
    ]
    for (const env of environments)
      for (const url of [org.url, echoing])
        for (const form of [[], ['--json']]) {
          const args = ['--org', url, '--app', app, '--redis', redis, '--hook', app, ...form]
          const { out, err } = await doctor(args, { env })
          for (const secret of secrets) expect(out + err).not.toContain(secret)
          expect(out).toMatch(/credentials/)
        }
  })
})
