/** An entry of the session cache, in as little memory as V8 allows: there may be 50,000. */
import type { Session, SessionIdentityProvider } from '../public-types.js'
import type { FoundSession, LookupStart } from './contexts.js'

/** The share of its time to live after which an entry is looked up again in the background. */
const PREFETCH_FROM = 0.75

/** Wall times relative to this are small enough for V8 to keep them without a box. */
const EPOCH = Date.now()

/**
 * The hit path reads an entry as a context, so that a hit copies nothing. Properties with one value for all
 * entries are on the prototype, and times are whole milliseconds, which V8 keeps in the object itself.
 */
export class CachedSession implements FoundSession {
  readonly session: Session
  readonly #askedAfterEpoch: number
  readonly #startedMono: number
  readonly #staleAt: number
  #deadAt: number
  #position: number
  #hasPrefetched = false

  /** `staleAt` and `deadAt` are monotonic milliseconds. */
  constructor(session: Session, start: LookupStart, staleAt: number, deadAt: number) {
    this.session = session
    this.#askedAfterEpoch = start.at - EPOCH
    this.#startedMono = Math.floor(start.mono)
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

  get startedMono(): number {
    return this.#startedMono
  }

  get position(): number {
    return this.#position
  }

  get deadAt(): number {
    return this.#deadAt
  }

  get hasPrefetched(): boolean {
    return this.#hasPrefetched
  }

  /** Whether a negative answer has ended it. */
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
    return now >= this.#startedMono + (this.#staleAt - this.#startedMono) * PREFETCH_FROM
  }

  /** Notes that no revocation record up to `position` voids this entry. */
  validUpTo(position: number): void {
    this.#position = position
  }

  /** An entry is prefetched once; when that fails, the next lookup is that of a stale session. */
  markPrefetched(): void {
    this.#hasPrefetched = true
  }

  /** Shortens the entry's life to an earlier end; a later one changes nothing. */
  endAt(deadAt: number): void {
    this.#deadAt = Math.min(this.#deadAt, Math.floor(deadAt))
  }

  /** Ends the entry. It stays in the cache, so that its cookie still counts as seen. */
  end(): void {
    this.#deadAt = 0
  }
}

/**
 * Returns a function that copies a session into less memory: values that many sessions have in common are
 * kept once. Okta's dates are whole seconds, so that in a large cache many are equal.
 */
export function createTrim(): (session: Session) => Session {
  const amrs = new Interned<readonly string[]>()
  const idps = new Interned<SessionIdentityProvider>()
  const dates = new Interned<string>()
  const dateOf = (date: string) => dates.of(date, () => date)
  const dateOrNull = (date: string | null) => (date === null ? null : dateOf(date))
  // A filtered array keeps room to grow; its copy has none.
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
    // V8 keeps the fields of a literal in the object itself, those of a spread in a list beside it.
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
 * Keeps one copy of each recent value, in two generations: deleting the oldest entries of a Map one by one
 * would step over all entries deleted before.
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
