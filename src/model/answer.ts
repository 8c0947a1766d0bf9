/** What the lookup needs to know of a call to Okta, whichever operation made it: yes, no, or no usable answer. */
import type { AnswerHead } from './contracts.js'
import type { UnavailableCode } from './errors.js'

/** Okta did what was asked. */
export interface Yes<T> {
  readonly kind: 'yes'
  readonly value: T
  readonly head: AnswerHead
}

/** Okta said, in its own error shape, that there is no such session (or no such sign-in). */
export interface No {
  readonly kind: 'no'
  readonly head: AnswerHead
}

/** Neither: silence, an error that says nothing about the session, or a call not made. */
export interface NoAnswer {
  readonly kind: 'unavailable'
  readonly code: UnavailableCode
  readonly retryAfterMs?: number | undefined
  readonly head?: AnswerHead | undefined
}

export type Answer<T> = Yes<T> | No | NoAnswer
