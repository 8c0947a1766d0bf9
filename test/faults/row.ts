/** One line of the fault matrix: what the org does, and what comes of it. */
import type { AnonymousReason, IncompleteReason, UnavailableCode } from 'express-okta-session'
import type { Fault } from './faulty-org.js'

export type Verdict = 'active' | AnonymousReason | IncompleteReason | UnavailableCode

export interface Beyond {
  /** Requests at the org for the first question, a retry included. Default 1. */
  readonly received?: number
  /** What becomes of a second lookup. Default: a call where there was no usable answer, else a cached result. */
  readonly again?: 'called' | 'cached' | 'rejected'
  /** The second verdict, where it is another. */
  readonly secondVerdict?: UnavailableCode
  /** `Retry-After` of a 503, in seconds. Default 1. */
  readonly retryAfter?: number
  /** The org got rid of fewer bytes than this. */
  readonly wroteLess?: number
}

export type Row = readonly [what: string, fault: Fault, verdict: Verdict, beyond?: Beyond]
