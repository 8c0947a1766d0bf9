/** The middleware with sessions in memory that stay there, and an Okta that costs nothing to ask. */
import { instantOrg } from './instant-org.js'
import { composeOktaSession, parseOptions, systemClock } from './package.js'

const HOURS = 24 * 3_600_000

/**
 * @param {number} maxSessions
 * @returns {import('../../dist/index.js').OktaSession}
 */
export function emptyMemory(maxSessions) {
  const settings = parseOptions(
    {
      orgUrl: 'https://id.example.com',
      logger: false,
      cache: { ttlMs: HOURS, maxTtlMs: HOURS, maxSessions },
    },
    {},
  )
  const surroundings = { clock: systemClock, random: Math.random, connect: instantOrg }
  return composeOktaSession(settings, surroundings)
}

/**
 * Makes sessions known, one after the other.
 * @param {import('../../dist/index.js').OktaSession} okta
 * @param {Iterable<import('./stubs.js').Headers>} known The headers of their requests.
 */
export async function remember(okta, known) {
  for (const headers of known) {
    const { state } = await okta.authenticate({ headers })
    if (state !== 'active') throw new Error(`the session to remember is ${state}`)
  }
}

/**
 * The middleware with these sessions in memory.
 * @param {readonly import('./stubs.js').Headers[]} known
 */
export async function remembering(known) {
  const okta = emptyMemory(50_000)
  await remember(okta, known)
  return okta
}
