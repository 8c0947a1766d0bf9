/** okta.api passes the same limiter as the users of the app, and gives way to them. */
import { OktaUnavailableError } from 'express-okta-session'
import { describe, expect, it } from 'vitest'
import { startParts } from './door.js'

const credentials = { apiToken: '00-an-api-token' }

function open(rateLimitPerMinute = 20) {
  return startParts({
    org: { apiToken: credentials.apiToken, rateLimitPerMinute },
    okta: { credentials },
  })
}

describe('okta.api', () => {
  it('okta.api leaves half of the rate-limit window to users, and says when to come back', async () => {
    const { org, okta } = await open()
    org.signIn('alice@example.com')
    const [session] = org.sessions
    const { id } = session ?? { id: '' }
    const script = async () => {
      for (;;) await okta.api.getSession(id)
    }
    const error = await script().catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(OktaUnavailableError)
    expect(error).toMatchObject({ operation: 'getSession', code: 'over_budget', retryable: true })
    const { retryAfterMs = 0 } = error as OktaUnavailableError
    expect(retryAfterMs).toBeGreaterThan(0)
    expect(retryAfterMs).toBeLessThanOrEqual(61_000)
    // Okta grants an API token half of the org's 20 calls.
    expect(org.calls.getSession).toBe(5)
    const headers = { cookie: org.signIn('bob@example.com') }
    expect(await okta.authenticate({ headers })).toMatchObject({ state: 'active' })
  })

  it('a call of okta.api is admitted again when the window ends', async () => {
    const { org, okta, clock } = await open()
    org.signIn('alice@example.com')
    const { id } = org.sessions[0] ?? { id: '' }
    for (let i = 0; i < 15; i += 1) await okta.api.getSession(id).catch(() => {})
    const { getSession } = org.calls
    await expect(okta.api.getSession(id)).rejects.toMatchObject({ code: 'over_budget' })
    expect(org.calls.getSession).toBe(getSession)
    clock.advance(62_000)
    await expect(okta.api.getSession(id)).resolves.toMatchObject({ login: 'alice@example.com' })
  })

  it('okta.api rejects an argument that cannot be sent, and an abort, without a word about Okta', async () => {
    const { okta } = await open(600)
    await expect(okta.api.getSession('a/b')).rejects.toBeInstanceOf(TypeError)
    const aborted = okta.api.getSession('an-id', { signal: AbortSignal.abort(new Error('mine')) })
    await expect(aborted).rejects.toThrow('mine')
    expect(okta.stats()).toMatchObject({ failures: {}, refused: {}, inFlight: 0 })
  })

  it('a call of okta.api is rejected as closed after close()', async () => {
    const { okta } = await open(600)
    await okta.close()
    await expect(okta.api.getSession('an-id')).rejects.toMatchObject({ code: 'closed' })
  })
})
