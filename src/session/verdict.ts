/** What an answer of Okta's says about a credential: a yes or a no, and where its lookup stood. */
import type { OktaNo, OktaUnavailable, OktaYes } from '../contracts.js'
import type {
  ActiveContext,
  AnonymousContext,
  IncompleteContext,
  Session,
  SessionContext,
  UnavailableContext,
} from '../public-types.js'
import type { LookupStart } from './cache.js'
import { incompleteReason, sessionEndsAt } from './session-state.js'

/** An active session as the request path carries it: what the app sees, and what judging it again later takes. */
export interface FoundSession extends ActiveContext {
  /** Monotonic milliseconds at which its lookup began. Ages count from here, never from `askedAt`. */
  readonly askedMono: number
  /** The position in the revocation log up to which it is known to stand. */
  readonly position: number
  /** Monotonic milliseconds from which it serves no longer: the session's own end, or maxTtlMs. */
  readonly deadAt: number
}

/** What a lookup found. Internal: the app gets {@link plainContext}. */
export type FoundContext = FoundSession | Exclude<SessionContext, ActiveContext>

/** A yes or a no. `position` is where its lookup began: a later mark overtakes it. */
export type LookupVerdict =
  | {
      readonly kind: 'active'
      readonly context: FoundSession
      readonly position: number
      readonly sharedPosition?: string | undefined
    }
  | {
      readonly kind: 'negative'
      readonly context: AnonymousContext | IncompleteContext
      readonly position: number
    }

/** What a lookup brought home. */
export type LookupResult = LookupVerdict | OktaUnavailable

export const anonymous = {
  not_found: Object.freeze({ state: 'anonymous', reason: 'not_found' }),
  expired: Object.freeze({ state: 'anonymous', reason: 'expired' }),
  signed_out: Object.freeze({ state: 'anonymous', reason: 'signed_out' }),
} as const satisfies Record<string, AnonymousContext>

/** The clocks by which an answer is judged. */
export interface Times {
  /** Epoch milliseconds by Okta's clock. */
  readonly oktaNow: number
  /** How long after its lookup began this session may serve; see {@link FoundSession.deadAt}. */
  deadAt(session: Session, asked: LookupStart): number
}

export function judgeAnswer(
  answer: OktaYes<Session> | OktaNo,
  asked: LookupStart,
  times: Times,
): LookupVerdict {
  return answer.kind === 'yes'
    ? contextOf(answer.value, asked, times)
    : { kind: 'negative', context: anonymous.not_found, position: asked.position }
}

export function contextOf(session: Session, asked: LookupStart, times: Times): LookupVerdict {
  const { position, sharedPosition } = asked
  if (sessionEndsAt(session) <= times.oktaNow)
    return { kind: 'negative', context: anonymous.expired, position }
  const reason = incompleteReason(session)
  if (reason !== undefined) {
    const context = Object.freeze({ state: 'incomplete', incompleteSession: session, reason })
    return { kind: 'negative', context, position }
  }
  return {
    kind: 'active',
    context: new Found(session, 'okta', {
      askedAt: asked.at,
      askedMono: asked.mono,
      position,
      deadAt: times.deadAt(session, asked),
    }),
    position,
    sharedPosition,
  }
}

/** A cached session under another source: `stale`, or `shared`. */
export function foundAs(source: ActiveContext['source'], entry: FoundSession): FoundSession {
  return new Found(entry.session, source, entry)
}

class Found implements FoundSession {
  readonly state = 'active'
  readonly session: Session
  readonly source: ActiveContext['source']
  readonly askedAt: number
  // Private, so that no enumeration and no comparison sees them.
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

/** A context as the app gets it: a plain object, whatever stands for it here. */
export function plainContext(context: SessionContext): SessionContext {
  if (context.state !== 'active') return context
  const { state, session, source, askedAt } = context
  return Object.freeze({ state, session, source, askedAt })
}

export function unavailable({ code, retryAfterMs = 1_000 }: OktaUnavailable): UnavailableContext {
  return Object.freeze({ state: 'unavailable', reason: code, retryAfterMs })
}

/** Whose verdict it is, as far as it says. */
export function identity({ context }: LookupVerdict): {
  readonly sessionId?: string
  readonly userId?: string
} {
  const session = context.state === 'incomplete' ? context.incompleteSession : context.session
  return session === undefined ? {} : { sessionId: session.id, userId: session.userId }
}
