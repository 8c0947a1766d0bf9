/** What a request learns about its session, and the shapes that carry it from the edge to the app. */

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { UnavailableCode } from './errors.js'

/** Why nobody is signed in. */
export type AnonymousReason =
  | 'no_cookie'
  | 'invalid_cookie'
  /** One cookie with several values, or two live cookies of different users: a neighbouring host may have planted one. */
  | 'ambiguous_cookie'
  | 'not_found'
  | 'expired'
  | 'signed_out'

/** What a session that is not `ACTIVE` still lacks. */
export type IncompleteReason = 'mfa_required' | 'mfa_enroll' | 'unknown_status'

/**
 * Okta vouched for this session.
 * `source`: `memory` (remembered here), `shared` (remembered by the fleet), `okta` (asked for this
 * request), `stale` (older than `ttlMs`, served because asking again was unwise or impossible).
 */
export interface ActiveContext {
  readonly state: 'active'
  readonly session: Session
  readonly source: 'memory' | 'shared' | 'okta' | 'stale'
  /** Epoch milliseconds when the lookup that gave this answer began. */
  readonly askedAt: number
}

/** The session exists and still lacks a factor. `session` is absent, so that it cannot be taken for a yes. */
export interface IncompleteContext {
  readonly state: 'incomplete'
  readonly session?: undefined
  readonly incompleteSession: Session
  readonly reason: IncompleteReason
}

/** Nobody is signed in: no usable cookie, or Okta said no. */
export interface AnonymousContext {
  readonly state: 'anonymous'
  readonly session?: undefined
  readonly reason: AnonymousReason
}

/** Nobody could find out. This is neither a yes nor a no. */
export interface UnavailableContext {
  readonly state: 'unavailable'
  readonly session?: undefined
  readonly reason: UnavailableCode
  /** Milliseconds until asking again makes sense. */
  readonly retryAfterMs: number
}

/**
 * What lands on `req.okta`. Three outcomes, never two: Okta said yes (`active`), Okta said no
 * (`anonymous`, `incomplete`), we could not find out (`unavailable`).
 * `if (req.okta.session)` is a correct guard: `session` exists on `active` only.
 */
export type SessionContext =
  | ActiveContext
  | IncompleteContext
  | AnonymousContext
  | UnavailableContext

/** A Connect-style handler: Express 4 and 5, Connect, and `node:http` with a `next` of the app's own. */
export type Handler = (
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void

/** Anything with headers: an IncomingMessage, an HTTP/2 request, a Fetch `Request`, a Fastify or Koa request. */
export interface RequestLike {
  readonly headers: IncomingHttpHeaders | Headers
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly originalUrl?: string | undefined
  readonly ip?: string | undefined
  readonly socket?: { readonly remoteAddress?: string | undefined } | undefined
}

/** The machine-readable `code` of a refusal, as it stands in the problem body. */
export type DenialCode =
  | 'session_required'
  | 'mfa_required'
  | 'mfa_enroll_required'
  | 'session_incomplete'
  | 'reauthentication_required'
  | 'forbidden'
  | 'okta_unavailable'
  | 'too_many_attempts'

/** What a guard is about to answer; `onDenied` may answer instead. */
export interface Denial {
  readonly status: 401 | 403 | 429 | 503
  readonly code: DenialCode
  readonly reason?: AnonymousReason | IncompleteReason | UnavailableCode
  readonly context: SessionContext
  /** Where a browser would be sent to sign in; present when signing in could help. */
  readonly signInUrl?: string
  /** Milliseconds for `Retry-After`; present with 429 and 503. */
  readonly retryAfterMs?: number
  /** The methods the rule asks for, when `amr` was not met. */
  readonly amr?: readonly string[]
  /** The rule's `signedInWithinMs` in seconds, when that was not met. */
  readonly maxAgeSeconds?: number
}

/**
 * What a guard asks of an active session, all of it together. A plain object; a key that is there and
 * undefined is a fault, because it would read as no rule.
 *
 * @example
 * const admins: SessionRule = { mfa: true, signedInWithinMs: 15 * 60_000 }
 * app.use('/admin', okta.requireSession(admins))
 */
export interface SessionRule {
  /** A second factor: `amr` contains `mfa` or `mca`. */
  readonly mfa?: boolean
  /** All of these authentication methods. */
  readonly amr?: readonly string[]
  /** The newer of password and factor verification is at most this many milliseconds ago, by Okta's clock. */
  readonly signedInWithinMs?: number
  /** Accept only an answer asked for at most this many milliseconds ago; 0 asks Okta for this very request. */
  readonly maxStalenessMs?: number
  /** The app's own check. A throw or rejection goes to `next(error)` and is never a pass. */
  allow?(session: Session, req: IncomingMessage): boolean | Promise<boolean>
}

/** Why a watched session is over. `unavailable` only once the session's own end has passed unheard. */
export type SessionEnd = 'signed_out' | 'not_found' | 'expired' | 'unavailable' | 'closed'

/** Okta's own statuses; a status this package does not know yet reads as any other string. */
export type SessionStatus = 'ACTIVE' | 'MFA_REQUIRED' | 'MFA_ENROLL' | (string & {})

/** The identity provider that signed the user in. Identity Engine may leave it out. */
export interface SessionIdentityProvider {
  readonly id?: string
  /** `OKTA`, `ACTIVE_DIRECTORY`, `LDAP`, `FEDERATION`, `SOCIAL`, or a later one. */
  readonly type?: string
}

/**
 * A user's session at Okta: a frozen plain object, shared by every request it serves.
 *
 * Dates are ISO 8601 strings as they came over the wire. Fields Okta sends beyond these are dropped.
 *
 * `id` is the session's *external* id where GetCurrentSession gave it. From `createSession` (and from
 * `getSession` and `refreshSession` when they were asked with it) it is the **value of the `sid`
 * cookie, a live credential**: `util.inspect` and `console.log` hide it there, `JSON.stringify` does not.
 *
 * @see https://developer.okta.com/docs/api/openapi/okta-management/management/tag/Session/
 */
export interface Session {
  readonly id: string
  /** The user name, usually an e-mail address. */
  readonly login: string
  /** The user's id at Okta (`00u...`). */
  readonly userId: string
  readonly status: SessionStatus
  /** ISO 8601. The earlier of the idle end and the end of the session's lifetime, as of the answer. */
  readonly expiresAt: string
  /** ISO 8601. */
  readonly createdAt?: string
  /** ISO 8601, or null when no password was used. */
  readonly lastPasswordVerification?: string | null
  /** ISO 8601, or null when no second factor was used. */
  readonly lastFactorVerification?: string | null
  /** How the user proved who they are (RFC 8176 values such as `pwd`, `otp`, `mfa`); `[]` when Okta sent none. */
  readonly amr: readonly string[]
  readonly idp?: SessionIdentityProvider
  /** Deprecated by Okta, still sent. */
  readonly mfaActive?: boolean
}

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
