/** What the answers so far say about Okta: the quota left, how many calls at once it bears, and until when to leave it alone. */

import { publishers } from '../channels.js'
import type { AnswerHead, Clock, Logger, OktaAnswer, OktaUnavailable } from '../contracts.js'
import type { UnavailableCode } from '../errors.js'
import type { OpenCircuit, RateLimitWindow } from './policy.js'

/** Okta counts sign-ins made with an API token apart from lookups. */
export type Account = 'lookup' | 'sign_in'

/**
 * Whose calls a failure speaks for. Those of known sessions speak for everybody: they worked before. A
 * cookie or a token nobody has seen may fail for its own sake, so those speak for their own kind alone.
 */
export type CircuitScope = 'everybody' | 'newcomers' | 'sign_ins'

/** A call under way. */
export interface AdmittedCall {
  readonly account: Account
  readonly group: CircuitScope
  readonly probe: boolean
  /** Monotonic milliseconds. */
  readonly at: number
}

export interface OktaHealthOptions {
  readonly clock: Clock
  readonly maxConcurrent: number
  readonly logger: Logger | undefined
  /** 0 to 1; injected so that simulations repeat. */
  readonly random: () => number
}

/** So many calls in a row without a usable answer open the breaker. */
const FAILURES_TO_OPEN = 5
/** How long the breaker leaves Okta alone between probes. */
const BREAKER_MS = 1_000
/** A probe not back by then is given up, and the next may go. */
const PROBE_LOST_MS = 10_000
const WINDOW_MS = 60_000
/** Okta's nodes need not agree to the second on when their minute ends. */
const SAME_WINDOW_MS = 2_000
/** So many good answers win back one place of a halved cap. */
const ANSWERS_PER_PLACE = 10
/** These come before the question was put, so they can't be the question's fault. */
const BEFORE_THE_QUESTION: ReadonlySet<UnavailableCode> = new Set(['dns', 'connect', 'tls'])
const NO_PROBE = Number.NEGATIVE_INFINITY

interface Standing {
  readonly code: OpenCircuit['code']
  /** When it began or was last put off: what left before that says nothing about it. */
  readonly since: number
  readonly until: number
  readonly probeLostAt: number
  readonly knownWaits: boolean
}

/** A rate-limit window, identified by its end on Okta's clock. */
interface Minute extends RateLimitWindow {
  readonly oktaResetAt: number
}

export class CircuitBreaker {
  readonly #options: OktaHealthOptions
  readonly #minutes: { [account in Account]?: Minute } = {}
  readonly #holdOffs: { [group in CircuitScope]?: Standing } = {}
  readonly #failures: Record<CircuitScope, number> = { everybody: 0, newcomers: 0, sign_ins: 0 }
  #cap: number
  #goodAnswers = 0
  #halvedAt = Number.NEGATIVE_INFINITY

  constructor(options: OktaHealthOptions) {
    this.#options = options
    this.#cap = options.maxConcurrent
  }

  get maxConcurrent(): number {
    return this.#cap
  }

  /** What is left of the window for calls of this account; sign-ins spend the lookups' window as well. */
  quota(account: Account): RateLimitWindow | undefined {
    const now = this.#now()
    const { lookup, sign_in } = this.#minutes
    const minutes = account === 'lookup' ? [lookup] : [lookup, sign_in]
    let scarcest: Minute | undefined
    for (const minute of minutes) {
      if (minute === undefined || now >= minute.resetAt) continue
      if (scarcest === undefined || share(minute) < share(scarcest)) scarcest = minute
    }
    return scarcest
  }

  /** What holds this group's calls off: everybody's hold-off, its own, or both as one. */
  holdOff(group: CircuitScope): OpenCircuit | undefined {
    const now = this.#now()
    let all: OpenCircuit | undefined
    for (const each of groupsOf(group)) {
      const standing = this.#holdOffs[each]
      if (standing === undefined) continue
      const { code, until } = all !== undefined && all.until >= standing.until ? all : standing
      const probing = now < standing.probeLostAt || all?.probing === true
      all = { code, until, probing, knownWaits: standing.knownWaits || all?.knownWaits === true }
    }
    return all
  }

  /** What holds calls off now, and whose: everybody's first. */
  heldOff() {
    for (const who of ['everybody', 'newcomers', 'sign_ins'] as const) {
      const standing = this.#holdOffs[who]
      if (standing !== undefined)
        return { who, code: standing.code, forMs: Math.max(0, standing.until - this.#now()) }
    }
    return undefined
  }

  /** A call for a seen session was rejected by an open circuit: the next trial is reserved for one. */
  knownTurnedAway(): void {
    const { everybody } = this.#holdOffs
    if (everybody?.knownWaits === false)
      this.#holdOffs.everybody = { ...everybody, knownWaits: true }
  }

  /** A call leaves; the departure is handed back with its answer. */
  departs(account: Account, group: CircuitScope, probe: boolean): AdmittedCall {
    const at = this.#now()
    this.#spend('lookup')
    if (account === 'sign_in') this.#spend('sign_in')
    if (probe) this.#setProbe(group, at + PROBE_LOST_MS)
    return { account, group, probe, at }
  }

  /** A call has ended. */
  returns(departure: AdmittedCall, answer: OktaAnswer<unknown>, stillInFlight: number): void {
    if (departure.probe) this.#setProbe(departure.group, NO_PROBE)
    if (answer.head !== undefined) this.#readQuota(departure.account, answer.head, stillInFlight)
    if (answer.kind !== 'unavailable') this.#isWell(departure)
    else if (answer.code === 'rate_limited') this.#rateLimited(departure, answer)
    else if (answer.code === 'concurrency_limited') this.#overrun(departure)
    else this.#failed(departure, answer.code)
  }

  #isWell(departure: AdmittedCall): void {
    this.#recoverPlace()
    // Any answer shows that Okta answers; only a sign-in shows that signing in works.
    for (const group of new Set<CircuitScope>(['everybody', 'newcomers', departure.group])) {
      this.#failures[group] = 0
      const standing = this.#holdOffs[group]
      // An answer to a call that left before the hold-off began says nothing about now.
      if (standing !== undefined && departure.at >= standing.since) this.#release(group, standing)
    }
  }

  #rateLimited(departure: AdmittedCall, { retryAfterMs = 5_000 }: OktaUnavailable): void {
    const forMs = retryAfterMs + this.#options.random() * 500
    this.#hold('everybody', departure, 'rate_limited', forMs, 'rate_limited')
  }

  #overrun(departure: AdmittedCall): void {
    // All that was under way at once comes back with the same complaint, which is one.
    if (departure.at > this.#halvedAt) {
      this.#cap = Math.max(1, Math.floor(this.#cap / 2))
      this.#goodAnswers = 0
      this.#halvedAt = this.#now()
    }
    const forMs = 250 + this.#options.random() * 750
    this.#hold('everybody', departure, 'concurrency_limited', forMs, 'concurrency_limited')
  }

  /** Whatever the failure: an org that refuses everybody is not asked at full speed either. */
  #failed(departure: AdmittedCall, why: UnavailableCode): void {
    const speaksFor = BEFORE_THE_QUESTION.has(why) ? 'everybody' : departure.group
    this.#failures[speaksFor] += 1
    for (const group of groupsOf(departure.group)) {
      const standing = this.#holdOffs[group]
      const opens = group === speaksFor && this.#failures[group] >= FAILURES_TO_OPEN
      // What left before the breaker opened says nothing more about Okta.
      const isOld = standing !== undefined && departure.at <= standing.since
      const wasProbe = standing !== undefined && departure.probe
      if (wasProbe || (opens && !isOld))
        this.#hold(group, departure, 'breaker_open', this.#breakerMs(), why)
    }
  }

  #breakerMs(): number {
    return BREAKER_MS * (0.9 + this.#options.random() * 0.2)
  }

  #recoverPlace(): void {
    if (this.#cap >= this.#options.maxConcurrent) return
    this.#goodAnswers += 1
    if (this.#goodAnswers < ANSWERS_PER_PLACE) return
    this.#goodAnswers = 0
    this.#cap += 1
  }

  #hold(
    group: CircuitScope,
    departure: AdmittedCall,
    code: OpenCircuit['code'],
    forMs: number,
    why: UnavailableCode,
  ): void {
    const since = this.#now()
    const until = since + forMs
    const standing = this.#holdOffs[group]
    if (standing === undefined) this.#announceHold(group, code, Math.round(forMs), why)
    if (standing === undefined || departure.probe)
      this.#holdOffs[group] = { code, since, until, probeLostAt: NO_PROBE, knownWaits: false }
    else if (until > standing.until) this.#holdOffs[group] = { ...standing, code, since, until }
  }

  #announceHold(
    who: CircuitScope,
    code: OpenCircuit['code'],
    forMs: number,
    why: UnavailableCode,
  ): void {
    this.#options.logger?.warn('Calls to Okta are held off', { who, code, why, forMs })
    if (publishers.holdOff.hasSubscribers)
      publishers.holdOff.publish({ on: true, who, code, forMs })
  }

  #release(who: CircuitScope, { code }: Standing): void {
    delete this.#holdOffs[who]
    this.#options.logger?.info?.('Okta answers again', { who, after: code })
    if (publishers.holdOff.hasSubscribers) publishers.holdOff.publish({ on: false, who, code })
  }

  #setProbe(group: CircuitScope, probeLostAt: number): void {
    for (const held of groupsOf(group)) {
      const standing = this.#holdOffs[held]
      if (standing !== undefined) this.#holdOffs[held] = { ...standing, probeLostAt }
    }
  }

  #spend(account: Account): void {
    const minute = this.#minutes[account]
    if (minute !== undefined)
      this.#minutes[account] = { ...minute, remaining: minute.remaining - 1 }
  }

  #readQuota(account: Account, { rateLimit, oktaTime }: AnswerHead, stillInFlight: number): void {
    if (rateLimit === undefined || rateLimit.limit <= 0) return
    const { limit, resetAt: oktaResetAt } = rateLimit
    const now = this.#now()
    const resetsIn = oktaResetAt - (oktaTime ?? this.#options.clock.now())
    if (resetsIn <= 0 || resetsIn > WINDOW_MS * 2) return
    const resetAt = now + Math.min(resetsIn, WINDOW_MS) + 1_000
    const remaining = rateLimit.remaining - stillInFlight
    const standing = this.#minutes[account]
    const later = standing === undefined ? 0 : oktaResetAt - standing.oktaResetAt
    if (standing === undefined || now >= standing.resetAt || later > SAME_WINDOW_MS) {
      this.#minutes[account] = { limit, remaining, resetAt, oktaResetAt }
      return
    }
    // Answers overtake each other: one out of the minute before says nothing about this one.
    if (later < -SAME_WINDOW_MS) return
    this.#minutes[account] = {
      ...standing,
      limit,
      // Within one minute the lower figure is the later one, and the earlier end was heard of sooner.
      remaining: Math.min(standing.remaining, remaining),
      resetAt: Math.min(standing.resetAt, resetAt),
    }
  }

  #now(): number {
    return this.#options.clock.monotonic()
  }
}

/** What holds off everybody holds off each. */
function groupsOf(group: CircuitScope): readonly CircuitScope[] {
  return group === 'everybody' ? ['everybody'] : ['everybody', group]
}

function share({ remaining, limit }: RateLimitWindow): number {
  return remaining / limit
}
