/** Logs when Okta begins to fail and when it answers again: one line each for an outage. */
import type { Clock, Log, OktaAnswer } from '../contracts.js'
import type { UnavailableCode } from '../errors.js'
import { NOT_REACHED_OR_LIMITED } from './circuit-breaker.js'
import type { CallOperation } from './policy.js'

/** Failures that come and go are logged at most this often. */
const QUIET_MS = 60_000

const OPERATIONS = {
  lookup: 'getCurrentSession',
  sign_in: 'createSession',
  refresh: 'refreshCurrentSession',
  sign_out: 'closeCurrentSession',
  api: 'okta.api',
} as const

/** `any`: the cause does not depend on the operation. */
type What = CallOperation | 'any'

interface Outage {
  /** Monotonic milliseconds. */
  readonly since: number
  readonly isLogged: boolean
}

export class OutageLines {
  readonly #clock: Clock
  readonly #logger: Log | undefined
  readonly #outages: { [what in What]?: Outage } = {}
  readonly #loggedAt: { [what in What]?: number } = {}

  constructor(clock: Clock, logger: Log | undefined) {
    this.#clock = clock
    this.#logger = logger
  }

  /** A call ended. */
  record(operation: CallOperation, answer: OktaAnswer<unknown>): void {
    // An error with a code of Okta's has its own warning.
    if (answer.kind === 'unavailable' && answer.errorCode !== undefined) return
    if (answer.kind === 'unavailable') this.#failed(operation, answer.code, answer.head?.status)
    else for (const what of [operation, 'any'] as const) this.#answered(what, operation)
  }

  #failed(operation: CallOperation, code: UnavailableCode, status: number | undefined): void {
    const what = NOT_REACHED_OR_LIMITED.has(code) ? 'any' : operation
    const now = this.#clock.monotonic()
    const outage = this.#outages[what] ?? { since: now, isLogged: false }
    const isLogged = outage.isLogged || this.#log(what, now, { operation, code, status })
    this.#outages[what] = { since: outage.since, isLogged }
  }

  #log(
    what: What,
    now: number,
    { operation, code, status }: { operation: CallOperation; code: string; status: unknown },
  ): boolean {
    const { any, ...others } = this.#outages
    const alike = what === 'any' ? Object.values(others) : [any]
    if (alike.some((outage) => outage?.isLogged)) return false
    if (now - (this.#loggedAt[what] ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return false
    this.#loggedAt[what] = now
    const fields = {
      operation: OPERATIONS[operation],
      code,
      ...(status !== undefined && { status }),
    }
    this.#logger?.warn('EOS101', 'Okta gives no usable answer', fields)
    return true
  }

  #answered(what: What, operation: CallOperation): void {
    const outage = this.#outages[what]
    if (outage === undefined) return
    delete this.#outages[what]
    if (!outage.isLogged) return
    const afterMs = Math.round(this.#clock.monotonic() - outage.since)
    this.#logger?.info('EOS102', 'Okta answers again', {
      operation: OPERATIONS[operation],
      afterMs,
    })
  }
}
