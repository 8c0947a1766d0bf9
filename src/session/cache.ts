/** What this process remembers of Okta's yeses: a bounded LRU of trimmed sessions, each with its own times. */
import { LRUCache } from 'lru-cache'
import type { Session, SessionIdentityProvider } from '../public-types.js'
import type { FoundSession, LookupStart } from './contexts.js'

/** The share of its life after which an entry is asked again in the background. */
const REFRESH_AHEAD_FROM = 0.75

/** Against this wall times are small enough to be kept without a box. */
const EPOCH = Date.now()

/**
 * A remembered yes. The hit path reads it as the context it stands for, so that a hit copies nothing;
 * whoever hands it to the app hands out a plain copy. What all entries have alike stands on the
 * prototype, and times are whole milliseconds, which V8 keeps in the object itself.
 */
export class CachedSession implements FoundSession {
  readonly session: Session
  readonly #askedAfterEpoch: number
  readonly #askedMono: number
  readonly #staleAt: number
  #deadAt: number
  #position: number
  #triedAhead = false

  constructor(session: Session, asked: LookupStart, staleAt: number, deadAt: number) {
    this.session = session
    this.#askedAfterEpoch = asked.at - EPOCH
    this.#askedMono = Math.floor(asked.mono)
    this.#staleAt = Math.floor(staleAt)
    this.#deadAt = Math.floor(deadAt)
    this.#position = asked.position
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

  /** Monotonic milliseconds at which its lookup began. */
  get askedMono(): number {
    return this.#askedMono
  }

  /** The position in the revocation log up to which it is known to stand. */
  get position(): number {
    return this.#position
  }

  /** Monotonic milliseconds from which it serves no longer: the session's own end, or maxTtlMs. */
  get deadAt(): number {
    return this.#deadAt
  }

  /** Nothing recorded up to `position` voids it. */
  stands(position: number): void {
    this.#position = position
  }

  get triedAhead(): boolean {
    return this.#triedAhead
  }

  /** One try in the background an entry; after that it waits for its ttl. */
  tryAhead(): void {
    this.#triedAhead = true
  }

  /** It is no yes any more, and stays only to tell that this cookie had one. */
  end(): void {
    this.#deadAt = 0
  }

  get hasEnded(): boolean {
    return this.#deadAt === 0
  }

  isFresh(now: number): boolean {
    return now < this.#staleAt && now < this.#deadAt
  }

  /** Whether it may still serve where asking again is unwise or impossible. */
  isUsable(now: number): boolean {
    return now < this.#deadAt
  }

  isDue(now: number): boolean {
    return now >= this.#askedMono + (this.#staleAt - this.#askedMono) * REFRESH_AHEAD_FROM
  }
}

/** lru-cache writes a status into the options of each get. One object, emptied before each, instead of a new one a request. */
const getOptions: { status: GetOptions['status'] | undefined } = { status: undefined }

type GetOptions = LRUCache.GetOptions<string, CachedSession, unknown>

/** A cookie that had a yes within this time is no newcomer, even when its entry has ended. */
const SEEN_FOR_MS = 24 * 60 * 60_000

export class SessionCache {
  readonly #entries: LRUCache<string, CachedSession>
  readonly #amrs = new Interned<readonly string[]>()
  readonly #idps = new Interned<SessionIdentityProvider>()
  readonly #dates = new RecentTexts()

  constructor(maxSessions: number) {
    // No ttl of lru-cache's own: times live in the entry and are measured by the one clock.
    this.#entries = new LRUCache({ max: maxSessions })
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): CachedSession | undefined {
    getOptions.status = undefined
    return this.#entries.get(key, getOptions as GetOptions)
  }

  set(
    key: string,
    session: Session,
    asked: LookupStart,
    staleAt: number,
    deadAt: number,
  ): CachedSession {
    const entry = new CachedSession(this.#trim(session), asked, staleAt, deadAt)
    this.#entries.set(key, entry)
    return entry
  }

  end(key: string): void {
    this.#entries.peek(key)?.end()
  }

  /** Whether this cookie had a yes here lately. */
  hasSeen(key: string, now: number): boolean {
    const entry = this.#entries.peek(key)
    return entry !== undefined && now - entry.askedMono < SEEN_FOR_MS
  }

  /** Whether this cookie had a yes here and a no since. */
  hasEnded(key: string): boolean {
    return this.#entries.peek(key)?.hasEnded === true
  }

  clear(): void {
    this.#entries.clear()
  }

  /**
   * The same session in less memory: what most sessions have in common is kept once. Okta's dates are
   * whole seconds, so that in a large cache many share one.
   */
  #trim(session: Session): Session {
    const { createdAt, lastPasswordVerification, lastFactorVerification, idp, mfaActive } = session
    const amr = this.#amrs.of(session.amr)
    const expiresAt = this.#dates.of(session.expiresAt)
    const sharedIdp = idp && this.#idps.of(idp)
    const isWhole =
      createdAt !== undefined &&
      lastPasswordVerification !== undefined &&
      lastFactorVerification !== undefined &&
      sharedIdp !== undefined &&
      mfaActive !== undefined
    if (!isWhole)
      return Object.freeze({ ...session, expiresAt, amr, ...(sharedIdp && { idp: sharedIdp }) })
    // One literal: V8 keeps its fields in the object itself, not in a list beside it.
    return Object.freeze({
      id: session.id,
      login: session.login,
      userId: session.userId,
      status: session.status,
      expiresAt,
      createdAt: this.#dates.of(createdAt),
      lastPasswordVerification: this.#dateOrNull(lastPasswordVerification),
      lastFactorVerification: this.#dateOrNull(lastFactorVerification),
      amr,
      idp: sharedIdp,
      mfaActive,
    })
  }

  #dateOrNull(date: string | null): string | null {
    return date === null ? null : this.#dates.of(date)
  }
}

/** Keeps one copy of each of a few frozen values. */
class Interned<T extends object> {
  readonly #kept = new Map<string, T>()

  of(value: T): T {
    const name = JSON.stringify(value)
    const kept = this.#kept.get(name)
    if (kept !== undefined) return kept
    if (this.#kept.size < 1_000) this.#kept.set(name, value)
    return value
  }
}

/** Two for each second of the two hours an idle session lives by default. */
const TEXTS_IN_A_GENERATION = 14_400

/**
 * Keeps one copy of each of the texts that came lately, in two generations: dropping the oldest of a Map
 * one by one would step over all that were dropped before it.
 */
class RecentTexts {
  #young = new Map<string, string>()
  #old = new Map<string, string>()

  of(text: string): string {
    const young = this.#young.get(text)
    if (young !== undefined) return young
    if (this.#young.size >= TEXTS_IN_A_GENERATION) {
      this.#old = this.#young
      this.#young = new Map()
    }
    const kept = this.#old.get(text) ?? text
    this.#young.set(kept, kept)
    return kept
  }
}
