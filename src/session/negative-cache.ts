/** The credentials Okta knows no complete session for. A cache of its own: junk cannot evict a session. */
import { LRUCache } from 'lru-cache'
import type { Settings } from '../options/options.js'
import type { AnonymousContext, IncompleteContext } from '../public-types.js'
import type { LookupStart } from './contexts.js'

/** A negative answer: no session, or one that still lacks a factor. */
export interface NegativeEntry {
  readonly context: AnonymousContext | IncompleteContext
  /** The number of its lookup. */
  readonly turn: number
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

export class NegativeCache {
  readonly #entries: LRUCache<string, NegativeEntry>
  readonly #ttlMs: number

  constructor({
    maxNegatives,
    negativeTtlMs,
  }: Pick<Settings['cache'], 'maxNegatives' | 'negativeTtlMs'>) {
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

  /** The last negative answer when its lookup began after the lookup numbered `turn`, however old. */
  newerThan(turn: number, key: string): NegativeEntry | undefined {
    const entry = this.#entries.peek(key)
    return entry !== undefined && entry.turn > turn ? entry : undefined
  }

  /** `now` is monotonic milliseconds. */
  store(
    key: string,
    context: AnonymousContext | IncompleteContext,
    start: LookupStart,
    now: number,
  ): void {
    // The same cookie stands for an active session once the second factor is done: it rests 1 s each time.
    const isIncomplete = context.state === 'incomplete'
    const ttlMs = isIncomplete ? INCOMPLETE_TTL_MS : this.#ttlMs
    const restMs = isIncomplete ? INCOMPLETE_TTL_MS : restAfter(this.last(key), start.mono)
    this.#entries.set(key, {
      context,
      turn: start.turn,
      since: start.mono,
      restMs,
      until: Math.max(now + ttlMs, start.mono + restMs),
    })
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }
}

/**
 * How long a negative answer rests: 1, 2, 4 ... 60 s, longer with each in a row, so that a cookie that has
 * ended costs less the more often it is sent. `startedAt` is monotonic milliseconds.
 */
function restAfter(last: NegativeEntry | undefined, startedAt: number): number {
  if (last === undefined || last.context.state === 'incomplete') return FIRST_REST_MS
  // Concurrent lookups with the same negative answer count once.
  if (startedAt < last.since + last.restMs) return last.restMs
  return Math.min(last.restMs * 2, MAX_REST_MS)
}
