/** Judges a request's verdict against a guard's rule: pure functions, so that every guard refuses for the same reasons. */
import type {
  ActiveContext,
  Denial,
  IncompleteReason,
  Session,
  SessionContext,
  SessionRule,
  UnavailableContext,
} from '../public-types.js'

/** A refusal before it has met a request. */
export type RuleRefusal = Omit<Denial, 'context' | 'signInUrl'>

/** Why a verdict that is no yes is refused, whatever the rule. */
export function refusalOf(context: Exclude<SessionContext, ActiveContext>): RuleRefusal {
  switch (context.state) {
    case 'anonymous':
      return { status: 401, code: 'session_required', reason: context.reason }
    case 'incomplete':
      return { status: 403, code: incompleteCodes[context.reason], reason: context.reason }
    case 'unavailable':
      return unavailable(context)
    default:
      return unreachable(context)
  }
}

/** Why an active session does not satisfy the rule; undefined when it does, `allow` apart. */
export function unmetRule(
  session: Session,
  rule: SessionRule,
  oktaNow: () => number,
): RuleRefusal | undefined {
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

/** What `allow` saying no comes to. */
export const forbidden: RuleRefusal = { status: 403, code: 'forbidden' }

const incompleteCodes = {
  mfa_required: 'mfa_required',
  mfa_enroll: 'mfa_enroll_required',
  unknown_status: 'session_incomplete',
} as const satisfies Record<IncompleteReason, Denial['code']>

function unavailable({ reason, retryAfterMs }: UnavailableContext): RuleRefusal {
  return reason === 'too_many_attempts'
    ? { status: 429, code: 'too_many_attempts', reason, retryAfterMs }
    : { status: 503, code: 'okta_unavailable', reason, retryAfterMs }
}

/** The newer of the two verification dates; -Infinity when neither is known, which meets no limit. */
function lastVerification(session: Session): number {
  const dates = [session.lastPasswordVerification, session.lastFactorVerification]
  return Math.max(...dates.map((date) => Date.parse(date ?? '')).filter(Number.isFinite))
}

function unreachable(context: never): never {
  throw new TypeError(`unknown session context ${JSON.stringify(context)}`)
}
