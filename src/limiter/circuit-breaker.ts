/** Stops calls to Okta after failures: opens a circuit, admits one half-open trial when its time is over, and closes it after an answer. */
import { publishers } from '../channels.js'
import type { Clock, Logger, OktaAnswer, OktaUnavailable } from '../contracts.js'
import type { UnavailableCode } from '../errors.js'
import type { OpenCircuit } from './policy.js'

/**
 * Which calls a circuit stops. Seen sessions worked before: their failures stop all calls. An unseen cookie
 * or a session token may itself be what fails: those stop calls of their own kind alone.
 */
export type CircuitScope = 'all' | 'unseen' | 'sign_ins'

/** A call that was admitted and has started. */
export interface StartedCall {
  readonly scope: CircuitScope
  /** Whether it is the half-open trial of the circuits of its scope. */
  readonly isTrial: boolean
  /** Monotonic milliseconds. */
  readonly startedAt: number
}

export interface CircuitBreakerOptions {
  readonly clock: Clock
  readonly logger: Logger | undefined
  /** 0 to 1; injected so that simulations repeat. */
  readonly random: () => number
}

/** So many calls in a row without a usable answer open a circuit. */
const FAILURES_TO_OPEN = 5
/** How long a circuit stays open between trials. */
const OPEN_MS = 1_000
/** A trial without an answer by then is given up, and the next may start. */
const TRIAL_LOST_MS = 10_000
/** These fail before the request is sent, so they can't be the credential's fault. */
export const BEFORE_THE_REQUEST: ReadonlySet<UnavailableCode> = new Set(['dns', 'connect', 'tls'])
const NO_TRIAL = Number.NEGATIVE_INFINITY

/** The names of the scopes in stats(), on the channel and in the log. */
const PUBLIC_NAMES = { all: 'everybody', unseen: 'newcomers', sign_ins: 'sign_ins' } as const

interface Circuit {
  readonly code: OpenCircuit['code']
  /** When it was opened or extended. Answers to calls that started before say nothing about it. */
  readonly since: number
  readonly until: number
  readonly trialLostAt: number
  readonly seenRejected: boolean
}

interface Opening {
  readonly code: OpenCircuit['code']
  /** The failure that opens the circuit. */
  readonly why: UnavailableCode
  readonly forMs: number
}

export class CircuitBreaker {
  readonly #options: CircuitBreakerOptions
  readonly #open: { [scope in CircuitScope]?: Circuit } = {}
  readonly #failures: Record<CircuitScope, number> = { all: 0, unseen: 0, sign_ins: 0 }

  constructor(options: CircuitBreakerOptions) {
    this.#options = options
  }

  /** The open circuit that stops calls of this scope: the one of all calls, its own, or both as one. */
  openFor(scope: CircuitScope): OpenCircuit | undefined {
    const now = this.#now()
    let both: OpenCircuit | undefined
    for (const each of scopesOf(scope)) {
      const circuit = this.#open[each]
      if (circuit === undefined) continue
      const { code, until } = both !== undefined && both.until >= circuit.until ? both : circuit
      const inTrial = now < circuit.trialLostAt || both?.inTrial === true
      const seenRejected = circuit.seenRejected || both?.seenRejected === true
      both = { code, until, inTrial, seenRejected }
    }
    return both
  }

  /** The open circuit for stats(), the one of all calls first. */
  summary() {
    for (const scope of ['all', 'unseen', 'sign_ins'] as const) {
      const circuit = this.#open[scope]
      if (circuit === undefined) continue
      const forMs = Math.max(0, circuit.until - this.#now())
      return { who: PUBLIC_NAMES[scope], code: circuit.code, forMs }
    }
    return undefined
  }

  /** A call for a seen session was rejected: the next trial is reserved for one. */
  reserveTrial(): void {
    const { all } = this.#open
    if (all?.seenRejected === false) this.#open.all = { ...all, seenRejected: true }
  }

  /** A call of this scope starts as the trial. */
  startTrial(scope: CircuitScope): void {
    this.#setTrial(scope, this.#now() + TRIAL_LOST_MS)
  }

  /** Opens or closes circuits according to how a call ended. */
  record(call: StartedCall, answer: OktaAnswer<unknown>): void {
    if (call.isTrial) this.#setTrial(call.scope, NO_TRIAL)
    if (answer.kind === 'unavailable') this.#failed(call, answer)
    else this.#answered(call)
  }

  #answered(call: StartedCall): void {
    // Any answer shows that Okta answers; only a sign-in shows that signing in works.
    for (const scope of new Set<CircuitScope>(['all', 'unseen', call.scope])) {
      this.#failures[scope] = 0
      const circuit = this.#open[scope]
      if (circuit !== undefined && call.startedAt >= circuit.since)
        this.#closeCircuit(scope, circuit)
    }
  }

  #failed(call: StartedCall, answer: OktaUnavailable): void {
    const opening = openingAfter(answer, this.#options.random())
    if (opening.code === 'breaker_open') this.#countFailure(call, opening)
    else this.#openCircuit('all', call, opening)
  }

  #countFailure(call: StartedCall, opening: Opening): void {
    const failed = BEFORE_THE_REQUEST.has(opening.why) ? 'all' : call.scope
    this.#failures[failed] += 1
    for (const scope of scopesOf(call.scope)) {
      const circuit = this.#open[scope]
      const opens = scope === failed && this.#failures[scope] >= FAILURES_TO_OPEN
      const isOld = circuit !== undefined && call.startedAt <= circuit.since
      const wasTrial = circuit !== undefined && call.isTrial
      if (wasTrial || (opens && !isOld)) this.#openCircuit(scope, call, opening)
    }
  }

  /** Opens a circuit, opens it again after its trial has failed, or extends it. */
  #openCircuit(scope: CircuitScope, call: StartedCall, { code, why, forMs }: Opening): void {
    const since = this.#now()
    const until = since + forMs
    const circuit = this.#open[scope]
    if (circuit === undefined) this.#announceOpened(scope, { code, why, forMs: Math.round(forMs) })
    if (circuit === undefined || call.isTrial)
      this.#open[scope] = { code, since, until, trialLostAt: NO_TRIAL, seenRejected: false }
    else if (until > circuit.until) this.#open[scope] = { ...circuit, code, since, until }
  }

  #announceOpened(scope: CircuitScope, { code, why, forMs }: Opening): void {
    const opened = { who: PUBLIC_NAMES[scope], code, forMs }
    this.#options.logger?.warn('Calls to Okta are stopped for now', { ...opened, why })
    if (publishers.holdOff.hasSubscribers) publishers.holdOff.publish({ on: true, ...opened })
  }

  #closeCircuit(scope: CircuitScope, { code }: Circuit): void {
    delete this.#open[scope]
    const who = PUBLIC_NAMES[scope]
    this.#options.logger?.info?.('Okta answers again', { who, after: code })
    if (publishers.holdOff.hasSubscribers) publishers.holdOff.publish({ on: false, who, code })
  }

  #setTrial(scope: CircuitScope, trialLostAt: number): void {
    for (const each of scopesOf(scope)) {
      const circuit = this.#open[each]
      if (circuit !== undefined) this.#open[each] = { ...circuit, trialLostAt }
    }
  }

  #now(): number {
    return this.#options.clock.monotonic()
  }
}

/** How a failure opens a circuit. An org that rejects every call is not called at full speed either. */
function openingAfter({ code, retryAfterMs = 5_000 }: OktaUnavailable, random: number): Opening {
  if (code === 'rate_limited') return { code, why: code, forMs: retryAfterMs + random * 500 }
  if (code === 'concurrency_limited') return { code, why: code, forMs: 250 + random * 750 }
  return { code: 'breaker_open', why: code, forMs: OPEN_MS * (0.9 + random * 0.2) }
}

/** The scopes whose circuits stop calls of this one. */
function scopesOf(scope: CircuitScope): readonly CircuitScope[] {
  return scope === 'all' ? ['all'] : ['all', scope]
}
