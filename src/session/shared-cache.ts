/**
 * The contract of a second level shared by all instances: entries, and the one revocation log. The
 * lookup and the log are its only users; an engine implements it and knows nothing of either.
 *
 * Positions are the engine's own (a stream's record ids, for one): opaque here, ordered by `isAfter`.
 */
import type { SessionStore } from '../contracts.js'
import type { Session } from '../public-types.js'

/** A yes of Okta's as one instance found it, for all. */
export interface SharedEntry {
  readonly session: Session
  /** Epoch milliseconds when the lookup behind it began: its age counts from there, everywhere. */
  readonly askedAt: number
  /** Okta's clock against the asking instance's at that time, in milliseconds. */
  readonly oktaAheadMs: number
  /** The position up to which the asking instance had read the log when the lookup began. */
  readonly position: string
}

/**
 * What one instance tells the others. Subjects are the log's own names for them, digests under a key of
 * all instances (see `keyedSubjectDigest`): an engine passes them on as they are.
 */
export type SharedRecord =
  | { readonly kind: 'forget'; readonly subjects: readonly string[] }
  | { readonly kind: 'refuse'; readonly subject: string; readonly forMs: number }
  | { readonly kind: 'confirm'; readonly subject: string; readonly forMs: number }
  | { readonly kind: 'withdraw'; readonly subject: string }

/** What stands in the store for a credential. */
export type Claim =
  | { readonly kind: 'entry'; readonly entry: SharedEntry }
  /** Nothing: this instance asks Okta for everybody, and fills or releases. */
  | { readonly kind: 'lease'; readonly lease: string }
  /** Nothing is known of the store in time: ask for yourself. */
  | { readonly kind: 'unknown' }

/** Told by the engine, in the log's order. */
export interface SharedListener {
  /** Another instance's mark. An engine MUST NOT hand back this instance's own. */
  onMark(mark: SharedRecord, position: string): void
  /** Everything up to this position has been read. */
  onRead(position: string): void
  /** Marks may have been missed: what is remembered must be asked again before it counts as fresh. */
  onGap(): void
}

export interface SharedSessions {
  /**
   * MUST resolve within a tenth of a second, and MUST NOT reject: a store that can't be reached is
   * `unknown`. Where another instance holds the lease it may wait that long for its entry.
   */
  claim(key: string): Promise<Claim>
  /** Stores the entry if the lease is still this instance's. MUST NOT throw; nobody waits for it. */
  fill(key: string, entry: SharedEntry, lease: string): void
  /** Gives the lease back: no yes came of it. MUST NOT throw. */
  release(key: string, lease: string): void
  /** Appends to the log; resolves with the position once every instance will see it, rejects otherwise. */
  record(mark: SharedRecord): Promise<string>
  /** Whether position `a` comes after position `b`. */
  isAfter(a: string, b: string): boolean
  subscribe(listener: SharedListener): () => void
  close(): Promise<void>
}

const engines = new WeakMap<SessionStore, SharedSessions>()

/** Makes an engine into what the `cache.store` option takes. */
export function sessionStoreOver(engine: SharedSessions): SessionStore {
  // The type is opaque: the only way to the engine is the table.
  const store = Object.freeze({}) as SessionStore
  engines.set(store, engine)
  return store
}

/** The engine behind the option; TypeError for anything that no factory of this package made. */
export function engineOf(store: SessionStore | undefined): SharedSessions | undefined {
  if (store === undefined) return undefined
  const engine = engines.get(store)
  if (engine !== undefined) return engine
  throw new TypeError(
    'cache.store: not a store of this package; leave it out to remember sessions in this process alone',
  )
}
