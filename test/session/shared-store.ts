/** A shared store in this process: the smallest engine that keeps the contract, for tests of the lookup's side of it. */
import type { StoreStats } from '../../src/public-types.js'
import {
  byKey,
  type Claim,
  type RefreshClaim,
  type RefreshEnd,
  type ReleaseReason,
  type SharedEntry,
  type SharedListener,
  type SharedRecord,
  type SharedRefusal,
  type SharedSessions,
  type SharedStore as StoreByKey,
} from '../../src/session/shared-cache.js'

interface Member {
  readonly listener: SharedListener
  readonly behind: (() => void)[]
}

interface Lease {
  readonly lease: string
  readonly since: number
  readonly waiting: ((claim: Claim) => void)[]
}

export class SharedStore {
  readonly entries = new Map<string, SharedEntry>()
  readonly refusals = new Map<string, SharedRefusal>()
  readonly #leases = new Map<string, Lease>()
  readonly #refreshes = new Map<string, RefreshEnd & { at: number }>()
  readonly #refreshing = new Map<string, ((claim: RefreshClaim) => void)[]>()
  readonly #members = new Set<Member>()
  readonly #countListeners: ((count: number) => void)[] = []
  #records = 0
  #leaseCount = 0
  /** Whether records wait for deliver() before the others read them. */
  slow = false
  /** Whether the log can be written. */
  up = true
  /** Monotonic time, for the period of refreshes. */
  now = (): number => 0

  /** One instance's view, with the lookup's keys as names. */
  member(): StoreByKey {
    return byKey(this.engine(), (text) => [text])
  }

  /** One instance's engine. */
  engine(): SharedSessions {
    const me: Member[] = []
    return {
      claim: ([name = ''], since) => this.#claim(name, since),
      peek: async ([name = '']) => this.entries.get(name),
      fill: ([name = ''], entry, lease) => this.#fill(name, entry, lease),
      release: ([name = ''], lease, why) => this.#release(name, lease, why),
      claimRefresh: ([name = ''], everyMs) => this.#claimRefresh(name, everyMs),
      endRefresh: ([name = ''], _, end) => this.#endRefresh(name, end),
      record: async (record) => {
        if (!this.up) throw new Error('the log is not writable')
        return this.#record(record, me[0])
      },
      isAfter: (a, b) => Number(a) > Number(b),
      subscribe: (listener) => {
        const member = { listener, behind: [] }
        me.push(member)
        this.#members.add(member)
        listener.onRead(String(this.#records))
        return () => this.#members.delete(member)
      },
      onInstances: (listener) => {
        this.#countListeners.push(listener)
        for (const each of this.#countListeners) each(this.#countListeners.length)
      },
      stats: () => idle,
      settled: async () => {},
      close: async () => {},
    }
  }

  /** Lets every member read all records. */
  deliver(): void {
    for (const { behind } of this.#members) for (const read of behind.splice(0)) read()
  }

  /** Tells every member that records were lost, and that entries from up to then are void. */
  gap(voidUpTo = 0): void {
    for (const { listener } of this.#members) listener.onGap(voidUpTo, true)
  }

  #claim(name: string, since: number): Promise<Claim> {
    const refusal = this.refusals.get(name)
    if (refusal !== undefined) return Promise.resolve({ kind: 'refused', refusal })
    const entry = this.entries.get(name)
    if (entry !== undefined && entry.askedAt >= since)
      return Promise.resolve({ kind: 'entry', entry })
    const held = this.#leases.get(name)
    if (held !== undefined) return new Promise((resolve) => held.waiting.push(resolve))
    this.#leaseCount += 1
    const lease = String(this.#leaseCount)
    this.#leases.set(name, { lease, since, waiting: [] })
    return Promise.resolve({ kind: 'lease', lease, entry })
  }

  #fill(name: string, entry: SharedEntry, lease: string | undefined): void {
    if (lease !== undefined && this.#leases.get(name)?.lease !== lease) return
    const older = this.entries.get(name)
    if (lease === undefined && older !== undefined && older.askedAt >= entry.askedAt) return
    this.entries.set(name, entry)
    if (lease !== undefined) this.#endLease(name, { kind: 'entry', entry })
  }

  #release(name: string, lease: string | undefined, why: ReleaseReason | undefined): void {
    if (why?.kind === 'no') this.entries.delete(name)
    if (lease === undefined || this.#leases.get(name)?.lease !== lease) return
    this.#endLease(
      name,
      why?.kind === 'unavailable' ? { kind: 'failed', code: why.code } : { kind: 'unknown' },
    )
  }

  #endLease(name: string, claim: Claim): void {
    const held = this.#leases.get(name)
    this.#leases.delete(name)
    for (const resolve of held?.waiting ?? []) resolve(claim)
  }

  #claimRefresh(name: string, everyMs: number): Promise<RefreshClaim> {
    const waiting = this.#refreshing.get(name)
    if (waiting !== undefined) return new Promise((resolve) => waiting.push(resolve))
    const last = this.#lastRefresh(name, everyMs)
    if (last !== undefined) return Promise.resolve(last)
    this.#refreshing.set(name, [])
    return Promise.resolve({ kind: 'lease', lease: 'refresh' })
  }

  #lastRefresh(name: string, everyMs: number): RefreshClaim | undefined {
    const end = this.#refreshes.get(name)
    if (end === undefined || end.kind === 'none') return undefined
    const ageMs = this.now() - end.at
    if (end.kind === 'refreshed' && ageMs < everyMs)
      return { kind: 'recent', expiresAt: end.expiresAt, ageMs }
    if (end.kind === 'failed' && ageMs < end.forMs)
      return { kind: 'failed', code: end.code, restMs: end.forMs - ageMs }
    return undefined
  }

  #endRefresh(name: string, end: RefreshEnd): void {
    this.#refreshes.set(name, { ...end, at: this.now() })
    const waiting = this.#refreshing.get(name) ?? []
    this.#refreshing.delete(name)
    for (const resolve of waiting)
      resolve(this.#lastRefresh(name, Number.POSITIVE_INFINITY) ?? { kind: 'unknown' })
  }

  #record(record: SharedRecord, from: Member | undefined): string {
    this.#records += 1
    const position = String(this.#records)
    for (const member of this.#members) {
      const read = () =>
        member === from
          ? member.listener.onRead(position)
          : member.listener.onRecord(record, position, 0)
      if (this.slow) member.behind.push(read)
      else read()
    }
    return position
  }
}

const idle: StoreStats = {
  state: 'ready',
  commands: 0,
  failures: 0,
  entriesRead: 0,
  entriesWritten: 0,
  rejected: 0,
  recordsRead: 0,
  recordsWaiting: 0,
  gaps: 0,
  instances: 1,
}
