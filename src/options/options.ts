/** The options of oktaSession() and SessionApi: their shapes, units and defaults, and what they become once checked. */
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

/** What SessionApi needs; each falls back to the environment Okta's SDKs read. */
export interface SessionApiOptions {
  /** The org, for example `https://id.example.com`; environment `OKTA_CLIENT_ORGURL`. https, or http on loopback. No path. */
  readonly orgUrl?: string | undefined
  readonly credentials?: Credentials | undefined
  /** One deadline for a whole exchange, retry and body included. Default 3,000; 1 to 120,000. */
  readonly timeoutMs?: number | undefined
  /** Your own agent: a proxy, a private CA. */
  readonly agent?: HttpsAgent | HttpAgent | undefined
}

/** One of our own cookies, carrying an Okta session: see `login()`. */
export interface CookieOption {
  /** The cookie's name in the browser. A `signed` one needs the `__Host-` prefix. */
  readonly name: string
  /** The name its value is sent to Okta under. */
  readonly as: CookieKind
  /** Wrap the value in an HMAC envelope, so that junk costs no call to Okta. Needs `secret` and an https org. */
  readonly signed?: boolean | undefined
}

export interface CacheOptions {
  /** After this a yes is asked again. Default 60,000; 1 to 86,400,000 (a day). */
  readonly ttlMs?: number | undefined
  /** How long a yes may serve when asking again now is unwise or impossible. Default 300,000, or `ttlMs` where that is more; at most a day. Equal to `ttlMs`: a hard bound. */
  readonly maxTtlMs?: number | undefined
  /** Default 50,000; 1 to 10,000,000. */
  readonly maxSessions?: number | undefined
  /** How long a no is remembered. Default 10,000; 1 to 3,600,000 (an hour). */
  readonly negativeTtlMs?: number | undefined
  /** Default 65,536; 1 to 10,000,000. A cache of its own: junk never pushes a real session out. */
  readonly maxNegatives?: number | undefined
  /** A second level shared by all instances. Needs `secret`. */
  readonly store?: SessionStore | undefined
}

/** A token bucket: `burst` (1 to 1,000,000) at once, `perSecond` (0.001 to 100,000) after that. */
export interface BudgetOptions {
  readonly perSecond?: number | undefined
  readonly burst?: number | undefined
}

export interface UpstreamOptions {
  /** One deadline for the whole exchange with Okta, retry and body included. Default 3,000; 1 to 120,000. */
  readonly timeoutMs?: number | undefined
  /** Calls to Okta at once, per process. Default 5; 1 to 1,000. */
  readonly maxConcurrent?: number | undefined
  /** How long a call may wait for its turn. Default 1,000; 0 to 60,000. */
  readonly maxQueueMs?: number | undefined
  /** Lookups of cookies never seen before that end in a no, for all clients together. Default 2.5 a second, burst 50. */
  readonly failedLookups?: BudgetOptions | undefined
  /** The same per client address (IPv4 /32, IPv6 /64). Default 1 a second, burst 20. */
  readonly failedLookupsPerClient?: BudgetOptions | undefined
  /** Send `X-Forwarded-For` with `req.ip`, for orgs that list this server as a trusted proxy. Default false. */
  readonly forwardClientIp?: boolean | undefined
  /** Your own agent: a proxy, a private CA. TLS checks cannot be switched off here. */
  readonly agent?: HttpsAgent | HttpAgent | undefined
}

/** Options of oktaSession(). Every duration ends in `Ms`. */
export interface OktaSessionOptions {
  /** The org, for example `https://id.example.com`; environment `OKTA_CLIENT_ORGURL`. https, or http on loopback. No path, query or user info. */
  readonly orgUrl?: string | undefined
  /**
   * The origin browsers see, for example `https://app.example.com`; environment `APP_BASE_URL`. Default:
   * the Host the request came to. Without it, posts from `https://` and that Host are ours, and posts from
   * `http://` only where the request did not come over https (behind a proxy Express's `trust proxy` tells),
   * and the org is on http or the Host is loopback: plain http can be forged by anybody on the network. An
   * app served over plain http elsewhere names its origin here.
   */
  readonly appUrl?: string | undefined
  /** How by-id operations authorise themselves. Never sent to `/sessions/me`. */
  readonly credentials?: Credentials | undefined
  /**
   * The cookies to read, in order; the first one present decides, and where its session is over the next.
   * Where `login()` is mounted the entry it sets comes first, whatever the order. Two live cookies of
   * different users count for nothing. Default `['idx', 'sid']`, for one org in a process.
   */
  readonly cookies?: readonly (CookieKind | CookieOption)[] | undefined
  readonly cache?: CacheOptions | undefined
  /** At least 32 bytes, or `[current, previous]`. Seals what leaves the process: shared entries and our own cookie. */
  readonly secret?: string | readonly [string, string] | undefined
  readonly upstream?: UpstreamOptions | undefined
  /** A URL (which gets `?returnTo=<path>`) or a function. Default: the org's sign-in page. */
  readonly signInUrl?: string | SignInUrl['call'] | undefined
  /** Origins besides our own that may post to our handlers or be returned to, compared with their scheme. Default none. */
  readonly trustedOrigins?: readonly string[] | undefined
  /** Admit posts without `Origin` and `Sec-Fetch-Site` that carry `X-Requested-By`. Default false. */
  readonly allowNonBrowserClients?: boolean | undefined
  /** Take over what a guard answers. Returning `false`, or a promise of it, leaves this one to the guard after all. */
  onDenied?(
    denial: Denial,
    req: IncomingMessage,
    res: ServerResponse,
    next: (error?: unknown) => void,
  ): unknown
  /** Default `console`. `false` is silence. */
  readonly logger?: Logger | false | undefined
  /** The request property that holds the context. Default `okta`. */
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
