/** What doctor says of an org: each fault of the local org, clocks, certificates, credentials, cookies. */
import { createServer as createTlsServer } from 'node:https'
import { describe, expect, it } from 'vitest'
import { PRESETS } from '../../src/local-org/faults/presets.js'
import { json, sessionJson } from '../faults/faulty-org.js'
import { listen, serve, startOrg } from '../front-door/door.js'
import { expired, misnamed, trustworthy } from '../okta/certificates.js'
import {
  doctorProgram,
  examine,
  linesOf,
  proxyTo,
  serviceAppEnv,
  trusting,
} from './doctor-world.js'

type Row = readonly [check: string, line: RegExp, code: 0 | 1]

const notOkta = /^fault: .*shape that Okta does not use.*status 404.* -> .*\/api\/v1/
const noAnswer = /^fault: No answer from Okta in time -> .*status page/

/** What each fault looks like, in the words of the console. A new fault needs a row. */
const rows: Readonly<Record<string, Row>> = {
  '500 internal error': ['org', /^fault: .*status 500.* -> .*status page/, 1],
  '503 read-only mode': ['org', /^fault: .*status 503.* -> .*signs no user out/, 1],
  '403 refused by policy': [
    'org',
    /^fault: .*refuses this machine .*403, E0000006.* -> .*network zones/,
    1,
  ],
  '401 in Okta’s shape': ['org', /^warning: Okta answers 401/, 0],
  '404 of a proxy, not of Okta': ['org', notOkta, 1],
  '502 of a proxy': ['org', /^fault: .*status 502/, 1],
  '429 rate limit exceeded': [
    'rate_limit',
    /^fault: Okta answers 429: all \d+ calls of this minute/,
    1,
  ],
  '429 concurrency limit exceeded': [
    'rate_limit',
    /^fault: .*simultaneous.* -> .*maxConcurrent/,
    1,
  ],
  'late by half a second': ['org', /^(ok|warning): Okta answers .*\b([5-9]\d\d|\d{4}) ms/, 0],
  'late by five seconds': ['org', noAnswer, 1],
  'no answer at all': ['org', noAnswer, 1],
  'connection reset': ['org', /^fault: The connection .* was lost .*ECONNRESET/, 1],
  'reset after the operation took effect': ['org', /^fault: The connection .* was lost/, 1],
  'not HTTP': ['org', /^fault: The answer is not well-formed .*HPE_/, 1],
  'body over ten seconds': ['org', noAnswer, 1],
  'body cut off': ['org', /^fault: The connection .* was lost/, 1],
  'body of broken JSON': ['org', notOkta, 1],
  'body of a megabyte': ['org', notOkta, 1],
  'body compressed': ['org', notOkta, 1],
  'an HTML page': ['org', /^fault: The answer is not JSON \(status 200\) -> Something else/, 1],
  'a redirect': [
    'org',
    /^fault: .*redirect.*302, to http:\/\/localhost:\d+\) -> .*custom domain/,
    1,
  ],
  'another content type': ['org', notOkta, 1],
  'headers sent twice': ['clock', /^warning: .*no usable Date.*sent twice/, 0],
  'no login': ['session', /^fault: The lookup of OKTA_COOKIE .*schema/, 1],
  'expiresAt is a number': ['session', /^fault: The lookup of OKTA_COOKIE .*schema/, 1],
  'an unknown status': ['session', /^warning: .*LOCKED_OUT.* -> .*ACTIVE/, 0],
  'more Set-Cookie': ['session', /^ok: .*ACTIVE/, 0],
}

describe('the faults of the local org', () => {
  it('each fault that the console offers has a row', () => {
    expect(Object.keys(rows)).toEqual(PRESETS.map(({ label }) => label))
  })

  it.each(PRESETS)('$label', async ({ label, fault }) => {
    const [check, line, code] = rows[label] ?? []
    const org = await startOrg({})
    const env = { OKTA_COOKIE: org.signIn('alice@example.com') }
    org.fail(fault, { operation: 'getCurrentSession' })
    const timeoutMs = line === noAnswer ? 1_000 : 10_000
    const report = await examine(['--org', org.url], { env, timeoutMs })
    expect(linesOf(report, check ?? '')).toEqual([expect.stringMatching(line ?? /row/)])
    expect(report.code).toBe(code)
    expect(org.calls.getCurrentSession).toBeLessThanOrEqual(4)
  })

  it('headers sent twice are named for the rate limit too, and the headroom is left out', async () => {
    const org = await startOrg({})
    org.fail({ kind: 'duplicate_headers' })
    const report = await examine(['--org', org.url, '--active-users', '5'])
    expect(linesOf(report, 'rate_limit')).toEqual([expect.stringMatching(/^warning: .*sent twice/)])
    expect(linesOf(report, 'headroom')).toEqual([])
  })
})

describe('the org', () => {
  it('checks that need an answer are skipped with a word when there is none', async () => {
    const report = await examine(['--org', 'http://localhost:1'], {
      env: { OKTA_CLIENT_TOKEN: 'a-token', OKTA_COOKIE: 'idx=cookie' },
    })
    expect(linesOf(report, 'org')).toEqual([
      expect.stringMatching(
        /^fault: No connection to the org \(ECONNREFUSED\) -> .*upstream\.agent/,
      ),
    ])
    for (const check of ['credentials', 'session'])
      expect(linesOf(report, check)).toEqual([expect.stringMatching(/^warning: Not checked/)])
  })

  it('a host name that does not exist is DNS', async () => {
    const report = await examine(['--org', 'https://org.invalid'])
    expect(linesOf(report, 'org')).toEqual([
      expect.stringMatching(/^fault: The host name .* -> .*spelling/),
    ])
  })

  it('a session in answer to no cookie is a fault: every visitor would be that user', async () => {
    const url = await serve(json(200, sessionJson()))
    const report = await examine(['--org', url])
    expect(linesOf(report, 'org')).toEqual([
      expect.stringMatching(/^fault: .*without a cookie is answered with a session -> .*caches/),
    ])
  })

  it.each([
    [60_000, /^warning: This machine's clock is (59|60|61) s behind Okta's -> .*NTP/],
    [-60_000, /^warning: This machine's clock is (59|60|61) s ahead of Okta's -> .*NTP/],
    [3_600_000, /^fault: This machine's clock is (3599|3600|3601) s behind/],
    [-3_600_000, /^fault: This machine's clock is (3599|3600|3601) s ahead of/],
    [2_000, /^ok: /],
  ])('a clock of Okta that is %i ms ahead', async (dateSkewMs, line) => {
    const org = await startOrg({ dateSkewMs })
    expect(linesOf(await examine(['--org', org.url]), 'clock')).toEqual([
      expect.stringMatching(line),
    ])
  })

  it.each([
    [5, /^warning: 1 of 5 calls .*left.* -> .*new visitors get 503/],
    [10, /^warning: 4 of 10 calls .*left.* -> .*older than cache\.ttlMs/],
  ])('a rate limit of %i a minute that others use is named', async (rateLimitPerMinute, line) => {
    const org = await startOrg({ rateLimitPerMinute })
    const used = rateLimitPerMinute === 5 ? 2 : 4
    for (let call = 0; call < used; call += 1) await fetch(`${org.url}/api/v1/sessions/me`)
    expect(linesOf(await examine(['--org', org.url]), 'rate_limit')).toEqual([
      expect.stringMatching(line),
    ])
  })
})

describe('TLS', () => {
  const tlsOrg = async (identity: typeof trustworthy) => {
    const org = await startOrg({})
    return proxyTo(org.url, { tls: identity })
  }

  it('a certificate of an unknown authority is a fault that names NODE_EXTRA_CA_CERTS', async () => {
    const report = await examine(['--org', await tlsOrg(trustworthy)])
    expect(linesOf(report, 'org')).toEqual([
      expect.stringMatching(/^fault: No trusted TLS .*SELF_SIGNED.* -> .*NODE_EXTRA_CA_CERTS/),
    ])
  })

  it('a port without TLS is a fault that names the port', async () => {
    const org = await startOrg({})
    const report = await examine(['--org', org.url.replace('http:', 'https:')])
    expect(linesOf(report, 'org')).toEqual([
      expect.stringMatching(/^fault: No trusted TLS .* -> .*port/),
    ])
  })

  it.each([
    ['expired', expired, /CERT_HAS_EXPIRED\)\n +-> Renew/],
    ['for another name', misnamed, /ALTNAME_INVALID\)\n +-> .*another name/],
  ])('a certificate that is %s is named', async (_what, identity, lines) => {
    const { code, out } = await doctorProgram(
      ['--org', await tlsOrg(identity)],
      await trusting(identity),
    )
    expect(out).toMatch(lines)
    expect(code).toBe(1)
  })

  it('a trusted certificate is shown with its end', async () => {
    const { code, out } = await doctorProgram(
      ['--org', await tlsOrg(trustworthy)],
      await trusting(trustworthy),
    )
    expect(out).toMatch(/^ok {7}tls {10}TLSv1\.3, and a certificate that ends in [\d,]+ days$/m)
    expect(code).toBe(0)
  })

  it('a server that resets TLS is no certificate fault', async () => {
    const server = createTlsServer(trustworthy)
    server.on('connection', (socket) => socket.destroy())
    const url = await listen(server, 'https')
    const report = await examine(['--org', url])
    expect(linesOf(report, 'org')).toEqual([
      expect.stringMatching(/^fault: .*(lost|No connection)/),
    ])
  })
})

describe('the credentials', () => {
  const lineFor = async (env: Readonly<Record<string, string>>, org = startOrg({})) => {
    const { url } = await org
    return linesOf(await examine(['--org', url], { env }), 'credentials')
  }

  it('none are no fault', async () => {
    expect(await lineFor({})).toEqual([expect.stringMatching(/^ok: None are set/)])
  })

  it('an API token that Okta accepts is ok, and one that it refuses a fault', async () => {
    const org = startOrg({})
    const { apiToken } = await org
    expect(await lineFor({ OKTA_CLIENT_TOKEN: apiToken }, org)).toEqual([
      expect.stringMatching(/^ok: Okta accepts the API token/),
    ])
    expect(await lineFor({ OKTA_CLIENT_TOKEN: 'another-token' }, org)).toEqual([
      expect.stringMatching(/^fault: Okta refuses the API token: 401 E0000011 -> .*revoked/),
    ])
  })

  it('an API token of an administrator without the right to sessions is named', async () => {
    const org = await startOrg({})
    org.fail({ kind: 'status', status: 403 }, { operation: 'getSession' })
    expect(await lineFor({ OKTA_CLIENT_TOKEN: org.apiToken }, Promise.resolve(org))).toEqual([
      expect.stringMatching(/^fault: The API token may not read sessions: 403 E0000006/),
    ])
  })

  it.each(['off', 'required'] as const)(
    'a service app is accepted, DPoP %s, within 15 requests',
    async (dpop) => {
      const org = await startOrg({ dpop })
      expect(await lineFor(serviceAppEnv(org), Promise.resolve(org))).toEqual([
        expect.stringMatching(/^ok: Okta accepts the service app/),
      ])
      const env = serviceAppEnv(org, {
        OKTA_CLIENT_SCOPES: 'okta.sessions.read okta.sessions.manage okta.unknown',
        OKTA_COOKIE: org.signIn('alice@example.com'),
      })
      const before = requestsAt(org)
      expect(await lineFor(env, Promise.resolve(org))).toEqual([
        expect.stringMatching(/^fault: .*no token .*missing: okta\.unknown ->/),
      ])
      expect(requestsAt(org) - before).toBeLessThanOrEqual(15)
    },
  )

  it('a service app without the scope to change sessions is named with the scope', async () => {
    const org = await startOrg({})
    const env = serviceAppEnv(org, { OKTA_CLIENT_SCOPES: 'okta.sessions.read' })
    expect(await lineFor(env, Promise.resolve(org))).toEqual([
      expect.stringMatching(/^fault: The token lacks the scope okta\.sessions\.manage/),
    ])
  })

  it('a service app without the scope to read sessions is named with the scope', async () => {
    const org = await startOrg({})
    const env = serviceAppEnv(org, { OKTA_CLIENT_SCOPES: 'okta.sessions.manage' })
    expect(await lineFor(env, Promise.resolve(org))).toEqual([
      expect.stringMatching(/^fault: The token lacks the scope okta\.sessions\.read/),
    ])
  })

  it('a key that the app does not have at Okta is a refused token', async () => {
    const org = await startOrg({})
    const env = serviceAppEnv(org, { OKTA_CLIENT_CLIENTID: '0oaanother' })
    expect(await lineFor(env, Promise.resolve(org))).toEqual([
      expect.stringMatching(
        /^fault: Okta refuses the service app a token: 401 invalid_client -> .*clock/,
      ),
    ])
  })

  it('variables that oktaSession() would refuse are one fault', async () => {
    expect(await lineFor({ OKTA_CLIENT_TOKEN: 'a', OKTA_CLIENT_ACCESSTOKEN: 'b' })).toEqual([
      expect.stringMatching(/^fault: .*OKTA_CLIENT_AUTHORIZATIONMODE.*\(EOS207\) -> Correct/),
    ])
  })

  it('a proxy that answers calls with an Authorization header itself is named', async () => {
    const org = await startOrg({})
    org.fail({ kind: 'html' }, { operation: 'getSession' })
    expect(await lineFor({ OKTA_CLIENT_TOKEN: org.apiToken }, Promise.resolve(org))).toEqual([
      expect.stringMatching(/^fault: .*no usable answer: content_type -> .*proxies/),
    ])
  })
})

describe('OKTA_COOKIE', () => {
  it('a cookie without a session is a warning that tells the two engines apart', async () => {
    const org = await startOrg({})
    const report = await examine(['--org', org.url], { env: { OKTA_COOKIE: 'sid=made-up' } })
    expect(linesOf(report, 'session')).toEqual([
      expect.stringMatching(/^warning: Okta knows no session for the sid cookie .*Identity Engine/),
    ])
  })

  it('a session in a cookie that the app does not read is a fault', async () => {
    const org = await startOrg({ engine: 'classic' })
    const env = { OKTA_COOKIE: org.signIn('alice@example.com') }
    const report = await examine(['--org', org.url, '--cookie-name', 'idx'], { env })
    expect(linesOf(report, 'session')).toEqual([
      expect.stringMatching(
        /^fault: The sid cookie has a session, and the app reads idx alone -> Add 'sid'/,
      ),
    ])
  })
})

function requestsAt({ calls }: { readonly calls: Readonly<Record<string, number>> }): number {
  return Object.values(calls).reduce((sum, count) => sum + count, 0)
}
