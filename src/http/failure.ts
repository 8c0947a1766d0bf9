/** What may be handed to `next()` as an error, so that a failed check can never read as "go on". */
import type { ServerResponse } from 'node:http'
import { isAnswered } from './answered.js'

/**
 * Express and Connect take a falsy error for none, and Express the words `route` and `router` for a way on:
 * an app's own check may throw any of them, and it still failed.
 */
export function failure(thrown: unknown): unknown {
  if (thrown && thrown !== 'route' && thrown !== 'router') return thrown
  return new Error(`failed with ${String(thrown)} in place of an error`, { cause: thrown })
}

/**
 * Does what may call the app's own code; what is thrown goes to `next`, also where nothing would catch it.
 * Does nothing once the response is no longer ours to write.
 */
export function orFail(
  res: ServerResponse,
  next: (error?: unknown) => void,
  act: () => void,
): void {
  if (isAnswered(res)) return
  try {
    act()
  } catch (error) {
    next(failure(error))
  }
}
