/** What this process remembers of Okta's noes, in a cache of its own: junk can never push a real session out. */
import { LRUCache } from 'lru-cache'
import type { AnonymousContext, IncompleteContext } from '../public-types.js'

/** A remembered no, or a session that still lacks a factor. */
export interface NegativeEntry {
  readonly context: AnonymousContext | IncompleteContext
  /** The number of its lookup: an older one's yes does not count against it. */
  readonly turn: number
  /** Monotonic milliseconds at which its lookup began. */
  readonly since: number
  /** So long after `since` nothing asks again, whatever the request demands. */
  readonly restMs: number
  readonly until: number
}

const FIRST_REST_MS = 1_000
const LONGEST_REST_MS = 60_000

/**
 * How long a no rests before it is asked again: 1, 2, 4 ... 60 s, longer with each no in a row, so that a
 * cookie that has ended costs less the more often it is sent. `asked` is monotonic milliseconds.
 */
export function restAfter(last: NegativeEntry | undefined, asked: number): number {
  if (last === undefined || last.context.state === 'incomplete') return FIRST_REST_MS
  // Lookups under way at once bring the same no home, which is one.
  if (asked < last.since + last.restMs) return last.restMs
  return Math.min(last.restMs * 2, LONGEST_REST_MS)
}

export class NegativeCache {
  readonly #entries: LRUCache<string, NegativeEntry>

  constructor(max: number) {
    this.#entries = new LRUCache({ max })
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string, now: number): NegativeEntry | undefined {
    const entry = this.#entries.get(key)
    return entry !== undefined && now < entry.until ? entry : undefined
  }

  /** The last no, even where it is no longer remembered for requests. */
  last(key: string): NegativeEntry | undefined {
    return this.#entries.peek(key)
  }

  /** The no of a lookup that began after this one, even where it is no longer remembered for requests. */
  newerThan(turn: number, key: string): NegativeEntry | undefined {
    const entry = this.#entries.peek(key)
    return entry !== undefined && entry.turn > turn ? entry : undefined
  }

  set(key: string, entry: NegativeEntry): void {
    this.#entries.set(key, entry)
  }

  drop(key: string): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }
}
