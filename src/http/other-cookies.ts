/** Finds the users of a request's further session cookies, once its first has a session. */

import type { SessionContext } from '../public-types.js'
import type { Lookup, LookupRequest } from '../session/lookup.js'
import type { SessionCookie } from './cookie-header.js'

/** A session that has ended does not begin again: browsers that moved from Classic send a dead `sid` for months. */
const NOT_FOUND_HOLDS_MS = 24 * 60 * 60_000
/** A session that lacks a factor may be completed, and a sign-out record may be withdrawn. */
const PASSING_HOLDS_MS = 60_000
const MAX_REMEMBERED = 50_000

/** The id of the user whose live session the cookie has; `null` when it has none, or when Okta can't tell now. */
export type UserOfCookie = string | null

/**
 * The lookup caches live sessions. Everything else is cached here, for longer than the negative cache does:
 * such a cookie takes nothing away, and must not cost a lookup, or a wait in an outage, at each request.
 */
export class OtherCookies {
  readonly #lookup: Pick<Lookup, 'cached' | 'lookUp'>
  /** The monotonic clock, milliseconds. */
  readonly #now: () => number
  /** By cache key: until when the cookie counts as without a session. */
  readonly #withoutSession = new Map<string, number>()

  constructor(lookup: Pick<Lookup, 'cached' | 'lookUp'>, now: () => number) {
    this.#lookup = lookup
    this.#now = now
  }

  /** What is cached of the cookie; undefined where it has to be looked up. */
  cached(key: string): UserOfCookie | undefined {
    const context = this.#lookup.cached(key)
    if (context !== undefined) return context.session?.userId ?? null
    const until = this.#withoutSession.get(key)
    return until !== undefined && this.#now() < until ? null : undefined
  }

  lookUp(
    { key, credential }: SessionCookie,
    request: LookupRequest,
  ): UserOfCookie | Promise<UserOfCookie> {
    const found = this.#lookup.lookUp(key, credential, request)
    return found instanceof Promise
      ? found.then((context) => this.#take(key, context))
      : this.#take(key, found)
  }

  #take(key: string, context: SessionContext): UserOfCookie {
    this.#withoutSession.delete(key)
    if (context.state === 'active') return context.session.userId
    this.#withoutSession.set(key, this.#now() + holdsFor(context))
    const [oldest] = this.#withoutSession.keys()
    if (oldest !== undefined && this.#withoutSession.size > MAX_REMEMBERED)
      this.#withoutSession.delete(oldest)
    return null
  }
}

/** Milliseconds for which the cookie counts as without a session. */
function holdsFor(context: Exclude<SessionContext, { state: 'active' }>): number {
  if (context.state === 'unavailable') return context.retryAfterMs
  const hasEnded = context.reason === 'not_found' || context.reason === 'expired'
  return hasEnded ? NOT_FOUND_HOLDS_MS : PASSING_HOLDS_MS
}
