/** The registered receivers of one kind of push, each with the queue of what the org itself sends to it. */
import { Outbox } from './outbox.js'
import { normalizedUrl } from './receivers.js'

export interface Registered<R, T> {
  readonly receiver: R
  readonly outbox: Outbox<T>
  /** Of an event hook: whether it has answered the handshake. Other receivers have none. */
  verified: boolean
}

export class Registry<R extends { readonly url: string }, T> {
  readonly #byUrl = new Map<string, Registered<R, T>>()
  readonly #maxBatch: number
  readonly #deliver: (receiver: R, batch: readonly T[]) => Promise<unknown>

  constructor(maxBatch: number, deliver: (receiver: R, batch: readonly T[]) => Promise<unknown>) {
    this.#maxBatch = maxBatch
    this.#deliver = deliver
  }

  /** Replaces a receiver with the same URL. */
  add(given: R, verified: boolean): Registered<R, T> {
    this.remove(given.url)
    const receiver = Object.freeze({ ...given })
    const outbox = new Outbox<T>(this.#maxBatch, (batch) => this.#deliver(receiver, batch))
    const registered = { receiver, outbox, verified }
    this.#byUrl.set(normalizedUrl(receiver.url), registered)
    return registered
  }

  remove(url: string): boolean {
    this.#byUrl.get(normalizedUrl(url))?.outbox.clear()
    return this.#byUrl.delete(normalizedUrl(url))
  }

  has(registered: Registered<R, T>): boolean {
    return this.#byUrl.get(normalizedUrl(registered.receiver.url)) === registered
  }

  all(): readonly Registered<R, T>[] {
    return [...this.#byUrl.values()]
  }

  /** What is registered, without secrets. */
  summaries<const K extends string>(kind: K) {
    return this.all().map(({ receiver: { url }, verified }) => ({ kind, url, verified }))
  }

  /** Verified receivers: all, or the one with this URL. */
  receivers(to?: string): readonly R[] {
    const verified = this.all().filter((registered) => registered.verified)
    const receivers = verified.map(({ receiver }) => receiver)
    if (to === undefined) return receivers
    const found = receivers.filter(({ url }) => normalizedUrl(url) === normalizedUrl(to))
    if (found.length === 0) throw new TypeError(`No receiver is registered and verified at ${to}`)
    return found
  }
}
