/**
 * The guard as a function of a request: finds the session, applies the rule, then calls the app's `allow`.
 * A pass is the session itself: a cached session passes without an allocation.
 */
import type {
  ActiveContext,
  AppRequest,
  Denial,
  IncompleteReason,
  RequestLike,
  Session,
  SessionContext,
  SessionRule,
  UnavailableContext,
} from '../public-types.js'
import type { FoundContext, FoundSession } from '../session/contexts.js'
import type { Authenticator, Demand, Verdicts } from './authenticate.js'
import { isThenable } from './reply.js'
import { header } from './request.js'

/** Why a request is denied, before the request's own addresses are added. */
export type Reason = Omit<Denial, 'context' | 'signInUrl'>

export interface Denied {
  readonly state: 'denied'
  readonly reason: Reason
  readonly context: FoundContext
  /** Headers for the answer besides its own; set before `onDenied` is called. */
  readonly headers?: Readonly<Record<string, readonly string[]>>
}

/** `FoundSession` is a pass. */
export type Decided = FoundSession | Denied

export interface GuardParts {
  readonly authenticator: Authenticator
  readonly verdicts: Pick<Verdicts, 'current' | 'stands' | 'put'>
  readonly ownLookups: OwnLookups
  /** Okta's time, epoch milliseconds. */
  readonly oktaNow: () => number
  /** The monotonic clock, milliseconds. */
  readonly monotonic: () => number
}

/** A page navigation accepts a cached refusal for this long. */
const NAVIGATION_ACCEPTS_REFUSAL_MS = 1_000

export class Guard {
  readonly #parts: GuardParts
  readonly #rule: SessionRule
  readonly #demand: Demand | undefined

  constructor(parts: GuardParts, rule: SessionRule) {
    const { maxStalenessMs } = rule
    this.#parts = parts
    this.#rule = rule
    this.#demand = maxStalenessMs === undefined ? undefined : { maxStalenessMs }
  }

  /** Synchronous where the session is cached and `allow` is. Throws or rejects with what `allow` throws. */
  decide(req: RequestLike): Decided | Promise<Decided> {
    const { verdicts, authenticator, ownLookups } = this.#parts
    const attached = verdicts.current(req)
    if (attached !== undefined && this.#isRecent(attached, req)) return this.#judge(attached, req)
    const found = authenticator.find(req, this.#demand)
    return found instanceof Promise
      ? ownLookups.follow(req, found).then((context) => this.#take(context, req))
      : this.#take(found, req)
  }

  /** What attachSession() found may be older than the rule allows. */
  #isRecent(attached: FoundContext, req: RequestLike): boolean {
    if (this.#demand === undefined || attached.state !== 'active') return true
    return this.#parts.ownLookups.isAnswer(req, attached)
  }

  /**
   * Checks a decision again, synchronously before the caller acts on it: during a wait for Okta or the app the
   * session may have been revoked, may have ended, or its verification may have become too old. Returns a
   * promise when the session is looked up again; the caller must confirm its result too.
   */
  confirm(decided: Decided, req: RequestLike): Decided | Promise<Decided> {
    if (decided.state === 'denied') return decided
    if (this.#parts.verdicts.stands(decided)) return this.#judgeByRule(decided)
    return this.#findAgain(decided, req, this.#demand && this.#asRecentAs(decided))
  }

  #take(context: FoundContext, req: RequestLike): Decided | Promise<Decided> {
    this.#parts.verdicts.put(req, context)
    return this.#judge(context, req)
  }

  #judge(context: FoundContext, req: RequestLike): Decided | Promise<Decided> {
    const decided = this.#judgeByRule(context)
    if (decided.state === 'active') return this.#askApp(decided, req)
    return context.state === 'active' && this.#mayHaveSteppedUp(context, req)
      ? this.#lookUpStepUp(decided, req)
      : decided
  }

  /** Applies the rule without `allow`. */
  #judgeByRule(context: FoundContext): Decided {
    if (context.state !== 'active') return deniedFor(context)
    const unmet = unmetRule(context.session, this.#rule, this.#parts.oktaNow)
    return unmet === undefined ? context : denied(unmet, context)
  }

  /** The session may have gained a second factor since it was cached, under the same cookie. */
  #mayHaveSteppedUp(context: FoundSession, req: RequestLike): boolean {
    return (
      context.source !== 'okta' &&
      header(req, 'sec-fetch-mode') === 'navigate' &&
      this.#parts.monotonic() - context.startedMono > NAVIGATION_ACCEPTS_REFUSAL_MS
    )
  }

  /** Looks the session up once more; a slow answer is not looked up again, however old it is when it arrives. */
  async #lookUpStepUp(refused: Denied, req: RequestLike): Promise<Decided> {
    const { authenticator, verdicts } = this.#parts
    const newer = await authenticator.find(req, { maxStalenessMs: NAVIGATION_ACCEPTS_REFUSAL_MS })
    if (newer.state === 'unavailable') return refused
    verdicts.put(req, newer)
    const decided = this.#judgeByRule(newer)
    return decided.state === 'active' ? this.#askApp(decided, req) : decided
  }

  /** Calls `allow`. Only `true` passes: a forgotten return must not let a request through. */
  #askApp(context: FoundSession, req: RequestLike): Decided | Promise<Decided> {
    if (this.#rule.allow === undefined) return context
    // The cast is safe: the app passes the request, and declares `allow` for its own framework's type.
    const allowed: unknown = this.#rule.allow(context.session, req as AppRequest)
    if (isThenable(allowed)) return this.#askAppLater(context, allowed, req)
    // `allow` itself may have revoked the session, or have blocked until its end.
    return allowed === true ? this.confirm(context, req) : denied(FORBIDDEN, context)
  }

  async #askAppLater(
    context: FoundSession,
    allowed: PromiseLike<unknown>,
    req: RequestLike,
  ): Promise<Decided> {
    const { monotonic } = this.#parts
    const began = monotonic()
    if ((await allowed) !== true) return denied(FORBIDDEN, context)
    const limit = this.#rule.maxStalenessMs
    const grewOld = limit !== undefined && monotonic() - began > Math.max(limit, GRACE_MS)
    return grewOld ? this.#findAgain(context, req, this.#demand) : context
  }

  /** Synchronous where the session is cached and still valid: then the caller may act on it at once. */
  #findAgain(
    context: FoundSession,
    req: RequestLike,
    demand: Demand | undefined,
  ): Decided | Promise<Decided> {
    const found = this.#parts.authenticator.find(req, demand)
    return found instanceof Promise
      ? found.then((newer) => this.#takeAgain(newer, context, req))
      : this.#takeAgain(found, context, req)
  }

  #takeAgain(newer: FoundContext, { session }: FoundSession, req: RequestLike): Decided {
    this.#parts.verdicts.put(req, newer)
    const decided = this.#judgeByRule(newer)
    const isSameUser = newer.session?.userId === session.userId
    // `allow` approved another user's session.
    return decided.state === 'active' && !isSameUser ? denied(FORBIDDEN, newer) : decided
  }

  #asRecentAs({ startedMono }: FoundSession): Demand {
    return { maxStalenessMs: this.#parts.monotonic() - startedMono + GRACE_MS }
  }
}

/** A request may use the answer to its own lookup for so long, whatever age a rule asks for. */
const GRACE_MS = 1_000
/** A lookup starts within the same turn as the request asks for it. */
const SAME_TURN_MS = 1

/**
 * The lookups that requests caused themselves: `maxStalenessMs: 0` behind a cold attachSession() needs no
 * second one.
 */
export class OwnLookups {
  readonly #monotonic: () => number
  readonly #answered = new WeakMap<
    object,
    { readonly context: FoundContext; readonly at: number }
  >()

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  /** Waits for a lookup that was requested in this turn, and remembers its answer unless an earlier request had started it. */
  async follow(req: object, found: Promise<FoundContext>): Promise<FoundContext> {
    const since = this.#monotonic() - SAME_TURN_MS
    const context = await found
    if (context.state === 'active' && context.source === 'okta' && context.startedMono >= since)
      this.#answered.set(req, { context, at: this.#monotonic() })
    return context
  }

  /** Whether this is the answer to the request's own lookup, and has just arrived. */
  isAnswer(req: object, context: FoundContext): boolean {
    const answered = this.#answered.get(req)
    return answered?.context === context && this.#monotonic() - answered.at <= GRACE_MS
  }
}

/** How many times a decision is confirmed when revocations make new lookups necessary. */
export const MAX_ROUNDS = 5

/**
 * Resolves with a decision that was confirmed just before. For callers that cannot confirm it themselves.
 * `first`: the guard's decision, where it has been made.
 */
export async function settle(
  guard: Guard,
  req: RequestLike,
  first: Decided | Promise<Decided> = guard.decide(req),
): Promise<Decided> {
  let decided = await first
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const confirmed = guard.confirm(decided, req)
    if (!(confirmed instanceof Promise)) return confirmed
    decided = await confirmed
  }
  return overtaken()
}

/** The denial when revocations invalidated the answer in each of {@link MAX_ROUNDS} rounds. */
export function overtaken(): Denied {
  return deniedFor({ state: 'unavailable', reason: 'timeout', retryAfterMs: 1_000 })
}

/** The denial of a request without an active session, whatever the rule. */
export function deniedFor(context: Exclude<FoundContext, ActiveContext>): Denied {
  return denied(reasonOf(context), context)
}

function denied(reason: Reason, context: FoundContext): Denied {
  return { state: 'denied', reason, context }
}

function reasonOf(context: Exclude<SessionContext, ActiveContext>): Reason {
  switch (context.state) {
    case 'anonymous':
      return { status: 401, code: 'session_required', reason: context.reason }
    case 'incomplete':
      return { status: 403, code: INCOMPLETE_CODES[context.reason], reason: context.reason }
    case 'unavailable':
      return reasonOfUnavailable(context)
  }
}

/** Why an active session does not satisfy the rule without `allow`; undefined when it does. */
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

/** `allow` did not return true. */
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
