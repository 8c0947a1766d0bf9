/** Whose a request's further session cookies are, where one has been found to be somebody's already. */

import type { Credential } from '../contracts.js'
import type { SessionContext } from '../public-types.js'
import type { Lookup, LookupRequest } from '../session/lookup.js'

export interface OtherCookies {
  /** The user whose live session the cookie stands for; undefined when it is nobody's, or nobody can say now. */
  userOf(
    key: string,
    credential: Credential,
    asker: () => LookupRequest,
  ): string | undefined | Promise<string | undefined>
}

/** What has ended at Okta does not begin again: browsers that moved from Classic bring a dead `sid` for months. */
const A_NO_HOLDS_FOR_MS = 24 * 60 * 60_000
/** A session that lacks a factor may become whole, and a refusal may be taken back. */
const PASSING_HOLDS_FOR_MS = 60_000
const MAX_REMEMBERED = 50_000

/**
 * A yes is remembered by the lookup, and good here for as long as it may be served at all. Anything else is
 * remembered here besides, for longer than the lookup would: such a cookie takes nothing away, and must not
 * cost a question, or a wait in an outage, each time.
 */
export function createOtherCookies(
  lookup: Pick<Lookup, 'peek' | 'find'>,
  /** Milliseconds on the monotonic clock. */
  now: () => number,
): OtherCookies {
  /** By key: until when it is nobody's. */
  const nobodys = new Map<string, number>()

  function userOf(key: string, credential: Credential, asker: () => LookupRequest) {
    const known = lookup.peek(key)
    if (known !== undefined) return known.session?.userId
    const until = nobodys.get(key)
    if (until !== undefined && now() < until) return undefined
    const answer = lookup.find(key, credential, asker())
    return answer instanceof Promise
      ? answer.then((context) => take(key, context))
      : take(key, answer)
  }

  function take(key: string, context: SessionContext): string | undefined {
    nobodys.delete(key)
    if (context.state === 'active') return context.session.userId
    nobodys.set(key, now() + holdsFor(context))
    const [oldest] = nobodys.keys()
    if (oldest !== undefined && nobodys.size > MAX_REMEMBERED) nobodys.delete(oldest)
    return undefined
  }

  return { userOf }
}

function holdsFor(context: Exclude<SessionContext, { state: 'active' }>): number {
  if (context.state === 'unavailable') return context.retryAfterMs
  const isOktasNo = context.reason === 'not_found' || context.reason === 'expired'
  return isOktasNo ? A_NO_HOLDS_FOR_MS : PASSING_HOLDS_FOR_MS
}
