import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type CallMessage, channels, publishers } from '../../src/channels.js'
import { createLocalOrg, type LocalOrg } from '../../src/local-org/index.js'
import { SessionApi } from '../../src/okta/session-api.js'
import { oktaSession } from '../../src/okta-session.js'
import type { Credentials } from '../../src/options/options.js'

const ALICE = 'alice@example.com'

const open: { close(): Promise<void> }[] = []
const heard: CallMessage[] = []
const listen = (message: unknown) => void heard.push(message as CallMessage)
let org: LocalOrg

beforeEach(async () => {
  org = await createLocalOrg({ serviceApp: { alg: 'ES256' } })
  open.push(org)
  subscribe(channels.call, listen)
})
afterEach(async () => {
  unsubscribe(channels.call, listen)
  heard.length = 0
  vi.restoreAllMocks()
  for (const each of open.splice(0).reverse()) await each.close()
})

function apiWith(credentials: Credentials, timeoutMs = 2_000): SessionApi {
  const api = new SessionApi({ orgUrl: org.url, credentials, timeoutMs })
  open.push(api)
  return api
}

function serviceApp(): Credentials {
  const { clientId, privateKey } = org.serviceApp
  return { clientId, privateKey: { ...privateKey } }
}

/** Each message in one line. */
const lines = () =>
  heard.map(({ operation, outcome, status }) => [operation, outcome, status].join(' '))

const settled = (calls: readonly Promise<unknown>[]) => Promise.allSettled(calls)

describe('the call channel', () => {
  it('the call channel tells of each of the seven operations, once each', async () => {
    const api = apiWith({ apiToken: org.apiToken })
    const { id } = await api.createSession({ sessionToken: org.sessionToken(ALICE) })
    await api.getCurrentSession(`sid=${id}`)
    await api.refreshCurrentSession(`sid=${id}`)
    await api.getSession(id)
    await api.refreshSession(id)
    await api.revokeSession(id)
    await api.closeCurrentSession(org.signIn(ALICE))
    expect(lines()).toEqual([
      'createSession yes 200',
      'getCurrentSession yes 200',
      'refreshCurrentSession yes 200',
      'getSession yes 200',
      'refreshSession yes 200',
      'revokeSession yes 204',
      'closeCurrentSession yes 204',
    ])
    for (const message of heard) {
      expect(message.requestId).toMatch(/^[0-9a-f]{32}$/)
      expect(message.durationMs).toBeGreaterThan(0)
    }
    expect(JSON.stringify(heard)).not.toContain(id)
    expect(JSON.stringify(heard)).not.toContain(org.apiToken)
  })

  it('the call channel tells a "not found" from what says nothing of the session', async () => {
    const api = apiWith({ apiToken: org.apiToken })
    const stranger = apiWith({ apiToken: 'somebody-else' })
    const calls = [
      () => api.getCurrentSession('sid=unknown'),
      () => api.createSession({ sessionToken: 'used' }),
      () => api.getSession('unknown'),
      () => api.revokeSession('unknown'),
      () => stranger.getSession('unknown'),
    ]
    for (const call of calls) await settled([call()])
    expect(lines()).toEqual([
      'getCurrentSession no 404',
      'createSession no 401',
      'getSession no 404',
      'revokeSession no 404',
      // The token is refused: that says nothing about the session.
      'getSession unexpected_status 401',
    ])
  })

  it.each([
    [{ kind: 'status', status: 403 }, 'forbidden 403'],
    [{ kind: 'rate_limit' }, 'rate_limited 429'],
    [{ kind: 'concurrency_limit' }, 'concurrency_limited 429'],
    [{ kind: 'status', status: 500 }, 'server_error 500'],
    [{ kind: 'html' }, 'content_type 200'],
    [{ kind: 'redirect' }, 'redirect 302'],
    [{ kind: 'status', status: 404, body: 'not here' }, 'unexpected_status 404'],
    [{ kind: 'not_http' }, 'malformed '],
    [{ kind: 'hang' }, 'timeout '],
  ] as const)('the call channel says why there is no answer after %j', async (fault, said) => {
    org.fail(fault)
    await settled([apiWith({ apiToken: org.apiToken }, 200).refreshSession('102abc')])
    expect(lines()).toEqual([`refreshSession ${said}`])
  })

  it('the call channel tells of a retry once, with the call it belongs to', async () => {
    org.failNext({ kind: 'status', status: 503 })
    const api = apiWith({ apiToken: org.apiToken })
    await settled([api.getSession('unknown')])
    expect(org.calls.getSession).toBe(2)
    expect(lines()).toEqual(['getSession no 404'])
  })

  it('the call channel tells of a token request once, however many calls wait for it', async () => {
    const { id } = await apiWith({ apiToken: org.apiToken }).getCurrentSession(org.signIn(ALICE))
    heard.length = 0
    const api = apiWith(serviceApp())
    await Promise.all(Array.from({ length: 5 }, () => api.getSession(id)))
    expect(lines()).toEqual(['requestToken yes 200', ...Array(5).fill('getSession yes 200')])
    expect(JSON.stringify(heard)).not.toMatch(/eyJ/)
  })

  it('the call channel tells of a refused token request, and of no call that was not made', async () => {
    org.fail({ kind: 'status', status: 500 }, { operation: 'token' })
    await settled([apiWith(serviceApp()).getSession('102abc')])
    expect(org.calls.getSession).toBe(0)
    expect(lines()).toEqual(['requestToken server_error 500'])
  })

  it('the call channel tells a caller’s abort from a deadline', async () => {
    org.fail({ kind: 'hang' })
    const api = apiWith({ apiToken: org.apiToken })
    const stop = new AbortController()
    const aborted = api.getSession('102abc', { signal: stop.signal })
    const late = api.revokeSession('102abc', { signal: AbortSignal.timeout(50) })
    stop.abort()
    await settled([aborted, late])
    expect(lines()).toEqual(['getSession aborted ', 'revokeSession timeout '])
  })

  it('the call channel tells nothing where no call was tried', async () => {
    const broken = apiWith({
      accessToken: () => {
        throw new Error('the application has none')
      },
    })
    await settled([broken.getSession('102abc'), broken.getSession('me')])
    expect(lines()).toEqual([])
  })

  it('the call channel tells of the middleware’s calls and of its api’s, once each', async () => {
    const okta = oktaSession({ orgUrl: org.url, credentials: { apiToken: org.apiToken } })
    open.push(okta)
    const cookie = org.signIn(ALICE)
    const { session } = await okta.authenticate({ headers: { cookie } })
    await okta.api.revokeSession(session?.id ?? '')
    await okta.authenticate({ headers: { cookie } })
    expect(lines()).toEqual([
      'getCurrentSession yes 200',
      'revokeSession yes 204',
      'getCurrentSession no 404',
    ])
  })

  it('the call channel costs nothing without a subscriber', async () => {
    unsubscribe(channels.call, listen)
    const publish = vi.spyOn(publishers.call, 'publish')
    const api = apiWith(serviceApp())
    await settled([api.getSession('102abc'), api.getCurrentSession()])
    expect(org.calls).toMatchObject({ token: 1, getSession: 1, getCurrentSession: 1 })
    expect(publish).not.toHaveBeenCalled()
  })
})
