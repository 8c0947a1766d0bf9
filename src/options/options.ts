/** The options of oktaSession() and SessionApi, and the settings they become once checked. */
import type { KeyObject } from 'node:crypto'
import type { Agent as HttpAgent, IncomingMessage, ServerResponse } from 'node:http'
import type { Agent as HttpsAgent } from 'node:https'
import type { CookieEntry, CookieKind, Logger, SessionStore } from '../contracts.js'
import type { Denial } from '../public-types.js'

/** An Okta API token, sent as `Authorization: SSWS <token>`. Environment: `OKTA_CLIENT_TOKEN`. */
export interface ApiTokenCredentials {
  readonly apiToken: string
}

/**
 * An access token got elsewhere, sent as `Authorization: Bearer <token>`. A function is asked for each
 * call, and once more after a 401. Environment: `OKTA_CLIENT_ACCESSTOKEN`.
 */
export interface AccessTokenCredentials {
  readonly accessToken: string | (() => string | Promise<string>)
}

/**
 * A service app: OAuth 2.0 client credentials with `private_key_jwt`.
 * Environment: `OKTA_CLIENT_CLIENTID`, `_PRIVATEKEY`, `_KEYID`, `_SCOPES`.
 */
export interface PrivateKeyCredentials {
  readonly clientId: string
  /** A private JWK (object or its JSON) or a PEM. RS256/384/512 or ES256/384/512. */
  readonly privateKey: string | Readonly<Record<string, unknown>>
  /** The key's `kid` at Okta; default: the JWK's own. */
  readonly keyId?: string | undefined
  /** Default: `okta.sessions.read` and `okta.sessions.manage`. */
  readonly scopes?: readonly string[] | undefined
  /** Whether tokens are bound to a key (DPoP, RFC 9449). Default: used when the org asks for it. */
  readonly dpop?: boolean | undefined
}

/** How by-id operations (and createSession, with an API token) authorise themselves. */
export type Credentials = ApiTokenCredentials | AccessTokenCredentials | PrivateKeyCredentials

/**
 * The options of SessionApi. What is left out comes from the environment that the SDKs of Okta read.
 *
 * @example
 * const api = new SessionApi({ orgUrl: 'https://id.example.com', credentials: { apiToken } })
 */
export interface SessionApiOptions {
  /**
   * The org, for example `https://id.example.com`: https, or http on loopback; no path, query or user info.
   * Environment: `OKTA_CLIENT_ORGURL`.
   */
  readonly orgUrl?: string | undefined
  /** Needed by operations that take a session id. Environment: see each kind of credentials. */
  readonly credentials?: Credentials | undefined
  /** One deadline for a whole exchange, retry and body included. In milliseconds. Default 3,000; 1 to 120,000. */
  readonly timeoutMs?: number | undefined
  /** An agent of your own, for a proxy or a private CA. Default: one that keeps connections alive. */
  readonly agent?: HttpsAgent | HttpAgent | undefined
}

/** A cookie with a name of your own that carries an Okta session: see `login()`. */
export interface CookieOption {
  /** The name of the cookie in the browser. A `signed` one needs the `__Host-` prefix. */
  readonly name: string
  /** The name its value is sent to Okta under. */
  readonly as: CookieKind
  /** Wrap the value in an HMAC envelope, so that junk costs no call to Okta. Needs `secret` and an https org. Default false. */
  readonly signed?: boolean | undefined
}

/** What is kept in memory, how much of it and how long. */
export interface CacheOptions {
  /** How long an active session is served before Okta is asked again. In milliseconds. Default 60,000; 1 to 86,400,000 (a day). */
  readonly ttlMs?: number | undefined
  /**
   * How long an active session is served while asking again is unwise or impossible. In milliseconds.
   * Default 300,000, or `ttlMs` where that is more; 1 to 86,400,000 (a day). Equal to `ttlMs` it is a hard
   * bound.
   */
  readonly maxTtlMs?: number | undefined
  /** How many sessions are kept. Default 50,000; 1 to 10,000,000. */
  readonly maxSessions?: number | undefined
  /** How long the answer that there is no session is kept. In milliseconds. Default 10,000; 1 to 3,600,000 (an hour). */
  readonly negativeTtlMs?: number | undefined
  /** How many of those answers are kept, in a cache of their own: junk evicts no session. Default 65,536; 1 to 10,000,000. */
  readonly maxNegatives?: number | undefined
  /** A second level that all instances share. Needs `secret`. Default: none. No factory of one is public yet. */
  readonly store?: SessionStore | undefined
}

/** A token bucket. */
export interface BudgetOptions {
  /** How many tokens come back in a second; 0.001 to 100,000. */
  readonly perSecond?: number | undefined
  /** How many tokens the bucket holds; 1 to 1,000,000. */
  readonly burst?: number | undefined
}

/** How Okta is called, and how often it may be. */
export interface UpstreamOptions {
  /** One deadline for a whole exchange with Okta, retry and body included. In milliseconds. Default 3,000; 1 to 120,000. */
  readonly timeoutMs?: number | undefined
  /** Calls to Okta at once, per process. Default 5; 1 to 1,000. */
  readonly maxConcurrent?: number | undefined
  /** How long a call may wait in the queue. In milliseconds. Default 1,000; 0 to 60,000. */
  readonly maxQueueMs?: number | undefined
  /** Lookups of unseen cookies that find no session, for all clients together. Default 2.5 a second, burst 50. */
  readonly failedLookups?: BudgetOptions | undefined
  /** The same per client address (IPv4 /32, IPv6 /64). Default 1 a second, burst 20. */
  readonly failedLookupsPerClient?: BudgetOptions | undefined
  /** Send `X-Forwarded-For` with `req.ip`, for orgs that list this server as a trusted proxy. Default false. */
  readonly forwardClientIp?: boolean | undefined
  /** An agent of your own, for a proxy or a private CA. TLS checks cannot be switched off here. Default: one that keeps connections alive. */
  readonly agent?: HttpsAgent | HttpAgent | undefined
}

/**
 * The options of oktaSession(). All are optional but `orgUrl`, which may come from the environment. Every
 * duration ends in `Ms` and is in milliseconds.
 *
 * @example
 * const okta = oktaSession({
 *   orgUrl: 'https://id.example.com',
 *   appUrl: 'https://app.example.com',
 *   cache: { ttlMs: 30_000, maxTtlMs: 120_000 },
 *   upstream: { timeoutMs: 2_000 },
 *   trustedOrigins: ['https://www.example.com'],
 * })
 */
export interface OktaSessionOptions {
  /**
   * The org, for example `https://id.example.com`: https, or http on loopback; no path, query or user info.
   * Environment: `OKTA_CLIENT_ORGURL`.
   */
  readonly orgUrl?: string | undefined
  /**
   * The origin browsers see, for example `https://app.example.com`. Environment: `APP_BASE_URL`. Default:
   * the Host the request came to.
   *
   * Without it a post is same-origin if it comes from `https://` and that Host. One from `http://` and that
   * Host is same-origin only if the request did not come over https (behind a proxy, as Express's
   * `trust proxy` tells) and the org is on http or the Host is loopback: anyone on the network can forge
   * plain http. An app served over plain http elsewhere sets this option.
   */
  readonly appUrl?: string | undefined
  /** For operations by session id, and `createSession`. Never sent to `/sessions/me`. Environment: see each kind. */
  readonly credentials?: Credentials | undefined
  /**
   * The cookies to read, in order; the first one present decides, and where its session is over the next.
   * Where `login()` is mounted the entry it sets comes first, whatever the order. Two live cookies of
   * different users count as none. Default `['idx', 'sid']`, for one org in a process.
   */
  readonly cookies?: readonly (CookieKind | CookieOption)[] | undefined
  /** What is kept in memory, how much of it and how long. */
  readonly cache?: CacheOptions | undefined
  /**
   * At least 32 bytes, or `[current, previous]`. Seals what leaves the process: shared cache entries and
   * signed cookies, which need it. Default: none.
   */
  readonly secret?: string | readonly [string, string] | undefined
  /** How Okta is called, and how often it may be. */
  readonly upstream?: UpstreamOptions | undefined
  /** A path or URL (which gets `?returnTo=<path>`), or a function. Default: the sign-in page of the org. */
  readonly signInUrl?: string | SignInUrl['call'] | undefined
  /** Origins besides your own that may post to the handlers or be returned to, compared with their scheme. Default: none. */
  readonly trustedOrigins?: readonly string[] | undefined
  /** Admit posts without `Origin` and `Sec-Fetch-Site` that carry `X-Requested-By`. Default false. */
  readonly allowNonBrowserClients?: boolean | undefined
  /** Takes over what a guard answers. If it returns `false`, or a promise of it, the guard answers after all. */
  onDenied?(
    denial: Denial,
    req: IncomingMessage,
    res: ServerResponse,
    next: (error?: unknown) => void,
  ): unknown
  /** One line per change of state, never one per request. Default `console`; `false` logs nothing. */
  readonly logger?: Logger | false | undefined
  /** The property of the request that holds the context. Default `okta`. */
  readonly property?: string | undefined
}

/** In method syntax, so that an app may annotate `req` with Express's Request. */
export interface SignInUrl {
  call(returnTo: string, req: IncomingMessage): string
}

/** A service app, checked: its key is parsed once, here. */
export interface ServiceApp {
  readonly clientId: string
  readonly privateKey: KeyObject
  /** The JWS algorithm the key signs with, for example `RS256`. */
  readonly algorithm: string
  /** The `kid` under which Okta knows the public half. */
  readonly keyId: string | undefined
  readonly scopes: readonly string[]
  /** Undefined: proofs are sent once the org asks for them. */
  readonly dpop: boolean | undefined
}

/** Credentials, checked. */
export type CheckedCredentials = ApiTokenCredentials | AccessTokenCredentials | ServiceApp

/** SessionApi's options, checked. */
export interface ApiSettings {
  /** An origin, without a trailing slash. */
  readonly orgUrl: string
  readonly credentials: CheckedCredentials | undefined
  readonly timeoutMs: number
  readonly agent: HttpsAgent | HttpAgent | undefined
}

/** A checked budget. */
export interface Budget {
  readonly perSecond: number
  readonly burst: number
}

/** oktaSession()'s options, checked, with every default filled in. */
export interface Settings {
  readonly api: ApiSettings
  /** An origin, or undefined: the Host the request came to. */
  readonly appUrl: string | undefined
  readonly cookies: readonly CookieEntry[]
  readonly cache: {
    readonly ttlMs: number
    readonly maxTtlMs: number
    readonly maxSessions: number
    readonly negativeTtlMs: number
    readonly maxNegatives: number
    readonly store: SessionStore | undefined
  }
  /** `[]`, `[current]` or `[current, previous]`. */
  readonly secrets: readonly string[]
  readonly upstream: {
    readonly maxConcurrent: number
    readonly maxQueueMs: number
    readonly failedLookups: Budget
    readonly failedLookupsPerClient: Budget
    readonly forwardClientIp: boolean
  }
  readonly signInUrl: string | SignInUrl['call'] | undefined
  readonly trustedOrigins: readonly string[]
  readonly allowNonBrowserClients: boolean
  readonly onDenied: OktaSessionOptions['onDenied']
  readonly logger: Logger | undefined
  readonly property: string
}
