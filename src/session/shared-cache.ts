/**
 * The contract of a second level shared by all instances: entries, and one revocation log. The lookup and
 * the log are its only users; an engine implements it and knows neither.
 *
 * Positions are the engine's own (record ids of a stream, for example): opaque here, ordered by `isAfter`.
 */
import type { SessionStore } from '../contracts.js'
import type { Session } from '../public-types.js'
import { keyedSubjectDigest, type NameSubject, subject } from './cache-key.js'

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
 * A revocation, as one instance tells it to the others. Subjects are digests under a key all instances have
 * (see `keyedSubjectDigest`): an engine passes them on unchanged.
 */
export type SharedRecord =
  | { readonly kind: 'forget'; readonly subjects: readonly string[] }
  | { readonly kind: 'refuse'; readonly subject: string; readonly forMs: number }
  | { readonly kind: 'confirm'; readonly subject: string; readonly forMs: number }
  | { readonly kind: 'withdraw'; readonly subject: string }

/** What the store has for a credential. */
export type Claim =
  | { readonly kind: 'entry'; readonly entry: SharedEntry }
  /** Nothing: this instance calls Okta for all instances, then fills or releases. */
  | { readonly kind: 'lease'; readonly lease: string }
  /** The store did not answer in time: this instance calls Okta for itself. */
  | { readonly kind: 'unknown' }

/** Called by the engine, in the log's order. */
export interface SharedListener {
  /** Another instance's record. An engine MUST NOT hand back this instance's own. */
  onRecord(record: SharedRecord, position: string): void
  /** Everything up to this position has been read. */
  onRead(position: string): void
  /** Records may have been missed: cached sessions must be looked up again before they count as fresh. */
  onGap(): void
}

/**
 * An engine. `name` stands for a credential: the digest under the secret that is also the subject of the
 * credential's records. Without the secret no guess at a cookie can be checked against it.
 */
export interface SharedSessions {
  /**
   * MUST resolve within a tenth of a second, and MUST NOT reject: a store that cannot be reached is
   * `unknown`. Where another instance holds the lease it may wait that long for its entry.
   */
  claim(name: string): Promise<Claim>
  /** Stores the entry if the lease is still this instance's. MUST NOT throw; it is not awaited. */
  fill(name: string, entry: SharedEntry, lease: string): void
  /** Returns the lease without an entry. MUST NOT throw. */
  release(name: string, lease: string): void
  /** Appends to the log; resolves with the position once every instance will see it, rejects otherwise. */
  record(record: SharedRecord): Promise<string>
  /** Whether position `a` comes after position `b`. */
  isAfter(a: string, b: string): boolean
  subscribe(listener: SharedListener): () => void
  close(): Promise<void>
}

const engines = new WeakMap<SessionStore, SharedSessions>()

/** Turns an engine into a value of the `cache.store` option. */
export function sessionStoreOver(engine: SharedSessions): SessionStore {
  // The type is opaque: the engine is reachable through the table alone.
  const store = Object.freeze({}) as SessionStore
  engines.set(store, engine)
  return store
}

export interface OpenStore {
  /** Takes this process's credential keys; the engine gets their keyed digests. */
  readonly shared: SharedSessions
  /** For the revocation log. */
  readonly nameSubject: NameSubject
}

/** Opens the store of the option; TypeError for anything that no factory of this package made. */
export function openStore(
  store: SessionStore | undefined,
  secrets: readonly string[],
  orgOrigin: string,
): OpenStore | undefined {
  if (store === undefined) return undefined
  const engine = engines.get(store)
  if (engine === undefined)
    throw new TypeError(
      'cache.store: not a store of this package; leave it out to cache sessions in this process alone',
    )
  const nameSubject = keyedSubjectDigest(secrets, orgOrigin)
  return { shared: withKeyedNames(engine, nameSubject), nameSubject }
}

/** A credential's key is a plain digest of a cookie: the engine gets none. */
function withKeyedNames(engine: SharedSessions, nameSubject: NameSubject): SharedSessions {
  const nameOf = (key: string) => nameSubject(subject.credential(key))
  return {
    claim: (key) => engine.claim(nameOf(key)),
    fill: (key, entry, lease) => engine.fill(nameOf(key), entry, lease),
    release: (key, lease) => engine.release(nameOf(key), lease),
    record: (record) => engine.record(record),
    isAfter: (a, b) => engine.isAfter(a, b),
    subscribe: (listener) => engine.subscribe(listener),
    close: () => engine.close(),
  }
}
