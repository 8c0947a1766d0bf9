/** When newcomers who were turned away should come back: one after the other, as fast as they can be let in, not all at once. */

/** So far ahead turns are given out. */
const HORIZON_MS = 600_000
/** Nobody is sent away for longer than this on account of others: whoever asks sooner keeps the turn. */
const LONGEST_MS = 60_000
/** Retry-After is whole seconds, and so much later they come. */
const LATE_MS = 1_000
/** A turn not taken by then is lost: whoever had it may be gone. */
const TURN_LOST_MS = 5_000

/** How soon there is room for one more, and for how many a second after that. */
export interface Room {
  readonly soonestMs: number
  readonly perSecond: number
}

export class Returns {
  /** Who is to come when, in order; monotonic milliseconds. No more than there are turns up to the horizon. */
  readonly #turns = new Map<string, number>()
  #takenUntil = Number.NEGATIVE_INFINITY
  #turnMs = 0

  /** Gives out a turn, or says again when it is; in milliseconds from now. */
  after(who: string | undefined, { soonestMs, perSecond }: Room, now: number): number {
    if (perSecond <= 0) return soonestMs
    this.#forgetLost(now)
    const given = who === undefined ? undefined : this.#turns.get(who)
    // Asking more often gets nobody a later turn, nor an earlier one.
    if (given !== undefined) return given > now ? wait(given - now, 0) : soonestMs
    const turn = Math.max(now + soonestMs, this.#takenUntil)
    if (turn <= now + soonestMs + HORIZON_MS) {
      this.#turnMs = 1_000 / perSecond
      this.#takenUntil = turn + this.#turnMs
      if (who !== undefined) this.#turns.set(who, turn)
    }
    return wait(turn - now, soonestMs)
  }

  /** How many others are expected right now, and go first. */
  before(who: string | undefined, now: number): number {
    this.#forgetLost(now)
    let before = 0
    for (const [other, turn] of this.#turns) {
      if (turn > now || other === who) break
      before += 1
    }
    return before
  }

  /** Somebody was let in. */
  came(who: string | undefined): void {
    if (who !== undefined) this.#turns.delete(who)
  }

  /** Somebody came and took no room after all. */
  moveUp(): void {
    this.#takenUntil -= this.#turnMs
  }

  /** Whether some are still to come. */
  areExpected(now: number): boolean {
    return now < this.#takenUntil + LATE_MS
  }

  #forgetLost(now: number): void {
    for (const [who, turn] of this.#turns) {
      if (turn > now - TURN_LOST_MS) return
      this.#turns.delete(who)
    }
  }
}

function wait(ms: number, atLeast: number): number {
  return Math.ceil(Math.min(ms, atLeast + LONGEST_MS))
}
