/** The lookups in flight: one per cookie, with the credential alone, and what their answers come to. */
import type { Clock, Credential, OktaAnswer, OktaUnavailable } from '../contracts.js'
import type { Limiter } from '../limiter/limiter.js'
import type { CallKind } from '../limiter/policy.js'
import type { Settings } from '../options/options.js'
import type { Session } from '../public-types.js'
import type { SessionCache } from './cache.js'
import {
  anonymous,
  foundAs,
  judgeAnswer,
  type LookupResult,
  type LookupStart,
  sessionOf,
} from './contexts.js'
import type { NegativeCache } from './negative-cache.js'
import type { OktaClock } from './okta-clock.js'
import type { RevocationLog } from './revocations.js'
import type { SharedSessions } from './shared-cache.js'

/** GetCurrentSession. Never rejects. */
export type FetchSession = (
  credential: Credential,
  options: { readonly signal?: AbortSignal | undefined; readonly clientIp?: string | undefined },
) => Promise<OktaAnswer<Session>>

export interface LookupOptions {
  readonly cache: Settings['cache']
  /** One deadline for a lookup, repeated calls included. */
  readonly timeoutMs: number
  readonly clock: Clock
  readonly random: () => number
  readonly limiter: Limiter
  readonly log: RevocationLog
  readonly fetchSession: FetchSession
  readonly shared?: SharedSessions | undefined
}

/** A lookup to be started. */
export interface LookupCall {
  readonly key: string
  readonly credential: Credential
  /** The client's address, normalised, for its failure budget. */
  readonly client?: string | undefined
  /** The client's address as Okta may be told it. */
  readonly clientIp?: string | undefined
  /** Calls Okta without a look at the shared cache. */
  readonly skipsShared: boolean
  /** Whether a fresh or a negative answer is cached. */
  readonly early?: boolean | undefined
  /** Evaluated when Okta is called: it may change while the shared cache is read. */
  readonly kind: () => CallKind
}

export interface InFlightLookup {
  /** Monotonic milliseconds. */
  readonly startedAt: number
  /** Whether it calls Okta without a look at the shared cache, whose entry may be old. */
  readonly skipsShared: boolean
  readonly result: Promise<LookupResult>
}

export interface InFlightOptions extends LookupOptions {
  readonly oktaClock: OktaClock
  readonly sessions: SessionCache
  readonly negatives: NegativeCache
}

/** An answer this much later than its deadline shows that the machine was suspended. */
const SUSPENDED_AFTER_MS = 5_000

export class InFlightLookups {
  readonly #options: InFlightOptions
  readonly #lookups = new Map<string, InFlightLookup>()
  #turns = 0
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

  /** The start of a lookup or of another operation, to be handed back with its answer. */
  begin(): LookupStart {
    const { clock, log } = this.#options
    this.#turns += 1
    return {
      turn: this.#turns,
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
    const lookup = { startedAt: clock.monotonic(), skipsShared, result }
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
    if (claim.kind === 'lease') this.#fill(shared, key, result, claim.lease)
    return result
  }

  /** Ends the lease: with an entry for all instances, where there is an active session. */
  #fill(shared: SharedSessions, key: string, result: LookupResult, lease: string): void {
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
    const { key, credential, client, clientIp, early } = call
    let admission = { kind: call.kind(), key, client, early }
    let deadline: number | undefined
    for (;;) {
      let start: LookupStart | undefined
      const answer = await limiter.call(admission, () => {
        start = this.begin()
        const signal = deadline === undefined ? undefined : timeLeft(deadline - start.mono)
        deadline ??= start.mono + timeoutMs
        return fetchSession(credential, { signal, clientIp })
      })
      const result = start === undefined ? notCalled(answer) : this.#take(key, answer, start)
      if (result !== 'overtaken') return result
      this.#overtaken += 1
      if (deadline !== undefined && clock.monotonic() >= deadline) return timeout
      // The first call was charged to the failure budget.
      admission = { kind: 'seen', key, client, early }
    }
  }

  /** Stores an answer, unless a revocation overtook it. */
  #take(key: string, answer: OktaAnswer<Session>, start: LookupStart): LookupResult | 'overtaken' {
    const { clock, oktaClock, log, sessions, negatives, timeoutMs } = this.#options
    if (answer.kind === 'unavailable') return answer
    const now = clock.monotonic()
    if (now - start.mono > timeoutMs + SUSPENDED_AFTER_MS) return timeout
    oktaClock.noticeSuspend(now)
    oktaClock.hear(answer.head.oktaTime, start)
    const session = answer.kind === 'yes' ? answer.value : undefined
    const answered = judgeAnswer(session, start, oktaClock, this.#options.cache.maxTtlMs)
    // A signed-out credential needs no other call.
    if (log.signOutOf(key) !== undefined)
      return { kind: 'answered', context: anonymous.signed_out, start: this.begin() }
    const newer = negatives.newerThan(start.turn, key)
    if (newer !== undefined) return { kind: 'answered', context: newer.context, start }
    if (log.isVoid(key, sessionOf(answered.context), start.position)) return 'overtaken'
    sessions.store(key, answered)
    return answered
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
