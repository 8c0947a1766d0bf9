/** Sorts how a call ended into the three outcomes the middleware knows. */
import type { Answer } from '../model/answer.js'
import { publishers } from '../model/channels.js'
import type { Outcome } from '../model/contracts.js'
import type { Operation } from '../model/errors.js'
import { unavailableCodeOf } from './responses.js'

/**
 * Which statuses are a no when they come in Okta's own error shape. In any other shape they may be a
 * proxy's, and say nothing.
 */
const NO: Readonly<Record<'cookie' | 'signIn', ReadonlySet<number>>> = {
  /** No such session. */
  cookie: new Set([401, 404]),
  /** A session token that is malformed, unknown, used or too old. */
  signIn: new Set([400, 401]),
}

/** Makes the call, tells the `call` channel how it ended, and never rejects for the wire's reasons. */
export async function answerTo<T>(
  operation: Operation,
  asked: keyof typeof NO,
  call: () => Promise<Outcome<T>>,
): Promise<Answer<T>> {
  const began = performance.now()
  const answer = await call().then(
    (outcome) => sort(outcome, asked),
    (error: unknown) => abandoned<T>(error),
  )
  if (publishers.call.hasSubscribers)
    publishers.call.publish({
      operation,
      outcome: answer.kind === 'unavailable' ? answer.code : answer.kind,
      status: answer.head?.status,
      durationMs: performance.now() - began,
      requestId: answer.head?.requestId,
    })
  return answer
}

function sort<T>(outcome: Outcome<T>, asked: keyof typeof NO): Answer<T> {
  switch (outcome.kind) {
    case 'ok':
      return { kind: 'yes', value: outcome.value, head: outcome.head }
    case 'error':
      if (outcome.okta && NO[asked].has(outcome.head.status))
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

/** Our own deadline is the only one who aborts these calls. */
function abandoned<T>(error: unknown): Answer<T> {
  if (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError'))
    return { kind: 'unavailable', code: 'timeout' }
  throw error
}
