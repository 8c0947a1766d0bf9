/** Counts the instances that are alive, from what they write into the stream. */

/** An instance that was not heard for so long is dead. Heartbeats come every ten seconds. */
const SILENT_AFTER_MS = 30_000
/** A stream that was not read for so long had an outage, during which none could be heard. */
const OUTAGE_MS = 2_000

export class LivingInstances {
  /** When each other instance was last heard, in the time of the stream's reader. */
  readonly #heard = new Map<string, number>()
  readonly #listeners: ((count: number) => void)[] = []
  #count = 1
  #readAt: number | undefined

  /** Living instances, this one included. */
  get count(): number {
    return this.#count
  }

  /** Calls back now and at each change. */
  onChange(listener: (count: number) => void): void {
    this.#listeners.push(listener)
    listener(this.#count)
  }

  /** Another instance wrote something at this time, or ended. */
  hear(instance: string, at: number, isEnding: boolean): void {
    if (isEnding) this.#heard.delete(instance)
    else this.#heard.set(instance, Math.max(at, this.#heard.get(instance) ?? 0))
  }

  /** Everything up to this time has been read: an instance that is still silent then has ended. */
  readUpTo(time: number): void {
    const unreadMs = time - (this.#readAt ?? time)
    this.#readAt = time
    for (const [instance, at] of this.#heard) {
      const heardAt = unreadMs > OUTAGE_MS ? Math.min(at + unreadMs, time) : at
      if (time - heardAt > SILENT_AFTER_MS) this.#heard.delete(instance)
      else this.#heard.set(instance, heardAt)
    }
    const count = this.#heard.size + 1
    if (count === this.#count) return
    this.#count = count
    for (const listener of this.#listeners) listener(count)
  }
}
