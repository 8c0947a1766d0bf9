/**
 * The contract of the second cache level, which all instances share: entries, leases, and one revocation log.
 *
 * Positions are the engine's own (record ids of a stream, for example): opaque here, ordered by `isAfter`.
 */

import { createHmac, hkdfSync } from 'node:crypto'
import { misuse } from '../codes.js'
import type { Clock, Log, SessionStore } from '../contracts.js'
import { sharedByCopies } from '../copies.js'
import type { UnavailableCode } from '../errors.js'
import type { Session, StoreStats } from '../public-types.js'
import { type NameSubject, subject } from './revocations.js'

/** An active session as one instance found it, for all instances. */
export interface SharedEntry {
  readonly session: Session
  /** Epoch milliseconds when its lookup began: its age counts from there on every instance. */
  readonly askedAt: number
  /** Okta's clock minus that of the instance that called Okta, in milliseconds. */
  readonly oktaAheadMs: number
  /** The position up to which that instance had read the log when the lookup began. */
  readonly position: string
}

/**
 * A revocation record for the other instances. Subjects are digests under a key all instances have: an
 * engine passes them on unchanged. `id` names one sign-out of one instance: a confirmation and a
 * withdrawal are about that one alone.
 */
export type SharedRecord =
  | { readonly kind: 'forget'; readonly subjects: readonly string[] }
  | {
      readonly kind: 'refuse'
      readonly id: string
      readonly subjects: readonly string[]
      readonly forMs: number
      /** Counts against the bound of provisional records at every instance. */
      readonly provisional: boolean
    }
  | {
      readonly kind: 'confirm'
      readonly id: string
      readonly subjects: readonly string[]
      readonly forMs: number
    }
  /** Removes a provisional sign-out. */
  | { readonly kind: 'withdraw'; readonly id: string; readonly subjects: readonly string[] }

/** A sign-out as the store keeps it beside the entry, for instances that have not read its record. */
export interface SharedRefusal {
  readonly id: string
  readonly forMs: number
  readonly state: 'provisional' | 'unconfirmed' | 'confirmed'
}

/** The store's answer about a credential. */
export type Claim =
  /** Begun at `since` or later. */
  | { readonly kind: 'entry'; readonly entry: SharedEntry }
  | { readonly kind: 'refused'; readonly refusal: SharedRefusal }
  /**
   * This instance calls Okta for all instances, then fills or releases. `entry`: an older one, which may be
   * served where Okta cannot tell.
   */
  | { readonly kind: 'lease'; readonly lease: string; readonly entry?: SharedEntry | undefined }
  /** The instance that held the lease got no usable answer from Okta. */
  | { readonly kind: 'failed'; readonly code: UnavailableCode }
  /** The store did not answer in time: this instance calls Okta for itself. */
  | { readonly kind: 'unknown' }

/** Why a lookup ended without an entry. */
export type ReleaseReason =
  | { readonly kind: 'no' /** Epoch milliseconds. */; readonly at: number }
  | { readonly kind: 'unavailable'; readonly code: UnavailableCode }

/** The store's answer about the refresh of a session. */
export type RefreshClaim =
  /** This instance refreshes for all instances, then calls `endRefresh`. */
  | { readonly kind: 'lease'; readonly lease: string }
  /** Another instance has refreshed it within the period. */
  | { readonly kind: 'recent'; readonly expiresAt: string; readonly ageMs: number }
  /** The refresh of another instance failed, and rests for so long. */
  | { readonly kind: 'failed'; readonly code: UnavailableCode; readonly restMs: number }
  /** The store did not answer in time: this instance refreshes for itself. */
  | { readonly kind: 'unknown' }

/** How a refresh under a lease ended. `forMs`: how long the other instances rely on it. */
export type RefreshEnd =
  | { readonly kind: 'refreshed'; readonly expiresAt: string; readonly forMs: number }
  | { readonly kind: 'failed'; readonly code: UnavailableCode; readonly forMs: number }
  /** Okta was not called, or knows no such session: each instance finds out for itself. */
  | { readonly kind: 'none' }

/** Called by the engine, in the log's order. */
export interface SharedListener {
  /**
   * Another instance's record, which was appended so long ago. An engine MUST NOT hand back this instance's
   * own.
   */
  onRecord(record: SharedRecord, position: string, ageMs: number): void
  /** Everything up to this position has been read. */
  onRead(position: string): void
  /**
   * Records were lost: shared entries whose lookup began up to `voidUpTo`, epoch milliseconds, are void.
   * `here`: this instance may have missed them, so that cached sessions must be looked up again before they
   * count as fresh.
   */
  onGap(voidUpTo: number, here: boolean): void
}

/**
 * An engine. `names` are the keyed digests of a credential, and also the subjects of its records: without the
 * secret no guess at a cookie can be checked against them. There are two while the secret is being replaced,
 * the current one first: an engine writes under the first, and also reads under the second.
 *
 * No method but `record` may reject or throw. A store that cannot be reached delays no call by more than a
 * tenth of a second, and none while that is known.
 */
export interface SharedSessions {
  /**
   * Finds an entry whose lookup began at `since` (epoch milliseconds) or later, or claims the lease. Where
   * another instance holds the lease it waits for its entry, at most as long as a call to Okta may take.
   */
  claim(names: readonly string[], since: number): Promise<Claim>
  /** An entry of any age, without a lease. */
  peek(names: readonly string[]): Promise<SharedEntry | undefined>
  /** Stores the entry if the lease is still this instance's, or, without one, if it is newer. Not awaited. */
  fill(names: readonly string[], entry: SharedEntry, lease?: string): void
  /**
   * Returns the lease, if there is one, without an entry. `why`: `no`, and an entry whose lookup began before
   * `at` is deleted, or the code with which Okta's answer was unusable. Not awaited.
   */
  release(names: readonly string[], lease: string | undefined, why?: ReleaseReason): void
  /** Claims the refresh of a session, unless one began within `everyMs`. */
  claimRefresh(names: readonly string[], everyMs: number): Promise<RefreshClaim>
  /** Not awaited. */
  endRefresh(names: readonly string[], lease: string, end: RefreshEnd): void
  /**
   * Appends to the log, and voids the entries of the credentials it names; resolves with the position once
   * every instance will see it, rejects otherwise. A record that could not be appended is appended later.
   */
  record(record: SharedRecord): Promise<string>
  /** Whether position `a` comes after position `b`. */
  isAfter(a: string, b: string): boolean
  subscribe(listener: SharedListener): () => void
  /** Calls back with the number of living instances, this one included, now and at each change. */
  onInstances(listener: (count: number) => void): void
  stats(): StoreStats
  /** Resolves when no write is under way; a record that waits until the store can be reached is none. */
  settled(): Promise<void>
  close(): Promise<void>
}

/** The part of an engine that carries revocations. */
export type SharedLog = Pick<SharedSessions, 'record' | 'isAfter' | 'subscribe'>

/** What an engine gets when oktaSession() opens its store. */
export interface StoreContext {
  /** The host of the org, for messages. */
  readonly org: string
  /** Two orgs share nothing. */
  readonly orgOrigin: string
  /** `[current]` or `[current, previous]`. */
  readonly secrets: readonly string[]
  readonly clock: Clock
  /** 0 to 1. */
  readonly random: () => number
  readonly logger: Log | undefined
  /** No entry is served longer after its lookup began. */
  readonly maxTtlMs: number
  /** The deadline of one exchange with Okta. */
  readonly timeoutMs: number
}

/** Opens an engine. TypeError for a client that it cannot use. */
export type OpenEngine = (context: StoreContext) => SharedSessions

const engines = sharedByCopies('stores', () => new WeakMap<SessionStore, OpenEngine>())

/** Makes a value of the `cache.store` option: a description, which {@link openStore} opens. */
export function defineStore(open: OpenEngine): SessionStore {
  // The type is opaque: the engine is reachable through `engines` alone.
  const store = Object.freeze({}) as SessionStore
  engines.set(store, open)
  return store
}

/** A credential's key in place of its names. */
type ByKey<F> = F extends (names: readonly string[], ...rest: infer R) => infer T
  ? (key: string, ...rest: R) => T
  : F

/** An engine as the lookup calls it: with this process's credential keys in place of names. */
export type SharedStore = {
  readonly [K in keyof SharedSessions]: K extends
    | 'claim'
    | 'peek'
    | 'fill'
    | 'release'
    | 'claimRefresh'
    | 'endRefresh'
    ? ByKey<SharedSessions[K]>
    : SharedSessions[K]
}

export interface OpenStore {
  readonly shared: SharedStore
  /** For the revocation log. */
  readonly nameSubject: NameSubject
}

/** Opens the store of the option; TypeError for anything that no factory of this package made. */
export function openStore(
  store: SessionStore | undefined,
  context: StoreContext,
): OpenStore | undefined {
  if (store === undefined) return undefined
  const open = engines.get(store)
  if (open === undefined)
    throw misuse(
      'EOS320',
      'cache.store: not made by redisStore() of this package (of this copy of it); leave it out to cache sessions in this process alone',
    )
  const nameSubject = keyedSubjectDigest(context.secrets, context.orgOrigin)
  return { shared: byKey(open(context), nameSubject), nameSubject }
}

/** A credential's key is a plain digest of a cookie: the engine gets keyed digests of it. */
export function byKey(engine: SharedSessions, nameSubject: NameSubject): SharedStore {
  const namesOf = (key: string) => nameSubject(subject.credential(key))
  return {
    claim: (key, since) => engine.claim(namesOf(key), since),
    peek: (key) => engine.peek(namesOf(key)),
    fill: (key, entry, lease) => engine.fill(namesOf(key), entry, lease),
    release: (key, lease, why) => engine.release(namesOf(key), lease, why),
    claimRefresh: (key, everyMs) => engine.claimRefresh(namesOf(key), everyMs),
    endRefresh: (key, lease, end) => engine.endRefresh(namesOf(key), lease, end),
    record: (record) => engine.record(record),
    isAfter: (a, b) => engine.isAfter(a, b),
    subscribe: (listener) => engine.subscribe(listener),
    onInstances: (listener) => engine.onInstances(listener),
    stats: () => engine.stats(),
    settled: () => engine.settled(),
    close: () => engine.close(),
  }
}

const PURPOSE = 'express-okta-session revocation subject v1'
const KEY_BYTES = 32

/**
 * HMACs under keys derived from `secrets`, since ids can be guessed and compared with a plain digest.
 * Instances without a secret in common neither share entries nor read each other's revocations; those take
 * effect with Okta's own answer, within `maxTtlMs`.
 */
function keyedSubjectDigest(secrets: readonly string[], orgOrigin: string): NameSubject {
  if (secrets.length === 0) throw new TypeError('a shared store needs a secret')
  const keys = secrets.map((secret) =>
    Buffer.from(hkdfSync('sha256', secret, '', PURPOSE, KEY_BYTES)),
  )
  const org = `${Buffer.byteLength(orgOrigin)}:${orgOrigin}`
  return (text) =>
    keys.map((key) => {
      const hmac = createHmac('sha256', key)
      // A credential's key consists of bytes.
      hmac.update(org).update(text, 'latin1')
      return `${text.slice(0, 2)}${hmac.digest('base64url')}`
    })
}
