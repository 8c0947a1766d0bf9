/** The counters and gauges stats() returns. */
import type { UnavailableCode } from './errors.js'

export type CodeCounts = { readonly [code in UnavailableCode]?: number }

/** Counters count since the instance was made; gauges are as of now. Plain numbers throughout. */
export interface OktaSessionStats {
  /** Requests answered from memory. */
  readonly hits: number
  /** Requests that had to ask Okta. */
  readonly misses: number
  /** Requests answered by a remembered no. */
  readonly negatives: number
  /** Requests answered by a yes older than `ttlMs`. */
  readonly stale: number
  /** Requests that waited for a lookup another request had begun. */
  readonly coalesced: number
  /** Lookups begun in the background before an entry went stale. */
  readonly refreshedAhead: number
  /** Answers thrown away because a revocation overtook them. */
  readonly overtaken: number
  /** Shared entries thrown away because another instance's clock is ahead of this one's. */
  readonly fromTheFuture: number
  /** Calls made to Okta, every operation. */
  readonly calls: number
  /** Calls that brought no usable answer, by code. */
  readonly failures: CodeCounts
  /** Calls not made, by code. */
  readonly refused: CodeCounts
  /** Calls to Okta under way. */
  readonly inFlight: number
  /** The most calls to Okta at once, as of now. */
  readonly maxConcurrent: number
  readonly queued: number
  /** Entries in memory, the ended ones included. */
  readonly sessions: number
  readonly negativeEntries: number
  /** Marks in the revocation log. */
  readonly revocations: number
  /** Sessions watched by watch(). */
  readonly watched: number
  /**
   * Present while calls to Okta are held off: everybody's, or only those for cookies never seen before or
   * sign-ins. 0 ms: over as soon as one more call is answered.
   */
  readonly heldOff?: {
    readonly who: 'everybody' | 'newcomers' | 'sign_ins'
    readonly code: UnavailableCode
    readonly forMs: number
  }
  /** The org's minute as last heard of. */
  readonly quota?: {
    readonly limit: number
    readonly remaining: number
    readonly resetsInMs: number
  }
}
