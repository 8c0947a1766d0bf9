/** The types an app sees: what oktaSession() returns, what lands on a request, and what handlers take and answer. Types only. */

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { UnavailableCode } from './errors.js'
import type { SessionApi } from './okta/session-api.js'

/** Why no user is signed in. */
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
 * `source`: `memory` (cached in this process), `shared` (cached for all instances), `okta` (looked up for
 * this request), `stale` (older than `ttlMs`, served because a new lookup was unwise or impossible).
 */
export interface ActiveContext {
  readonly state: 'active'
  readonly session: Session
  readonly source: 'memory' | 'shared' | 'okta' | 'stale'
  /** Epoch milliseconds when the lookup that gave this answer began. */
  readonly askedAt: number
}

/** The session exists and still lacks a factor. `session` is absent, so that it cannot be mistaken for a complete one. */
export interface IncompleteContext {
  readonly state: 'incomplete'
  readonly session?: undefined
  readonly incompleteSession: Session
  readonly reason: IncompleteReason
}

/** No user is signed in: no usable cookie, or Okta said that there is no such session. */
export interface AnonymousContext {
  readonly state: 'anonymous'
  readonly session?: undefined
  readonly reason: AnonymousReason
}

/** Whether there is a session could not be found out. The user is not signed out. */
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

/** The machine-readable `code` of a denial, also in the problem body. */
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
  /** How long ago the newer of password and factor verification may be, by Okta's clock. In milliseconds. */
  readonly signedInWithinMs?: number
  /** How long ago Okta may have been asked; 0 asks it for this very request. In milliseconds. */
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
  /** Requests answered by a cached session older than `ttlMs`. */
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
  /** The org's rate-limit window as its last answer gave it. */
  readonly quota?: {
    readonly limit: number
    readonly remaining: number
    readonly resetsInMs: number
  }
}

/** Options of login(). */
export interface LoginOptions {
  /** Where the browser goes when the request names no safe `returnTo`. Default `/`. */
  readonly returnTo?: string | undefined
}

/** Options of logout(). */
export interface LogoutOptions {
  /** Where the browser goes when the request names no safe `returnTo`. Default `/`. */
  readonly returnTo?: string | undefined
}

/** Options of refresh(). */
export interface RefreshOptions {
  /** At most one refresh of a session in this time. In milliseconds. Default 60,000. */
  readonly everyMs?: number | undefined
}

/** The body refresh() answers with. */
export interface RefreshAnswer {
  /** ISO 8601, by Okta's clock. Okta does not always move it. */
  readonly expiresAt: string
  /** Whether this request refreshed the session at Okta. */
  readonly refreshed: boolean
}

/** Options of refreshOnActivity(). */
export interface RefreshOnActivityOptions {
  /** At most one refresh of a session in this time. In milliseconds. Default 300,000. */
  readonly everyMs?: number | undefined
  /**
   * Whether a request with an active session is its user's activity. It decides alone. Default, by what
   * browsers say in their `Sec-Fetch-` headers:
   *
   * - pages a person opened (`Sec-Fetch-User: ?1`), also over a link on another site; in a frame only from
   *   a page of this origin;
   * - other navigations of the tab that this origin or the browser itself began, unless they are told to
   *   be reloads: by `Cache-Control: max-age=0` or `no-cache`, or by the page's own address as `Referer`;
   * - changes (POST, PUT, PATCH, DELETE) from a page of ours, judged as `login()` judges its posts, that a
   *   guard let through or that were answered below 400, and not with 404 or 405.
   *
   * Not: posts, frames and scripted navigations of other sites, prefetches and prerenders, GET by a script
   * (a poll, sessionInfo), beacons and reports.
   *
   * What can't be told: a page that reloads itself in a browser that sends neither of the two signs, or
   * under another query each time; a poll that is a POST; a prerendered page once it is shown. Where
   * browsers send no `Sec-Fetch-` headers (over plain http elsewhere than on loopback, and before 2023 in
   * Safari), every GET that prefers HTML counts, in a frame of another site too, and posts count by `Origin`.
   * An app with such pages or browsers decides here.
   */
  counts?(req: IncomingMessage): boolean
}

/** Options of sessionInfo(). */
export interface SessionInfoOptions {
  /** How old an answer may be before Okta is asked. In milliseconds. Default: `cache.maxTtlMs`, which is also the most. */
  readonly maxStalenessMs?: number
}

/** The body sessionInfo() answers with. */
export interface SessionInfo {
  readonly state: SessionContext['state']
  readonly reason?: string
  readonly user?: { readonly id: string; readonly login: string }
  readonly amr?: readonly string[]
  /** ISO 8601, by Okta's clock. */
  readonly expiresAt?: string
  /** ISO 8601, by Okta's clock: what `expiresAt` is to be compared with. */
  readonly serverTime: string
}

/** Options of forwardAuth(). */
export interface ForwardAuthOptions {
  /** What is asked of an active session, as by requireSession(). Default: nothing more. */
  readonly rule?: SessionRule
  /** Answer 302 to the sign-in page instead of 401, for proxies that hand it on (Traefik, Envoy). Default `false`. */
  readonly redirect?: boolean | undefined
}

/** An answer as data, for any framework to send. */
export interface Reply {
  readonly status: number
  /** Names in lower case. `set-cookie` is a list of lines; every other value is a string. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  /** `''` when there is none. */
  readonly body: string
}

/**
 * What check() decides. `headers` of a request that may pass belong on the answer the app gives it:
 * `cache-control`, `vary`, and `set-cookie` where the count of sign-in redirects ends.
 */
export type Decision =
  | {
      readonly ok: true
      readonly session: Session
      readonly context: ActiveContext
      readonly headers: Reply['headers']
    }
  | { readonly ok: false; readonly denial: Denial; readonly reply: Reply }

/** What oktaSession() returns. */
export interface OktaSession {
  /**
   * Middleware: learns whose session the request's cookie is and puts the answer on `req.okta`. It never
   * answers a request and never fails one. Mount it after static files.
   */
  attachSession(): Handler

  /**
   * The guard: lets a request with an active session that satisfies `rule` through and answers every
   * other one. It looks up by itself where attachSession() did not run.
   *
   * No user signed in: a page is redirected to sign in (302), anything else gets 401. A session that lacks a
   * factor or does not satisfy the rule: 403. Okta could not be asked: 503 with `Retry-After`, and no user
   * is signed out. Too many guesses from one client: 429. Everything but pages is
   * `application/problem+json` (RFC 9457).
   *
   * `rule` is a plain object. What would read as no rule (a class instance, a Map, `undefined`, a key that
   * is undefined) is a fault: leave the argument or the key out instead.
   *
   * @throws TypeError when the rule has a fault.
   */
  requireSession(...rule: [] | [rule: SessionRule]): Handler

  /**
   * POST handler: `{ sessionToken, returnTo? }` as JSON or form becomes a session (CreateSession) and a
   * cookie. A form is answered 303, a fetch 200 `{ expiresAt, returnTo }`. From this call on the instance
   * asks about that cookie before any other, so that a planted one can't make its holder somebody else.
   *
   * @throws TypeError when no entry of `cookies` is read as `sid`.
   */
  login(options?: LoginOptions): Handler

  /**
   * POST handler: extends the session (RefreshCurrentSession), at most once per `everyMs`. Answers 200
   * `{ expiresAt, refreshed }`.
   */
  refresh(options?: RefreshOptions): Handler

  /**
   * POST handler: signs out here at once and closes the session at Okta (CloseCurrentSession), now or as
   * soon as Okta hears. A form is answered 303, a fetch 204.
   */
  logout(options?: LogoutOptions): Handler

  /**
   * The session requireSession() let through.
   *
   * @throws TypeError when no guard ran for this request.
   */
  session(req: IncomingMessage): Session

  /**
   * The core, for anything with headers: WebSocket upgrades, Fetch requests, other frameworks. Rejects
   * with the signal's reason when aborted, which leaves everybody else's lookup alone.
   */
  authenticate(
    req: RequestLike,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<SessionContext>

  /**
   * The guard without a framework: everything requireSession() answers, as data. Synchronous when the
   * session is cached. `onDenied` is not called. A rule object is read once; make it where the app starts.
   *
   * @example
   * const decision = await okta.check(request, { mfa: true })
   * if (!decision.ok) return new Response(decision.reply.body, decision.reply)
   */
  check(req: RequestLike, rule?: SessionRule): Decision | Promise<Decision>

  /**
   * Calls back once when the request's session ends; returns how to stop watching. For connections that
   * outlast their request. It asks Okta again every `maxTtlMs` and at expiry.
   */
  watch(req: RequestLike, onEnd: (reason: SessionEnd) => void): () => void

  /**
   * Middleware: extends the session of a user who navigates or changes something, after the response.
   * Never delays or fails a request, never relays a cookie.
   */
  refreshOnActivity(options?: RefreshOnActivityOptions): Handler

  /** GET handler: what a page in the browser may know of its session, from what is known here. */
  sessionInfo(options?: SessionInfoOptions): Handler

  /** Handler for a reverse proxy's sub-request: 204 with identity headers, or 401, 403, 429, 503. */
  forwardAuth(...options: [] | [options: ForwardAuthOptions]): Handler

  /**
   * Nothing learned before now about this session or user counts: the next request asks Okta. `sessionId`
   * is compared with `Session.id` and with the cookie value. It ends nothing at Okta; `api.revokeSession`
   * does. Resolves when every instance will see it.
   */
  forget(target: { readonly sessionId: string } | { readonly userId: string }): Promise<void>

  /** The Sessions API with this instance's credentials. Its revocations and refreshes reach the cache. */
  readonly api: SessionApi

  /** Counters and gauges. */
  stats(): OktaSessionStats

  /** Resolves when no background work is left: for serverless `waitUntil`. */
  settled(): Promise<void>

  /**
   * Ends this instance, in at most `timeoutMs`; no handle stays open. Afterwards a request with a session
   * cookie is `unavailable` (`closed`), one without is anonymous. Calling it again changes nothing.
   */
  close(): Promise<void>
}
