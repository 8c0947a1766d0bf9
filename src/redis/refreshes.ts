/** Refreshes in Redis: one call per session and period over all instances. */
import type { UnavailableCode } from '../errors.js'
import type { RefreshClaim, RefreshEnd } from '../session/shared-cache.js'
import { type CredentialScripts, keysOf, type ScriptReply } from './credential-keys.js'
import { type Held, LEASE_MS, type Leases } from './leases.js'
import { scripts } from './scripts.js'
import type { Sealer } from './seal.js'
import { isDate, parseObject } from './sealed-entry.js'

const PURPOSE = 'refresh'
/** How long claims that wait can read that a lease was returned. A claim that begins later ignores it. */
export const MARKER_MS = 1_000
/** A failed refresh rests no longer, whatever the store says. */
const MAX_REST_MS = 10_000

const CODES: Readonly<Record<UnavailableCode, true>> = {
  timeout: true,
  dns: true,
  connect: true,
  reset: true,
  tls: true,
  redirect: true,
  content_type: true,
  encoding: true,
  malformed: true,
  schema: true,
  too_large: true,
  forbidden: true,
  unexpected_status: true,
  server_error: true,
  rate_limited: true,
  concurrency_limited: true,
  queue_full: true,
  over_budget: true,
  too_many_attempts: true,
  breaker_open: true,
  closed: true,
}

export function isUnavailableCode(text: string): text is UnavailableCode {
  return Object.hasOwn(CODES, text)
}

export interface RefreshesOptions {
  readonly prefix: string
  readonly sealer: Sealer
  readonly leases: Leases
  readonly scripts: CredentialScripts
}

/** What the key of one name says. */
type Found = RefreshClaim | Held | { readonly kind: 'none' }

export class Refreshes {
  readonly #options: RefreshesOptions

  constructor(options: RefreshesOptions) {
    this.#options = options
  }

  /** Rejects where a command does. */
  async claim(names: readonly string[], everyMs: number): Promise<RefreshClaim> {
    const { leases } = this.#options
    const [name = '', previous] = names
    const id = leases.newId()
    const found = await leases.waitFor(async (waitingSince): Promise<RefreshClaim | Held> => {
      const [mine, other] = await Promise.all([
        this.#find(name, [`${everyMs}`, id, `${LEASE_MS}`, waitingSince]),
        previous === undefined ? none : this.#find(previous, [`${everyMs}`, '', `${LEASE_MS}`, '']),
      ])
      // An instance that has the previous secret alone has refreshed it.
      if (other.kind === 'recent' || other.kind === 'failed') {
        if (mine.kind === 'lease') await this.#end(name, mine.lease, '', MARKER_MS)
        return other
      }
      return mine.kind === 'none' ? { kind: 'unknown' } : mine
    })
    if (found?.kind !== 'lease') return found ?? { kind: 'unknown' }
    const { refresh } = keysOf(this.#options.prefix, name)
    leases.hold(found.lease, () => this.#renew(refresh, found.lease))
    return found
  }

  /** Rejects where a command does. */
  async end(names: readonly string[], lease: string, end: RefreshEnd): Promise<void> {
    const { prefix, sealer, leases } = this.#options
    const [name = ''] = names
    leases.drop(lease)
    const forMs = end.kind === 'none' ? MARKER_MS : Math.ceil(Math.max(end.forMs, 1))
    if (end.kind === 'refreshed') {
      const [began = ''] = lease.split(' ')
      const text = JSON.stringify({ expiresAt: end.expiresAt })
      const sealed = sealer.seal(PURPOSE, bound(keysOf(prefix, name).refresh, began), text)
      await this.#end(name, lease, `R ${began} ${sealed}`, forMs)
    } else await this.#end(name, lease, end.kind === 'failed' ? `F ${end.code}` : '', forMs)
  }

  /** Repeats when what it finds is unusable. */
  async #find(name: string, args: readonly string[]): Promise<Found> {
    const { prefix, scripts: run } = this.#options
    const { refresh } = keysOf(prefix, name)
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const reply = await run.run(scripts.claimRefresh, [refresh], args)
      const found = this.#read(refresh, reply)
      if (found !== undefined) return found
      await run.reject(refresh, reply.values[0] ?? '')
    }
    return { kind: 'unknown' }
  }

  #read(key: string, { kind, values }: ScriptReply): Found | undefined {
    const [first = '', second = '', third = '', age = ''] = values
    switch (kind) {
      case 'held':
        return { kind, at: first }
      case 'lease':
        return { kind, lease: first }
      case 'none':
        return { kind }
      case 'failed':
        return isUnavailableCode(second)
          ? { kind, code: second, restMs: Math.min(Number(third), MAX_REST_MS) }
          : undefined
      default: {
        const text = this.#options.sealer.open(PURPOSE, bound(key, second), third)
        const expiresAt = text === undefined ? undefined : parseObject(text)?.expiresAt
        return isDate(expiresAt) ? { kind: 'recent', expiresAt, ageMs: Number(age) } : undefined
      }
    }
  }

  async #renew(key: string, lease: string): Promise<boolean> {
    const { scripts: run } = this.#options
    try {
      const { kind } = await run.run(scripts.renew, [key], [`L ${lease}`, `${LEASE_MS}`])
      return kind === 'renewed'
    } catch {
      // The next renewal may get through before the lease ends.
      return true
    }
  }

  async #end(name: string, lease: string, value: string, forMs: number): Promise<void> {
    const { prefix, scripts: run } = this.#options
    await run.run(scripts.endRefresh, [keysOf(prefix, name).refresh], [lease, value, `${forMs}`])
  }
}

const none = { kind: 'none' } as const

function bound(key: string, began: string): string {
  return `${key} ${began}`
}
