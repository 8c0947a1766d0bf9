/** Every call to Okta passes the limiter: it admits, queues or rejects calls as the policy decides, and charges what they cost. */
import type { Clock, Log, OktaAnswer, OktaUnavailable } from '../contracts.js'
import type { UnavailableCode } from '../errors.js'
import type { Settings } from '../options/options.js'
import {
  type CallScope,
  CircuitBreaker,
  NOT_REACHED_OR_LIMITED,
  type StartedCall,
} from './circuit-breaker.js'
import { OutageLines } from './outage-lines.js'
import {
  type Account,
  type Admission,
  admit,
  type CallOperation,
  type CallRequest,
  type Rejection,
} from './policy.js'
import { CallQueue } from './queue.js'
import { Quota } from './quota.js'
import { RetrySchedule } from './retry-schedule.js'
import {
  type BucketFigures,
  ClientBuckets,
  FailureBudget,
  type FailureLevels,
  isSharedPeer,
  scarcer,
} from './token-bucket.js'

export type { CallRequest } from './policy.js'

/** How a call ended, and whether it was made at all. */
export type LimitedAnswer<T> = OktaAnswer<T> & { readonly called: boolean }

export interface LimiterOptions {
  /** The host of the org, for messages. */
  readonly org: string
  readonly upstream: Settings['upstream']
  readonly clock: Clock
  readonly logger: Log | undefined
  readonly random: () => number
}

/** A call that has started, and how to give back what it was charged. */
interface AdmittedCall extends Omit<StartedCall, 'scope'> {
  readonly scope: CallScope
  readonly giveBack: () => void
}

interface QueuedRequest extends CallRequest {
  /** Ends the wait with an admission other than `queue`. */
  readonly end: (admission: Admission) => void
  /** Gives back what a call with `chargeSilence` was charged when it began to wait. */
  giveBack?: (() => void) | undefined
}

const MAX_QUEUED = 1_000
/**
 * How many unusable answers unseen cookies and session tokens may cause. They are no failed lookups: a cookie
 * that makes Okta answer oddly would otherwise cost nothing. In an outage the circuit breaker allows less.
 */
const ODD_ANSWERS = { perSecond: 2.5, burst: 50 }
const ODD_ANSWERS_PER_CLIENT = { perSecond: 0.5, burst: 20 }
/** So many of the answers that all clients may cause at once are kept for clients that caused none lately. */
const KEPT_ODD_ANSWERS = 20
/**
 * How many failures the cookies beside one live session may cause. A browser has one or two of them, each
 * with one failure; the rest would be made up.
 */
const FAILURES_BESIDE_A_SESSION = { perSecond: 3 / 60, burst: 3 }
/** How many failures can still be moved to a session. */
const MAX_MOVABLE = 1_000

export class Limiter {
  readonly #options: LimiterOptions
  readonly #breaker: CircuitBreaker
  /** Made with the first failure. */
  #outages: OutageLines | undefined
  readonly #quota: Quota
  readonly #budgets: Readonly<Record<Account, FailureBudget>>
  readonly #oddAnswers: Readonly<Record<Account, FailureBudget>>
  readonly #besideSessions = new ClientBuckets(FAILURES_BESIDE_A_SESSION)
  /** How to give back the last failures of lookups, by credential. */
  readonly #movable = new Map<string, () => void>()
  /** One for each account's failure budget and one for the window's calls, made when first needed. */
  readonly #retries: { [scarce in Account | 'calls']?: RetrySchedule } = {}
  /** Made with the first call that waits. */
  #queue: CallQueue<QueuedRequest> | undefined
  readonly #refused: Partial<Record<UnavailableCode, number>> = {}
  readonly #failures: Partial<Record<UnavailableCode, number>> = {}
  #instances: number
  #calls = 0
  #inFlight = 0
  readonly #inFlightOf = { lookup: 0, sign_in: 0, refresh: 0, sign_out: 0, api: 0 }
  #closed = false
  #background: Promise<unknown> = Promise.resolve()

  constructor(options: LimiterOptions) {
    const { upstream, clock } = options
    const { failedLookupsPerClient, instances } = upstream
    const now = clock.monotonic()
    const failures = (account: Account) =>
      new FailureBudget(this.#failuresOf(account), failedLookupsPerClient, now)
    const oddAnswers = () =>
      new FailureBudget(ODD_ANSWERS, ODD_ANSWERS_PER_CLIENT, now, KEPT_ODD_ANSWERS)
    this.#options = options
    this.#instances = instances
    this.#breaker = new CircuitBreaker(options)
    this.#quota = new Quota(clock, upstream.maxConcurrent, instances)
    this.#budgets = { lookup: failures('lookup'), sign_in: failures('sign_in') }
    this.#oddAnswers = { lookup: oddAnswers(), sign_in: oddAnswers() }
  }

  /** Rejects a call that can't be made now: counts the rejection and schedules its retry. Undefined: it may be made. */
  admit(request: CallRequest): OktaUnavailable | undefined {
    const admission = this.#decide(request, this.#queue?.ahead(request.kind))
    return admission.admit === 'no' ? this.#reject(request, admission) : undefined
  }

  /** Makes the call when it is admitted, at once or after a wait in the queue. */
  async call<T>(
    request: CallRequest,
    call: () => Promise<OktaAnswer<T>>,
  ): Promise<LimitedAnswer<T>> {
    const decided = this.#decide(request, this.#queue?.ahead(request.kind))
    const started =
      decided.admit === 'queue' ? await this.#wait(request) : this.#start(request, decided)
    if ('admit' in started) return { ...this.#reject(request, started), called: false }
    const answered = this.#run(request, call, started)
    if (!started.isTrial || request.kind !== 'stale') return { ...(await answered), called: true }
    // A request that can be served stale does not wait for the trial's answer.
    this.#background = answered.catch(() => {})
    return { ...unavailable('breaker_open', 1_000), called: false }
  }

  /**
   * Moves the failure of this credential's lookup from its client to the active session that came in the
   * same request, unless that session has caused its share already.
   */
  moveFailure(key: string, session: string): void {
    const giveBack = this.#movable.get(key)
    const now = this.#now()
    if (giveBack === undefined || this.#besideSessions.level(session, now).tokens < 1) return
    this.#movable.delete(key)
    this.#besideSessions.open(session, now).charge(now)
    giveBack()
  }

  /**
   * Divides what the instances share by this number of them from now on, or by `upstream.instances` when that
   * is larger. Budgets keep what they hold: what no longer fits is lost, and what is added has to refill.
   * A number that cannot be a count is ignored.
   *
   * @example limiter.setInstances(4)
   */
  setInstances(count: number): void {
    if (!Number.isSafeInteger(count) || count < 1) return
    const instances = Math.max(this.#options.upstream.instances, count)
    if (instances === this.#instances) return
    const now = this.#now()
    for (const budget of Object.values(this.#budgets)) budget.settle(now)
    this.#quota.setInstances(instances)
    this.#instances = instances
    // There may be more slots now.
    this.#admitQueued()
  }

  /** Resolves when no background call is in flight. */
  async settled(): Promise<void> {
    await this.#background
  }

  /** Rejects queued and future calls with `closed`. */
  close(): void {
    this.#closed = true
    this.#admitQueued()
  }

  stats() {
    const quota = this.#quota.window('lookup')
    return {
      calls: this.#calls,
      failures: { ...this.#failures },
      inFlight: this.#inFlight,
      queued: this.#queue?.length ?? 0,
      maxConcurrent: this.#quota.maxConcurrent,
      refused: { ...this.#refused },
      heldOff: this.#breaker.summary(),
      quota: quota && {
        limit: quota.limit,
        remaining: Math.max(0, quota.remaining),
        resetsInMs: quota.resetAt - this.#now(),
      },
    }
  }

  /** The figures of the budget for all clients, whose rate follows the org's rate limit where none is given. */
  #failuresOf(account: Account): BucketFigures {
    const { failedLookups } = this.#options.upstream
    const quota = this.#quota
    const instances = () => this.#instances
    return {
      get perSecond() {
        return (failedLookups.perSecond ?? failuresPerSecond(quota.limit(account))) / instances()
      },
      get burst() {
        return Math.max(1, failedLookups.burst / instances())
      },
    }
  }

  #decide(request: CallRequest, queued = 0): Admission {
    const now = this.#now()
    const state = {
      closed: this.#closed,
      ...this.#quota.shares(request),
      ...this.#failureLevels(request, now),
      clientFailsOften: this.#budgets[accountOf(request)].failsOften(request.client, now),
      clientIsShared: request.beside === undefined && isSharedPeer(request.client),
      queueShareTaken: this.#queue?.isShareTaken(request) === true,
      quota: this.#quota.window(accountOf(request)),
      instances: this.#instances,
      retriesDue: this.#retries.calls?.expectsRetries(now) === true,
      circuit: this.#breaker.openFor(scopeOf(request)),
      isSuspect: this.#isSuspect(request, now),
      inFlight: this.#inFlight,
      maxConcurrent: this.#quota.maxConcurrent,
      operationIsFull: this.#isFull(operationOf(request)),
      queued,
      maxQueued: MAX_QUEUED,
    }
    return admit(state, request.kind, now)
  }

  /** Whether an answer to this call would say little about others: it, or its client, failed before. */
  #isSuspect(request: CallRequest, now: number): boolean {
    const { kind, client } = request
    if (this.#breaker.wasTriedWith(trialKeyOf(request), scopeOf(request))) return true
    return kind === 'unseen' && this.#oddAnswers[accountOf(request)].hasSpent(client, now)
  }

  /**
   * One slot is kept for the other operations, which may answer while this one hangs. Lookups, of which there
   * are most, keep it once one has failed.
   */
  #isFull(operation: CallOperation): boolean {
    const keepsOne =
      operation !== 'lookup' ||
      this.#breaker.isFailing('lookups') ||
      this.#breaker.isFailing('unseen')
    const { maxConcurrent } = this.#quota
    if (operation === 'api') return this.#inFlightOf.api >= Math.max(1, maxConcurrent >> 1)
    const max = keepsOne ? Math.max(1, maxConcurrent - 1) : maxConcurrent
    return this.#inFlightOf[operation] >= max
  }

  #failureLevels(request: CallRequest, now: number): FailureLevels {
    const account = accountOf(request)
    // Only unseen cookies are held to the failure budget of their client.
    if (request.kind !== 'unseen') return this.#budgets[account].level(undefined, now)
    if (request.beside !== undefined) {
      const level = this.#besideSessions.level(request.beside, now)
      return { global: level, client: level }
    }
    const own = this.#budgets[account].level(request.client, now)
    return scarcer(own, this.#oddAnswers[account].level(request.client, now))
  }

  /**
   * Starts an admitted call. Its slot and its charges are taken here and now, so that no two calls are
   * admitted on the same ones; a call that waits is charged only with `chargeSilence`.
   */
  #start(request: CallRequest, admission: Admission): AdmittedCall | Rejection {
    if (admission.admit === 'no') {
      if (isChargedWhenRejected(request, admission)) this.#chargeFailure(request)
      return admission
    }
    const startedAt = this.#now()
    const account = accountOf(request)
    const scope = scopeOf(request)
    const isTrial = admission.admit === 'trial'
    this.#calls += 1
    this.#inFlight += 1
    this.#inFlightOf[operationOf(request)] += 1
    this.#quota.charge(account, request)
    this.#retries[account]?.useSlot(request.key, startedAt)
    this.#retries.calls?.useSlot(request.key, startedAt)
    if (isTrial) this.#breaker.startTrial(scope)
    const key = trialKeyOf(request)
    return { scope, key, isTrial, startedAt, giveBack: this.#chargeFailure(request) }
  }

  #chargeFailure(request: CallRequest): () => void {
    if (request.kind !== 'unseen') return () => {}
    const now = this.#now()
    if (request.beside === undefined)
      return this.#budgets[accountOf(request)].charge(request.client, now)
    const bucket = this.#besideSessions.open(request.beside, now)
    bucket.charge(now)
    return () => bucket.giveBack()
  }

  #reject(request: CallRequest, { code, scarce, retryAfterMs }: Rejection): OktaUnavailable {
    const { kind } = request
    const now = this.#now()
    // A rejected prefetch is not counted: no request waits for it.
    if (kind !== 'prefetch') countIn(this.#refused, code)
    if (CIRCUIT_CODES.has(code) && kind !== 'prefetch') {
      const isSuspect = this.#isSuspect(request, now)
      this.#breaker.reserveTrial(scopeOf(request), { isSeen: kind !== 'unseen', isSuspect })
    }
    for (const schedule of Object.values(this.#retries)) schedule.expire(now)
    if (kind !== 'unseen' || scarce === undefined) return unavailable(code, retryAfterMs)
    const scheduled = scarce.what === 'calls' ? 'calls' : accountOf(request)
    this.#retries[scheduled] ??= new RetrySchedule()
    const { client } = this.#budgets[accountOf(request)].level(request.client, now)
    const capacity = {
      soonestMs: retryAfterMs,
      perSecond: scarce.perSecond,
      perClient: Math.floor(client?.tokens ?? 0),
    }
    return unavailable(code, this.#retries[scheduled].reserve(request, capacity, now))
  }

  async #run<T>(
    request: CallRequest,
    call: () => Promise<OktaAnswer<T>>,
    admitted: AdmittedCall,
  ): Promise<OktaAnswer<T>> {
    let answer: OktaAnswer<T> | undefined
    try {
      answer = await call()
      return answer
    } finally {
      this.#inFlight -= 1
      this.#inFlightOf[operationOf(request)] -= 1
      if (answer === undefined) {
        // The app aborted the call, or its argument can't be sent: that says nothing about Okta.
        admitted.giveBack()
        this.#breaker.abandon(admitted)
      } else this.#learn(request, answer, admitted)
      this.#admitQueued()
    }
  }

  #learn(request: CallRequest, answer: OktaAnswer<unknown>, admitted: AdmittedCall): void {
    this.#settleCharges(request, answer, admitted.giveBack)
    this.#quota.learn(accountOf(request), answer, admitted.startedAt, this.#inFlight)
    const { scope } = admitted
    if (scope === 'api') return
    this.#breaker.record({ ...admitted, scope }, answer)
    this.#logOutage(request, answer)
  }

  #logOutage(request: CallRequest, answer: OktaAnswer<unknown>): void {
    if (answer.kind === 'unavailable')
      this.#outages ??= new OutageLines(this.#options.clock, this.#options.logger)
    this.#outages?.record(operationOf(request), answer)
  }

  /**
   * A yes and an unusable answer cost an unseen cookie no failure; a no does, and an unusable answer is
   * charged to a budget of its own. A no about a seen session is charged to its client.
   */
  #settleCharges(request: CallRequest, answer: OktaAnswer<unknown>, giveBack: () => void): void {
    const { kind, client, chargeSilence, beside } = request
    const account = accountOf(request)
    if (answer.kind === 'no' && kind === 'unseen' && beside === undefined)
      this.#keepMovable(request.key, giveBack)
    if (answer.kind === 'no' && kind !== 'unseen')
      this.#budgets[account].chargeSeen(client, this.#now())
    if (answer.kind === 'yes') giveBack()
    if (answer.kind === 'yes' && kind === 'unseen' && beside === undefined)
      this.#found(account, client)
    if (answer.kind !== 'unavailable') return
    countIn(this.#failures, answer.code)
    if (kind === 'unseen' && beside !== undefined) {
      // An unusable answer stays charged: the cookie itself may cause it.
      if (causedByNoCredential(answer.code)) giveBack()
      return
    }
    if (chargeSilence !== true) giveBack()
    if (kind !== 'unseen' || causedByNoCredential(answer.code)) return
    // Such an error may be about this app, which no client causes: the budget that clients share is not charged.
    if (account === 'sign_in' && answer.errorCode !== undefined)
      this.#oddAnswers.sign_in.chargeClient(client, this.#now())
    else this.#oddAnswers[account].charge(client, this.#now())
  }

  #found(account: Account, client: string | undefined): void {
    if (account === 'lookup') this.#budgets.lookup.earn(client)
    this.#retries[account]?.moveUp()
  }

  #keepMovable(key: string | undefined, giveBack: () => void): void {
    if (key === undefined) return
    this.#movable.delete(key)
    this.#movable.set(key, giveBack)
    const [oldest] = this.#movable.keys()
    if (oldest !== undefined && this.#movable.size > MAX_MOVABLE) this.#movable.delete(oldest)
  }

  #wait(request: CallRequest): Promise<AdmittedCall | Rejection> {
    this.#queue ??= new CallQueue(MAX_QUEUED)
    const queue = this.#queue
    return new Promise((resolve) => {
      const queued: QueuedRequest = {
        ...request,
        end: (admission) => {
          clearTimeout(timer)
          queued.giveBack?.()
          resolve(this.#start(request, admission))
        },
      }
      this.#reserve(queued)
      const timer = setTimeout(() => {
        queue.remove(queued)
        queued.end(queueFull)
      }, this.#options.upstream.maxQueueMs)
      queue.add(queued)?.end(queueFull)
      // It starts now when all calls queued before it are of an operation without a free slot.
      this.#admitQueued()
    })
  }

  /** Charges a waiting call whose rejection is charged: its client could queue more than its budget allows. */
  #reserve(queued: QueuedRequest): void {
    if (queued.chargeSilence === true) queued.giveBack = this.#chargeFailure(queued)
  }

  #admitQueued(): void {
    const queue = this.#queue
    if (queue === undefined) return
    const mayStart = (call: CallRequest) => this.#closed || !this.#isFull(operationOf(call))
    for (;;) {
      const queued = queue.nextWhere(mayStart)
      if (queued === undefined) return
      // Its own charge must not reject it.
      queued.giveBack?.()
      const admission = this.#decide(queued, 0)
      this.#reserve(queued)
      if (admission.admit === 'queue') return
      if (admission.admit === 'no') queue.remove(queued)
      else queue.takeSlot(queued)
      queued.end(admission)
    }
  }

  #now(): number {
    return this.#options.clock.monotonic()
  }
}

/** `perSecond` is a low estimate of the rate at which Okta answers queued calls; retries are spread by it. */
const queueFull: Rejection = {
  admit: 'no',
  code: 'queue_full',
  retryAfterMs: 1_000,
  scarce: { what: 'calls', perSecond: 20 },
}

/** The part of the org's rate limit that failed lookups may use, and the most of them a second. */
const PART_FOR_FAILURES = 0.4
const MAX_FAILURES_PER_SECOND = 10
const UNTIL_THE_LIMIT_IS_KNOWN = 2.5

function failuresPerSecond(limit: number | undefined): number {
  if (limit === undefined) return UNTIL_THE_LIMIT_IS_KNOWN
  return Math.min(MAX_FAILURES_PER_SECOND, (PART_FOR_FAILURES * limit) / 60)
}

const CIRCUIT_CODES: ReadonlySet<UnavailableCode> = new Set([
  'rate_limited',
  'concurrency_limited',
  'breaker_open',
])

/** Whether no credential can be the cause of a failure. */
function causedByNoCredential(code: UnavailableCode): boolean {
  return code === 'closed' || NOT_REACHED_OR_LIMITED.has(code)
}

/** A call with `chargeSilence` is charged without an answer, so its rejection is charged as well. */
function isChargedWhenRejected({ chargeSilence }: CallRequest, { code }: Rejection): boolean {
  return chargeSilence === true && !isOverBudget(code)
}

function operationOf(request: CallRequest): CallOperation {
  return request.operation ?? 'lookup'
}

function accountOf(request: CallRequest): Account {
  return request.account ?? (request.operation === 'sign_in' ? 'sign_in' : 'lookup')
}

/** By what a failed trial is recognised: a sign-in by its client, since a session token comes once. */
function trialKeyOf({ operation, client, key }: CallRequest): string | undefined {
  return operation === 'sign_in' ? client : key
}

/** Whether a call was rejected for want of something that clients use up, rather than because Okta fails. */
export function isShortage(code: UnavailableCode): boolean {
  return isOverBudget(code) || code === 'queue_full'
}

function scopeOf(request: CallRequest): CallScope {
  const operation = operationOf(request)
  if (operation !== 'lookup') return SCOPES[operation]
  return request.kind === 'unseen' ? 'unseen' : 'lookups'
}

const SCOPES = {
  sign_in: 'sign_ins',
  refresh: 'refreshes',
  sign_out: 'sign_outs',
  api: 'api',
} as const

/** Whether a call was rejected because its client, or all clients together, had made too many. */
export function isOverBudget(code: UnavailableCode): boolean {
  return code === 'too_many_attempts' || code === 'over_budget'
}

function unavailable(code: UnavailableCode, retryAfterMs: number): OktaUnavailable {
  return { kind: 'unavailable', code, retryAfterMs }
}

function countIn(counts: Partial<Record<UnavailableCode, number>>, code: UnavailableCode): void {
  counts[code] = (counts[code] ?? 0) + 1
}
