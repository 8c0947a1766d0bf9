import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OktaApiError } from '../../src/errors.js'
import { createLocalOrg, type LocalOrg } from '../../src/local-org/index.js'
import { SessionApi } from '../../src/okta/session-api.js'

const ALICE = 'alice@example.com'

describe.each(['identity', 'classic'] as const)('every operation in the %s engine', (engine) => {
  let org: LocalOrg
  let api: SessionApi

  beforeEach(async () => {
    org = await createLocalOrg({ engine })
    api = new SessionApi({ orgUrl: org.url, credentials: { apiToken: org.apiToken } })
  })
  afterEach(async () => {
    await api.close()
    await org.close()
  })

  async function refusal(call: Promise<unknown>): Promise<OktaApiError> {
    const error = await call.catch((reason: unknown) => reason)
    if (error instanceof OktaApiError) return error
    throw new Error('no OktaApiError', { cause: error })
  }

  function expiryOf(id: string): string | undefined {
    return org.sessions.find((session) => session.id === id)?.expiresAt
  }

  it('GetCurrentSession: whose session a cookie is, by its external id', async () => {
    const cookie = org.signIn(ALICE)
    const session = await api.getCurrentSession(cookie)
    expect(session).toMatchObject({ login: ALICE, status: 'ACTIVE', amr: ['pwd'] })
    expect(session.id).toBe(org.sessions[0]?.id)
    expect(session.expiresAt).toBe(org.sessions[0]?.expiresAt)
    expect(cookie).not.toContain(session.id)
    expect('idp' in session).toBe(engine === 'classic')
  })

  it.each(['MFA_REQUIRED', 'MFA_ENROLL'] as const)(
    'GetCurrentSession: a session that still lacks a factor says %s',
    async (status) => {
      const cookie = org.signIn(ALICE, { status })
      expect((await api.getCurrentSession(cookie)).status).toBe(status)
    },
  )

  it('GetCurrentSession: 404 without a cookie, with a false one, and once the session has ended', async () => {
    const cookie = org.signIn(ALICE)
    org.clock.advance(121 * 60_000)
    for (const given of [undefined, 'idx=unknown', 'sid=unknown', cookie]) {
      const error = await refusal(api.getCurrentSession(given))
      expect(error).toMatchObject({
        status: 404,
        errorCode: 'E0000007',
        operation: 'getCurrentSession',
      })
      expect(error.message).toBe(
        'getCurrentSession: 404 E0000007 Not found: Resource not found: me (Session)',
      )
      expect(error.requestId).toBeTypeOf('string')
    }
  })

  it('RefreshCurrentSession: the session’s end moves on', async () => {
    const cookie = org.signIn(ALICE)
    const before = await api.getCurrentSession(cookie)
    org.clock.advance(30 * 60_000)
    const after = await api.refreshCurrentSession(cookie)
    expect(after.id).toBe(before.id)
    expect(Date.parse(after.expiresAt)).toBeGreaterThan(Date.parse(before.expiresAt))
    expect(after.expiresAt).toBe(expiryOf(before.id))
  })

  it('CloseCurrentSession: gone, and 404 the second time', async () => {
    const cookie = org.signIn(ALICE)
    expect(await api.closeCurrentSession(cookie)).toBeUndefined()
    expect(org.sessions).toHaveLength(0)
    expect(await refusal(api.closeCurrentSession(cookie))).toMatchObject({ status: 404 })
    expect(await refusal(api.refreshCurrentSession(cookie))).toMatchObject({ status: 404 })
  })

  it('CreateSession: a session whose id is the sid cookie, and no console shows it', async () => {
    const session = await api.createSession({ sessionToken: org.sessionToken(ALICE) })
    expect(session.login).toBe(ALICE)
    const current = await api.getCurrentSession(`sid=${session.id}`)
    expect(current.id).not.toBe(session.id)
    expect(inspect(session)).not.toContain(session.id)
    expect(JSON.stringify(session)).toContain(session.id)
  })

  it('CreateSession: a token works once, with an API token or without', async () => {
    const plain = new SessionApi({ orgUrl: org.url })
    for (const one of [api, plain]) {
      const sessionToken = org.sessionToken(ALICE)
      await one.createSession({ sessionToken })
      const error = await refusal(one.createSession({ sessionToken }))
      expect(error).toMatchObject({ status: 401, errorCode: 'E0000004' })
      expect(inspect(error, { depth: Infinity })).not.toContain(sessionToken)
    }
    await plain.close()
  })

  it('GetSession: by the external id or by the cookie’s value, and its end stays', async () => {
    const { id: secret } = await api.createSession({ sessionToken: org.sessionToken(ALICE) })
    const { id, expiresAt } = await api.getCurrentSession(`sid=${secret}`)
    org.clock.advance(30 * 60_000)
    for (const either of [id, secret])
      expect(await api.getSession(either)).toMatchObject({ id: either, login: ALICE, expiresAt })
    expect(expiryOf(id)).toBe(expiresAt)
  })

  it('RefreshSession: the session’s end moves on', async () => {
    const before = await api.getCurrentSession(org.signIn(ALICE))
    org.clock.advance(30 * 60_000)
    const after = await api.refreshSession(before.id)
    expect(Date.parse(after.expiresAt)).toBeGreaterThan(Date.parse(before.expiresAt))
  })

  it('RevokeSession: the cookie is worth nothing any more, and 404 the second time', async () => {
    const cookie = org.signIn(ALICE)
    const { id } = await api.getCurrentSession(cookie)
    expect(await api.revokeSession(id)).toBeUndefined()
    expect(await refusal(api.getCurrentSession(cookie))).toMatchObject({ status: 404 })
    const error = await refusal(api.revokeSession(id))
    expect(error.message).toBe(
      'revokeSession: 404 E0000007 Not found: Resource not found: {sessionId} (AppSession)',
    )
    expect(error.errorSummary).toBe('Not found: Resource not found: {sessionId} (AppSession)')
  })

  it('by id: 403 without credentials and 401 with wrong ones', async () => {
    const { id } = await api.getCurrentSession(org.signIn(ALICE))
    const plain = new SessionApi({ orgUrl: org.url })
    const wrong = new SessionApi({ orgUrl: org.url, credentials: { apiToken: 'wrong-token' } })
    for (const operation of ['getSession', 'refreshSession', 'revokeSession'] as const) {
      const rejected = await refusal(plain[operation](id))
      expect(rejected).toMatchObject({ operation, status: 403, errorCode: 'E0000005' })
      const stranger = await refusal(wrong[operation](id))
      expect(stranger).toMatchObject({ operation, status: 401, errorCode: 'E0000011' })
      expect(inspect(stranger, { depth: Infinity })).not.toContain('wrong-token')
    }
    expect(org.sessions).toHaveLength(1)
    await plain.close()
    await wrong.close()
  })
})
