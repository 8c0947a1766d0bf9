/** A shared store in this process: the smallest engine that keeps the contract, for tests of the lookup's side of it. */
import type {
  Claim,
  SharedEntry,
  SharedListener,
  SharedRecord,
  SharedSessions,
} from '../../src/session/shared-cache.js'

export class SharedStore {
  readonly entries = new Map<string, SharedEntry>()
  readonly #leases = new Map<string, { lease: string; waiting: ((claim: Claim) => void)[] }>()
  readonly #members = new Set<{ listener: SharedListener; behind: (() => void)[] }>()
  #records = 0
  #leaseCount = 0
  /** Whether records wait for deliver() before the others read them. */
  slow = false
  /** Whether the log can be written. */
  up = true

  /** One instance's view. */
  member(): SharedSessions {
    const me: { listener: SharedListener; behind: (() => void)[] }[] = []
    return {
      claim: (key) => this.#claim(key),
      fill: (key, entry, lease) => {
        if (this.#leases.get(key)?.lease !== lease) return
        this.entries.set(key, entry)
        this.#endLease(key, { kind: 'entry', entry })
      },
      release: (key, lease) => {
        if (this.#leases.get(key)?.lease === lease) this.#endLease(key, { kind: 'unknown' })
      },
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
      close: async () => {},
    }
  }

  /** Lets every member read all records. */
  deliver(): void {
    for (const { behind } of this.#members) for (const read of behind.splice(0)) read()
  }

  /** Tells every member that records were lost. */
  gap(): void {
    for (const { listener } of this.#members) listener.onGap()
  }

  #claim(key: string): Promise<Claim> {
    const entry = this.entries.get(key)
    if (entry !== undefined) return Promise.resolve({ kind: 'entry', entry })
    const held = this.#leases.get(key)
    if (held !== undefined) return new Promise((resolve) => held.waiting.push(resolve))
    this.#leaseCount += 1
    const lease = String(this.#leaseCount)
    this.#leases.set(key, { lease, waiting: [] })
    return Promise.resolve({ kind: 'lease', lease })
  }

  #endLease(key: string, claim: Claim): void {
    const held = this.#leases.get(key)
    this.#leases.delete(key)
    for (const resolve of held?.waiting ?? []) resolve(claim)
  }

  #record(record: SharedRecord, from: { listener: SharedListener } | undefined): string {
    this.#records += 1
    const position = String(this.#records)
    for (const member of this.#members) {
      const read = () =>
        member === from
          ? member.listener.onRead(position)
          : member.listener.onRecord(record, position)
      if (this.slow) member.behind.push(read)
      else read()
    }
    return position
  }
}
