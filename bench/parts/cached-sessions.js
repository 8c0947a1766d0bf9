/** Makes the middleware with cached sessions that never go stale, and an org that answers instantly. */
import { instantOrg } from './instant-org.js'
import { composeOktaSession, parseOptions, systemClock } from './package.js'

/**
 * A second cache level, and the org of the instances that share it.
 * @typedef {{ orgUrl?: string, secret?: string, store?: import('../../dist/index.js').SessionStore }} Shared
 */

const ONE_DAY_MS = 24 * 3_600_000

/**
 * @param {number} maxSessions
 * @param {Shared} [shared]
 * @returns {import('../../dist/index.js').OktaSession}
 */
export function withEmptyCache(
  maxSessions,
  { orgUrl = 'https://id.example.com', secret, store } = {},
) {
  const settings = parseOptions(
    {
      orgUrl,
      logger: false,
      secret,
      cache: { ttlMs: ONE_DAY_MS, maxTtlMs: ONE_DAY_MS, maxSessions, store },
    },
    {},
  )
  const surroundings = { clock: systemClock, random: Math.random, connect: instantOrg }
  return composeOktaSession(settings, surroundings)
}

/**
 * Fills the cache with a session for each request, one after the other.
 * @param {import('../../dist/index.js').OktaSession} okta
 * @param {Iterable<import('./stubs.js').Headers>} requests The headers of the requests.
 */
export async function cacheSessions(okta, requests) {
  for (const headers of requests) {
    const { state } = await okta.authenticate({ headers })
    if (state !== 'active') throw new Error(`the session to cache is ${state}`)
  }
}

/**
 * The middleware with a cached session for each request.
 * @param {readonly import('./stubs.js').Headers[]} requests
 * @param {Shared} [shared]
 */
export async function withCachedSessions(requests, shared) {
  const okta = withEmptyCache(50_000, shared)
  await cacheSessions(okta, requests)
  return okta
}
