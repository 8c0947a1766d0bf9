/** Refreshes sessions at Okta: at most one call per session and period, shared by concurrent requests. */
import { LRUCache } from 'lru-cache'
import type { Clock, Credential, CurrentSessionCall, OktaUnavailable } from '../contracts.js'
import type { Limiter } from '../limiter/limiter.js'
import type { CallKind } from '../limiter/policy.js'
import type { AnonymousContext, IncompleteContext, Session } from '../public-types.js'
import { anonymous } from './contexts.js'
import type { Lookup } from './lookup.js'

/** The session as found before the refresh, and its credential. */
export interface Refreshable {
  readonly key: string
  readonly credential: Credential
  readonly session: Session
  readonly clientIp?: string | undefined
}

export type Refreshed =
  | {
      readonly kind: 'refreshed'
      readonly session: Session
      /** Okta's Set-Cookie lines. Secrets. */
      readonly setCookies: readonly string[]
    }
  /** It was refreshed within the period; Okta was not called. */
  | { readonly kind: 'recent'; readonly expiresAt: string }
  /** The session is not active any more. */
  | { readonly kind: 'over'; readonly context: AnonymousContext | IncompleteContext }
  | OktaUnavailable

export interface RefresherOptions {
  readonly limiter: Limiter
  readonly lookup: Lookup
  readonly clock: Clock
  /** RefreshCurrentSession. */
  readonly refreshSession: CurrentSessionCall<Session>
  readonly maxSessions: number
}

/** The last refresh of a session that succeeded. */
interface LastRefresh {
  /** Monotonic milliseconds at which it began. */
  readonly at: number
  readonly expiresAt: string
}

export class Refresher {
  readonly #options: RefresherOptions
  readonly #last: LRUCache<string, LastRefresh>
  /** By key, and not in the cache: lru-cache publishes its values, and a result holds Okta's Set-Cookie lines. */
  readonly #inFlight = new Map<string, Promise<Refreshed>>()

  constructor(options: RefresherOptions) {
    this.#options = options
    this.#last = new LRUCache({ max: options.maxSessions })
  }

  /** Calls Okta at most once per `everyMs` and session; concurrent requests share the call. */
  async refresh(target: Refreshable, everyMs: number, kind: CallKind): Promise<Refreshed> {
    const { clock, lookup } = this.#options
    if (lookup.isSignedOut(target.key)) return { kind: 'over', context: anonymous.signed_out }
    const at = clock.monotonic()
    const pending = this.#inFlight.get(target.key)
    if (pending !== undefined) return withoutCookies(await pending)
    const last = this.#last.get(target.key)
    if (last !== undefined && at - last.at < everyMs)
      return { kind: 'recent', expiresAt: later(last.expiresAt, target.session.expiresAt) }
    const inFlight = this.#callOkta(target, kind)
    this.#inFlight.set(target.key, inFlight)
    const refreshed = await inFlight.finally(() => this.#inFlight.delete(target.key))
    // After any other outcome the next request calls Okta again.
    if (refreshed.kind === 'refreshed')
      this.#last.set(target.key, { at, expiresAt: refreshed.session.expiresAt })
    else this.#last.delete(target.key)
    return refreshed
  }

  /** Whether a refresh now would not call Okta. */
  isRecent(key: string, everyMs: number): boolean {
    if (this.#inFlight.has(key)) return true
    const last = this.#last.peek(key)
    return last !== undefined && this.#options.clock.monotonic() - last.at < everyMs
  }

  async settled(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight.values())
  }

  async #callOkta(
    { key, credential, session, clientIp }: Refreshable,
    kind: CallKind,
  ): Promise<Refreshed> {
    const { limiter, lookup, refreshSession } = this.#options
    let start = lookup.begin()
    const answer = await limiter.call({ operation: 'refresh', kind, key }, () => {
      start = lookup.begin()
      return refreshSession(credential, { clientIp })
    })
    switch (answer.kind) {
      case 'unavailable':
        return answer
      case 'no':
        lookup.storeNotFound(key, start)
        return { kind: 'over', context: anonymous.not_found }
      case 'yes': {
        // A session keeps its user: an answer with another user is not about this session.
        if (answer.value.userId !== session.userId) return { kind: 'unavailable', code: 'schema' }
        // The id stays that of GetCurrentSession: the one of a refresh could be the credential itself.
        const renewed = Object.freeze({ ...answer.value, id: session.id })
        const context = lookup.store(key, renewed, start, answer.head.oktaTime)
        return context.state === 'active'
          ? { kind: 'refreshed', session: context.session, setCookies: answer.head.setCookies }
          : { kind: 'over', context }
      }
    }
  }
}

/** Only the request that caused the call gets Okta's cookies. */
function withoutCookies(refreshed: Refreshed): Refreshed {
  if (refreshed.kind !== 'refreshed') return refreshed
  return { kind: 'recent', expiresAt: refreshed.session.expiresAt }
}

/** The later of two ends of one session: the request may have found the session before the refresh. */
function later(one: string, other: string): string {
  return Date.parse(one) > Date.parse(other) ? one : other
}
