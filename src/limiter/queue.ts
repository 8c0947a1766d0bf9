/** Who waits for a call to Okta, in the order in which they are let in: a crowd of strangers keeps no known session waiting. */
import type { CallKind } from './policy.js'

/** The lane of each kind of call; a lane moves when those before it are empty. Last are calls with a stale result to serve. */
const LANE: Readonly<Record<CallKind, number>> = { seen: 0, unseen: 1, stale: 2, prefetch: 2 }

export class CallQueue<T extends { readonly kind: CallKind }> {
  readonly #max: number
  readonly #lanes: readonly [T[], T[], T[]] = [[], [], []]

  constructor(max: number) {
    this.#max = max
  }

  get length(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.length, 0)
  }

  get first(): T | undefined {
    return this.#lanes.find((lane) => lane.length > 0)?.[0]
  }

  /** Queued calls that go before one of this kind. */
  before(kind: CallKind): number {
    return this.#lanes.slice(0, LANE[kind] + 1).reduce((sum, lane) => sum + lane.length, 0)
  }

  /** Adds a call; where that is one too many, returns the last of the lowest lane, which is evicted. */
  stand(waiter: T): T | undefined {
    this.#lanes[LANE[waiter.kind]]?.push(waiter)
    return this.length > this.#max
      ? this.#lanes.findLast((lane) => lane.length > 0)?.pop()
      : undefined
  }

  leave(waiter: T): void {
    const lane = this.#lanes[LANE[waiter.kind]]
    const at = lane?.indexOf(waiter) ?? -1
    if (at !== -1) lane?.splice(at, 1)
  }
}
