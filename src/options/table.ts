/**
 * Every option, once: what it may be, its default, bounds, unit and environment variable, and its line in
 * README. The checks, the suggestions for unknown names, README's table and the defaults that doc comments
 * name all follow from it.
 */
import { types } from 'node:util'
import type { RefreshOnActivityOptions, SessionRule } from '../public-types.js'
import type { OktaSessionOptions } from './options.js'

/** One option. `accepts` is all there is to check, unless a reader of its own reads the value. */
export interface Option<Value> {
  readonly doc: string
  /** What the option is when it is left out. */
  readonly default: Value
  /** How a fault describes the values that are accepted. */
  readonly allowed: string
  accepts(value: unknown): value is Value
  readonly min?: number
  readonly max?: number
  readonly unit?: 'ms'
  readonly env?: string
  /** The default in words, where the value does not say it. */
  readonly defaultText?: string
  /** A fault shows the length of the text, not the text. */
  readonly hidden?: true
  /** Written as undefined it is a fault: a check that was lost must not read as no check. */
  readonly refusesUndefined?: true
}

export type Table = { readonly [name: string]: Option<unknown> }

/** An option that is an object of options. */
export interface GroupOption<T extends Table> extends Option<unknown> {
  readonly options: T
}

interface Bounds {
  readonly min: number
  readonly max: number
  readonly integer?: true
  readonly unit?: 'ms'
  /** What to write instead, where the range does not say it. */
  readonly hint?: string
}

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

function option<V, D>(
  fallback: D,
  allowed: string,
  accepts: (value: unknown) => value is V,
  doc: string,
): Option<V | D> {
  return { doc, default: fallback, allowed, accepts }
}

function number<D extends number | undefined>(
  fallback: D,
  bounds: Bounds,
  doc: string,
): Option<number | D> {
  const { min, max, integer, unit, hint } = bounds
  const what = `${integer ? 'a whole number' : 'a number'}${unit === 'ms' ? ' of milliseconds' : ''}`
  const range = Number.isFinite(max) ? `from ${plain(min)} to ${plain(max)}` : `of ${min} or more`
  const example = fallback === undefined ? '' : `, for example ${plain(fallback)}`
  const allowed = `must be ${what} ${range}${example}${hint === undefined ? '' : ` (${hint})`}`
  const isInRange = (value: unknown): value is number =>
    typeof value === 'number' &&
    value >= min &&
    value <= max &&
    Number.isFinite(value) &&
    (integer !== true || Number.isInteger(value))
  return { ...option(fallback, allowed, isInRange, doc), ...bounds }
}

/** Grouped by thousands: 60000 and 600000 look alike. */
function plain(value: number): string {
  return value.toLocaleString('en-US').replaceAll(',', '_')
}

function ms(fallback: number, min: number, max: number, doc: string) {
  return number(fallback, { min, max, unit: 'ms' }, doc)
}

function count(fallback: number, max: number, doc: string) {
  return number(fallback, { min: 1, max, integer: true }, doc)
}

/** A duration of a handler or a rule: any finite number of milliseconds, 0 included. */
function duration<D extends number | undefined>(fallback: D, doc: string) {
  return number(fallback, { min: 0, max: Number.POSITIVE_INFINITY, unit: 'ms' }, doc)
}

/** true or false; the text 'false' is a fault. */
function flag<D extends boolean | undefined>(fallback: D, doc: string) {
  const isFlag = (value: unknown): value is boolean => typeof value === 'boolean'
  return option(fallback, 'must be true or false', isFlag, doc)
}

function callback<F>(doc: string) {
  const isFunction = (value: unknown): value is F => typeof value === 'function'
  return option(undefined, 'must be a function', isFunction, doc)
}

/** A path on this app. Two slashes, or a slash and a backslash, would name another host. */
function path(fallback: string, doc: string): Option<string> {
  const isPath = (value: unknown): value is string =>
    typeof value === 'string' && /^\/(?![/\\])/.test(value)
  const allowed = `must be a path on this app, for example "${fallback}"`
  return { ...option(fallback, allowed, isPath, doc), hidden: true }
}

/** Authentication methods, as Okta names them in `amr`. */
function methods(doc: string) {
  const areMethods = (value: unknown): value is readonly string[] =>
    !types.isProxy(value) &&
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((method) => typeof method === 'string' && method !== '')
  const allowed = 'must be a non-empty array of methods, for example ["pwd", "otp"]'
  return option(undefined, allowed, areMethods, doc)
}

/** A rule inside other options; its own options are checked as the rule's. */
function rule(doc: string) {
  const isObject = (value: unknown): value is SessionRule =>
    typeof value === 'object' && value !== null
  return option(undefined, 'must be an object such as { mfa: true }', isObject, doc)
}

/** An option that a reader of its own checks. */
function special(doc: string, more: Pick<Option<unknown>, 'env' | 'defaultText'> = {}) {
  const isAnything = (_: unknown): _ is unknown => true
  return { ...option<unknown, undefined>(undefined, '', isAnything, doc), ...more }
}

function group<T extends Table>(options: T, doc = '', defaultText?: string): GroupOption<T> {
  return { ...special(doc, defaultText === undefined ? {} : { defaultText }), options }
}

function budget(perSecond: number, burst: number, doc: string) {
  const options = {
    perSecond: number(perSecond, { min: 0.001, max: 100_000 }, 'how many a second'),
    burst: count(burst, 1_000_000, 'how many at once'),
  }
  return group(options, doc)
}

function explicit<Value>(option: Option<Value>): Option<Value> {
  return { ...option, refusesUndefined: true }
}

const env = (env: string, defaultText?: string) =>
  defaultText === undefined ? { env } : { env, defaultText }

const byDefault = (defaultText: string) => ({ defaultText })

type Counts = NonNullable<RefreshOnActivityOptions['counts']>
type OnDenied = NonNullable<OktaSessionOptions['onDenied']>

/** Credentials: one of the three kinds. */
const credentials = {
  apiToken: special('an API token of an administrator', env('OKTA_CLIENT_TOKEN')),
  accessToken: special('a token, or a function that returns it', env('OKTA_CLIENT_ACCESSTOKEN')),
  clientId: special('the client id of a service app', env('OKTA_CLIENT_CLIENTID')),
  privateKey: special('its private JWK or PEM, RSA or EC', env('OKTA_CLIENT_PRIVATEKEY')),
  keyId: special('the `kid` of that key at Okta', env('OKTA_CLIENT_KEYID', 'the `kid` of the JWK')),
  scopes: special(
    'the scopes of its tokens',
    env('OKTA_CLIENT_SCOPES', '`okta.sessions.read` and `okta.sessions.manage`'),
  ),
  dpop: flag(undefined, 'whether its tokens are bound to a key (DPoP)'),
}

const perRequest = 'for a lookup on every request use requireSession({ maxStalenessMs: 0 })'

const cache = {
  ttlMs: number(
    MINUTE,
    { min: 1, max: DAY, unit: 'ms', hint: perRequest },
    'how long an active session is served from memory before Okta is asked again',
  ),
  maxTtlMs: ms(
    5 * MINUTE,
    1,
    DAY,
    'how long it is served while asking again is unwise or impossible; equal to `ttlMs` it is a hard bound, and a longer `ttlMs` raises the default',
  ),
  maxSessions: count(50_000, 10_000_000, 'how many sessions are kept'),
  negativeTtlMs: ms(10 * SECOND, 1, HOUR, 'how long "no such session" is kept'),
  maxNegatives: count(65_536, 10_000_000, 'how many of those are kept, in a cache of their own'),
  // No factory of a store is public yet: it has no line in README.
  store: special(''),
}

const upstream = {
  timeoutMs: ms(
    3 * SECOND,
    1,
    2 * MINUTE,
    'one deadline for an exchange with Okta, retry and body included',
  ),
  maxConcurrent: count(5, 1_000, 'calls to Okta at once, per process'),
  maxQueueMs: ms(SECOND, 0, MINUTE, 'how long a call may wait in the queue'),
  failedLookups: budget(2.5, 50, 'lookups of unseen cookies that find no session, of all clients'),
  failedLookupsPerClient: budget(1, 20, 'the same per client address'),
  forwardClientIp: flag(
    false,
    'send Okta the address of the client, for orgs that list this server as a trusted proxy',
  ),
  agent: special('an `https.Agent` of your own: a proxy, a private CA', byDefault('keep-alive')),
}

/** The options of oktaSession(). */
export const sessionOptions = {
  orgUrl: special(
    'the org, for example `https://id.example.com`; http on loopback only',
    env('OKTA_CLIENT_ORGURL'),
  ),
  appUrl: special('the origin browsers see', env('APP_BASE_URL', 'the `Host` a request came to')),
  credentials: group(
    credentials,
    'for operations by session id, and `createSession`; see below. Never sent with the cookie of a user',
    '`OKTA_CLIENT_TOKEN` and others',
  ),
  cookies: special('which cookies to read, in order; see below', byDefault("`['idx', 'sid']`")),
  cache: group(cache),
  secret: special('at least 32 bytes, or `[current, previous]`; needed for signed cookies'),
  upstream: group(upstream),
  signInUrl: special(
    'a URL or path (gets `?returnTo=`), or `(returnTo, req) => string`',
    byDefault('the sign-in page of the org'),
  ),
  trustedOrigins: special(
    'origins besides your own that may post to the handlers or be returned to',
    byDefault('`[]`'),
  ),
  allowNonBrowserClients: flag(
    false,
    'admit posts without `Origin` and `Sec-Fetch-Site` that carry `X-Requested-By`',
  ),
  onDenied: callback<OnDenied>('takes over what a guard answers'),
  logger: special(
    '`{ warn, info? }`, or `false`. One line per change of state, never one per request',
    byDefault('`console`'),
  ),
  property: special(
    'the property of the request that holds the context; two orgs in one app use two',
    byDefault('`okta`'),
  ),
}

/** The options of SessionApi: those of oktaSession() that concern single calls. */
export const apiOptions = {
  orgUrl: sessionOptions.orgUrl,
  credentials: sessionOptions.credentials,
  timeoutMs: upstream.timeoutMs,
  agent: upstream.agent,
}

/** One entry of `cookies` with a name of the app's. */
export const cookieOptions = {
  name: special('the name of the cookie in the browser'),
  as: special('the name its value is sent to Okta under: `idx` or `sid`'),
  signed: flag(false, 'wrap the value in an HMAC'),
}

const returnTo = 'where the browser goes when the request names no safe `returnTo`'

/** What the factories of handlers take; `rule` is the guard's. */
export const handlerOptions = {
  attachSession: {},
  login: { returnTo: path('/', returnTo) },
  logout: { returnTo: path('/', returnTo) },
  refresh: { everyMs: duration(MINUTE, 'at most one refresh of a session in this time') },
  refreshOnActivity: {
    everyMs: duration(5 * MINUTE, 'at most one refresh of a session in this time'),
    counts: explicit(callback<Counts>('whether a request is activity of its user')),
  },
  sessionInfo: {
    maxStalenessMs: explicit(duration(undefined, 'how old an answer may be before Okta is asked')),
  },
  forwardAuth: {
    rule: explicit(rule('the rule, as requireSession() takes it')),
    redirect: flag(false, 'answer 302 to the sign-in page instead of 401'),
  },
  rule: {
    mfa: explicit(flag(undefined, 'a second factor')),
    amr: explicit(methods('all of these authentication methods')),
    signedInWithinMs: explicit(duration(undefined, 'how long ago the last verification may be')),
    maxStalenessMs: explicit(duration(undefined, 'how long ago Okta may have been asked')),
    allow: explicit(callback<NonNullable<SessionRule['allow']>>('the own check of the app')),
  },
}
