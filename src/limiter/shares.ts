/** What one credential and one client may cause in all, as parts of the rate-limit window and of the queue, seen before or not. */
import type { AdmissionState, CallKind } from './policy.js'
import { ClientBuckets, isSharedPeer } from './token-bucket.js'

/** The ask, as far as shares go. */
export interface ShareHolder {
  readonly kind: CallKind
  readonly key?: string | undefined
  readonly client?: string | undefined
  readonly early?: boolean | undefined
}

/**
 * The part of the window's calls that one credential may cause: half of it at once, the rest evenly. An
 * ordinary session needs one call per `ttlMs`; of 600 calls a minute this is 30 at once and 30 a minute.
 */
const CREDENTIAL_PART = 0.1
/**
 * The part that the early calls of one client may take together, counted in the same way. Only early calls
 * count, those made though a fresh answer or a no was at hand: the sessions of an office behind one address
 * cause none in their ordinary rhythm.
 */
const CLIENT_PART = 0.4
/** The same for a peer whose clients can't be told apart. */
const SHARED_PEER_PART = 0.8
/** An org with a small window still grants one credential and one client so many calls at once. */
const LEAST_AT_ONCE = 10
/** How many places in the queue one credential may hold. */
const QUEUED_PER_CREDENTIAL = 20
/** The part of the queue that the unseen cookies and the early calls of one client may fill. */
const CLIENT_QUEUE_PART = 0.25

interface Tables {
  readonly limit: number
  readonly credentials: ClientBuckets
  readonly clients: ClientBuckets
  readonly sharedPeers: ClientBuckets
}

export class Shares {
  readonly #maxQueued: number
  readonly #queuedByCredential = new Map<string, number>()
  readonly #queuedByClient = new Map<string, number>()
  #tables: Tables | undefined

  constructor(maxQueued: number) {
    this.#maxQueued = maxQueued
  }

  /** Takes in how many calls the window holds. Before that is known there are no shares of it. */
  hearLimit(limit: number | undefined): void {
    if (limit === undefined || limit === this.#tables?.limit) return
    this.#tables = {
      limit,
      credentials: bucketsOf(limit, CREDENTIAL_PART),
      clients: bucketsOf(limit, CLIENT_PART),
      sharedPeers: bucketsOf(limit, SHARED_PEER_PART),
    }
  }

  /** What is left of the shares that an ask counts against. */
  level(
    ask: ShareHolder,
    now: number,
  ): Pick<AdmissionState, 'credentialShare' | 'clientShare' | 'queueShareTaken'> {
    return {
      credentialShare: this.#credential(ask, now)?.level(now),
      clientShare: this.#client(ask, now)?.level(now),
      queueShareTaken: this.#isQueueShareTaken(ask),
    }
  }

  /** A call is made. */
  charge(ask: ShareHolder, now: number): void {
    for (const bucket of [this.#credential(ask, now), this.#client(ask, now)]) {
      bucket?.level(now)
      bucket?.charge()
    }
  }

  /** An ask takes a place in the queue. */
  queued(ask: ShareHolder): void {
    count(this.#queuedByCredential, ask.key, 1)
    count(this.#queuedByClient, queueClient(ask), 1)
  }

  /** It leaves the queue, however. */
  leftQueue(ask: ShareHolder): void {
    count(this.#queuedByCredential, ask.key, -1)
    count(this.#queuedByClient, queueClient(ask), -1)
  }

  #credential({ key }: ShareHolder, now: number) {
    return key === undefined ? undefined : this.#tables?.credentials.of(key, now)
  }

  #client({ client, early }: ShareHolder, now: number) {
    if (client === undefined || early !== true) return undefined
    const table = isSharedPeer(client) ? this.#tables?.sharedPeers : this.#tables?.clients
    return table?.of(client, now)
  }

  #isQueueShareTaken(ask: ShareHolder): boolean {
    const ofCredential = ask.key === undefined ? 0 : this.#queuedByCredential.get(ask.key)
    if ((ofCredential ?? 0) >= QUEUED_PER_CREDENTIAL) return true
    const client = queueClient(ask)
    if (client === undefined) return false
    const part = isSharedPeer(client) ? SHARED_PEER_PART : CLIENT_QUEUE_PART
    return (this.#queuedByClient.get(client) ?? 0) >= part * this.#maxQueued
  }
}

/** The client whose part of the queue an ask takes; a seen session in its ordinary rhythm takes none. */
function queueClient({ kind, client, early }: ShareHolder): string | undefined {
  return kind === 'unseen' || early === true ? client : undefined
}

function bucketsOf(limit: number, part: number): ClientBuckets {
  const half = (limit * part) / 2
  return new ClientBuckets({ perSecond: half / 60, burst: Math.max(LEAST_AT_ONCE, half) })
}

function count(counts: Map<string, number>, name: string | undefined, by: 1 | -1): void {
  if (name === undefined) return
  const counted = (counts.get(name) ?? 0) + by
  if (counted > 0) counts.set(name, counted)
  else counts.delete(name)
}
