/** What an application may ask the operations for; a fault is a TypeError that never shows the value. */
import type { Operation } from '../errors.js'

/** The value of exactly one well-formed pair, `idx=...` or `sid=...`; undefined when no cookie is to be sent. */
export function checkCookie(operation: Operation, cookie: unknown): string | undefined {
  if (cookie === undefined) return undefined
  const value = typeof cookie === 'string' ? COOKIE.exec(cookie)?.[1] : undefined
  if (value !== undefined) return value
  throw new TypeError(
    `${operation}: cookie must be one pair, 'idx=<value>' or 'sid=<value>', whose value is 1 to 4,096 cookie characters (RFC 6265) without quotes and %; leave it out to send none`,
  )
}

/** Cookie-octets, less `%`: no decoder further on may find a second cookie in one. */
const COOKIE = /^(?:idx|sid)=([\x21\x23\x24\x26-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,4096})$/

/**
 * The id as one encoded path segment. Slashes and `%` are refused rather than encoded: a proxy that
 * decodes paths would make another path of them, and the API token opens more than sessions.
 */
export function checkSessionId(operation: Operation, sessionId: unknown): string {
  const fits =
    typeof sessionId === 'string' &&
    sessionId.length <= 4096 &&
    SEGMENT.test(sessionId) &&
    !NOT_AN_ID.test(sessionId)
  if (fits) return encodeURIComponent(sessionId)
  throw new TypeError(
    `${operation}: sessionId must be one path segment: 1 to 4,096 characters without slashes, %, spaces and control characters, and not 'me', '.' or '..'`,
  )
}

const SEGMENT = /^[^\s/\\%\p{Cc}\p{Cs}]+$/u
const NOT_AN_ID = /^(me|\.|\.\.)$/i

/** The session token out of `{ sessionToken }`. */
export function checkSessionToken(request: unknown): string {
  const token =
    typeof request === 'object' && request !== null && 'sessionToken' in request
      ? request.sessionToken
      : undefined
  if (typeof token === 'string' && token !== '' && token.length <= 4096) return token
  throw new TypeError(
    'createSession: give it { sessionToken }, the one-time token of 1 to 4,096 characters that primary authentication answered with',
  )
}

export function checkSignal(operation: Operation, signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return
  throw new TypeError(`${operation}: signal must be an AbortSignal`)
}
