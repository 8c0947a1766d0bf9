/** The calls that wait for a slot, and the order in which they get one: unseen cookies delay no seen session. */
import type { CallKind } from './policy.js'

/** The lane of each kind of call. A lane gets slots when the lanes before it are empty. */
const LANE: Readonly<Record<CallKind, number>> = { seen: 0, unseen: 1, stale: 2, prefetch: 2 }

/**
 * One slot in so many is reserved for the lanes below the first one that waits: a flood of unseen cookies
 * would otherwise age every session, and busy sessions would keep every unseen cookie out.
 */
const RESERVED_EVERY = 8

export class CallQueue<T extends { readonly kind: CallKind }> {
  readonly #max: number
  readonly #lanes: readonly [T[], T[], T[]] = [[], [], []]
  #slotsGiven = 0
  /** The lane that got the last reserved slot. */
  #lastReserved: T[] | undefined

  constructor(max: number) {
    this.#max = max
  }

  get length(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.length, 0)
  }

  /** The call that gets the next slot. */
  get next(): T | undefined {
    return this.#nextLane()?.[0]
  }

  /** How many queued calls go before one of this kind. */
  ahead(kind: CallKind): number {
    return this.#lanes.slice(0, LANE[kind] + 1).reduce((sum, lane) => sum + lane.length, 0)
  }

  /** Adds a call. When that is one too many, removes the last call of the lowest lane and returns it. */
  add(call: T): T | undefined {
    this.#lanes[LANE[call.kind]]?.push(call)
    return this.length > this.#max ? this.#lanes.findLast(isWaiting)?.pop() : undefined
  }

  /** Removes the next call, which gets a slot. */
  takeSlot(call: T): void {
    if (this.#isReserved) this.#lastReserved = this.#lanes[LANE[call.kind]]
    this.#slotsGiven += 1
    this.remove(call)
  }

  /** Removes a call that gets no slot: it timed out or was rejected. */
  remove(call: T): void {
    const lane = this.#lanes[LANE[call.kind]]
    const at = lane?.indexOf(call) ?? -1
    if (at !== -1) lane?.splice(at, 1)
  }

  get #isReserved(): boolean {
    return this.#slotsGiven % RESERVED_EVERY === RESERVED_EVERY - 1
  }

  #nextLane(): T[] | undefined {
    const [highest, ...lower] = this.#lanes.filter(isWaiting)
    if (!this.#isReserved || lower.length === 0) return highest
    // The lower lanes alternate.
    return lower.findLast((lane) => lane !== this.#lastReserved) ?? lower[0]
  }
}

function isWaiting(lane: readonly unknown[]): boolean {
  return lane.length > 0
}
