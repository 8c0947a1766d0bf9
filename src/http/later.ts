/** Joins a promise to a callback chain, so that what the callback throws is thrown as if there had been no promise. */
import { failure } from './failure.js'

/**
 * Calls `then` with the value, or `next` with the error, outside the promise: an exception in the app's
 * own handlers must not come back as this promise's rejection, and must not call `next` twice.
 */
export function later<T>(
  promise: Promise<T>,
  next: (error?: unknown) => void,
  then: (value: T) => void,
): void {
  promise.then(
    (value) => process.nextTick(then, value),
    (error: unknown) => process.nextTick(next, failure(error)),
  )
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}
