/** What the answers so far say about Okta: the quota left, how many calls at once it bears, and until when to leave it alone. */
import type { Answer } from '../model/answer.js'
import { publishers } from '../model/channels.js'
import type { AnswerHead, Clock, Logger } from '../model/contracts.js'
import type { UnavailableCode } from '../model/errors.js'
import type { HoldOff, Quota } from './admission.js'

/** So many calls in a row without a usable answer open the breaker. */
const FAILURES_TO_OPEN = 5
/** How long the breaker leaves Okta alone between probes. */
const BREAKER_MS = 1_000
const WINDOW_MS = 60_000
/** So many good answers in a row win back one place of a halved cap. */
const ANSWERS_PER_PLACE = 10

export interface OktaHealthOptions {
  readonly clock: Clock
  readonly maxConcurrent: number
  readonly logger: Logger | undefined
  /** 0 to 1; injected so that simulations repeat. */
  readonly random: () => number
}

export class OktaHealth {
  readonly #options: OktaHealthOptions
  #quota: Quota | undefined
  #holdOff: HoldOff | undefined
  #failures = 0
  #cap: number
  #goodAnswers = 0

  constructor(options: OktaHealthOptions) {
    this.#options = options
    this.#cap = options.maxConcurrent
  }

  get quota(): Quota | undefined {
    return this.#quota
  }

  get holdOff(): HoldOff | undefined {
    return this.#holdOff
  }

  get maxConcurrent(): number {
    return this.#cap
  }

  /** A call leaves. */
  departs(probe: boolean): void {
    if (this.#quota !== undefined)
      this.#quota = { ...this.#quota, remaining: this.#quota.remaining - 1 }
    if (probe && this.#holdOff !== undefined) this.#holdOff = { ...this.#holdOff, probing: true }
  }

  /** A call has ended. */
  returns(answer: Answer<unknown>, probe: boolean, stillInFlight: number): void {
    if (answer.head !== undefined) this.#readQuota(answer.head, stillInFlight)
    if (answer.kind !== 'unavailable') this.#isWell()
    else if (answer.code === 'rate_limited') this.#rateLimited(answer.retryAfterMs ?? 5_000)
    else if (answer.code === 'concurrency_limited') this.#overrun()
    else this.#failed(answer.code, probe)
  }

  #isWell(): void {
    this.#failures = 0
    this.#recoverPlace()
    const holdOff = this.#holdOff
    // An answer to a call that left before the hold-off began says nothing about now.
    if (holdOff === undefined || this.#options.clock.monotonic() < holdOff.until) return
    this.#holdOff = undefined
    this.#options.logger?.info?.('Okta answers again', { after: holdOff.code })
    if (publishers.holdOff.hasSubscribers)
      publishers.holdOff.publish({ on: false, code: holdOff.code })
  }

  /** Whatever the failure: an org that refuses everybody is not asked at full speed either. */
  #failed(code: UnavailableCode, probe: boolean): void {
    this.#failures += 1
    if (probe || this.#failures >= FAILURES_TO_OPEN)
      this.#hold('breaker_open', this.#jittered(BREAKER_MS), code)
  }

  #rateLimited(retryAfterMs: number): void {
    this.#hold('rate_limited', retryAfterMs + this.#options.random() * 500, 'rate_limited')
  }

  #overrun(): void {
    this.#cap = Math.max(1, Math.floor(this.#cap / 2))
    this.#goodAnswers = 0
    this.#hold('concurrency_limited', 250 + this.#options.random() * 750, 'concurrency_limited')
  }

  #recoverPlace(): void {
    if (this.#cap >= this.#options.maxConcurrent) return
    this.#goodAnswers += 1
    if (this.#goodAnswers < ANSWERS_PER_PLACE) return
    this.#goodAnswers = 0
    this.#cap += 1
  }

  #hold(code: HoldOff['code'], forMs: number, why: UnavailableCode): void {
    const until = this.#options.clock.monotonic() + forMs
    const standing = this.#holdOff
    if (standing === undefined) {
      this.#options.logger?.warn('Calls to Okta are held off', {
        code,
        why,
        forMs: Math.round(forMs),
      })
      if (publishers.holdOff.hasSubscribers)
        publishers.holdOff.publish({ on: true, code, forMs: Math.round(forMs) })
    }
    if (standing !== undefined && !standing.probing && standing.until >= until) return
    this.#holdOff = { until, code, probing: false }
  }

  #jittered(ms: number): number {
    return ms * (0.9 + this.#options.random() * 0.2)
  }

  #readQuota(head: AnswerHead, stillInFlight: number): void {
    const limit = head.rateLimit
    if (limit === undefined || limit.limit <= 0) return
    const now = this.#options.clock.monotonic()
    const oktaNow = head.oktaTime ?? this.#options.clock.now()
    const resetsIn = limit.resetAt - oktaNow
    if (resetsIn <= 0 || resetsIn > WINDOW_MS * 2) return
    const resetAt = now + Math.min(resetsIn + 1_000, WINDOW_MS + 1_000)
    const remaining = limit.remaining - stillInFlight
    const standing = this.#quota
    // Answers overtake each other: within one window the lower figure is the later one.
    const sameWindow = standing !== undefined && Math.abs(standing.resetAt - resetAt) < 2_500
    this.#quota = {
      limit: limit.limit,
      remaining: sameWindow ? Math.min(standing.remaining, remaining) : remaining,
      resetAt: sameWindow ? Math.max(standing.resetAt, resetAt) : resetAt,
    }
  }
}
