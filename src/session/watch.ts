/** Watches live sessions for connections that outlast a request, and says once when one is over. */

import type { Clock, Credential, Logger } from '../contracts.js'
import type { Session, SessionEnd } from '../public-types.js'
import { type FoundContext, type FoundSession, sessionEndOf, sessionEndsAt } from './contexts.js'
import type { Lookup } from './lookup.js'
import type { RevocationLog } from './revocations.js'

export interface WatchOptions {
  readonly lookup: Lookup
  readonly log: RevocationLog
  readonly clock: Clock
  readonly maxTtlMs: number
  readonly logger: Logger | undefined
}

/** What is watched: a credential, and the session it stood for when last seen. */
interface Watched {
  readonly key: string
  readonly credential: Credential
  readonly onEnd: (reason: SessionEnd) => void
  session: Session
  /** Monotonic milliseconds at which the lookup behind it began. */
  askedMono: number
  /** The position in the revocation log up to which it is known to stand. */
  position: number
  timer: NodeJS.Timeout | undefined
  asking: boolean
  over: boolean
}

const RETRY_MS = 1_000
const LONGEST_TIMER_MS = 2 ** 31 - 1

export class Watches {
  readonly #options: WatchOptions
  readonly #watched = new Set<Watched>()
  readonly #unsubscribe: () => void
  #closed = false

  constructor(options: WatchOptions) {
    this.#options = options
    this.#unsubscribe = options.log.onRecord(() => this.#checkAll())
  }

  get size(): number {
    return this.#watched.size
  }

  /** The position in the revocation log now: hand it to {@link watch} with what was learned since. */
  get position(): number {
    return this.#options.log.position
  }

  /** Returns how to stop watching. `since` is where the log stood when the session was asked about. */
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
      askedMono: context.askedMono,
      position: since,
      timer: undefined,
      asking: false,
      over: false,
    }
    this.#watched.add(watched)
    if (this.#closed) this.#end(watched, 'closed')
    else {
      this.#schedule(watched)
      this.#check(watched)
    }
    return () => this.#drop(watched)
  }

  /** Calls back; one watcher's failure must not keep the others from hearing. */
  tell(onEnd: (reason: SessionEnd) => void, reason: SessionEnd): void {
    try {
      onEnd(reason)
    } catch (error) {
      this.#options.logger?.warn('A watch() callback threw', { error: String(error) })
    }
  }

  close(): void {
    this.#closed = true
    this.#unsubscribe()
    for (const watched of this.#watched) this.#end(watched, 'closed')
  }

  /** After a record. */
  #checkAll(): void {
    for (const watched of this.#watched) this.#check(watched)
  }

  /** Who is refused is over, who is merely doubted is asked again. */
  #check(watched: Watched): void {
    const { log } = this.#options
    const { key, session, position } = watched
    watched.position = log.position
    if (log.refusal(key) !== undefined) this.#end(watched, 'signed_out')
    else if (log.voids({ key, sessionId: session.id, userId: session.userId }, position))
      void this.#askAgain(watched)
  }

  /** At maxTtlMs after the last answer, or at the session's own end. */
  #schedule(watched: Watched): void {
    const { clock, lookup, maxTtlMs } = this.#options
    const untilOld = watched.askedMono + maxTtlMs - clock.monotonic()
    const untilEnd = sessionEndsAt(watched.session) - lookup.oktaNow()
    this.#after(watched, Math.min(untilOld, untilEnd))
  }

  #after(watched: Watched, ms: number): void {
    clearTimeout(watched.timer)
    watched.timer = setTimeout(
      () => void this.#askAgain(watched),
      Math.min(Math.max(ms, 0), LONGEST_TIMER_MS),
    )
    watched.timer.unref()
  }

  async #askAgain(watched: Watched): Promise<void> {
    if (watched.over || watched.asking) return
    watched.asking = true
    const { key, credential } = watched
    const { as, value } = credential
    const hit = this.#options.lookup.recall(key, as, `${as}=${value}`)
    const context = hit ?? (await this.#options.lookup.ask(key, credential, {}))
    watched.asking = false
    if (!watched.over) this.#conclude(watched, context)
  }

  #conclude(watched: Watched, context: FoundContext): void {
    switch (context.state) {
      case 'active':
        // The cookie is another person's now: the session this was opened with is over. Another id alone
        // is not: Okta may renew a session behind one cookie, and vouches for the same person.
        if (context.session.userId !== watched.session.userId) {
          this.#end(watched, 'not_found')
          return
        }
        watched.session = context.session
        watched.askedMono = context.askedMono
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

  #end(watched: Watched, reason: SessionEnd): void {
    if (watched.over) return
    this.#drop(watched)
    this.tell(watched.onEnd, reason)
  }

  #drop(watched: Watched): void {
    watched.over = true
    clearTimeout(watched.timer)
    this.#watched.delete(watched)
  }
}
