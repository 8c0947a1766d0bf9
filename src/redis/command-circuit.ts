/** Decides from the ends of commands whether further commands are sent. */
import type { Failure } from './command-error.js'

const FAILURES_TO_OPEN = 5
/** Rejected writes count together within this time, since reads between them succeed. */
const REJECTED_WRITES_WITHIN_MS = 10_000
const FIRST_OPEN_MS = 500
const LONGEST_OPEN_MS = 5_000

/** The command that the half-open trial sends. */
export type Trial = 'ping' | 'write'

/**
 * Opens after five failures in a row, or five rejected writes within ten seconds. Only a trial closes it: after
 * rejected writes that is a write, so that a successful read does not close it. It holds no timer.
 */
export class CommandCircuit {
  readonly #now: () => number
  readonly #random: () => number
  #failures = 0
  #rejectedWrites: readonly number[] = []
  #openMs = 0
  #trial: Trial | undefined

  constructor(now: () => number, random: () => number) {
    this.#now = now
    this.#random = random
  }

  /** Undefined while the circuit is closed. */
  get trial(): Trial | undefined {
    return this.#trial
  }

  /** How long to wait before the next trial: 500 ms, doubled after each failed trial up to 5 s, with jitter. */
  nextDelayMs(): number {
    return this.#openMs * (0.75 + this.#random() * 0.5)
  }

  succeeded(): void {
    this.#failures = 0
  }

  /** Returns whether this failure opens the circuit. */
  failed(failure: Failure): boolean {
    if (this.#trial !== undefined) return false
    if (failure === 'none') this.#failures = 0
    if (failure === 'unavailable') this.#failures += 1
    if (failure === 'write-rejected') {
      const now = this.#now()
      const recent = this.#rejectedWrites.filter((at) => now - at < REJECTED_WRITES_WITHIN_MS)
      this.#rejectedWrites = [...recent, now]
    }
    if (this.#failures >= FAILURES_TO_OPEN) return this.#open('ping')
    if (this.#rejectedWrites.length >= FAILURES_TO_OPEN) return this.#open('write')
    return false
  }

  /** A trial ended. Any reply that says nothing against the server is a success. */
  tried(failure: Failure): void {
    if (failure === 'none') {
      this.#trial = undefined
      this.#failures = 0
      this.#rejectedWrites = []
      return
    }
    if (failure === 'write-rejected') this.#trial = 'write'
    this.#openMs = Math.min(this.#openMs * 2, LONGEST_OPEN_MS)
  }

  #open(trial: Trial): true {
    this.#trial = trial
    this.#openMs = FIRST_OPEN_MS
    return true
  }
}
