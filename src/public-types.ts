/** The types an app sees on requests: what lands there, what guards ask, and what handlers take and answer. Types only. */

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { UnavailableCode } from './errors.js'

// biome-ignore-start lint/suspicious/noTsIgnore: with Express's types there is no error to expect.
/** @ts-ignore Without Express's types in the app this is `any`. */
type ExpressRequest = import('express').Request
/** @ts-ignore The same. */
type ExpressResponse = import('express').Response
// biome-ignore-end lint/suspicious/noTsIgnore: with Express's types there is no error to expect.

/** The fallback where `T` is the type of a missing module, which has every key. */
type Or<Fallback, T> = string extends keyof T ? Fallback : T

/**
 * The request that `allow`, `onDenied`, `signInUrl` and `counts` receive: Express's `Request` where the app
 * has Express's types, of either major version, else Node's. An app on Connect or `node:http` that has
 * Express's types as well annotates it as `IncomingMessage`, which compiles everywhere.
 *
 * @example
 * const isOwner = ({ userId }: Session, req: AppRequest) => req.params.userId === userId
 * app.get('/users/:userId', okta.requireSession({ allow: isOwner }))
 */
export type AppRequest = Or<IncomingMessage, ExpressRequest>

/**
 * The response that `onDenied` receives: Express's `Response` where the app has Express's types, else Node's.
 *
 * @example
 * const refuse = (res: AppResponse, { status, code }: Denial) => res.status(status).json({ code })
 */
export type AppResponse = Or<ServerResponse, ExpressResponse>

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

/** Okta vouched for this session. */
export interface ActiveContext {
  /** Tells this context from the others. */
  readonly state: 'active'
  /** The user's session. */
  readonly session: Session
  /**
   * Where the answer came from: `memory` (cached in this process), `shared` (cached for all instances),
   * `okta` (looked up for this request), `stale` (older than `ttlMs`, served because a new lookup was
   * unwise or impossible).
   */
  readonly source: 'memory' | 'shared' | 'okta' | 'stale'
  /** When the lookup that gave this answer began. Epoch milliseconds. */
  readonly askedAt: number
}

/** The session exists and still lacks a factor. */
export interface IncompleteContext {
  /** Tells this context from the others. */
  readonly state: 'incomplete'
  /** Absent, so that the session cannot be mistaken for a complete one. */
  readonly session?: undefined
  /** The session that still lacks a factor: no proof that its user is signed in. */
  readonly incompleteSession: Session
  /** What the session lacks. */
  readonly reason: IncompleteReason
}

/** No user is signed in: no usable cookie, or Okta said that there is no such session. */
export interface AnonymousContext {
  /** Tells this context from the others. */
  readonly state: 'anonymous'
  /** Absent: no user is signed in. */
  readonly session?: undefined
  /** Why no user is signed in. */
  readonly reason: AnonymousReason
}

/** Whether there is a session could not be found out. The user is not signed out. */
export interface UnavailableContext {
  /** Tells this context from the others. */
  readonly state: 'unavailable'
  /** Absent: it could not be found out. */
  readonly session?: undefined
  /** Why there is no answer. */
  readonly reason: UnavailableCode
  /** How long until asking again makes sense. In milliseconds. */
  readonly retryAfterMs: number
}

/**
 * What lands on `req.okta`. Three outcomes, never two: Okta said yes (`active`), Okta said no
 * (`anonymous`, `incomplete`), or it could not be found out (`unavailable`).
 * `if (req.okta?.session)` is a correct guard: `session` exists on `active` only.
 *
 * @example
 * app.get('/', okta.attachSession(), (req, res) => {
 *   const { okta: context } = req
 *   if (context?.state === 'unavailable') res.status(503).end()
 *   else res.send(context?.session ? `Hello ${context.session.login}` : 'Hello')
 * })
 */
export type SessionContext =
  | ActiveContext
  | IncompleteContext
  | AnonymousContext
  | UnavailableContext

/**
 * A Connect-style handler: for Express 4 and 5, Connect, and `node:http` with a `next` of the app's own.
 *
 * @example
 * const guard: Handler = okta.requireSession()
 * createServer((req, res) => guard(req, res, () => res.end('Hello')))
 */
export type Handler = (
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void

/**
 * Anything with headers: an IncomingMessage, an HTTP/2 request, a Fetch `Request`, a Fastify or Koa request.
 *
 * @example
 * const context = await okta.authenticate({ headers: { cookie: 'sid=101W' } })
 */
export interface RequestLike {
  /** The headers, named in lower case, or a Fetch `Headers`. Without them there is a TypeError. */
  readonly headers: IncomingHttpHeaders | Headers
  /** The HTTP method. Only `GET` and `HEAD` are redirected to sign in. */
  readonly method?: string | undefined
  /** The path and query, or the whole URL. */
  readonly url?: string | undefined
  /** The same before a framework rewrote `url`, as Express does in routers. */
  readonly originalUrl?: string | undefined
  /** The address of the client as the framework knows it, for limits per client. */
  readonly ip?: string | undefined
  /** The connection, whose `remoteAddress` counts where there is no `ip`. */
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

/**
 * What a guard is about to answer; `onDenied` may answer instead.
 *
 * @example
 * const okta = oktaSession({
 *   onDenied({ status, code }, req, res) {
 *     if (req.headers.accept !== 'text/plain') return false
 *     res.writeHead(status).end(code)
 *   },
 * })
 */
export interface Denial {
  /** The HTTP status; a page may be redirected to sign in instead. */
  readonly status: 401 | 403 | 429 | 503
  /** What was missing. */
  readonly code: DenialCode
  /** The `reason` of the context, where it has one. */
  readonly reason?: AnonymousReason | IncompleteReason | UnavailableCode
  /** What is known of the session. */
  readonly context: SessionContext
  /** Where a browser would be sent to sign in; present when signing in could help, with 429 for pages alone. */
  readonly signInUrl?: string
  /** What `Retry-After` says, in milliseconds; present with 429 and 503. */
  readonly retryAfterMs?: number
  /** The methods the rule asks for, when `amr` was not met. */
  readonly amr?: readonly string[]
  /** The rule's `signedInWithinMs` in seconds, when that was not met. */
  readonly maxAgeSeconds?: number
}

/** What a page of this package is about: the `code` of a denial, or a page that no denial has. */
export type PageCode =
  | DenialCode
  /** Sign-in came back without a session several times in a row. */
  | 'sign_in_loop'
  /** login() refused the session token; Okta is out of reach for it; the form cannot be read. */
  | 'sign_in_failed'
  | 'sign_in_unavailable'
  | 'invalid_request'
  /** A form came from another site. */
  | 'cross_site'
  /** logout() opened in a browser: a page with a button. */
  | 'sign_out'

/** Where a link of a page leads. `back` is the page that a refused form was on. */
export type PageLinkKind = 'sign_out' | 'sign_in' | 'try_again' | 'back' | 'home'

/**
 * A link, or a button, of a page.
 *
 * @example
 * const escape = (text: string) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
 * const html = ({ href, text }: PageLink) => `<a href="${escape(href)}">${escape(text)}</a>`
 */
export interface PageLink {
  /** Where it leads. */
  readonly kind: PageLinkKind
  /** The address; `''` is the address of the page itself. */
  readonly href: string
  /** What it says. */
  readonly text: string
  /** `post`: a button in a form that posts to `href`. */
  readonly method: 'get' | 'post'
}

/**
 * A page for a person, as `pages.texts` and `pages.render` get it. Frozen; every text is plain text, which
 * `render` must escape.
 *
 * @example
 * const isOutage = ({ code }: GuardPage) => code === 'okta_unavailable'
 */
export interface GuardPage {
  /** The HTTP status. */
  readonly status: number
  /** What the page is about. */
  readonly code: PageCode
  /** The `reason` of the denial, where it has one. */
  readonly reason?: AnonymousReason | IncompleteReason | UnavailableCode
  /** Whether a form was posted and refused, not a page opened. */
  readonly isForm: boolean
  /** The language of the texts, as HTML names it. */
  readonly lang: string
  /** The heading. */
  readonly title: string
  /** The reason in words. */
  readonly message: string
  /** What to do now; may be empty. */
  readonly advice: string
  /** Since when the visitor waits in an outage, in words. */
  readonly waiting?: string
  /** The most useful one first, the way home last. */
  readonly links: readonly PageLink[]
  /** What `Retry-After` says. In milliseconds. */
  readonly retryAfterMs?: number
  /** After this time the page loads itself again. In milliseconds. */
  readonly reloadMs?: number
  /** When the visitor began to wait in an outage. Epoch milliseconds. */
  readonly waitingSince?: number
  /** How long ago that is. In milliseconds. */
  readonly waitingMs?: number
  /** The names of the cookies that contradict each other, where that is the reason. */
  readonly cookies?: readonly string[]
}

/**
 * The texts that `pages.texts` replaces; those left out stay.
 *
 * @example
 * const german: PageTexts = { lang: 'de', title: 'Bitte warten', links: { home: 'Startseite' } }
 */
export interface PageTexts {
  /** The language of the texts, as HTML names it: `de`, `pt-BR`. */
  readonly lang?: string | undefined
  /** The heading. */
  readonly title?: string | undefined
  /** The reason in words. */
  readonly message?: string | undefined
  /** What to do now. */
  readonly advice?: string | undefined
  /** Since when the visitor waits in an outage. */
  readonly waiting?: string | undefined
  /** What the links and buttons say. */
  readonly links?: { readonly [K in PageLinkKind]?: string | undefined } | undefined
}

/**
 * What a guard asks of an active session, all of it together. A plain object; a key that is there and
 * undefined is a fault, because it would read as no rule.
 *
 * @example
 * const admins: SessionRule = { mfa: true, signedInWithinMs: 15 * 60_000 }
 * app.use('/admin', okta.requireSession(admins))
 * @see https://www.rfc-editor.org/rfc/rfc8176 for the values of `amr`
 */
export interface SessionRule {
  /** A second factor: `amr` contains `mfa` or `mca`. */
  readonly mfa?: boolean
  /** All of these authentication methods. */
  readonly amr?: readonly string[]
  /** How long ago the newer of password and factor verification may be, by Okta's clock. In milliseconds. */
  readonly signedInWithinMs?: number
  /** How long ago the session may have been looked up; 0 makes a lookup for this very request. In milliseconds. */
  readonly maxStalenessMs?: number
  /** The app's own check. A throw or rejection goes to `next(error)` and is never a pass. */
  allow?(session: Session, req: AppRequest): boolean | Promise<boolean>
}

/**
 * Options of eventHook().
 *
 * @example
 * app.use('/okta/events', okta.eventHook({ secret: process.env.HOOK_SECRET }))
 */
export interface EventHookOptions {
  /** The hook's authentication secret; [new, old] while it is being replaced. Required. */
  readonly secret: string | readonly [string, string] | undefined
  /** The header that carries it, the hook's authentication field. Default `authorization`. */
  readonly header?: string | undefined
}

/**
 * Options of sharedSignals().
 *
 * @example
 * const options: SharedSignalsOptions = {
 *   audience: 'https://app.example.com/signals',
 *   universalLogout: { clientId: '0oa1ab2cd3' },
 * }
 */
export interface SharedSignalsOptions {
  /** The `aud` of the tokens: any of these. Required. */
  readonly audience: string | readonly string[] | undefined
  /** The `iss` of the tokens: any of these. Default `orgUrl`. */
  readonly issuer?: string | readonly string[] | undefined
  /**
   * Accepts Universal Logout. `clientId`: the `sub` of its tokens, the app's id at Okta. `audience`: their
   * `aud`, the URL of this handler; default: `audience` above. Default: Universal Logout is refused.
   */
  readonly universalLogout?:
    | {
        readonly clientId: string | undefined
        readonly audience?: string | readonly string[] | undefined
      }
    | undefined
}

/**
 * What Okta pushed, in numbers: see {@link OktaSessionStats}.
 *
 * @example
 * const { refused } = okta.stats().pushes ?? { refused: 0 }
 */
export interface PushStats {
  /** Events and tokens that were accepted, those that revoke nothing included. */
  readonly events: number
  /** Those of them that revoked something. */
  readonly revocations: number
  /** Deliveries that were refused: a wrong secret, a token that does not verify, a body that is no event. */
  readonly refused: number
}

/** Why a watched session is over. `unavailable` only once the session's own end has passed unheard. */
export type SessionEnd = 'signed_out' | 'not_found' | 'expired' | 'unavailable' | 'closed'

/** Okta's own statuses; a status this package does not know yet reads as any other string. */
export type SessionStatus = 'ACTIVE' | 'MFA_REQUIRED' | 'MFA_ENROLL' | (string & {})

/** The identity provider that signed the user in. Identity Engine may leave it out. */
export interface SessionIdentityProvider {
  /** The id of the identity provider at Okta. */
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
 * `getSession` and `refreshSession` when they were called with it) it is the **value of the `sid`
 * cookie, a live credential**: `util.inspect` and `console.log` hide it there, `JSON.stringify` does not.
 *
 * @example
 * app.get('/account', okta.requireSession(), (req, res) => {
 *   const { login, expiresAt }: Session = okta.session(req)
 *   res.json({ login, expiresAt })
 * })
 * @see https://developer.okta.com/docs/api/openapi/okta-management/management/tag/Session/
 */
export interface Session {
  /** The external id, or a live credential: see above. */
  readonly id: string
  /** The user name, usually an e-mail address. */
  readonly login: string
  /** The user's id at Okta (`00u...`). */
  readonly userId: string
  /** `ACTIVE` where the sign-in is complete. */
  readonly status: SessionStatus
  /** ISO 8601. The earlier of the idle end and the end of the session's lifetime, as of the answer. */
  readonly expiresAt: string
  /** ISO 8601. When the user signed in. */
  readonly createdAt?: string
  /** ISO 8601, or null when no password was used. */
  readonly lastPasswordVerification?: string | null
  /** ISO 8601, or null when no second factor was used. */
  readonly lastFactorVerification?: string | null
  /** How the user proved who they are (RFC 8176 values such as `pwd`, `otp`, `mfa`); `[]` when Okta sent none. */
  readonly amr: readonly string[]
  /** The identity provider that signed the user in. */
  readonly idp?: SessionIdentityProvider
  /** Whether a second factor was used. Deprecated by Okta, still sent. */
  readonly mfaActive?: boolean
}

/**
 * Options of login().
 *
 * @example
 * app.post('/login', okta.login({ returnTo: '/account' }))
 */
export interface LoginOptions {
  /** Where the browser goes when the request names no safe `returnTo`. Default `/`. */
  readonly returnTo?: string | undefined
}

/**
 * Options of logout().
 *
 * @example
 * app.post('/logout', okta.logout({ returnTo: '/goodbye' }))
 */
export interface LogoutOptions {
  /** Where the browser goes when the request names no safe `returnTo`. Default `/`. */
  readonly returnTo?: string | undefined
}

/**
 * Options of refresh().
 *
 * @example
 * app.post('/session/refresh', okta.refresh({ everyMs: 120_000 }))
 */
export interface RefreshOptions {
  /** At most one refresh of a session in this time. In milliseconds. Default 60,000. */
  readonly everyMs?: number | undefined
}

/**
 * The body refresh() answers with.
 *
 * @example
 * const response = await fetch('/session/refresh', { method: 'POST' })
 * const { expiresAt } = (await response.json()) as RefreshAnswer
 */
export interface RefreshAnswer {
  /** When the session ends: ISO 8601, by Okta's clock. Okta does not always move it. */
  readonly expiresAt: string
  /** Whether this request refreshed the session at Okta. */
  readonly refreshed: boolean
}

/**
 * Options of refreshOnActivity().
 *
 * @example
 * app.use(okta.refreshOnActivity({ counts: (req) => req.method !== 'GET' }))
 */
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
  counts?(req: AppRequest): boolean | Promise<boolean>
}

/**
 * Options of sessionInfo().
 *
 * @example
 * app.get('/session', okta.sessionInfo({ maxStalenessMs: 5_000 }))
 */
export interface SessionInfoOptions {
  /** How old an answer may be before a lookup is made. In milliseconds. Default: `cache.maxTtlMs`, which is also the most. */
  readonly maxStalenessMs?: number
}

/**
 * The body sessionInfo() answers with. Never the session's id, never a cookie.
 *
 * @example
 * const response = await fetch('/session')
 * const { state, user } = (await response.json()) as SessionInfo
 */
export interface SessionInfo {
  /** As on `req.okta`. */
  readonly state: SessionContext['state']
  /** Why the state is not `active`. */
  readonly reason?: string
  /** The user's id at Okta and user name; present where the state is `active`. */
  readonly user?: { readonly id: string; readonly login: string }
  /** The authentication methods; present where the state is `active`. */
  readonly amr?: readonly string[]
  /** When the session ends: ISO 8601, by Okta's clock; present where the state is `active`. */
  readonly expiresAt?: string
  /** ISO 8601, by Okta's clock: what `expiresAt` is to be compared with. */
  readonly serverTime: string
}

/**
 * Options of forwardAuth().
 *
 * @example
 * app.get('/verify', okta.forwardAuth({ rule: { mfa: true } }))
 */
export interface ForwardAuthOptions {
  /** The rule that an active session has to meet, as for requireSession(). Default: nothing more. */
  readonly rule?: SessionRule
  /**
   * Answer a refusal as requireSession() would, for proxies that hand the answer to the browser (Traefik,
   * Caddy, Envoy). Default `false`.
   *
   * A page is redirected to sign in or gets a page, everything else a problem. The path to return to is that
   * of `X-Forwarded-Uri`, of `X-Original-URI`, else what stands behind the path this handler is mounted at
   * (Envoy). `X-Forwarded-Method` or `X-Original-Method`, else the request's own method, tells a form from a
   * page. `onDenied` is not called.
   */
  readonly redirect?: boolean | undefined
  /**
   * The status of a request that may pass, with an empty body. Default 200; 200 to 299.
   *
   * Envoy takes 200 alone; nginx, Traefik and Caddy take any of these.
   */
  readonly status?: number | undefined
  /**
   * Let CORS preflights pass, which browsers send without cookies. Default `false`.
   *
   * A preflight is an OPTIONS request with `Origin` and `Access-Control-Request-Method`. The proxy must set
   * `X-Forwarded-Method` itself, as Traefik and Caddy do: a client that may send it could pass any request
   * for a preflight.
   */
  readonly allowPreflight?: boolean | undefined
}

/**
 * Counters and gauges of the store that instances share, since this instance began.
 *
 * @example
 * const { store } = okta.stats()
 * if (store?.state === 'unavailable') console.log('this instance works alone')
 */
export interface StoreStats {
  /** `unavailable`: the instance serves from memory and asks Okta for itself. */
  readonly state: 'ready' | 'unavailable'
  /** Commands sent. */
  readonly commands: number
  /** Commands that failed or were given up, and records that could not be appended. */
  readonly failures: number
  /** Entries taken from the store. */
  readonly entriesRead: number
  /** Entries written to the store. */
  readonly entriesWritten: number
  /** Entries and records that were ignored: forged, damaged, too old, or sealed with another secret. */
  readonly rejected: number
  /** Revocation records of other instances. */
  readonly recordsRead: number
  /** Revocation records that wait until the store can take them. */
  readonly recordsWaiting: number
  /** Times at which records of others may have been missed. */
  readonly gaps: number
  /** Since the revocation log was last read to its end. In milliseconds; undefined before the first time. */
  readonly logLagMs?: number | undefined
  /** Living instances, this one included. */
  readonly instances: number
}

/**
 * An answer as data, for any framework to send.
 *
 * @example
 * function send(res: ServerResponse, { status, headers, body }: Reply) {
 *   for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
 *   res.writeHead(status).end(body)
 * }
 */
export interface Reply {
  /** The HTTP status. */
  readonly status: number
  /** Names in lower case. `set-cookie` is a list of lines; every other value is a string. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  /** The text of the body; `''` when there is none. */
  readonly body: string
}

/**
 * What check() decides. `headers` of a request that may pass belong on the answer the app gives it:
 * `cache-control`, `vary`, and `set-cookie` where the count of sign-in redirects ends.
 *
 * @example
 * const decision: Decision = await okta.check(req, { mfa: true })
 * const status = decision.ok ? 200 : decision.reply.status
 */
export type Decision =
  | {
      readonly ok: true
      readonly session: Session
      readonly context: ActiveContext
      readonly headers: Reply['headers']
    }
  | { readonly ok: false; readonly denial: Denial; readonly reply: Reply }

/**
 * One result of a check: of ready(), or of the command `express-okta-session doctor`.
 *
 * @example
 * const isFault = ({ level }: Finding) => level === 'fault'
 */
export interface Finding {
  /** What was checked: `org`, `clock`, `rate_limit`, and more from the command. */
  readonly check: string
  /** `fault`: visitors get errors, or soon will. `warning`: it works, and something deserves attention. */
  readonly level: 'ok' | 'warning' | 'fault'
  /** What was found. Never a secret. */
  readonly message: string
  /** What to do; absent where there is nothing to do. */
  readonly advice?: string
}

/**
 * What ready() resolves with.
 *
 * @example
 * const { ok, findings }: Readiness = await okta.ready()
 * if (!ok) console.error(findings)
 */
export interface Readiness {
  /** Whether no finding is a fault. */
  readonly ok: boolean
  /** What was found: about the org, and where it answered about the clock and the rate limit. */
  readonly findings: readonly Finding[]
}
