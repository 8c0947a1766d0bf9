/** A change of a session through `okta.api` applies to the next request of its app. */
import express from 'express'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import type { LocalOrg, LocalOrgOptions } from '../../src/local-org/index.js'
import type { OktaSession } from '../../src/okta-session-types.js'
import { machineClock, startOkta, startOrg } from '../front-door/door.js'

const ALICE = 'alice@example.com'
const MINUTE = 60_000

interface World {
  readonly org: LocalOrg
  readonly okta: OktaSession
  readonly cookie: string
  /** The id /me gives, and the one that is the value of `sid`. */
  readonly external: string
  readonly internal: string
  /** One request of alice's to a guarded route. */
  send(): Promise<Seen>
}

interface Seen {
  readonly status: number
  readonly body: { readonly reason?: string; readonly source?: string; readonly expiresAt?: string }
}

/** An app that has alice's session in its cache. */
async function appThatKnowsAlice(orgOptions: LocalOrgOptions = {}): Promise<World> {
  const org = await startOrg(orgOptions)
  const options = {
    orgUrl: org.url,
    credentials: { apiToken: org.apiToken },
    upstream: { timeoutMs: 500 },
  }
  const okta = startOkta(options, machineClock)
  const app = express()
  app.get('/', okta.requireSession(), (req, res) => {
    const source = req.okta?.state === 'active' ? req.okta.source : req.okta?.state
    res.json({ source, expiresAt: okta.session(req).expiresAt })
  })
  const cookie = org.signIn(ALICE, { cookie: 'sid' })
  const send = async () => {
    const { status, body } = await request(app).get('/').set('Cookie', cookie)
    return { status, body }
  }
  expect(await send()).toMatchObject({ status: 200, body: { source: 'okta' } })
  expect(await send()).toMatchObject({ status: 200, body: { source: 'memory' } })
  const external = org.sessions[0]?.id ?? ''
  return { org, okta, cookie, external, internal: cookie.slice('sid='.length), send }
}

const refused = { status: 401, body: { reason: 'not_found' } }
const lookedUp = { status: 200, body: { source: 'okta' } }

describe.each(['identity', 'classic'] as const)('in the %s engine', (engine) => {
  it.each(['external', 'internal'] as const)(
    'a session revoked by its %s id is refused at once',
    async (name) => {
      const { okta, send, ...world } = await appThatKnowsAlice({ engine })
      await okta.api.revokeSession(world[name])
      expect(await send()).toMatchObject(refused)
    },
  )

  it.each(['external', 'internal'] as const)(
    'a session refreshed by its %s id has its new end in the next request',
    async (name) => {
      const { org, okta, send, ...world } = await appThatKnowsAlice({ engine })
      const before = (await send()).body.expiresAt ?? ''
      org.clock.advance(10 * MINUTE)
      const { expiresAt } = await okta.api.refreshSession(world[name])
      expect(Date.parse(expiresAt)).toBeGreaterThanOrEqual(Date.parse(before) + 10 * MINUTE)
      const { getCurrentSession } = org.calls
      expect(await send()).toMatchObject({ status: 200, body: { expiresAt } })
      expect(org.calls.getCurrentSession).toBe(getCurrentSession + 1)
    },
  )

  it('a session closed or refreshed by its cookie changes the next request', async () => {
    const { org, okta, cookie, send } = await appThatKnowsAlice({ engine })
    org.clock.advance(10 * MINUTE)
    const { expiresAt } = await okta.api.refreshCurrentSession(cookie)
    const { getCurrentSession } = org.calls
    expect(await send()).toMatchObject({ status: 200, body: { expiresAt } })
    expect(org.calls.getCurrentSession).toBe(getCurrentSession + 1)
    await okta.api.closeCurrentSession(cookie)
    expect(await send()).toMatchObject(refused)
  })
})

it('revokeSession() with the id of /me voids an idx', async () => {
  const { org, okta } = await appThatKnowsAlice()
  const cookie = org.signIn('bob@example.com')
  const authenticate = () => okta.authenticate({ headers: { cookie } })
  const { session } = await authenticate()
  await okta.api.revokeSession(session?.id ?? '')
  expect(await authenticate()).toMatchObject({ state: 'anonymous', reason: 'not_found' })
})

it('a lookup in flight while its session was revoked lets no request through', async () => {
  const { org, okta, external, send } = await appThatKnowsAlice()
  await okta.forget({ sessionId: external })
  // Okta answers yes before the revocation; the answer arrives after it.
  org.failNext({ kind: 'delay', delayMs: 150 }, { operation: 'getCurrentSession' })
  const early = send()
  await calls(org, 'getCurrentSession', 2)
  await okta.api.revokeSession(external)
  expect(await early).toMatchObject(refused)
})

it('a 404 to revokeSession() voids the cached session', async () => {
  const { org, okta, external, send } = await appThatKnowsAlice()
  org.endSession(external)
  expect(await send()).toMatchObject({ status: 200, body: { source: 'memory' } })
  await expect(okta.api.revokeSession(external)).rejects.toMatchObject({ status: 404 })
  expect(await send()).toMatchObject(refused)
})

it('revokeSession() without an answer voids the cached session', async () => {
  const { org, okta, external, send } = await appThatKnowsAlice()
  org.failNext({ kind: 'hang', performs: true }, { operation: 'revokeSession' })
  await expect(okta.api.revokeSession(external)).rejects.toMatchObject({ code: 'timeout' })
  expect(await send()).toMatchObject(refused)
})

it('revokeSession() aborted by its caller voids the cached session', async () => {
  const { org, okta, external, send } = await appThatKnowsAlice()
  org.failNext({ kind: 'hang', performs: true }, { operation: 'revokeSession' })
  const stop = new AbortController()
  const revoked = okta.api.revokeSession(external, { signal: stop.signal })
  await calls(org, 'revokeSession', 1)
  stop.abort()
  await expect(revoked).rejects.toMatchObject({ name: 'AbortError' })
  expect(await send()).toMatchObject(refused)
})

it('a failed refreshSession() leaves the next request to look up', async () => {
  const { org, okta, external, send } = await appThatKnowsAlice()
  org.failNext({ kind: 'status', status: 500 }, { operation: 'refreshSession' })
  await expect(okta.api.refreshSession(external)).rejects.toMatchObject({ status: 500 })
  expect(await send()).toMatchObject(lookedUp)
})

it('a call with invalid arguments changes nothing', async () => {
  const { okta, external, send } = await appThatKnowsAlice()
  // As JavaScript might call it.
  const wrong: string[] = JSON.parse('[5, null, "me", ".."]')
  for (const id of wrong) {
    await expect(okta.api.revokeSession(id)).rejects.toThrow(/^revokeSession: sessionId must be/)
    await expect(okta.api.refreshSession(id)).rejects.toThrow(/^refreshSession: sessionId must be/)
    await expect(okta.api.closeCurrentSession(id)).rejects.toThrow(
      /^closeCurrentSession: cookie must be/,
    )
    await expect(okta.api.refreshCurrentSession(id)).rejects.toThrow(
      /^refreshCurrentSession: cookie must be/,
    )
  }
  await okta.api.getSession(external)
  expect(await send()).toMatchObject({ status: 200, body: { source: 'memory' } })
})

/** Resolves when the org has received that many calls. */
async function calls(org: LocalOrg, operation: keyof LocalOrg['calls'], count: number) {
  await expect.poll(() => org.calls[operation], { interval: 5 }).toBe(count)
}
