/** What every guard does: find the verdict, judge it, ask the app. What comes of it is the caller's. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ActiveContext, Handler, SessionContext, SessionRule } from '../public-types.js'
import type { FoundContext, FoundSession } from '../session/contexts.js'
import { isAnswered } from './answered.js'
import type { Authenticator, Demand } from './authenticate.js'
import { failure } from './failure.js'
import { header } from './headers.js'
import { forbidden, type RuleRefusal, refusalOf, unmetRule } from './judge.js'
import { isThenable, later } from './later.js'
import type { Verdicts } from './verdicts.js'

type Next = (error?: unknown) => void

export interface GuardParts {
  readonly authenticator: Authenticator
  readonly verdicts: Verdicts
  /** Okta's time, epoch milliseconds. */
  readonly oktaNow: () => number
  /** The monotonic clock, milliseconds. */
  readonly monotonic: () => number
}

/** The same second for which a page navigation is content with a remembered no. */
const NAVIGATION_TRUSTS_A_REFUSAL_FOR_MS = 1_000
/** An answer may be this much older than asked for where the app's own check took its time. */
const SOON_MS = 1_000
/** So often an answer may be overtaken between its arrival and its use before the request is refused. */
const MOST_ROUNDS = 5

/** The two ends of a guard; one of them is called once, or `next` with what the app's own check threw. */
export interface GuardEnds {
  pass(context: ActiveContext, req: IncomingMessage, res: ServerResponse, next: Next): void
  refuse(
    refusal: RuleRefusal,
    context: SessionContext,
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
  ): void
}

/** What a guard decided for one request; `ask_again`: its answer grew too old for the rule meanwhile. */
type Decision =
  | { readonly kind: 'pass' | 'ask_again'; readonly context: FoundSession }
  | { readonly kind: 'refuse'; readonly refusal: RuleRefusal; readonly context: FoundContext }

export function createGuard(parts: GuardParts, rule: SessionRule, ends: GuardEnds): Handler {
  const { authenticator, verdicts, oktaNow, monotonic } = parts
  const demand: Demand | undefined =
    rule.maxStalenessMs === undefined ? undefined : { maxStalenessMs: rule.maxStalenessMs }

  return function guard(req, res, next) {
    const known = verdicts.current(req)
    if (known !== undefined && suffices(known)) {
      decide(known, req, res, next)
      return
    }
    const found = authenticator.find(req, demand)
    if (found instanceof Promise) {
      wait(decideLater(found, req), 0, req, res, next)
      return
    }
    verdicts.put(req, found)
    decide(found, req, res, next)
  }

  /** Whether what attachSession() found is recent enough for this rule. */
  function suffices(context: FoundContext): boolean {
    return demand === undefined || context.state !== 'active'
  }

  /** A cached session that satisfies a rule without `allow` is let through here, without an allocation. */
  function decide(context: FoundContext, req: IncomingMessage, res: ServerResponse, next: Next) {
    if (context.state !== 'active') {
      ends.refuse(refusalOf(context), context, req, res, next)
      return
    }
    const refusal = unmetRule(context.session, rule, oktaNow)
    if (refusal === undefined && rule.allow === undefined) ends.pass(context, req, res, next)
    else decideHere(context, refusal, req, res, next)
  }

  function decideHere(
    context: FoundSession,
    refusal: RuleRefusal | undefined,
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
  ): void {
    let decision: Decision | Promise<Decision>
    try {
      decision = decideActive(context, refusal, req)
    } catch (error) {
      next(failure(error))
      return
    }
    if (decision instanceof Promise) wait(decision, 0, req, res, next)
    else if (!isAnswered(res)) carryOut(decision, 0, req, res, next)
  }

  async function decideLater(
    found: Promise<FoundContext>,
    req: IncomingMessage,
  ): Promise<Decision> {
    const context = await found
    verdicts.put(req, context)
    const refusal = refusalFor(context)
    if (context.state !== 'active')
      return { kind: 'refuse', refusal: refusal ?? forbidden, context }
    return decideActive(context, refusal, req)
  }

  function decideActive(
    context: FoundSession,
    refusal: RuleRefusal | undefined,
    req: IncomingMessage,
  ): Decision | Promise<Decision> {
    if (refusal === undefined) return consult(context, req)
    if (mayHaveSteppedUp(context, req)) return askAgain(context, refusal, req)
    return { kind: 'refuse', refusal, context }
  }

  /** The session may have gained a second factor since it was cached: the browser brings the same cookie. */
  function mayHaveSteppedUp(context: FoundSession, req: IncomingMessage): boolean {
    return (
      context.source !== 'okta' &&
      header(req, 'sec-fetch-mode') === 'navigate' &&
      monotonic() - context.askedMono > NAVIGATION_TRUSTS_A_REFUSAL_FOR_MS
    )
  }

  /** Once: a slow answer is not asked for again, however old it is when it arrives. */
  async function askAgain(
    context: FoundSession,
    refusal: RuleRefusal,
    req: IncomingMessage,
  ): Promise<Decision> {
    const newer = await authenticator.find(req, {
      maxStalenessMs: NAVIGATION_TRUSTS_A_REFUSAL_FOR_MS,
    })
    if (newer.state === 'unavailable') return { kind: 'refuse', refusal, context }
    verdicts.put(req, newer)
    const decision = judgeAgain(newer)
    return decision.kind === 'pass' ? consult(decision.context, req) : decision
  }

  /** Asks the app's own check. Only `true` passes: a forgotten return must not open a door. */
  function consult(context: FoundSession, req: IncomingMessage): Decision | Promise<Decision> {
    if (rule.allow === undefined) return { kind: 'pass', context }
    const allowed: unknown = rule.allow(context.session, req)
    if (isThenable(allowed)) return consulted(context, allowed)
    return allowed === true
      ? { kind: 'pass', context }
      : { kind: 'refuse', refusal: forbidden, context }
  }

  async function consulted(
    context: FoundSession,
    allowed: PromiseLike<unknown>,
  ): Promise<Decision> {
    const began = monotonic()
    if ((await allowed) !== true) return { kind: 'refuse', refusal: forbidden, context }
    const limit = rule.maxStalenessMs
    const grewOld = limit !== undefined && monotonic() - began > Math.max(limit, SOON_MS)
    return { kind: grewOld ? 'ask_again' : 'pass', context }
  }

  /** Why this context is refused by this rule, `allow` apart. */
  function refusalFor(context: FoundContext): RuleRefusal | undefined {
    return context.state === 'active'
      ? unmetRule(context.session, rule, oktaNow)
      : refusalOf(context)
  }

  function judgeAgain(context: FoundContext): Decision {
    const refusal = refusalFor(context)
    if (context.state === 'active' && refusal === undefined) return { kind: 'pass', context }
    return { kind: 'refuse', refusal: refusal ?? forbidden, context }
  }

  function wait(
    decision: Promise<Decision>,
    round: number,
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
  ): void {
    later(decision, res, next, (decided) => carryOut(decided, round, req, res, next))
  }

  /**
   * Lets a request through only on what holds at this moment: while Okta or the app took their time the
   * session may have been revoked, may have ended, or its verification may have grown too old.
   */
  function carryOut(
    decided: Decision,
    round: number,
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
  ): void {
    const { context } = decided
    if (decided.kind === 'refuse') {
      ends.refuse(decided.refusal, context, req, res, next)
      return
    }
    const stands = decided.kind === 'pass' && verdicts.stands(decided.context)
    const now = stands ? judgeAgain(context) : lookAgain(decided, req)
    if (now instanceof Promise) {
      if (round < MOST_ROUNDS) wait(now, round + 1, req, res, next)
      else ends.refuse(refusalOf(overtaken), overtaken, req, res, next)
    } else if (now.kind === 'refuse') ends.refuse(now.refusal, now.context, req, res, next)
    else ends.pass(now.context, req, res, next)
  }

  /** Finds the session anew. Synchronous where it is cached and stands: then it is acted on at once. */
  function lookAgain(
    decided: Extract<Decision, { context: FoundSession }>,
    req: IncomingMessage,
  ): Decision | Promise<Decision> {
    const { context } = decided
    const found = authenticator.find(req, demandAgain(decided))
    return found instanceof Promise ? found.then(take) : take(found)

    function take(newer: FoundContext): Decision {
      verdicts.put(req, newer)
      const decision = judgeAgain(newer)
      const isSameUser = newer.session?.userId === context.session.userId
      // The app's check was asked about the other user.
      return decision.kind === 'pass' && !isSameUser
        ? { kind: 'refuse', refusal: forbidden, context: newer }
        : decision
    }
  }

  /** An answer as recent as the one at hand will do, unless that one grew too old. */
  function demandAgain(decided: Decision): Demand | undefined {
    if (demand === undefined || decided.kind !== 'pass') return demand
    return { maxStalenessMs: monotonic() - decided.context.askedMono + SOON_MS }
  }
}

/** Revocations kept overtaking the answers for this request. */
const overtaken = Object.freeze({
  state: 'unavailable',
  reason: 'timeout',
  retryAfterMs: 1_000,
} as const)
