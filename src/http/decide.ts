/**
 * The guard as a function of a request: finds its session, judges it by the rule, asks the app's own check.
 * A pass is the session itself, so that a cached one is let through without an allocation.
 */
import type { IncomingMessage } from 'node:http'
import type {
  ActiveContext,
  Denial,
  IncompleteReason,
  RequestLike,
  Session,
  SessionContext,
  SessionRule,
  UnavailableContext,
} from '../public-types.js'
import type { FoundContext, FoundSession } from '../session/contexts.js'
import type { Authenticator, Demand } from './authenticate.js'
import { header } from './headers.js'
import { isThenable } from './later.js'
import type { Verdicts } from './verdicts.js'

/** Why a request is denied, before the request's own addresses are added. */
export type Reason = Omit<Denial, 'context' | 'signInUrl'>

export interface Denied {
  /** Headers for the answer besides its own; set before `onDenied` is called. */
  readonly headers?: Readonly<Record<string, readonly string[]>>
  readonly state: 'denied'
  readonly reason: Reason
  readonly context: FoundContext
}

/** `FoundSession` is a pass. */
export type Decided = FoundSession | Denied

export interface Guard {
  /** Synchronous where the session is cached and `allow` is. Throws or rejects with what `allow` throws. */
  decide(req: RequestLike): Decided | Promise<Decided>
  /**
   * The decision as of this moment, to be called in the turn that acts on it: while Okta or the app took
   * their time the session may have been revoked, may have ended, or its verification may have grown too
   * old. A promise: the session had to be looked up again, and its result needs the same care.
   */
  confirm(decided: Decided, req: RequestLike): Decided | Promise<Decided>
}

export interface GuardParts {
  readonly authenticator: Authenticator
  readonly verdicts: Pick<Verdicts, 'current' | 'stands' | 'put'>
  /** Okta's time, epoch milliseconds. */
  readonly oktaNow: () => number
  /** The monotonic clock, milliseconds. */
  readonly monotonic: () => number
}

/** A page navigation accepts a cached refusal for this long. */
const NAVIGATION_ACCEPTS_REFUSAL_MS = 1_000
/** An answer may be this much older than the rule asks for where `allow` took its time. */
const GRACE_MS = 1_000

export function createGuard(parts: GuardParts, rule: SessionRule): Guard {
  const { authenticator, verdicts, oktaNow, monotonic } = parts
  const demand: Demand | undefined =
    rule.maxStalenessMs === undefined ? undefined : { maxStalenessMs: rule.maxStalenessMs }

  function decide(req: RequestLike): Decided | Promise<Decided> {
    const attached = verdicts.current(req)
    if (attached !== undefined && isRecentEnough(attached)) return judge(attached, req)
    const found = authenticator.find(req, demand)
    if (found instanceof Promise) return found.then((context) => take(context, req))
    return take(found, req)
  }

  /** Whether what attachSession() found is recent enough for this rule. */
  function isRecentEnough(context: FoundContext): boolean {
    return demand === undefined || context.state !== 'active'
  }

  function take(context: FoundContext, req: RequestLike): Decided | Promise<Decided> {
    verdicts.put(req, context)
    return judge(context, req)
  }

  function judge(context: FoundContext, req: RequestLike): Decided | Promise<Decided> {
    if (context.state !== 'active') return denied(reasonOf(context), context)
    const unmet = unmetRule(context.session, rule, oktaNow)
    if (unmet === undefined) return rule.allow === undefined ? context : consult(context, req)
    return mayHaveSteppedUp(context, req)
      ? lookUpStepUp(context, unmet, req)
      : denied(unmet, context)
  }

  /** The session may have gained a second factor since it was cached: the browser brings the same cookie. */
  function mayHaveSteppedUp(context: FoundSession, req: RequestLike): boolean {
    return (
      context.source !== 'okta' &&
      header(req, 'sec-fetch-mode') === 'navigate' &&
      monotonic() - context.startedMono > NAVIGATION_ACCEPTS_REFUSAL_MS
    )
  }

  /** Looks the session up once more; a slow answer is not looked up again, however old it is when it arrives. */
  async function lookUpStepUp(
    context: FoundSession,
    unmet: Reason,
    req: RequestLike,
  ): Promise<Decided> {
    const newer = await authenticator.find(req, { maxStalenessMs: NAVIGATION_ACCEPTS_REFUSAL_MS })
    if (newer.state === 'unavailable') return denied(unmet, context)
    verdicts.put(req, newer)
    const decided = judgeByRule(newer)
    return decided.state === 'active' ? consult(decided, req) : decided
  }

  /** Asks the app's own check. Only `true` passes: a forgotten return must not open a door. */
  function consult(context: FoundSession, req: RequestLike): Decided | Promise<Decided> {
    if (rule.allow === undefined) return context
    // The request as it was given: the app's check knows what it mounts the guard in front of.
    const allowed: unknown = rule.allow(context.session, req as IncomingMessage)
    if (isThenable(allowed)) return consulted(context, allowed, req)
    return allowed === true ? context : denied(FORBIDDEN, context)
  }

  async function consulted(
    context: FoundSession,
    allowed: PromiseLike<unknown>,
    req: RequestLike,
  ): Promise<Decided> {
    const began = monotonic()
    if ((await allowed) !== true) return denied(FORBIDDEN, context)
    const limit = rule.maxStalenessMs
    const grewOld = limit !== undefined && monotonic() - began > Math.max(limit, GRACE_MS)
    return grewOld ? findAgain(context, req, demand) : context
  }

  function confirm(decided: Decided, req: RequestLike): Decided | Promise<Decided> {
    if (decided.state === 'denied') return decided
    if (verdicts.stands(decided)) return judgeByRule(decided)
    return findAgain(decided, req, demand && asRecentAs(decided))
  }

  /** Synchronous where the session is cached and still valid: then the caller may act on it at once. */
  function findAgain(
    context: FoundSession,
    req: RequestLike,
    wanted: Demand | undefined,
  ): Decided | Promise<Decided> {
    const found = authenticator.find(req, wanted)
    return found instanceof Promise ? found.then(takeAgain) : takeAgain(found)

    function takeAgain(newer: FoundContext): Decided {
      verdicts.put(req, newer)
      const decided = judgeByRule(newer)
      const isSameUser = newer.session?.userId === context.session.userId
      // The app's check was asked about the other user.
      return decided.state === 'active' && !isSameUser ? denied(FORBIDDEN, newer) : decided
    }
  }

  function asRecentAs({ startedMono }: FoundSession): Demand {
    return { maxStalenessMs: monotonic() - startedMono + GRACE_MS }
  }

  /** Judged by the rule, `allow` left out. */
  function judgeByRule(context: FoundContext): Decided {
    if (context.state !== 'active') return denied(reasonOf(context), context)
    const unmet = unmetRule(context.session, rule, oktaNow)
    return unmet === undefined ? context : denied(unmet, context)
  }

  return { decide, confirm }
}

/** A decision whose session kept being revoked and found again before it could be used ends after this many rounds. */
const MAX_ROUNDS = 5

/** Waits for a decision that stands at the moment it is given. For callers that act in their own turn. */
export async function settle(guard: Guard, req: RequestLike): Promise<Decided> {
  let decided = await guard.decide(req)
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const confirmed = guard.confirm(decided, req)
    if (!(confirmed instanceof Promise)) return confirmed
    decided = await confirmed
  }
  return denied(reasonOf(OVERTAKEN), OVERTAKEN)
}

/** Revocations kept overtaking the answers for this request. */
export const OVERTAKEN = Object.freeze({
  state: 'unavailable',
  reason: 'timeout',
  retryAfterMs: 1_000,
} as const satisfies UnavailableContext)

export function denied(reason: Reason, context: FoundContext): Denied {
  return { state: 'denied', reason, context }
}

/** Why a context that is not active is denied, whatever the rule. */
export function reasonOf(context: Exclude<SessionContext, ActiveContext>): Reason {
  switch (context.state) {
    case 'anonymous':
      return { status: 401, code: 'session_required', reason: context.reason }
    case 'incomplete':
      return { status: 403, code: INCOMPLETE_CODES[context.reason], reason: context.reason }
    case 'unavailable':
      return reasonOfUnavailable(context)
  }
}

/** Why an active session does not satisfy the rule, `allow` left out; undefined when it does. */
function unmetRule(session: Session, rule: SessionRule, oktaNow: () => number): Reason | undefined {
  if (rule.mfa === true && !session.amr.includes('mfa') && !session.amr.includes('mca'))
    return { status: 403, code: 'mfa_required', amr: ['mfa'] }
  if (rule.amr?.some((method) => !session.amr.includes(method)))
    return { status: 403, code: 'mfa_required', amr: rule.amr }
  const limit = rule.signedInWithinMs
  if (limit !== undefined && !(oktaNow() - lastVerification(session) <= limit))
    return {
      status: 403,
      code: 'reauthentication_required',
      maxAgeSeconds: Math.floor(limit / 1_000),
    }
  return undefined
}

/** `allow` said no. */
const FORBIDDEN: Reason = { status: 403, code: 'forbidden' }

const INCOMPLETE_CODES = {
  mfa_required: 'mfa_required',
  mfa_enroll: 'mfa_enroll_required',
  unknown_status: 'session_incomplete',
} as const satisfies Record<IncompleteReason, Denial['code']>

function reasonOfUnavailable({ reason, retryAfterMs }: UnavailableContext): Reason {
  return reason === 'too_many_attempts'
    ? { status: 429, code: 'too_many_attempts', reason, retryAfterMs }
    : { status: 503, code: 'okta_unavailable', reason, retryAfterMs }
}

/** The newer of the two verification dates; -Infinity when neither is known, which meets no limit. */
function lastVerification(session: Session): number {
  const dates = [session.lastPasswordVerification, session.lastFactorVerification]
  return Math.max(...dates.map((date) => Date.parse(date ?? '')).filter(Number.isFinite))
}
