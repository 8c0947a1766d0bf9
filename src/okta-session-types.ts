/** The types of what oktaSession() returns. Types only. */
import type { IncomingMessage } from 'node:http'
import type { UnavailableCode } from './errors.js'
import type { SessionApi } from './okta/session-api.js'
import type {
  Decision,
  EventHookOptions,
  ForwardAuthOptions,
  Handler,
  LoginOptions,
  LogoutOptions,
  PushStats,
  Readiness,
  RefreshOnActivityOptions,
  RefreshOptions,
  RequestLike,
  Session,
  SessionContext,
  SessionEnd,
  SessionInfoOptions,
  SessionRule,
  SharedSignalsOptions,
  StoreStats,
} from './public-types.js'

/** How often each code occurred. A code that did not is absent. */
export type CodeCounts = { readonly [code in UnavailableCode]?: number }

/**
 * What stats() returns. Counters count since the instance was made; gauges are as of now. Plain numbers
 * throughout.
 *
 * @example
 * const { hits, misses }: OktaSessionStats = okta.stats()
 * console.log(`hit rate ${hits / (hits + misses)}`)
 */
export interface OktaSessionStats {
  /** Requests answered from memory. */
  readonly hits: number
  /** Requests that needed a lookup. */
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
  /** Calls that wait in the queue. */
  readonly queued: number
  /**
   * Cached sessions that may be served: neither signed out nor over. Those that `forget()` of a user or of a
   * session, or another instance, has revoked are counted until they are looked up again or over. A session
   * leaves the count up to 1/256 of `maxTtlMs` before its end.
   */
  readonly sessions: number
  /** Entries in the negative cache. */
  readonly negativeEntries: number
  /** Records in the revocation log. */
  readonly revocations: number
  /** Sessions watched by watch(). */
  readonly watched: number
  /**
   * Present while a circuit is open: `everybody` (all lookups; every call where Okta can't be reached or
   * limits the rate), or only unseen cookies, sign-ins, refreshes or sign-outs. `forMs` is in
   * milliseconds; 0: until one more call is answered.
   */
  readonly heldOff?: {
    readonly who: 'everybody' | 'newcomers' | 'sign_ins' | 'refreshes' | 'sign_outs'
    readonly code: UnavailableCode
    readonly forMs: number
  }
  /** What Okta pushed; present once eventHook() or sharedSignals() was called. */
  readonly pushes?: PushStats
  /** The shared store; present where `cache.store` is set. */
  readonly store?: StoreStats
  /** The org's rate-limit window as its last answer gave it. `resetsInMs` is in milliseconds. */
  readonly quota?: {
    readonly limit: number
    readonly remaining: number
    readonly resetsInMs: number
  }
}

/**
 * What oktaSession() returns: middleware, guards and handlers that share one cache and one connection to
 * Okta. Make one when the app starts, and mount its handlers.
 *
 * @example
 * const okta: OktaSession = oktaSession({ orgUrl: 'https://id.example.com' })
 * app.use('/account', okta.requireSession())
 */
export interface OktaSession {
  /**
   * Middleware: finds whose session the request's cookie is and puts the answer on `req.okta`. It never
   * answers a request and never fails one. Mount it after static files.
   *
   * @example
   * app.use(okta.attachSession())
   * app.get('/', (req, res) => {
   *   res.send(req.okta?.session ? `Hello ${req.okta.session.login}` : 'Hello')
   * })
   */
  attachSession(): Handler

  /**
   * The guard: lets a request with an active session that satisfies `rule` through and answers every
   * other one. It looks up by itself where attachSession() did not run.
   *
   * No user signed in: a page is redirected to sign in (302), anything else gets 401. A session that lacks a
   * factor or does not satisfy the rule: 403. Okta gave no usable answer: 503 with `Retry-After`, and no user
   * is signed out. Too many guesses from one client: 429. Everything but pages is
   * `application/problem+json` (RFC 9457).
   *
   * `rule` is a plain object. What would read as no rule (a class instance, a Map, `undefined`, a key that
   * is undefined) is a fault: leave the argument or the key out instead.
   *
   * @throws TypeError when the rule has a fault.
   * @example
   * app.get('/account', okta.requireSession(), (req, res) => {
   *   res.send(`Hello ${okta.session(req).login}`)
   * })
   * app.use('/admin', okta.requireSession({ mfa: true, amr: ['hwk'] }))
   */
  requireSession(...rule: [] | [rule: SessionRule]): Handler

  /**
   * POST handler: `{ sessionToken, returnTo? }` as JSON or form becomes a session (CreateSession) and a
   * cookie. A form is answered 303, a fetch 200 `{ expiresAt, returnTo }`. From this call on the instance
   * asks about that cookie before any other, so that a planted one can't make its holder somebody else.
   *
   * @throws TypeError when no entry of `cookies` is read as `sid`, or an option has a fault.
   * @example
   * app.post('/login', okta.login())
   */
  login(options?: LoginOptions): Handler

  /**
   * POST handler: extends the session (RefreshCurrentSession), at most once per `everyMs`. Answers 200
   * `{ expiresAt, refreshed }`. A page calls it while its user is active.
   *
   * @throws TypeError when an option has a fault.
   * @example
   * app.post('/session/refresh', okta.refresh())
   */
  refresh(options?: RefreshOptions): Handler

  /**
   * POST handler: signs out here at once and closes the session at Okta (CloseCurrentSession), now or as
   * soon as Okta can be reached. A form is answered 303, a fetch 204.
   *
   * @throws TypeError when an option has a fault.
   * @example
   * app.post('/logout', okta.logout())
   */
  logout(options?: LogoutOptions): Handler

  /**
   * The session requireSession() let through.
   *
   * @throws TypeError when no guard ran for this request.
   * @example
   * app.get('/account', okta.requireSession(), (req, res) => {
   *   res.send(`Hello ${okta.session(req).login}`)
   * })
   */
  session(req: IncomingMessage): Session

  /**
   * The core, for anything with headers: WebSocket upgrades, Fetch requests, other frameworks. Rejects
   * with the signal's reason when aborted; other requests that wait for the same lookup go on.
   *
   * @throws TypeError when `req` has no headers.
   * @example
   * server.on('upgrade', async (req, socket) => {
   *   const { session } = await okta.authenticate(req)
   *   if (session === undefined) socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n')
   * })
   */
  authenticate(
    req: RequestLike,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<SessionContext>

  /**
   * The guard without a framework: everything requireSession() answers, as data. Synchronous when the
   * session is cached. `onDenied` is not called. A rule object is checked at its first use and after a change;
   * make it where the app starts.
   *
   * @throws TypeError when the rule has a fault, or `req` has no headers.
   * @example
   * const admins: SessionRule = { mfa: true }
   * createServer(async (req, res) => {
   *   const decision = await okta.check(req, admins)
   *   if (decision.ok) res.end(`Hello ${decision.session.login}`)
   *   else res.writeHead(decision.reply.status).end(decision.reply.body)
   * })
   */
  check(req: RequestLike, ...rule: [] | [rule: SessionRule]): Decision | Promise<Decision>

  /**
   * Calls back once when the request's session ends; returns a function that stops watching. For
   * connections that outlast their request. It makes a lookup every `maxTtlMs` and at expiry.
   *
   * @throws TypeError when `onEnd` is no function.
   * @example
   * server.on('upgrade', (req, socket) => {
   *   const unwatch = okta.watch(req, (reason) => socket.destroy(new Error(reason)))
   *   socket.on('close', unwatch)
   * })
   */
  watch(req: RequestLike, onEnd: (reason: SessionEnd) => void): () => void

  /**
   * Middleware: extends the session of a user who navigates or changes something, after the response.
   * Never delays or fails a request, never relays a cookie.
   *
   * @throws TypeError when an option has a fault.
   * @example
   * app.use(okta.refreshOnActivity())
   */
  refreshOnActivity(options?: RefreshOnActivityOptions): Handler

  /**
   * GET handler: what a page in the browser may know of its session, as JSON ({@link SessionInfo}), from
   * the cache.
   *
   * @throws TypeError when an option has a fault.
   * @example
   * app.get('/session', okta.sessionInfo())
   */
  sessionInfo(options?: SessionInfoOptions): Handler

  /**
   * Handler for a reverse proxy's sub-request (nginx `auth_request`, Traefik, Caddy, Envoy): 200 with the headers
   * `Okta-User-Id`, `Okta-Login` and `Okta-Amr`, or 401, 403, 429, 503.
   * With `redirect: true` a refusal is what requireSession() answers.
   *
   * @throws TypeError when an option has a fault.
   * @example
   * app.use('/verify', okta.forwardAuth({ rule: { mfa: true } }))
   */
  forwardAuth(...options: [] | [options: ForwardAuthOptions]): Handler

  /**
   * Handler for Okta's event hooks: answers the verification (GET) and revokes what events (POST) end: a session, or
   * all of a user, here at once and on every instance with a shared store. The next request asks Okta. 204 once the
   * revocation is recorded; 401 for a wrong secret; 503 where the store could not record it, so that Okta sends
   * the event again. Mount it in front of body parsers, or behind one that takes bodies of 1 MiB.
   *
   * @throws TypeError when an option has a fault.
   * @example
   * app.use('/okta/events', okta.eventHook({ secret: process.env.HOOK_SECRET }))
   * @see https://developer.okta.com/docs/concepts/event-hooks/
   */
  eventHook(options: EventHookOptions): Handler

  /**
   * POST handler for pushed Security Event Tokens (RFC 8935: CAEP session-revoked and credential-change) and,
   * where `universalLogout` is given, for Okta's Universal Logout. Tokens are verified by the org's keys. An event
   * is answered 202, a logout 204; a refused event 400 with the error of RFC 8935, a refused logout 401 or 403;
   * 503 where the keys or the store can't be reached.
   *
   * @throws TypeError when an option has a fault.
   * @example
   * app.use('/okta/signals', okta.sharedSignals({ audience: 'https://app.example.com/okta/signals' }))
   * @see https://www.rfc-editor.org/rfc/rfc8935
   */
  sharedSignals(options: SharedSignalsOptions): Handler

  /**
   * Nothing learned before now about this session or user counts: the next request makes a lookup. `sessionId`
   * is compared with `Session.id` and with the cookie value. It ends nothing at Okta; `api.revokeSession`
   * does. Resolves when every instance will see it; rejects when the shared store could not record it.
   *
   * @throws TypeError, as a rejection, unless `target` has exactly one of the two.
   * @example
   * await okta.forget({ userId: '00u1ab2cd3' })
   */
  forget(target: { readonly sessionId: string } | { readonly userId: string }): Promise<void>

  /** The Sessions API with this instance's credentials. Its revocations and refreshes reach the cache. */
  readonly api: SessionApi

  /**
   * Checks the org by one call (GetCurrentSession without a cookie): whether it answers, whether its clock agrees
   * with this machine's, and what is left of its rate limit. Never rejects and delays no request. The first
   * result, and each one that differs from the last, is one log line: info where there is nothing to do, else a
   * warning that says what.
   *
   * The call is beside the limiter: it is charged to no user and opens no circuit. A result serves for ten
   * seconds, so that a health check may ask often. `checkAtStart` does the same when the instance is made; the
   * command `express-okta-session doctor` checks more.
   *
   * @example
   * const { ok, findings } = await okta.ready()
   * if (!ok) console.error(findings)
   */
  ready(): Promise<Readiness>

  /**
   * Counters and gauges, as of now.
   *
   * @example
   * setInterval(() => console.log(okta.stats()), 60_000).unref()
   */
  stats(): OktaSessionStats

  /**
   * Resolves when no background work is left: for serverless `waitUntil`, and for tests.
   *
   * @example
   * await okta.settled()
   */
  settled(): Promise<void>

  /**
   * Ends this instance, in at most `timeoutMs`; no handle stays open. Afterwards a request with a session
   * cookie is `unavailable` (`closed`), one without is anonymous. Calling it again changes nothing.
   *
   * @example
   * process.once('SIGTERM', async () => {
   *   server.close()
   *   await okta.close()
   * })
   */
  close(): Promise<void>
}
