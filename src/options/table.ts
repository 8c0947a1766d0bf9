/**
 * Every option, once: its default, bounds, unit, environment variable, and what it accepts. Checks and
 * suggestions for unknown names derive from it. A test compares the doc comments and README's table with it.
 */
import type { IncomingMessage } from 'node:http'
import { types } from 'node:util'
import type { Logger } from '../contracts.js'
import type { SessionRule } from '../public-types.js'
import type { OnDenied, PageOptions } from './options.js'

/** One option. `accepts` is its only check, unless a reader of its own reads the value. */
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
  /** A fault shows the length of the text instead of the text. */
  readonly hidden?: true
  /** A handler reports it when it is written as undefined. */
  readonly refusesUndefined?: true
  /** A handler reports it when it is left out. */
  readonly required?: true
}

export type Table = { readonly [name: string]: Option<unknown> }

/** The values of a table's options, each of the type that its check accepts. */
export type Checked<T> = {
  readonly [K in keyof T]: T[K] extends Option<infer Value> ? Value : never
}

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

function option<V>(fallback: V, allowed: string, accepts: (value: unknown) => boolean): Option<V> {
  // Each kind below pairs the type V with a check for it.
  return { default: fallback, allowed, accepts: accepts as Option<V>['accepts'] }
}

/** true or false. The text 'false' is a fault. */
function flag<D extends boolean | undefined>(fallback: D) {
  const isFlag = (value: unknown) => typeof value === 'boolean'
  return option<boolean | D>(fallback, 'must be true or false', isFlag)
}

function callback<F>() {
  const isFunction = (value: unknown) => typeof value === 'function'
  return option<F | undefined>(undefined, 'must be a function', isFunction)
}

function explained<V>(option: Option<V>, hint: string): Option<V> {
  return { ...option, allowed: option.allowed + hint }
}

/** An option that a reader of its own checks. */
function special(fallback?: unknown) {
  return option<unknown>(fallback, '', () => true)
}

function fromEnv(env: string, fallback?: unknown) {
  return { ...special(fallback), env }
}

function group<T extends Table>(options: T) {
  return { ...special(), options }
}

/** The value undefined is a fault: a check that was lost must not read as no check. */
function explicit<V>(option: Option<V>): Option<V> {
  return { ...option, refusesUndefined: true }
}

interface Bounds extends Pick<Option<number>, 'unit'> {
  readonly min: number
  readonly max: number
  readonly integer?: true
}

/** `hint` is added to the fault where the range does not say what to write instead. */
function number<D extends number | undefined>(fallback: D, bounds: Bounds, hint = '') {
  const { min, max, integer, unit } = bounds
  const what = `${integer ? 'a whole number' : 'a number'}${unit === 'ms' ? ' of milliseconds' : ''}`
  const range = Number.isFinite(max) ? `from ${plain(min)} to ${plain(max)}` : `of ${min} or more`
  const example = fallback === undefined ? '' : `, for example ${plain(fallback)}`
  const isInRange = (value: unknown) =>
    typeof value === 'number' && value >= min && value <= max && Number.isFinite(value)
  const accepts = (value: unknown) => isInRange(value) && (!integer || Number.isInteger(value))
  const allowed = `must be ${what} ${range}${example}${hint}`
  return { ...option<number | D>(fallback, allowed, accepts), ...bounds }
}

/** Groups digits by thousands, because 60000 and 600000 look alike. */
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

function budget<D extends number | undefined>(perSecond: D, burst: number) {
  const rate = number(perSecond, { min: 0.001, max: 100_000 })
  return group({ perSecond: rate, burst: count(burst, 1_000_000) })
}

/** A path on this app. A text that begins with two slashes, or a slash and a backslash, names another host. */
function path(fallback: string): Option<string> {
  const isPath = (value: unknown) => typeof value === 'string' && /^\/(?![/\\])/.test(value)
  const allowed = `must be a path on this app, for example "${fallback}"`
  return { ...option(fallback, allowed, isPath), hidden: true }
}

function isLogger(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { warn, info }: { warn?: unknown; info?: unknown } = value
  return typeof warn === 'function' && (info === undefined || typeof info === 'function')
}

/** What a header can carry, without the white space that proxies cut off at its ends. */
const SECRET = /^[\x21-\x7e](?:[\x20-\x7e]{0,4094}[\x21-\x7e])?$/

/** One secret, or two while it is being replaced. */
const hookSecret: Option<string | readonly [string, string]> = {
  ...option(
    '',
    'must be a text of printable ASCII characters without white space at its ends, or an array of two different ones',
    (value) => {
      const secrets = Array.isArray(value) && value.length === 2 ? value : [value]
      const areTexts = secrets.every((each) => typeof each === 'string' && SECRET.test(each))
      return areTexts && new Set(secrets).size === secrets.length
    },
  ),
  hidden: true,
  required: true,
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.trim() === value
}

function isTextOrList(value: unknown): boolean {
  return isText(value) || (Array.isArray(value) && value.length > 0 && value.every(isText))
}

function texts(example: string) {
  const allowed = `must be a text, for example "${example}", or a non-empty array of texts`
  return option<string | readonly string[] | undefined>(undefined, allowed, isTextOrList)
}

interface UniversalLogout {
  readonly clientId: string
  readonly audience?: string | readonly string[] | undefined
}

/** Has `clientId`: an environment variable that is not set is a fault. */
const universalLogout = option<UniversalLogout | undefined>(
  undefined,
  'must be an object such as { clientId: "0oa1ab2cd3" }, with audience if it differs',
  (value) => {
    if (typeof value !== 'object' || value === null || types.isProxy(value)) return false
    const { clientId, audience, ...others } = value as Readonly<Record<string, unknown>>
    const isAudience = audience === undefined || isTextOrList(audience)
    return isText(clientId) && isAudience && Object.keys(others).length === 0
  },
)

const logger = option<Logger | false>(
  console,
  'must be false or an object with warn(message, fields?), info? too',
  (value) => value === false || isLogger(value),
)

/** Authentication methods, as Okta names them in `amr`. */
const methods = option<readonly string[] | undefined>(
  undefined,
  'must be a non-empty array of methods, for example ["pwd", "otp"]',
  (value) =>
    !types.isProxy(value) &&
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((method) => typeof method === 'string' && method !== ''),
)

/** A rule inside other options. Its own options are checked when the rule is read. */
const rule = option<SessionRule | undefined>(
  undefined,
  'must be an object such as { mfa: true }',
  (value) => typeof value === 'object' && value !== null,
)

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
    failedLookups: budget(undefined, 50),
    failedLookupsPerClient: budget(1, 20),
    instances: count(1, 10_000),
    forwardClientIp: flag(false),
    agent: special(),
  }),
  signInUrl: special(),
  trustedOrigins: special([]),
  allowNonBrowserClients: flag(false),
  allowInsecureOrg: flag(false),
  checkAtStart: flag(false),
  onDenied: callback<OnDenied>(),
  pages: group({
    home: special('/'),
    texts: explained(
      callback<NonNullable<PageOptions['texts']>>(),
      ' (page, req) => ({ title, message, … }); for a table of your own write ({ code }) => table[code]',
    ),
    render: explained(callback<NonNullable<PageOptions['render']>>(), ' (page, req) => HTML'),
  }),
  logger,
  property: special('okta'),
}

/** The options of SessionApi: those of oktaSession() for single calls. */
export const apiOptions = {
  orgUrl: sessionOptions.orgUrl,
  credentials: sessionOptions.credentials,
  timeoutMs: sessionOptions.upstream.options.timeoutMs,
  agent: sessionOptions.upstream.options.agent,
  allowInsecureOrg: sessionOptions.allowInsecureOrg,
}

/** An entry of `cookies` whose name the app chooses. */
export const cookieOptions = { name: special(), as: special(), signed: flag(false) }

/** The options of the handlers; `rule` holds those of a guard. */
export const handlerOptions = {
  attachSession: {},
  login: { returnTo: path('/') },
  logout: { returnTo: path('/') },
  refresh: { everyMs: duration(MINUTE) },
  refreshOnActivity: {
    everyMs: duration(5 * MINUTE),
    counts: explicit(callback<(req: IncomingMessage) => boolean | Promise<boolean>>()),
  },
  sessionInfo: { maxStalenessMs: explicit(duration(undefined)) },
  forwardAuth: {
    rule: explicit(rule),
    redirect: flag(false),
    status: number(200, { min: 200, max: 299, integer: true }),
    allowPreflight: flag(false),
  },
  eventHook: {
    secret: hookSecret,
    header: option<string>(
      'authorization',
      'must be the name of a header',
      (value) => typeof value === 'string' && /^[\w-]{1,64}$/.test(value),
    ),
  },
  sharedSignals: {
    audience: { ...texts('https://app.example.com/signals'), required: true as const },
    issuer: explicit(texts('https://id.example.com')),
    universalLogout: explicit(universalLogout),
  },
  rule: {
    mfa: explicit(flag(undefined)),
    amr: explicit(methods),
    signedInWithinMs: explicit(duration(undefined)),
    maxStalenessMs: explicit(duration(undefined)),
    allow: explicit(callback<NonNullable<SessionRule['allow']>>()),
  },
}
