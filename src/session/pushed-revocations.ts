/** Revokes the sessions that Okta's pushes name, once for each push. */
import { hash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { Push, PushedSubject } from '../contracts.js'
import type { Lookup } from './lookup.js'
import { subject } from './revocations.js'

/** Deliveries that are recognised when they come again. */
const MAX_REMEMBERED = 20_000
/** So many pushes are applied in one turn of the event loop: some milliseconds. */
const SLICE = 500
/** A record of the revocation log names at most so many subjects. */
const MAX_SUBJECTS = 200

export class PushedRevocations {
  readonly #lookup: Lookup
  /** By the digest of a push: resolves when every instance will see it. */
  readonly #applied = new LRUCache<string, Promise<void>>({ max: MAX_REMEMBERED })
  readonly #pending = new Set<Promise<void>>()
  /** The ids of tokens that were used. */
  readonly #tokens = new LRUCache<string, true>({ max: MAX_REMEMBERED })
  #isExpected = false
  #isClosed = false
  #events = 0
  #revocations = 0
  #refused = 0

  constructor(lookup: Lookup) {
    this.#lookup = lookup
  }

  /** Whether a handler for pushes was made. */
  get isExpected(): boolean {
    return this.#isExpected
  }

  /** Called when a handler for pushes is made. */
  expect(): void {
    this.#isExpected = true
    this.#lookup.expectPushes()
  }

  /** Whether pushes are refused, so that Okta sends them to another process. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  close(): void {
    this.#isClosed = true
  }

  /**
   * Voids, here at once, what is known of the sessions that these pushes name; of more than a slice, in turns
   * of the event loop, so that requests are answered in between. Resolves when every instance will
   * do so, rejects when the store could not record it: then the same push is applied again.
   */
  apply(pushes: readonly Push[]): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Error('closed'))
    this.#events += pushes.length
    return this.#keepPending(this.#applySlices(pushes))
  }

  async #applySlices(pushes: readonly Push[]): Promise<void> {
    const slices: Promise<void>[] = []
    for (let at = 0; at < pushes.length; at += SLICE) {
      if (at > 0) await nextTurn()
      const slice = this.#applySlice(pushes.slice(at, at + SLICE))
      // It rejects for the caller below, once all slices are in force.
      slice.catch(() => {})
      slices.push(slice)
    }
    await Promise.all(slices)
  }

  async #applySlice(pushes: readonly Push[]): Promise<void> {
    const before: Promise<void>[] = []
    const added: { readonly name: string | undefined; readonly push: Push }[] = []
    const names = new Set<string>()
    for (const push of pushes) {
      if (push.subjects.length === 0) continue
      const name = nameOf(push)
      if (name !== undefined && names.has(name)) continue
      if (name !== undefined) names.add(name)
      const applied = name === undefined ? undefined : this.#applied.get(name)
      if (applied === undefined) added.push({ name, push })
      else before.push(applied)
    }
    if (added.length > 0) before.push(this.#add(added))
    await Promise.all(before)
  }

  /** Takes a token that may be used once; false where it was used before. */
  useToken(id: string): boolean {
    const name = hash('sha256', id, 'base64')
    if (this.#tokens.has(name)) return false
    this.#tokens.set(name, true)
    return true
  }

  /** Nothing came of it: the token may be used again. */
  giveTokenBack(id: string): void {
    this.#tokens.delete(hash('sha256', id, 'base64'))
  }

  /** Counts a delivery or token that was refused. */
  countRefused(): void {
    this.#refused += 1
  }

  stats() {
    return { events: this.#events, revocations: this.#revocations, refused: this.#refused }
  }

  /** Resolves when no revocation is being recorded. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending)
  }

  #keepPending(work: Promise<void>): Promise<void> {
    this.#pending.add(work)
    const end = () => this.#pending.delete(work)
    work.then(end, end)
    return work
  }

  #add(added: readonly { readonly name: string | undefined; readonly push: Push }[]) {
    const forgotten = this.#keepPending(this.#forget(added.flatMap(({ push }) => push.subjects)))
    this.#revocations += added.length
    for (const { name } of added) if (name !== undefined) this.#applied.set(name, forgotten)
    forgotten.catch(() => {
      for (const { name } of added) if (name !== undefined) this.#applied.delete(name)
    })
    return forgotten
  }

  async #forget(subjects: readonly PushedSubject[]): Promise<void> {
    const sessions = new Set<string>()
    const users = new Set<string>()
    for (const each of subjects) {
      if (each.kind === 'user') users.add(subject.user(each.id))
      else if (each.kind === 'login') users.add(subject.login(each.login))
      else {
        sessions.add(subject.session(each.id))
        if (each.kind === 'either') users.add(subject.user(each.id))
        // Another instance may know the session, or Okta may name it by another id than GetCurrentSession does.
        else if (!this.#lookup.hasId(each.id) && each.userId !== undefined)
          users.add(subject.user(each.userId))
      }
    }
    await Promise.all([
      ...this.#record([...sessions], 'session'),
      ...this.#record([...users], 'user'),
    ])
  }

  #record(subjects: readonly string[], scope: 'session' | 'user'): readonly Promise<void>[] {
    const records: Promise<void>[] = []
    for (let at = 0; at < subjects.length; at += MAX_SUBJECTS)
      records.push(this.#lookup.forgetSubjects(subjects.slice(at, at + MAX_SUBJECTS), scope))
    return records
  }
}

/** By id and subjects: a second event with the id of another is no second delivery. */
function nameOf({ id, subjects }: Push): string | undefined {
  return id === undefined ? undefined : hash('sha256', JSON.stringify([id, subjects]), 'base64')
}
