/** From a credential to its context: from the caches, else from one call to Okta shared by all concurrent requests. */
import { onAbort } from '../abort.js'
import type { LookupMessage } from '../channels.js'
import type { Clock, CookieKind, Credential, OktaUnavailable } from '../contracts.js'
import type { Session } from '../public-types.js'
import { credentialKey, JITTER, NegativeCache, type NegativeEntry, SessionCache } from './cache.js'
import type { CachedSession } from './cached-session.js'
import {
  type AnsweredContext,
  anonymous,
  contextOf,
  type FoundContext,
  type FoundSession,
  foundAs,
  type LookupStart,
  sessionOf,
  unavailable,
} from './contexts.js'
import { type InFlightLookup, InFlightLookups, type LookupOptions } from './in-flight.js'
import { OktaClock } from './okta-clock.js'
import { type RevocationLog, subject } from './revocations.js'
import { StoreReads } from './store-reads.js'

/** The client a lookup is made for, and which answer satisfies it. */
export interface LookupRequest {
  /** The client's address, normalised, for its failure budget; undefined when there is none. */
  readonly client?: string | undefined
  /** The client's address as it is sent to Okta; undefined when it is not sent. */
  readonly clientIp?: string | undefined
  /**
   * The key of the active session that came in the same request: a failure is charged to that session and
   * to no client, three a minute at most.
   */
  readonly beside?: string | undefined
  /** A page navigation: causes another lookup after the pause that follows a negative answer, 1 s at first. */
  readonly navigation?: boolean | undefined
  /** The oldest start of a lookup whose answer is accepted; 0 always makes a new lookup. */
  readonly maxStalenessMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** How long a lookup usually waits in the limiter's queue at most. */
const MAX_WAIT_MS = 1_000

export class Lookup {
  readonly #options: LookupOptions
  readonly #clock: Clock
  readonly #log: RevocationLog
  readonly #oktaClock: OktaClock
  readonly #sessions: SessionCache
  readonly #negatives: NegativeCache
  readonly #inFlight: InFlightLookups
  readonly #storeReads: StoreReads | undefined
  readonly #counts = {
    hits: 0,
    misses: 0,
    negatives: 0,
    stale: 0,
    coalesced: 0,
    refreshedAhead: 0,
  }
  #closed = false

  constructor(options: LookupOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#log = options.log
    const negatives = new NegativeCache(options.cache)
    const { clock, log } = options
    const oktaClock = new OktaClock(clock, log, () => negatives.clear(), options)
    const sessions = new SessionCache({ ...options, oktaClock, negatives })
    this.#storeReads = options.shared && new StoreReads(clock)
    this.#inFlight = new InFlightLookups({
      ...options,
      oktaClock,
      sessions,
      negatives,
      storeReads: this.#storeReads,
    })
    this.#negatives = negatives
    this.#oktaClock = oktaClock
    this.#sessions = sessions
  }

  /**
   * The hit path: counts and returns a session that is fresh and not revoked, and starts its prefetch when
   * that is due; undefined when there is none. `pair` is the credential as `name=value`: it is split for a
   * prefetch only.
   */
  hitAndPrefetch(
    key: string,
    as: CookieKind,
    pair: string,
    clientIp?: string,
  ): CachedSession | undefined {
    const now = this.#clock.monotonic()
    this.#oktaClock.noticeSuspend(now)
    const entry = this.#sessions.fresh(key, now)
    if (entry === undefined) return undefined
    this.#counts.hits += 1
    if (entry.isDueForPrefetch(now)) {
      const value = pair.slice(as.length + 1)
      this.#prefetch(entry, key, { as, value }, clientIp)
    }
    return entry
  }

  /**
   * After a miss: answers from the negative cache, joins the lookup in flight, or starts one. Synchronous
   * where there is nothing to wait for.
   */
  lookUp(
    key: string,
    credential: Credential,
    request: LookupRequest,
  ): FoundContext | Promise<FoundContext> {
    if (this.#closed) return unavailable({ kind: 'unavailable', code: 'closed' })
    const now = this.#clock.monotonic()
    this.#oktaClock.noticeSuspend(now)
    if (this.isSignedOut(key)) return anonymous.signed_out
    const negative = this.#negatives.get(key, now)
    if (negative !== undefined && !needsAnother(negative, request, now)) {
      this.#counts.negatives += 1
      return negative.context
    }
    const inFlight = this.#inFlight.get(key)
    if (inFlight !== undefined && satisfies(inFlight, request, now)) {
      this.#counts.coalesced += 1
      return this.#resultOf(inFlight, key, credential, request)
    }
    const { client, clientIp, maxStalenessMs, beside } = request
    const early = this.#isEarly(key, now)
    const kind = () => this.#kindOf(key, request)
    // Whether a lookup that reads the shared cache calls Okta is not decided yet.
    if (this.#options.shared === undefined) {
      const admission = { kind: kind(), key, client, early, beside }
      const rejected = this.#inFlight.resting(key) ?? this.#options.limiter.admit(admission)
      if (rejected !== undefined)
        return negative?.context ?? this.#withoutAnswer(rejected, key, request)
    }
    this.#counts.misses += 1
    const skipsShared = maxStalenessMs !== undefined
    const since = this.#sharedSince(1 - JITTER)
    const call = { key, credential, client, clientIp, early, beside, skipsShared, since, kind }
    return this.#resultOf(this.#inFlight.start(call), key, credential, request)
  }

  /** What is cached of a credential, however old, up to the session's own end. Starts no lookup. */
  cached(key: string): FoundContext | undefined {
    if (this.isSignedOut(key)) return anonymous.signed_out
    const now = this.#clock.monotonic()
    if (this.#oktaClock.wasSuspended(now)) return undefined
    return this.#sessions.usable(key, now) ?? this.#negatives.get(key, now)?.context
  }

  /** Whether a session found earlier may be acted on now: not revoked since, not ended, not too old. */
  isCurrent(found: FoundSession): boolean {
    return this.#sessions.isCurrent(found)
  }

  /** Whether this credential was signed out here, whatever Okta would answer. */
  isSignedOut(key: string): boolean {
    return this.#log.signOutOf(key) !== undefined
  }

  /** Whether a session was signed out or revoked since it was found. */
  isOvertaken(key: string, { session, position }: FoundSession): boolean {
    return this.isSignedOut(key) || this.#log.isVoid(key, session, position)
  }

  /** Whether this credential had an active session here within a day. */
  hasSeen(key: string): boolean {
    return this.#sessions.hasSeen(key, this.#clock.monotonic())
  }

  /** Whether this credential had an active session here within a day, and no negative answer since. */
  mayBeLive(key: string): boolean {
    return this.hasSeen(key) && !this.#sessions.hasEnded(key)
  }

  /**
   * What Okta last answered about this credential: a session, which may have ended by this process's clock
   * since, or none. Undefined when there is no answer, or one too old to count.
   */
  lastAnswer(key: string): 'session' | 'no_session' | undefined {
    const now = this.#clock.monotonic()
    this.#oktaClock.noticeSuspend(now)
    const negative = this.#negatives.last(key)
    if (negative?.context === anonymous.not_found)
      return now < negative.until ? 'no_session' : undefined
    return negative !== undefined || this.mayBeLive(key) ? 'session' : undefined
  }

  /** The session that another instance has stored for this unseen credential, revoked since or not. */
  async sharedSession(key: string, client: string | undefined): Promise<Session | undefined> {
    const giveBack = this.#storeReads?.charge('unseen', client)
    if (giveBack === undefined) return undefined
    const entry = await this.#options.shared?.peek(key)
    if (entry !== undefined) giveBack()
    return entry?.session
  }

  /** Moves the failure of a credential's lookup to the active session that came in the same request. */
  moveFailure(key: string, session: string): void {
    this.#options.limiter.moveFailure(key, session)
  }

  /** The start of an operation, to be handed to {@link store} or {@link storeNotFound} with its answer. */
  begin(): LookupStart {
    return this.#inFlight.begin()
  }

  /**
   * Stores a session Okta returned from another operation, unless a revocation overtook it, and returns its
   * context. A signed-out credential stays signed out: the close may not have reached Okta yet.
   */
  store(
    key: string,
    session: Session,
    start: LookupStart,
    oktaTime: number | undefined,
  ): AnsweredContext {
    if (this.isSignedOut(key)) return anonymous.signed_out
    this.#oktaClock.adjust(oktaTime, start)
    const context = contextOf(session, start, this.#oktaClock, this.#options.cache.maxTtlMs)
    if (this.#log.isVoid(key, session, start.position)) return context
    this.#sessions.store(key, context, start)
    const { shared } = this.#options
    if (shared !== undefined && context.state === 'active' && start.sharedPosition !== undefined) {
      const { aheadMs: oktaAheadMs } = this.#oktaClock
      const entry = { session, askedAt: start.at, oktaAheadMs, position: start.sharedPosition }
      shared.fill(key, entry)
    }
    return context
  }

  /** Stores that Okta does not know this credential (any more). */
  storeNotFound(key: string, start: LookupStart): void {
    this.#sessions.store(key, anonymous.not_found, start)
  }

  /** Removes the negative answer about a credential that has a new session now. */
  dropNegative(key: string): void {
    this.#negatives.delete(key)
  }

  /** Voids everything cached about this credential. */
  forgetCredential(key: string): Promise<void> {
    const forgotten = this.#log.forget([subject.credential(key)], 'credential')
    this.recount(key)
    return forgotten
  }

  /** Counts the session of this credential anew for {@link stats}, after it was signed out or forgotten. */
  recount(key: string): void {
    this.#sessions.recount(key)
  }

  /** Voids everything cached about this session or user. */
  forget(target: { readonly sessionId: string } | { readonly userId: string }): Promise<void> {
    if ('userId' in target) return this.#log.forget([subject.user(target.userId)], 'user')
    const keys = [credentialKey('sid', target.sessionId), credentialKey('idx', target.sessionId)]
    for (const key of keys) this.#negatives.delete(key)
    const subjects = [subject.session(target.sessionId), ...keys.map(subject.credential)]
    const forgotten = this.#log.forget(subjects, 'session')
    for (const key of keys) this.recount(key)
    return forgotten
  }

  /** Keeps the ids of the cached sessions for {@link hasId} from now on. */
  expectPushes(): void {
    this.#sessions.expectPushes()
  }

  /** Whether a session with this id is cached here, usable or not. */
  hasId(sessionId: string): boolean {
    return this.#sessions.hasId(sessionId)
  }

  /** Voids everything cached about sessions and users, however they are named. */
  forgetSubjects(subjects: readonly string[], scope: 'session' | 'user'): Promise<void> {
    return this.#log.forget(subjects, scope)
  }

  /** Okta's time, epoch milliseconds, as its last answer set it. */
  oktaNow(): number {
    return this.#oktaClock.now()
  }

  /** Okta's time when it sent an answer with this `Date`. */
  oktaTimeAt(date: number | undefined): number {
    return this.#oktaClock.atAnswer(date)
  }

  /** Resolves when no lookup is in flight. */
  settled(): Promise<void> {
    return this.#inFlight.settled()
  }

  close(): void {
    this.#closed = true
    this.#sessions.close()
    this.#negatives.clear()
  }

  stats() {
    return {
      ...this.#counts,
      overtaken: this.#inFlight.overtaken,
      sessions: this.#sessions.countUsable(this.#clock.monotonic()),
      negativeEntries: this.#negatives.size,
      revocations: this.#log.size,
      fromTheFuture: this.#sessions.fromTheFuture,
    }
  }

  #kindOf(key: string, { maxStalenessMs }: LookupRequest): LookupMessage['kind'] {
    const now = this.#clock.monotonic()
    // Another lookup of an ended session is charged like that of an unseen cookie.
    if (!this.#sessions.hasSeen(key, now) || this.#sessions.hasEnded(key)) return 'unseen'
    // An entry that ends while the lookup is queued cannot be served in its place.
    const entry = maxStalenessMs === undefined && this.#sessions.usable(key, now + MAX_WAIT_MS)
    return entry ? 'stale' : 'seen'
  }

  /**
   * Whether an answer is cached that would do for most requests: a negative one, or a session in the first
   * half of its ttl that is fresh and not revoked.
   */
  #isEarly(key: string, now: number): boolean {
    if (this.#negatives.last(key) !== undefined) return true
    const entry = this.#sessions.fresh(key, now)
    return entry !== undefined && now - entry.startedMono < this.#options.cache.ttlMs / 2
  }

  #prefetch(
    entry: CachedSession,
    key: string,
    credential: Credential,
    clientIp: string | undefined,
  ): void {
    if (entry.hasPrefetched || this.#inFlight.get(key) !== undefined) return
    if (this.#inFlight.resting(key) !== undefined) return
    if (this.#options.limiter.admit({ kind: 'prefetch' }) !== undefined) return
    entry.markPrefetched()
    this.#counts.refreshedAhead += 1
    // Another instance may have prefetched the session already.
    const since = this.#sharedSince(1 / 2)
    const kind = () => 'prefetch' as const
    this.#inFlight.start({ key, credential, clientIp, skipsShared: false, since, kind })
  }

  /** The start, epoch milliseconds, of the oldest lookup whose shared entry has lived this part of the ttl. */
  #sharedSince(part: number): number {
    return this.#clock.now() - this.#options.cache.ttlMs * part
  }

  async #resultOf(
    inFlight: InFlightLookup,
    key: string,
    credential: Credential,
    request: LookupRequest,
  ): Promise<FoundContext> {
    const result = await unlessAborted(inFlight.result, request.signal)
    if (result.kind === 'unavailable') return this.#withoutAnswer(result, key, request)
    // A revocation may have been recorded between the result and this continuation.
    if (!this.#log.isVoid(key, sessionOf(result.context), result.start.position))
      return result.context
    for (;;) {
      const context = await this.lookUp(key, credential, request)
      // The same may happen again: the check is the last step before the answer.
      if (context.state !== 'active' || !this.isOvertaken(key, context)) return context
    }
  }

  /** Serves a stale session in place of the answer, where the request allows one. */
  #withoutAnswer(why: OktaUnavailable, key: string, request: LookupRequest): FoundContext {
    if (this.isSignedOut(key)) return anonymous.signed_out
    const now = this.#clock.monotonic()
    const entry = request.maxStalenessMs === undefined ? this.#sessions.usable(key, now) : undefined
    if (entry === undefined) return unavailable(why)
    this.#counts.stale += 1
    return foundAs('stale', entry)
  }
}

/** Whether the request causes another lookup in spite of the cached negative answer. */
function needsAnother(negative: NegativeEntry, request: LookupRequest, now: number): boolean {
  const age = now - negative.since
  if (age <= negative.restMs) return false
  if (request.maxStalenessMs !== undefined && age > request.maxStalenessMs) return true
  return request.navigation === true
}

function satisfies(
  inFlight: InFlightLookup,
  { maxStalenessMs }: LookupRequest,
  now: number,
): boolean {
  if (maxStalenessMs === undefined) return true
  const age = now - inFlight.startedMono
  return maxStalenessMs > 0 && inFlight.skipsShared && age <= maxStalenessMs
}

/** The caller's abort detaches that caller alone. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) {
      abort()
      return
    }
    const stop = onAbort(signal, abort)
    promise.then(resolve, reject).then(stop, stop)
  })
}
