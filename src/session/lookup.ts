/** From a credential to a verdict: what is known here first, then one question to Okta, whoever and however many ask. */
import type { Clock, CookieKind, Credential, OktaUnavailable } from '../contracts.js'
import type { Limiter } from '../limiter/limiter.js'
import type { CallKind } from '../limiter/policy.js'
import type { Settings } from '../options/options.js'
import type { Session, UnavailableContext } from '../public-types.js'
import type { CachedSession } from './cache.js'
import { credentialKey } from './cache-key.js'
import {
  anonymous,
  type FoundContext,
  type FoundSession,
  foundAs,
  identityOf,
  judgeAnswer,
  type LookupStart,
  unavailable,
} from './contexts.js'
import { type FetchSession, type InFlightLookup, InFlightLookups } from './in-flight.js'
import { LookupCache } from './lookup-cache.js'
import type { NegativeEntry } from './negative-cache.js'
import { subject } from './revocation-subjects.js'
import type { RevocationLog } from './revocations.js'
import type { SharedSessions } from './shared-cache.js'

/** On whose behalf a lookup is made, and what would satisfy it. */
export interface LookupRequest {
  /** The client's address, normalised, for its failure budget; undefined when it is not known. */
  readonly client?: string | undefined
  /** What Okta may be told of the client's address. */
  readonly clientIp?: string | undefined
  /** A page navigation: a no that has rested is asked again, a second old at first. */
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
  readonly limiter: Limiter
  readonly log: RevocationLog
  readonly fetchSession: FetchSession
  readonly shared?: SharedSessions | undefined
}

/** As long as a question usually waits for its turn at most. */
const LONGEST_WAIT_MS = 1_000

export class Lookup {
  readonly #options: LookupOptions
  readonly #clock: Clock
  readonly #log: RevocationLog
  readonly #known: LookupCache
  readonly #flights: InFlightLookups
  readonly #counts = {
    hits: 0,
    misses: 0,
    negatives: 0,
    stale: 0,
    coalesced: 0,
    refreshedAhead: 0,
  }
  #closed = false

  constructor(options: LookupOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#log = options.log
    this.#known = new LookupCache(options)
    this.#flights = new InFlightLookups({ ...options, known: this.#known })
  }

  /**
   * The hit path: a fresh yes that stands, or undefined. `pair` is the credential as one text,
   * `name=value`: it is taken apart only when it has to be asked about.
   */
  recall(key: string, as: CookieKind, pair: string, clientIp?: string): CachedSession | undefined {
    const now = this.#clock.monotonic()
    const entry = this.#known.fresh(key, now)
    if (entry === undefined) return undefined
    this.#counts.hits += 1
    if (entry.isDue(now)) {
      const value = pair.slice(as.length + 1)
      this.#refreshAhead(entry, key, { as, value }, clientIp)
    }
    return entry
  }

  /** Everything a hit does not settle. Synchronous where nothing has to be asked. */
  ask(
    key: string,
    credential: Credential,
    asker: LookupRequest,
  ): FoundContext | Promise<FoundContext> {
    if (this.#closed) return unavailable({ kind: 'unavailable', code: 'closed' })
    if (this.#log.refusal(key) !== undefined) return anonymous.signed_out
    const now = this.#clock.monotonic()
    const negative = this.#known.negative(key, now)
    if (negative !== undefined && !asksAgain(negative, asker, now)) {
      this.#counts.negatives += 1
      return negative.context
    }
    const underWay = this.#flights.underWay(key)
    if (underWay !== undefined && satisfies(underWay, asker, now)) {
      this.#counts.coalesced += 1
      return this.#await(underWay, key, credential, asker)
    }
    const early = this.#isEarly(key, now)
    const obstacle = this.#obstacle(key, asker, early, now)
    if (obstacle !== undefined)
      return negative?.context ?? this.#withoutAnswer(obstacle, key, asker)
    this.#counts.misses += 1
    const flight = this.#flights.depart({
      key,
      credential,
      client: asker.client,
      clientIp: asker.clientIp,
      early,
      ofOktaItself: asker.maxStalenessMs !== undefined,
      kind: () => this.#kindOf(key, asker, this.#clock.monotonic()),
    })
    return this.#await(flight, key, credential, asker)
  }

  /** Whether a session found earlier may be acted on now: not revoked since, not ended, not too old. */
  isCurrent(context: FoundSession): boolean {
    return this.#known.isCurrent(context)
  }

  /** What is known here without asking anybody, however old, up to the session's own end. */
  peek(key: string): FoundContext | undefined {
    return this.#known.peek(key)
  }

  /** Whether this credential was signed out here, whatever Okta would say of it. */
  isRefused(key: string): boolean {
    return this.#log.refusal(key) !== undefined
  }

  /** Whether something was recorded that refuses or voids a session since it was found. */
  isOvertaken(key: string, { session, position }: FoundSession): boolean {
    const { id: sessionId, userId } = session
    return this.isRefused(key) || this.#log.voids({ key, sessionId, userId }, position)
  }

  /** Whether this credential had a yes here within a day. */
  hasSeen(key: string): boolean {
    return this.#known.hasSeen(key, this.#clock.monotonic())
  }

  /** The moment a question is put; hand it back to {@link learn} with the answer. */
  asking(): LookupStart {
    return this.#known.asking()
  }

  /**
   * Takes in a session Okta gave in answer to another operation, unless something overtook it, and says
   * what it comes to. Who is refused stays so: a sign-out may not have reached Okta yet.
   */
  learn(
    key: string,
    session: Session,
    asked: LookupStart,
    oktaTime: number | undefined,
  ): Exclude<FoundContext, UnavailableContext> {
    if (this.isRefused(key)) return anonymous.signed_out
    this.#known.hearOktaTime(oktaTime, asked)
    const verdict = judgeAnswer(session, asked, this.#known.times)
    const { id: sessionId, userId } = session
    if (!this.#log.voids({ key, sessionId, userId }, asked.position))
      this.#known.store(key, verdict, asked)
    return verdict.context
  }

  /** Takes in that Okta does not know this credential (any more). */
  learnNo(key: string, asked: LookupStart): void {
    const { position } = asked
    this.#known.store(key, { kind: 'answered', context: anonymous.not_found, position }, asked)
  }

  /** A new session under this credential: an old no does not count. */
  dropNegative(key: string): void {
    this.#known.dropNegative(key)
  }

  /** Nothing learned before now of this credential counts. */
  forgetCredential(key: string): Promise<void> {
    return this.#log.forget([subject.credential(key)], 'credential')
  }

  /** Nothing learned before now about this session or user counts. */
  forget(target: { readonly sessionId: string } | { readonly userId: string }): Promise<void> {
    if ('userId' in target) return this.#log.forget([subject.user(target.userId)], 'user')
    const keys = [credentialKey('sid', target.sessionId), credentialKey('idx', target.sessionId)]
    for (const key of keys) this.#known.dropNegative(key)
    const subjects = [subject.session(target.sessionId), ...keys.map(subject.credential)]
    return this.#log.forget(subjects, 'session')
  }

  /** Okta's time now, epoch milliseconds, as its last answer set it. */
  oktaNow(): number {
    return this.#known.oktaNow()
  }

  /** Resolves when no lookup is under way. */
  settled(): Promise<void> {
    return this.#flights.settled()
  }

  close(): void {
    this.#closed = true
    this.#known.close()
  }

  stats() {
    return { ...this.#counts, overtaken: this.#flights.overtaken, ...this.#known.stats() }
  }

  #kindOf(key: string, asker: LookupRequest, now: number): CallKind {
    // A session that has ended pays for being asked about again, as one never seen does.
    if (!this.#known.hasSeen(key, now) || this.#known.hasEnded(key)) return 'unseen'
    // One that would end while it waits has nothing to be served with.
    const canServeStale =
      asker.maxStalenessMs === undefined &&
      this.#known.usable(key, now + LONGEST_WAIT_MS) !== undefined
    return canServeStale ? 'stale' : 'seen'
  }

  /**
   * Whether an answer is at hand that would do for most: a no, or a fresh yes in the first half of its time.
   * A yes in doubt, or one that a revocation voids, is none.
   */
  #isEarly(key: string, now: number): boolean {
    if (this.#known.lastNo(key) !== undefined) return true
    const entry = this.#known.fresh(key, now)
    return entry !== undefined && now - entry.askedMono < this.#options.cache.ttlMs / 2
  }

  #obstacle(
    key: string,
    asker: LookupRequest,
    early: boolean,
    now: number,
  ): OktaUnavailable | undefined {
    // The fleet may know this cookie: whether a call is needed is not known yet.
    if (this.#options.shared !== undefined) return undefined
    return this.#options.limiter.admit({
      kind: this.#kindOf(key, asker, now),
      key,
      client: asker.client,
      early,
    })
  }

  #refreshAhead(
    entry: CachedSession,
    key: string,
    credential: Credential,
    clientIp: string | undefined,
  ): void {
    if (entry.triedAhead || this.#flights.underWay(key) !== undefined) return
    if (this.#options.limiter.admit({ kind: 'prefetch' }) !== undefined) return
    entry.tryAhead()
    this.#counts.refreshedAhead += 1
    this.#flights.depart({ key, credential, clientIp, ofOktaItself: true, kind: () => 'prefetch' })
  }

  async #await(
    flight: InFlightLookup,
    key: string,
    credential: Credential,
    asker: LookupRequest,
  ): Promise<FoundContext> {
    const learned = await unlessAborted(flight.landing, asker.signal)
    if (learned.kind === 'unavailable') return this.#withoutAnswer(learned, key, asker)
    // Before answering: a revocation that came between the landing and this caller's turn.
    if (this.#log.voids({ key, ...identityOf(learned.context) }, learned.position))
      return this.ask(key, credential, asker)
    return learned.context
  }

  #withoutAnswer(why: OktaUnavailable, key: string, asker: LookupRequest): FoundContext {
    if (this.#log.refusal(key) !== undefined) return anonymous.signed_out
    const now = this.#clock.monotonic()
    const entry = asker.maxStalenessMs === undefined ? this.#known.usable(key, now) : undefined
    if (entry === undefined) return unavailable(why)
    this.#counts.stale += 1
    return foundAs('stale', entry)
  }
}

function asksAgain(negative: NegativeEntry, asker: LookupRequest, now: number): boolean {
  const age = now - negative.since
  if (age <= negative.restMs) return false
  if (asker.maxStalenessMs !== undefined && age > asker.maxStalenessMs) return true
  return asker.navigation === true
}

function satisfies(
  flight: InFlightLookup,
  { maxStalenessMs }: LookupRequest,
  now: number,
): boolean {
  if (maxStalenessMs === undefined) return true
  return maxStalenessMs > 0 && flight.asksOkta && now - flight.startedAt <= maxStalenessMs
}

/** The caller's abort detaches that caller alone. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) {
      abort()
      return
    }
    signal.addEventListener('abort', abort, { once: true })
    const detach = () => signal.removeEventListener('abort', abort)
    promise.then(resolve, reject).then(detach, detach)
  })
}
