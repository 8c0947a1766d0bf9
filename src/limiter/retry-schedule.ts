/** Spreads the retries of rejected calls: one after the other, as fast as they can be admitted, not all at once. */

/** So far ahead turns are given out. */
const HORIZON_MS = 600_000
/** The longest Retry-After on account of others; an earlier retry keeps its turn. */
const LONGEST_MS = 60_000
/** Retry-After is whole seconds, and so much later they come. */
const LATE_MS = 1_000
/** A turn not taken by then is lost: its client may be gone. */
const TURN_LOST_MS = 5_000

/**
 * So many turns one client may hold: as many as it may fail at once by default. The turns after those are
 * told apart in time as well, but are kept for nobody.
 */
const TURNS_PER_CLIENT = 20
/**
 * How much one turn, taken or lost, moves the estimate of how many are taken: 16 lost ones in a row make it
 * a third of what it was.
 */
const WEIGHT = 1 / 16
/** Below this share taken, turns announce nobody. */
const HARDLY_ANY = 0.1

/** How soon there is room for one more, and for how many a second after that. */
export interface Room {
  readonly soonestMs: number
  readonly perSecond: number
}

/** Who is turned away: the question, and the client that puts it, each where it is known. */
export interface RejectedCaller {
  readonly key?: string | undefined
  readonly client?: string | undefined
}

interface Turn {
  /** Monotonic milliseconds. */
  readonly at: number
  readonly client: string | undefined
  /** Whether its holder asked again since. */
  isHere: boolean
}

/** What one client holds. */
interface Held {
  turns: number
  /** Until when its turns beyond its share are told apart. */
  spreadUntil: number
}

export class RetrySchedule {
  /** Who is to come when, in order. No more than there are turns up to the horizon. */
  readonly #turns = new Map<string, Turn>()
  /** Clients that hold a turn. */
  readonly #held = new Map<string, Held>()
  /** The part of the turns that was taken lately: junk books turns and takes none. */
  #taken = 1
  #takenUntil = Number.NEGATIVE_INFINITY
  #turnMs = 0

  /** Gives out a turn, or says again when it is; in milliseconds from now. */
  after({ key, client }: RejectedCaller, { soonestMs, perSecond }: Room, now: number): number {
    if (perSecond <= 0) return soonestMs
    this.#forgetLost(now)
    const given = key === undefined ? undefined : this.#turns.get(key)
    // More frequent retries get neither a later turn nor an earlier one.
    if (given !== undefined) {
      given.isHere = true
      const { at } = given
      return at > now ? this.#wait(at - now, Math.min(at - now, soonestMs), 0) : soonestMs
    }
    const turnMs = 1_000 / perSecond
    const turn = Math.max(now + soonestMs, this.#takenUntil)
    const held = client === undefined ? undefined : this.#held.get(client)
    if (held !== undefined && held.turns >= TURNS_PER_CLIENT) {
      const spread = Math.max(turn, held.spreadUntil)
      held.spreadUntil = Math.min(spread, now + soonestMs + LONGEST_MS) + turnMs
      return this.#wait(spread - now, soonestMs, soonestMs)
    }
    if (turn <= now + soonestMs + HORIZON_MS) {
      this.#turnMs = turnMs
      this.#takenUntil = turn + turnMs
      if (key !== undefined) this.#book(key, { at: turn, client, isHere: false })
    }
    return this.#wait(turn - now, soonestMs, soonestMs)
  }

  /**
   * How many others are expected right now, and go first: those whose turn has come, by the part that was
   * taken lately, so that turns nobody takes hold nobody back who is there.
   */
  before(key: string | undefined, now: number): number {
    this.#forgetLost(now)
    let before = 0
    for (const [other, { at }] of this.#turns) {
      if (at > now || other === key) break
      before += 1
    }
    return Math.round(before * this.#taken)
  }

  /** Somebody was let in. */
  came(key: string | undefined): void {
    if (key !== undefined && this.#release(key) !== undefined) this.#learn(true)
  }

  /** Somebody came and took no room after all. */
  moveUp(): void {
    this.#takenUntil -= this.#turnMs
  }

  /** Whether some are still to come. */
  areExpected(now: number): boolean {
    this.#forgetLost(now)
    return this.#taken > HARDLY_ANY && now < this.#takenUntil + LATE_MS
  }

  #book(key: string, turn: Turn): void {
    this.#turns.set(key, turn)
    if (turn.client === undefined) return
    const held = this.#held.get(turn.client)
    if (held === undefined) this.#held.set(turn.client, { turns: 1, spreadUntil: 0 })
    else held.turns += 1
  }

  #release(key: string): Turn | undefined {
    const turn = this.#turns.get(key)
    if (turn === undefined) return undefined
    this.#turns.delete(key)
    const held = turn.client === undefined ? undefined : this.#held.get(turn.client)
    if (turn.client === undefined || held === undefined) return turn
    held.turns -= 1
    if (held.turns === 0) this.#held.delete(turn.client)
    return turn
  }

  #forgetLost(now: number): void {
    for (const [key, { at, isHere }] of this.#turns) {
      if (at > now - TURN_LOST_MS) return
      this.#release(key)
      this.#learn(isHere)
    }
  }

  #learn(wasTaken: boolean): void {
    this.#taken += ((wasTaken ? 1 : 0) - this.#taken) * WEIGHT
  }

  /** A line in which hardly anybody stands is a short one. */
  #wait(ms: number, soonestMs: number, atLeast: number): number {
    const weighed = soonestMs + (ms - soonestMs) * this.#taken
    return Math.max(1, Math.ceil(Math.min(weighed, atLeast + LONGEST_MS)))
  }
}
