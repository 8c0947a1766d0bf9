/** From a credential to a verdict: memory first, then one question to Okta, whoever and however many ask. */
import type { Answer, NoAnswer } from '../model/answer.js'
import type {
  ActiveContext,
  AnonymousContext,
  IncompleteContext,
  SessionContext,
  UnavailableContext,
} from '../model/context.js'
import type { Clock, CookieKind, Credential } from '../model/contracts.js'
import type { Settings } from '../model/options.js'
import type { Session } from '../model/session.js'
import type { AskKind } from './admission.js'
import { credentialKey } from './credential-key.js'
import type { Gate } from './gate.js'
import { type Asked, Memory, type Remembered } from './memory.js'
import { type Negative, Negatives } from './negatives.js'
import { type RevocationLog, subject } from './revocations.js'
import { incompleteReason, sessionEndsAt } from './session-state.js'
import type { SharedEntry, SharedSessions } from './shared.js'

/** Asks Okta whose session this is. Never rejects. */
export type FetchSession = (
  credential: Credential,
  options: { readonly signal?: AbortSignal | undefined; readonly clientIp?: string | undefined },
) => Promise<Answer<Session>>

/** On whose behalf a lookup is made, and what would satisfy it. */
export interface Asker {
  /** The client's address, normalised, for its failure budget; undefined when it is not known. */
  readonly client?: string | undefined
  /** What Okta may be told of the client's address. */
  readonly clientIp?: string | undefined
  /** A page navigation: a no older than a second is asked again. */
  readonly navigation?: boolean | undefined
  /** Only an answer asked for at most this long ago; 0 is a lookup of its own. */
  readonly maxStalenessMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface LookupOptions {
  readonly cache: Settings['cache']
  /** One deadline for a lookup, asking again included. */
  readonly timeoutMs: number
  readonly clock: Clock
  readonly random: () => number
  readonly gate: Gate
  readonly log: RevocationLog
  readonly fetchSession: FetchSession
  readonly shared?: SharedSessions | undefined
}

/** A yes or a no. `position` is where its lookup began: a later mark overtakes it. */
type Verdict =
  | {
      readonly kind: 'active'
      readonly context: ActiveContext
      readonly position: number
      readonly sharedPosition?: string | undefined
    }
  | {
      readonly kind: 'negative'
      readonly context: AnonymousContext | IncompleteContext
      readonly position: number
    }

/** What a flight brought home. */
type Learned = Verdict | NoAnswer

interface Flight {
  /** Monotonic milliseconds. */
  readonly startedAt: number
  readonly landing: Promise<Learned>
}

const INCOMPLETE_TTL_MS = 1_000
const NAVIGATION_TRUSTS_A_NO_FOR_MS = 1_000
const SUSPEND_MS = 5_000
/** Clocks of a fleet differ by this much; an entry from further ahead is not to be trusted. */
const FUTURE_MS = 2_000
/** So much later than its deadline no answer lands on a machine that is awake. */
const LATE_MS = 5_000
/** Entries spread their ends over this share of their life, and never live longer for it. */
const JITTER = 0.2

const anonymous = {
  not_found: Object.freeze({ state: 'anonymous', reason: 'not_found' }),
  expired: Object.freeze({ state: 'anonymous', reason: 'expired' }),
  signed_out: Object.freeze({ state: 'anonymous', reason: 'signed_out' }),
} as const satisfies Record<string, AnonymousContext>

export class Lookup {
  readonly #options: LookupOptions
  readonly #clock: Clock
  readonly #log: RevocationLog
  readonly #memory: Memory
  readonly #negatives: Negatives
  readonly #flights = new Map<string, Flight>()
  readonly #counts = {
    hits: 0,
    misses: 0,
    negatives: 0,
    stale: 0,
    coalesced: 0,
    refreshedAhead: 0,
    overtaken: 0,
    fromTheFuture: 0,
  }
  #wallOverMonotonic: number
  #oktaOverWall = 0
  #turns = 0
  #closed = false

  constructor(options: LookupOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#log = options.log
    this.#memory = new Memory(options.cache.maxSessions)
    this.#negatives = new Negatives(options.cache.maxNegatives)
    this.#wallOverMonotonic = options.clock.now() - options.clock.monotonic()
  }

  /** The hit path: a fresh yes that stands, or undefined. */
  recall(key: string, as: CookieKind, value: string, clientIp?: string): Remembered | undefined {
    const now = this.#clock.monotonic()
    this.#noticeSuspend(now)
    const entry = this.#memory.get(key)
    if (entry === undefined || !entry.isFresh(now) || !this.#stands(entry, key)) return undefined
    if (entry.position < this.#log.doubt) return undefined
    this.#counts.hits += 1
    if (entry.isDue(now)) this.#refreshAhead(entry, key, { as, value }, clientIp)
    return entry
  }

  /** Everything a hit does not settle. Synchronous where nothing has to be asked. */
  ask(key: string, credential: Credential, asker: Asker): SessionContext | Promise<SessionContext> {
    if (this.#closed) return unavailable({ kind: 'unavailable', code: 'closed' })
    if (this.#log.refusal(key) !== undefined) return anonymous.signed_out
    const now = this.#clock.monotonic()
    const negative = this.#negatives.get(key, now)
    if (negative !== undefined && !asksAgain(negative, asker, now)) {
      this.#counts.negatives += 1
      return negative.context
    }
    const flight = this.#flights.get(key)
    if (flight !== undefined && satisfies(flight, asker, now)) {
      this.#counts.coalesced += 1
      return this.#await(flight, key, credential, asker)
    }
    const kind = this.#kindOf(key, asker, now)
    // The fleet may know this cookie: whether a call is needed is not known yet.
    const obstacle = this.#options.shared
      ? undefined
      : this.#options.gate.obstacle({ kind, client: asker.client })
    if (obstacle !== undefined)
      return negative?.context ?? this.#withoutAnswer(obstacle, key, asker)
    this.#counts.misses += 1
    return this.#await(this.#depart(key, credential, kind, asker), key, credential, asker)
  }

  /** What is known here without asking anybody, however old, up to the session's own end. */
  peek(key: string): SessionContext | undefined {
    if (this.#log.refusal(key) !== undefined) return anonymous.signed_out
    const now = this.#clock.monotonic()
    return this.#usable(key, now) ?? this.#negatives.get(key, now)?.context
  }

  /** Whether this credential had a yes here within a day. */
  hasSeen(key: string): boolean {
    return this.#memory.hasSeen(key, this.#clock.monotonic())
  }

  /** The moment a question is put; hand it back to {@link learn} with the answer. */
  asking(): Asked {
    this.#turns += 1
    return {
      turn: this.#turns,
      at: this.#clock.now(),
      mono: this.#clock.monotonic(),
      position: this.#log.position,
      sharedPosition: this.#log.sharedPosition,
    }
  }

  /** Takes in a session Okta gave in answer to another operation, unless something overtook it. */
  learn(key: string, session: Session, asked: Asked, oktaTime: number | undefined): void {
    const { id: sessionId, userId } = session
    if (this.#log.voids({ key, sessionId, userId }, asked.position)) return
    this.#store(key, this.#judge(session, oktaTime, asked), asked)
  }

  /** Takes in that Okta does not know this credential (any more). */
  learnNo(key: string, asked: Asked): void {
    this.#store(
      key,
      { kind: 'negative', context: anonymous.not_found, position: asked.position },
      asked,
    )
  }

  /** A new session under this credential: an old no does not count. */
  dropNegative(key: string): void {
    this.#negatives.drop(key)
  }

  /** Nothing learned before now of this credential counts. */
  forgetCredential(key: string): Promise<void> {
    return this.#log.forget([subject.credential(key)], 'credential')
  }

  /** Nothing learned before now about this session or user counts. */
  forget(target: { readonly sessionId: string } | { readonly userId: string }): Promise<void> {
    if ('userId' in target) return this.#log.forget([subject.user(target.userId)], 'user')
    const keys = [credentialKey('sid', target.sessionId), credentialKey('idx', target.sessionId)]
    for (const key of keys) this.#negatives.drop(key)
    const subjects = [subject.session(target.sessionId), ...keys.map(subject.credential)]
    return this.#log.forget(subjects, 'session')
  }

  /** Okta's time now, epoch milliseconds, as its last answer set it. */
  oktaNow(): number {
    return this.#clock.now() + this.#oktaOverWall
  }

  /** Resolves when no lookup is under way. */
  async settled(): Promise<void> {
    while (this.#flights.size > 0)
      await Promise.all([...this.#flights.values()].map((flight) => flight.landing))
  }

  close(): void {
    this.#closed = true
    this.#memory.clear()
    this.#negatives.clear()
  }

  stats() {
    return {
      ...this.#counts,
      sessions: this.#memory.size,
      negativeEntries: this.#negatives.size,
      revocations: this.#log.size,
    }
  }

  /** A machine that slept has a monotonic clock that did not: no age can be trusted. */
  #noticeSuspend(now: number): void {
    const wallOverMonotonic = this.#clock.now() - now
    if (Math.abs(wallOverMonotonic - this.#wallOverMonotonic) > SUSPEND_MS) {
      this.#log.forgetAll()
      this.#negatives.clear()
    }
    this.#wallOverMonotonic = wallOverMonotonic
  }

  /** Before answering: nothing recorded since voids this entry. */
  #stands(entry: Remembered, key: string): boolean {
    const position = this.#log.position
    if (entry.position === position) return true
    const { id: sessionId, userId } = entry.session
    if (this.#log.voids({ key, sessionId, userId }, entry.position)) return false
    // What is in doubt stays so until Okta has been asked: it stands, and is no longer fresh.
    if (entry.position >= this.#log.doubt) entry.stands(position)
    return true
  }

  #usable(key: string, now: number): Remembered | undefined {
    const entry = this.#memory.get(key)
    return entry?.isUsable(now) && this.#stands(entry, key) ? entry : undefined
  }

  #kindOf(key: string, asker: Asker, now: number): AskKind {
    if (!this.#memory.hasSeen(key, now)) return 'newcomer'
    const canServeStale = asker.maxStalenessMs === undefined && this.#usable(key, now) !== undefined
    return canServeStale ? 'aging' : 'known'
  }

  #refreshAhead(
    entry: Remembered,
    key: string,
    credential: Credential,
    clientIp: string | undefined,
  ): void {
    if (entry.triedAhead || this.#flights.has(key)) return
    if (this.#options.gate.obstacle({ kind: 'ahead' }) !== undefined) return
    entry.tryAhead()
    this.#counts.refreshedAhead += 1
    this.#depart(key, credential, 'ahead', { clientIp })
  }

  #depart(key: string, credential: Credential, kind: AskKind, asker: Asker): Flight {
    const { shared } = this.#options
    const landing =
      shared === undefined || kind === 'ahead' || asker.maxStalenessMs !== undefined
        ? this.#fly(key, credential, kind, asker)
        : this.#flyTogether(shared, key, credential, asker)
    const flight = { startedAt: this.#clock.monotonic(), landing }
    this.#flights.set(key, flight)
    const land = () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    }
    landing.then(land, land)
    return flight
  }

  /** The fleet first: its entry where there is one, else one question to Okta for everybody. */
  async #flyTogether(
    shared: SharedSessions,
    key: string,
    credential: Credential,
    asker: Asker,
  ): Promise<Learned> {
    const claim = await shared.claim(key)
    const adopted = claim.kind === 'entry' ? this.#adopt(key, claim.entry) : undefined
    if (adopted !== undefined) return adopted
    const kind = this.#kindOf(key, asker, this.#clock.monotonic())
    const learned = await this.#fly(key, credential, kind, asker)
    if (claim.kind !== 'lease') return learned
    if (learned.kind === 'active' && learned.sharedPosition !== undefined) {
      const { session, askedAt } = learned.context
      const { sharedPosition: position } = learned
      shared.fill(key, { session, askedAt, oktaAheadMs: this.#oktaOverWall, position }, claim.lease)
    } else shared.release(key, claim.lease)
    return learned
  }

  /** Takes in what another instance learned, unless a revocation overtook it; a yes when it is fresh. */
  #adopt(key: string, entry: SharedEntry): Learned | undefined {
    const { session, askedAt, position } = entry
    const age = this.#clock.now() - askedAt
    const about = { key, sessionId: session.id, userId: session.userId }
    if (this.#log.refusal(key) !== undefined || this.#log.voidsShared(about, position))
      return undefined
    if (age < -FUTURE_MS) {
      this.#counts.fromTheFuture += 1
      return undefined
    }
    const now = this.#clock.monotonic()
    const asked = { ...this.asking(), at: askedAt, mono: now - Math.max(0, age) }
    this.#storeYes(key, session, asked, entry.oktaAheadMs)
    const stored = this.#memory.get(key)
    if (stored === undefined || stored.askedAt !== askedAt || !stored.isFresh(now)) return undefined
    const context = Object.freeze({ state: 'active', session, source: 'shared', askedAt })
    return { kind: 'active', context, position: asked.position }
  }

  async #fly(
    key: string,
    credential: Credential,
    kind: AskKind,
    { client, clientIp }: Asker,
  ): Promise<Learned> {
    let ask = { kind, client }
    let deadline: number | undefined
    for (;;) {
      let asked: Asked | undefined
      const answer = await this.#options.gate.call(ask, () => {
        asked = this.asking()
        const signal = deadline === undefined ? undefined : timeLeft(deadline - asked.mono)
        deadline ??= asked.mono + this.#options.timeoutMs
        return this.#options.fetchSession(credential, { signal, clientIp })
      })
      if (answer.kind === 'unavailable' || asked === undefined) return noAnswer(answer)
      // A machine that slept meanwhile: such an answer is about another time.
      if (this.#clock.monotonic() - asked.mono > this.#options.timeoutMs + LATE_MS)
        return { kind: 'unavailable', code: 'timeout' }
      const learned: Verdict =
        answer.kind === 'no'
          ? { kind: 'negative', context: anonymous.not_found, position: asked.position }
          : this.#judge(answer.value, answer.head.oktaTime, asked)
      // Before storing: a revocation that came while Okta was answering.
      if (this.#log.refusal(key) !== undefined)
        return { kind: 'negative', context: anonymous.signed_out, position: this.#log.position }
      const newerNo = this.#negatives.newerThan(asked.turn, key)
      if (newerNo !== undefined)
        return { kind: 'negative', context: newerNo.context, position: asked.position }
      if (!this.#log.voids({ key, ...identity(learned) }, asked.position)) {
        this.#store(key, learned, asked)
        return learned
      }
      this.#counts.overtaken += 1
      if (deadline !== undefined && this.#clock.monotonic() >= deadline)
        return { kind: 'unavailable', code: 'timeout' }
      // It has been admitted and has paid already.
      ask = { kind: 'known', client }
    }
  }

  #judge(session: Session, oktaTime: number | undefined, asked: Asked): Verdict {
    const { position } = asked
    // Okta read its clock after it was asked: against the asking the error makes sessions shorter only.
    if (oktaTime !== undefined) this.#oktaOverWall = oktaTime - asked.at
    if (sessionEndsAt(session) <= this.oktaNow())
      return { kind: 'negative', context: anonymous.expired, position }
    const reason = incompleteReason(session)
    if (reason !== undefined) {
      const context = Object.freeze({ state: 'incomplete', incompleteSession: session, reason })
      return { kind: 'negative', context, position }
    }
    const context = Object.freeze({ state: 'active', session, source: 'okta', askedAt: asked.at })
    return { kind: 'active', context, position, sharedPosition: asked.sharedPosition }
  }

  #store(key: string, learned: Verdict, asked: Asked): void {
    if (this.#closed || this.#knowsNewer(key, asked)) return
    if (learned.kind === 'active')
      this.#storeYes(key, learned.context.session, asked, this.#oktaOverWall)
    else this.#storeNo(key, learned.context, asked)
  }

  #storeNo(key: string, context: AnonymousContext | IncompleteContext, asked: Asked): void {
    this.#memory.end(key)
    const ttlMs =
      context.state === 'incomplete' ? INCOMPLETE_TTL_MS : this.#options.cache.negativeTtlMs
    this.#negatives.set(key, {
      context,
      turn: asked.turn,
      since: asked.mono,
      until: this.#clock.monotonic() + ttlMs,
    })
  }

  #storeYes(key: string, session: Session, asked: Asked, oktaAheadMs: number): void {
    const { ttlMs, maxTtlMs } = this.#options.cache
    const shortened = 1 - this.#options.random() * JITTER
    const staleAt = asked.mono + ttlMs * shortened
    const endsAt = asked.mono + sessionEndsAt(session) - (asked.at + oktaAheadMs)
    const deadAt = Math.min(asked.mono + maxTtlMs * shortened, endsAt)
    if (!Number.isFinite(staleAt) || !Number.isFinite(deadAt) || deadAt <= asked.mono) return
    this.#negatives.drop(key)
    // Checked up to here: what was recorded since the asking does not void it.
    const standing = { ...asked, position: this.#log.position }
    this.#memory.set(key, session, standing, staleAt, deadAt)
  }

  /** An older answer never overwrites a newer one. */
  #knowsNewer(key: string, asked: Asked): boolean {
    const entry = this.#memory.get(key)
    return (
      (entry !== undefined && entry.askedMono > asked.mono) ||
      this.#negatives.newerThan(asked.turn, key) !== undefined
    )
  }

  async #await(
    flight: Flight,
    key: string,
    credential: Credential,
    asker: Asker,
  ): Promise<SessionContext> {
    const learned = await unlessAborted(flight.landing, asker.signal)
    if (learned.kind === 'unavailable') return this.#withoutAnswer(learned, key, asker)
    // Before answering: a revocation that came between the landing and this caller's turn.
    if (this.#log.refusal(key) !== undefined) return anonymous.signed_out
    if (this.#log.voids({ key, ...identity(learned) }, learned.position))
      return this.ask(key, credential, asker)
    return learned.context
  }

  #withoutAnswer(why: NoAnswer, key: string, asker: Asker): SessionContext {
    if (this.#log.refusal(key) !== undefined) return anonymous.signed_out
    const now = this.#clock.monotonic()
    const entry = asker.maxStalenessMs === undefined ? this.#usable(key, now) : undefined
    if (entry === undefined) return unavailable(why)
    this.#counts.stale += 1
    const { session, askedAt } = entry
    return Object.freeze({ state: 'active', session, source: 'stale', askedAt })
  }
}

function asksAgain(negative: Negative, asker: Asker, now: number): boolean {
  const age = now - negative.since
  if (asker.maxStalenessMs !== undefined && age > asker.maxStalenessMs) return true
  return asker.navigation === true && age > NAVIGATION_TRUSTS_A_NO_FOR_MS
}

function satisfies(flight: Flight, { maxStalenessMs }: Asker, now: number): boolean {
  if (maxStalenessMs === undefined) return true
  return maxStalenessMs > 0 && now - flight.startedAt <= maxStalenessMs
}

function identity(learned: Verdict): {
  readonly sessionId?: string
  readonly userId?: string
} {
  const { context } = learned
  const session = context.state === 'incomplete' ? context.incompleteSession : context.session
  return session === undefined ? {} : { sessionId: session.id, userId: session.userId }
}

function timeLeft(ms: number): AbortSignal {
  return AbortSignal.timeout(Math.max(1, Math.ceil(ms)))
}

function noAnswer(answer: Answer<Session>): NoAnswer {
  return answer.kind === 'unavailable' ? answer : { kind: 'unavailable', code: 'timeout' }
}

function unavailable({ code, retryAfterMs = 1_000 }: NoAnswer): UnavailableContext {
  return Object.freeze({ state: 'unavailable', reason: code, retryAfterMs })
}

/** The caller's abort detaches that caller alone. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
