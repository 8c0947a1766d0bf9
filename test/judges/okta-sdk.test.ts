/** Okta's own SDK for Node against the local org, and side by side with SessionApi: two clients, one wire. */
import { generateKeyPairSync } from 'node:crypto'
import {
  Client,
  DefaultRequestExecutor,
  OktaApiError as SdkError,
  type Session as SdkSession,
} from '@okta/okta-sdk-nodejs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { OktaApiError } from '../../src/errors.js'
import { createLocalOrg, type LocalOrg, type LocalOrgOptions } from '../../src/local-org/index.js'
import { SessionApi } from '../../src/okta/session-api.js'
import { stillClock } from '../local-org/orgs.js'

type SdkConfig = NonNullable<ConstructorParameters<typeof Client>[0]>

const ALICE = 'alice@example.com'
const ABSENT = '102AAAAAAAAAAAAAAAAAAAAAA'
const MINUTE = 60_000
const SCOPES = ['okta.sessions.read', 'okta.sessions.manage']
/** Made once: an RSA key takes its time, and the SDK's token request fails with any other. */
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey

const open: { close(): Promise<void> }[] = []
beforeEach(() => {
  // The SDK would send localhost through it.
  vi.stubEnv('https_proxy', '')
  vi.stubEnv('HTTPS_PROXY', '')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const each of open.splice(0).reverse()) await each.close()
})

async function orgWith(options: LocalOrgOptions = {}): Promise<LocalOrg> {
  const serviceApp = { privateKey: RSA.export({ format: 'jwk' }), keyId: 'key-1' }
  const org = await createLocalOrg({ serviceApp, ...options })
  open.push(org)
  return org
}

/** The SDK, without its cache, and without waiting out a 429 unless it is told to. */
function sdk(config: SdkConfig, maxRetries = 0): Client {
  const requestExecutor = new DefaultRequestExecutor({ maxRetries, requestTimeout: 0 })
  return new Client({ cacheMiddleware: null, requestExecutor, ...config })
}

const withToken = ({ url, apiToken }: LocalOrg): SdkConfig => ({
  orgUrl: url,
  token: apiToken,
})

function withKey(org: LocalOrg, more: SdkConfig = {}): SdkConfig {
  const { clientId, privateKey, keyId } = org.serviceApp
  const key = { clientId, privateKey: { ...privateKey }, keyId, scopes: SCOPES }
  return { orgUrl: org.url, authorizationMode: 'PrivateKey', ...key, ...more }
}

function ours({ url, apiToken }: LocalOrg): SessionApi {
  const api = new SessionApi({ orgUrl: url, credentials: { apiToken } })
  open.push(api)
  return api
}

function externalId(org: LocalOrg): string {
  org.signIn(ALICE)
  return org.sessions.at(-1)?.id ?? ''
}

/** A session as the SDK has it, with its dates as text. */
function inOurTerms({ _links, ...fields }: SdkSession): Readonly<Record<string, unknown>> {
  const inText = (value: unknown) => (value instanceof Date ? value.toISOString() : value)
  const entries = Object.entries(fields).map(([name, value]) => [name, inText(value)])
  return JSON.parse(JSON.stringify(Object.fromEntries(entries)))
}

async function sdkError(call: Promise<unknown>): Promise<SdkError> {
  const error: unknown = await call.catch((reason: unknown) => reason)
  if (error instanceof SdkError) return error
  throw new Error('no error of the SDK’s', { cause: error })
}

async function ourError(call: Promise<unknown>): Promise<OktaApiError> {
  const error: unknown = await call.catch((reason: unknown) => reason)
  if (error instanceof OktaApiError) return error
  throw new Error('no OktaApiError', { cause: error })
}

/** What both clients say of the same kind of answer. Each answer has an id of its own. */
function said({ status, errorCode, errorSummary, errorLink, errorCauses, errorId }: ErrorFields) {
  expect(errorId).toMatch(/^oae[\w-]{22}$/)
  return { status, errorCode, errorSummary, errorLink, errorCauses }
}

type ErrorFields = Pick<SdkError, 'status'> & {
  readonly [name in
    | 'errorCode'
    | 'errorSummary'
    | 'errorLink'
    | 'errorId'
    | 'errorCauses']?: unknown
} & { readonly errorSummary?: string | undefined }

describe.each(['identity', 'classic'] as const)('the SDK at the %s engine', (engine) => {
  it.each([
    ['an API token', withToken],
    ['a service app', withKey],
  ])('Okta’s SDK takes a session through its life by id, with %s', async (_with, config) => {
    const org = await orgWith({ engine })
    const sessionId = externalId(org)
    const { sessionApi } = sdk(config(org))
    const found = await sessionApi.getSession({ sessionId })
    expect(found).toMatchObject({ id: sessionId, login: ALICE, status: 'ACTIVE', amr: ['pwd'] })
    org.clock.advance(30 * MINUTE)
    const refreshed = await sessionApi.refreshSession({ sessionId })
    expect(Number(refreshed.expiresAt)).toBeGreaterThan(Number(found.expiresAt))
    expect(await sessionApi.revokeSession({ sessionId })).toBeUndefined()
    expect(org.sessions).toEqual([])
    const again = await sdkError(sessionApi.revokeSession({ sessionId }))
    expect(again).toMatchObject({ status: 404, errorCode: 'E0000007' })
  })

  it('Okta’s SDK makes a session of a session token, and takes it through its life by its cookie', async () => {
    const org = await orgWith({ engine })
    const { sessionApi } = sdk(withToken(org))
    const createSessionRequest = { sessionToken: org.sessionToken(ALICE) }
    const created = await sessionApi.createSession({ createSessionRequest })
    expect(created).toMatchObject({ login: ALICE, id: expect.stringMatching(/^102[\w-]{22}$/) })
    const cookie = `sid=${created.id}`
    const current = await sessionApi.getCurrentSession({ cookie })
    expect(current).toMatchObject({ id: org.sessions[0]?.id, userId: created.userId })
    org.clock.advance(30 * MINUTE)
    const refreshed = await sessionApi.refreshCurrentSession({ cookie })
    expect(Number(refreshed.expiresAt)).toBeGreaterThan(Number(current.expiresAt))
    expect(await sessionApi.closeCurrentSession({ cookie })).toBeUndefined()
    expect(await sdkError(sessionApi.getCurrentSession({ cookie }))).toMatchObject({ status: 404 })
  })

  it('Okta’s SDK reads every answer as SessionApi does', async () => {
    const org = await orgWith({ engine, clock: stillClock })
    const { sessionApi } = sdk(withToken(org))
    const api = ours(org)
    for (const status of ['ACTIVE', 'MFA_REQUIRED', 'MFA_ENROLL'] as const)
      for (const mfa of [true, false]) {
        const cookie = org.signIn(ALICE, { status, mfa })
        const { id: sessionId } = await api.getCurrentSession(cookie)
        const rows = [
          [() => sessionApi.getCurrentSession({ cookie }), () => api.getCurrentSession(cookie)],
          [
            () => sessionApi.refreshCurrentSession({ cookie }),
            () => api.refreshCurrentSession(cookie),
          ],
          [() => sessionApi.getSession({ sessionId }), () => api.getSession(sessionId)],
          [() => sessionApi.refreshSession({ sessionId }), () => api.refreshSession(sessionId)],
        ] as const
        for (const [askTheirs, askOurs] of rows) {
          // The SDK drops mfaActive, which its specification does not have.
          const { mfaActive, ...known } = await askOurs()
          expect(inOurTerms(await askTheirs())).toEqual(known)
        }
      }
  })

  it('Okta’s SDK gets the same error texts as SessionApi', async () => {
    const org = await orgWith({ engine })
    const { sessionApi } = sdk(withToken(org))
    const api = ours(org)
    const sessionId = ABSENT
    const createSessionRequest = { sessionToken: 'used' }
    const rows = [
      [404, () => sessionApi.getCurrentSession(), () => api.getCurrentSession()],
      [404, () => sessionApi.refreshCurrentSession(), () => api.refreshCurrentSession()],
      [404, () => sessionApi.closeCurrentSession(), () => api.closeCurrentSession()],
      [404, () => sessionApi.getSession({ sessionId }), () => api.getSession(sessionId)],
      [404, () => sessionApi.refreshSession({ sessionId }), () => api.refreshSession(sessionId)],
      [404, () => sessionApi.revokeSession({ sessionId }), () => api.revokeSession(sessionId)],
      [
        401,
        () => sessionApi.createSession({ createSessionRequest }),
        () => api.createSession(createSessionRequest),
      ],
    ] as const
    for (const [status, askTheirs, askOurs] of rows) {
      const heard = said(await sdkError(askTheirs()))
      expect(heard.status).toBe(status)
      // The requested id may be a live credential: SessionApi hides it where the SDK repeats it.
      const errorSummary = heard.errorSummary?.replace(ABSENT, '{sessionId}')
      expect({ ...heard, errorSummary }).toEqual(said(await ourError(askOurs())))
    }
    const empty = sessionApi.createSession({ createSessionRequest: {} })
    expect(await sdkError(empty)).toMatchObject({ status: 400, errorCode: 'E0000003' })
  })
})

describe('the SDK’s credentials', () => {
  it('a wrong API token is refused to Okta’s SDK', async () => {
    const org = await orgWith()
    const { sessionApi } = sdk({ ...withToken(org), token: 'wrong' })
    const createSessionRequest = { sessionToken: org.sessionToken(ALICE) }
    for (const call of [
      () => sessionApi.getSession({ sessionId: ABSENT }),
      () => sessionApi.refreshSession({ sessionId: ABSENT }),
      () => sessionApi.revokeSession({ sessionId: ABSENT }),
      () => sessionApi.createSession({ createSessionRequest }),
    ])
      expect(await sdkError(call())).toMatchObject({ status: 401, errorCode: 'E0000011' })
  })

  it('a missing scope is refused to Okta’s SDK', async () => {
    const org = await orgWith()
    const sessionId = externalId(org)
    const { sessionApi } = sdk(withKey(org, { scopes: ['okta.sessions.read'] }))
    expect(await sessionApi.getSession({ sessionId })).toMatchObject({ id: sessionId })
    for (const call of [
      () => sessionApi.refreshSession({ sessionId }),
      () => sessionApi.revokeSession({ sessionId }),
    ]) {
      const error = await sdkError(call())
      expect(error).toMatchObject({ status: 403, errorCode: 'E0000006' })
      expect(error.headers.get('www-authenticate')).toContain('error="insufficient_scope"')
    }
  })

  it.each([
    ['PKCS #8', 'pkcs8'],
    ['PKCS #1', 'pkcs1'],
  ] as const)('Okta’s SDK takes a PEM in %s', async (_name, type) => {
    const org = await orgWith()
    const sessionId = externalId(org)
    const privateKey = RSA.export({ format: 'pem', type }).toString()
    const { sessionApi } = sdk(withKey(org, { privateKey }))
    expect(await sessionApi.getSession({ sessionId })).toMatchObject({ id: sessionId })
  })

  it('Okta’s SDK uses one token for many calls, and a new one when the org has revoked it', async () => {
    const org = await orgWith()
    const sessionId = externalId(org)
    const client = sdk(withKey(org))
    await client.sessionApi.getSession({ sessionId })
    await client.sessionApi.refreshSession({ sessionId })
    expect(org.calls.token).toBe(1)
    const { access_token: token } = await client.oauth.getAccessToken()
    expect(org.revokeAccessToken(token)).toBe(true)
    await client.sessionApi.revokeSession({ sessionId })
    expect(org.calls).toMatchObject({ token: 2, revokeSession: 2 })
  })

  it('Okta’s SDK sends DPoP proofs where the org requires them: nonce and `ath` are accepted', async () => {
    const org = await orgWith({ dpop: 'required' })
    const sessionId = externalId(org)
    const { sessionApi } = sdk(withKey(org))
    expect(await sessionApi.getSession({ sessionId })).toMatchObject({ id: sessionId })
    expect(org.calls).toMatchObject({ token: 2, getSession: 1 })
  })
})

describe('the environment', () => {
  it('the environment gives Okta’s SDK and SessionApi the same API token', async () => {
    const org = await orgWith()
    vi.stubEnv('OKTA_CLIENT_ORGURL', org.url)
    vi.stubEnv('OKTA_CLIENT_TOKEN', org.apiToken)
    await bothFind(externalId(org))
    expect(org.calls.token).toBe(0)
  })

  it('the environment gives Okta’s SDK and SessionApi the same service app', async () => {
    const org = await orgWith()
    const { clientId, privateKey } = org.serviceApp
    vi.stubEnv('OKTA_CLIENT_ORGURL', org.url)
    vi.stubEnv('OKTA_CLIENT_AUTHORIZATIONMODE', 'PrivateKey')
    vi.stubEnv('OKTA_CLIENT_CLIENTID', clientId)
    vi.stubEnv('OKTA_CLIENT_SCOPES', SCOPES.join(' '))
    vi.stubEnv('OKTA_CLIENT_KEYID', 'key-1')
    for (const key of [
      JSON.stringify(privateKey),
      RSA.export({ format: 'pem', type: 'pkcs8' }).toString(),
    ]) {
      vi.stubEnv('OKTA_CLIENT_PRIVATEKEY', key)
      await bothFind(externalId(org))
    }
    expect(org.calls).toMatchObject({ token: 4, getSession: 4 })
  })

  async function bothFind(id: string): Promise<void> {
    const api = new SessionApi()
    open.push(api)
    expect(await sdk({}).sessionApi.getSession({ sessionId: id })).toMatchObject({ id })
    expect(await api.getSession(id)).toMatchObject({ id })
  }
})

describe('a 429', () => {
  it('a 429 is an error to Okta’s SDK as it is to SessionApi', async () => {
    const org = await orgWith({ rateLimitPerMinute: 2 })
    const { sessionApi } = sdk(withToken(org))
    await sdkError(sessionApi.getSession({ sessionId: ABSENT }))
    const theirs = await sdkError(sessionApi.getSession({ sessionId: ABSENT }))
    expect(said(theirs)).toEqual(said(await ourError(ours(org).getSession(ABSENT))))
    expect(theirs).toMatchObject({ status: 429, errorCode: 'E0000047' })
  })

  it('a 429 tells Okta’s SDK how long to wait, which then tries again and succeeds', async () => {
    // The org's Date is a minute and a second ahead, so the minute to wait is none.
    const org = await orgWith({ dateSkewMs: 61_000 })
    const sessionId = externalId(org)
    const client = sdk(withToken(org), 1)
    const backoffs: unknown[] = []
    client.requestExecutor.on('backoff', (_request, _response, requestId, delayMs) =>
      backoffs.push([requestId, delayMs <= 1_000]),
    )
    org.failNext({ kind: 'rate_limit' })
    expect(await client.sessionApi.getSession({ sessionId })).toMatchObject({ id: sessionId })
    expect(backoffs).toEqual([[expect.stringMatching(/^[0-9a-f]{32}$/), true]])
    expect(org.calls.getSession).toBe(2)
  })

  it('a 429 whose headers come twice makes Okta’s SDK wait no longer', async () => {
    const org = await orgWith({ rateLimitPerMinute: 2 })
    const { sessionApi } = sdk(withToken(org), 1)
    await sdkError(sessionApi.getSession({ sessionId: ABSENT }))
    org.fail({ kind: 'duplicate_headers' })
    expect(await sdkError(sessionApi.getSession({ sessionId: ABSENT }))).toMatchObject({
      status: 429,
    })
    expect(org.calls.getSession).toBe(2)
  })
})
