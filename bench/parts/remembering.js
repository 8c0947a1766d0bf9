/** The middleware with sessions already in memory, and no Okta left to ask. */
import { composeOktaSession, parseOptions, systemClock } from './package.js'
import { tinyOrg } from './tiny-org.js'

const HOUR = 3_600_000

/**
 * @param {readonly import('./stubs.js').Headers[]} known The headers of requests whose sessions are remembered.
 * @returns {Promise<import('../../dist/index.js').OktaSession>}
 */
export async function remembering(known) {
  const org = await tinyOrg()
  const settings = parseOptions(
    { orgUrl: org.url, logger: false, cache: { ttlMs: HOUR, maxTtlMs: HOUR } },
    {},
  )
  const okta = composeOktaSession(settings, { clock: systemClock, random: Math.random })
  for (const headers of known) {
    const { state } = await okta.authenticate({ headers })
    if (state !== 'active') throw new Error(`the session to remember is ${state}`)
  }
  await org.close()
  return okta
}
