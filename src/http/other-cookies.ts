/** Finds the users of a request's further session cookies, once another has a session. */

import type { UnavailableCode } from '../errors.js'
import { isShortage } from '../limiter/limiter.js'
import type { AnonymousContext, SessionContext, UnavailableContext } from '../public-types.js'
import type { Lookup, LookupRequest } from '../session/lookup.js'
import type { SessionCookie } from './cookie-header.js'

/** An ended session stays ended. Browsers of users who moved from Okta Classic send a dead `sid` for months. */
const NOT_FOUND_HOLDS_MS = 24 * 60 * 60_000
/** A session that lacks a factor may be completed, and a sign-out record may be withdrawn. */
const PASSING_HOLDS_MS = 60_000
/** The interval at which a session's failure budget gains one failure: retries in an outage do not use it up. */
const UNUSABLE_HOLDS_MS = 20_000
const MAX_REMEMBERED = 50_000

/** Rejections without a call to Okta. They are not stored: junk cookies could otherwise evict results of calls. */
const NO_CALL: ReadonlySet<UnavailableCode> = new Set([
  'rate_limited',
  'concurrency_limited',
  'breaker_open',
  'closed',
])

/** The id of the user whose live session the cookie has; `null` when it has none, or when Okta can't tell now. */
export type UserOfCookie = string | null

/** {@link UserOfCookie}, or why it was not looked up: clients have used up what the lookup takes. */
export type ComparedUser = UserOfCookie | UnavailableContext

/**
 * The lookup caches live sessions. Everything else is cached here, for longer than the negative cache does:
 * such a cookie has no effect on the decision, so it must not cost a lookup, or a wait in an outage, on each request.
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
  ): ComparedUser | Promise<ComparedUser> {
    const found = this.#lookup.lookUp(key, credential, request)
    return found instanceof Promise
      ? found.then((context) => this.#take(key, context))
      : this.#take(key, found)
  }

  /** Remembers a cookie without a session whose lookup was charged to the session beside it. */
  rememberEnded(key: string, context: AnonymousContext): void {
    this.#remember(key, holdsFor(context))
  }

  #take(key: string, context: SessionContext): ComparedUser {
    this.#withoutSession.delete(key)
    if (context.state === 'active') return context.session.userId
    if (context.state === 'unavailable' && isShortage(context.reason)) return context
    if (context.state !== 'unavailable' || !NO_CALL.has(context.reason))
      this.#remember(key, holdsFor(context))
    return null
  }

  #remember(key: string, forMs: number): void {
    this.#withoutSession.set(key, this.#now() + forMs)
    const [oldest] = this.#withoutSession.keys()
    if (oldest !== undefined && this.#withoutSession.size > MAX_REMEMBERED)
      this.#withoutSession.delete(oldest)
  }
}

/** Milliseconds for which the cookie counts as without a session. */
function holdsFor(context: Exclude<SessionContext, { state: 'active' }>): number {
  if (context.state === 'unavailable') return Math.max(context.retryAfterMs, UNUSABLE_HOLDS_MS)
  const hasEnded = context.reason === 'not_found' || context.reason === 'expired'
  return hasEnded ? NOT_FOUND_HOLDS_MS : PASSING_HOLDS_MS
}
