/** A bounded map whose entries expire: for one-time tokens and the ids of used ones. */
import type { Clock } from './org-clock.js'

interface Entry<V> {
  readonly value: V
  readonly endsAt: number
}

export class ExpiringMap<V> {
  readonly #entries = new Map<string, Entry<V>>()
  readonly #clock: Clock
  readonly #ttlMs: number
  readonly #maxEntries: number

  constructor(clock: Clock, ttlMs: number, maxEntries = 100_000) {
    this.#clock = clock
    this.#ttlMs = ttlMs
    this.#maxEntries = maxEntries
  }

  /** Adds an entry, or replaces one and restarts its time to live. */
  set(key: string, value: V): void {
    this.#entries.delete(key)
    this.#sweepOldest()
    this.#entries.set(key, { value, endsAt: this.#clock.now() + this.#ttlMs })
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key)
    return entry !== undefined && entry.endsAt > this.#clock.now() ? entry.value : undefined
  }

  /** Removes the entry and returns it: of two callers only the first gets it. */
  take(key: string): V | undefined {
    const value = this.get(key)
    this.#entries.delete(key)
    return value
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  /** Insertion order is expiry order, so the sweep stops at the first live entry. */
  #sweepOldest(): void {
    const now = this.#clock.now()
    for (const [key, entry] of this.#entries) {
      if (entry.endsAt > now && this.#entries.size < this.#maxEntries) return
      this.#entries.delete(key)
    }
  }
}
