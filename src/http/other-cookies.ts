/** Whose a request's further session cookies are, once its first has a session. */

import type { Credential } from '../contracts.js'
import type { SessionContext } from '../public-types.js'
import type { Lookup, LookupRequest } from '../session/lookup.js'

export interface OtherCookies {
  /** The user of the cookie's live session; undefined when it has none, or when that can't be found out now. */
  userOf(
    key: string,
    credential: Credential,
    asker: () => LookupRequest,
  ): string | undefined | Promise<string | undefined>
}

/** A session that has ended does not begin again: browsers that moved from Classic send a dead `sid` for months. */
const NOT_FOUND_HOLDS_MS = 24 * 60 * 60_000
/** A session that lacks a factor may be completed, and a sign-out record may be withdrawn. */
const PASSING_HOLDS_MS = 60_000
const MAX_REMEMBERED = 50_000

/**
 * The lookup caches live sessions. Everything else is cached here, for longer than the negative cache does:
 * such a cookie takes nothing away, and must not cost a lookup, or a wait in an outage, at each request.
 */
export function createOtherCookies(
  lookup: Pick<Lookup, 'cached' | 'lookUp'>,
  /** Milliseconds on the monotonic clock. */
  now: () => number,
): OtherCookies {
  /** By cache key: until when the cookie counts as without a session. */
  const withoutSession = new Map<string, number>()

  function userOf(key: string, credential: Credential, asker: () => LookupRequest) {
    const known = lookup.cached(key)
    if (known !== undefined) return known.session?.userId
    const until = withoutSession.get(key)
    if (until !== undefined && now() < until) return undefined
    const answer = lookup.lookUp(key, credential, asker())
    return answer instanceof Promise
      ? answer.then((context) => take(key, context))
      : take(key, answer)
  }

  function take(key: string, context: SessionContext): string | undefined {
    withoutSession.delete(key)
    if (context.state === 'active') return context.session.userId
    withoutSession.set(key, now() + holdsFor(context))
    const [oldest] = withoutSession.keys()
    if (oldest !== undefined && withoutSession.size > MAX_REMEMBERED) withoutSession.delete(oldest)
    return undefined
  }

  return { userOf }
}

function holdsFor(context: Exclude<SessionContext, { state: 'active' }>): number {
  if (context.state === 'unavailable') return context.retryAfterMs
  const isOktasNo = context.reason === 'not_found' || context.reason === 'expired'
  return isOktasNo ? NOT_FOUND_HOLDS_MS : PASSING_HOLDS_MS
}
