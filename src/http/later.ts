/** What may still be done after a wait, and with an error. */
import type { ServerResponse } from 'node:http'

export type Next = (error?: unknown) => void

/**
 * Whether a response is no longer ours to write: another handler has begun an answer (a time limit in
 * front of us, for one), or the client is gone. Setting a header then throws, outside every `try` of the
 * app's, and ends the process.
 */
export function isAnswered(res: ServerResponse): boolean {
  return res.headersSent || res.writableEnded || res.destroyed || isStreamGone(res)
}

/** Node's HTTP/2 response has no `destroyed` of its own; its stream has. */
function isStreamGone(res: ServerResponse): boolean {
  const stream: unknown = 'stream' in res ? res.stream : undefined
  return (
    typeof stream === 'object' &&
    stream !== null &&
    'destroyed' in stream &&
    stream.destroyed === true
  )
}

/**
 * Calls `then` with the value, or `next` with the error, outside the promise: an exception in the app's
 * own handlers must not come back as this promise's rejection, and must not call `next` twice.
 *
 * Calls neither when another handler has answered meanwhile, or when the client is gone.
 */
export function later<T>(
  promise: Promise<T>,
  res: ServerResponse,
  next: Next,
  then: (value: T) => void,
): void {
  promise.then(
    (value) => process.nextTick(unlessAnswered, () => then(value)),
    (error: unknown) => process.nextTick(unlessAnswered, () => next(failure(error))),
  )

  function unlessAnswered(act: () => void): void {
    if (!isAnswered(res)) act()
  }
}

/**
 * Calls what may run the app's own code, and passes what it throws to `next`, also where nothing would
 * catch it. Does nothing once the response is no longer ours to write.
 */
export function orFail(res: ServerResponse, next: Next, act: () => void): void {
  if (isAnswered(res)) return
  try {
    act()
  } catch (error) {
    next(failure(error))
  }
}

/**
 * What may be passed to `next()` as an error. Express and Connect read a falsy error as none, and Express
 * the words `route` and `router` as a way on; an app's own check may throw any of them, and it failed.
 */
export function failure(thrown: unknown): unknown {
  if (thrown && thrown !== 'route' && thrown !== 'router') return thrown
  return new Error(`failed with ${String(thrown)} in place of an error`, { cause: thrown })
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}
