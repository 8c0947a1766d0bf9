/** Sorts how a call ended into the three outcomes the middleware knows. */
import type { OktaAnswer, Outcome } from '../contracts.js'
import type { Operation } from '../errors.js'
import { unavailableCodeOf } from './responses.js'

/** Makes the call, and never rejects for the wire's reasons. */
export async function answerTo<T>(
  operation: Operation,
  call: () => Promise<Outcome<T>>,
): Promise<OktaAnswer<T>> {
  return call().then(
    (outcome) => toAnswer(operation, outcome),
    (error: unknown) => abandoned<T>(error),
  )
}

export function toAnswer<T>(operation: Operation, outcome: Outcome<T>): OktaAnswer<T> {
  switch (outcome.kind) {
    case 'ok':
      return { kind: 'yes', value: outcome.value, head: outcome.head }
    case 'error':
      if (outcome.okta && NO[operation].includes(outcome.head.status))
        return { kind: 'no', head: outcome.head }
      return {
        kind: 'unavailable',
        code: unavailableCodeOf(outcome),
        retryAfterMs: outcome.retryAfterMs,
        head: outcome.head,
      }
    case 'unavailable':
      return {
        kind: 'unavailable',
        code: outcome.error.code,
        retryAfterMs: outcome.error.retryAfterMs,
        head: outcome.head,
      }
  }
}

/** No such session: the cookie is all there was to refuse. */
const COOKIE_REFUSED = [401, 404]
/** No such session: a 401 would speak of the credentials. */
const ID_UNKNOWN = [404]

/**
 * Which statuses are a no when they come in Okta's own error shape. In any other shape they may be a
 * proxy's, and say nothing.
 */
const NO: Readonly<Record<Operation, readonly number[]>> = {
  getCurrentSession: COOKIE_REFUSED,
  refreshCurrentSession: COOKIE_REFUSED,
  closeCurrentSession: COOKIE_REFUSED,
  /** A session token that is malformed, unknown, used or too old. */
  createSession: [400, 401],
  getSession: ID_UNKNOWN,
  refreshSession: ID_UNKNOWN,
  revokeSession: ID_UNKNOWN,
  requestToken: [],
}

/** Our own deadline is the only one who aborts these calls. */
function abandoned<T>(error: unknown): OktaAnswer<T> {
  if (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError'))
    return { kind: 'unavailable', code: 'timeout' }
  throw error
}
