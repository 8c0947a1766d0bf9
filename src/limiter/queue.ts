/** The calls that wait for a slot, and the order in which they get one: unseen cookies delay no seen session. */
import type { CallKind, CallRequest } from './policy.js'
import { isSharedPeer, SHARED_PEER_PART } from './token-bucket.js'

/** The lane of each kind of call. A lane gets slots when the lanes before it are empty. */
const LANE: Readonly<Record<CallKind, number>> = {
  seen: 0,
  unseen: 1,
  stale: 2,
  api: 2,
  prefetch: 2,
}

/**
 * One slot in so many is reserved for the lanes below the first one that waits: a flood of unseen cookies
 * would otherwise age every session, and busy sessions would keep every unseen cookie out.
 */
const RESERVED_EVERY = 8
/** How many places in the queue one credential may take. */
const PLACES_PER_CREDENTIAL = 20
/** The part of the queue that the unseen cookies and the early calls of one client may take. */
const CLIENT_PART = 0.25

export class CallQueue<T extends CallRequest> {
  readonly #max: number
  readonly #lanes: readonly [T[], T[], T[]] = [[], [], []]
  /** How many places each credential and each client has taken. */
  readonly #places = new Map<string, number>()
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
    return this.nextWhere(() => true)
  }

  /** The call that gets the next slot among those that may start. */
  nextWhere(mayStart: (call: T) => boolean): T | undefined {
    return this.#nextLane(mayStart)?.find(mayStart)
  }

  /** How many queued calls go before one of this kind. */
  ahead(kind: CallKind): number {
    return this.#lanes.slice(0, LANE[kind] + 1).reduce((sum, lane) => sum + lane.length, 0)
  }

  /** Whether the credential or the client of a call has taken all the places that it may. */
  isShareTaken(call: CallRequest): boolean {
    if (this.#placesOf(call.key) >= PLACES_PER_CREDENTIAL) return true
    const client = chargedClient(call)
    const part = isSharedPeer(client) ? SHARED_PEER_PART : CLIENT_PART
    return this.#placesOf(client) >= part * this.#max
  }

  /** Adds a call. When that is one too many, removes the last call of the lowest lane and returns it. */
  add(call: T): T | undefined {
    this.#lanes[LANE[call.kind]]?.push(call)
    this.#countPlace(call, 1)
    if (this.length <= this.#max) return undefined
    const evicted = this.#lanes.findLast((lane) => lane.length > 0)?.at(-1)
    if (evicted !== undefined) this.remove(evicted)
    return evicted
  }

  /** Removes the next call, which gets a slot. */
  takeSlot(call: T): void {
    if (this.#isReserved) this.#lastReserved = this.#lanes[LANE[call.kind]]
    this.#slotsGiven += 1
    this.remove(call)
  }

  /** Removes a call that gets no slot: it timed out, was rejected or evicted. */
  remove(call: T): void {
    const lane = this.#lanes[LANE[call.kind]]
    const at = lane?.lastIndexOf(call) ?? -1
    if (at === -1) return
    lane?.splice(at, 1)
    this.#countPlace(call, -1)
  }

  get #isReserved(): boolean {
    return this.#slotsGiven % RESERVED_EVERY === RESERVED_EVERY - 1
  }

  #nextLane(mayStart: (call: T) => boolean): T[] | undefined {
    const [highest, ...lower] = this.#lanes.filter((lane) => lane.some(mayStart))
    if (!this.#isReserved || lower.length === 0) return highest
    // The lower lanes alternate.
    return lower.findLast((lane) => lane !== this.#lastReserved) ?? lower[0]
  }

  #placesOf(name: string | undefined): number {
    return name === undefined ? 0 : (this.#places.get(name) ?? 0)
  }

  #countPlace(call: T, by: 1 | -1): void {
    for (const name of [call.key, chargedClient(call)]) {
      const places = this.#placesOf(name) + by
      if (name !== undefined && places > 0) this.#places.set(name, places)
      else if (name !== undefined) this.#places.delete(name)
    }
  }
}

/** The client whose part of the queue a call takes; a lookup of a seen session that is due takes none. */
function chargedClient({ kind, client, early }: CallRequest): string | undefined {
  return kind === 'unseen' || early === true ? client : undefined
}
