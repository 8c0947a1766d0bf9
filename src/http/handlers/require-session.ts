/** requireSession(): the guard. One layer: it looks the session up by itself where attachSession() did not run. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Handler, SessionRule } from '../../public-types.js'
import type { FoundSession } from '../../session/contexts.js'
import { type Decided, type Denied, Guard, MAX_ROUNDS, overtaken } from '../decide.js'
import { checkedRule, soleArgument } from '../handler-options.js'
import type { Kit } from '../kit.js'
import { failure, isAnswered, keepPrivate, later, type Next, setHeaders } from '../reply.js'
import { endRedirects } from '../sign-in-loop.js'

export function createRequireSession(kit: Kit, given: readonly [SessionRule?]): Handler {
  const rule = checkedRule('requireSession', soleArgument('requireSession', given))
  const { verdicts, denials, cookies } = kit
  const guarded = createGuarded(new Guard(kit, rule), {
    pass(found, req, res, next) {
      if (found.source === 'okta')
        setHeaders(res, { 'set-cookie': endRedirects(req, cookies.secure) })
      verdicts.letThrough(req, found.session)
      next()
    },
    deny: denials.answer,
  })

  return function requireSession(req, res, next) {
    if (isAnswered(res)) return
    keepPrivate(res)
    guarded(req, res, next)
  }
}

/** One of the two is called once, or `next` with what the app's own check threw. */
export interface Ends {
  pass(session: FoundSession, req: IncomingMessage, res: ServerResponse, next: Next): void
  deny(denied: Denied, req: IncomingMessage, res: ServerResponse, next: Next): void
}

/**
 * Carries out a guard's decision for a Connect-style handler, synchronously after it was confirmed. A cached
 * session that passes reaches `pass` without a promise or a closure.
 */
export function createGuarded(guard: Guard, ends: Ends) {
  return function guarded(req: IncomingMessage, res: ServerResponse, next: Next): void {
    let decided: Decided | Promise<Decided>
    try {
      decided = guard.decide(req)
    } catch (error) {
      next(failure(error))
      return
    }
    if (decided instanceof Promise) wait(decided, req, res, next)
    else end(decided, req, res, next)
  }

  function end(decided: Decided, req: IncomingMessage, res: ServerResponse, next: Next): void {
    if (decided.state === 'denied') ends.deny(decided, req, res, next)
    else ends.pass(decided, req, res, next)
  }

  /** After a wait the decision is confirmed first; a promise again means that the session was looked up anew. */
  function wait(
    decision: Promise<Decided>,
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
  ): void {
    let round = 0
    later(decision, res, next, confirm)

    function confirm(decided: Decided): void {
      const confirmed = guard.confirm(decided, req)
      if (!(confirmed instanceof Promise)) end(confirmed, req, res, next)
      else if (round < MAX_ROUNDS) later(confirmed, res, next, confirm)
      else ends.deny(overtaken(), req, res, next)
      round += 1
    }
  }
}
