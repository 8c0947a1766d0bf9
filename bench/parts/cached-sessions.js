/** Makes the middleware with cached sessions that never go stale, and an org that answers instantly. */
import { instantOrg } from './instant-org.js'
import { composeOktaSession, parseOptions, systemClock } from './package.js'

const ONE_DAY_MS = 24 * 3_600_000

/**
 * @param {number} maxSessions
 * @returns {import('../../dist/index.js').OktaSession}
 */
export function withEmptyCache(maxSessions) {
  const settings = parseOptions(
    {
      orgUrl: 'https://id.example.com',
      logger: false,
      cache: { ttlMs: ONE_DAY_MS, maxTtlMs: ONE_DAY_MS, maxSessions },
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
 */
export async function withCachedSessions(requests) {
  const okta = withEmptyCache(50_000)
  await cacheSessions(okta, requests)
  return okta
}
