/** The calls that wait for a slot, in the order in which they get one: unseen cookies delay no seen session. */
import type { CallKind } from './policy.js'

/** The lane of each kind of call; a lane moves when those before it are empty. Last are calls with a stale result to serve. */
const LANE: Readonly<Record<CallKind, number>> = { seen: 0, unseen: 1, stale: 2, prefetch: 2 }

/** One slot in so many goes to the lowest lane that waits: else a flood of unseen cookies would age every session. */
const LOWEST_LANE_EVERY = 8

export class CallQueue<T extends { readonly kind: CallKind }> {
  readonly #max: number
  readonly #lanes: readonly [T[], T[], T[]] = [[], [], []]
  #slotsGiven = 0

  constructor(max: number) {
    this.#max = max
  }

  get length(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.length, 0)
  }

  /** The call that gets the next slot. */
  get first(): T | undefined {
    const waiting = (lane: T[]) => lane.length > 0
    const isLowestsTurn = this.#slotsGiven % LOWEST_LANE_EVERY === LOWEST_LANE_EVERY - 1
    return (isLowestsTurn ? this.#lanes.findLast(waiting) : this.#lanes.find(waiting))?.[0]
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
    if (waiter === this.first) this.#slotsGiven += 1
    const lane = this.#lanes[LANE[waiter.kind]]
    const at = lane?.indexOf(waiter) ?? -1
    if (at !== -1) lane?.splice(at, 1)
  }
}
