/** The one door every call to Okta goes through: carries out what `admit` decides, and queues who must wait. */
import type { Answer, NoAnswer } from '../model/answer.js'
import type { Clock, Logger } from '../model/contracts.js'
import type { UnavailableCode } from '../model/errors.js'
import type { Settings } from '../model/options.js'
import { type Admission, type AskKind, admit } from './admission.js'
import { FailureBudget } from './budget.js'
import { OktaHealth } from './okta-health.js'

/** Who wants to call, and on whose account a failure goes. */
export interface Ask {
  readonly kind: AskKind
  /** The client's address, normalised; undefined when it is not known. */
  readonly client?: string | undefined
  /** Sign-ins are counted apart from lookups. */
  readonly account?: 'lookup' | 'sign_in' | undefined
  /** Whether the charge stands even when no usable answer comes. */
  readonly chargeSilence?: boolean | undefined
}

/** How a call came out, and whether it was made at all. */
export type Called<T> = Answer<T> & { readonly called: boolean }

export interface GateOptions {
  readonly upstream: Settings['upstream']
  readonly clock: Clock
  readonly logger: Logger | undefined
  readonly random: () => number
}

interface Waiter {
  readonly ask: Ask
  readonly enter: (admission: Admission) => void
}

const MAX_QUEUED = 1_000

export class Gate {
  readonly #options: GateOptions
  readonly #health: OktaHealth
  readonly #budgets: Record<'lookup' | 'sign_in', FailureBudget>
  readonly #queue: Waiter[] = []
  readonly #refused: Partial<Record<UnavailableCode, number>> = {}
  readonly #failures: Partial<Record<UnavailableCode, number>> = {}
  #calls = 0
  #inFlight = 0
  #closed = false

  constructor(options: GateOptions) {
    const { upstream, clock } = options
    const budget = () =>
      new FailureBudget(upstream.failedLookups, upstream.failedLookupsPerClient, clock.monotonic())
    this.#options = options
    this.#health = new OktaHealth({ ...options, maxConcurrent: upstream.maxConcurrent })
    this.#budgets = { lookup: budget(), sign_in: budget() }
  }

  /** What stands in the way of this ask right now; undefined when nothing does. */
  obstacle(ask: Ask): NoAnswer | undefined {
    const admission = this.#judge(ask)
    return admission.admit === 'no' ? this.#refuse(admission) : undefined
  }

  /** Makes the call when it is admitted, in its turn. */
  async call<T>(ask: Ask, call: () => Promise<Answer<T>>): Promise<Called<T>> {
    let admission = this.#judge(ask)
    const giveBack = this.#charge(ask, admission)
    if (admission.admit === 'no') return { ...this.#refuse(admission), called: false }
    if (admission.admit === 'queue') admission = await this.#turn(ask)
    else this.#enter(admission)
    if (admission.admit === 'no') {
      if (ask.chargeSilence !== true) giveBack()
      return { ...this.#refuse(admission), called: false }
    }
    const answer = await this.#make(call, admission.admit === 'probe')
    if (answer.kind === 'yes' || (answer.kind === 'unavailable' && ask.chargeSilence !== true))
      giveBack()
    return { ...answer, called: true }
  }

  /** Nobody enters any more; who waits is told. */
  close(): void {
    this.#closed = true
    this.#admitWaiting()
  }

  stats() {
    const { quota, holdOff, maxConcurrent } = this.#health
    const now = this.#options.clock.monotonic()
    return {
      calls: this.#calls,
      failures: { ...this.#failures },
      inFlight: this.#inFlight,
      queued: this.#queue.length,
      maxConcurrent,
      refused: { ...this.#refused },
      heldOff: holdOff && { code: holdOff.code, forMs: Math.max(0, holdOff.until - now) },
      quota:
        quota && now < quota.resetAt
          ? { limit: quota.limit, remaining: quota.remaining, resetsInMs: quota.resetAt - now }
          : undefined,
    }
  }

  #judge(ask: Ask): Admission {
    const now = this.#options.clock.monotonic()
    const levels = this.#budgets[ask.account ?? 'lookup'].level(ask.client, now)
    return admit({ ...this.#state(this.#queue.length), ...levels }, ask.kind, now)
  }

  /** Without the failure budgets: who waits has paid already, and stands at the head of the queue. */
  #judgeWaiting(ask: Ask): Admission {
    const paid = { client: undefined, everybody: { tokens: 1, perSecond: 0 } }
    const now = this.#options.clock.monotonic()
    return admit({ ...this.#state(0), ...paid }, ask.kind, now)
  }

  #state(queued: number) {
    return {
      closed: this.#closed,
      quota: this.#health.quota,
      holdOff: this.#health.holdOff,
      inFlight: this.#inFlight,
      maxConcurrent: this.#health.maxConcurrent,
      queued,
      maxQueued: MAX_QUEUED,
    }
  }

  /** Who is refused pays nothing, unless silence is charged: then it must be scarce even while nobody calls. */
  #charge(ask: Ask, admission: Admission): () => void {
    if (ask.kind !== 'newcomer') return () => {}
    if (admission.admit === 'no' && (ask.chargeSilence !== true || isBudget(admission.code)))
      return () => {}
    const budget = this.#budgets[ask.account ?? 'lookup']
    return budget.charge(ask.client, this.#options.clock.monotonic())
  }

  #refuse(admission: Extract<Admission, { admit: 'no' }>): NoAnswer {
    countIn(this.#refused, admission.code)
    return { kind: 'unavailable', code: admission.code, retryAfterMs: admission.retryAfterMs }
  }

  /** Takes the place at the moment of admission, so that no two take the same one. */
  #enter(admission: Admission): void {
    this.#calls += 1
    this.#inFlight += 1
    this.#health.departs(admission.admit === 'probe')
  }

  async #make<T>(call: () => Promise<Answer<T>>, probe: boolean): Promise<Answer<T>> {
    let answer: Answer<T> = { kind: 'unavailable', code: 'reset' }
    try {
      answer = await call()
      return answer
    } finally {
      this.#inFlight -= 1
      if (answer.kind === 'unavailable') countIn(this.#failures, answer.code)
      this.#health.returns(answer, probe, this.#inFlight)
      this.#admitWaiting()
    }
  }

  #turn(ask: Ask): Promise<Admission> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        ask,
        enter: (admission) => {
          clearTimeout(timer)
          resolve(admission)
        },
      }
      const timer = setTimeout(() => {
        this.#queue.splice(this.#queue.indexOf(waiter), 1)
        resolve({ admit: 'no', code: 'queue_full', retryAfterMs: 1_000 })
      }, this.#options.upstream.maxQueueMs)
      this.#stand(waiter)
    })
  }

  /** Known sessions stand before newcomers. */
  #stand(waiter: Waiter): void {
    const before =
      waiter.ask.kind === 'known' ? this.#queue.findIndex(({ ask }) => ask.kind !== 'known') : -1
    this.#queue.splice(before === -1 ? this.#queue.length : before, 0, waiter)
  }

  #admitWaiting(): void {
    for (let waiter = this.#queue[0]; waiter !== undefined; waiter = this.#queue[0]) {
      const admission = this.#judgeWaiting(waiter.ask)
      if (admission.admit === 'queue') return
      this.#queue.shift()
      if (admission.admit !== 'no') this.#enter(admission)
      waiter.enter(admission)
    }
  }
}

/** Whether a refusal came of having asked too much. */
export function isBudget(code: UnavailableCode): boolean {
  return code === 'too_many_attempts' || code === 'over_budget'
}

function countIn(counts: Partial<Record<UnavailableCode, number>>, code: UnavailableCode): void {
  counts[code] = (counts[code] ?? 0) + 1
}
