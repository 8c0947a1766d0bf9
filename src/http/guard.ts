/** What every guard does: find the verdict, judge it, ask the app. What comes of it is the caller's. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ActiveContext, Handler, SessionContext, SessionRule } from '../model/context.js'
import type { Authenticator, Demand } from './authenticate.js'
import { failure } from './failure.js'
import { header } from './headers.js'
import { forbidden, judgeSession, type Refusal, refusalOf } from './judge.js'
import { isThenable, later } from './later.js'
import type { Verdicts } from './verdicts.js'

type Next = (error?: unknown) => void

export interface GuardParts {
  readonly authenticator: Authenticator
  readonly verdicts: Verdicts
  /** Okta's time, epoch milliseconds. */
  readonly oktaNow: () => number
  /** Our own time, epoch milliseconds. */
  readonly now: () => number
}

/** The same second for which a page navigation is content with a remembered no. */
const NAVIGATION_TRUSTS_A_REFUSAL_FOR_MS = 1_000

/** The two ends of a guard; one of them is called once, or `next` with what the app's own check threw. */
export interface GuardEnds {
  pass(context: ActiveContext, req: IncomingMessage, res: ServerResponse, next: Next): void
  refuse(
    refusal: Refusal,
    context: SessionContext,
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
  ): void
}

export function createGuard(parts: GuardParts, rule: SessionRule, ends: GuardEnds): Handler {
  const { authenticator, verdicts, oktaNow } = parts
  const demand: Demand | undefined =
    rule.maxStalenessMs === undefined ? undefined : { maxStalenessMs: rule.maxStalenessMs }

  return function guard(req, res, next) {
    const known = verdicts.current(req)
    if (known !== undefined && suffices(known)) {
      decide(known, req, res, next)
      return
    }
    const found = authenticator.find(req, demand)
    if (found instanceof Promise) wait(found, req, res, next)
    else take(found, req, res, next)
  }

  /** Apart, so that a remembered session pays for no closure. */
  function wait(
    found: Promise<SessionContext>,
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
  ) {
    later(found, next, (context) => take(context, req, res, next))
  }

  /** Whether what attachSession() found is recent enough for this rule. */
  function suffices(context: SessionContext): boolean {
    return demand === undefined || context.state !== 'active'
  }

  function take(context: SessionContext, req: IncomingMessage, res: ServerResponse, next: Next) {
    verdicts.put(req, context)
    decide(context, req, res, next)
  }

  function decide(context: SessionContext, req: IncomingMessage, res: ServerResponse, next: Next) {
    if (context.state !== 'active') {
      ends.refuse(refusalOf(context), context, req, res, next)
      return
    }
    const refusal = judgeSession(context.session, rule, oktaNow)
    if (refusal === undefined) admit(context, req, res, next)
    else if (mayHaveSteppedUp(context, req)) askAgain(refusal, context, req, res, next)
    else ends.refuse(refusal, context, req, res, next)
  }

  /** The same for what Okta has just been asked for this very request: it is not asked once more. */
  function decideForGood(
    context: ActiveContext,
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
  ) {
    const refusal = judgeSession(context.session, rule, oktaNow)
    if (refusal === undefined) admit(context, req, res, next)
    else ends.refuse(refusal, context, req, res, next)
  }

  function admit(context: ActiveContext, req: IncomingMessage, res: ServerResponse, next: Next) {
    if (rule.allow === undefined) ends.pass(context, req, res, next)
    else consult(context, req, res, next)
  }

  /** A person who comes back from a second factor brings the same cookie: what is remembered of it is old. */
  function mayHaveSteppedUp(context: ActiveContext, req: IncomingMessage): boolean {
    return (
      context.source !== 'okta' &&
      header(req, 'sec-fetch-mode') === 'navigate' &&
      parts.now() - context.askedAt > NAVIGATION_TRUSTS_A_REFUSAL_FOR_MS
    )
  }

  function askAgain(
    refusal: Refusal,
    context: ActiveContext,
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
  ) {
    const found = authenticator.find(req, { maxStalenessMs: NAVIGATION_TRUSTS_A_REFUSAL_FOR_MS })
    later(Promise.resolve(found), next, (newer) => {
      if (newer.state === 'unavailable') {
        ends.refuse(refusal, context, req, res, next)
        return
      }
      verdicts.put(req, newer)
      // However long Okta took over it: a slow answer is not asked for again.
      if (newer.state === 'active') decideForGood(newer, req, res, next)
      else decide(newer, req, res, next)
    })
  }

  /** Asks the app's own check. Only `true` passes: a forgotten return must not open a door. */
  function consult(context: ActiveContext, req: IncomingMessage, res: ServerResponse, next: Next) {
    const conclude = (allowed: unknown) => {
      if (allowed === true) ends.pass(context, req, res, next)
      else ends.refuse(forbidden, context, req, res, next)
    }
    let allowed: unknown
    try {
      allowed = rule.allow?.(context.session, req)
    } catch (error) {
      next(failure(error))
      return
    }
    if (!isThenable(allowed)) {
      conclude(allowed)
      return
    }
    later(Promise.resolve(allowed), next, (value) => {
      if (value === true && verdicts.current(req) === undefined) lookAgain(context, req, res, next)
      else conclude(value)
    })
  }

  /** Something was revoked while the app was thinking: whoever it allowed may have signed out. */
  function lookAgain(
    context: ActiveContext,
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
  ) {
    later(Promise.resolve(authenticator.find(req)), next, (newer) => {
      verdicts.put(req, newer)
      if (newer.state !== 'active') {
        ends.refuse(refusalOf(newer), newer, req, res, next)
        return
      }
      const isSameUser = newer.session.userId === context.session.userId
      const refusal =
        judgeSession(newer.session, rule, oktaNow) ?? (isSameUser ? undefined : forbidden)
      if (refusal === undefined) ends.pass(newer, req, res, next)
      else ends.refuse(refusal, newer, req, res, next)
    })
  }
}
