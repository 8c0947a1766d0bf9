import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { OktaApiError, OktaUnavailableError } from '../../src/errors.js'
import { createLocalOrg, type LocalOrg, type LocalOrgOptions } from '../../src/local-org/index.js'
import { createOperations } from '../../src/okta/operations.js'
import { SessionApi } from '../../src/okta/session-api.js'
import type { Credentials, PrivateKeyCredentials } from '../../src/options/options.js'
import { parseApiOptions } from '../../src/options/parse-options.js'

const ALICE = 'alice@example.com'
/** Generated once: an RSA key takes long. */
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const serviceApp = { privateKey: RSA.export({ format: 'jwk' }), keyId: 'key-1' }

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const each of open.splice(0).reverse()) await each.close()
})

async function orgWith(options: LocalOrgOptions = {}): Promise<LocalOrg> {
  const org = await createLocalOrg({ serviceApp, ...options })
  open.push(org)
  return org
}

function apiOf(org: LocalOrg, credentials: Credentials, timeoutMs = 3_000): SessionApi {
  const api = new SessionApi({ orgUrl: org.url, credentials, timeoutMs })
  open.push(api)
  return api
}

function appOf(org: LocalOrg, more: Partial<PrivateKeyCredentials> = {}): PrivateKeyCredentials {
  const { clientId, privateKey } = org.serviceApp
  return { clientId, privateKey: { ...privateKey }, ...more }
}

async function sessionIdAt(org: LocalOrg): Promise<string> {
  org.signIn(ALICE)
  const session = org.sessions[0]
  if (session === undefined) throw new Error('no user signed in')
  return session.id
}

/** Get, refresh and revoke, as an administrator would. */
async function administer(org: LocalOrg, api: SessionApi): Promise<void> {
  const id = await sessionIdAt(org)
  expect((await api.getSession(id)).login).toBe(ALICE)
  expect((await api.refreshSession(id)).login).toBe(ALICE)
  await api.revokeSession(id)
  expect(org.sessions).toHaveLength(0)
}

async function errorOf(call: Promise<unknown>): Promise<OktaApiError | OktaUnavailableError> {
  const error = await call.catch((reason: unknown) => reason)
  if (error instanceof OktaApiError || error instanceof OktaUnavailableError) return error
  throw new Error('neither of the two errors', { cause: error })
}

function summary(error: OktaApiError | OktaUnavailableError): unknown[] {
  if (error instanceof OktaUnavailableError) return [error.operation, error.code]
  return [error.operation, error.status, error.errorCode]
}

describe('each kind of credentials administers sessions', () => {
  const pem = (type: 'pkcs8' | 'pkcs1') => RSA.export({ format: 'pem', type }).toString()

  it.each<[string, (org: LocalOrg) => Credentials]>([
    ['an API token', (org) => ({ apiToken: org.apiToken })],
    ['an access token', (org) => ({ accessToken: org.accessToken() })],
    ['a function', (org) => ({ accessToken: () => org.accessToken() })],
    ['a function that takes its time', (org) => ({ accessToken: async () => org.accessToken() })],
    ['a service app with a JWK', (org) => appOf(org)],
    [
      'one with its JSON',
      (org) => appOf(org, { privateKey: JSON.stringify(org.serviceApp.privateKey) }),
    ],
    ['one with a PEM', (org) => appOf(org, { privateKey: pem('pkcs8'), keyId: 'key-1' })],
    ['one with an old PEM and no key id', (org) => appOf(org, { privateKey: pem('pkcs1') })],
  ])('%s: the credentials read, refresh and revoke a session', async (_what, credentials) => {
    const org = await orgWith()
    await administer(org, apiOf(org, credentials(org)))
  })

  it.each(['P-256', 'P-384', 'P-521'])(
    'a service app with a key on %s administers sessions',
    async (namedCurve) => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve })
      const org = await orgWith({
        serviceApp: { privateKey: privateKey.export({ format: 'jwk' }) },
      })
      await administer(org, apiOf(org, appOf(org)))
      const sec1 = createPrivateKey({ key: { ...org.serviceApp.privateKey }, format: 'jwk' })
        .export({ format: 'pem', type: 'sec1' })
        .toString()
      await administer(org, apiOf(org, appOf(org, { privateKey: sec1 })))
    },
  )

  it.each([undefined, true])(
    'a service app administers sessions where proofs are required, dpop %s',
    async (dpop) => {
      const org = await orgWith({ dpop: 'required' })
      await administer(org, apiOf(org, appOf(org, { dpop })))
    },
  )

  it('a service app told to send proofs administers sessions where none are required', async () => {
    const org = await orgWith({ dpop: 'off' })
    await administer(org, apiOf(org, appOf(org, { dpop: true })))
  })

  it('a service app from the environment administers sessions', async () => {
    const org = await orgWith()
    vi.stubEnv('OKTA_CLIENT_ORGURL', org.url)
    vi.stubEnv('OKTA_CLIENT_AUTHORIZATIONMODE', 'PrivateKey')
    vi.stubEnv('OKTA_CLIENT_TOKEN', 'chosen-against')
    vi.stubEnv('OKTA_CLIENT_CLIENTID', org.serviceApp.clientId)
    vi.stubEnv('OKTA_CLIENT_PRIVATEKEY', pem('pkcs8').replaceAll('\n', '\\n'))
    vi.stubEnv('OKTA_CLIENT_KEYID', org.serviceApp.keyId)
    vi.stubEnv('OKTA_CLIENT_SCOPES', 'okta.sessions.read okta.sessions.manage')
    const api = new SessionApi()
    open.push(api)
    await administer(org, api)
    expect(org.calls.token).toBe(1)
  })
})

describe('one token', () => {
  it('one access token serves twenty calls at once', async () => {
    const org = await orgWith({ dpop: 'required' })
    const api = apiOf(org, appOf(org, { dpop: true }))
    const id = await sessionIdAt(org)
    await Promise.all(Array.from({ length: 20 }, () => api.getSession(id)))
    // The first proof lacked the nonce.
    expect([org.calls.token, org.calls.getSession]).toEqual([2, 20])
  })

  it('an access token is renewed after an hour, with and without proofs', async () => {
    for (const dpop of ['off', 'required'] as const) {
      const org = await orgWith({ dpop })
      const settings = parseApiOptions({ orgUrl: org.url, credentials: appOf(org) }, {})
      // The client's monotonic clock does not advance: it learns of the expiry from the 401.
      const clock = { now: () => org.clock.now(), monotonic: () => performance.now() }
      const operations = createOperations(settings, clock)
      open.push(operations)
      const id = await sessionIdAt(org)
      expect((await operations.getSession(id)).answer.kind).toBe('yes')
      org.clock.advance(61 * 60_000)
      const before = { ...org.calls }
      expect((await operations.getSession(id)).answer.kind).toBe('yes')
      expect([org.calls.token - before.token, org.calls.getSession - before.getSession]).toEqual([
        1, 2,
      ])
    }
  })

  it('an access token from a function is requested again when the org has revoked it', async () => {
    const org = await orgWith()
    const given: string[] = []
    const accessToken = () => {
      const token = org.accessToken()
      if (given.push(token) === 1) org.revokeAccessToken(token)
      return token
    }
    await administer(org, apiOf(org, { accessToken }))
    expect(given).toHaveLength(4)
  })
})

describe('refused credentials', () => {
  const stranger = {
    ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }),
  }

  it.each<[string, (org: LocalOrg) => Credentials, unknown[]]>([
    ['a wrong API token', () => ({ apiToken: 'wrong' }), ['getSession', 401, 'E0000011']],
    ['an unknown access token', () => ({ accessToken: 'wrong' }), ['getSession', 401, 'E0000011']],
    [
      'a revoked access token',
      (org) => ({ accessToken: revoked(org) }),
      ['getSession', 401, 'E0000011'],
    ],
    [
      'a key of somebody else’s',
      (org) => appOf(org, { privateKey: stranger }),
      ['requestToken', 401, 'invalid_client'],
    ],
    [
      'an unknown key id',
      (org) => appOf(org, { keyId: 'other' }),
      ['requestToken', 401, 'invalid_client'],
    ],
    [
      'an unknown client',
      (org) => appOf(org, { clientId: '0oaOther' }),
      ['requestToken', 401, 'invalid_client'],
    ],
    [
      'a scope not granted',
      (org) => appOf(org, { scopes: ['okta.users.manage'] }),
      ['requestToken', 400, 'invalid_scope'],
    ],
  ])('%s: the call rejects with the org’s error', async (_what, credentials, expected) => {
    const org = await orgWith()
    const error = await errorOf(apiOf(org, credentials(org)).getSession(await sessionIdAt(org)))
    expect(summary(error)).toEqual(expected)
  })

  function revoked(org: LocalOrg): string {
    const token = org.accessToken()
    org.revokeAccessToken(token)
    return token
  }

  it('a call with dpop: false fails where the org requires proofs', async () => {
    const org = await orgWith({ dpop: 'required' })
    const error = await errorOf(apiOf(org, appOf(org, { dpop: false })).getSession('abc'))
    expect(summary(error)).toEqual(['requestToken', 400, 'invalid_dpop_proof'])
  })

  it.each<[string, (org: LocalOrg) => Credentials]>([
    ['an access token', (org) => ({ accessToken: org.accessToken(['okta.sessions.read']) })],
    ['a service app', (org) => appOf(org, { scopes: ['okta.sessions.read'] })],
  ])(
    'the error for a scope missing from %s names it in message and challenge',
    async (_what, credentials) => {
      const org = await orgWith()
      const api = apiOf(org, credentials(org))
      const id = await sessionIdAt(org)
      expect((await api.getSession(id)).id).toBe(id)
      for (const call of [api.refreshSession(id), api.revokeSession(id)]) {
        const error = await errorOf(call)
        expect(error).toMatchObject({
          status: 403,
          errorCode: 'E0000006',
          challenge: { error: 'insufficient_scope', scope: 'okta.sessions.manage' },
          message: expect.stringContaining('(insufficient_scope: okta.sessions.manage)'),
        })
      }
      expect(org.sessions).toHaveLength(1)
    },
  )
})

describe('a failing token endpoint', () => {
  const TOKEN = { operation: 'token' } as const
  const wrongNonce = {
    kind: 'status',
    status: 400,
    body: { error: 'use_dpop_nonce', error_description: 'Use this.' },
    headers: { 'dpop-nonce': 'not-one-of-ours' },
  } as const

  it.each([
    ['down', { kind: 'reset' }, ['requestToken', 'reset']],
    ['speaking something else', { kind: 'not_http' }, ['requestToken', 'malformed']],
    ['with a 500', { kind: 'status', status: 500 }, ['requestToken', 500, 'E0000009']],
    ['with a 503 of a proxy', { kind: 'html', status: 503 }, ['requestToken', 503, undefined]],
    ['with a page', { kind: 'html' }, ['requestToken', 'content_type']],
    ['with a redirect', { kind: 'redirect' }, ['requestToken', 'redirect']],
    ['with half an answer', { kind: 'truncated_body' }, ['requestToken', 'reset']],
    ['with half a JSON', { kind: 'malformed_body' }, ['requestToken', 'malformed']],
    ['with a huge answer', { kind: 'huge_body' }, ['requestToken', 'too_large']],
    ['with a zipped answer', { kind: 'gzip_body' }, ['requestToken', 'encoding']],
    ['without a token', { kind: 'fields', remove: ['access_token'] }, ['requestToken', 'schema']],
    [
      'with a number for a token',
      { kind: 'fields', set: { access_token: 5 } },
      ['requestToken', 'schema'],
    ],
    ['over its limit', { kind: 'rate_limit' }, ['requestToken', 429, 'E0000047']],
  ] as const)(
    'a token endpoint’s failure rejects the call, and the next one succeeds: %s',
    async (_what, fault, expected) => {
      const org = await orgWith()
      const api = apiOf(org, appOf(org))
      const id = await sessionIdAt(org)
      org.failNext(fault, TOKEN)
      expect(summary(await errorOf(api.getSession(id)))).toEqual(expected)
      expect(org.calls.getSession).toBe(0)
      expect((await api.getSession(id)).id).toBe(id)
    },
  )

  it.each([
    ['never answering', { kind: 'hang' }],
    ['slow', { kind: 'slow_body', overMs: 5_000 }],
  ] as const)('the deadline of a call holds for its token request: %s', async (_what, fault) => {
    const org = await orgWith()
    org.fail(fault, TOKEN)
    const error = await errorOf(apiOf(org, appOf(org), 100).getSession('abc'))
    expect(error).toMatchObject({ code: 'timeout', retryable: true })
    expect(org.calls.getSession).toBe(0)
  })

  it('a nonce of the token endpoint that is stale by the time it is used is renewed', async () => {
    const org = await orgWith({ dpop: 'required' })
    const id = await sessionIdAt(org)
    for (const dpop of [true, undefined]) {
      org.failNext(wrongNonce, TOKEN)
      expect((await apiOf(org, appOf(org, { dpop })).getSession(id)).id).toBe(id)
    }
  })

  it('a nonce that is wrong every time rejects the call with the endpoint’s error, after a few tries', async () => {
    const org = await orgWith({ dpop: 'required' })
    org.fail(wrongNonce, TOKEN)
    const error = await errorOf(apiOf(org, appOf(org)).getSession('abc'))
    expect(summary(error)).toEqual(['requestToken', 400, 'use_dpop_nonce'])
    expect(org.calls.token).toBe(4)
  })
})

describe('secrets', () => {
  const faults = [
    { kind: 'reset' },
    { kind: 'not_http' },
    { kind: 'hang' },
    { kind: 'html' },
    { kind: 'redirect' },
    { kind: 'huge_body' },
    { kind: 'truncated_body' },
    { kind: 'status', status: 400 },
    { kind: 'status', status: 401 },
    { kind: 'status', status: 500 },
  ] as const

  it('no error holds a secret, whatever the credentials and the fault', async () => {
    for (const dpop of ['off', 'required'] as const) {
      const org = await orgWith({ dpop })
      const accessToken = org.accessToken()
      const all: Credentials[] = [{ apiToken: org.apiToken }, { accessToken }, appOf(org)]
      const { d, p, q, dp, dq, qi } = org.serviceApp.privateKey
      const secrets = [org.apiToken, accessToken, d, p, q, dp, dq, qi].map(String)
      for (const fault of faults)
        for (const operation of ['token', 'getSession'] as const)
          for (const credentials of all) {
            org.clearFaults()
            org.fail(fault, { operation })
            const api = apiOf(org, credentials, 80)
            const shown = await api.getSession('abc').then(
              () => 'no error',
              (error: unknown) =>
                inspect([error, api], {
                  depth: Infinity,
                  showHidden: true,
                  maxStringLength: Infinity,
                }) + JSON.stringify(error),
            )
            for (const secret of secrets) expect(shown).not.toContain(secret)
            // Neither an assertion nor a proof: both are JWTs.
            expect(shown).not.toMatch(/eyJ[\w-]+\.[\w-]+\.[\w-]+/)
          }
    }
  })
})
