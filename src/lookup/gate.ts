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

/** A judged ask, and how to give back what it paid. */
interface Entry {
  readonly admission: Admission
  readonly giveBack: () => void
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
    const admission = this.#judge(ask, this.#queue.length)
    return admission.admit === 'no' ? this.#refuse(admission) : undefined
  }

  /** Makes the call when it is admitted, in its turn. */
  async call<T>(ask: Ask, call: () => Promise<Answer<T>>): Promise<Called<T>> {
    const admission = this.#judge(ask, this.#queue.length)
    const entry = admission.admit === 'queue' ? await this.#turn(ask) : this.#enter(ask, admission)
    if (entry.admission.admit === 'no') return { ...this.#refuse(entry.admission), called: false }
    const answer = await this.#make(call, entry.admission.admit === 'probe')
    if (answer.kind === 'yes' || (answer.kind === 'unavailable' && ask.chargeSilence !== true))
      entry.giveBack()
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

  #judge(ask: Ask, queued: number): Admission {
    const now = this.#options.clock.monotonic()
    const { quota, holdOff, maxConcurrent } = this.#health
    const state = {
      closed: this.#closed,
      ...this.#budgetOf(ask).level(ask.client, now),
      quota,
      holdOff,
      inFlight: this.#inFlight,
      maxConcurrent,
      queued,
      maxQueued: MAX_QUEUED,
    }
    return admit(state, ask.kind, now)
  }

  /**
   * Takes the place at the moment of admission, so that no two take the same one, and pays for it: who
   * waits has not paid, so that any number of real newcomers may.
   */
  #enter(ask: Ask, admission: Admission): Entry {
    if (admission.admit !== 'no') {
      this.#calls += 1
      this.#inFlight += 1
      this.#health.departs(admission.admit === 'probe')
    }
    const pays =
      ask.kind === 'newcomer' &&
      // Where silence is charged, it must be scarce even while nobody calls.
      (admission.admit !== 'no' || (ask.chargeSilence === true && !isBudget(admission.code)))
    if (!pays) return { admission, giveBack: () => {} }
    const now = this.#options.clock.monotonic()
    return { admission, giveBack: this.#budgetOf(ask).charge(ask.client, now) }
  }

  #budgetOf(ask: Ask): FailureBudget {
    return this.#budgets[ask.account ?? 'lookup']
  }

  #refuse(admission: Extract<Admission, { admit: 'no' }>): NoAnswer {
    countIn(this.#refused, admission.code)
    return { kind: 'unavailable', code: admission.code, retryAfterMs: admission.retryAfterMs }
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

  #turn(ask: Ask): Promise<Entry> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        ask,
        enter: (admission) => {
          clearTimeout(timer)
          resolve(this.#enter(ask, admission))
        },
      }
      const timer = setTimeout(() => {
        this.#queue.splice(this.#queue.indexOf(waiter), 1)
        waiter.enter({ admit: 'no', code: 'queue_full', retryAfterMs: 1_000 })
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
      const admission = this.#judge(waiter.ask, 0)
      if (admission.admit === 'queue') return
      this.#queue.shift()
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
