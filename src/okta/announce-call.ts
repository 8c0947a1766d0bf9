/** Tells the `call` channel how each call to Okta ended, whoever made it and whichever operation it was. */
import { type CallMessage, publishers } from '../channels.js'
import type { Outcome } from '../contracts.js'
import type { Operation } from '../errors.js'
import { toAnswer } from './answer.js'

/** Makes the call; while nobody subscribes that is all it does. */
export function announced<T>(
  operation: Operation,
  call: () => Promise<Outcome<T>>,
  signal?: AbortSignal,
): Promise<Outcome<T>> {
  return publishers.call.hasSubscribers ? announce(operation, call, signal) : call()
}

async function announce<T>(
  operation: Operation,
  call: () => Promise<Outcome<T>>,
  signal: AbortSignal | undefined,
): Promise<Outcome<T>> {
  const began = performance.now()
  const publish = (how: Pick<CallMessage, 'outcome' | 'status' | 'requestId'>) =>
    publishers.call.publish({ operation, ...how, durationMs: performance.now() - began })
  try {
    const outcome = await call()
    // No token, no call: the token request has told how that ended.
    const made = outcome.kind === 'ok' || outcome.error.operation === operation
    if (made) publish(describe(operation, outcome))
    return outcome
  } catch (error) {
    // Whatever else it rejects with is the application's own: no call was made.
    if (signal?.aborted) publish({ outcome: isTimeout(signal.reason) ? 'timeout' : 'aborted' })
    throw error
  }
}

function describe(operation: Operation, outcome: Outcome<unknown>) {
  const answer = toAnswer(operation, outcome)
  return {
    outcome: answer.kind === 'unavailable' ? answer.code : answer.kind,
    status: answer.head?.status,
    requestId: answer.head?.requestId,
  }
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof Error && reason.name === 'TimeoutError'
}
