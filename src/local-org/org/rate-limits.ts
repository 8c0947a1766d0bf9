/** Okta's rate limits: counts requests in windows of a minute and writes the headers about them. */
import type { Header } from '../http/answer.js'
import { type Clock, wholeSeconds } from './org-clock.js'

/** The values of the `x-rate-limit-*` headers of one answer. */
export interface RateFigures {
  readonly limit: number
  readonly remaining: number
  /** Epoch seconds. */
  readonly reset: number
  readonly exceeded: boolean
}

/** A group of paths that share a rate limit. */
export type Bucket = 'sessions' | 'authn' | 'oauth2'

const WINDOW_MS = 60_000

/** The limit of the buckets without a configured one. */
export const PRACTICALLY_UNLIMITED = 1_000_000

export class RateLimits {
  readonly #clock: Clock
  readonly #windows: Readonly<Record<Bucket, Window>>
  readonly #apiToken: Window

  constructor(clock: Clock, sessionsPerMinute: number) {
    this.#clock = clock
    this.#windows = {
      sessions: new Window(sessionsPerMinute),
      authn: new Window(PRACTICALLY_UNLIMITED),
      oauth2: new Window(PRACTICALLY_UNLIMITED),
    }
    this.#apiToken = new Window(Math.floor(sessionsPerMinute / 2))
  }

  /** Counts one request, also one that is refused. An API token may use half of the org's limit. */
  count(bucket: Bucket, byApiToken: boolean): RateFigures {
    const now = this.#clock.now()
    const ofOrg = this.#windows[bucket].count(now)
    if (!byApiToken || bucket !== 'sessions') return ofOrg
    const ofToken = this.#apiToken.count(now)
    return ofOrg.exceeded && !ofToken.exceeded ? ofOrg : ofToken
  }

  /** The figures of the concurrency limit's 429: limit 0, remaining 0, and an estimated reset. */
  concurrencyFigures(): RateFigures {
    const reset = (wholeSeconds(this.#clock.now()) + WINDOW_MS) / 1_000
    return { limit: 0, remaining: 0, reset, exceeded: true }
  }
}

export function rateHeaders(figures: RateFigures): readonly Header[] {
  return [
    ['x-rate-limit-limit', String(figures.limit)],
    ['x-rate-limit-remaining', String(figures.remaining)],
    ['x-rate-limit-reset', String(figures.reset)],
  ]
}

/** A rate-limit window, which starts with its first request. */
class Window {
  readonly #limit: number
  #endsAt = Number.NEGATIVE_INFINITY
  #used = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  count(now: number): RateFigures {
    if (now >= this.#endsAt) {
      this.#endsAt = now + WINDOW_MS
      this.#used = 0
    }
    this.#used += 1
    return {
      limit: this.#limit,
      remaining: Math.max(0, this.#limit - this.#used),
      reset: wholeSeconds(this.#endsAt) / 1_000,
      exceeded: this.#used > this.#limit,
    }
  }
}
