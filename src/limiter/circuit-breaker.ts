/** Stops calls to Okta after failures: opens a circuit, admits one half-open trial when its time is over, and closes it after an answer. */
import { publishers } from '../channels.js'
import type { Clock, OktaAnswer, OktaUnavailable } from '../contracts.js'
import type { UnavailableCode } from '../errors.js'
import type { OpenCircuit } from './policy.js'

/** Calls whose failures are counted together: those of one operation; lookups of unseen cookies count apart. */
export type FailureScope = 'lookups' | 'unseen' | 'sign_ins' | 'refreshes' | 'sign_outs'

/** The calls of `okta.api` have no circuit of their own: their errors go to the app that made them. */
export type CallScope = FailureScope | 'api'

/**
 * Which calls a circuit stops. Okta may refuse to refresh sessions while it answers lookups, so a failed call
 * stops its own operation alone. `all` opens when Okta can't be reached or the rate limit is used up, which
 * no operation causes. Failed lookups of seen sessions, which worked before, stop all lookups. Those of
 * unseen cookies stop lookups of unseen cookies alone: the cookie itself may cause the failure.
 */
export type CircuitScope = 'all' | FailureScope

/** A call that was admitted and has started. */
export interface StartedCall {
  readonly scope: FailureScope
  /** The credential, or the client of a sign-in; undefined when there is none. */
  readonly key?: string | undefined
  /** Whether it is the half-open trial of the circuits of its scope. */
  readonly isTrial: boolean
  /** Monotonic milliseconds. */
  readonly startedAt: number
}

export interface CircuitBreakerOptions {
  /** The host of the org, for messages. */
  readonly org: string
  readonly clock: Clock
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
const BEFORE_THE_REQUEST: ReadonlySet<UnavailableCode> = new Set(['dns', 'connect', 'tls'])
/** Failures that no operation and no credential causes: Okta was not reached, or limits the rate. */
export const NOT_REACHED_OR_LIMITED: ReadonlySet<UnavailableCode> = new Set([
  ...BEFORE_THE_REQUEST,
  ...(['rate_limited', 'concurrency_limited'] as const),
])
const NO_TRIAL = Number.NEGATIVE_INFINITY

/** The names of the scopes in stats(), on the channel and in the log. */
const PUBLIC_NAMES = {
  all: 'everybody',
  lookups: 'everybody',
  unseen: 'newcomers',
  sign_ins: 'sign_ins',
  refreshes: 'refreshes',
  sign_outs: 'sign_outs',
} as const

const SCOPES = ['all', 'lookups', 'unseen', 'sign_ins', 'refreshes', 'sign_outs'] as const

/** The scopes whose circuits stop calls of each scope. */
const STOPPED_BY: Readonly<Record<CallScope, readonly CircuitScope[]>> = {
  lookups: ['all', 'lookups'],
  unseen: ['all', 'lookups', 'unseen'],
  sign_ins: ['all', 'sign_ins'],
  refreshes: ['all', 'refreshes'],
  sign_outs: ['all', 'sign_outs'],
  api: ['all'],
}
/** The scopes whose circuits a usable answer to a call of each scope closes. */
const CLOSED_BY: Readonly<Record<FailureScope, readonly CircuitScope[]>> = {
  ...STOPPED_BY,
  lookups: ['all', 'lookups', 'unseen'],
}
/** No answer, or a 5xx: the credential that was sent is unlikely to be the cause. */
const OUT_OF_ORDER: ReadonlySet<UnavailableCode> = new Set(['timeout', 'reset', 'server_error'])

interface Circuit {
  readonly code: OpenCircuit['code']
  /** When it was opened or extended. Answers to calls that started before say nothing about it. */
  readonly since: number
  readonly until: number
  readonly trialLostAt: number
  readonly seenRejected: boolean
  readonly othersRejected: boolean
  /** The credential of the last trial, which failed. */
  readonly triedWith: string | undefined
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
  /** Failures in a row. */
  readonly #failures: Record<CircuitScope, number> = {
    all: 0,
    lookups: 0,
    unseen: 0,
    sign_ins: 0,
    refreshes: 0,
    sign_outs: 0,
  }
  /** The credentials, or the clients of sign-ins, whose odd answers are among those failures. */
  readonly #oddKeys: { [scope in FailureScope]?: Set<string> } = {}

  constructor(options: CircuitBreakerOptions) {
    this.#options = options
  }

  /** The open circuits that stop calls of this scope, as one. */
  openFor(scope: CallScope): OpenCircuit | undefined {
    const now = this.#now()
    let all: OpenCircuit | undefined
    for (const circuit of this.#openCircuits(scope)) {
      const { code, until } = all !== undefined && all.until >= circuit.until ? all : circuit
      const inTrial = now < circuit.trialLostAt || all?.inTrial === true
      const seenRejected = circuit.seenRejected || all?.seenRejected === true
      const othersRejected = circuit.othersRejected || all?.othersRejected === true
      all = { code, until, inTrial, seenRejected, othersRejected }
    }
    return all
  }

  /** Whether the last trial of a circuit that stops this scope was made with this credential, and failed. */
  wasTriedWith(key: string | undefined, scope: CallScope): boolean {
    if (key === undefined) return false
    return this.#openCircuits(scope).some(({ triedWith }) => triedWith === key)
  }

  /** Whether the last call of this scope got no usable answer. */
  isFailing(scope: FailureScope): boolean {
    return this.#failures[scope] > 0
  }

  /** The open circuit for stats(), the one of all calls first. */
  summary() {
    for (const scope of SCOPES) {
      const circuit = this.#open[scope]
      if (circuit === undefined) continue
      const forMs = Math.max(0, circuit.until - this.#now())
      return { who: PUBLIC_NAMES[scope], code: circuit.code, forMs }
    }
    return undefined
  }

  /** Reserves the next trial for calls like the rejected one, if that is for a seen session or not suspect. */
  reserveTrial(
    scope: CallScope,
    rejected: { readonly isSeen: boolean; readonly isSuspect: boolean },
  ) {
    for (const each of STOPPED_BY[scope]) {
      const circuit = this.#open[each]
      if (circuit === undefined) continue
      const seenRejected = circuit.seenRejected || rejected.isSeen
      const othersRejected = circuit.othersRejected || !rejected.isSuspect
      if (seenRejected !== circuit.seenRejected || othersRejected !== circuit.othersRejected)
        this.#open[each] = { ...circuit, seenRejected, othersRejected }
    }
  }

  /** A call of this scope starts as the trial. */
  startTrial(scope: CallScope): void {
    this.#setTrial(scope, this.#now() + TRIAL_LOST_MS)
  }

  /** A call ended without having asked Okta. */
  abandon({ scope, isTrial }: { readonly scope: CallScope; readonly isTrial: boolean }): void {
    if (isTrial) this.#setTrial(scope, NO_TRIAL)
  }

  /** Opens or closes circuits according to how a call ended. */
  record(call: StartedCall, answer: OktaAnswer<unknown>): void {
    if (call.isTrial) this.#setTrial(call.scope, NO_TRIAL)
    if (answer.kind === 'unavailable') this.#failed(call, answer)
    else this.#answered(call)
  }

  #answered(call: StartedCall): void {
    for (const scope of CLOSED_BY[call.scope]) this.#succeed(scope, call)
    delete this.#oddKeys[call.scope]
  }

  #succeed(scope: CircuitScope, call: StartedCall): void {
    this.#failures[scope] = 0
    const circuit = this.#open[scope]
    if (circuit !== undefined && call.startedAt >= circuit.since) this.#closeCircuit(scope, circuit)
  }

  #failed(call: StartedCall, answer: OktaUnavailable): void {
    const opening = openingAfter(answer, this.#options.random())
    if (opening.code !== 'breaker_open') {
      this.#openCircuit('all', call, opening)
      return
    }
    const isUnreached = BEFORE_THE_REQUEST.has(opening.why)
    // Okta was reached, and the rate limit let the call pass.
    if (!isUnreached) this.#succeed('all', call)
    const failed = isUnreached ? 'all' : call.scope
    if (isUnreached || this.#isEvidence(call, answer)) this.#failures[failed] += 1
    for (const scope of STOPPED_BY[call.scope]) {
      const circuit = this.#open[scope]
      const opens = scope === failed && this.#failures[scope] >= FAILURES_TO_OPEN
      const isOld = circuit !== undefined && call.startedAt <= circuit.since
      const wasTrial = circuit !== undefined && call.isTrial
      if (wasTrial || (opens && !isOld)) this.#openCircuit(scope, call, opening)
    }
  }

  /**
   * Whether a failure is evidence that the operation is out of order. An odd answer (a page, a redirect, a
   * 403) may be about what was sent: for an unseen cookie or a session token it is no evidence, and for seen
   * sessions it counts once per credential. At sign-in an error of Okta's may be about the org or this app,
   * or about one user: it counts once per client. Every failed refresh counts once per credential, whose next
   * refresh rests a while.
   */
  #isEvidence({ scope, key }: StartedCall, { code, errorCode }: OktaUnavailable): boolean {
    if (OUT_OF_ORDER.has(code) && scope !== 'refreshes') return true
    if (scope === 'unseen' || (scope === 'sign_ins' && errorCode === undefined)) return false
    if (key === undefined) return true
    this.#oddKeys[scope] ??= new Set()
    const keys = this.#oddKeys[scope]
    if (keys.has(key)) return false
    if (keys.size < FAILURES_TO_OPEN) keys.add(key)
    return true
  }

  /** Opens a circuit, opens it again after its trial has failed, or extends it. */
  #openCircuit(scope: CircuitScope, call: StartedCall, { code, forMs }: Opening): void {
    const since = this.#now()
    const until = since + forMs
    const circuit = this.#open[scope]
    if (circuit === undefined) this.#announceOpened(scope, { code, forMs: Math.round(forMs) })
    if (circuit === undefined || call.isTrial) {
      const triedWith = call.isTrial ? call.key : undefined
      const rejected = { seenRejected: false, othersRejected: false }
      this.#open[scope] = { code, since, until, trialLostAt: NO_TRIAL, triedWith, ...rejected }
    } else if (until > circuit.until) this.#open[scope] = { ...circuit, code, since, until }
  }

  #announceOpened(scope: CircuitScope, { code, forMs }: Omit<Opening, 'why'>): void {
    const who = PUBLIC_NAMES[scope]
    if (publishers.holdOff.hasSubscribers)
      publishers.holdOff.publish({ org: this.#options.org, on: true, who, code, forMs })
  }

  #closeCircuit(scope: CircuitScope, { code }: Circuit): void {
    delete this.#open[scope]
    const who = PUBLIC_NAMES[scope]
    if (publishers.holdOff.hasSubscribers)
      publishers.holdOff.publish({ org: this.#options.org, on: false, who, code })
  }

  #openCircuits(scope: CallScope): readonly Circuit[] {
    return STOPPED_BY[scope].flatMap((each) => this.#open[each] ?? [])
  }

  #setTrial(scope: CallScope, trialLostAt: number): void {
    for (const each of STOPPED_BY[scope]) {
      const circuit = this.#open[each]
      if (circuit !== undefined) this.#open[each] = { ...circuit, trialLostAt }
    }
  }

  #now(): number {
    return this.#options.clock.monotonic()
  }
}

/** The code and the length of the circuit that a failure opens. */
function openingAfter({ code, retryAfterMs = 5_000 }: OktaUnavailable, random: number): Opening {
  if (code === 'rate_limited') return { code, why: code, forMs: retryAfterMs + random * 500 }
  if (code === 'concurrency_limited') return { code, why: code, forMs: 250 + random * 750 }
  return { code: 'breaker_open', why: code, forMs: OPEN_MS * (0.9 + random * 0.2) }
}
