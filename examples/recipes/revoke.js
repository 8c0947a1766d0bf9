/** Revokes a session by its id, and distinguishes the ways in which that can fail. */
import { OktaApiError, OktaUnavailableError } from 'express-okta-session'

/**
 * @param {import('express-okta-session').OktaSession} okta
 * @param {string} sessionId
 */
export async function revoke(okta, sessionId) {
  try {
    await okta.api.revokeSession(sessionId)
    return 'ended'
  } catch (error) {
    if (error instanceof OktaApiError && error.status === 404) return 'was over already'
    if (error instanceof OktaApiError) return `refused: ${error.errorCode} ${error.requestId}`
    if (error instanceof OktaUnavailableError && error.retryable) return 'try again'
    throw error
  }
}
