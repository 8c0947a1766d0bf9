/** Credentials whose lookups fail: from the second failure in a row on each rests, so that its pages do not repeat a failing call. */
import type { Clock, OktaAnswer, OktaUnavailable } from '../contracts.js'
import type { UnavailableCode } from '../errors.js'
import { NOT_REACHED_OR_LIMITED } from '../limiter/circuit-breaker.js'

/** The last of the failures in a row of one credential. */
interface Failure {
  readonly code: UnavailableCode
  /** 0 after the first failure: a single lost answer has no effect. */
  readonly restMs: number
  /** Monotonic milliseconds until which the credential is not looked up. */
  readonly until: number
  /** How many lookups had been answered when the failed one began. */
  readonly answers: number
  /** Whether another was answered between the failed lookup before it and this one. */
  readonly otherAnswered: boolean
}

/** What is known when a lookup begins. */
export interface Begun extends Pick<Failure, 'answers'> {
  readonly last: Failure | undefined
}

/** A lookup that began before the first failure of all. */
const FIRST_OF_ALL: Begun = { last: undefined, answers: 0 }
const FIRST_REST_MS = 1_000
const MAX_REST_MS = 10_000
/** The longest time from one lookup to the next in an outage, after which users are served again within 5 s. */
const OUTAGE_MS = 4_000
/** Failures further apart than this are not in a row. */
const FORGOTTEN_AFTER_MS = 60_000
const MAX_CREDENTIALS = 10_000

export class FailedLookups {
  readonly #clock: Clock
  /** By credential key, the one that failed last at the end. */
  readonly #failures = new Map<string, Failure>()
  /** How many lookups were answered with yes or no. */
  #answers = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The answer in place of a lookup while the credential rests; undefined when it may be looked up. */
  resting(key: string): OktaUnavailable | undefined {
    const failure = this.#failures.get(key)
    if (failure === undefined) return undefined
    const leftMs = Math.ceil(failure.until - this.#clock.monotonic())
    if (leftMs <= 0) return undefined
    return { kind: 'unavailable', code: failure.code, retryAfterMs: leftMs }
  }

  /** What is known when a lookup begins, to be handed to {@link record} with its answer. */
  begin(key: string): Begun {
    return { last: this.#failures.get(key), answers: this.#answers }
  }

  /** Takes the answer of a lookup, which began at `startedAt`. */
  record(
    key: string,
    answer: OktaAnswer<unknown>,
    startedAt: number,
    begun: Begun = FIRST_OF_ALL,
  ): void {
    if (answer.kind !== 'unavailable') {
      this.#answers += 1
      this.#failures.delete(key)
      return
    }
    // The circuit handles what no credential causes. Concurrent failures of one credential count once.
    if (NOT_REACHED_OR_LIMITED.has(answer.code) || this.#failures.get(key) !== begun.last) return
    const now = this.#clock.monotonic()
    const { last, answers } = begun
    const otherAnswered = last !== undefined && answers > last.answers
    const restMs = Math.max(0, restAfter(last, otherAnswered, startedAt, now))
    const until = now + restMs
    this.#failures.delete(key)
    this.#failures.set(key, { code: answer.code, restMs, until, answers, otherAnswered })
    const [oldest] = this.#failures.keys()
    if (oldest !== undefined && this.#failures.size > MAX_CREDENTIALS) this.#failures.delete(oldest)
  }
}

/**
 * When no other lookup was answered since the one before, the whole org may be out of order. These failures do
 * not lengthen the rests after the outage, when many calls at once may time out.
 */
function restAfter(
  last: Failure | undefined,
  otherAnswered: boolean,
  startedAt: number,
  now: number,
): number {
  if (last === undefined || startedAt - last.until >= FORGOTTEN_AFTER_MS) return 0
  const doubledMs = Math.min(last.restMs * 2 || FIRST_REST_MS, MAX_REST_MS)
  if (!otherAnswered) return Math.min(doubledMs, startedAt + OUTAGE_MS - now)
  return last.otherAnswered ? doubledMs : FIRST_REST_MS
}
