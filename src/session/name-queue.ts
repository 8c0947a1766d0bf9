/**
 * Names in the order in which they were added. A Set alone finds its first name by passing over the places of all
 * that were deleted: with 200,000 names, tens of thousands for each eviction.
 */
export class NameQueue {
  readonly #names = new Set<string>()
  #iterator = this.#names.values()
  /** The last name of the iterator; undefined once it is deleted. */
  #oldest: string | undefined

  get size(): number {
    return this.#names.size
  }

  /** The name added longest ago. */
  get oldest(): string | undefined {
    if (this.#oldest !== undefined || this.#names.size === 0) return this.#oldest
    let { value, done } = this.#iterator.next()
    if (done === true) {
      // It came to the end before later names were added, and stays there.
      this.#iterator = this.#names.values()
      value = this.#iterator.next().value
    }
    this.#oldest = value
    return value
  }

  /** Adds a name that is not in the queue. */
  add(name: string): void {
    this.#names.add(name)
  }

  delete(name: string): void {
    this.#names.delete(name)
    if (name === this.#oldest) this.#oldest = undefined
  }
}
