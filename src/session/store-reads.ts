/** How often unseen cookies may be looked up in the shared store: made-up ones must not become a flood of commands. */
import type { Clock } from '../contracts.js'
import type { CallKind } from '../limiter/policy.js'
import { FailureBudget } from '../limiter/token-bucket.js'

/** Per process. A lookup that finds an entry gives its read back: real users of other instances cost nothing. */
const ALL_CLIENTS = { perSecond: 250, burst: 1_000 }
const ONE_CLIENT = { perSecond: 10, burst: 100 }

export class StoreReads {
  readonly #clock: Clock
  readonly #budget: FailureBudget

  constructor(clock: Clock) {
    this.#clock = clock
    this.#budget = new FailureBudget(ALL_CLIENTS, ONE_CLIENT, clock.monotonic())
  }

  /**
   * Charges a read to a client and to all; returns the function that gives it back, or undefined when the
   * store must not be read. Reads for seen sessions are free: their number follows the number of users.
   */
  charge(kind: CallKind, client: string | undefined): (() => void) | undefined {
    if (kind !== 'unseen') return () => {}
    const now = this.#clock.monotonic()
    const { global, client: own } = this.#budget.level(client, now)
    if (global.tokens < 1 || (own !== undefined && own.tokens < 1)) return undefined
    return this.#budget.charge(client, now)
  }
}
