/** What oktaSession() returns: the handlers an app mounts and what stands around them. */
import type { IncomingMessage } from 'node:http'
import type { ForwardAuthOptions } from './http/handlers/forward-auth.js'
import type { LoginOptions } from './http/handlers/login.js'
import type { LogoutOptions } from './http/handlers/logout.js'
import type { RefreshOptions } from './http/handlers/refresh.js'
import type { RefreshOnActivityOptions } from './http/handlers/refresh-on-activity.js'
import type { SessionInfoOptions } from './http/handlers/session-info.js'
import type { SessionApi } from './okta/session-api.js'
import type {
  Handler,
  OktaSessionStats,
  RequestLike,
  Session,
  SessionContext,
  SessionEnd,
  SessionRule,
} from './public-types.js'

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
   * Nobody signed in: a page is sent to sign in (302), anything else gets 401. A session that lacks a
   * factor or does not satisfy the rule: 403. Okta could not be asked: 503 with `Retry-After`, and nobody
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
