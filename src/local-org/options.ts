/** The options of a local org: their meaning, their defaults, and their validation. */
import { isHostName } from './org/host-names.js'
import type { Clock } from './org/org-clock.js'
import { PRACTICALLY_UNLIMITED } from './org/rate-limits.js'
import { readPrivateJwk, type ServiceAppOption } from './org/service-app.js'
import type { Engine } from './org/sessions.js'
import { DEFAULT_USERS, type LocalUserOption } from './org/users.js'
import {
  checkEventHook,
  checkSignals,
  checkUniversalLogout,
  type EventHook,
  type LogoutReceiver,
  type SignalsReceiver,
} from './pushes/receivers.js'

/**
 * The options of createLocalOrg(). All are optional.
 *
 * @example
 * const org = await createLocalOrg({ engine: 'classic', rateLimitPerMinute: 600 })
 */
export interface LocalOrgOptions {
  /** The port to listen on; 0 lets the system choose a free one. Default 0. */
  readonly port?: number
  /**
   * The address to listen on, for example `0.0.0.0` in a container. All clients that reach it can sign in
   * as any user. `allowedHosts` must name the hosts under which it is reached; the
   * first of them stands in its `url`. Default: loopback, over IPv4 and IPv6.
   */
  readonly host?: string
  /** Which of Okta's two engines to imitate. Default `identity`. */
  readonly engine?: Engine
  /** The users. Default: alice and bob at example.com, and carol with a second factor. */
  readonly users?: readonly LocalUserOption[]
  /** Minutes until a session without a refresh ends. Default 120. */
  readonly idleMinutes?: number
  /** Minutes until a session ends even when it is refreshed. Default 1,440, a day. */
  readonly lifetimeMinutes?: number
  /** The rate limit of /api/v1/sessions, in requests a minute; an API token may use half. Default 1,000,000. */
  readonly rateLimitPerMinute?: number
  /** Concurrent requests above which the org answers the 429 of the concurrency limit. Default: no limit. */
  readonly maxConcurrent?: number
  /** Whether the service app must send DPoP proofs. Default `off`. */
  readonly dpop?: 'off' | 'required'
  /** The service app's id and key. Default: an RSA key, generated on first use. */
  readonly serviceApp?: ServiceAppOption
  /**
   * Origins besides this machine's that the sign-in pages may redirect to, and whose pages may call primary
   * authentication and the current session (CORS, with credentials). The org's own origin behind a proxy that
   * ends TLS is one of them: its forms accept posts from there. Default none.
   */
  readonly trustedOrigins?: readonly string[]
  /**
   * Host names, without a port, that the org accepts besides `localhost`, `127.0.0.1` and `[::1]`. A
   * request with another `Host` gets 421 Misdirected Request. Default none.
   */
  readonly allowedHosts?: readonly string[]
  /** The API token. Default: a random one. */
  readonly apiToken?: string
  /** The source of the org's time. Default `Date`. */
  readonly clock?: Clock
  /** Milliseconds added to the org's time in the Date header of answers. Default 0. */
  readonly dateSkewMs?: number
  /**
   * The event hooks. The org sends the handshake to each in the background, again every second until it is
   * answered, and delivers no earlier event, as at Okta. Default none.
   */
  readonly eventHooks?: readonly EventHook[]
  /** The receivers of Security Event Tokens. Default none. */
  readonly signals?: readonly SignalsReceiver[]
  /** The receivers of Universal Logout. Default none. */
  readonly universalLogout?: readonly LogoutReceiver[]
  /** Milliseconds in which a receiver must answer a push. Default 3,000. */
  readonly hookTimeoutMs?: number
}

export interface CheckedOptions {
  /** Undefined: loopback. */
  readonly host: string | undefined
  readonly port: number
  readonly engine: Engine
  readonly users: readonly LocalUserOption[]
  readonly idleMs: number
  readonly lifetimeMs: number
  readonly rateLimitPerMinute: number
  readonly maxConcurrent: number
  readonly dpop: 'off' | 'required'
  readonly serviceApp: ServiceAppOption
  readonly trustedOrigins: ReadonlySet<string>
  readonly allowedHosts: readonly string[]
  readonly apiToken: string | undefined
  readonly clock: Clock
  readonly dateSkewMs: number
  readonly eventHooks: readonly EventHook[]
  readonly signals: readonly SignalsReceiver[]
  readonly universalLogout: readonly LogoutReceiver[]
  readonly hookTimeoutMs: number
}

/** @throws TypeError that names every invalid option. */
export function checkOptions(options: LocalOrgOptions): CheckedOptions {
  const checked = withDefaults(options)
  const faults = [
    ...unknownNames(options),
    ...numberFaults(options),
    ...choiceFaults(checked),
    ...userFaults(checked.users),
    ...originFaults(options.trustedOrigins ?? []),
    ...hostFaults(checked.allowedHosts),
    ...addressFaults(checked),
    ...keyFaults(checked.serviceApp),
    ...receiverFaults(checked),
  ]
  if (faults.length > 0) throw new TypeError(`createLocalOrg(): ${faults.join('; ')}`)
  return checked
}

const MINUTE_MS = 60_000

function withDefaults(options: LocalOrgOptions): CheckedOptions {
  const { idleMinutes = 120, lifetimeMinutes = 1_440, allowedHosts = [] } = options
  return {
    host: options.host,
    port: options.port ?? 0,
    engine: options.engine ?? 'identity',
    users: options.users ?? DEFAULT_USERS,
    idleMs: idleMinutes * MINUTE_MS,
    lifetimeMs: lifetimeMinutes * MINUTE_MS,
    rateLimitPerMinute: options.rateLimitPerMinute ?? PRACTICALLY_UNLIMITED,
    maxConcurrent: options.maxConcurrent ?? Number.POSITIVE_INFINITY,
    dpop: options.dpop ?? 'off',
    serviceApp: options.serviceApp ?? {},
    trustedOrigins: new Set(options.trustedOrigins),
    allowedHosts,
    apiToken: options.apiToken,
    clock: options.clock ?? Date,
    dateSkewMs: options.dateSkewMs ?? 0,
    eventHooks: options.eventHooks ?? [],
    signals: options.signals ?? [],
    universalLogout: options.universalLogout ?? [],
    hookTimeoutMs: options.hookTimeoutMs ?? 3_000,
  }
}

const NAMES: Readonly<Record<keyof LocalOrgOptions, true>> = {
  port: true,
  engine: true,
  users: true,
  idleMinutes: true,
  lifetimeMinutes: true,
  rateLimitPerMinute: true,
  maxConcurrent: true,
  dpop: true,
  serviceApp: true,
  trustedOrigins: true,
  allowedHosts: true,
  host: true,
  apiToken: true,
  clock: true,
  dateSkewMs: true,
  eventHooks: true,
  signals: true,
  universalLogout: true,
  hookTimeoutMs: true,
}

function addressFaults({ host, allowedHosts }: CheckedOptions): readonly string[] {
  if (host === undefined) return []
  if (typeof host !== 'string' || !/^[\w.:-]+$/.test(host))
    return ['host must be an address or a name']
  if (allowedHosts.length > 0) return []
  return ['host needs allowedHosts: the names under which the org is reached']
}

function unknownNames(options: LocalOrgOptions): readonly string[] {
  return Object.keys(options)
    .filter((name) => !Object.hasOwn(NAMES, name))
    .map((name) => `${name} is no option of a local org; known: ${Object.keys(NAMES).join(', ')}`)
}

function numberFaults(options: LocalOrgOptions): readonly string[] {
  const { port, rateLimitPerMinute, maxConcurrent } = options
  const faults: string[] = []
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    faults.push(`port must be a whole number from 0 to 65535, not ${String(port)}`)
  }
  const { idleMinutes, lifetimeMinutes, hookTimeoutMs } = options
  const durations = { idleMinutes, lifetimeMinutes, hookTimeoutMs }
  for (const [name, value] of Object.entries(durations)) {
    if (value === undefined || (Number.isFinite(value) && value > 0)) continue
    faults.push(`${name} must be a number above 0, not ${String(value)}`)
  }
  const counts = { rateLimitPerMinute, maxConcurrent }
  for (const [name, value] of Object.entries(counts)) {
    if (value === undefined || (Number.isInteger(value) && value > 0)) continue
    faults.push(`${name} must be a whole number above 0, not ${String(value)}`)
  }
  const { dateSkewMs } = options
  if (dateSkewMs !== undefined && !Number.isFinite(dateSkewMs)) {
    faults.push(`dateSkewMs must be a number, not ${String(dateSkewMs)}`)
  }
  return faults
}

function choiceFaults({ engine, dpop }: CheckedOptions): readonly string[] {
  const faults: string[] = []
  if (engine !== 'identity' && engine !== 'classic') {
    faults.push(`engine must be 'identity' or 'classic', not ${String(engine)}`)
  }
  if (dpop !== 'off' && dpop !== 'required') {
    faults.push(`dpop must be 'off' or 'required', not ${String(dpop)}`)
  }
  return faults
}

function userFaults(users: readonly LocalUserOption[]): readonly string[] {
  if (users.length === 0) return ['users must name at least one user']
  const logins = new Set(users.map((user) => user.login.toLowerCase()))
  return logins.size === users.length ? [] : ['users must have a login each, all different']
}

function originFaults(origins: readonly string[]): readonly string[] {
  return origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin)
    ? []
    : [`trustedOrigins must hold origins such as 'https://app.example.com'`]
}

function hostFaults(hosts: unknown): readonly string[] {
  const areNames =
    Array.isArray(hosts) && hosts.every((name) => typeof name === 'string' && isHostName(name))
  return areNames
    ? []
    : [`allowedHosts must hold host names such as 'org.example.com', without a scheme or a port`]
}

function keyFaults({ privateKey }: ServiceAppOption): readonly string[] {
  if (privateKey === undefined) return []
  return faultsOf(() => readPrivateJwk(privateKey))
}

function receiverFaults(options: CheckedOptions): readonly string[] {
  const { eventHooks, signals, universalLogout } = options
  return [
    ...listFaults('eventHooks', eventHooks, checkEventHook),
    ...listFaults('signals', signals, checkSignals),
    ...listFaults('universalLogout', universalLogout, checkUniversalLogout),
  ]
}

function listFaults(
  name: string,
  list: unknown,
  check: (value: unknown) => void,
): readonly string[] {
  if (!Array.isArray(list)) return [`${name} must be a list`]
  return list.flatMap((item) => faultsOf(() => check(item)))
}

function faultsOf(check: () => void): readonly string[] {
  try {
    check()
    return []
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}
