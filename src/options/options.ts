/** The options of oktaSession() and SessionApi, and the settings they become once checked. */
import type { KeyObject } from 'node:crypto'
import type { Agent as HttpAgent, IncomingMessage, ServerResponse } from 'node:http'
import type { Agent as HttpsAgent } from 'node:https'
import type { CookieEntry, CookieKind, Logger, SessionStore } from '../contracts.js'
import type { AppRequest, AppResponse, Denial, GuardPage, PageTexts } from '../public-types.js'
import type { Checked, sessionOptions } from './table.js'

/**
 * An Okta API token.
 *
 * @example
 * const credentials: ApiTokenCredentials = { apiToken: process.env.MY_API_TOKEN ?? '' }
 * @see https://developer.okta.com/docs/guides/create-an-api-token/main/
 */
export interface ApiTokenCredentials {
  /** The token alone; sent as `Authorization: SSWS <token>`. Environment: `OKTA_CLIENT_TOKEN`. */
  readonly apiToken: string
}

/**
 * An OAuth 2.0 access token that the app obtains itself.
 *
 * @example
 * const credentials: AccessTokenCredentials = { accessToken: () => accessTokens.current() }
 */
export interface AccessTokenCredentials {
  /**
   * The token alone; sent as `Authorization: Bearer <token>`. A function is called for each call to Okta,
   * and once more after a 401. Environment: `OKTA_CLIENT_ACCESSTOKEN`.
   */
  readonly accessToken: string | (() => string | Promise<string>)
}

/**
 * A service app: OAuth 2.0 client credentials with `private_key_jwt`.
 *
 * @example
 * const credentials: PrivateKeyCredentials = { clientId: '0oa1', privateKey: pem, keyId: 'k1' }
 * @see https://developer.okta.com/docs/guides/implement-oauth-for-okta-serviceapp/main/
 */
export interface PrivateKeyCredentials {
  /** The client id of the service app. Environment: `OKTA_CLIENT_CLIENTID`. */
  readonly clientId: string
  /**
   * A private JWK (an object or its JSON) or a PEM: RSA of 2,048 bits or more, or EC on P-256, P-384 or
   * P-521. Environment: `OKTA_CLIENT_PRIVATEKEY`.
   */
  readonly privateKey: string | Readonly<Record<string, unknown>>
  /** The `kid` of the key at Okta. Default: the `kid` of the JWK. Environment: `OKTA_CLIENT_KEYID`. */
  readonly keyId?: string | undefined
  /**
   * The scopes of its tokens. Default `['okta.sessions.read', 'okta.sessions.manage']`. Environment:
   * `OKTA_CLIENT_SCOPES`.
   */
  readonly scopes?: readonly string[] | undefined
  /** Whether its tokens are bound to a key (DPoP, RFC 9449). Default: when the org asks for it. */
  readonly dpop?: boolean | undefined
}

/**
 * What authorizes operations by session id, and createSession with an API token.
 *
 * @example
 * const credentials: Credentials = { apiToken: process.env.MY_API_TOKEN ?? '' }
 */
export type Credentials = ApiTokenCredentials | AccessTokenCredentials | PrivateKeyCredentials

/**
 * The options of SessionApi: those of oktaSession() for single calls.
 *
 * @example
 * const api = new SessionApi({ orgUrl: 'https://id.example.com', credentials: { apiToken } })
 */
export interface SessionApiOptions
  extends Pick<OktaSessionOptions, 'orgUrl' | 'allowInsecureOrg' | 'credentials'>,
    Pick<UpstreamOptions, 'timeoutMs' | 'agent'> {}

/**
 * A cookie that carries an Okta session under a name of your choice; see {@link OktaSession.login}.
 *
 * @example
 * const cookies: CookieOption[] = [{ name: '__Host-session', as: 'sid', signed: true }]
 */
export interface CookieOption {
  /** The name of the cookie in the browser. A `signed` one needs the `__Host-` prefix. */
  readonly name: string
  /** The name under which its value is sent to Okta. */
  readonly as: CookieKind
  /** Wrap the value in an HMAC, so that junk costs no call to Okta. Needs `secret` and an https org. Default `false`. */
  readonly signed?: boolean | undefined
}

/**
 * What is kept in memory, how much of it and how long.
 *
 * @example
 * const cache: CacheOptions = { ttlMs: 30_000, maxTtlMs: 30_000 }
 */
export interface CacheOptions {
  /** How long an active session is served from memory before it is looked up again. In milliseconds. Default 60,000; 1 to 86,400,000. */
  readonly ttlMs?: number | undefined
  /**
   * How long an active session is served while a new lookup is unwise or impossible; equal to `ttlMs` it
   * is a hard bound. In milliseconds. Default 300,000 (or a longer `ttlMs`); 1 to 86,400,000.
   */
  readonly maxTtlMs?: number | undefined
  /** How many sessions are kept. Default 50,000; 1 to 10,000,000. */
  readonly maxSessions?: number | undefined
  /** How long the answer "no such session" is kept. In milliseconds. Default 10,000; 1 to 3,600,000. */
  readonly negativeTtlMs?: number | undefined
  /** How many of those answers are kept, in a cache of their own: junk evicts no session. Default 65,536; 1 to 10,000,000. */
  readonly maxNegatives?: number | undefined
  /** A second level that all instances share, from redisStore() of `express-okta-session/redis`; needs `secret`. */
  readonly store?: SessionStore | undefined
}

/**
 * A token bucket.
 *
 * @example
 * const failedLookups: BudgetOptions = { perSecond: 5, burst: 100 }
 */
export interface BudgetOptions {
  /** How many tokens are added per second; 0.001 to 100,000. */
  readonly perSecond?: number | undefined
  /** How many tokens the bucket holds; 1 to 1,000,000. */
  readonly burst?: number | undefined
}

/**
 * How Okta is called, and how often it may be.
 *
 * @example
 * const upstream: UpstreamOptions = { timeoutMs: 2_000, maxConcurrent: 10 }
 */
export interface UpstreamOptions {
  /** One deadline for an exchange with Okta, retry and body included. In milliseconds. Default 3,000; 1 to 120,000. */
  readonly timeoutMs?: number | undefined
  /** Calls to Okta at once, per process. Default 5; 1 to 1,000. */
  readonly maxConcurrent?: number | undefined
  /** How long a call may wait in the queue. In milliseconds. Default 1,000; 0 to 60,000. */
  readonly maxQueueMs?: number | undefined
  /**
   * Lookups of unseen cookies that find no session, for all clients together. Default `{ burst: 50 }`, with 40 % of the org's rate limit, at most 10 a second, and 2.5 until it is known.
   */
  readonly failedLookups?: BudgetOptions | undefined
  /**
   * The same per client address (IPv4 /32, IPv6 /64). Default `{ perSecond: 1, burst: 20 }`.
   *
   * Each session that is found and was not seen before gives its address 3 failures more, at most 500 saved
   * up: an office behind one address earns them as its people sign in.
   */
  readonly failedLookupsPerClient?: BudgetOptions | undefined
  /**
   * How many processes share the org's rate limit. Default 1; 1 to 10,000.
   *
   * Each takes its part of `failedLookups`, of the calls a minute and of `maxConcurrent`, at least one.
   */
  readonly instances?: number | undefined
  /** Send Okta the address of the client, for orgs that list this server as a trusted proxy. Default `false`. */
  readonly forwardClientIp?: boolean | undefined
  /** An `https.Agent` of your own, for a proxy or a private CA; TLS checks cannot be switched off. Default: one that keeps connections alive. */
  readonly agent?: HttpsAgent | HttpAgent | undefined
}

/**
 * The pages that guards and handlers send to people.
 *
 * @example
 * const titles: { readonly [code: string]: string } = { forbidden: 'This is for administrators' }
 * const pages: PageOptions = { home: '/start', texts: ({ code }) => ({ title: titles[code] }) }
 */
export interface PageOptions {
  /** Where the link "Home page" leads: a path or URL, or `false` for no such link. Default `/`. */
  readonly home?: string | false | undefined
  /**
   * `(page, req) => texts` replaces texts of a page, for example in the language of the request; what is left out, or `undefined`, stays.
   *
   * Called for pages alone, never for the request of a script. A function that throws, or gives anything but
   * an object of texts (a promise, for example), is logged once, and the page keeps its own texts.
   */
  texts?(page: GuardPage, req: AppRequest): PageTexts | undefined
  /**
   * `(page, req) => HTML` makes the whole page; `false` leaves it to the package.
   *
   * The status, the caching headers, `Retry-After` and cookies stay as they are. A page that loads itself
   * again gets a `Refresh` header. The Content-Security-Policy allows styles, images and fonts, and no
   * script. A function that throws, or gives anything else (a promise, for example), is logged once, and the
   * package's own page is sent.
   */
  render?(page: GuardPage, req: AppRequest): string | false
}

/**
 * The options of oktaSession(). All are optional but `orgUrl`, which may come from the environment. Every
 * duration ends in `Ms` and is in milliseconds. An option wins over its environment variable.
 *
 * @example
 * const options: OktaSessionOptions = {
 *   orgUrl: 'https://id.example.com',
 *   appUrl: 'https://app.example.com',
 *   cache: { ttlMs: 30_000, maxTtlMs: 120_000 },
 *   trustedOrigins: ['https://www.example.com'],
 * }
 */
export interface OktaSessionOptions {
  /** The org, for example `https://id.example.com`: https, or http on loopback. Environment: `OKTA_CLIENT_ORGURL`. */
  readonly orgUrl?: string | undefined
  /**
   * The origin browsers see, for example `https://app.example.com`. Default: the `Host` a request came to.
   * Environment: `APP_BASE_URL`.
   *
   * Without it a post is same-origin if it comes from `https://` and that Host. One from `http://` and that
   * Host is same-origin only if the request did not come over https (behind a proxy, as Express's
   * `trust proxy` tells) and the org is on http or the Host is loopback: anyone on the network can forge
   * plain http. An app served over plain http elsewhere sets this option.
   */
  readonly appUrl?: string | undefined
  /**
   * For operations by session id, and `createSession`; never sent with the cookie of a user. Environment:
   * `OKTA_CLIENT_TOKEN` and others.
   */
  readonly credentials?: Credentials | undefined
  /**
   * The cookies to read, in order: the first one present decides, and where its session is over the next.
   * Default `['idx', 'sid']`.
   *
   * Where `login()` is mounted the entry it sets comes first, whatever the order. Two live cookies of
   * different users count as none.
   */
  readonly cookies?: readonly (CookieKind | CookieOption)[] | undefined
  /** What is kept in memory, how much of it and how long. */
  readonly cache?: CacheOptions | undefined
  /** At least 32 bytes, or `[current, previous]`; seals signed cookies and shared cache entries, which need it. */
  readonly secret?: string | readonly [string, string] | undefined
  /** How Okta is called, and how often it may be. */
  readonly upstream?: UpstreamOptions | undefined
  /**
   * A URL or path (which gets `?returnTo=`), or `(returnTo, req) => URL or path`, which may be async.
   * Default: the sign-in page of the org.
   *
   * A function that fails, gives anything else, or takes longer than `upstream.timeoutMs` fails its request:
   * the guard passes the error to `next`, and `check()` rejects.
   */
  readonly signInUrl?: string | URL | SignInUrl['call'] | undefined
  /** Origins besides your own that may post to the handlers or be returned to. Default `[]`. */
  readonly trustedOrigins?: readonly string[] | undefined
  /** Admit posts without `Origin` and `Sec-Fetch-Site` that carry `X-Requested-By`. Default `false`. */
  readonly allowNonBrowserClients?: boolean | undefined
  /**
   * Permit an `orgUrl` with http beyond loopback, for a local org in a container. Cookies and tokens then cross the network in clear. A fault where `NODE_ENV` is `production`. Default `false`.
   */
  readonly allowInsecureOrg?: boolean | undefined
  /**
   * Check the org once when the instance is made, as `ready()` does, and log one line about it. Default `false`.
   */
  readonly checkAtStart?: boolean | undefined
  /** Takes over what a guard answers; where it gives `false`, or a promise of it, the guard answers after all. */
  onDenied?(
    denial: Denial,
    req: AppRequest,
    res: AppResponse,
    next: (error?: unknown) => void,
  ): unknown
  /** The pages that guards and handlers send to people. */
  readonly pages?: PageOptions | undefined
  /**
   * `{ warn, info? }`, or `false`; one line per change of state, never one per request. Default `console`.
   *
   * Lines are `(message, fields)`, as winston takes them. A logger with `bindings()` and `child()` (pino,
   * Fastify's) gets `(fields, message)`; the console gets one text. Each line's fields name the `org`.
   */
  readonly logger?: Logger | false | undefined
  /** The property of the request that holds the context; two orgs in one app use two. Default `okta`. */
  readonly property?: string | undefined
}

/** In method syntax, so that an app may annotate `req` with another type of request. */
export interface SignInUrl {
  call(returnTo: string, req: AppRequest): string | URL | Promise<string | URL>
}

/** `onDenied` as this package calls it, with Node's request and response. An Express app declares them as Express's. */
export type OnDenied = (
  denial: Denial,
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => unknown

/** `pages`, checked, with the app's functions as this package calls them. */
export interface CheckedPages {
  readonly home: string | undefined
  readonly texts: NonNullable<PageOptions['texts']> | undefined
  readonly render: NonNullable<PageOptions['render']> | undefined
}

/** A service app, checked, with its key parsed. */
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

type Groups = typeof sessionOptions
type Upstream = Groups['upstream']['options']

/** oktaSession()'s options, checked, with every default filled in. */
export interface Settings
  extends Pick<
    Checked<Groups>,
    'allowInsecureOrg' | 'allowNonBrowserClients' | 'checkAtStart' | 'onDenied'
  > {
  readonly api: ApiSettings
  /** An origin, or undefined: the Host the request came to. */
  readonly appUrl: string | undefined
  readonly cookies: readonly CookieEntry[]
  readonly cache: Checked<Omit<Groups['cache']['options'], 'store'>> & {
    readonly store: SessionStore | undefined
  }
  /** `[]`, `[current]` or `[current, previous]`. */
  readonly secrets: readonly string[]
  readonly upstream: Checked<
    Pick<Upstream, 'maxConcurrent' | 'maxQueueMs' | 'instances' | 'forwardClientIp'>
  > & {
    /** Without a rate it follows the org's rate limit. */
    readonly failedLookups: Checked<Upstream['failedLookups']['options']>
    readonly failedLookupsPerClient: Checked<Upstream['failedLookupsPerClient']['options']>
  }
  readonly signInUrl: string | SignInUrl['call'] | undefined
  readonly trustedOrigins: readonly string[]
  readonly pages: CheckedPages
  readonly logger: Logger | undefined
  readonly property: string
}
