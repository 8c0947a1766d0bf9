/**
 * The revocation log: what was revoked, and at which position.
 *
 * A lookup keeps the position at which it began; a record with a later position about its credential, its
 * session or its user voids it, in the caches, in flight and in the shared store. So an answer Okta gave
 * before a sign-out is never taken for one given after it.
 */
import { hash } from 'node:crypto'
import { publishers, type RevocationMessage } from '../channels.js'
import type { Clock } from '../contracts.js'
import type { Session } from '../public-types.js'
import { type RevocationRecord, type RevocationState, RevocationTable } from './revocation-table.js'
import type { SharedRecord, SharedSessions } from './shared-cache.js'

/**
 * What a revocation record is about. The three kinds never collide. Subjects are in clear and never kept: a
 * session id may be the value of a live `sid` cookie.
 */
export const subject = {
  credential: (key: string) => `c:${key}`,
  session: (id: string) => `s:${id}`,
  user: (id: string) => `u:${id}`,
} as const

/** Turns a subject into the digest under which its record is kept. */
export type NameSubject = (subject: string) => string

/** The default: sha256. A credential's key is a digest already. */
const subjectDigest: NameSubject = (text) =>
  text.startsWith('c:') ? text : `${text.slice(0, 2)}${hash('sha256', text, 'binary')}`

/** The ids by which a record may concern a session besides its credential. */
type SessionIds = Pick<Session, 'id' | 'userId'>

/** A sign-out in the log, to be confirmed or removed. */
export interface SignOutRecord {
  readonly key: string
  readonly position: number
}

/** A sign-out in force. */
export interface SignOutInForce extends SignOutRecord {
  readonly confirmed: boolean
  readonly provisional: boolean
}

export interface RevocationLogOptions {
  readonly clock: Clock
  /** How long anything older than a record could still be served or be in flight. */
  readonly retentionMs: number
  readonly maxRecords: number
  readonly maxProvisional: number
  /** The log all instances share; without it revocations reach this process only. */
  readonly shared?: SharedSessions | undefined
  /** How subjects are named here and in the shared log. Default: by their sha256. */
  readonly nameSubject?: NameSubject | undefined
}

/** Gets the names of a record's subjects, see {@link RevocationLog.namesOf}; undefined: it concerns everything. */
export type RecordListener = (names: readonly string[] | undefined) => void

const MAX_SIGN_OUT_MS = 24 * 60 * 60_000

export class RevocationLog {
  /** The position of the last record. */
  position = 0
  /** What was learned before this position is void: a record that could void it was evicted early. */
  oldestValid = 0
  /** What was learned before this position is not fresh: records of other instances may have been missed. */
  oldestFresh = 0
  /** How far the shared log has been read. */
  sharedPosition: string | undefined

  readonly #options: RevocationLogOptions
  readonly #name: NameSubject
  readonly #records: RevocationTable
  readonly #listeners = new Set<RecordListener>()
  readonly #unsubscribe: () => void
  #oldestValidShared: string | undefined

  constructor(options: RevocationLogOptions) {
    this.#options = options
    this.#name = options.nameSubject ?? subjectDigest
    this.#records = new RevocationTable({
      ...options,
      onEvicted: (record) => this.#onEvicted(record),
    })
    this.#unsubscribe =
      options.shared?.subscribe({
        onRecord: (record, position) => this.#receive(record, position),
        onRead: (position) => {
          this.sharedPosition = position
        },
        onGap: () => {
          this.oldestFresh = ++this.position
        },
      }) ?? (() => {})
  }

  get size(): number {
    return this.#records.size
  }

  /**
   * Voids everything learned before now about these subjects, here at once. Resolves when every instance
   * will do so, rejects when the shared log could not record it.
   */
  async forget(subjects: readonly string[], scope: RevocationMessage['scope']): Promise<void> {
    const names = subjects.map(this.#name)
    const position = this.#forget(names)
    this.#publish({ kind: 'forget', scope, position }, names)
    await this.#share({ kind: 'forget', subjects: names }, names, position)
  }

  /** Voids everything learned before now. */
  forgetAll(): void {
    this.oldestValid = ++this.position
    this.#publish({ kind: 'suspend', scope: 'all', position: this.position }, undefined)
  }

  /** Makes each cached session be checked before it is served again; voids none. */
  checkAgain(): void {
    this.position += 1
  }

  /** Answers this credential with `signed_out` for `forMs`, at most a day. */
  signOut(key: string, forMs: number, state: Exclude<RevocationState, 'confirmed'>): SignOutRecord {
    const name = this.#nameOf(key)
    const position = this.#signOut(name, forMs, state)
    this.#publish({ kind: 'refuse', scope: 'credential', position }, [name])
    const provisional = state === 'provisional'
    this.#shareInBackground({ kind: 'refuse', subject: name, forMs, provisional }, position)
    return { key, position }
  }

  /** Okta knows this credential: the provisional sign-out, evicted or not, becomes an unconfirmed one. */
  promote(signOut: SignOutRecord, forMs: number): SignOutRecord {
    if (this.#recordOf(signOut) === undefined)
      return this.signOut(signOut.key, forMs, 'unconfirmed')
    this.#change(signOut, 'unconfirmed', forMs)
    return signOut
  }

  /** Okta has closed the session: `signed_out` for `forMs` more, until no answer is in flight. */
  confirm(signOut: SignOutRecord, forMs: number): void {
    this.#change(signOut, 'confirmed', forMs)
  }

  /** Okta does not know this credential: removes the provisional sign-out without a trace. */
  remove(signOut: SignOutRecord): void {
    const record = this.#recordOf(signOut)
    if (record?.state !== 'provisional') return
    const { position } = record
    const name = this.#nameOf(signOut.key)
    this.#uncover(name)
    this.#publish({ kind: 'withdraw', scope: 'credential', position }, [name])
    this.#shareInBackground({ kind: 'withdraw', subject: name }, position)
  }

  /** The sign-out record in force for this credential; undefined when it is not signed out. */
  signOutOf(key: string): SignOutInForce | undefined {
    // The log is empty: computing the digest would be wasted.
    if (this.position === 0) return undefined
    const record = this.#records.get(this.#nameOf(key))
    if (record === undefined || record.signedOutUntil <= this.#options.clock.monotonic())
      return undefined
    const { position, state } = record
    return { key, position, confirmed: state === 'confirmed', provisional: state === 'provisional' }
  }

  /** Whether a record after `position` voids what was learned there about a credential and its session. */
  isVoid(key: string, session: SessionIds | undefined, position: number): boolean {
    if (position === this.position) return false
    if (position < this.oldestValid) return true
    return this.#hasRecord(key, session, (record) => record.position > position)
  }

  /** The same for an entry of the shared store, by its position in the shared log. */
  isVoidShared(key: string, session: SessionIds, position: string): boolean {
    const { shared } = this.#options
    if (shared === undefined) return true
    if (this.#oldestValidShared !== undefined && shared.isAfter(this.#oldestValidShared, position))
      return true
    return this.#hasRecord(
      key,
      session,
      // A record that the store has not recorded yet may come after the entry.
      ({ sharedPosition }) =>
        sharedPosition === undefined || shared.isAfter(sharedPosition, position),
    )
  }

  /** Calls back after each record; returns a function that ends this. */
  onRecord(listener: RecordListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The names under which a record may concern a credential and its session. */
  namesOf(key: string, { id, userId }: SessionIds): readonly string[] {
    return [this.#nameOf(key), this.#name(subject.session(id)), this.#name(subject.user(userId))]
  }

  close(): void {
    this.#unsubscribe()
  }

  #forget(names: readonly string[], sharedPosition?: string): number {
    const position = ++this.position
    const now = this.#options.clock.monotonic()
    for (const name of names) {
      const current = this.#records.get(name)
      const keepUntil = Math.max(now + this.#options.retentionMs, current?.keepUntil ?? 0)
      const record = { position, sharedPosition, signedOutUntil: 0, keepUntil } as const
      const forget: RevocationRecord = { ...record, state: 'confirmed' }
      // A sign-out in force stays in force: a forget is weaker.
      const isSignedOut = current !== undefined && current.signedOutUntil > now
      const { state, signedOutUntil } = isSignedOut ? current : forget
      const covered = isSignedOut ? forget : undefined
      this.#records.set(name, { ...record, state, signedOutUntil, covered })
    }
    return position
  }

  #signOut(name: string, forMs: number, state: RevocationState, sharedPosition?: string): number {
    const position = ++this.position
    const covered = state === 'confirmed' ? undefined : this.#coverable(name)
    this.#records.set(name, { position, sharedPosition, state, ...this.#timesOf(forMs), covered })
    return position
  }

  /** The record that a sign-out covers. One that has ended uncovers nothing, so that no chain grows. */
  #coverable(name: string): RevocationRecord | undefined {
    const record = this.#records.get(name)
    if (record?.covered === undefined) return record
    const isInForce = record.signedOutUntil > this.#options.clock.monotonic()
    return isInForce ? record : { ...record, covered: undefined }
  }

  /** Gives a sign-out another state and end. */
  #change(signOut: SignOutRecord, state: 'unconfirmed' | 'confirmed', forMs: number): void {
    const record = this.#recordOf(signOut)
    if (record === undefined) return
    const { position } = record
    const name = this.#nameOf(signOut.key)
    this.#records.set(name, { ...record, state, ...this.#timesOf(forMs), covered: undefined })
    if (state === 'confirmed')
      this.#publish({ kind: 'confirm', scope: 'credential', position }, [name])
    const shared = { subject: name, forMs }
    this.#shareInBackground(
      state === 'confirmed'
        ? { kind: 'confirm', ...shared }
        : { kind: 'refuse', ...shared, provisional: false },
      position,
    )
  }

  #timesOf(forMs: number): Pick<RevocationRecord, 'signedOutUntil' | 'keepUntil'> {
    const lastsMs = Math.min(Math.max(forMs, 0), MAX_SIGN_OUT_MS)
    const signedOutUntil = this.#options.clock.monotonic() + lastsMs
    return { signedOutUntil, keepUntil: signedOutUntil + this.#options.retentionMs }
  }

  /** Another instance's record takes effect here at this process's next position. */
  #receive(record: SharedRecord, sharedPosition: string): void {
    this.sharedPosition = sharedPosition
    switch (record.kind) {
      case 'forget':
        this.#forget(record.subjects, sharedPosition)
        break
      case 'refuse':
        this.#signOut(
          record.subject,
          record.forMs,
          record.provisional ? 'provisional' : 'unconfirmed',
          sharedPosition,
        )
        break
      case 'confirm':
        this.#signOut(record.subject, record.forMs, 'confirmed', sharedPosition)
        break
      case 'withdraw':
        this.#uncover(record.subject)
        break
    }
    this.#callListeners(record.kind === 'forget' ? record.subjects : [record.subject])
  }

  /** Removes a provisional sign-out; the record that it covered is in force again. */
  #uncover(name: string): void {
    const record = this.#records.get(name)
    if (record?.state !== 'provisional') return
    this.#records.delete(name)
    if (record.covered !== undefined) this.#records.set(name, record.covered)
  }

  /** Appends to the shared log, and notes the shared position of the own records. */
  async #share(record: SharedRecord, names: readonly string[], position: number): Promise<void> {
    const sharedPosition = await this.#options.shared?.record(record)
    if (sharedPosition === undefined) return
    for (const name of names) {
      const current = this.#records.get(name)
      if (current?.position === position) this.#records.set(name, { ...current, sharedPosition })
    }
  }

  /** Does not wait, and ignores a failure: the sign-out is in force here and is closed at Okta. */
  #shareInBackground(record: Exclude<SharedRecord, { kind: 'forget' }>, position: number): void {
    this.#share(record, [record.subject], position).catch(() => {})
  }

  #hasRecord(
    key: string,
    session: SessionIds | undefined,
    matches: (record: RevocationRecord) => boolean,
  ): boolean {
    const has = (name: string) => {
      const record = this.#records.get(name)
      return record !== undefined && matches(record)
    }
    return (
      has(this.#nameOf(key)) ||
      (session !== undefined &&
        (has(this.#name(subject.session(session.id))) ||
          has(this.#name(subject.user(session.userId)))))
    )
  }

  #nameOf(key: string): string {
    return this.#name(subject.credential(key))
  }

  #recordOf({ key, position }: SignOutRecord): RevocationRecord | undefined {
    const record = this.#records.get(this.#nameOf(key))
    // A later forget() of the same credential moves the position and keeps the sign-out.
    return record !== undefined && record.position >= position && record.signedOutUntil > 0
      ? record
      : undefined
  }

  #onEvicted(record: RevocationRecord): void {
    // Nothing cached is older than a provisional record: its credential was seen neither by the instance that
    // signed it out nor in the store.
    if (record.state === 'provisional') return
    this.oldestValid = Math.max(this.oldestValid, record.position)
    const { shared } = this.#options
    const { sharedPosition = this.sharedPosition } = record
    if (shared === undefined || sharedPosition === undefined) return
    if (
      this.#oldestValidShared === undefined ||
      shared.isAfter(sharedPosition, this.#oldestValidShared)
    )
      this.#oldestValidShared = sharedPosition
  }

  #publish(message: RevocationMessage, names: readonly string[] | undefined): void {
    if (publishers.revocation.hasSubscribers) publishers.revocation.publish(message)
    this.#callListeners(names)
  }

  #callListeners(names: readonly string[] | undefined): void {
    for (const listener of this.#listeners) listener(names)
  }
}
