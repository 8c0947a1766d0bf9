/** Delivers pushes: one retry at most, a record of the last deliveries, and a promise for those under way. */
import type { Clock } from '../org/org-clock.js'
import { type PushAnswer, type PushRequest, Sender } from './sender.js'

/** What a delivery carries: events of a hook, a Security Event Token, or a Universal Logout. */
export type PushKind = 'event_hook' | 'security_event' | 'universal_logout'

/**
 * One delivery that has ended, with or without success.
 *
 * @example
 * const refused = org.pushes.filter((delivery) => !delivery.delivered)
 */
export interface Delivery {
  /** What it carried. */
  readonly kind: PushKind
  /** The URL it was posted to. */
  readonly url: string
  /** Whether the receiver accepted it: 200 or 204 for an event hook, any 2xx for a signed push. */
  readonly delivered: boolean
  /** The status of the last answer; absent when none came. */
  readonly status?: number
  /** The reason that no answer came: `timeout`, `closed`, or the code of a network error. */
  readonly error?: string
  /** 1, or 2 after a retry; 0 when the queue of the receiver was full. */
  readonly attempts: number
  /** The types of the events; absent for a Universal Logout. */
  readonly events?: readonly string[]
  /** When it began, in epoch milliseconds by the org's clock. */
  readonly at: number
}

export interface Parcel extends Omit<PushRequest, 'method'> {
  readonly kind: PushKind
  readonly body: string
  readonly events?: readonly string[]
  isAccepted(status: number): boolean
}

const DELIVERIES_KEPT = 200
const MAX_ATTEMPTS = 2

export class Courier {
  readonly sender: Sender
  readonly #clock: Clock
  readonly #recent: Delivery[] = []
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock
    this.sender = new Sender(timeoutMs)
  }

  /** The last deliveries, oldest first. */
  recent(): readonly Delivery[] {
    return [...this.#recent]
  }

  /** Posts a parcel, and once more after a 5xx, a timeout or a network error. Never rejects. */
  async deliver(parcel: Parcel): Promise<Delivery> {
    const at = this.#clock.now()
    const { url, headers, body } = parcel
    for (let attempts = 1; ; attempts += 1) {
      const answer = await this.sender.send({ method: 'POST', url, headers, body })
      if (attempts < MAX_ATTEMPTS && deservesRetry(answer)) continue
      return this.#record(parcel, answer, attempts, at)
    }
  }

  /** Records that a parcel was dropped because too many wait for the same receiver. */
  drop(parcel: Pick<Parcel, 'kind' | 'url' | 'events' | 'isAccepted'>): void {
    this.#record(parcel, { error: 'queue_full' }, 0, this.#clock.now())
  }

  /** Counts work as under way until it ends. */
  track<T>(work: Promise<T>): Promise<T> {
    const end = (): void => void this.#underWay.delete(work)
    this.#underWay.add(work)
    work.then(end, end)
    return work
  }

  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
  }

  #record(
    { kind, url, events, isAccepted }: Pick<Parcel, 'kind' | 'url' | 'events' | 'isAccepted'>,
    { status, error }: PushAnswer,
    attempts: number,
    at: number,
  ): Delivery {
    const delivery = Object.freeze({
      kind,
      url,
      delivered: status !== undefined && isAccepted(status),
      ...(status !== undefined && { status }),
      ...(error !== undefined && { error }),
      attempts,
      ...(events !== undefined && { events }),
      at,
    })
    this.#recent.push(delivery)
    if (this.#recent.length > DELIVERIES_KEPT) this.#recent.shift()
    return delivery
  }
}

function deservesRetry({ status, error }: PushAnswer): boolean {
  return error === undefined ? (status ?? 0) >= 500 : error !== 'closed'
}

/** @throws TypeError for a count that is given and no whole number above 0. */
export function checkCounts(
  method: string,
  counts: Readonly<Record<string, number | undefined>>,
): void {
  for (const [name, count] of Object.entries(counts)) {
    if (count === undefined || (Number.isInteger(count) && count > 0)) continue
    throw new TypeError(`${method}: ${name} must be a whole number above 0, not ${String(count)}`)
  }
}
