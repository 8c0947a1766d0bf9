/** The options of a local org: what they mean, what they are when left out, and what is no option at all. */
import type { Clock } from './org-clock.js'
import type { Engine } from './sessions.js'
import { DEFAULT_USERS, type LocalUserOption } from './users.js'

export interface LocalOrgOptions {
  /** The port to listen on; 0 lets the system choose a free one. Default 0. */
  readonly port?: number
  /** Which of Okta's two engines to be. Default `identity`. */
  readonly engine?: Engine
  /** The users. Default: `alice@example.com` and `bob@example.com`. */
  readonly users?: readonly LocalUserOption[]
  /** Minutes until a session without a refresh ends. Default 120. */
  readonly idleMinutes?: number
  /** Minutes until a session ends whatever happens. Default 1,440, a day. */
  readonly lifetimeMinutes?: number
  /** Origins besides this machine's that the sign-in pages may send a browser to. Default none. */
  readonly trustedOrigins?: readonly string[]
  /** The API token. Default: a random one. */
  readonly apiToken?: string
  /** Where the time comes from. Default `Date`. */
  readonly clock?: Clock
  /** Where events are to be delivered. Reserved: nothing is delivered yet. */
  readonly eventHooks?: readonly EventHook[]
}

export interface EventHook {
  readonly url: string
  /** What the Authorization header carries, the only secret of an event hook. */
  readonly authorization: string
}

export interface CheckedOptions {
  readonly port: number
  readonly engine: Engine
  readonly users: readonly LocalUserOption[]
  readonly idleMs: number
  readonly lifetimeMs: number
  readonly trustedOrigins: ReadonlySet<string>
  readonly apiToken: string | undefined
  readonly clock: Clock
}

/** @throws TypeError naming every option that cannot be. */
export function checkOptions(options: LocalOrgOptions): CheckedOptions {
  const faults: string[] = []
  const { port = 0, engine = 'identity', users = DEFAULT_USERS } = options
  const { idleMinutes = 120, lifetimeMinutes = 1_440, trustedOrigins = [] } = options
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) faults.push(`${name} is no option of a local org`)
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    faults.push(`port must be a whole number from 0 to 65535, not ${String(port)}`)
  }
  if (engine !== 'identity' && engine !== 'classic') {
    faults.push(`engine must be 'identity' or 'classic', not ${String(engine)}`)
  }
  if (users.length === 0) faults.push('users must name at least one user')
  for (const [name, minutes] of Object.entries({ idleMinutes, lifetimeMinutes })) {
    if (!(minutes > 0 && Number.isFinite(minutes))) {
      faults.push(`${name} must be a number above 0, not ${String(minutes)}`)
    }
  }
  for (const origin of trustedOrigins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      faults.push(`trustedOrigins must hold origins such as 'https://app.example.com'`)
    }
  }
  if (faults.length > 0) throw new TypeError(`createLocalOrg(): ${faults.join('; ')}`)
  return {
    port,
    engine,
    users,
    idleMs: idleMinutes * 60_000,
    lifetimeMs: lifetimeMinutes * 60_000,
    trustedOrigins: new Set(trustedOrigins),
    apiToken: options.apiToken,
    clock: options.clock ?? Date,
  }
}

const KNOWN: ReadonlySet<string> = new Set([
  'port',
  'engine',
  'users',
  'idleMinutes',
  'lifetimeMinutes',
  'trustedOrigins',
  'apiToken',
  'clock',
  'eventHooks',
] satisfies readonly (keyof LocalOrgOptions)[])
