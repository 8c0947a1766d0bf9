/** The one door every call to Okta goes through: carries out what `admit` decides, and queues who must wait. */
import type { Clock, Logger, OktaAnswer, OktaUnavailable } from '../contracts.js'
import type { UnavailableCode } from '../errors.js'
import type { Settings } from '../options/options.js'
import {
  type Account,
  type AdmittedCall,
  CircuitBreaker,
  type CircuitScope,
} from './circuit-breaker.js'
import { type Admission, admit, type CallKind, type Scarce } from './policy.js'
import { CallQueue } from './queue.js'
import { RetrySchedule } from './retry-schedule.js'
import { Shares } from './shares.js'
import { FailureBudget, type FailureLevels, isSharedPeer, scarcer } from './token-bucket.js'

/** Who wants to call, and on whose account a failure goes. */
export interface CallRequest {
  readonly kind: CallKind
  /** Tells this question from others, where it may be asked again. */
  readonly key?: string | undefined
  /** The client's address, normalised, or its shared peer; undefined when neither is known. */
  readonly client?: string | undefined
  /** Sign-ins are counted apart from lookups. */
  readonly account?: Account | undefined
  /** Whether a fresh answer or a no is at hand, which this ask does without: it counts against its client's share. */
  readonly early?: boolean | undefined
  /** Whether the charge stands even when no usable answer comes. */
  readonly chargeSilence?: boolean | undefined
}

/** How a call came out, and whether it was made at all. */
export type LimitedAnswer<T> = OktaAnswer<T> & { readonly called: boolean }

export interface LimiterOptions {
  readonly upstream: Settings['upstream']
  readonly clock: Clock
  readonly logger: Logger | undefined
  readonly random: () => number
}

type Refused = Extract<Admission, { admit: 'no' }>

/** A judged ask: on its way, with how to give back what it paid, or refused. */
type Entry =
  | { readonly departure: AdmittedCall; readonly giveBack: () => void }
  | { readonly departure?: undefined; readonly refused: Refused }

interface Waiter {
  readonly kind: CallKind
  readonly ask: CallRequest
  readonly enter: (admission: Admission) => void
}

const MAX_QUEUED = 1_000
/**
 * What newcomers may cost that is answered with nothing usable. It charges nothing against their failure
 * budget, so a cookie that makes Okta answer oddly would otherwise be free. While Okta is down the breaker
 * spends less than this.
 */
const ODD_ANSWERS = { perSecond: 2.5, burst: 50 }
const ODD_ANSWERS_PER_CLIENT = { perSecond: 1.5, burst: 20 }

export class Limiter {
  readonly #options: LimiterOptions
  readonly #health: CircuitBreaker
  readonly #budgets: Readonly<Record<Account, FailureBudget>>
  readonly #oddAnswers: Readonly<Record<Account, FailureBudget>>
  readonly #returns = {
    lookup: new RetrySchedule(),
    sign_in: new RetrySchedule(),
    calls: new RetrySchedule(),
  }
  readonly #queue = new CallQueue<Waiter>(MAX_QUEUED)
  readonly #shares = new Shares(MAX_QUEUED)
  readonly #refused: Partial<Record<UnavailableCode, number>> = {}
  readonly #failures: Partial<Record<UnavailableCode, number>> = {}
  #calls = 0
  #inFlight = 0
  #closed = false
  #behind: Promise<unknown> = Promise.resolve()

  constructor(options: LimiterOptions) {
    const { upstream, clock } = options
    const budget = () =>
      new FailureBudget(upstream.failedLookups, upstream.failedLookupsPerClient, clock.monotonic())
    this.#options = options
    this.#health = new CircuitBreaker({ ...options, maxConcurrent: upstream.maxConcurrent })
    this.#budgets = { lookup: budget(), sign_in: budget() }
    const odd = () => new FailureBudget(ODD_ANSWERS, ODD_ANSWERS_PER_CLIENT, clock.monotonic())
    this.#oddAnswers = { lookup: odd(), sign_in: odd() }
  }

  /** Rejects a call that can't be made now: counts the rejection and schedules its retry. Undefined: it may be made. */
  admit(ask: CallRequest): OktaUnavailable | undefined {
    const admission = this.#judge(ask, this.#queue.ahead(ask.kind))
    return admission.admit === 'no' ? this.#refuse(ask, admission) : undefined
  }

  /** Makes the call when it is admitted, in its turn. */
  async call<T>(ask: CallRequest, call: () => Promise<OktaAnswer<T>>): Promise<LimitedAnswer<T>> {
    const admission = this.#judge(ask, this.#queue.ahead(ask.kind))
    const entry = admission.admit === 'queue' ? await this.#turn(ask) : this.#enter(ask, admission)
    if (entry.departure === undefined) return { ...this.#refuse(ask, entry.refused), called: false }
    const made = this.#make(ask, call, entry.departure, entry.giveBack)
    if (!entry.departure.probe || ask.kind !== 'stale') return { ...(await made), called: true }
    // Who has something to be served with doesn't wait to hear whether Okta is back.
    this.#behind = made.catch(() => {})
    return { ...unavailable('breaker_open', 1_000), called: false }
  }

  /** Resolves when no background call is under way. */
  async settled(): Promise<void> {
    await this.#behind
  }

  /** Rejects queued and future calls with `closed`. */
  close(): void {
    this.#closed = true
    this.#admitWaiting()
  }

  stats() {
    const quota = this.#health.quota('lookup')
    const now = this.#options.clock.monotonic()
    return {
      calls: this.#calls,
      failures: { ...this.#failures },
      inFlight: this.#inFlight,
      queued: this.#queue.length,
      maxConcurrent: this.#health.maxConcurrent,
      refused: { ...this.#refused },
      heldOff: this.#health.heldOff(),
      quota: quota && {
        limit: quota.limit,
        remaining: Math.max(0, quota.remaining),
        resetsInMs: quota.resetAt - now,
      },
    }
  }

  #judge(ask: CallRequest, queued: number): Admission {
    const now = this.#options.clock.monotonic()
    this.#shares.hearLimit(this.#health.quota('lookup')?.limit)
    const state = {
      closed: this.#closed,
      ...this.#shares.level(ask, now),
      ...this.#levels(ask),
      clientIsShared: isSharedPeer(ask.client),
      quota: this.#health.quota(accountOf(ask)),
      newcomersWait: this.#returns.calls.areExpected(now),
      holdOff: this.#health.holdOff(groupOf(ask)),
      inFlight: this.#inFlight,
      maxConcurrent: this.#health.maxConcurrent,
      queued,
      maxQueued: MAX_QUEUED,
    }
    return admit(state, ask.kind, now)
  }

  #levels(ask: CallRequest): FailureLevels {
    const now = this.#options.clock.monotonic()
    const isNewcomer = ask.kind === 'unseen'
    // Who pays nothing takes no place in the table of clients either.
    const own = this.#budgets[accountOf(ask)].level(isNewcomer ? ask.client : undefined, now)
    if (!isNewcomer) return own
    // Those whose turn it is go first.
    const before = this.#returns[accountOf(ask)].before(ask.key, now)
    const everybody = { ...own.everybody, tokens: own.everybody.tokens - before }
    return scarcer({ ...own, everybody }, this.#oddAnswers[accountOf(ask)].level(ask.client, now))
  }

  /**
   * Takes the place at the moment of admission, so that no two take the same one, and pays for it: who
   * waits has not paid, so that any number of real newcomers may.
   */
  #enter(ask: CallRequest, admission: Admission): Entry {
    const giveBack = this.#charge(ask, admission)
    if (admission.admit === 'no') return { refused: admission }
    this.#calls += 1
    this.#inFlight += 1
    this.#shares.charge(ask, this.#options.clock.monotonic())
    this.#returns[accountOf(ask)].came(ask.key)
    this.#returns.calls.came(ask.key)
    const isProbe = admission.admit === 'probe'
    const departure = this.#health.departs(accountOf(ask), groupOf(ask), isProbe)
    return { departure, giveBack }
  }

  #charge(ask: CallRequest, admission: Admission): () => void {
    const pays =
      ask.kind === 'unseen' &&
      // Where silence is charged, it must be scarce even while nobody calls.
      (admission.admit !== 'no' || (ask.chargeSilence === true && !isOverBudget(admission.code)))
    if (!pays) return () => {}
    return this.#budgets[accountOf(ask)].charge(ask.client, this.#options.clock.monotonic())
  }

  #refuse(ask: CallRequest, refused: Refused): OktaUnavailable {
    const { code } = refused
    // A background refresh not made is nothing that anybody misses.
    if (ask.kind !== 'prefetch') countIn(this.#refused, code)
    if (HOLD_OFFS.has(code) && (ask.kind === 'seen' || ask.kind === 'stale'))
      this.#health.knownTurnedAway()
    const { scarce, retryAfterMs } = refused
    if (ask.kind !== 'unseen' || scarce === undefined) return unavailable(code, retryAfterMs)
    const room = { soonestMs: retryAfterMs, perSecond: scarce.perSecond }
    const now = this.#options.clock.monotonic()
    return unavailable(code, this.#returnsFor(ask, scarce.what).after(ask, room, now))
  }

  #returnsFor(ask: CallRequest, what: Scarce['what']): RetrySchedule {
    return what === 'calls' ? this.#returns.calls : this.#returns[accountOf(ask)]
  }

  async #make<T>(
    ask: CallRequest,
    call: () => Promise<OktaAnswer<T>>,
    departure: AdmittedCall,
    giveBack: () => void,
  ): Promise<OktaAnswer<T>> {
    let answer: OktaAnswer<T> = { kind: 'unavailable', code: 'reset' }
    try {
      answer = await call()
      return answer
    } finally {
      this.#inFlight -= 1
      this.#settle(ask, answer, giveBack)
      this.#health.returns(departure, answer, this.#inFlight)
      this.#admitWaiting()
    }
  }

  /**
   * A yes costs a newcomer nothing, nor does silence; a no does, and so does an odd answer, on an account of
   * its own. A no about a session seen before is charged to its client.
   */
  #settle(ask: CallRequest, answer: OktaAnswer<unknown>, giveBack: () => void): void {
    if (answer.kind === 'no' && ask.kind !== 'unseen')
      this.#budgets[accountOf(ask)].chargeSeen(ask.client, this.#options.clock.monotonic())
    if (answer.kind === 'yes') giveBack()
    if (answer.kind === 'yes' && ask.kind === 'unseen') this.#returns[accountOf(ask)].moveUp()
    if (answer.kind !== 'unavailable') return
    countIn(this.#failures, answer.code)
    if (ask.chargeSilence !== true) giveBack()
    if (ask.kind === 'unseen' && !NOT_ITS_FAULT.has(answer.code))
      this.#oddAnswers[accountOf(ask)].charge(ask.client, this.#options.clock.monotonic())
  }

  #turn(ask: CallRequest): Promise<Entry> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        kind: ask.kind,
        ask,
        enter: (admission) => {
          clearTimeout(timer)
          this.#shares.leftQueue(ask)
          resolve(this.#enter(ask, admission))
        },
      }
      const timer = setTimeout(() => {
        this.#queue.remove(waiter)
        waiter.enter(queueFull)
      }, this.#options.upstream.maxQueueMs)
      this.#shares.queued(ask)
      // Evicts the queued call with the lowest priority; `admit` has made sure that there is one.
      this.#queue.add(waiter)?.enter(queueFull)
    })
  }

  #admitWaiting(): void {
    for (let waiter = this.#queue.next; waiter !== undefined; waiter = this.#queue.next) {
      const admission = this.#judge(waiter.ask, 0)
      if (admission.admit === 'queue') return
      if (admission.admit === 'no') this.#queue.remove(waiter)
      else this.#queue.takeSlot(waiter)
      waiter.enter(admission)
    }
  }
}

/** Even a slow Okta answers this many of a queue that was full. */
const queueFull = {
  admit: 'no',
  code: 'queue_full',
  retryAfterMs: 1_000,
  scarce: { what: 'calls', perSecond: 20 },
} as const

const HOLD_OFFS: ReadonlySet<UnavailableCode> = new Set([
  'rate_limited',
  'concurrency_limited',
  'breaker_open',
])

/** Failures that are not the cookie's: Okta was not reached, or is short of quota. */
const NOT_ITS_FAULT: ReadonlySet<UnavailableCode> = new Set([
  'dns',
  'connect',
  'tls',
  'rate_limited',
  'concurrency_limited',
  'closed',
])

function accountOf(ask: CallRequest): Account {
  return ask.account ?? 'lookup'
}

function groupOf(ask: CallRequest): CircuitScope {
  if (ask.account === 'sign_in') return 'sign_ins'
  return ask.kind === 'unseen' ? 'newcomers' : 'everybody'
}

/** Whether a refusal came of having asked too much. */
export function isOverBudget(code: UnavailableCode): boolean {
  return code === 'too_many_attempts' || code === 'over_budget'
}

function unavailable(code: UnavailableCode, retryAfterMs: number): OktaUnavailable {
  return { kind: 'unavailable', code, retryAfterMs }
}

function countIn(counts: Partial<Record<UnavailableCode, number>>, code: UnavailableCode): void {
  counts[code] = (counts[code] ?? 0) + 1
}
