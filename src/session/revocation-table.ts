/** The bounded table of revocation records, and which of them are evicted when it is full. */
import type { Clock } from '../contracts.js'
import { NameQueue } from './name-queue.js'

/**
 * `provisional`: the sign-out of a credential not seen here; `unconfirmed`: a sign-out Okta has not
 * confirmed; `confirmed`: one that it has, or a forget, which needs no confirmation.
 */
export type RevocationState = 'provisional' | 'unconfirmed' | 'confirmed'

export interface RevocationRecord {
  /** Of a sign-out, unique among all instances; a forget has none. */
  readonly id?: string | undefined
  /** In this process's log. */
  readonly position: number
  /** In the log all instances share, once the store has recorded it. */
  readonly sharedPosition?: string | undefined
  readonly state: RevocationState
  /** Monotonic milliseconds up to which the credential is answered `signed_out`; 0: not at all. */
  readonly signedOutUntil: number
  /** Monotonic milliseconds from which nothing that the record voids can be served any more. */
  readonly keepUntil: number
}

/** All records of one subject, the oldest first: at most one forget, and a sign-out of each instance. */
export type SubjectRecords = readonly RevocationRecord[]

export interface RevocationTableOptions {
  readonly clock: Clock
  /** How many subjects may have records. */
  readonly maxRecords: number
  /** How many subjects may have provisional records alone. */
  readonly maxProvisional: number
  /** Called with a record that was evicted while something it voids could still be served. */
  readonly onEvicted: (record: RevocationRecord) => void
}

/** A sign-out of one instance each, and more than any number of instances that sign out one cookie at once. */
const MAX_RECORDS_OF_A_SUBJECT = 32

const NONE: SubjectRecords = []

export class RevocationTable {
  readonly #options: RevocationTableOptions
  readonly #subjects = new Map<string, SubjectRecords>()
  /** The names of each state, the one changed longest ago first. */
  readonly #order: Record<RevocationState, NameQueue> = {
    provisional: new NameQueue(),
    unconfirmed: new NameQueue(),
    confirmed: new NameQueue(),
  }

  constructor(options: RevocationTableOptions) {
    this.#options = options
  }

  /** How many subjects have records. */
  get size(): number {
    return this.#subjects.size
  }

  get(name: string): SubjectRecords {
    return this.#subjects.get(name) ?? NONE
  }

  /** Adds a record, in place of the forget or of the sign-out with its id. */
  add(name: string, record: RevocationRecord): void {
    const others = this.get(name).filter(({ id }) => id !== record.id)
    this.#set(name, [...others, record])
    this.#makeRoom()
  }

  /** Deletes the sign-out with this id. */
  remove(name: string, id: string): void {
    const records = this.get(name)
    const others = records.filter((record) => record.id !== id)
    if (others.length < records.length) this.#set(name, others)
  }

  #set(name: string, records: SubjectRecords): void {
    this.#delete(name)
    const now = this.#options.clock.monotonic()
    const kept = records.filter(({ keepUntil }) => keepUntil > now)
    while (kept.length > MAX_RECORDS_OF_A_SUBJECT) this.#evictOneOf(kept)
    if (kept.length === 0) return
    this.#subjects.set(name, kept)
    this.#order[stateOf(kept)].add(name)
  }

  #delete(name: string): void {
    const records = this.#subjects.get(name)
    if (records === undefined) return
    this.#subjects.delete(name)
    this.#order[stateOf(records)].delete(name)
  }

  #makeRoom(): void {
    this.#deleteExpired()
    const { provisional, unconfirmed, confirmed } = this.#order
    while (provisional.size > this.#options.maxProvisional) this.#evictOldest(provisional)
    while (this.#subjects.size > this.#options.maxRecords) {
      // Provisional records may be junk; an unconfirmed sign-out is kept longest.
      if (provisional.size > 0) this.#evictOldest(provisional)
      else this.#evictOldest(confirmed.size > 0 ? confirmed : unconfirmed)
    }
  }

  #deleteExpired(): void {
    const now = this.#options.clock.monotonic()
    for (const names of Object.values(this.#order)) {
      let name = names.oldest
      while (name !== undefined && !this.get(name).some(({ keepUntil }) => keepUntil > now)) {
        this.#delete(name)
        name = names.oldest
      }
    }
  }

  #evictOldest(names: NameQueue): void {
    const name = names.oldest
    if (name === undefined) return
    const records = this.get(name)
    this.#delete(name)
    for (const record of records) this.#options.onEvicted(record)
  }

  #evictOneOf(records: RevocationRecord[]): void {
    const provisional = records.findIndex(({ state }) => state === 'provisional')
    const [evicted] = records.splice(Math.max(0, provisional), 1)
    if (evicted !== undefined) this.#options.onEvicted(evicted)
  }
}

/** The state that decides how long a subject's records are kept. */
function stateOf(records: SubjectRecords): RevocationState {
  if (records.some(({ state }) => state === 'unconfirmed')) return 'unconfirmed'
  return records.every(({ state }) => state === 'provisional') ? 'provisional' : 'confirmed'
}
