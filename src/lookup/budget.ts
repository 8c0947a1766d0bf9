/** Token buckets that bound what cookies nobody has seen may cost, for everybody together and per client. */
import { LRUCache } from 'lru-cache'
import type { Budget } from '../model/options.js'
import type { BucketLevel } from './admission.js'

export class Bucket {
  readonly #budget: Budget
  #tokens: number
  #at: number

  constructor(budget: Budget, now: number) {
    this.#budget = budget
    this.#tokens = budget.burst
    this.#at = now
  }

  level(now: number): BucketLevel {
    const { perSecond, burst } = this.#budget
    this.#tokens = Math.min(burst, this.#tokens + (Math.max(0, now - this.#at) / 1_000) * perSecond)
    this.#at = now
    return { tokens: this.#tokens, perSecond }
  }

  charge(): void {
    this.#tokens -= 1
  }

  giveBack(): void {
    this.#tokens = Math.min(this.#budget.burst, this.#tokens + 1)
  }
}

/** A table keyed by what clients send is bounded; a client that drops out of it starts anew. */
const MAX_CLIENTS = 20_000

export class ClientBuckets {
  readonly #budget: Budget
  readonly #buckets = new LRUCache<string, Bucket>({ max: MAX_CLIENTS })

  constructor(budget: Budget) {
    this.#budget = budget
  }

  of(client: string, now: number): Bucket {
    const standing = this.#buckets.get(client)
    if (standing !== undefined) return standing
    const bucket = new Bucket(this.#budget, now)
    this.#buckets.set(client, bucket)
    return bucket
  }
}

/** What is left of a budget. */
export interface FailureLevels {
  readonly everybody: BucketLevel
  /** Undefined when the client's address is not known. */
  readonly client: BucketLevel | undefined
}

/** Of two budgets that both have to last, the one that would end first. */
export function scarcer(one: FailureLevels, other: FailureLevels): FailureLevels {
  return {
    everybody: lower(one.everybody, other.everybody),
    client: one.client && other.client && lower(one.client, other.client),
  }
}

/** What may fail: one bucket for everybody, one per client address. */
export class FailureBudget {
  readonly #everybody: Bucket
  readonly #clients: ClientBuckets

  constructor(everybody: Budget, perClient: Budget, now: number) {
    this.#everybody = new Bucket(everybody, now)
    this.#clients = new ClientBuckets(perClient)
  }

  level(client: string | undefined, now: number): FailureLevels {
    return {
      everybody: this.#everybody.level(now),
      client: client === undefined ? undefined : this.#clients.of(client, now).level(now),
    }
  }

  /** Takes one; returns how to give it back, which counts once. */
  charge(client: string | undefined, now: number): () => void {
    const buckets = [
      this.#everybody,
      ...(client === undefined ? [] : [this.#clients.of(client, now)]),
    ]
    for (const bucket of buckets) bucket.charge()
    let charged = true
    return function giveBack() {
      if (!charged) return
      charged = false
      for (const bucket of buckets) bucket.giveBack()
    }
  }
}

function lower(one: BucketLevel, other: BucketLevel): BucketLevel {
  return one.tokens <= other.tokens ? one : other
}
