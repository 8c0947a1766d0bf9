/** Token buckets that bound what unseen cookies may cost, for all clients together and for each client. */
import { LRUCache } from 'lru-cache'
import type { BucketLevel } from './policy.js'

/**
 * A bucket's figures. They may be getters: `perSecond` then follows the org's rate limit, and both follow the
 * number of instances. Buckets are settled before that number changes.
 */
export interface BucketFigures {
  readonly perSecond: number
  readonly burst: number
}

/**
 * A session that was not seen before gives its client so many failures more: the people of an office behind
 * one address sign in, and so pay for one another. A client that guesses cookies earns none.
 */
const EARNED_PER_SESSION = 3
/** A client saves up at most so many. */
const MAX_EARNED = 500

export class TokenBucket {
  readonly #budget: BucketFigures
  #tokens: number
  /** When there were so many tokens, in monotonic milliseconds. */
  #at: number
  /** Tokens beyond the bucket's own, which do not come back. */
  #earned = 0

  constructor(budget: BucketFigures, now: number) {
    this.#budget = budget
    this.#tokens = budget.burst
    this.#at = now
  }

  level(now: number): BucketLevel {
    return { tokens: this.#own(now) + this.#earned, perSecond: this.#budget.perSecond }
  }

  spent(now: number): number {
    return this.#budget.burst - this.#own(now)
  }

  /** Whether less than half of the tokens are left. */
  isLow(now: number): boolean {
    return this.level(now).tokens < this.#budget.burst / 2
  }

  /** Takes tokens of the bucket's own first: earned ones do not come back. */
  charge(now: number, tokens = 1): void {
    const left = this.#own(now) - tokens
    const fromEarned = left < 0 ? Math.min(this.#earned, Math.ceil(-left)) : 0
    this.#earned -= fromEarned
    this.#tokens = left + fromEarned
    this.#at = now
  }

  /** Adds tokens beyond the bucket's size. */
  earn(tokens: number, max: number): void {
    this.#earned = Math.min(max, this.#earned + tokens)
  }

  /** Charges one token, but leaves the last. */
  chargeButTheLast(now: number): void {
    const { tokens } = this.level(now)
    this.charge(now, Math.min(1, Math.max(0, tokens - 1)))
  }

  /**
   * Adds what has refilled until now: figures that change next apply from now on. Otherwise a larger size
   * would count as filled at the new rate since the last charge.
   */
  settle(now: number): void {
    this.#tokens = this.#own(now)
    this.#at = now
  }

  giveBack(): void {
    this.#tokens = Math.min(this.#budget.burst, this.#tokens + 1)
  }

  #own(now: number): number {
    const { perSecond, burst } = this.#budget
    return Math.min(burst, this.#tokens + (Math.max(0, now - this.#at) / 1_000) * perSecond)
  }
}

const SHARED_PREFIX = 'shared '
/**
 * The part of a common budget that the clients behind one peer have together when they can't be told apart:
 * by default 40 failures at once and 2 a second, twice the budget of a single client.
 */
export const SHARED_PEER_PART = 0.8

/** The name under which clients behind a peer that can't be distinguished share one bucket. */
export function sharedPeer(address: string): string {
  return `${SHARED_PREFIX}${address}`
}

/** Whether this is such a name. */
export function isSharedPeer(client: string | undefined): boolean {
  return client?.startsWith(SHARED_PREFIX) === true
}

/** Bounds the table, since clients choose its keys; an evicted client starts with a full bucket again. */
const MAX_CLIENTS = 20_000

/** A bucket for each client that was charged. */
export class ClientBuckets {
  readonly #budget: BucketFigures
  /** Made with the first client: lru-cache allocates the memory for all entries at once. */
  #buckets: LRUCache<string, TokenBucket> | undefined

  constructor(budget: BucketFigures) {
    this.#budget = budget
  }

  peek(client: string): TokenBucket | undefined {
    return this.#buckets?.peek(client)
  }

  /** What a client has left. Only a charge makes it a bucket. */
  level(client: string, now: number, alreadySpent = 0): BucketLevel {
    return (this.peek(client) ?? this.#make(now, alreadySpent)).level(now)
  }

  /** The client's bucket, to be charged; a new one lacks what was spent already. */
  open(client: string, now: number, alreadySpent = 0): TokenBucket {
    this.#buckets ??= new LRUCache({ max: MAX_CLIENTS })
    const opened = this.#buckets.get(client)
    if (opened !== undefined) return opened
    const bucket = this.#make(now, alreadySpent)
    this.#buckets.set(client, bucket)
    return bucket
  }

  /** Settles all buckets, before their figures change. */
  settle(now: number): void {
    for (const bucket of this.#buckets?.values() ?? []) bucket.settle(now)
  }

  #make(now: number, alreadySpent: number): TokenBucket {
    const bucket = new TokenBucket(this.#budget, now)
    bucket.charge(now, alreadySpent)
    return bucket
  }
}

/** What is left of a failure budget. */
export interface FailureLevels {
  readonly global: BucketLevel
  /** Undefined when the client's address is not known. */
  readonly client: BucketLevel | undefined
}

/** Of two budgets that both have to last, the one that would end first. */
export function scarcer(one: FailureLevels, other: FailureLevels): FailureLevels {
  return {
    global: lower(one.global, other.global),
    client: one.client && other.client && lower(one.client, other.client),
  }
}

/** How many calls may fail: one bucket for all clients together, one per client address. */
export class FailureBudget {
  readonly #global: TokenBucket
  readonly #clients: ClientBuckets
  readonly #sharedPeers: ClientBuckets
  readonly #kept: number

  /** `kept` tokens of the common bucket are for clients that have spent none of their own. */
  constructor(global: BucketFigures, perClient: BucketFigures, now: number, kept = 0) {
    this.#kept = kept
    this.#global = new TokenBucket(global, now)
    this.#clients = new ClientBuckets(perClient)
    this.#sharedPeers = new ClientBuckets(partOf(global, SHARED_PEER_PART))
  }

  level(client: string | undefined, now: number): FailureLevels {
    const global = this.#global.level(now)
    const own = this.#clientLevel(client, now)
    if (own === undefined || this.#kept === 0 || !this.hasSpent(client, now))
      return { global, client: own }
    return { global, client: lower(own, { ...global, tokens: global.tokens - this.#kept }) }
  }

  /** Whether this client was charged lately: its bucket is not full again. */
  hasSpent(client: string | undefined, now: number): boolean {
    if (client === undefined) return false
    const clients = isSharedPeer(client) ? this.#sharedPeers : this.#clients
    return (clients.peek(client)?.spent(now) ?? 0) > 0
  }

  /** Whether this client has spent more than half of its failures, and has earned none. */
  failsOften(client: string | undefined, now: number): boolean {
    if (client === undefined || isSharedPeer(client)) return false
    return this.#clients.peek(client)?.isLow(now) === true
  }

  /** Charges one failure; returns a function that gives it back. */
  charge(client: string | undefined, now: number): () => void {
    const buckets = [this.#global, ...this.#open(client, now)]
    for (const bucket of buckets) bucket.charge(now)
    return function giveBack() {
      for (const bucket of buckets) bucket.giveBack()
    }
  }

  /** Charges one failure to its client alone. */
  chargeClient(client: string | undefined, now: number): void {
    for (const bucket of this.#open(client, now)) bucket.charge(now)
  }

  /**
   * Charges the end of a seen session to its client alone: many sessions that end at once must not reject
   * unseen cookies. The client keeps its last token for the session that it signs in for.
   */
  chargeSeen(client: string | undefined, now: number): void {
    for (const bucket of this.#open(client, now)) bucket.chargeButTheLast(now)
  }

  /** A session that was not seen before was found for this client. Clients that can't be told apart earn nothing. */
  earn(client: string | undefined): void {
    if (client !== undefined && !isSharedPeer(client))
      this.#clients.peek(client)?.earn(EARNED_PER_SESSION, MAX_EARNED)
  }

  /** Settles the buckets whose figures are divided by the number of instances, before that changes. */
  settle(now: number): void {
    this.#global.settle(now)
    this.#sharedPeers.settle(now)
  }

  #clientLevel(client: string | undefined, now: number): BucketLevel | undefined {
    if (client === undefined) return undefined
    if (isSharedPeer(client))
      return this.#sharedPeers.level(client, now, this.#spentAlone(client, now))
    const own = this.#clients.level(client, now)
    const shared = this.#sharedPeers.peek(sharedPeer(client))?.level(now)
    return shared === undefined ? own : lower(own, shared)
  }

  /** Requests without the forwarded header charge the peer's shared bucket too: they get no second budget. */
  #open(client: string | undefined, now: number): readonly TokenBucket[] {
    if (client === undefined) return []
    if (isSharedPeer(client))
      return [this.#sharedPeers.open(client, now, this.#spentAlone(client, now))]
    const shared = this.#sharedPeers.peek(sharedPeer(client))
    const own = this.#clients.open(client, now)
    return shared === undefined ? [own] : [own, shared]
  }

  /** What a peer has spent without the forwarded header. */
  #spentAlone(shared: string, now: number): number {
    return this.#clients.peek(shared.slice(SHARED_PREFIX.length))?.spent(now) ?? 0
  }
}

function partOf(figures: BucketFigures, part: number): BucketFigures {
  return {
    get perSecond() {
      return figures.perSecond * part
    },
    get burst() {
      return Math.max(1, Math.floor(figures.burst * part))
    },
  }
}

function lower(one: BucketLevel, other: BucketLevel): BucketLevel {
  return one.tokens <= other.tokens ? one : other
}
