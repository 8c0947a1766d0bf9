/** The bounded table of revocation marks: which may go when it is full, and what is lost with them. */
import type { Clock } from '../contracts.js'

/**
 * `provisional` refuses a credential nobody here had seen; `refusing` refuses one Okta has not yet
 * confirmed closed; `voiding` refuses nobody for long, it only voids what is older.
 */
export type RevocationState = 'provisional' | 'refusing' | 'voiding'

export interface RevocationRecord {
  /** In this process's log. */
  readonly position: number
  /** In the log all instances share, once it is known. */
  readonly sharedPosition?: string | undefined
  readonly tier: RevocationState
  /** Monotonic; the credential is answered `signed_out` until then. 0: never. */
  readonly refusedUntil: number
  /** Monotonic; after this nothing it could void can still be served. */
  readonly keepUntil: number
}

export interface RevocationTableOptions {
  readonly clock: Clock
  readonly maxMarks: number
  readonly maxProvisional: number
  /** Called with a mark that had to go while something could still stand against it. */
  readonly onLost: (mark: RevocationRecord) => void
}

export class RevocationTable {
  readonly #options: RevocationTableOptions
  readonly #marks = new Map<string, RevocationRecord>()
  readonly #order: Record<RevocationState, Set<string>> = {
    provisional: new Set(),
    refusing: new Set(),
    voiding: new Set(),
  }

  constructor(options: RevocationTableOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#marks.size
  }

  get(name: string): RevocationRecord | undefined {
    return this.#marks.get(name)
  }

  put(name: string, mark: RevocationRecord): void {
    this.remove(name)
    this.#marks.set(name, mark)
    this.#order[mark.tier].add(name)
    this.#makeRoom()
  }

  remove(name: string): void {
    const mark = this.#marks.get(name)
    if (mark === undefined) return
    this.#marks.delete(name)
    this.#order[mark.tier].delete(name)
  }

  #makeRoom(): void {
    this.#sweep()
    const { provisional, refusing, voiding } = this.#order
    if (provisional.size > this.#options.maxProvisional) this.#loseOldest(provisional)
    if (this.#marks.size <= this.#options.maxMarks) return
    // Junk goes first, a sign-out Okta has not confirmed goes last.
    if (provisional.size > 0) this.#loseOldest(provisional)
    else this.#loseOldest(voiding.size > 0 ? voiding : refusing)
  }

  /** Drops marks nothing servable is older than. */
  #sweep(): void {
    const now = this.#options.clock.monotonic()
    for (const names of Object.values(this.#order)) {
      for (const name of names) {
        const mark = this.#marks.get(name)
        if (mark !== undefined && mark.keepUntil > now) break
        this.remove(name)
      }
    }
  }

  #loseOldest(names: Set<string>): void {
    const [name] = names
    const mark = name === undefined ? undefined : this.#marks.get(name)
    if (name === undefined || mark === undefined) return
    this.remove(name)
    this.#options.onLost(mark)
  }
}
