/** Every request of ours, with every kind of credentials, by the OpenAPI document; and what Okta's own SDK sends. */
import { Client } from '@okta/okta-sdk-nodejs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { LocalOrg, LocalOrgOptions } from '../../src/local-org/index.js'
import { SessionApi } from '../../src/okta/session-api.js'
import { oktaSession } from '../../src/okta-session.js'
import type { Credentials } from '../../src/options/options.js'
import { judgeRequest, operationOf } from './judge-request.js'
import { judgeResponse } from './judge-response.js'
import { checkDocument, readDocument } from './openapi-document.js'
import { type RecordedOrg, recordedOrg } from './recorded-org.js'

const ALICE = 'alice@example.com'
const document = checkDocument(readDocument())

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const each of open.splice(0).reverse()) await each.close()
})

async function start(options: LocalOrgOptions = {}): Promise<RecordedOrg> {
  const recorded = await recordedOrg({ serviceApp: { alg: 'ES256' }, ...options })
  open.push(recorded)
  return recorded
}

function apiAt({ org, agent }: RecordedOrg, credentials?: Credentials): SessionApi {
  const api = new SessionApi({ orgUrl: org.url, agent, ...(credentials && { credentials }) })
  open.push(api)
  return api
}

function serviceApp(org: LocalOrg): Credentials {
  const { clientId, privateKey } = org.serviceApp
  return { clientId, privateKey: { ...privateKey } }
}

/** Calls every operation, with good and bad answers. */
async function askForEverything({ org }: RecordedOrg, api: SessionApi): Promise<void> {
  const sessionId = () => {
    org.signIn(ALICE)
    return org.sessions.at(-1)?.id ?? ''
  }
  for (const cookie of [org.signIn(ALICE), org.signIn(ALICE, { cookie: 'sid' }), undefined]) {
    await api.getCurrentSession(cookie).catch(() => {})
    await api.refreshCurrentSession(cookie).catch(() => {})
    await api.closeCurrentSession(cookie).catch(() => {})
  }
  await api.createSession({ sessionToken: org.sessionToken(ALICE) })
  await api.createSession({ sessionToken: 'unknown' }).catch(() => {})
  for (const id of [sessionId(), 'a+b;c=d&e', 'é€😀', '...', 'me2', 'a?b#c']) {
    await api.getSession(id).catch(() => {})
    await api.refreshSession(id).catch(() => {})
    await api.revokeSession(id).catch(() => {})
  }
}

/** Judges both sides of whatever was recorded, and tells what it was. */
function expectSound({ exchanges }: RecordedOrg): readonly (string | undefined)[] {
  return exchanges.map(({ request, response }) => {
    expect(judgeRequest(document, request)).toEqual([])
    const operation = operationOf(document, request)
    expect(operation && judgeResponse(operation, response)).toEqual([])
    return operation?.operationId
  })
}

const SEVEN = [
  'closeCurrentSession',
  'createSession',
  'getCurrentSession',
  'getSession',
  'refreshCurrentSession',
  'refreshSession',
  'revokeSession',
]

describe('SessionApi', () => {
  it.each<[string, LocalOrgOptions, (org: LocalOrg) => Credentials, string[]]>([
    ['an API token', {}, (org) => ({ apiToken: org.apiToken }), []],
    ['an access token', {}, (org) => ({ accessToken: org.accessToken() }), []],
    ['a service app', {}, serviceApp, ['requestToken']],
    ['a service app with proofs', { dpop: 'required' }, serviceApp, ['requestToken']],
  ])(
    'SessionApi sends only requests that the OpenAPI document describes, with %s',
    async (_with, options, credentials, more) => {
      const recorded = await start(options)
      await askForEverything(recorded, apiAt(recorded, credentials(recorded.org)))
      expect([...new Set(expectSound(recorded))].sort()).toEqual([...SEVEN, ...more].sort())
    },
  )

  it('SessionApi requests uncompressed JSON, and names itself', async () => {
    const recorded = await start()
    await askForEverything(recorded, apiAt(recorded, { apiToken: recorded.org.apiToken }))
    for (const { request } of recorded.exchanges) {
      const headers = new Map(request.headers)
      expect(headers.get('accept')).toBe('application/json')
      expect(headers.get('accept-encoding')).toBe('identity')
      expect(headers.get('user-agent')).toMatch(/^express-okta-session\/\d/)
      expect(headers.get('host')).toBe(new URL(recorded.org.url).host)
    }
  })

  it('SessionApi without credentials gets the error of its own request', async () => {
    const recorded = await start()
    await apiAt(recorded)
      .getSession('102abc')
      .catch(() => {})
    const [exchange] = recorded.exchanges
    expect(exchange?.response.status).toBe(403)
    expect(exchange && judgeRequest(document, exchange.request)).toEqual([
      'Authorization: none, which does not do here',
    ])
  })
})

describe('the middleware', () => {
  it('the middleware sends only requests that the OpenAPI document describes, the user’s address included', async () => {
    const recorded = await start()
    const { org, agent } = recorded
    const okta = oktaSession({
      orgUrl: org.url,
      credentials: { apiToken: org.apiToken },
      upstream: { agent, forwardClientIp: true },
      logger: false,
    })
    open.push(okta)
    for (const ip of ['203.0.113.9', '2001:db8::1'])
      await okta.authenticate({ headers: { cookie: org.signIn(ALICE) }, ip })
    await okta.authenticate({ headers: { cookie: 'idx=unknown' } })
    expect(expectSound(recorded)).toEqual(Array(3).fill('getCurrentSession'))
    const told = recorded.exchanges.map(({ request }) =>
      new Map(request.headers).get('x-forwarded-for'),
    )
    expect(told).toEqual(['203.0.113.9', '2001:db8::1', undefined])
  })
})

describe('Okta’s own SDK', () => {
  it('requests by id of Okta’s SDK and their answers conform to the OpenAPI document', async () => {
    vi.stubEnv('https_proxy', '')
    vi.stubEnv('HTTPS_PROXY', '')
    const recorded = await start({ serviceApp: { alg: 'RS256' } })
    const { org, agent } = recorded
    const { clientId, privateKey } = org.serviceApp
    const scopes = ['okta.sessions.read', 'okta.sessions.manage']
    const app = { clientId, privateKey: { ...privateKey }, scopes, authorizationMode: 'PrivateKey' }
    for (const credentials of [{ token: org.apiToken }, app]) {
      const client = new Client({ orgUrl: org.url, cacheMiddleware: null, ...credentials })
      Object.assign(client.http, { agent })
      org.signIn(ALICE)
      const sessionId = org.sessions.at(-1)?.id ?? ''
      await client.sessionApi.getSession({ sessionId })
      await client.sessionApi.refreshSession({ sessionId })
      await client.sessionApi.revokeSession({ sessionId })
    }
    const byId = ['getSession', 'refreshSession', 'revokeSession']
    expect(expectSound(recorded)).toEqual([...byId, ...byId])
  })
})
