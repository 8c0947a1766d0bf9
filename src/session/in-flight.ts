/** The lookups in flight: at most one per cookie, which holds the credential and nothing of a request. */
import type {
  Clock,
  Credential,
  CurrentSessionCall,
  Logger,
  OktaAnswer,
  OktaUnavailable,
} from '../contracts.js'
import type { Limiter } from '../limiter/limiter.js'
import type { CallKind, CallRequest } from '../limiter/policy.js'
import type { Settings } from '../options/options.js'
import type { Session } from '../public-types.js'
import type { NegativeCache, SessionCache } from './cache.js'
import {
  type AnsweredContext,
  anonymous,
  contextOf,
  foundAs,
  type LookupStart,
  sessionOf,
} from './contexts.js'
import { FailedLookups } from './failed-lookups.js'
import type { OktaClock } from './okta-clock.js'
import type { RevocationLog } from './revocations.js'
import type { SharedSessions } from './shared-cache.js'

export interface LookupOptions {
  readonly cache: Settings['cache']
  /** One deadline for a lookup, repeated calls included. */
  readonly timeoutMs: number
  readonly clock: Clock
  readonly random: () => number
  readonly limiter: Limiter
  readonly log: RevocationLog
  /** GetCurrentSession. */
  readonly fetchSession: CurrentSessionCall<Session>
  readonly shared?: SharedSessions | undefined
  readonly logger?: Logger | undefined
  /** The largest difference of Okta's `Date` from the wall clock that is trusted. */
  readonly maxSkewMs?: number | undefined
}

export interface InFlightOptions extends LookupOptions {
  readonly oktaClock: OktaClock
  readonly sessions: SessionCache
  readonly negatives: NegativeCache
}

/** A lookup to be started. */
export interface LookupCall {
  readonly key: string
  readonly credential: Credential
  /** The client's address, normalised, for its failure budget. */
  readonly client?: string | undefined
  /** The client's address as it is sent to Okta; undefined when it is not sent. */
  readonly clientIp?: string | undefined
  /** Calls Okta without a look at the shared cache, whose entry may be old. */
  readonly skipsShared: boolean
  /** Whether a fresh or a negative answer is cached. */
  readonly early?: boolean | undefined
  /** The key of the active session that came in the same request: the failure is charged to that session. */
  readonly beside?: string | undefined
  /** Evaluated when Okta is called: it may change while the shared cache is read. */
  readonly kind: () => CallKind
}

export interface InFlightLookup extends Pick<LookupCall, 'skipsShared'> {
  /** Monotonic milliseconds. */
  readonly startedMono: number
  readonly result: Promise<LookupResult>
}

/** A revocation record after `start` that concerns the context voids it. */
export type LookupResult =
  | { readonly kind: 'answered'; readonly context: AnsweredContext; readonly start: LookupStart }
  | OktaUnavailable

/** An answer this much later than its deadline shows that the machine was suspended. */
const SUSPENDED_AFTER_MS = 5_000

export class InFlightLookups {
  readonly #options: InFlightOptions
  readonly #lookups = new Map<string, InFlightLookup>()
  /** Made with the first failure. */
  #failed: FailedLookups | undefined
  #started = 0
  #overtaken = 0

  constructor(options: InFlightOptions) {
    this.#options = options
  }

  /** Answers discarded because of a revocation since their lookup began. */
  get overtaken(): number {
    return this.#overtaken
  }

  get(key: string): InFlightLookup | undefined {
    return this.#lookups.get(key)
  }

  /** The answer in place of a lookup while the credential rests, since its last lookups failed. */
  resting(key: string): OktaUnavailable | undefined {
    return this.#failed?.resting(key)
  }

  /** Numbers a lookup, or another operation about a session, that begins now. */
  begin(): LookupStart {
    const { clock, log } = this.#options
    this.#started += 1
    return {
      number: this.#started,
      at: clock.now(),
      mono: clock.monotonic(),
      position: log.position,
      sharedPosition: log.sharedPosition,
    }
  }

  start(call: LookupCall): InFlightLookup {
    const { shared, clock } = this.#options
    const skipsShared = shared === undefined || call.skipsShared
    const result = skipsShared ? this.#callOkta(call) : this.#claim(shared, call)
    const lookup = { startedMono: clock.monotonic(), skipsShared, result }
    this.#lookups.set(call.key, lookup)
    const remove = () => {
      if (this.#lookups.get(call.key) === lookup) this.#lookups.delete(call.key)
    }
    result.then(remove, remove)
    return lookup
  }

  async settled(): Promise<void> {
    while (this.#lookups.size > 0)
      await Promise.all([...this.#lookups.values()].map(({ result }) => result))
  }

  /** Takes the shared entry, or calls Okta once for all instances. */
  async #claim(shared: SharedSessions, call: LookupCall): Promise<LookupResult> {
    const { key } = call
    const claim = await shared.claim(key)
    if (claim.kind === 'entry') {
      const start = this.begin()
      const entry = this.#options.sessions.adopt(key, claim.entry, start)
      if (entry !== undefined) return { kind: 'answered', context: foundAs('shared', entry), start }
    }
    const result = await this.#callOkta(call)
    if (claim.kind === 'lease') this.#endLease(shared, key, result, claim.lease)
    return result
  }

  /** Fills the shared cache where there is an active session; else returns the lease. */
  #endLease(shared: SharedSessions, key: string, result: LookupResult, lease: string): void {
    const position = result.kind === 'answered' ? result.start.sharedPosition : undefined
    if (position !== undefined && result.kind === 'answered' && result.context.state === 'active') {
      const { session, askedAt } = result.context
      const { aheadMs: oktaAheadMs } = this.#options.oktaClock
      shared.fill(key, { session, askedAt, oktaAheadMs, position }, lease)
    } else shared.release(key, lease)
  }

  /** Calls Okta, again within the same deadline when a revocation overtakes the answer. */
  async #callOkta(call: LookupCall): Promise<LookupResult> {
    const { limiter, clock, timeoutMs, fetchSession } = this.#options
    const { key, credential, client, clientIp, early, beside } = call
    // A lookup that reads the shared cache gets here without the check for others.
    const resting = this.resting(key)
    if (resting !== undefined) return resting
    let admission: CallRequest = { kind: call.kind(), key, client, early, beside }
    let deadline: number | undefined
    for (;;) {
      let start: LookupStart | undefined
      const answer = await limiter.call(admission, () => {
        start = this.begin()
        const signal = deadline === undefined ? undefined : timeLeft(deadline - start.mono)
        deadline ??= start.mono + timeoutMs
        return this.#track(key, start.mono, fetchSession(credential, { signal, clientIp }))
      })
      const result = start === undefined ? notCalled(answer) : this.#accept(key, answer, start)
      if (result !== 'overtaken') return result
      this.#overtaken += 1
      if (deadline !== undefined && clock.monotonic() >= deadline) return timeout
      // The first call was charged to the failure budget.
      admission = { kind: 'seen', key, client, early }
    }
  }

  async #track(
    key: string,
    startedAt: number,
    pending: Promise<OktaAnswer<Session>>,
  ): Promise<OktaAnswer<Session>> {
    const begun = this.#failed?.begin(key)
    const answer = await pending
    if (answer.kind === 'unavailable') this.#failed ??= new FailedLookups(this.#options.clock)
    this.#failed?.record(key, answer, startedAt, begun)
    return answer
  }

  /** Stores an answer, unless a sign-out, a newer answer or a revocation overtook it. */
  #accept(
    key: string,
    answer: OktaAnswer<Session>,
    start: LookupStart,
  ): LookupResult | 'overtaken' {
    const { cache, clock, oktaClock, log, sessions, negatives, timeoutMs } = this.#options
    if (answer.kind === 'unavailable') return answer
    const now = clock.monotonic()
    if (now - start.mono > timeoutMs + SUSPENDED_AFTER_MS) return timeout
    oktaClock.noticeSuspend(now)
    oktaClock.adjust(answer.head.oktaTime, start)
    const session = answer.kind === 'yes' ? answer.value : undefined
    const context = contextOf(session, start, oktaClock, cache.maxTtlMs)
    // Okta is not called again: no answer would change that the credential is signed out.
    if (log.signOutOf(key) !== undefined)
      return { kind: 'answered', context: anonymous.signed_out, start: this.begin() }
    const newer = negatives.newerThan(start, key)
    if (newer !== undefined) return { kind: 'answered', context: newer.context, start }
    if (log.isVoid(key, sessionOf(context), start.position)) return 'overtaken'
    sessions.store(key, context, start)
    return { kind: 'answered', context, start }
  }
}

const timeout: OktaUnavailable = { kind: 'unavailable', code: 'timeout' }

/** The limiter rejected the call. */
function notCalled(answer: OktaAnswer<Session>): OktaUnavailable {
  return answer.kind === 'unavailable' ? answer : timeout
}

function timeLeft(ms: number): AbortSignal {
  return AbortSignal.timeout(Math.max(1, Math.ceil(ms)))
}
