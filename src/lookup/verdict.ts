/** What an answer of Okta's says about a credential: a yes or a no, and where its lookup stood. */
import type { No, NoAnswer, Yes } from '../model/answer.js'
import type {
  ActiveContext,
  AnonymousContext,
  IncompleteContext,
  SessionContext,
  UnavailableContext,
} from '../model/context.js'
import type { Session } from '../model/session.js'
import type { Asked } from './memory.js'
import { incompleteReason, sessionEndsAt } from './session-state.js'

/** A yes or a no. `position` is where its lookup began: a later mark overtakes it. */
export type Verdict =
  | {
      readonly kind: 'active'
      readonly context: ActiveContext
      readonly position: number
      readonly sharedPosition?: string | undefined
    }
  | {
      readonly kind: 'negative'
      readonly context: AnonymousContext | IncompleteContext
      readonly position: number
    }

/** What a lookup brought home. */
export type Learned = Verdict | NoAnswer

export const anonymous = {
  not_found: Object.freeze({ state: 'anonymous', reason: 'not_found' }),
  expired: Object.freeze({ state: 'anonymous', reason: 'expired' }),
  signed_out: Object.freeze({ state: 'anonymous', reason: 'signed_out' }),
} as const satisfies Record<string, AnonymousContext>

/** `oktaNow`: epoch milliseconds by Okta's clock. */
export function judgeAnswer(answer: Yes<Session> | No, asked: Asked, oktaNow: number): Verdict {
  return answer.kind === 'yes'
    ? judgeSession(answer.value, asked, oktaNow)
    : { kind: 'negative', context: anonymous.not_found, position: asked.position }
}

export function judgeSession(session: Session, asked: Asked, oktaNow: number): Verdict {
  const { position, sharedPosition } = asked
  if (sessionEndsAt(session) <= oktaNow)
    return { kind: 'negative', context: anonymous.expired, position }
  const reason = incompleteReason(session)
  if (reason !== undefined) {
    const context = Object.freeze({ state: 'incomplete', incompleteSession: session, reason })
    return { kind: 'negative', context, position }
  }
  return {
    kind: 'active',
    context: activeContext(session, 'okta', asked.at),
    position,
    sharedPosition,
  }
}

export function activeContext(
  session: Session,
  source: ActiveContext['source'],
  askedAt: number,
): ActiveContext {
  return Object.freeze({ state: 'active', session, source, askedAt })
}

/** A context as the app gets it: a plain object, whatever stands for it here. */
export function plainContext(context: SessionContext): SessionContext {
  if (context.state !== 'active') return context
  return activeContext(context.session, context.source, context.askedAt)
}

export function unavailable({ code, retryAfterMs = 1_000 }: NoAnswer): UnavailableContext {
  return Object.freeze({ state: 'unavailable', reason: code, retryAfterMs })
}

/** Whose verdict it is, as far as it says. */
export function identity({ context }: Verdict): {
  readonly sessionId?: string
  readonly userId?: string
} {
  const session = context.state === 'incomplete' ? context.incompleteSession : context.session
  return session === undefined ? {} : { sessionId: session.id, userId: session.userId }
}
