/** The bounded table of revocation records, and which of them are evicted when it is full. */
import type { Clock } from '../contracts.js'

/**
 * `provisional`: the sign-out of a credential not seen here; `unconfirmed`: a sign-out Okta has not
 * confirmed; `confirmed`: one that it has, or a forget, which needs no confirmation.
 */
export type RevocationState = 'provisional' | 'unconfirmed' | 'confirmed'

export interface RevocationRecord {
  /** In this process's log. */
  readonly position: number
  /** In the log all instances share, once the store has recorded it. */
  readonly sharedPosition?: string | undefined
  readonly state: RevocationState
  /** Monotonic milliseconds up to which the credential is answered `signed_out`; 0: not at all. */
  readonly signedOutUntil: number
  /** Monotonic milliseconds from which nothing that the record voids can be served any more. */
  readonly keepUntil: number
  /** What a sign-out covers, to be in force again when the sign-out is removed. */
  readonly covered?: RevocationRecord | undefined
}

export interface RevocationTableOptions {
  readonly clock: Clock
  readonly maxRecords: number
  readonly maxProvisional: number
  /** Called with a record that was evicted while something it voids could still be served. */
  readonly onEvicted: (record: RevocationRecord) => void
}

export class RevocationTable {
  readonly #options: RevocationTableOptions
  readonly #records = new Map<string, RevocationRecord>()
  /** The names of each state, the oldest record first. */
  readonly #order: Record<RevocationState, Set<string>> = {
    provisional: new Set(),
    unconfirmed: new Set(),
    confirmed: new Set(),
  }

  constructor(options: RevocationTableOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#records.size
  }

  get(name: string): RevocationRecord | undefined {
    return this.#records.get(name)
  }

  set(name: string, record: RevocationRecord): void {
    this.delete(name)
    this.#add(name, record)
    this.#makeRoom()
  }

  delete(name: string): void {
    const record = this.#records.get(name)
    if (record === undefined) return
    this.#records.delete(name)
    this.#order[record.state].delete(name)
  }

  #add(name: string, record: RevocationRecord): void {
    this.#records.set(name, record)
    this.#order[record.state].add(name)
  }

  #makeRoom(): void {
    this.#deleteExpired()
    const { provisional, unconfirmed, confirmed } = this.#order
    while (provisional.size > this.#options.maxProvisional) this.#evictOldest(provisional)
    while (this.#records.size > this.#options.maxRecords) {
      // Provisional records may be junk; an unconfirmed sign-out is kept longest.
      if (provisional.size > 0) this.#evictOldest(provisional)
      else this.#evictOldest(confirmed.size > 0 ? confirmed : unconfirmed)
    }
  }

  #deleteExpired(): void {
    const now = this.#options.clock.monotonic()
    for (const names of Object.values(this.#order)) {
      for (const name of names) {
        const record = this.#records.get(name)
        if (record !== undefined && record.keepUntil > now) break
        this.delete(name)
      }
    }
  }

  #evictOldest(names: Set<string>): void {
    const [name] = names
    const record = name === undefined ? undefined : this.#records.get(name)
    if (name === undefined || record === undefined) return
    this.delete(name)
    const { state, covered } = record
    // A provisional sign-out may be junk: the record that it covers stays.
    if (state === 'provisional' && covered !== undefined) this.#add(name, covered)
    else this.#options.onEvicted(record)
  }
}
