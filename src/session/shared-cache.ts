/**
 * The contract of the second cache level, which all instances share: entries, and one revocation log.
 *
 * Positions are the engine's own (record ids of a stream, for example): opaque here, ordered by `isAfter`.
 */
import { createHmac, hkdfSync } from 'node:crypto'
import type { SessionStore } from '../contracts.js'
import type { Session } from '../public-types.js'
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
 * engine passes them on unchanged.
 */
export type SharedRecord =
  | { readonly kind: 'forget'; readonly subjects: readonly string[] }
  | { readonly kind: 'confirm'; readonly subject: string; readonly forMs: number }
  | {
      readonly kind: 'refuse'
      readonly subject: string
      readonly forMs: number
      /** Counts against the bound of provisional records at every instance. */
      readonly provisional: boolean
    }
  /** Removes a provisional sign-out. */
  | { readonly kind: 'withdraw'; readonly subject: string }

/** The store's answer about a credential. */
export type Claim =
  | { readonly kind: 'entry'; readonly entry: SharedEntry }
  /** No entry: this instance calls Okta for all instances, then fills or releases. */
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
 * An engine. `name` is the keyed digest of a credential, and also the subject of its records: without the
 * secret no guess at a cookie can be checked against it.
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
  // The type is opaque: the engine is reachable through `engines` alone.
  const store = Object.freeze({}) as SessionStore
  engines.set(store, engine)
  return store
}

export interface OpenStore {
  /** The engine, called with this process's credential keys in place of names. */
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

/** A credential's key is a plain digest of a cookie: the engine gets a keyed digest of it. */
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

const PURPOSE = 'express-okta-session revocation subject v1'
const KEY_BYTES = 32

/**
 * An HMAC under a key derived from the first of `secrets`, since ids can be guessed and compared with a
 * plain digest. Instances of an org with different secrets neither share entries nor read each other's
 * revocations; those take effect with Okta's own answer, within `maxTtlMs`.
 */
function keyedSubjectDigest(secrets: readonly string[], orgOrigin: string): NameSubject {
  const [secret] = secrets
  if (secret === undefined) throw new TypeError('a shared store needs a secret')
  const key = Buffer.from(hkdfSync('sha256', secret, '', PURPOSE, KEY_BYTES))
  const org = `${Buffer.byteLength(orgOrigin)}:${orgOrigin}`
  return (text) => {
    const hmac = createHmac('sha256', key)
    // A credential's key consists of bytes.
    hmac.update(org).update(text, 'latin1')
    return `${text.slice(0, 2)}${hmac.digest('base64url')}`
  }
}
