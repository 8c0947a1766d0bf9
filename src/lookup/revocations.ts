/**
 * The revocation log of this process: what was revoked, and at which position.
 *
 * One rule serves every revocation. A lookup remembers the position at which it began; a mark with a
 * later position for its credential, its session or its user voids it, in memory and in flight. So an
 * answer that Okta gave before a sign-out can never be taken for one given after it.
 */

import { publishers, type RevocationMessage } from '../model/channels.js'
import type { Clock } from '../model/contracts.js'

/** Whose mark it is; the three kinds never collide. */
export const subject = {
  credential: (key: string) => `c:${key}`,
  session: (id: string) => `s:${id}`,
  user: (id: string) => `u:${id}`,
} as const

/** What a mark is compared with. */
export interface Marked {
  readonly key: string
  readonly sessionId?: string | undefined
  readonly userId?: string | undefined
}

/**
 * `provisional` refuses a credential nobody here had seen; `refusing` refuses one Okta has not yet
 * confirmed closed; `voiding` refuses nobody for long, it only voids what is older.
 */
type Tier = 'provisional' | 'refusing' | 'voiding'

interface Mark {
  readonly position: number
  readonly tier: Tier
  /** Monotonic; the credential is answered `signed_out` until then. 0: never. */
  readonly refusedUntil: number
  /** Monotonic; after this nothing it could void can still be served. */
  readonly keepUntil: number
}

/** A refusal in force, to be confirmed or taken back. */
export interface Refusal {
  readonly key: string
  readonly position: number
}

export interface RevocationLogOptions {
  readonly clock: Clock
  /** How long anything older than a mark could still be served or be in flight. */
  readonly retentionMs: number
  readonly maxMarks: number
  readonly maxProvisional: number
}

const MAX_REFUSAL_MS = 24 * 60 * 60_000

export class RevocationLog {
  /** The position of the last record. */
  position = 0
  /** A yes learned before this position is asked again, never accepted: a mark that could void it is lost. */
  floor = 0

  readonly #options: RevocationLogOptions
  readonly #marks = new Map<string, Mark>()
  readonly #order: Record<Tier, Set<string>> = {
    provisional: new Set(),
    refusing: new Set(),
    voiding: new Set(),
  }
  /** What a provisional refusal stands in front of, to be put back when it is withdrawn. */
  readonly #covered = new Map<string, Mark>()
  readonly #listeners = new Set<() => void>()

  constructor(options: RevocationLogOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#marks.size
  }

  /** Nothing learned before now about these subjects counts; the next request asks Okta. */
  forget(subjects: readonly string[], scope: RevocationMessage['scope']): void {
    const position = ++this.position
    const now = this.#options.clock.monotonic()
    for (const name of subjects) {
      const standing = this.#marks.get(name)
      const refusing = standing !== undefined && standing.refusedUntil > now
      this.#put(name, {
        position,
        // A refusal in force goes on refusing: forgetting is the weaker of the two.
        tier: refusing ? standing.tier : 'voiding',
        refusedUntil: refusing ? standing.refusedUntil : 0,
        keepUntil: Math.max(now + this.#options.retentionMs, standing?.keepUntil ?? 0),
      })
    }
    this.#recorded({ kind: 'forget', scope, position })
  }

  /** This credential is answered `signed_out` for `forMs` (at most a day), unless it is confirmed or withdrawn before. */
  refuse(key: string, forMs: number, tier: 'provisional' | 'refusing'): Refusal {
    const name = subject.credential(key)
    const position = ++this.position
    const refusedUntil =
      this.#options.clock.monotonic() + Math.min(Math.max(forMs, 0), MAX_REFUSAL_MS)
    const standing = this.#marks.get(name)
    if (tier === 'provisional' && standing !== undefined) this.#covered.set(name, standing)
    this.#put(name, {
      position,
      tier,
      refusedUntil,
      keepUntil: refusedUntil + this.#options.retentionMs,
    })
    this.#recorded({ kind: 'refuse', scope: 'credential', position })
    return { key, position }
  }

  /** Okta knows this credential after all: the provisional refusal becomes a full one. */
  establish(refusal: Refusal, forMs: number): void {
    const mark = this.#own(refusal)
    if (mark === undefined) return
    const refusedUntil =
      this.#options.clock.monotonic() + Math.min(Math.max(forMs, 0), MAX_REFUSAL_MS)
    this.#put(subject.credential(refusal.key), {
      ...mark,
      tier: 'refusing',
      refusedUntil,
      keepUntil: refusedUntil + this.#options.retentionMs,
    })
  }

  /** Okta has confirmed the close: refuse for `forMs` more, until every answer under way has landed. */
  confirm(refusal: Refusal, forMs: number): void {
    const mark = this.#own(refusal)
    if (mark === undefined) return
    const now = this.#options.clock.monotonic()
    this.#put(subject.credential(refusal.key), {
      position: mark.position,
      tier: 'voiding',
      refusedUntil: now + forMs,
      keepUntil: now + forMs + this.#options.retentionMs,
    })
    this.#recorded({ kind: 'confirm', scope: 'credential', position: mark.position })
  }

  /** Okta does not know this credential: the provisional refusal leaves no trace. */
  withdraw(refusal: Refusal): void {
    const mark = this.#own(refusal)
    if (mark?.tier !== 'provisional') return
    const name = subject.credential(refusal.key)
    const covered = this.#covered.get(name)
    this.#remove(name, mark)
    if (covered !== undefined) this.#put(name, covered)
    this.#recorded({ kind: 'withdraw', scope: 'credential', position: mark.position })
  }

  /** Nothing learned before now counts, whoever it is about. */
  forgetAll(): void {
    this.floor = ++this.position
    this.#recorded({ kind: 'suspend', scope: 'all', position: this.position })
  }

  /** The refusal in force for this credential. */
  refusal(key: string): (Refusal & { readonly confirmed: boolean }) | undefined {
    const mark = this.#marks.get(subject.credential(key))
    if (mark === undefined || mark.refusedUntil <= this.#options.clock.monotonic()) return undefined
    return { key, position: mark.position, confirmed: mark.tier === 'voiding' }
  }

  /** Whether something learned at `position` has been overtaken. */
  voids(about: Marked, position: number): boolean {
    if (position === this.position) return false
    if (position < this.floor) return true
    if (this.#after(subject.credential(about.key), position)) return true
    if (about.sessionId !== undefined && this.#after(subject.session(about.sessionId), position))
      return true
    return about.userId !== undefined && this.#after(subject.user(about.userId), position)
  }

  /** Calls back after each record; returns how to stop. */
  onRecord(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #after(name: string, position: number): boolean {
    const mark = this.#marks.get(name)
    return mark !== undefined && mark.position > position
  }

  #own(refusal: Refusal): Mark | undefined {
    const mark = this.#marks.get(subject.credential(refusal.key))
    // A later forget() of the same credential moves the position and keeps the refusal.
    return mark !== undefined && mark.position >= refusal.position && mark.refusedUntil > 0
      ? mark
      : undefined
  }

  #put(name: string, mark: Mark): void {
    const standing = this.#marks.get(name)
    if (standing !== undefined) this.#order[standing.tier].delete(name)
    this.#marks.set(name, mark)
    this.#order[mark.tier].add(name)
    this.#makeRoom()
  }

  #remove(name: string, mark: Mark): void {
    this.#marks.delete(name)
    this.#order[mark.tier].delete(name)
    this.#covered.delete(name)
  }

  #makeRoom(): void {
    this.#sweep()
    const { provisional, refusing, voiding } = this.#order
    if (provisional.size > this.#options.maxProvisional) this.#lose(provisional)
    if (this.#marks.size <= this.#options.maxMarks) return
    // Junk goes first, a sign-out Okta has not confirmed goes last.
    if (provisional.size > 0) this.#lose(provisional)
    else this.#lose(voiding.size > 0 ? voiding : refusing)
  }

  /** Drops marks nothing servable is older than. */
  #sweep(): void {
    const now = this.#options.clock.monotonic()
    for (const names of Object.values(this.#order)) {
      for (const name of names) {
        const mark = this.#marks.get(name)
        if (mark === undefined || mark.keepUntil > now) break
        this.#remove(name, mark)
      }
    }
  }

  #lose(names: Set<string>): void {
    for (const name of names) {
      const mark = this.#marks.get(name)
      if (mark === undefined) return
      // Nothing in memory can stand behind a provisional mark: its credential was never seen here.
      if (mark.tier !== 'provisional') this.floor = Math.max(this.floor, mark.position)
      this.#remove(name, mark)
      return
    }
  }

  #recorded(message: RevocationMessage): void {
    if (publishers.revocation.hasSubscribers) publishers.revocation.publish(message)
    for (const listener of this.#listeners) listener()
  }
}
