/** The entry half of the Redis engine: sealed entries, one lookup over all instances, refusals, refreshes. */
import type { Clock } from '../contracts.js'
import type {
  Claim,
  RefreshClaim,
  RefreshEnd,
  ReleaseReason,
  SharedEntry,
  SharedRecord,
  SharedSessions,
} from '../session/shared-cache.js'
import type { Commands } from './commands.js'
import { CredentialScripts, keysOf } from './credential-keys.js'
import { type Held, LEASE_MS, Leases } from './leases.js'
import { isUnavailableCode, MARKER_MS, Refreshes } from './refreshes.js'
import { durationOf, Refusals, refusalOf } from './refusals.js'
import { MAX_VALUE_LENGTH, scripts } from './scripts.js'
import type { Sealer } from './seal.js'
import { isTime, readEntry, textOfEntry } from './sealed-entry.js'

export interface EntriesOptions {
  readonly commands: Commands
  readonly sealer: Sealer
  /** Begins every key. */
  readonly prefix: string
  readonly clock: Clock
  /** 0 to 1. */
  readonly random: () => number
  /** No entry is served longer after its lookup began. */
  readonly maxTtlMs: number
  /** The deadline of one exchange with Okta. */
  readonly timeoutMs: number
}

type EntryMethods = Pick<
  SharedSessions,
  'claim' | 'peek' | 'fill' | 'release' | 'claimRefresh' | 'endRefresh'
>

/** What the keys of one name say. A lease or a wait is for the first name alone. */
type Found = Claim | Held | { readonly kind: 'none'; readonly entry?: SharedEntry | undefined }

const PURPOSE = 'entry'
/** Clocks of instances may differ by so much. */
const MAX_AHEAD_MS = 2_000
/** How often a script is run again after what it found was unusable and deleted. */
const MAX_ATTEMPTS = 3

export class Entries implements EntryMethods {
  readonly #options: EntriesOptions
  readonly #scripts: CredentialScripts
  readonly #leases: Leases
  readonly #refusals: Refusals
  readonly #refreshes: Refreshes
  readonly #pending = new Set<Promise<void>>()
  #read = 0
  #written = 0

  constructor(options: EntriesOptions) {
    const { commands, sealer, clock, prefix } = options
    this.#options = options
    this.#scripts = new CredentialScripts(commands)
    this.#leases = new Leases(options)
    this.#refusals = new Refusals(sealer, clock, this.#scripts)
    const [leases, run] = [this.#leases, this.#scripts]
    this.#refreshes = new Refreshes({ prefix, sealer, leases, scripts: run })
  }

  /** For stats(). */
  get counts(): {
    readonly entriesRead: number
    readonly entriesWritten: number
    readonly rejected: number
  } {
    const { rejected } = this.#scripts
    return { entriesRead: this.#read, entriesWritten: this.#written, rejected }
  }

  async claim(names: readonly string[], since: number): Promise<Claim> {
    try {
      const [name = ''] = names
      const id = this.#leases.newId()
      const claim = await this.#leases.waitFor((waitingSince) =>
        this.#claimOnce(names, since, id, waitingSince),
      )
      if (claim?.kind === 'lease') this.#leases.hold(id, () => this.#renew(name, id))
      if (claim?.kind === 'entry') this.#read += 1
      if (claim?.kind === 'lease' && claim.entry !== undefined) this.#read += 1
      return claim ?? { kind: 'unknown' }
    } catch {
      // The client counts its failures. A lease that was taken all the same ends by itself.
      return { kind: 'unknown' }
    }
  }

  async peek(names: readonly string[]): Promise<SharedEntry | undefined> {
    try {
      const found = await Promise.all(names.slice(0, 2).map((name) => this.#readName(name, 'yes')))
      const entry = newest(...found.map(entryIn))
      if (entry !== undefined) this.#read += 1
      return entry
    } catch {
      // The client counts its failures.
      return undefined
    }
  }

  fill(names: readonly string[], entry: SharedEntry, lease?: string): void {
    const [name = ''] = names
    if (lease !== undefined) this.#leases.drop(lease)
    this.#inBackground(this.#fill(name, entry, lease))
  }

  release(names: readonly string[], lease: string | undefined, why?: ReleaseReason): void {
    const [name = '', previous] = names
    if (lease !== undefined) this.#leases.drop(lease)
    const at = why?.kind === 'no' ? Math.floor(why.at) : undefined
    if (lease === undefined && at === undefined) return
    const result = why?.kind === 'unavailable' ? `failed:${why.code}` : 'no'
    this.#inBackground(this.#release(name, lease, result, at))
    if (previous !== undefined && at !== undefined)
      this.#inBackground(this.#release(previous, undefined, result, at))
  }

  async claimRefresh(names: readonly string[], everyMs: number): Promise<RefreshClaim> {
    try {
      return await this.#refreshes.claim(names, everyMs)
    } catch {
      // The client counts its failures. A lease that was taken all the same ends by itself.
      return { kind: 'unknown' }
    }
  }

  endRefresh(names: readonly string[], lease: string, end: RefreshEnd): void {
    this.#inBackground(this.#refreshes.end(names, lease, end))
  }

  /**
   * Carries out a record of the log for one credential that it names: `forget` deletes the entry and the
   * lease, so that no lookup in flight fills it; `refuse` and `confirm` also store the refusal; `withdraw`
   * removes the refusal of that id alone. Resolves with whether Redis has done so; never rejects.
   */
  async voidCredential(name: string, record: SharedRecord): Promise<boolean> {
    const { entry, lease, refusal } = this.#keysOf(name)
    const id = record.kind === 'forget' ? '' : record.id
    const stored = refusalOf(record)
    const value = stored === undefined ? '' : this.#refusals.seal(refusal, stored)
    const px = stored === undefined ? 1 : Math.max(durationOf(stored), 1)
    try {
      await this.#scripts.run(scripts.voidCredential, [entry, lease, refusal], [id, value, `${px}`])
      return true
    } catch {
      // The caller repeats it with the record.
      return false
    }
  }

  /** Resolves when no write is under way. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }

  /** Ends renewals and waits. */
  close(): void {
    this.#leases.close()
  }

  /** Looks under the previous name too: another instance may not have the current secret yet. */
  async #claimOnce(
    [name = '', previous]: readonly string[],
    since: number,
    lease: string,
    waitingSince: string,
  ): Promise<Claim | Held> {
    const [mine, other] = await Promise.all([
      this.#claimName(name, [`${since}`, lease, `${LEASE_MS}`, waitingSince]),
      previous === undefined ? none : this.#readName(previous, 'no'),
    ])
    if (mine.kind === 'refused') return mine
    if (other.kind === 'refused') {
      if (mine.kind === 'lease') this.#inBackground(this.#release(name, lease, 'no', undefined))
      return other
    }
    const older = entryIn(other)
    if (mine.kind === 'entry') return mine
    if (older !== undefined && older.askedAt >= since) {
      // Stored under the current name too, for instances that have the current secret alone.
      if (mine.kind === 'lease') this.#inBackground(this.#fill(name, older, lease))
      return { kind: 'entry', entry: older }
    }
    if (mine.kind === 'none') return { kind: 'unknown' }
    return mine.kind === 'lease' ? { ...mine, entry: newest(mine.entry, older) } : mine
  }

  /** Repeats when what it finds is unusable. */
  async #claimName(name: string, args: readonly string[]): Promise<Found> {
    const keys = this.#keysOf(name)
    const { entry, lease, refusal, marker } = keys
    let refusals: readonly string[] = []
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const { kind, values } = await this.#scripts.run(
        scripts.claim,
        [entry, lease, refusal, marker],
        [...args, ...refusals],
      )
      const [first = ''] = values
      switch (kind) {
        case 'held':
          return { kind, at: first }
        case 'released':
          return released(first)
        case 'lease': {
          const [, id = ''] = args
          return { kind, lease: id, entry: await this.#open(entry, first) }
        }
        case 'entry': {
          const opened = await this.#open(entry, first)
          if (opened !== undefined) return { kind, entry: opened }
          break
        }
        default: {
          const opened = await this.#refusals.open(refusal, values)
          if (opened !== undefined) return { kind: 'refused', refusal: opened }
          // Those that are left have ended by this instance's clock.
          refusals = ['skip']
        }
      }
    }
    return { kind: 'unknown' }
  }

  async #readName(name: string, inSpiteOfRefusal: 'yes' | 'no'): Promise<Found> {
    const { entry, refusal } = this.#keysOf(name)
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const { kind, values } = await this.#scripts.run(
        scripts.read,
        [entry, refusal],
        [inSpiteOfRefusal],
      )
      if (kind === 'entry') return { kind: 'none', entry: await this.#open(entry, values[0] ?? '') }
      const opened = await this.#refusals.open(refusal, values)
      if (opened !== undefined) return { kind: 'refused', refusal: opened }
    }
    return none
  }

  /** The entry in a stored value; one that cannot be used is counted and deleted. */
  async #open(key: string, value: string): Promise<SharedEntry | undefined> {
    if (value === '') return undefined
    const entry = this.#openSealed(key, value)
    if (entry === undefined) await this.#scripts.reject(key, value)
    return entry
  }

  #openSealed(key: string, value: string): SharedEntry | undefined {
    const { sealer, clock, maxTtlMs } = this.#options
    const space = value.indexOf(' ')
    const askedAt = Number(value.slice(0, space))
    const age = clock.now() - askedAt
    if (!isTime(askedAt) || age > maxTtlMs || age < -MAX_AHEAD_MS) return undefined
    const text = sealer.open(PURPOSE, bound(key, askedAt), value.slice(space + 1))
    const entry = text === undefined ? undefined : readEntry(text)
    return entry?.askedAt === askedAt ? entry : undefined
  }

  async #fill(name: string, given: SharedEntry, lease: string | undefined): Promise<void> {
    const { sealer, clock, maxTtlMs } = this.#options
    const { entry: key, lease: leaseKey } = this.#keysOf(name)
    const entry = { ...given, askedAt: Math.floor(given.askedAt) }
    const { askedAt } = entry
    const px = Math.floor(Math.min(askedAt + maxTtlMs - clock.now(), maxTtlMs))
    const value = `${askedAt} ${sealer.seal(PURPOSE, bound(key, askedAt), textOfEntry(entry))}`
    if (px < 1 || value.length > MAX_VALUE_LENGTH) {
      if (lease !== undefined) await this.#release(name, lease, 'no', undefined)
      return
    }
    const args = [lease ?? '', `${askedAt}`, value, `${px}`, `${MAX_AHEAD_MS}`]
    const { kind } = await this.#scripts.run(scripts.fill, [key, leaseKey], args)
    if (kind === 'filled') this.#written += 1
  }

  async #release(
    name: string,
    lease: string | undefined,
    result: string,
    at: number | undefined,
  ): Promise<void> {
    const { entry, lease: leaseKey, marker } = this.#keysOf(name)
    const args = [lease ?? '', result, `${MARKER_MS}`, at === undefined ? '' : `${at}`]
    await this.#scripts.run(scripts.release, [entry, leaseKey, marker], args)
  }

  async #renew(name: string, lease: string): Promise<boolean> {
    try {
      const keys = [this.#keysOf(name).lease]
      const { kind } = await this.#scripts.run(scripts.renew, keys, [lease, `${LEASE_MS}`])
      return kind === 'renewed'
    } catch {
      // The next renewal may get through before the lease ends.
      return true
    }
  }

  /** The client counts its failures: what could not be written is looked up again. */
  #inBackground(write: Promise<void>): void {
    const done = write.catch(() => {}).then(() => void this.#pending.delete(done))
    this.#pending.add(done)
  }

  #keysOf(name: string) {
    return keysOf(this.#options.prefix, name)
  }
}

const none = { kind: 'none' } as const

/** What a released lease means to a claim that waited for it. */
function released(result: string): Claim {
  const code = result.startsWith('failed:') ? result.slice('failed:'.length) : ''
  return isUnavailableCode(code) ? { kind: 'failed', code } : { kind: 'unknown' }
}

function entryIn(found: Found): SharedEntry | undefined {
  return 'entry' in found ? found.entry : undefined
}

function newest(...entries: readonly (SharedEntry | undefined)[]): SharedEntry | undefined {
  return entries.reduce((one, other) =>
    one === undefined || (other !== undefined && other.askedAt > one.askedAt) ? other : one,
  )
}

/** Text in clear beside a value is bound to it. */
function bound(key: string, askedAt: number): string {
  return `${key} ${askedAt}`
}
