/**
 * The revocation log: what was revoked, and at which position.
 *
 * One rule serves every revocation. A lookup remembers the position at which it began; a mark with a
 * later position for its credential, its session or its user voids it, in memory, in flight and in the
 * shared store. So an answer that Okta gave before a sign-out can never be taken for one given after it.
 */
import { publishers, type RevocationMessage } from '../channels.js'
import type { Clock } from '../contracts.js'
import { type NameSubject, subject, subjectDigest } from './cache-key.js'
import { type RevocationRecord, type RevocationState, RevocationTable } from './revocation-table.js'
import type { SharedRecord, SharedSessions } from './shared-cache.js'

/** What a mark is compared with. */
export interface RevocationTarget {
  readonly key: string
  readonly sessionId?: string | undefined
  readonly userId?: string | undefined
}

/** A refusal in force, to be confirmed or taken back. */
export interface SignOutRecord {
  readonly key: string
  readonly position: number
}

export interface RevocationLogOptions {
  readonly clock: Clock
  /** How long anything older than a mark could still be served or be in flight. */
  readonly retentionMs: number
  readonly maxMarks: number
  readonly maxProvisional: number
  /** The log all instances share; without it revocations reach this process only. */
  readonly shared?: SharedSessions | undefined
  /** Subjects stand under these names in the log, and in what is shared of it. Default: their sha256. */
  readonly nameSubject?: NameSubject | undefined
}

const MAX_REFUSAL_MS = 24 * 60 * 60_000

export class RevocationLog {
  /** The position of the last record. */
  position = 0
  /** A yes learned before this position is asked again, never accepted: a mark that could void it is lost. */
  floor = 0
  /** A yes learned before this position is no longer fresh: marks of other instances may have been missed. */
  doubt = 0
  /** How far the shared log has been read. */
  sharedPosition: string | undefined

  readonly #options: RevocationLogOptions
  readonly #name: NameSubject
  readonly #marks: RevocationTable
  /** What a provisional refusal stands in front of, to be put back when it is withdrawn. */
  readonly #covered = new Map<string, RevocationRecord>()
  readonly #listeners = new Set<() => void>()
  readonly #unsubscribe: () => void
  #sharedFloor: string | undefined

  constructor(options: RevocationLogOptions) {
    this.#options = options
    this.#name = options.nameSubject ?? subjectDigest
    this.#marks = new RevocationTable({ ...options, onLost: (mark) => this.#lose(mark) })
    this.#unsubscribe =
      options.shared?.subscribe({
        onRecord: (mark, position) => this.#receive(mark, position),
        onRead: (position) => {
          this.sharedPosition = position
        },
        onGap: () => {
          this.doubt = ++this.position
        },
      }) ?? (() => {})
  }

  get size(): number {
    return this.#marks.size
  }

  /**
   * Nothing learned before now about these subjects counts; the next request asks Okta. Here at once;
   * resolves when every instance will see it, rejects when the shared log could not record it.
   */
  async forget(subjects: readonly string[], scope: RevocationMessage['scope']): Promise<void> {
    const names = subjects.map(this.#name)
    const position = this.#forget(names)
    this.#recorded({ kind: 'forget', scope, position })
    await this.#share({ kind: 'forget', subjects: names }, names, position)
  }

  /** This credential is answered `signed_out` for `forMs` (at most a day), unless it is confirmed or withdrawn before. */
  refuse(key: string, forMs: number, tier: Exclude<RevocationState, 'voiding'>): SignOutRecord {
    const name = this.#nameOf(key)
    const position = this.#refuse(name, forMs, tier)
    this.#recorded({ kind: 'refuse', scope: 'credential', position })
    this.#shareBehind({ kind: 'refuse', subject: name, forMs }, position)
    return { key, position }
  }

  /** Okta knows this credential after all: the provisional refusal becomes a full one. */
  establish(refusal: SignOutRecord, forMs: number): void {
    const mark = this.#own(refusal)
    if (mark === undefined) return
    const name = this.#nameOf(refusal.key)
    this.#covered.delete(name)
    this.#marks.put(name, { ...mark, tier: 'refusing', ...this.#refusalTimes(forMs) })
    this.#shareBehind({ kind: 'refuse', subject: name, forMs }, mark.position)
  }

  /** Okta has confirmed the close: refuse for `forMs` more, until every answer under way has landed. */
  confirm(refusal: SignOutRecord, forMs: number): void {
    const mark = this.#own(refusal)
    if (mark === undefined) return
    const name = this.#nameOf(refusal.key)
    this.#covered.delete(name)
    this.#marks.put(name, { ...mark, tier: 'voiding', ...this.#refusalTimes(forMs) })
    this.#recorded({ kind: 'confirm', scope: 'credential', position: mark.position })
    this.#shareBehind({ kind: 'confirm', subject: name, forMs }, mark.position)
  }

  /** Okta does not know this credential: the provisional refusal leaves no trace. */
  withdraw(refusal: SignOutRecord): void {
    const mark = this.#own(refusal)
    if (mark?.tier !== 'provisional') return
    const name = this.#nameOf(refusal.key)
    this.#withdraw(name)
    this.#recorded({ kind: 'withdraw', scope: 'credential', position: mark.position })
    this.#shareBehind({ kind: 'withdraw', subject: name }, mark.position)
  }

  /** Nothing learned before now counts, whoever it is about. */
  forgetAll(): void {
    this.floor = ++this.position
    this.#recorded({ kind: 'suspend', scope: 'all', position: this.position })
  }

  /** The refusal in force for this credential. */
  refusal(key: string): (SignOutRecord & { readonly confirmed: boolean }) | undefined {
    const mark = this.#marks.get(this.#nameOf(key))
    if (mark === undefined || mark.refusedUntil <= this.#options.clock.monotonic()) return undefined
    return { key, position: mark.position, confirmed: mark.tier === 'voiding' }
  }

  /** Whether something learned at `position` has been overtaken. */
  voids(about: RevocationTarget, position: number): boolean {
    if (position === this.position) return false
    if (position < this.floor) return true
    return this.#anyMark(about, (mark) => mark.position > position)
  }

  /** The same for an entry of the shared store, by its place in the shared log. */
  voidsShared(about: RevocationTarget, position: string): boolean {
    const { shared } = this.#options
    if (shared === undefined) return true
    if (this.#sharedFloor !== undefined && shared.isAfter(this.#sharedFloor, position)) return true
    return this.#anyMark(
      about,
      // A mark of ours whose place is not known yet may stand anywhere: it voids.
      (mark) => mark.sharedPosition === undefined || shared.isAfter(mark.sharedPosition, position),
    )
  }

  /** Calls back after each record; returns how to stop. */
  onRecord(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#unsubscribe()
  }

  #forget(names: readonly string[], sharedPosition?: string): number {
    const position = ++this.position
    const now = this.#options.clock.monotonic()
    for (const name of names) {
      const standing = this.#marks.get(name)
      const refusing = standing !== undefined && standing.refusedUntil > now
      this.#marks.put(name, {
        position,
        sharedPosition,
        // A refusal in force goes on refusing: forgetting is the weaker of the two.
        tier: refusing ? standing.tier : 'voiding',
        refusedUntil: refusing ? standing.refusedUntil : 0,
        keepUntil: Math.max(now + this.#options.retentionMs, standing?.keepUntil ?? 0),
      })
    }
    return position
  }

  #refuse(name: string, forMs: number, tier: RevocationState, sharedPosition?: string): number {
    const position = ++this.position
    const standing = this.#marks.get(name)
    if (tier === 'provisional' && standing !== undefined) this.#covered.set(name, standing)
    this.#marks.put(name, { position, sharedPosition, tier, ...this.#refusalTimes(forMs) })
    return position
  }

  #withdraw(name: string): void {
    const covered = this.#covered.get(name)
    this.#covered.delete(name)
    this.#marks.remove(name)
    if (covered !== undefined) this.#marks.put(name, covered)
  }

  #refusalTimes(forMs: number): Pick<RevocationRecord, 'refusedUntil' | 'keepUntil'> {
    const refusedUntil =
      this.#options.clock.monotonic() + Math.min(Math.max(forMs, 0), MAX_REFUSAL_MS)
    return { refusedUntil, keepUntil: refusedUntil + this.#options.retentionMs }
  }

  /** Another instance's mark counts from now on here. */
  #receive(mark: SharedRecord, sharedPosition: string): void {
    this.sharedPosition = sharedPosition
    switch (mark.kind) {
      case 'forget':
        this.#forget(mark.subjects, sharedPosition)
        break
      case 'refuse':
        this.#refuse(mark.subject, mark.forMs, 'refusing', sharedPosition)
        break
      case 'confirm':
        this.#refuse(mark.subject, mark.forMs, 'voiding', sharedPosition)
        break
      case 'withdraw':
        this.#marks.remove(mark.subject)
        break
    }
    for (const listener of this.#listeners) listener()
  }

  /** Tells the other instances, and learns the place of our mark in their order. */
  async #share(mark: SharedRecord, names: readonly string[], position: number): Promise<void> {
    const sharedPosition = await this.#options.shared?.record(mark)
    if (sharedPosition === undefined) return
    for (const name of names) {
      const standing = this.#marks.get(name)
      if (standing?.position === position) this.#marks.put(name, { ...standing, sharedPosition })
    }
  }

  /** The same where nobody waits: a refusal that is not shared holds here, and Okta is told all the same. */
  #shareBehind(mark: Exclude<SharedRecord, { kind: 'forget' }>, position: number): void {
    this.#share(mark, [mark.subject], position).catch(() => {})
  }

  #anyMark(
    { key, sessionId, userId }: RevocationTarget,
    voids: (mark: RevocationRecord) => boolean,
  ): boolean {
    const stands = (name: string) => {
      const mark = this.#marks.get(name)
      return mark !== undefined && voids(mark)
    }
    return (
      stands(this.#nameOf(key)) ||
      (sessionId !== undefined && stands(this.#name(subject.session(sessionId)))) ||
      (userId !== undefined && stands(this.#name(subject.user(userId))))
    )
  }

  #nameOf(key: string): string {
    return this.#name(subject.credential(key))
  }

  #own(refusal: SignOutRecord): RevocationRecord | undefined {
    const mark = this.#marks.get(this.#nameOf(refusal.key))
    // A later forget() of the same credential moves the position and keeps the refusal.
    return mark !== undefined && mark.position >= refusal.position && mark.refusedUntil > 0
      ? mark
      : undefined
  }

  #lose(mark: RevocationRecord): void {
    // Nothing in memory can stand behind a provisional mark: its credential was never seen here.
    if (mark.tier === 'provisional') return
    this.floor = Math.max(this.floor, mark.position)
    const { shared } = this.#options
    const { sharedPosition = this.sharedPosition } = mark
    if (shared === undefined || sharedPosition === undefined) return
    if (this.#sharedFloor === undefined || shared.isAfter(sharedPosition, this.#sharedFloor))
      this.#sharedFloor = sharedPosition
  }

  #recorded(message: RevocationMessage): void {
    if (publishers.revocation.hasSubscribers) publishers.revocation.publish(message)
    for (const listener of this.#listeners) listener()
  }
}
