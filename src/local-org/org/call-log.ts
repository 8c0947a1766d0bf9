/** The last calls, and the number of calls in each second, within fixed bounds: for the console page. */
import type { FaultKind } from '../faults/fault.js'
import type { CountedCall } from './calls.js'

export interface LoggedCall {
  /** Epoch milliseconds by the org's clock. */
  readonly at: number
  readonly call: CountedCall
  /** Undefined when no answer was sent. */
  readonly status: number | undefined
  /** From the request's arrival until its answer was written. */
  readonly durationMs: number
  readonly fault: FaultKind | undefined
}

export const SECONDS_KEPT = 60
const CALLS_KEPT = 100

export class CallLog {
  readonly #last: LoggedCall[] = []
  readonly #perSecond = new Uint32Array(SECONDS_KEPT)
  #next = 0
  #second = 0

  /** Seconds are counted on `monotonicMs`, because the org's clock may stand still or jump. */
  add(call: LoggedCall, monotonicMs: number): void {
    this.#last[this.#next] = call
    this.#next = (this.#next + 1) % CALLS_KEPT
    this.#advanceTo(monotonicMs)
    const slot = this.#second % SECONDS_KEPT
    this.#perSecond[slot] = (this.#perSecond[slot] ?? 0) + 1
  }

  /** Newest first. */
  recent(): readonly LoggedCall[] {
    return [...this.#last.slice(this.#next), ...this.#last.slice(0, this.#next)].reverse()
  }

  /** The calls in each of the last seconds, the current one last. */
  perSecond(monotonicMs: number): readonly number[] {
    this.#advanceTo(monotonicMs)
    const first = (this.#second + 1) % SECONDS_KEPT
    return [...this.#perSecond.subarray(first), ...this.#perSecond.subarray(0, first)]
  }

  #advanceTo(monotonicMs: number): void {
    const second = Math.floor(monotonicMs / 1_000)
    const passed = Math.min(second - this.#second, SECONDS_KEPT)
    for (let step = 1; step <= passed; step += 1) {
      this.#perSecond[(this.#second + step) % SECONDS_KEPT] = 0
    }
    if (second - this.#second > SECONDS_KEPT) this.#perSecond.fill(0)
    this.#second = Math.max(second, this.#second)
  }
}
