/** What is known here without asking anybody: the yeses and noes of this process, their times, and Okta's clock. */

import type { Clock } from '../contracts.js'
import type { Settings } from '../options/options.js'
import type { AnonymousContext, IncompleteContext, Session } from '../public-types.js'
import { type CachedSession, SessionCache } from './cache.js'
import {
  type AnsweredLookup,
  type AnswerTimes,
  anonymous,
  type FoundContext,
  type FoundSession,
  type LookupStart,
  sessionEndsAt,
} from './contexts.js'
import { NegativeCache, type NegativeEntry, restAfter } from './negative-cache.js'
import type { RevocationLog } from './revocations.js'
import type { SharedEntry } from './shared-cache.js'

export interface LookupCacheOptions {
  readonly cache: Settings['cache']
  readonly clock: Clock
  readonly random: () => number
  readonly log: RevocationLog
}

const INCOMPLETE_TTL_MS = 1_000
const SUSPEND_MS = 5_000
/** Clocks of a fleet differ by this much; an entry from further ahead is not to be trusted. */
const FUTURE_MS = 2_000
/** Entries spread their ends over this share of their life, and never live longer for it. */
const JITTER = 0.2

export class LookupCache {
  readonly #options: LookupCacheOptions
  readonly #clock: Clock
  readonly #log: RevocationLog
  readonly #memory: SessionCache
  readonly #negatives: NegativeCache
  /** Wall time at the monotonic clock's zero, as it was at first or after the last suspend. */
  #wallAtZero: number
  /**
   * Okta's time at the monotonic clock's zero. The wall clock may step back, by little and often; ages
   * and ends measured by it would grow by as much.
   */
  #oktaAtZero: number
  #turns = 0
  #fromTheFuture = 0
  #closed = false

  constructor(options: LookupCacheOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#log = options.log
    this.#memory = new SessionCache(options.cache.maxSessions)
    this.#negatives = new NegativeCache(options.cache.maxNegatives)
    this.#wallAtZero = options.clock.now() - options.clock.monotonic()
    this.#oktaAtZero = this.#wallAtZero
  }

  /** The hit path: a fresh yes that stands, or undefined. */
  fresh(key: string, now: number): CachedSession | undefined {
    this.#noticeSuspend(now)
    const entry = this.#memory.get(key)
    if (entry === undefined || !entry.isFresh(now) || !this.#stands(entry, key)) return undefined
    return entry.position < this.#log.doubt ? undefined : entry
  }

  /**
   * Whether a session found earlier may be acted on now. Any record since its lookup began is reason to find
   * it again: that is cheap, and tells whether the record concerns it.
   */
  isCurrent(context: FoundSession): boolean {
    const now = this.#clock.monotonic()
    this.#noticeSuspend(now)
    return context.position === this.#log.position && now < context.deadAt
  }

  /** A yes that may still serve where asking again is unwise or impossible. */
  usable(key: string, now: number): CachedSession | undefined {
    this.#noticeSuspend(this.#clock.monotonic())
    const entry = this.#memory.get(key)
    return entry?.isUsable(now) && this.#stands(entry, key) ? entry : undefined
  }

  negative(key: string, now: number): NegativeEntry | undefined {
    return this.#negatives.get(key, now)
  }

  /** The no of a lookup that began after this one. */
  newerNo(turn: number, key: string): NegativeEntry | undefined {
    return this.#negatives.newerThan(turn, key)
  }

  /** The last no about a credential, however old. */
  lastNo(key: string): NegativeEntry | undefined {
    return this.#negatives.last(key)
  }

  dropNegative(key: string): void {
    this.#negatives.drop(key)
  }

  /** All that is known of a credential, however old, up to the session's own end. */
  peek(key: string): FoundContext | undefined {
    if (this.#log.refusal(key) !== undefined) return anonymous.signed_out
    const now = this.#clock.monotonic()
    return this.usable(key, now) ?? this.#negatives.get(key, now)?.context
  }

  /** Whether this credential had a yes here within a day. */
  hasSeen(key: string, now: number): boolean {
    return this.#memory.hasSeen(key, now)
  }

  /** Whether this credential had a yes here and a no since. */
  hasEnded(key: string): boolean {
    return this.#memory.hasEnded(key)
  }

  /** The moment a question is put. */
  asking(): LookupStart {
    this.#turns += 1
    return {
      turn: this.#turns,
      at: this.#clock.now(),
      mono: this.#clock.monotonic(),
      position: this.#log.position,
      sharedPosition: this.#log.sharedPosition,
    }
  }

  /** Before an answer is taken in: one that was under way while the machine slept is about another time. */
  noticeSuspend(): void {
    this.#noticeSuspend(this.#clock.monotonic())
  }

  /** Okta's time now, epoch milliseconds, as its last answer set it. */
  oktaNow(): number {
    return this.#oktaAtZero + this.#clock.monotonic()
  }

  /** Okta's clock against our wall clock, in milliseconds. */
  get oktaAheadMs(): number {
    return this.oktaNow() - this.#clock.now()
  }

  /** The clocks by which an answer is judged now. */
  get times(): AnswerTimes {
    const oktaNow = this.oktaNow()
    const { maxTtlMs } = this.#options.cache
    return {
      oktaNow,
      deadAt: (session, asked) =>
        Math.min(asked.mono + maxTtlMs, sessionEndsAt(session) - this.#oktaAtZero),
    }
  }

  /**
   * Okta read its clock after it was asked: against the asking the error makes sessions shorter only.
   * An answer without a Date leaves the last one's word.
   */
  hearOktaTime(oktaTime: number | undefined, asked: LookupStart): void {
    // One that was asked for before the machine slept may be from before as well.
    if (oktaTime !== undefined && asked.position >= this.#log.floor)
      this.#oktaAtZero = oktaTime - asked.mono
  }

  /** Takes in what Okta answered; an older answer never overwrites a newer one. */
  store(key: string, verdict: AnsweredLookup, asked: LookupStart): void {
    if (this.#closed || this.#knowsNewer(key, asked)) return
    if (verdict.context.state === 'active')
      this.#storeYes(key, verdict.context.session, asked, asked.mono + this.#oktaAtZero)
    else this.#storeNo(key, verdict.context, asked)
  }

  /** Takes in what another instance learned, unless a revocation overtook it; the entry when it is fresh. */
  adopt(key: string, entry: SharedEntry): CachedSession | undefined {
    const { session, askedAt, position } = entry
    const age = this.#clock.now() - askedAt
    const about = { key, sessionId: session.id, userId: session.userId }
    if (this.#log.refusal(key) !== undefined || this.#log.voidsShared(about, position))
      return undefined
    if (age < -FUTURE_MS) {
      this.#fromTheFuture += 1
      return undefined
    }
    const now = this.#clock.monotonic()
    const asked = { ...this.asking(), at: askedAt, mono: now - Math.max(0, age) }
    this.#storeYes(key, session, asked, askedAt + entry.oktaAheadMs)
    const stored = this.#memory.get(key)
    return stored?.askedAt === askedAt && stored.isFresh(now) ? stored : undefined
  }

  close(): void {
    this.#closed = true
    this.#memory.clear()
    this.#negatives.clear()
  }

  stats() {
    return {
      sessions: this.#memory.size,
      negativeEntries: this.#negatives.size,
      revocations: this.#log.size,
      fromTheFuture: this.#fromTheFuture,
    }
  }

  /**
   * A suspended machine stops the monotonic clock and not the wall clock: then no age can be trusted.
   * Compared as a sum since the last time, so that many small steps count as the large one they make.
   */
  #noticeSuspend(now: number): void {
    if (Math.abs(this.#clock.now() - now - this.#wallAtZero) > SUSPEND_MS) this.#startAnew(now)
  }

  #startAnew(now: number): void {
    const moved = this.#clock.now() - now - this.#wallAtZero
    this.#wallAtZero += moved
    this.#oktaAtZero += moved
    this.#log.forgetAll()
    this.#negatives.clear()
  }

  /** Before answering: nothing recorded since voids this entry. */
  #stands(entry: CachedSession, key: string): boolean {
    const position = this.#log.position
    if (entry.position === position) return true
    const { id: sessionId, userId } = entry.session
    if (this.#log.voids({ key, sessionId, userId }, entry.position)) return false
    // What is in doubt stays so until Okta has been asked: it stands, and is no longer fresh.
    if (entry.position >= this.#log.doubt) entry.stands(position)
    return true
  }

  #storeNo(key: string, context: AnonymousContext | IncompleteContext, asked: LookupStart): void {
    this.#memory.end(key)
    const isIncomplete = context.state === 'incomplete'
    const ttlMs = isIncomplete ? INCOMPLETE_TTL_MS : this.#options.cache.negativeTtlMs
    // The same cookie becomes a yes when the second factor is done: that does not rest longer each time.
    const restMs = isIncomplete
      ? INCOMPLETE_TTL_MS
      : restAfter(this.#negatives.last(key), asked.mono)
    this.#negatives.set(key, {
      context,
      turn: asked.turn,
      since: asked.mono,
      restMs,
      until: Math.max(this.#clock.monotonic() + ttlMs, asked.mono + restMs),
    })
  }

  /** `oktaTime`: Okta's clock when it was asked, epoch milliseconds. */
  #storeYes(key: string, session: Session, asked: LookupStart, oktaTime: number): void {
    const { ttlMs, maxTtlMs } = this.#options.cache
    const shortened = 1 - this.#options.random() * JITTER
    const staleAt = asked.mono + ttlMs * shortened
    const endsAt = asked.mono + sessionEndsAt(session) - oktaTime
    const deadAt = Math.min(asked.mono + maxTtlMs * shortened, endsAt)
    if (!Number.isFinite(staleAt) || !Number.isFinite(deadAt) || deadAt <= asked.mono) return
    this.#negatives.drop(key)
    // Checked up to here: what was recorded since the asking does not void it.
    const standing = { ...asked, position: this.#log.position }
    this.#memory.set(key, session, standing, staleAt, deadAt)
  }

  #knowsNewer(key: string, asked: LookupStart): boolean {
    const entry = this.#memory.get(key)
    return (
      (entry !== undefined && entry.askedMono > asked.mono) ||
      this.#negatives.newerThan(asked.turn, key) !== undefined
    )
  }
}
