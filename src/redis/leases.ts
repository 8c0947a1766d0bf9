/** Leases in Redis: renewed while this instance calls Okta, and waited for while another one does. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../contracts.js'

/** How long an instance that died keeps the others waiting. */
export const LEASE_MS = 1_000
const RENEW_EVERY_MS = 300
/** A lookup may be queued before its call begins. */
const MAX_QUEUED_MS = 2_000
/** The pauses of a waiting claim; the last is repeated, and varied so that the instances do not wake at once. */
const PAUSES_MS = [5, 10, 20, 40] as const
const LAST_PAUSE_MS = 50
/** The holder's answer may come at its deadline. */
const WAIT_BEYOND_MS = 500

export interface LeaseOptions {
  readonly clock: Clock
  /** 0 to 1. */
  readonly random: () => number
  /** The deadline of one exchange with Okta. */
  readonly timeoutMs: number
}

/** Another instance holds the lease, at this time of Redis. */
export interface Held {
  readonly kind: 'held'
  readonly at: string
}

export class Leases {
  readonly #options: LeaseOptions
  readonly #renewals = new Map<string, NodeJS.Timeout>()
  #closed = false

  constructor(options: LeaseOptions) {
    this.#options = options
  }

  newId(): string {
    return randomBytes(12).toString('base64url')
  }

  /** Calls `renew` until it says that the lease is lost, it is dropped, or no lookup takes as long. */
  hold(lease: string, renew: () => Promise<boolean>): void {
    const { clock, timeoutMs } = this.#options
    if (this.#closed) return
    const until = clock.monotonic() + timeoutMs + MAX_QUEUED_MS
    const tick = async () => {
      if (clock.monotonic() >= until || !(await renew())) this.drop(lease)
    }
    const timer = setInterval(tick, RENEW_EVERY_MS)
    timer.unref()
    this.#renewals.set(lease, timer)
  }

  /** Ends the renewal. */
  drop(lease: string): void {
    clearInterval(this.#renewals.get(lease))
    this.#renewals.delete(lease)
  }

  /**
   * Repeats `attempt` while another instance holds the lease. It is given the time of Redis at which the wait
   * began, `''` at first. Undefined: the lease was held for too long.
   */
  async waitFor<T extends { readonly kind: string }>(
    attempt: (waitingSince: string) => Promise<T | Held>,
  ): Promise<T | undefined> {
    const { clock, random, timeoutMs } = this.#options
    const until = clock.monotonic() + timeoutMs + WAIT_BEYOND_MS
    let waitingSince = ''
    for (let attempts = 0; ; attempts += 1) {
      const result = await attempt(waitingSince)
      if (!isHeld(result)) return result
      if (waitingSince === '') waitingSince = result.at
      if (this.#closed || clock.monotonic() >= until) return undefined
      await sleep(PAUSES_MS[attempts] ?? LAST_PAUSE_MS * (0.75 + random() / 2))
    }
  }

  close(): void {
    this.#closed = true
    for (const lease of this.#renewals.keys()) this.drop(lease)
  }
}

function isHeld(result: { readonly kind: string }): result is Held {
  return result.kind === 'held'
}
