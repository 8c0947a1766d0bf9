/**
 * Every option, once: its default, bounds, unit and environment variable, and what it accepts. Checks and
 * suggestions for unknown names follow from it; a test holds the doc comments, and README's table, to it.
 */
import { types } from 'node:util'
import type { Logger } from '../contracts.js'
import type { RefreshOnActivityOptions, SessionRule } from '../public-types.js'
import type { OktaSessionOptions } from './options.js'

/** One option. `accepts` is all there is to check, unless a reader of its own reads the value. */
export interface Option<Value> {
  /** What the option is when it is left out. */
  readonly default: Value
  /** How a fault describes the values that are accepted. */
  readonly allowed: string
  accepts(value: unknown): value is Value
  readonly min?: number
  readonly max?: number
  readonly unit?: 'ms'
  readonly env?: string
  /** A fault shows the length of the text, not the text. */
  readonly hidden?: true
  /** Written as undefined it is a fault: a check that was lost must not read as no check. */
  readonly refusesUndefined?: true
}

export type Table = { readonly [name: string]: Option<unknown> }

/** The values of a table's options, each of the type that its check lets through. */
export type Checked<T> = {
  readonly [K in keyof T]: T[K] extends Option<infer Value> ? Value : never
}

/** An option that is an object of options. */
export interface GroupOption<T extends Table> extends Option<unknown> {
  readonly options: T
}

interface Bounds {
  readonly min: number
  readonly max: number
  readonly integer?: true
  readonly unit?: 'ms'
}

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

function option<V, D>(
  fallback: D,
  allowed: string,
  accepts: (value: unknown) => value is V,
): Option<V | D> {
  return { default: fallback, allowed, accepts }
}

/** `hint` says what to write instead, where the range does not. */
function number<D extends number | undefined>(fallback: D, bounds: Bounds, hint = '') {
  const { min, max, integer, unit } = bounds
  const what = `${integer ? 'a whole number' : 'a number'}${unit === 'ms' ? ' of milliseconds' : ''}`
  const range = Number.isFinite(max) ? `from ${plain(min)} to ${plain(max)}` : `of ${min} or more`
  const example = fallback === undefined ? '' : `, for example ${plain(fallback)}`
  const isInRange = (value: unknown): value is number =>
    typeof value === 'number' &&
    value >= min &&
    value <= max &&
    Number.isFinite(value) &&
    (integer !== true || Number.isInteger(value))
  return { ...option(fallback, `must be ${what} ${range}${example}${hint}`, isInRange), ...bounds }
}

/** Grouped by thousands: 60000 and 600000 look alike. */
function plain(value: number): string {
  return value.toLocaleString('en-US').replaceAll(',', '_')
}

function ms(fallback: number, min: number, max: number, hint?: string) {
  return number(fallback, { min, max, unit: 'ms' }, hint)
}

function count(fallback: number, max: number) {
  return number(fallback, { min: 1, max, integer: true })
}

/** A duration of a handler or a rule: any finite number of milliseconds, 0 included. */
function duration<D extends number | undefined>(fallback: D) {
  return number(fallback, { min: 0, max: Number.POSITIVE_INFINITY, unit: 'ms' })
}

/** true or false; the text 'false' is a fault. */
function flag<D extends boolean | undefined>(fallback: D) {
  const isFlag = (value: unknown): value is boolean => typeof value === 'boolean'
  return option(fallback, 'must be true or false', isFlag)
}

function callback<F>() {
  const isFunction = (value: unknown): value is F => typeof value === 'function'
  return option(undefined, 'must be a function', isFunction)
}

/** A path on this app. Two slashes, or a slash and a backslash, would name another host. */
function path(fallback: string): Option<string> {
  const isPath = (value: unknown): value is string =>
    typeof value === 'string' && /^\/(?![/\\])/.test(value)
  const allowed = `must be a path on this app, for example "${fallback}"`
  return { ...option(fallback, allowed, isPath), hidden: true }
}

/** Authentication methods, as Okta names them in `amr`. */
function methods() {
  const areMethods = (value: unknown): value is readonly string[] =>
    !types.isProxy(value) &&
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((method) => typeof method === 'string' && method !== '')
  const allowed = 'must be a non-empty array of methods, for example ["pwd", "otp"]'
  return option(undefined, allowed, areMethods)
}

/** A rule inside other options; its own options are checked as the rule's. */
function rule() {
  const isObject = (value: unknown): value is SessionRule =>
    typeof value === 'object' && value !== null
  return option(undefined, 'must be an object such as { mfa: true }', isObject)
}

function logger() {
  const isLogger = (value: unknown): value is Logger | false => {
    if (typeof value !== 'object' || value === null) return value === false
    const { warn, info }: { warn?: unknown; info?: unknown } = value
    return typeof warn === 'function' && (info === undefined || typeof info === 'function')
  }
  const allowed = 'must be false or an object with warn(message, fields?), info? too'
  return option(console, allowed, isLogger)
}

/** An option that a reader of its own checks. */
function special(fallback?: unknown): Option<unknown> {
  return option(fallback, '', (_): _ is unknown => true)
}

function fromEnv(env: string, fallback?: unknown) {
  return { ...special(fallback), env }
}

function group<T extends Table>(options: T): GroupOption<T> {
  return { ...special(), options }
}

function budget(perSecond: number, burst: number) {
  const rate = number(perSecond, { min: 0.001, max: 100_000 })
  return group({ perSecond: rate, burst: count(burst, 1_000_000) })
}

function explicit<Value>(option: Option<Value>): Option<Value> {
  return { ...option, refusesUndefined: true }
}

const PER_REQUEST = ' (for a lookup on every request use requireSession({ maxStalenessMs: 0 }))'

/** The options of oktaSession(). */
export const sessionOptions = {
  orgUrl: fromEnv('OKTA_CLIENT_ORGURL'),
  appUrl: fromEnv('APP_BASE_URL'),
  credentials: group({
    apiToken: fromEnv('OKTA_CLIENT_TOKEN'),
    accessToken: fromEnv('OKTA_CLIENT_ACCESSTOKEN'),
    clientId: fromEnv('OKTA_CLIENT_CLIENTID'),
    privateKey: fromEnv('OKTA_CLIENT_PRIVATEKEY'),
    keyId: fromEnv('OKTA_CLIENT_KEYID'),
    scopes: fromEnv('OKTA_CLIENT_SCOPES', ['okta.sessions.read', 'okta.sessions.manage']),
    dpop: flag(undefined),
  }),
  cookies: special(['idx', 'sid']),
  cache: group({
    ttlMs: ms(MINUTE, 1, DAY, PER_REQUEST),
    maxTtlMs: ms(5 * MINUTE, 1, DAY),
    maxSessions: count(50_000, 10_000_000),
    negativeTtlMs: ms(10 * SECOND, 1, HOUR),
    maxNegatives: count(65_536, 10_000_000),
    store: special(),
  }),
  secret: special(),
  upstream: group({
    timeoutMs: ms(3 * SECOND, 1, 2 * MINUTE),
    maxConcurrent: count(5, 1_000),
    maxQueueMs: ms(SECOND, 0, MINUTE),
    failedLookups: budget(2.5, 50),
    failedLookupsPerClient: budget(1, 20),
    forwardClientIp: flag(false),
    agent: special(),
  }),
  signInUrl: special(),
  trustedOrigins: special([]),
  allowNonBrowserClients: flag(false),
  onDenied: callback<NonNullable<OktaSessionOptions['onDenied']>>(),
  logger: logger(),
  property: special('okta'),
}

/** The options of SessionApi: those of oktaSession() that concern single calls. */
export const apiOptions = {
  orgUrl: sessionOptions.orgUrl,
  credentials: sessionOptions.credentials,
  timeoutMs: sessionOptions.upstream.options.timeoutMs,
  agent: sessionOptions.upstream.options.agent,
}

/** One entry of `cookies` with a name of the app's. */
export const cookieOptions = { name: special(), as: special(), signed: flag(false) }

/** What the factories of handlers take; `rule` is the guard's. */
export const handlerOptions = {
  attachSession: {},
  login: { returnTo: path('/') },
  logout: { returnTo: path('/') },
  refresh: { everyMs: duration(MINUTE) },
  refreshOnActivity: {
    everyMs: duration(5 * MINUTE),
    counts: explicit(callback<NonNullable<RefreshOnActivityOptions['counts']>>()),
  },
  sessionInfo: { maxStalenessMs: explicit(duration(undefined)) },
  forwardAuth: { rule: explicit(rule()), redirect: flag(false) },
  rule: {
    mfa: explicit(flag(undefined)),
    amr: explicit(methods()),
    signedInWithinMs: explicit(duration(undefined)),
    maxStalenessMs: explicit(duration(undefined)),
    allow: explicit(callback<NonNullable<SessionRule['allow']>>()),
  },
}
