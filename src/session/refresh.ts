/** Refreshes sessions at Okta: at most one call per session and period, shared by concurrent requests. */
import { LRUCache } from 'lru-cache'
import { publishers } from '../channels.js'
import type { Clock, Credential, CurrentSessionCall, OktaUnavailable } from '../contracts.js'
import type { UnavailableCode } from '../errors.js'
import type { Limiter } from '../limiter/limiter.js'
import type { CallKind } from '../limiter/policy.js'
import type { AnonymousContext, IncompleteContext, Session } from '../public-types.js'
import { anonymous } from './contexts.js'
import type { Lookup } from './lookup.js'
import type { RefreshEnd, SharedStore } from './shared-cache.js'

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
  /** The host of the org, for messages. */
  readonly org: string
  readonly limiter: Limiter
  readonly lookup: Lookup
  readonly clock: Clock
  /** RefreshCurrentSession. */
  readonly refreshSession: CurrentSessionCall<Session>
  readonly maxSessions: number
  readonly shared?: SharedStore | undefined
}

/** How the last refresh of a session ended. */
type LastRefresh =
  | {
      readonly kind: 'refreshed'
      /** Monotonic milliseconds at which it began. */
      readonly at: number
      readonly expiresAt: string
    }
  | {
      readonly kind: 'failed'
      /** Monotonic milliseconds at which it failed. */
      readonly at: number
      readonly code: UnavailableCode
    }

/**
 * A refresh that failed is not tried again for `everyMs`, at most so long: an org that fails every refresh
 * would otherwise be called once for each page. Lookups succeed meanwhile, so that no circuit opens for them.
 */
const MAX_REST_MS = 10_000
/** How long instances know of each other's refreshes: the longest default of `everyMs`. */
const MAX_SHARED_MS = 300_000

export class Refresher {
  readonly #options: RefresherOptions
  readonly #last: LRUCache<string, LastRefresh>
  /** By key, and not in the cache: lru-cache publishes its values, and a result holds Okta's Set-Cookie lines. */
  readonly #inFlight = new Map<string, Promise<Refreshed>>()
  /** Work that may still begin a refresh. */
  readonly #background = new Set<Promise<void>>()

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
    const restMs = last === undefined ? 0 : restAfter(last, everyMs) - (at - last.at)
    if (last?.kind === 'failed' && restMs > 0)
      return { kind: 'unavailable', code: last.code, retryAfterMs: Math.ceil(restMs) }
    if (last?.kind === 'refreshed' && restMs > 0)
      return { kind: 'recent', expiresAt: later(last.expiresAt, target.session.expiresAt) }
    const inFlight = this.#claimAndCall(target, everyMs, kind)
    this.#inFlight.set(target.key, inFlight)
    const refreshed = await inFlight.finally(() => this.#inFlight.delete(target.key))
    if (publishers.refresh.hasSubscribers) this.#publish(refreshed)
    if (refreshed.kind === 'refreshed')
      this.#last.set(target.key, { kind: 'refreshed', at, expiresAt: refreshed.session.expiresAt })
    return refreshed
  }

  #publish(refreshed: Refreshed): void {
    const { kind: outcome } = refreshed
    const code = outcome === 'unavailable' ? { code: refreshed.code } : {}
    publishers.refresh.publish({ org: this.#options.org, outcome, ...code })
  }

  /** Calls Okta unless another instance has within the period. */
  async #claimAndCall(target: Refreshable, everyMs: number, kind: CallKind): Promise<Refreshed> {
    const { shared, clock } = this.#options
    const { key, session } = target
    if (shared === undefined) return this.#callOkta(target, kind)
    const claim = await shared.claimRefresh(key, everyMs)
    switch (claim.kind) {
      case 'recent': {
        const at = clock.monotonic() - claim.ageMs
        const expiresAt = later(claim.expiresAt, session.expiresAt)
        this.#last.set(key, { kind: 'refreshed', at, expiresAt })
        return { kind: 'recent', expiresAt }
      }
      case 'failed':
        return { kind: 'unavailable', code: claim.code, retryAfterMs: Math.ceil(claim.restMs) }
      case 'unknown':
        return this.#callOkta(target, kind)
      case 'lease': {
        // The call may reject for an abort of its own: the others must not wait for it.
        let end: RefreshEnd = { kind: 'none' }
        const before = this.#last.peek(key)
        try {
          const refreshed = await this.#callOkta(target, kind)
          if (refreshed.kind === 'refreshed' || this.#last.peek(key) !== before)
            end = endOf(refreshed, everyMs)
          return refreshed
        } finally {
          shared.endRefresh(key, claim.lease, end)
        }
      }
    }
  }

  /** Whether a refresh now would not call Okta. */
  isResting(key: string, everyMs: number): boolean {
    if (this.#inFlight.has(key)) return true
    const last = this.#last.peek(key)
    return (
      last !== undefined && this.#options.clock.monotonic() - last.at < restAfter(last, everyMs)
    )
  }

  /** Lets settled() wait for work that may begin a refresh. It must not reject. */
  inBackground(work: Promise<void>): void {
    const done = work.then(() => void this.#background.delete(done))
    this.#background.add(done)
  }

  async settled(): Promise<void> {
    while (this.#inFlight.size > 0 || this.#background.size > 0)
      await Promise.all([...this.#inFlight.values(), ...this.#background])
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
        return answer.called ? this.#failed(key, answer) : answer
      case 'no':
        lookup.storeNotFound(key, start)
        return { kind: 'over', context: anonymous.not_found }
      case 'yes': {
        // A session keeps its user: an answer with another user is not about this session.
        if (answer.value.userId !== session.userId)
          return this.#failed(key, { kind: 'unavailable', code: 'schema' })
        // The id stays that of GetCurrentSession: the one of a refresh could be the credential itself.
        const renewed = Object.freeze({ ...answer.value, id: session.id })
        const context = lookup.store(key, renewed, start, answer.head.oktaTime)
        return context.state === 'active'
          ? { kind: 'refreshed', session: context.session, setCookies: answer.head.setCookies }
          : { kind: 'over', context }
      }
    }
  }

  #failed(key: string, failure: OktaUnavailable): OktaUnavailable {
    this.#last.set(key, { kind: 'failed', at: this.#options.clock.monotonic(), code: failure.code })
    return failure
  }
}

/** What the other instances rely on after a refresh that succeeded or failed at Okta. */
function endOf(refreshed: Refreshed, everyMs: number): RefreshEnd {
  if (refreshed.kind === 'refreshed') {
    const { expiresAt } = refreshed.session
    return { kind: 'refreshed', expiresAt, forMs: Math.max(everyMs, MAX_SHARED_MS) }
  }
  return refreshed.kind === 'unavailable'
    ? { kind: 'failed', code: refreshed.code, forMs: Math.min(everyMs, MAX_REST_MS) }
    : { kind: 'none' }
}

/** How long after this refresh Okta is not called again for the session. */
function restAfter({ kind }: LastRefresh, everyMs: number): number {
  return kind === 'failed' ? Math.min(everyMs, MAX_REST_MS) : everyMs
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
