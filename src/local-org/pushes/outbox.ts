/** A queue in front of one receiver: one delivery at a time, with what waits in one batch. */

const MAX_WAITING = 10_000

export class Outbox<T> {
  readonly #maxBatch: number
  readonly #deliver: (batch: readonly T[]) => Promise<unknown>
  #waiting: T[] = []
  #isDraining = false

  constructor(maxBatch: number, deliver: (batch: readonly T[]) => Promise<unknown>) {
    this.#maxBatch = maxBatch
    this.#deliver = deliver
  }

  get isFull(): boolean {
    return this.#waiting.length >= MAX_WAITING
  }

  /** Returns a promise of the whole queue, or undefined when the queue is being delivered already. */
  add(item: T): Promise<void> | undefined {
    this.#waiting.push(item)
    return this.#isDraining ? undefined : this.#drain()
  }

  /** Discards what waits. */
  clear(): void {
    this.#waiting = []
  }

  async #drain(): Promise<void> {
    this.#isDraining = true
    try {
      // Events of the same turn go out together.
      await Promise.resolve()
      while (this.#waiting.length > 0) {
        await this.#deliver(this.#waiting.splice(0, this.#maxBatch))
      }
    } finally {
      this.#isDraining = false
    }
  }
}
