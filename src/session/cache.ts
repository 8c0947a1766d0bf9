/** What this process caches: active sessions, and apart from them negative answers, so that junk cannot evict a session. */
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Clock, CookieKind } from '../contracts.js'
import type { Settings } from '../options/options.js'
import type { AnonymousContext, IncompleteContext, Session } from '../public-types.js'
import { CachedSession, createTrim } from './cached-session.js'
import {
  type AnsweredContext,
  type FoundSession,
  type LookupStart,
  sessionEndsAt,
} from './contexts.js'
import type { OktaClock } from './okta-clock.js'
import type { RevocationLog } from './revocations.js'
import type { SharedEntry } from './shared-cache.js'
import { UsableCount } from './usable-count.js'

/**
 * The key of a credential in this process: the sha256 of cookie name and value, 32 Latin-1 characters. It
 * is short however long an `idx` is, keeps no Cookie header alive, and is no secret where lru-cache
 * publishes its keys.
 */
export function credentialKey(as: CookieKind, value: string): string {
  return pairKey(`${as}=${value}`)
}

/** The key of a credential written `name=value`, as in a Cookie header. */
export function pairKey(pair: string): string {
  return hash('sha256', pair, 'binary')
}

export interface SessionCacheOptions {
  readonly cache: Settings['cache']
  readonly clock: Clock
  readonly oktaClock: OktaClock
  readonly random: () => number
  readonly log: RevocationLog
  readonly negatives: NegativeCache
}

/** The clocks of two instances may differ by this much; an entry from further in the future is ignored. */
const MAX_FUTURE_MS = 2_000
/** Shortens the life of entries by a random share of up to this, so that they do not end together. */
export const JITTER = 0.2
/** A cookie counts as seen for this long after its last active answer, even when its session has ended. */
const SEEN_FOR_MS = 24 * 60 * 60_000

export class SessionCache {
  readonly #options: SessionCacheOptions
  readonly #clock: Clock
  readonly #oktaClock: OktaClock
  readonly #log: RevocationLog
  readonly #entries: LRUCache<string, CachedSession>
  readonly #usable: UsableCount
  readonly #trim = createTrim()
  /** How many entries have each session id; undefined until {@link expectPushes}: it costs memory. */
  #ids: Map<string, number> | undefined
  #fromTheFuture = 0
  #closed = false

  constructor(options: SessionCacheOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#oktaClock = options.oktaClock
    this.#log = options.log
    // Without lru-cache's own ttl: times are kept in the entry and measured by one clock.
    const usable = new UsableCount(options.cache.maxTtlMs)
    this.#usable = usable
    this.#entries = new LRUCache({
      max: options.cache.maxSessions,
      dispose: (entry) => {
        usable.dispose(entry)
        this.#countId(entry.session.id, -1)
      },
    })
    options.log.onRecord((names) => {
      if (names === undefined) usable.clear(options.log.oldestValid)
    })
  }

  /** How many sessions may be served now, and those that a `forget()` voids until their next lookup. */
  countUsable(now: number): number {
    return this.#oktaClock.wasSuspended(now) ? 0 : this.#usable.at(now)
  }

  /** Counts this credential's entry anew, after a revocation record about the credential. */
  recount(key: string): void {
    const entry = this.#entries.peek(key)
    if (entry !== undefined) this.#isValid(entry, key, this.#clock.monotonic())
  }

  /** Shared entries ignored because their time lies in the future. */
  get fromTheFuture(): number {
    return this.#fromTheFuture
  }

  /** The hit path: a session that is fresh and not revoked, or undefined. */
  fresh(key: string, now: number): CachedSession | undefined {
    const entry = this.#get(key)
    if (entry === undefined || !entry.isFresh(now) || !this.#isValid(entry, key, now))
      return undefined
    return entry.position < this.#log.oldestFresh ? undefined : entry
  }

  /** A session that may still be served where another lookup is unwise or impossible. */
  usable(key: string, now: number): CachedSession | undefined {
    if (this.#oktaClock.wasSuspended(this.#clock.monotonic())) return undefined
    const entry = this.#get(key)
    return entry?.isUsable(now) && this.#isValid(entry, key, now) ? entry : undefined
  }

  /**
   * Whether a session found earlier may be acted on now. After any revocation record the answer is no: to
   * find the session anew in the cache is cheap, and tells whether the record concerns it.
   */
  isCurrent(found: FoundSession): boolean {
    const now = this.#clock.monotonic()
    if (found.position !== this.#log.position || now >= found.deadAt) return false
    return !this.#oktaClock.wasSuspended(now)
  }

  /** Whether this credential had an active session here within a day. */
  hasSeen(key: string, now: number): boolean {
    const entry = this.#entries.peek(key)
    return entry !== undefined && now - entry.startedMono < SEEN_FOR_MS
  }

  /** Whether this credential had an active session here and a negative answer since. */
  hasEnded(key: string): boolean {
    return this.#entries.peek(key)?.hasEnded === true
  }

  /** Keeps the ids of the cached sessions for {@link hasId} from now on: pushes name sessions by id. */
  expectPushes(): void {
    if (this.#ids !== undefined) return
    this.#ids = new Map()
    for (const { session } of this.#entries.values()) this.#countId(session.id, 1)
  }

  /** Whether a session with this id is cached here, usable or not. */
  hasId(sessionId: string): boolean {
    return this.#ids?.has(sessionId) === true
  }

  #countId(id: string, by: 1 | -1): void {
    if (this.#ids === undefined) return
    const count = (this.#ids.get(id) ?? 0) + by
    if (count > 0) this.#ids.set(id, count)
    else this.#ids.delete(id)
  }

  /** Stores what Okta answered, here or in the negative cache; an older answer never overwrites a newer one. */
  store(key: string, context: AnsweredContext, start: LookupStart): void {
    if (this.#closed || this.#hasNewer(key, start)) return
    if (context.state === 'active') {
      const { session } = context
      this.#set(key, session, start, this.#oktaClock.toMonotonic(sessionEndsAt(session)))
      return
    }
    this.#end(key)
    this.#options.negatives.store(key, context, start, this.#clock.monotonic())
  }

  /** Stores another instance's entry, unless a revocation voids it; returns it when it is fresh. */
  adopt(key: string, entry: SharedEntry, start: LookupStart): CachedSession | undefined {
    const { session, askedAt } = entry
    if (this.#log.signOutOf(key) !== undefined || this.#log.isVoidShared(key, entry))
      return undefined
    const age = start.at - askedAt
    if (age < -MAX_FUTURE_MS) {
      this.#fromTheFuture += 1
      return undefined
    }
    const mono = start.mono - Math.max(0, age)
    if (this.#isNotNewer(key, mono)) return undefined
    // Each instance has its own measure of Okta's clock; the earlier end is the safe one.
    const endsAt = Math.min(
      mono + sessionEndsAt(session) - (askedAt + entry.oktaAheadMs),
      this.#oktaClock.toMonotonic(sessionEndsAt(session)),
    )
    const stored = this.#set(key, session, { ...start, at: askedAt, mono }, endsAt)
    return stored?.isFresh(start.mono) ? stored : undefined
  }

  close(): void {
    this.#closed = true
    this.#entries.clear()
  }

  #end(key: string): void {
    const entry = this.#entries.peek(key)
    if (entry === undefined) return
    this.#usable.remove(entry)
    entry.end()
  }

  #get(key: string): CachedSession | undefined {
    getOptions.status = undefined
    return this.#entries.get(key, getOptions as GetOptions)
  }

  /** `endsAt`: the session's own end on the monotonic clock. */
  #set(
    key: string,
    session: Session,
    start: LookupStart,
    endsAt: number,
  ): CachedSession | undefined {
    const { ttlMs, maxTtlMs } = this.#options.cache
    const shortened = 1 - this.#options.random() * JITTER
    const staleAt = start.mono + ttlMs * shortened
    const deadAt = Math.min(start.mono + maxTtlMs * shortened, endsAt)
    if (!Number.isFinite(staleAt) || !Number.isFinite(deadAt) || deadAt <= start.mono)
      return undefined
    this.#options.negatives.delete(key)
    // The caller has checked the records since the lookup began.
    const checked = { ...start, position: this.#log.position }
    const entry = new CachedSession(this.#trim(session), checked, staleAt, deadAt)
    this.#entries.set(key, entry)
    this.#countId(entry.session.id, 1)
    this.#usable.add(entry, this.#clock.monotonic())
    return entry
  }

  /** Whether this process knows something about the credential that is as new as a shared entry. */
  #isNotNewer(key: string, mono: number): boolean {
    const cached = this.#entries.peek(key)
    if (cached !== undefined && cached.startedMono >= mono) return true
    const negative = this.#options.negatives.last(key)
    return negative !== undefined && negative.since >= mono
  }

  #hasNewer(key: string, start: LookupStart): boolean {
    const entry = this.#get(key)
    if (entry !== undefined && entry.startedMono > start.mono) return true
    return this.#options.negatives.newerThan(start, key) !== undefined
  }

  /** Whether no record since voids this entry, and no correction of Okta's clock has ended it. */
  #isValid(entry: CachedSession, key: string, now: number): boolean {
    const position = this.#log.position
    if (entry.position === position) return true
    if (this.#log.isVoid(key, entry.session, entry.position)) {
      this.#usable.remove(entry)
      return false
    }
    // The record that voided it may have been taken back.
    this.#usable.restore(entry)
    // An entry older than a gap keeps its position, so that it is not fresh before the next lookup.
    if (entry.position >= this.#log.oldestFresh) entry.validUpTo(position)
    this.#correctEnd(entry)
    return entry.isUsable(now)
  }

  /** Applies what has been learned of Okta's clock since the entry was stored. It never lengthens its life. */
  #correctEnd(entry: CachedSession): void {
    const endsAt = this.#oktaClock.toMonotonic(sessionEndsAt(entry.session))
    if (endsAt >= entry.deadAt) return
    this.#usable.remove(entry)
    entry.endAt(endsAt)
    this.#usable.restore(entry)
  }
}

/** lru-cache writes a status into the options of each get. One object, reset before each get, saves an allocation per request. */
const getOptions: { status: GetOptions['status'] | undefined } = { status: undefined }

type GetOptions = LRUCache.GetOptions<string, CachedSession, unknown>

/** A negative answer: no session, or one that still lacks a factor. */
export interface NegativeEntry {
  readonly context: AnonymousContext | IncompleteContext
  /** The number of its lookup. */
  readonly number: number
  /** Monotonic milliseconds at which its lookup began. */
  readonly since: number
  /** For this long after `since` no request causes another lookup. */
  readonly restMs: number
  /** Monotonic milliseconds up to which requests are answered by it. */
  readonly until: number
}

const INCOMPLETE_TTL_MS = 1_000
const FIRST_REST_MS = 1_000
const MAX_REST_MS = 60_000

/** Negative answers by credential key. All times are monotonic milliseconds. */
export class NegativeCache {
  readonly #entries: LRUCache<string, NegativeEntry>
  readonly #ttlMs: number

  constructor({ maxNegatives, negativeTtlMs }: Settings['cache']) {
    this.#entries = new LRUCache({ max: maxNegatives })
    this.#ttlMs = negativeTtlMs
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string, now: number): NegativeEntry | undefined {
    const entry = this.#entries.get(key)
    return entry !== undefined && now < entry.until ? entry : undefined
  }

  /** The last negative answer, even when it no longer answers requests. */
  last(key: string): NegativeEntry | undefined {
    return this.#entries.peek(key)
  }

  /** The last negative answer when its lookup began after this start, however old. */
  newerThan(start: LookupStart, key: string): NegativeEntry | undefined {
    const entry = this.last(key)
    return entry !== undefined && entry.number > start.number ? entry : undefined
  }

  store(key: string, context: NegativeEntry['context'], start: LookupStart, now: number): void {
    const { number, mono: since } = start
    // The same cookie has an active session once the second factor is done: lookups of it pause for 1 s only.
    const isIncomplete = context.state === 'incomplete'
    const ttlMs = isIncomplete ? INCOMPLETE_TTL_MS : this.#ttlMs
    const restMs = isIncomplete ? INCOMPLETE_TTL_MS : restAfter(this.last(key), since)
    const until = Math.max(now + ttlMs, since + restMs)
    this.#entries.set(key, { context, number, since, restMs, until })
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }
}

/**
 * For how long no request causes another lookup: 1, 2, 4 ... 60 s, doubled by each answer, so that a cookie whose
 * session has ended costs less the more often it is sent.
 */
function restAfter(last: NegativeEntry | undefined, startedMono: number): number {
  if (last === undefined || last.context.state === 'incomplete') return FIRST_REST_MS
  // Concurrent lookups with the same negative answer count once.
  if (startedMono < last.since + last.restMs) return last.restMs
  return Math.min(last.restMs * 2, MAX_REST_MS)
}
