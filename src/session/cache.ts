/** The session cache of this process: a bounded LRU of active sessions, each with its own times. */
import { LRUCache } from 'lru-cache'
import type { Clock } from '../contracts.js'
import type { Settings } from '../options/options.js'
import type { Session, SessionIdentityProvider } from '../public-types.js'
import {
  type AnsweredLookup,
  type FoundSession,
  type LookupStart,
  sessionEndsAt,
} from './contexts.js'
import type { NegativeCache } from './negative-cache.js'
import type { OktaClock } from './okta-clock.js'
import type { RevocationLog } from './revocations.js'
import type { SharedEntry } from './shared-cache.js'

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
/** Spreads the ends of entries over this share of their life; never lengthens it. */
const JITTER = 0.2
/** A cookie counts as seen for this long after its last active answer, even when its session has ended. */
const SEEN_FOR_MS = 24 * 60 * 60_000

export class SessionCache {
  readonly #options: SessionCacheOptions
  readonly #clock: Clock
  readonly #oktaClock: OktaClock
  readonly #log: RevocationLog
  readonly #entries: LRUCache<string, CachedSession>
  readonly #trim = createTrim()
  #fromTheFuture = 0
  #closed = false

  constructor(options: SessionCacheOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#oktaClock = options.oktaClock
    this.#log = options.log
    // Without lru-cache's own ttl: times are kept in the entry and measured by one clock.
    this.#entries = new LRUCache({ max: options.cache.maxSessions })
  }

  get size(): number {
    return this.#entries.size
  }

  /** Shared entries ignored because their time lies in the future. */
  get fromTheFuture(): number {
    return this.#fromTheFuture
  }

  /** The hit path: a fresh session that is not revoked, or undefined. */
  fresh(key: string, now: number): CachedSession | undefined {
    this.#oktaClock.noticeSuspend(now)
    const entry = this.#get(key)
    if (entry === undefined || !entry.isFresh(now) || !this.#isValid(entry, key)) return undefined
    return entry.position < this.#log.oldestFresh ? undefined : entry
  }

  /** A session that may still be served where another lookup is unwise or impossible. */
  usable(key: string, now: number): CachedSession | undefined {
    this.#oktaClock.noticeSuspend(this.#clock.monotonic())
    const entry = this.#get(key)
    return entry?.isUsable(now) && this.#isValid(entry, key) ? entry : undefined
  }

  /**
   * Whether a session found earlier may be acted on now. Any record since its lookup began causes another
   * look at the cache: that is cheap, and tells whether the record concerns the session.
   */
  isCurrent(context: FoundSession): boolean {
    const now = this.#clock.monotonic()
    this.#oktaClock.noticeSuspend(now)
    return context.position === this.#log.position && now < context.deadAt
  }

  /** Whether this credential had an active session here within a day. */
  hasSeen(key: string, now: number): boolean {
    const entry = this.#entries.peek(key)
    return entry !== undefined && now - entry.askedMono < SEEN_FOR_MS
  }

  /** Whether this credential had an active session here and a negative answer since. */
  hasEnded(key: string): boolean {
    return this.#entries.peek(key)?.hasEnded === true
  }

  /** Stores what Okta answered, here or in the negative cache; an older answer never overwrites a newer one. */
  store(key: string, { context, start }: AnsweredLookup): void {
    if (this.#closed || this.#hasNewer(key, start)) return
    if (context.state === 'active') {
      const { session } = context
      this.#set(key, session, start, this.#oktaClock.toMonotonic(sessionEndsAt(session)))
      return
    }
    this.#entries.peek(key)?.end()
    this.#options.negatives.store(key, context, start, this.#clock.monotonic())
  }

  /** Stores another instance's entry, unless a revocation voids it; returns it when it is fresh. */
  adopt(key: string, entry: SharedEntry, start: LookupStart): CachedSession | undefined {
    const { session, askedAt, position } = entry
    if (this.#log.signOutOf(key) !== undefined || this.#log.isVoidShared(key, session, position))
      return undefined
    const age = start.at - askedAt
    if (age < -MAX_FUTURE_MS) {
      this.#fromTheFuture += 1
      return undefined
    }
    const mono = start.mono - Math.max(0, age)
    const endsAt = mono + sessionEndsAt(session) - (askedAt + entry.oktaAheadMs)
    const stored = this.#set(key, session, { ...start, at: askedAt, mono }, endsAt)
    return stored?.isFresh(start.mono) ? stored : undefined
  }

  close(): void {
    this.#closed = true
    this.#entries.clear()
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
    return entry
  }

  #hasNewer(key: string, start: LookupStart): boolean {
    const entry = this.#get(key)
    return (
      (entry !== undefined && entry.askedMono > start.mono) ||
      this.#options.negatives.newerThan(start.turn, key) !== undefined
    )
  }

  /** Whether no record since voids this entry. */
  #isValid(entry: CachedSession, key: string): boolean {
    const position = this.#log.position
    if (entry.position === position) return true
    if (this.#log.isVoid(key, entry.session, entry.position)) return false
    // An entry older than a gap keeps its position, so that it is not fresh before the next lookup.
    if (entry.position >= this.#log.oldestFresh) entry.validUpTo(position)
    return true
  }
}

/** lru-cache writes a status into the options of each get. One object, reset before each, saves one a request. */
const getOptions: { status: GetOptions['status'] | undefined } = { status: undefined }

type GetOptions = LRUCache.GetOptions<string, CachedSession, unknown>

/** The share of its life after which an entry is looked up again in the background. */
const PREFETCH_FROM = 0.75

/** Wall times relative to this are small enough for V8 to keep them without a box. */
const EPOCH = Date.now()

/**
 * A cached session. The hit path reads it as a context, so that a hit copies nothing; the app gets a plain
 * copy. What all entries have alike is on the prototype, and times are whole milliseconds, which V8 keeps
 * in the object itself.
 */
export class CachedSession implements FoundSession {
  readonly session: Session
  readonly #askedAfterEpoch: number
  readonly #askedMono: number
  readonly #staleAt: number
  #deadAt: number
  #position: number
  #hasPrefetched = false

  constructor(session: Session, start: LookupStart, staleAt: number, deadAt: number) {
    this.session = session
    this.#askedAfterEpoch = start.at - EPOCH
    this.#askedMono = Math.floor(start.mono)
    this.#staleAt = Math.floor(staleAt)
    this.#deadAt = Math.floor(deadAt)
    this.#position = start.position
    Object.freeze(this)
  }

  get state(): 'active' {
    return 'active'
  }

  get source(): 'memory' {
    return 'memory'
  }

  get askedAt(): number {
    return EPOCH + this.#askedAfterEpoch
  }

  get askedMono(): number {
    return this.#askedMono
  }

  get position(): number {
    return this.#position
  }

  get deadAt(): number {
    return this.#deadAt
  }

  /** No record up to `position` voids this entry. */
  validUpTo(position: number): void {
    this.#position = position
  }

  get hasPrefetched(): boolean {
    return this.#hasPrefetched
  }

  /** An entry gets one lookup in the background; after that it waits for its ttl. */
  markPrefetched(): void {
    this.#hasPrefetched = true
  }

  /** Ends the entry: it stays only to tell that this cookie had a session. */
  end(): void {
    this.#deadAt = 0
  }

  get hasEnded(): boolean {
    return this.#deadAt === 0
  }

  isFresh(now: number): boolean {
    return now < this.#staleAt && now < this.#deadAt
  }

  isUsable(now: number): boolean {
    return now < this.#deadAt
  }

  isDueForPrefetch(now: number): boolean {
    return now >= this.#askedMono + (this.#staleAt - this.#askedMono) * PREFETCH_FROM
  }
}

/**
 * Returns a function that copies a session into less memory: values that many sessions have in common are
 * kept once. Okta's dates are whole seconds, so that in a large cache many are equal.
 */
function createTrim(): (session: Session) => Session {
  const amrs = new Interned<readonly string[]>()
  const idps = new Interned<SessionIdentityProvider>()
  const dates = new Interned<string>()
  const dateOf = (date: string) => dates.of(date, () => date)
  const dateOrNull = (date: string | null) => (date === null ? null : dateOf(date))
  // The copy of an array has no room to grow, which a filtered array keeps.
  const amrOf = (amr: readonly string[]) =>
    amrs.of(JSON.stringify(amr), () => Object.freeze([...amr]))
  const idpOf = (idp: SessionIdentityProvider) =>
    idps.of(JSON.stringify(idp), () => Object.freeze({ ...idp }))

  return function trim(session: Session): Session {
    const { createdAt, lastPasswordVerification, lastFactorVerification, mfaActive } = session
    const amr = amrOf(session.amr)
    const expiresAt = dateOf(session.expiresAt)
    const idp = session.idp && idpOf(session.idp)
    const isComplete =
      createdAt !== undefined &&
      lastPasswordVerification !== undefined &&
      lastFactorVerification !== undefined &&
      idp !== undefined &&
      mfaActive !== undefined
    if (!isComplete) return Object.freeze({ ...session, expiresAt, amr, ...(idp && { idp }) })
    // One literal: V8 keeps its fields in the object itself, not in a list beside it.
    return Object.freeze({
      id: session.id,
      login: session.login,
      userId: session.userId,
      status: session.status,
      expiresAt,
      createdAt: dateOf(createdAt),
      lastPasswordVerification: dateOrNull(lastPasswordVerification),
      lastFactorVerification: dateOrNull(lastFactorVerification),
      amr,
      idp,
      mfaActive,
    })
  }
}

/** Two dates for each second of the two hours an idle session lives by default. */
const MAX_INTERNED_IN_A_GENERATION = 14_400

/**
 * Keeps one copy of each value seen lately, in two generations: deleting the oldest entries of a Map one by
 * one would step over all entries deleted before.
 */
class Interned<T> {
  #young = new Map<string, T>()
  #old = new Map<string, T>()

  of(name: string, copy: () => T): T {
    const young = this.#young.get(name)
    if (young !== undefined) return young
    if (this.#young.size >= MAX_INTERNED_IN_A_GENERATION) {
      this.#old = this.#young
      this.#young = new Map()
    }
    const interned = this.#old.get(name) ?? copy()
    this.#young.set(name, interned)
    return interned
  }
}
