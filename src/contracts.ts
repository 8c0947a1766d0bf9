/** The types that more than one folder of the package uses, besides the public ones. */
import type { LineCode } from './codes.js'
import type { RateLimit, UnavailableCode } from './errors.js'

/** One clock for everything that reasons about time. */
export interface Clock {
  /** Wall time, epoch milliseconds. */
  now(): number
  /** Milliseconds that only move forward, from an arbitrary start. */
  monotonic(): number
}

/** Which of Okta's two cookies a value is sent to Okta as. */
export type CookieKind = 'idx' | 'sid'

/** One configured cookie, after validation. */
export interface CookieEntry {
  /** The cookie's name in the browser. */
  readonly name: string
  /** The name it is sent to Okta under. */
  readonly as: CookieKind
  /** Whether the value is our own HMAC envelope. */
  readonly signed: boolean
}

/** A well-formed cookie value to be sent to Okta, without any envelope. A secret: never logged. */
export interface Credential {
  readonly as: CookieKind
  readonly value: string
}

/** Status and headers of an HTTP answer of Okta's. */
export interface AnswerHead {
  readonly status: number
  /** Absent when the headers are missing, malformed or duplicated. */
  readonly rateLimit?: RateLimit
  /** Okta's `Date`, epoch milliseconds. */
  readonly oktaTime?: number
  /** Raw `Set-Cookie` lines. Secrets. */
  readonly setCookies: readonly string[]
}

/** Per-call options every operation takes last. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/**
 * Where log lines go. One line per change of state and per misuse; never one per request. Errors that it
 * throws are dropped. One with `bindings()` and `child()`, such as pino, is called with `(fields, message)`.
 *
 * @example
 * const logger: Logger = { warn: (message, fields) => console.error(message, fields) }
 */
export interface Logger {
  /** A line for an operator. `fields` are its facts, never a secret; `event` is the code of the line in docs/errors.md. */
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  /** A line that tells of a return to normal. */
  info?(message: string, fields?: Readonly<Record<string, unknown>>): void
}

/** The log as the parts of the package write to it: each line has a code, so that none reaches the app's logger without. */
export interface Log {
  warn(code: LineCode, message: string, fields?: Readonly<Record<string, unknown>>): void
  info(code: LineCode, message: string, fields?: Readonly<Record<string, unknown>>): void
}

declare const opaque: unique symbol

/**
 * A second cache level shared by all instances. Its contract is internal until a second engine needs
 * it: get one from redisStore() of `express-okta-session/redis`.
 */
export interface SessionStore {
  /** Keeps other objects from being taken for a store. */
  readonly [opaque]: 'SessionStore'
}

/** Okta did what the request says. */
export interface OktaYes<T> {
  readonly kind: 'yes'
  readonly value: T
  readonly head: AnswerHead
}

/** Okta said, in its own error shape, that there is no such session (or no such sign-in). */
export interface OktaNo {
  readonly kind: 'no'
  readonly head: AnswerHead
}

/** Neither yes nor no: no answer, an error that says nothing about the session, or no call. */
export interface OktaUnavailable {
  readonly kind: 'unavailable'
  readonly code: UnavailableCode
  readonly retryAfterMs?: number | undefined
  readonly head?: AnswerHead | undefined
  /** The code of a 4xx in Okta's error shape that is about the org, this app or its credentials. */
  readonly errorCode?: string | undefined
}

/** How a call to Okta ended. A call never rejects for what Okta or the network did, so that these stay three. */
export type OktaAnswer<T> = OktaYes<T> | OktaNo | OktaUnavailable

/** An operation on the session behind a cookie. Never rejects. */
export type CurrentSessionCall<T> = (
  credential: Credential,
  options: { readonly signal?: AbortSignal | undefined; readonly clientIp?: string | undefined },
) => Promise<OktaAnswer<T>>

/** Whose sessions a push of Okta's is about. */
export type PushedSubject =
  /** A session by the id that GetCurrentSession returns; `userId`: its user, where the push names one. */
  | { readonly kind: 'session'; readonly id: string; readonly userId?: string | undefined }
  | { readonly kind: 'user'; readonly id: string }
  | { readonly kind: 'login'; readonly login: string }
  /** An id of a session or of a user: the push does not say which. */
  | { readonly kind: 'either'; readonly id: string }

/** One event or token that Okta pushed. */
export interface Push {
  /** Unique to the event: a second delivery with the same id and subjects changes nothing. Undefined: it has none. */
  readonly id: string | undefined
  /** Empty: it revokes nothing. */
  readonly subjects: readonly PushedSubject[]
}

/** The deliveries of an event hook, read. */
export interface HookEvents {
  readonly pushes: readonly Push[]
  /** How many events are no events, or revoke a session and do not say whose. */
  readonly malformed: number
}

/** What a pushed token must say. */
export interface ExpectedToken {
  readonly issuers: readonly string[]
  readonly audiences: readonly string[]
  /** Epoch milliseconds, by Okta's clock. */
  readonly now: number
}

/** Why a token is refused. Codes of RFC 8935, section 2.4. */
export type TokenFault =
  | 'invalid_request'
  | 'invalid_key'
  | 'invalid_issuer'
  | 'invalid_audience'
  | 'authentication_failed'

export type RefusedToken = {
  readonly kind: 'refused'
  readonly fault: TokenFault
  /** Never quotes the token. */
  readonly description: string
}

/** How the check of a pushed token ended. `unavailable`: the org's keys could not be had. */
export type CheckedToken<T> =
  | ({ readonly kind: 'valid' } & T)
  | RefusedToken
  | { readonly kind: 'unavailable'; readonly retryAfterMs: number }

/** A Security Event Token (RFC 8417), verified. */
export interface SecurityEvent extends Push {
  /** The URIs of its events. */
  readonly types: readonly string[]
  /** Whether a subject is in a format that names no session, user or login. */
  readonly hasUnmapped: boolean
}

/** The bearer of a Universal Logout call, verified. */
export interface LogoutToken {
  readonly id: string
  /** The client it was issued to. */
  readonly clientId: string
}

/** Reads what Okta pushes. Only `securityEvent` and `logoutToken` call Okta, for its keys. */
export interface PushReaders {
  /** Undefined: the body is no delivery of an event hook. */
  hookEvents(body: unknown): HookEvents | undefined
  securityEvent(token: string, expected: ExpectedToken): Promise<CheckedToken<SecurityEvent>>
  logoutToken(token: string, expected: ExpectedToken): Promise<CheckedToken<LogoutToken>>
  /** The subject in the body of a Universal Logout call. */
  logoutSubject(body: unknown, issuers: readonly string[]): readonly PushedSubject[] | SubjectFault
}

/** `malformed`: no subject at all; `unmapped`: one in a format that names no session, user or login. */
export type SubjectFault = 'malformed' | 'unmapped'
