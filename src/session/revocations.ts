/**
 * The revocation log: what was revoked, and at which position.
 *
 * A lookup keeps the position at which it began; a record with a later position about its credential, its
 * session or its user voids it, in the caches, in flight and in the shared store. So an answer Okta gave
 * before a sign-out is never taken for one given after it.
 */
import { hash, randomBytes } from 'node:crypto'
import { publishers, type RevocationMessage } from '../channels.js'
import type { Clock } from '../contracts.js'
import type { Session } from '../public-types.js'
import { type RevocationRecord, type RevocationState, RevocationTable } from './revocation-table.js'
import type { SharedEntry, SharedLog, SharedRecord } from './shared-cache.js'

/**
 * What a revocation record is about. The kinds never collide. Subjects are in clear and never kept: a
 * session id may be the value of a live `sid` cookie.
 */
export const subject = {
  credential: (key: string) => `c:${key}`,
  session: (id: string) => `s:${id}`,
  user: (id: string) => `u:${id}`,
  /** Logins differ in case alone where they are written as email addresses. */
  login: (login: string) => `l:${login.toLowerCase()}`,
} as const

/**
 * Turns a subject into the digests under which its records are kept: one, or two while the secret of a
 * shared store is being replaced, the current one first.
 */
export type NameSubject = (subject: string) => readonly string[]

/** The default: sha256. A credential's key is a digest already. */
const subjectDigest: NameSubject = (text) => [
  text.startsWith('c:') ? text : `${text.slice(0, 2)}${hash('sha256', text, 'binary')}`,
]

/** By what a record may concern a session besides its credential. */
type SessionIds = Pick<Session, 'id' | 'userId' | 'login'>

function subjectsOf({ id, userId, login }: SessionIds): readonly string[] {
  return [subject.session(id), subject.user(userId), subject.login(login)]
}

/** A sign-out in the log, to be confirmed or removed. */
export interface SignOutRecord {
  readonly key: string
  readonly id: string
  readonly position: number
}

/** A sign-out in force. */
export interface SignOutInForce extends SignOutRecord {
  readonly confirmed: boolean
  readonly provisional: boolean
  /** Whether this instance made it. */
  readonly own: boolean
}

export interface RevocationLogOptions {
  /** The host of the org, for messages. */
  readonly org: string
  readonly clock: Clock
  /** How long anything older than a record could still be served or be in flight. */
  readonly retentionMs: number
  readonly maxRecords: number
  readonly maxProvisional: number
  /** The log all instances share; without it revocations reach this process only. */
  readonly shared?: SharedLog | undefined
  /** How subjects are named here and in the shared log. Default: by their sha256. */
  readonly nameSubject?: NameSubject | undefined
}

/** Gets the names of a record's subjects, see {@link RevocationLog.namesOf}; undefined: it concerns everything. */
export type RecordListener = (names: readonly string[] | undefined) => void

const MAX_SIGN_OUT_MS = 24 * 60 * 60_000

/** A sign-out that Okta has confirmed says most, one that may be taken back least. */
const STATES = ['confirmed', 'unconfirmed', 'provisional'] as const

export class RevocationLog {
  /** The position of the last record. */
  position = 0
  /** What was learned before this position is void: a record that could void it was evicted early. */
  oldestValid = 0
  /** What was learned before this position is not fresh: records of other instances may have been missed. */
  oldestFresh = 0
  /** How far the shared log has been read; undefined until it has been read once. */
  sharedPosition: string | undefined

  readonly #options: RevocationLogOptions
  readonly #name: NameSubject
  readonly #records: RevocationTable
  readonly #listeners = new Set<RecordListener>()
  readonly #unsubscribe: () => void
  /** Begins the ids of this instance's sign-outs. */
  readonly #instance = randomBytes(9).toString('base64url')
  #signOuts = 0
  #oldestValidShared: string | undefined
  /** Shared entries whose lookup began up to then, epoch milliseconds, are void: records were lost. */
  #sharedVoidUpTo = 0

  constructor(options: RevocationLogOptions) {
    this.#options = options
    this.#name = options.nameSubject ?? subjectDigest
    this.#records = new RevocationTable({
      ...options,
      onEvicted: (record) => this.#onEvicted(record),
    })
    this.#unsubscribe =
      options.shared?.subscribe({
        onRecord: (record, position, ageMs) => this.#receive(record, position, ageMs),
        onRead: (position) => {
          this.sharedPosition = position
        },
        onGap: (voidUpTo, here) => {
          if (here) this.oldestFresh = ++this.position
          this.#sharedVoidUpTo = Math.max(this.#sharedVoidUpTo, voidUpTo)
        },
      }) ?? (() => {})
  }

  /** How many subjects have records. */
  get size(): number {
    return this.#records.size
  }

  /**
   * Voids everything learned before now about these subjects, here at once. Resolves when every instance
   * will do so, rejects when the shared log could not record it.
   */
  async forget(subjects: readonly string[], scope: RevocationMessage['scope']): Promise<void> {
    const names = subjects.flatMap(this.#name)
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
    this.#signOuts += 1
    const id = `${this.#instance}.${this.#signOuts}`
    const names = this.#namesOf(key)
    const position = this.#signOut({ names, id, forMs, state })
    this.#publish({ kind: 'refuse', scope: 'credential', position }, names)
    const provisional = state === 'provisional'
    this.#shareInBackground({ kind: 'refuse', id, subjects: names, forMs, provisional }, position)
    return { key, id, position }
  }

  /** Notes a sign-out of another instance that was found in the store before its record was read here. */
  noteSignOut(key: string, id: string, forMs: number, state: RevocationState): void {
    const names = this.#namesOf(key)
    if (this.#records.get(names[0] ?? '').some((record) => record.id === id)) return
    const position = this.#signOut({ names, id, forMs, state })
    this.#publish({ kind: 'refuse', scope: 'credential', position }, names)
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
    const { id } = signOut
    const { position } = record
    const names = this.#namesOf(signOut.key)
    for (const name of names) this.#records.remove(name, id)
    this.#publish({ kind: 'withdraw', scope: 'credential', position }, names)
    this.#shareInBackground({ kind: 'withdraw', id, subjects: names }, position)
  }

  /** The sign-out in force for this credential; undefined when it is not signed out. */
  signOutOf(key: string): SignOutInForce | undefined {
    // The log is empty: computing the digest would be wasted.
    if (this.position === 0) return undefined
    const now = this.#options.clock.monotonic()
    const records = this.#namesOf(key).flatMap((name) => this.#records.get(name))
    const inForce = records.filter(({ signedOutUntil }) => signedOutUntil > now)
    for (const state of STATES) {
      const record = inForce.findLast((each) => each.state === state)
      if (record !== undefined) return this.#inForce(key, record)
    }
    return undefined
  }

  /** This instance's own provisional sign-out in force for this credential. */
  ownProvisional(key: string): SignOutInForce | undefined {
    const now = this.#options.clock.monotonic()
    const record = this.#namesOf(key)
      .flatMap((name) => this.#records.get(name))
      .find(
        ({ id, state, signedOutUntil }) =>
          state === 'provisional' && signedOutUntil > now && this.#isOwn(id),
      )
    return record && this.#inForce(key, record)
  }

  /** Whether a record after `position` voids what was learned there about a credential and its session. */
  isVoid(key: string, session: SessionIds | undefined, position: number): boolean {
    if (position === this.position) return false
    if (position < this.oldestValid) return true
    return this.#hasRecord(key, session, (record) => record.position > position)
  }

  /**
   * The same for an entry of the shared store, by its position in the shared log. Before this instance has
   * read that log every entry is void here, since the record that voids it may be unread.
   */
  isVoidShared(key: string, { session, position, askedAt }: SharedEntry): boolean {
    const { shared } = this.#options
    if (shared === undefined || this.sharedPosition === undefined) return true
    if (askedAt <= this.#sharedVoidUpTo) return true
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
  namesOf(key: string, session: SessionIds): readonly string[] {
    // Each watch keeps the array: a spread would leave it room for many more names.
    return this.#namesOf(key).concat(...subjectsOf(session).map(this.#name))
  }

  close(): void {
    this.#unsubscribe()
  }

  #forget(names: readonly string[], ageMs = 0, sharedPosition?: string): number {
    const position = ++this.position
    const keepUntil = this.#options.clock.monotonic() - ageMs + this.#options.retentionMs
    const forget = { position, sharedPosition, signedOutUntil: 0, keepUntil } as const
    for (const name of names) this.#records.add(name, { ...forget, state: 'confirmed' })
    return position
  }

  #signOut(signOut: NewSignOut): number {
    const position = ++this.position
    const { names, id, forMs, state, sharedPosition } = signOut
    const record = { id, position, sharedPosition, state, ...this.#timesOf(forMs) }
    for (const name of names) this.#records.add(name, record)
    return position
  }

  /** Gives a sign-out of this instance another state and end. */
  #change(signOut: SignOutRecord, state: 'unconfirmed' | 'confirmed', forMs: number): void {
    const record = this.#recordOf(signOut)
    if (record === undefined) return
    const { id } = signOut
    const { position } = record
    const subjects = this.#namesOf(signOut.key)
    for (const name of subjects)
      this.#records.add(name, { ...record, state, ...this.#timesOf(forMs) })
    if (state === 'confirmed')
      this.#publish({ kind: 'confirm', scope: 'credential', position }, subjects)
    const shared = { id, subjects, forMs }
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
  #receive(record: SharedRecord, sharedPosition: string, ageMs: number): void {
    this.sharedPosition = sharedPosition
    if (record.kind === 'forget') this.#forget(record.subjects, ageMs, sharedPosition)
    else if (record.kind === 'withdraw') {
      for (const name of record.subjects) this.#withdraw(name, record.id)
    } else {
      const { id, subjects: names } = record
      const state = record.kind === 'confirm' ? 'confirmed' : stateOfRefusal(record.provisional)
      this.#signOut({ names, id, forMs: record.forMs - ageMs, state, sharedPosition })
    }
    this.#callListeners(record.subjects)
  }

  /** Removes a provisional sign-out; the others of the subject stay. */
  #withdraw(name: string, id: string): void {
    const record = this.#records.get(name).find((each) => each.id === id)
    if (record?.state === 'provisional') this.#records.remove(name, id)
  }

  /** Appends to the shared log, and notes the shared position of the own records. */
  async #share(record: SharedRecord, names: readonly string[], position: number): Promise<void> {
    const sharedPosition = await this.#options.shared?.record(record)
    if (sharedPosition === undefined) return
    for (const name of names) {
      const current = this.#records.get(name).find((each) => each.position === position)
      if (current !== undefined) this.#records.add(name, { ...current, sharedPosition })
    }
  }

  /**
   * Does not wait. A failure changes nothing here: the sign-out is in force and is closed at Okta. The store
   * counts and logs it, and records it when it can.
   */
  #shareInBackground(record: Exclude<SharedRecord, { kind: 'forget' }>, position: number): void {
    this.#share(record, record.subjects, position).catch(() => {})
  }

  #hasRecord(
    key: string,
    session: SessionIds | undefined,
    matches: (record: RevocationRecord) => boolean,
  ): boolean {
    const has = (names: readonly string[]) =>
      names.some((name) => this.#records.get(name).some(matches))
    if (has(this.#namesOf(key))) return true
    return session !== undefined && subjectsOf(session).some((about) => has(this.#name(about)))
  }

  #namesOf(key: string): readonly string[] {
    return this.#name(subject.credential(key))
  }

  #recordOf({ key, id }: SignOutRecord): RevocationRecord | undefined {
    const [name = ''] = this.#namesOf(key)
    return this.#records.get(name).find((record) => record.id === id)
  }

  #isOwn(id: string | undefined): boolean {
    return id?.startsWith(`${this.#instance}.`) === true
  }

  #inForce(key: string, { id = '', position, state }: RevocationRecord): SignOutInForce {
    const confirmed = state === 'confirmed'
    return {
      key,
      id,
      position,
      confirmed,
      provisional: state === 'provisional',
      own: this.#isOwn(id),
    }
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

  #publish(message: Omit<RevocationMessage, 'org'>, names: readonly string[] | undefined): void {
    if (publishers.revocation.hasSubscribers)
      publishers.revocation.publish({ org: this.#options.org, ...message })
    this.#callListeners(names)
  }

  #callListeners(names: readonly string[] | undefined): void {
    for (const listener of this.#listeners) listener(names)
  }
}

interface NewSignOut {
  readonly names: readonly string[]
  readonly id: string
  readonly forMs: number
  readonly state: RevocationState
  readonly sharedPosition?: string
}

function stateOfRefusal(provisional: boolean): RevocationState {
  return provisional ? 'provisional' : 'unconfirmed'
}
