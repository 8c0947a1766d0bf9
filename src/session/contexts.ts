/** What a lookup finds: the context of a credential, and what judging it again later takes. */
import type { OktaUnavailable } from '../contracts.js'
import type {
  ActiveContext,
  AnonymousContext,
  IncompleteReason,
  Session,
  SessionContext,
  SessionEnd,
  UnavailableContext,
} from '../public-types.js'
import type { OktaClock } from './okta-clock.js'

/** When a lookup began: its number, its times, and how far the revocation log had come. */
export interface LookupStart {
  /** Counts lookups: an older answer never overwrites a newer one. */
  readonly turn: number
  /** Epoch milliseconds by this process's clock. */
  readonly at: number
  /** Monotonic milliseconds. */
  readonly mono: number
  /** The position in this process's revocation log. */
  readonly position: number
  /** The position up to which the log shared by all instances had been read. */
  readonly sharedPosition?: string | undefined
}

/** An active session as the request path carries it: what the app sees, and what judging it again later takes. */
export interface FoundSession extends ActiveContext {
  /** Monotonic milliseconds at which its lookup began. Ages count from here, never from `askedAt`. */
  readonly askedMono: number
  /** No revocation record up to this position concerns it. */
  readonly position: number
  /** Monotonic milliseconds from which it is no longer served: the session's own end, or maxTtlMs. */
  readonly deadAt: number
}

/** A context inside the package. The app gets {@link plainContext}. */
export type FoundContext = FoundSession | Exclude<SessionContext, ActiveContext>

/** A context that rests on an answer of Okta's about the credential. */
export type AnsweredContext = Exclude<FoundContext, UnavailableContext>

/** A usable answer of Okta's. A revocation record after its start that concerns it voids it. */
export interface AnsweredLookup {
  readonly kind: 'answered'
  readonly context: AnsweredContext
  readonly start: LookupStart
}

export type LookupResult = AnsweredLookup | OktaUnavailable

/** The contexts without a session. Frozen and shared, so that such a request allocates none. */
export const anonymous = {
  no_cookie: Object.freeze({ state: 'anonymous', reason: 'no_cookie' }),
  invalid_cookie: Object.freeze({ state: 'anonymous', reason: 'invalid_cookie' }),
  ambiguous_cookie: Object.freeze({ state: 'anonymous', reason: 'ambiguous_cookie' }),
  not_found: Object.freeze({ state: 'anonymous', reason: 'not_found' }),
  expired: Object.freeze({ state: 'anonymous', reason: 'expired' }),
  signed_out: Object.freeze({ state: 'anonymous', reason: 'signed_out' }),
} as const satisfies { readonly [R in AnonymousContext['reason']]: AnonymousContext }

export function unavailable({ code, retryAfterMs = 1_000 }: OktaUnavailable): UnavailableContext {
  return Object.freeze({ state: 'unavailable', reason: code, retryAfterMs })
}

/**
 * The request that asked may use the answer for this long after it arrived, however short `maxTtlMs` is:
 * with one shorter than Okta's answer takes, no request could pass.
 */
const MAX_USE_MS = 1_000

/** What Okta's answer says about a credential; `session` is undefined when Okta does not know it. */
export function judgeAnswer(
  session: Session | undefined,
  start: LookupStart,
  oktaClock: OktaClock,
  maxTtlMs: number,
): AnsweredLookup {
  return { kind: 'answered', context: contextOf(session, start, oktaClock, maxTtlMs), start }
}

function contextOf(
  session: Session | undefined,
  { at, mono, position }: LookupStart,
  oktaClock: OktaClock,
  maxTtlMs: number,
): AnsweredContext {
  if (session === undefined) return anonymous.not_found
  const endsAt = sessionEndsAt(session)
  if (endsAt <= oktaClock.now()) return anonymous.expired
  const reason = incompleteReason(session)
  if (reason !== undefined)
    return Object.freeze({ state: 'incomplete', incompleteSession: session, reason })
  const arrivedAt = oktaClock.toMonotonic(oktaClock.now())
  const tooOldAt = Math.max(mono + maxTtlMs, arrivedAt + MAX_USE_MS)
  const deadAt = Math.min(tooOldAt, oktaClock.toMonotonic(endsAt))
  return new Found(session, 'okta', { askedAt: at, askedMono: mono, position, deadAt })
}

/** What an existing session still lacks; undefined when it is complete. */
function incompleteReason({ status }: Session): IncompleteReason | undefined {
  switch (status) {
    case 'ACTIVE':
      return undefined
    case 'MFA_REQUIRED':
      return 'mfa_required'
    case 'MFA_ENROLL':
      return 'mfa_enroll'
    default:
      return 'unknown_status'
  }
}

/** Epoch milliseconds by Okta's clock. */
export function sessionEndsAt({ expiresAt }: Session): number {
  return Date.parse(expiresAt)
}

/** A cached session with another source: `stale` or `shared`. */
export function foundAs(source: ActiveContext['source'], entry: FoundSession): FoundSession {
  return new Found(entry.session, source, entry)
}

class Found implements FoundSession {
  readonly state = 'active'
  readonly session: Session
  readonly source: ActiveContext['source']
  readonly askedAt: number
  // Private: enumeration and comparison see the public fields alone.
  readonly #askedMono: number
  readonly #position: number
  readonly #deadAt: number

  constructor(
    session: Session,
    source: ActiveContext['source'],
    times: Pick<FoundSession, 'askedAt' | 'askedMono' | 'position' | 'deadAt'>,
  ) {
    this.session = session
    this.source = source
    this.askedAt = times.askedAt
    this.#askedMono = times.askedMono
    this.#position = times.position
    this.#deadAt = times.deadAt
    Object.freeze(this)
  }

  get askedMono(): number {
    return this.#askedMono
  }

  get position(): number {
    return this.#position
  }

  get deadAt(): number {
    return this.#deadAt
  }
}

/** The context as the app gets it: a frozen plain object. */
export function plainContext(context: SessionContext): SessionContext {
  if (context.state !== 'active') return context
  const { state, session, source, askedAt } = context
  return Object.freeze({ state, session, source, askedAt })
}

/** The session a context is about, complete or not. */
export function sessionOf(context: AnsweredContext): Session | undefined {
  return context.state === 'incomplete' ? context.incompleteSession : context.session
}

/** Why a watched session is over, when its lookup finds this context instead of an active session. */
export function sessionEndOf(context: Exclude<FoundContext, ActiveContext>): SessionEnd {
  if (context.state === 'unavailable') return context.reason === 'closed' ? 'closed' : 'unavailable'
  const isNamed = context.reason === 'signed_out' || context.reason === 'expired'
  return isNamed ? context.reason : 'not_found'
}
