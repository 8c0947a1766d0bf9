/** How many cached sessions may be served, known without a walk through the cache. */
import type { CachedSession } from './cached-session.js'

/** A bucket is this share of the longest life of an entry, so that there are no more buckets at a time. */
const BUCKETS = 256

/** The fields of an entry that select its bucket. */
type Counted = Pick<CachedSession, 'deadAt' | 'position'>

/**
 * Counts entries in buckets by the time at which they end. An entry leaves the count when its bucket begins, so
 * that none is counted that is over; it leaves up to a bucket's width early. Times are monotonic milliseconds.
 */
export class UsableCount {
  readonly #widthMs: number
  readonly #buckets = new Map<number, number>()
  /** Entries that were removed and are still cached. A field in each entry would cost all of them memory. */
  readonly #removed = new WeakSet<Counted>()
  /** The last bucket that has begun. */
  #begun = Number.NEGATIVE_INFINITY
  /** Entries from before this position of the revocation log were all removed at once. */
  #clearedAt = 0

  constructor(maxTtlMs: number) {
    this.#widthMs = Math.max(1, Math.ceil(maxTtlMs / BUCKETS))
  }

  at(now: number): number {
    this.#dropBegun(now)
    let count = 0
    for (const inBucket of this.#buckets.values()) count += inBucket
    return count
  }

  /** Counts a new entry. */
  add(entry: Counted, now: number): void {
    this.#dropBegun(now)
    this.#change(entry, 1)
  }

  /** No longer counts this entry, which stays cached; the second time has no effect. */
  remove(entry: Counted): void {
    if (this.#removed.has(entry)) return
    this.#removed.add(entry)
    this.#change(entry, -1)
  }

  /** The cache has dropped this entry. */
  dispose(entry: Counted): void {
    if (!this.#removed.delete(entry)) this.#change(entry, -1)
  }

  /** Counts an entry again that was removed while it was cached. */
  restore(entry: Counted): void {
    if (this.#removed.delete(entry)) this.#change(entry, 1)
  }

  /** No longer counts any entry from before this position of the revocation log. */
  clear(position: number): void {
    this.#clearedAt = position
    this.#buckets.clear()
  }

  #change(entry: Counted, by: 1 | -1): void {
    const bucket = Math.floor(entry.deadAt / this.#widthMs)
    if (bucket <= this.#begun || entry.position < this.#clearedAt) return
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + by)
  }

  #dropBegun(now: number): void {
    const begun = Math.floor(now / this.#widthMs)
    if (begun <= this.#begun) return
    this.#begun = begun
    for (const bucket of this.#buckets.keys()) if (bucket <= begun) this.#buckets.delete(bucket)
  }
}
