/** Joins a promise to a callback chain, so that what the callback throws is thrown as if there had been no promise. */
import type { ServerResponse } from 'node:http'
import { isAnswered } from './answered.js'
import { failure } from './failure.js'

/**
 * Calls `then` with the value, or `next` with the error, outside the promise: an exception in the app's
 * own handlers must not come back as this promise's rejection, and must not call `next` twice.
 *
 * Calls neither when another handler has answered meanwhile, or when the client is gone.
 */
export function later<T>(
  promise: Promise<T>,
  res: ServerResponse,
  next: (error?: unknown) => void,
  then: (value: T) => void,
): void {
  promise.then(
    (value) => process.nextTick(ifStillOurs, () => then(value)),
    (error: unknown) => process.nextTick(ifStillOurs, () => next(failure(error))),
  )

  function ifStillOurs(act: () => void): void {
    if (!isAnswered(res)) act()
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}
