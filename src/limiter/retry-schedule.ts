/**
 * Spreads the retries of rejected calls: one after the other, as fast as they can be admitted, not all at
 * once. A slot is advice: no other call waits for one that stays away.
 */
import type { CallRequest } from './policy.js'

/** Retry slots are reserved so far ahead. */
const HORIZON_MS = 600_000
/** The longest delay on account of other retries. A call that retries earlier keeps its slot. */
const MAX_DELAY_MS = 60_000
/** Retry-After is whole seconds: retries come up to so much later. */
const ROUNDING_MS = 1_000
/** A slot that is not used by then lapses: its client may be gone. */
const LAPSE_MS = 5_000
/** A client may reserve so many slots, and more when it has earned more failures than that. */
const SLOTS_PER_CLIENT = 20
/**
 * The weight of one used or lapsed slot in the estimate of how many are used: after 16 lapsed ones in a row
 * it is a third of what it was.
 */
const WEIGHT = 1 / 16
/** With fewer slots used than this part, no retries are expected. */
const HARDLY_ANY = 0.1

/** When the next call can be admitted, and how many a second after that. */
export interface Capacity {
  readonly soonestMs: number
  readonly perSecond: number
  /** How many failures the client has left. Retries beyond its slots are spread without a reservation. */
  readonly perClient: number
}

/** The credential and the client of a rejected call, where they are known. */
type Caller = Pick<CallRequest, 'key' | 'client'>

interface RetrySlot {
  /** Monotonic milliseconds. */
  readonly at: number
  readonly client: string | undefined
  /** Whether the call was tried again since. */
  hasRetried: boolean
}

interface ClientSlots {
  reserved: number
  /** Until when the client's retries beyond its reserved slots are spread. */
  spreadUntil: number
}

export class RetrySchedule {
  /** By credential, in order of time. The horizon bounds their number. */
  readonly #slots = new Map<string, RetrySlot>()
  readonly #clients = new Map<string, ClientSlots>()
  /** The part of the slots that was used lately: made-up cookies reserve slots and use none. */
  #partUsed = 1
  #bookedUntil = Number.NEGATIVE_INFINITY
  #slotMs = 0

  /** Reserves a slot for a retry, or repeats the one that is reserved; in milliseconds from now. */
  reserve(
    { key, client }: Caller,
    { soonestMs, perSecond, perClient }: Capacity,
    now: number,
  ): number {
    if (perSecond <= 0) return soonestMs
    this.expire(now)
    const reserved = key === undefined ? undefined : this.#slots.get(key)
    // More frequent retries get neither a later slot nor an earlier one.
    if (reserved !== undefined) {
      reserved.hasRetried = true
      const inMs = reserved.at - now
      return inMs > 0 ? this.#delay(inMs, Math.min(inMs, soonestMs), 0) : soonestMs
    }
    const slotMs = 1_000 / perSecond
    const at = Math.max(now + soonestMs, this.#bookedUntil)
    const ofClient = client === undefined ? undefined : this.#clients.get(client)
    if (ofClient !== undefined && ofClient.reserved >= Math.max(SLOTS_PER_CLIENT, perClient)) {
      const spread = Math.max(at, ofClient.spreadUntil)
      ofClient.spreadUntil = Math.min(spread, now + soonestMs + MAX_DELAY_MS) + slotMs
      return this.#delay(spread - now, soonestMs, soonestMs)
    }
    if (at <= now + soonestMs + HORIZON_MS) {
      this.#slotMs = slotMs
      this.#bookedUntil = at + slotMs
      if (key !== undefined) this.#book(key, { at, client, hasRetried: false })
    }
    return this.#delay(at - now, soonestMs, soonestMs)
  }

  /** Whether retries are still to come. */
  expectsRetries(now: number): boolean {
    return now < this.#bookedUntil + ROUNDING_MS && this.#partUsedAt(now) > HARDLY_ANY
  }

  /** A call was admitted and uses its slot, if it has one. */
  useSlot(key: string | undefined, now: number): void {
    this.expire(now)
    if (key !== undefined && this.#release(key)) this.#partUsed = weighed(this.#partUsed, true)
  }

  /** An admitted call was not charged in the end: the next slot to be reserved moves up. */
  moveUp(): void {
    this.#bookedUntil -= this.#slotMs
  }

  /** Removes lapsed slots. */
  expire(now: number): void {
    for (const [key, { at, hasRetried }] of this.#slots) {
      if (!hasLapsed(at, now)) return
      this.#release(key)
      this.#partUsed = weighed(this.#partUsed, hasRetried)
    }
  }

  #book(key: string, slot: RetrySlot): void {
    this.#slots.set(key, slot)
    if (slot.client === undefined) return
    const ofClient = this.#clients.get(slot.client) ?? { reserved: 0, spreadUntil: 0 }
    ofClient.reserved += 1
    this.#clients.set(slot.client, ofClient)
  }

  #release(key: string): boolean {
    const client = this.#slots.get(key)?.client
    const ofClient = client === undefined ? undefined : this.#clients.get(client)
    if (ofClient !== undefined) ofClient.reserved -= 1
    if (client !== undefined && ofClient?.reserved === 0) this.#clients.delete(client)
    return this.#slots.delete(key)
  }

  /** The part used, with the slots that have lapsed since it was last updated. */
  #partUsedAt(now: number): number {
    let part = this.#partUsed
    for (const { at, hasRetried } of this.#slots.values()) {
      if (!hasLapsed(at, now)) break
      part = weighed(part, hasRetried)
    }
    return part
  }

  /** The delay of a retry, shorter the fewer of the slots before it are likely to be used. */
  #delay(inMs: number, soonestMs: number, atLeastMs: number): number {
    const likely = soonestMs + (inMs - soonestMs) * this.#partUsed
    return Math.max(1, Math.ceil(Math.min(likely, atLeastMs + MAX_DELAY_MS)))
  }
}

function hasLapsed(at: number, now: number): boolean {
  return at <= now - LAPSE_MS
}

function weighed(part: number, wasUsed: boolean): number {
  return part + ((wasUsed ? 1 : 0) - part) * WEIGHT
}
