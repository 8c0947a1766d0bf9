/** The two ways a call to Okta can fail: Okta answered with an error, or there is no usable answer. */
import { brandOf, isInstance, markAs } from './copies.js'

/** The operations of the Sessions API, and the token request by-id operations may need. */
export type Operation =
  | 'getCurrentSession'
  | 'refreshCurrentSession'
  | 'closeCurrentSession'
  | 'createSession'
  | 'getSession'
  | 'refreshSession'
  | 'revokeSession'
  | 'requestToken'
  | 'getKeys'

/** Why there is no usable answer. The last five are decided here, without asking Okta. */
export type UnavailableCode =
  | 'timeout'
  | 'dns'
  | 'connect'
  | 'reset'
  | 'tls'
  | 'redirect'
  | 'content_type'
  | 'encoding'
  | 'malformed'
  | 'schema'
  | 'too_large'
  | 'forbidden'
  | 'unexpected_status'
  | 'server_error'
  | 'rate_limited'
  | 'concurrency_limited'
  | 'queue_full'
  | 'over_budget'
  | 'too_many_attempts'
  | 'breaker_open'
  | 'closed'

/**
 * The `x-rate-limit-*` headers of one answer. Absent when a header is missing, malformed or duplicated.
 *
 * @see https://developer.okta.com/docs/reference/rl-best-practices/
 */
export interface RateLimit {
  /** Requests allowed in the window. 0 marks Okta's concurrency limit. */
  readonly limit: number
  /** Requests left in the window. */
  readonly remaining: number
  /** When the window ends. Epoch milliseconds, by Okta's clock. */
  readonly resetAt: number
}

/** What the `WWW-Authenticate` header of an answer said (RFC 6750 section 3). */
export interface Challenge {
  /** For example `insufficient_scope`. */
  readonly error: string
  /** The scope that was missing, for example `okta.sessions.manage`. */
  readonly scope?: string
}

/** Everything an {@link OktaApiError} carries besides its message. */
export interface OktaApiErrorDetails {
  readonly operation: Operation
  readonly status: number
  readonly errorCode?: string | undefined
  readonly errorSummary?: string | undefined
  readonly errorLink?: string | undefined
  readonly errorId?: string | undefined
  readonly errorCauses?: readonly { readonly errorSummary: string }[] | undefined
  readonly requestId?: string | undefined
  readonly rateLimit?: RateLimit | undefined
  readonly challenge?: Challenge | undefined
}

const API_ERROR = brandOf('OktaApiError')
const UNAVAILABLE_ERROR = brandOf('OktaUnavailableError')

/**
 * Okta answered with an error: any 4xx or 5xx, with or without Okta's error body.
 *
 * `message` is `<operation>: <status> <errorCode> <errorSummary>`. The fields are Okta's text as it came,
 * but for the session id of the call, which may be a live credential: it reads `{sessionId}`
 * everywhere. A text of more than 8,192 characters is cut.
 *
 * @example
 * try {
 *   await api.revokeSession(sessionId)
 * } catch (error) {
 *   if (!(error instanceof OktaApiError) || error.status !== 404) throw error
 *   console.log('That session had ended already')
 * }
 * @see https://developer.okta.com/docs/reference/error-codes/
 */
export class OktaApiError extends Error {
  /** Also an error of another copy of this package, such as its CommonJS build. */
  static override [Symbol.hasInstance](value: unknown): value is OktaApiError {
    // biome-ignore lint/complexity/noThisInStatic: a subclass inherits this method.
    return isInstance(this, OktaApiError, API_ERROR, value)
  }

  /** Tells this class from others, also across copies of this package. */
  override readonly name = 'OktaApiError'
  /** The operation that was called. */
  readonly operation: Operation
  /** The HTTP status. */
  readonly status: number
  // Optional fields are declared, not defined: one without a value is no property at all.
  /** `E` and seven digits, or the token endpoint's `error`. Absent when the body was not Okta's. */
  declare readonly errorCode?: string
  /** Okta's description of the error. */
  declare readonly errorSummary?: string
  /** Okta's link to more about it; usually the code once more. */
  declare readonly errorLink?: string
  /** Okta's id of this error, for a support case. */
  declare readonly errorId?: string
  /** Okta's list of what led to the error; `[]` where it sent none. */
  readonly errorCauses: readonly { readonly errorSummary: string }[]
  /** Okta's `x-okta-request-id`, for a support case. Absent when it is longer than 128 characters or no plain word. */
  declare readonly requestId?: string
  /** The org's rate limit as this answer gave it. */
  declare readonly rateLimit?: RateLimit
  /** Why a credential was refused. */
  declare readonly challenge?: Challenge

  /** Made by this package; an app makes one in its tests. */
  constructor(message: string, details: OktaApiErrorDetails) {
    super(message)
    this.operation = details.operation
    this.status = details.status
    this.errorCauses = details.errorCauses ?? []
    if (details.errorCode !== undefined) this.errorCode = details.errorCode
    if (details.errorSummary !== undefined) this.errorSummary = details.errorSummary
    if (details.errorLink !== undefined) this.errorLink = details.errorLink
    if (details.errorId !== undefined) this.errorId = details.errorId
    if (details.requestId !== undefined) this.requestId = details.requestId
    if (details.rateLimit !== undefined) this.rateLimit = details.rateLimit
    if (details.challenge !== undefined) this.challenge = details.challenge
  }
}

/** Everything an {@link OktaUnavailableError} carries besides its message. */
export interface OktaUnavailableErrorDetails {
  readonly operation: Operation
  readonly code: UnavailableCode
  /** Whether the same call may succeed later without a change on this side. */
  readonly retryable: boolean
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

/**
 * No usable answer: silence, a redirect, a body that is not what Okta sends, or a call not made at all.
 *
 * It says nothing about whether the session exists. `message` ends with the link to the section of `code` in
 * docs/errors.md, a file of this package. `cause` is a fresh Error with the original's name,
 * code and message, never the HTTP client's own error, which holds the request and its headers.
 *
 * @example
 * try {
 *   await api.getSession(sessionId)
 * } catch (error) {
 *   if (!(error instanceof OktaUnavailableError) || !error.retryable) throw error
 *   console.log(`${error.code}: try again in ${error.retryAfterMs ?? 1_000} ms`)
 * }
 */
export class OktaUnavailableError extends Error {
  /** Also an error of another copy of this package, such as its CommonJS build. */
  static override [Symbol.hasInstance](value: unknown): value is OktaUnavailableError {
    // biome-ignore lint/complexity/noThisInStatic: a subclass inherits this method.
    return isInstance(this, OktaUnavailableError, UNAVAILABLE_ERROR, value)
  }

  /** Tells this class from others, also across copies of this package. */
  override readonly name = 'OktaUnavailableError'
  /** The operation that was called. */
  readonly operation: Operation
  /** Why there is no usable answer. */
  readonly code: UnavailableCode
  /** Whether the same call may succeed later without a change on this side. */
  readonly retryable: boolean
  /** How long to wait before the next try, where that is known. In milliseconds. */
  declare readonly retryAfterMs?: number

  /** Made by this package; an app makes one in its tests. */
  constructor(message: string, details: OktaUnavailableErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.operation = details.operation
    this.code = details.code
    this.retryable = details.retryable
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs
  }
}

markAs(API_ERROR, OktaApiError)
markAs(UNAVAILABLE_ERROR, OktaUnavailableError)
