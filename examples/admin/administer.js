/** The three operations by session id, and the ways in which each can fail. */
import { OktaApiError, OktaUnavailableError } from 'express-okta-session'

/**
 * Gets a session, refreshes it, revokes it, and gets it again, which fails. Yields a line of text for each.
 *
 * @param {import('express-okta-session').SessionApi} api
 * @param {string} sessionId The id from getCurrentSession(), or from an event of Okta's.
 */
export async function* administer(api, sessionId) {
  yield await attempt('find', async () => {
    const { login, status, amr, expiresAt } = await api.getSession(sessionId)
    return `${login}, ${status}, signed in with ${amr.join(' and ')}, until ${expiresAt}`
  })
  yield await attempt('refresh', async () => {
    const { expiresAt } = await api.refreshSession(sessionId)
    return `until ${expiresAt}`
  })
  yield await attempt('revoke', async () => {
    await api.revokeSession(sessionId)
    return 'it has ended, wherever it was open'
  })
  yield await attempt('find', async () => {
    await api.getSession(sessionId)
    return 'it is still there'
  })
}

/**
 * @param {string} what
 * @param {() => Promise<string>} operation
 */
async function attempt(what, operation) {
  return `${what.padEnd(8)} ${await operation().catch(explain)}`
}

/**
 * Explains an error of Okta's or a missing answer. Rethrows anything else: it is a bug in this program.
 *
 * @param {unknown} error
 */
function explain(error) {
  if (error instanceof OktaApiError && error.status === 404) return 'there is no such session'
  if (error instanceof OktaApiError && error.challenge?.error === 'insufficient_scope')
    return `not allowed: these credentials lack the scope ${error.challenge.scope}`
  if (error instanceof OktaApiError)
    return `refused: ${error.message} (request ${error.requestId}, for Okta's support)`
  if (error instanceof OktaUnavailableError)
    return `no answer: ${error.code}${error.retryable ? ', try again' : ''}`
  throw error
}
