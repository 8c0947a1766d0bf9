/** Carries out a guard's decision for a Connect-style handler, in the turn in which the decision stands. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FoundSession } from '../../session/contexts.js'
import { type Decided, type Denied, denied, type Guard, OVERTAKEN, reasonOf } from '../decide.js'
import { failure, later, type Next } from '../later.js'

/** One of the two is called once, or `next` with what the app's own check threw. */
export interface Ends {
  pass(session: FoundSession, req: IncomingMessage, res: ServerResponse, next: Next): void
  deny(denied: Denied, req: IncomingMessage, res: ServerResponse, next: Next): void
}

const MAX_ROUNDS = 5

/** A cached session that passes reaches `pass` without a promise or a closure. */
export function createGuarded(guard: Guard, ends: Ends) {
  return function guarded(req: IncomingMessage, res: ServerResponse, next: Next): void {
    let decided: Decided | Promise<Decided>
    try {
      decided = guard.decide(req)
    } catch (error) {
      next(failure(error))
      return
    }
    if (decided instanceof Promise) wait(decided, 0, req, res, next)
    else end(decided, req, res, next)
  }

  function end(decided: Decided, req: IncomingMessage, res: ServerResponse, next: Next): void {
    if (decided.state === 'denied') ends.deny(decided, req, res, next)
    else ends.pass(decided, req, res, next)
  }

  /** After a wait the decision is confirmed first; a promise again means that the session was looked up anew. */
  function wait(
    decision: Promise<Decided>,
    round: number,
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
  ): void {
    later(decision, res, next, (decided) => {
      const confirmed = guard.confirm(decided, req)
      if (!(confirmed instanceof Promise)) end(confirmed, req, res, next)
      else if (round < MAX_ROUNDS) wait(confirmed, round + 1, req, res, next)
      else ends.deny(denied(reasonOf(OVERTAKEN), OVERTAKEN), req, res, next)
    })
  }
}
