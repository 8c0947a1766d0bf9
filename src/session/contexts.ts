/** The result of a lookup, with what is needed to check later whether it is still valid. */
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

/** The moment at which a lookup, or another operation about a session, began. */
export interface LookupStart {
  /** Counts up from 1: an older answer never overwrites a newer one. */
  readonly number: number
  /** Epoch milliseconds by this process's clock. */
  readonly at: number
  /** Monotonic milliseconds. */
  readonly mono: number
  /** The position in this process's revocation log. */
  readonly position: number
  /** The position up to which the log shared by all instances had been read. */
  readonly sharedPosition?: string | undefined
}

/** An active session inside the package; the app gets {@link plainContext}. */
export interface FoundSession extends ActiveContext {
  /** Monotonic milliseconds at which its lookup began. Ages count from here, never from `askedAt`. */
  readonly startedMono: number
  /** No revocation record up to this position concerns it. */
  readonly position: number
  /** Monotonic milliseconds from which it is no longer served: the session's own end, or maxTtlMs. */
  readonly deadAt: number
}

export type FoundContext = FoundSession | Exclude<SessionContext, ActiveContext>

/** A context made from an answer of Okta's about the credential. */
export type AnsweredContext = Exclude<FoundContext, UnavailableContext>

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
 * The requests that waited for an answer may use it for this long after it arrived, even beyond `maxTtlMs`:
 * otherwise no request could pass when Okta takes longer than `maxTtlMs` to answer.
 */
const MAX_USE_MS = 1_000

/** What Okta's answer says about a credential; `session` is undefined when Okta does not know it. */
export function contextOf(
  session: Session | undefined,
  { at, mono, position }: LookupStart,
  oktaClock: OktaClock,
  maxTtlMs: number,
): AnsweredContext {
  if (session === undefined) return anonymous.not_found
  const endsAt = sessionEndsAt(session)
  const oktaNow = oktaClock.now()
  if (endsAt <= oktaNow) return anonymous.expired
  const reason = incompleteReason(session)
  if (reason !== undefined)
    return Object.freeze({ state: 'incomplete', incompleteSession: session, reason })
  const tooOldAt = Math.max(mono + maxTtlMs, oktaClock.toMonotonic(oktaNow) + MAX_USE_MS)
  const deadAt = Math.min(tooOldAt, oktaClock.toMonotonic(endsAt))
  return foundAs('okta', { session, askedAt: at, startedMono: mono, position, deadAt })
}

/** What an existing session lacks; undefined when it is complete. */
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

type Unsourced = Omit<FoundSession, 'state' | 'source'>

export function foundAs(source: ActiveContext['source'], found: Unsourced): FoundSession {
  return new Found(source, found)
}

class Found implements FoundSession {
  readonly state = 'active'
  readonly session: Session
  readonly source: ActiveContext['source']
  readonly askedAt: number
  // Private: only the public fields are enumerated and compared.
  readonly #found: Omit<Unsourced, 'session' | 'askedAt'>

  constructor(source: ActiveContext['source'], found: Unsourced) {
    const { session, askedAt, startedMono, position, deadAt } = found
    this.session = session
    this.source = source
    this.askedAt = askedAt
    this.#found = { startedMono, position, deadAt }
    Object.freeze(this)
  }

  get startedMono(): number {
    return this.#found.startedMono
  }

  get position(): number {
    return this.#found.position
  }

  get deadAt(): number {
    return this.#found.deadAt
  }
}

/** The context as the app gets it: a frozen plain object with the public fields alone. */
export function plainContext(context: SessionContext): SessionContext {
  if (context.state !== 'active') return context
  const { state, session, source, askedAt } = context
  return Object.freeze({ state, session, source, askedAt })
}

/** The session of a context, complete or not. */
export function sessionOf(context: AnsweredContext): Session | undefined {
  return context.state === 'incomplete' ? context.incompleteSession : context.session
}

/** Why a watched session is over, when its lookup finds this context instead of an active session. */
export function sessionEndOf(context: Exclude<FoundContext, ActiveContext>): SessionEnd {
  if (context.state === 'unavailable') return context.reason === 'closed' ? 'closed' : 'unavailable'
  const isNamed = context.reason === 'signed_out' || context.reason === 'expired'
  return isNamed ? context.reason : 'not_found'
}
