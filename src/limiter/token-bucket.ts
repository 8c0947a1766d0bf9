/** Token buckets that bound what cookies nobody has seen may cost, for everybody together and per client. */
import { LRUCache } from 'lru-cache'
import type { Budget } from '../options/options.js'
import type { BucketLevel } from './policy.js'

export class TokenBucket {
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

  /** What is missing to a full bucket. */
  spent(now: number): number {
    return this.#budget.burst - this.level(now).tokens
  }

  charge(tokens = 1): void {
    this.#tokens -= tokens
  }

  /** Takes one, but leaves the last. */
  chargeButTheLast(): void {
    this.#tokens = Math.max(Math.min(this.#tokens, 1), this.#tokens - 1)
  }

  giveBack(): void {
    this.#tokens = Math.min(this.#budget.burst, this.#tokens + 1)
  }
}

const SHARED_PREFIX = 'shared '
/**
 * The part of everybody's budget that the clients behind one peer have together when they can't be told
 * apart: with the default figures 40 failures at once and 2 a second. That is twice the budget of a single
 * client, and leaves a fifth to everybody else.
 */
const SHARED_PEER_PART = 0.8

/** Names the clients behind a peer that can't be told apart. They share one bucket. */
export function sharedPeer(address: string): string {
  return `${SHARED_PREFIX}${address}`
}

/** Whether this names a peer whose clients can't be told apart. */
export function isSharedPeer(client: string | undefined): boolean {
  return client?.startsWith(SHARED_PREFIX) === true
}

/** A table keyed by what clients send is bounded; a client that drops out of it starts anew. */
const MAX_CLIENTS = 20_000

export class ClientBuckets {
  readonly #budget: Budget
  /** Made with the first client: lru-cache takes the memory for all its places at once. */
  #buckets: LRUCache<string, TokenBucket> | undefined

  constructor(budget: Budget) {
    this.#budget = budget
  }

  peek(client: string): TokenBucket | undefined {
    return this.#buckets?.get(client)
  }

  of(client: string, now: number): TokenBucket {
    this.#buckets ??= new LRUCache({ max: MAX_CLIENTS })
    const standing = this.#buckets.get(client)
    if (standing !== undefined) return standing
    const bucket = new TokenBucket(this.#budget, now)
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
  readonly #everybody: TokenBucket
  readonly #clients: ClientBuckets
  readonly #sharedPeers: ClientBuckets

  constructor(everybody: Budget, perClient: Budget, now: number) {
    this.#everybody = new TokenBucket(everybody, now)
    this.#clients = new ClientBuckets(perClient)
    this.#sharedPeers = new ClientBuckets(partOf(everybody, SHARED_PEER_PART))
  }

  level(client: string | undefined, now: number): FailureLevels {
    const levels = this.#bucketsOf(client, now).map((bucket) => bucket.level(now))
    return {
      everybody: this.#everybody.level(now),
      client: levels.length === 0 ? undefined : levels.reduce(lower),
    }
  }

  /** Takes one; returns how to give it back, which counts once. */
  charge(client: string | undefined, now: number): () => void {
    const buckets = [this.#everybody, ...this.#bucketsOf(client, now)]
    for (const bucket of buckets) bucket.charge()
    let charged = true
    return function giveBack() {
      if (!charged) return
      charged = false
      for (const bucket of buckets) bucket.giveBack()
    }
  }

  /**
   * Takes what a session seen before costs when it has ended. Its client pays alone, for a session ends
   * once: a morning of ended sessions must not keep newcomers out. And its client keeps the last token, so
   * that it gets in with the session that it signs in for.
   */
  chargeSeen(client: string | undefined, now: number): void {
    for (const bucket of this.#bucketsOf(client, now)) {
      bucket.level(now)
      bucket.chargeButTheLast()
    }
  }

  /**
   * The shared bucket of a peer counts for what it sends without the header too, so that a header is no
   * second budget beside its own.
   */
  #bucketsOf(client: string | undefined, now: number): readonly TokenBucket[] {
    if (client === undefined) return []
    if (isSharedPeer(client)) return [this.#shared(client, now)]
    const shared = this.#sharedPeers.peek(sharedPeer(client))
    const own = this.#clients.of(client, now)
    return shared === undefined ? [own] : [own, shared]
  }

  #shared(client: string, now: number): TokenBucket {
    const standing = this.#sharedPeers.peek(client)
    if (standing !== undefined) return standing
    const bucket = this.#sharedPeers.of(client, now)
    const spent = this.#clients.peek(client.slice(SHARED_PREFIX.length))?.spent(now) ?? 0
    bucket.charge(spent)
    return bucket
  }
}

function partOf({ perSecond, burst }: Budget, part: number): Budget {
  return { perSecond: perSecond * part, burst: Math.max(1, Math.floor(burst * part)) }
}

function lower(one: BucketLevel, other: BucketLevel): BucketLevel {
  return one.tokens <= other.tokens ? one : other
}
