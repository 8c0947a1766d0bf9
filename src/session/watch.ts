/** Watches sessions for connections that outlive a request, and calls back once when a session is over. */
import type { Clock, Credential, Log } from '../contracts.js'
import type { Session, SessionEnd } from '../public-types.js'
import { type FoundContext, type FoundSession, sessionEndOf, sessionEndsAt } from './contexts.js'
import type { Lookup } from './lookup.js'
import type { RevocationLog } from './revocations.js'

export interface WatchOptions {
  readonly lookup: Lookup
  readonly log: RevocationLog
  readonly clock: Clock
  readonly maxTtlMs: number
  readonly logger: Log | undefined
}

/** A watched credential, and the session its last lookup found. */
interface Watched {
  readonly key: string
  readonly credential: Credential
  readonly onEnd: (reason: SessionEnd) => void
  session: Session
  /** The names under which a revocation record may concern it. */
  names: readonly string[]
  /** Monotonic milliseconds at which that lookup began. */
  startedMono: number
  /** Revocation records up to this position are not checked. */
  position: number
  timer: NodeJS.Timeout | undefined
  isLookingUp: boolean
  isOver: boolean
}

const NONE: readonly string[] = []
const RETRY_MS = 1_000
/** The shortest pause between two lookups of a watch, for a `maxTtlMs` of a few milliseconds. */
const MIN_PAUSE_MS = 100
const MAX_TIMER_MS = 2 ** 31 - 1

export class Watches {
  readonly #options: WatchOptions
  readonly #watched = new Set<Watched>()
  /**
   * By name: a record is compared only with the sessions it may concern. A set for each of a watch's names
   * would double its memory, and most names are those of one watch.
   */
  readonly #byName = new Map<string, Watched | Set<Watched>>()
  readonly #unsubscribe: () => void
  #closed = false

  constructor(options: WatchOptions) {
    this.#options = options
    this.#unsubscribe = options.log.onRecord((names) => this.#checkNamed(names))
  }

  get size(): number {
    return this.#watched.size
  }

  /** The position of the revocation log now, to be handed to {@link watch} with what a later lookup found. */
  get position(): number {
    return this.#options.log.position
  }

  /** Returns a function that stops watching. `since`: {@link position} before the session was looked up. */
  watch(
    key: string,
    credential: Credential,
    context: FoundSession,
    since: number,
    onEnd: (reason: SessionEnd) => void,
  ): () => void {
    const watched: Watched = {
      key,
      credential,
      onEnd,
      session: context.session,
      names: NONE,
      startedMono: context.startedMono,
      position: since,
      timer: undefined,
      isLookingUp: false,
      isOver: false,
    }
    this.#watched.add(watched)
    this.#index(watched)
    if (this.#closed) this.#end(watched, 'closed')
    else {
      this.#schedule(watched)
      this.#check(watched)
    }
    return () => this.#drop(watched)
  }

  /** Calls back and logs an error of the callback's, so that the other callbacks are still called. */
  notify(onEnd: (reason: SessionEnd) => void, reason: SessionEnd): void {
    const failed = (error: unknown) =>
      this.#options.logger?.warn('EOS138', 'A watch() callback threw', { error: String(error) })
    try {
      // An async callback may reject, and an unhandled rejection ends the process.
      const returned: unknown = onEnd(reason)
      Promise.resolve(returned).catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  close(): void {
    this.#closed = true
    this.#unsubscribe()
    for (const watched of this.#watched) this.#end(watched, 'closed')
  }

  #checkNamed(names: readonly string[] | undefined): void {
    if (names === undefined) for (const watched of this.#watched) this.#check(watched)
    else for (const name of names) for (const watched of this.#namedBy(name)) this.#check(watched)
  }

  /** A copy: a check may remove the watch. */
  #namedBy(name: string): readonly Watched[] {
    const named = this.#byName.get(name)
    if (named === undefined) return []
    return named instanceof Set ? [...named] : [named]
  }

  /** Files a watched session under its names, and no longer under those it had. */
  #index(watched: Watched): void {
    this.#removeNames(watched)
    watched.names = this.#options.log.namesOf(watched.key, watched.session)
    for (const name of watched.names) {
      const named = this.#byName.get(name)
      if (named === undefined) this.#byName.set(name, watched)
      else if (named instanceof Set) named.add(watched)
      else this.#byName.set(name, new Set([named, watched]))
    }
  }

  #removeNames(watched: Watched): void {
    for (const name of watched.names) {
      const named = this.#byName.get(name)
      if (named instanceof Set) named.delete(watched)
      if (named === watched || (named instanceof Set && named.size === 0)) this.#byName.delete(name)
    }
    watched.names = NONE
  }

  /** After a revocation record: a signed-out session is over, a voided one is looked up again. */
  #check(watched: Watched): void {
    const { log } = this.#options
    const { key, session, position } = watched
    watched.position = log.position
    if (log.signOutOf(key) !== undefined) this.#end(watched, 'signed_out')
    else if (log.isVoid(key, session, position)) void this.#lookUp(watched)
  }

  /** Schedules the next lookup: maxTtlMs after the last one, or at the session's own end. */
  #schedule(watched: Watched): void {
    const { clock, lookup, maxTtlMs } = this.#options
    const untilTooOld = watched.startedMono + maxTtlMs - clock.monotonic()
    const untilEnd = sessionEndsAt(watched.session) - lookup.oktaNow()
    this.#after(watched, Math.min(Math.max(untilTooOld, MIN_PAUSE_MS), untilEnd))
  }

  #after(watched: Watched, ms: number): void {
    clearTimeout(watched.timer)
    watched.timer = setTimeout(
      () => void this.#lookUp(watched),
      Math.min(Math.max(ms, 0), MAX_TIMER_MS),
    )
    watched.timer.unref()
  }

  async #lookUp(watched: Watched): Promise<void> {
    if (watched.isOver || watched.isLookingUp) return
    watched.isLookingUp = true
    const { key, credential } = watched
    const { as, value } = credential
    const hit = this.#options.lookup.hitAndPrefetch(key, as, `${as}=${value}`)
    const context = hit ?? (await this.#options.lookup.lookUp(key, credential, {}))
    watched.isLookingUp = false
    if (!watched.isOver) this.#conclude(watched, context)
  }

  #conclude(watched: Watched, context: FoundContext): void {
    switch (context.state) {
      case 'active':
        // Another user: the watched session is over. Another id alone does not end it: Okta may renew the
        // session behind a cookie, for the same user.
        if (context.session.userId !== watched.session.userId) {
          this.#end(watched, 'not_found')
          return
        }
        this.#take(watched, context)
        if (context.source === 'stale') this.#after(watched, RETRY_MS)
        else this.#schedule(watched)
        return
      case 'unavailable':
        if (sessionEndsAt(watched.session) <= this.#options.lookup.oktaNow())
          this.#end(watched, 'unavailable')
        else this.#after(watched, Math.max(RETRY_MS, context.retryAfterMs))
        return
      case 'incomplete':
      case 'anonymous':
        this.#end(watched, sessionEndOf(context))
    }
  }

  #take(watched: Watched, { session, startedMono }: FoundSession): void {
    const isRenewed = session.id !== watched.session.id
    watched.session = session
    watched.startedMono = startedMono
    if (isRenewed) this.#index(watched)
  }

  #end(watched: Watched, reason: SessionEnd): void {
    if (watched.isOver) return
    this.#drop(watched)
    this.notify(watched.onEnd, reason)
  }

  #drop(watched: Watched): void {
    watched.isOver = true
    clearTimeout(watched.timer)
    this.#watched.delete(watched)
    this.#removeNames(watched)
  }
}
