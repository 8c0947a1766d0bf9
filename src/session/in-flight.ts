/** The lookups in flight: at most one per cookie, which holds the credential and nothing of a request. */

import { type LookupMessage, type TracedEnd, trace, tracers } from '../channels.js'
import type {
  Clock,
  Credential,
  CurrentSessionCall,
  Log,
  OktaAnswer,
  OktaUnavailable,
} from '../contracts.js'
import type { Limiter } from '../limiter/limiter.js'
import type { CallRequest } from '../limiter/policy.js'
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
import type { Claim, ReleaseReason, SharedEntry, SharedStore } from './shared-cache.js'
import type { StoreReads } from './store-reads.js'

export interface LookupOptions {
  /** The host of the org, for messages. */
  readonly org: string
  readonly cache: Settings['cache']
  /** One deadline for a lookup, repeated calls included. */
  readonly timeoutMs: number
  readonly clock: Clock
  readonly random: () => number
  readonly limiter: Limiter
  readonly log: RevocationLog
  /** GetCurrentSession. */
  readonly fetchSession: CurrentSessionCall<Session>
  readonly shared?: SharedStore | undefined
  readonly logger?: Log | undefined
  /** The largest difference of Okta's `Date` from the wall clock that is trusted. */
  readonly maxSkewMs?: number | undefined
}

export interface InFlightOptions extends LookupOptions {
  readonly oktaClock: OktaClock
  readonly sessions: SessionCache
  readonly negatives: NegativeCache
  /** Undefined without a shared cache. */
  readonly storeReads: StoreReads | undefined
}

/** A lookup to be started. */
export interface LookupCall {
  readonly key: string
  readonly credential: Credential
  /** The client's address, normalised, for its failure budget. */
  readonly client?: string | undefined
  /** The client's address as it is sent to Okta; undefined when it is not sent. */
  readonly clientIp?: string | undefined
  /** Calls Okta without a look at the shared cache. */
  readonly skipsShared: boolean
  /** A shared entry whose lookup began before this, epoch milliseconds, is too old. */
  readonly since: number
  /** Whether a fresh or a negative answer is cached. */
  readonly early?: boolean | undefined
  /** The key of the active session that came in the same request: the failure is charged to that session. */
  readonly beside?: string | undefined
  /** Evaluated when Okta is called: it may change while the shared cache is read. */
  readonly kind: () => LookupMessage['kind']
}

export interface InFlightLookup extends Pick<LookupCall, 'skipsShared'> {
  /** Monotonic milliseconds. */
  readonly startedMono: number
  readonly result: Promise<LookupResult>
}

/** A revocation record after `start` that concerns the context voids it. */
export type LookupResult =
  | { readonly kind: 'answered'; readonly context: AnsweredContext; readonly start: LookupStart }
  | (OktaUnavailable & { readonly called?: boolean })

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
    const result = tracers.lookup.hasSubscribers
      ? this.#tracedResultOf(shared, call)
      : this.#resultOf(shared, call)
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

  #tracedResultOf(shared: SharedStore | undefined, call: LookupCall): Promise<LookupResult> {
    const { org, clock } = this.#options
    const began = clock.monotonic()
    const message: LookupMessage = { org, kind: call.kind() }
    return trace(
      tracers.lookup,
      message,
      () => this.#resultOf(shared, call),
      (end) => {
        const durationMs = clock.monotonic() - began
        return 'result' in end
          ? endOf(end.result, durationMs)
          : { fields: { durationMs }, error: new Error('lookup: failed') }
      },
    )
  }

  #resultOf(shared: SharedStore | undefined, call: LookupCall): Promise<LookupResult> {
    if (shared === undefined) return this.#callOkta(call)
    return call.skipsShared ? this.#callAndShare(shared, call) : this.#claim(shared, call)
  }

  /** Takes the shared entry, or calls Okta once for all instances. */
  async #claim(shared: SharedStore, call: LookupCall): Promise<LookupResult> {
    const { key, client, since } = call
    const giveBack = this.#options.storeReads?.charge(call.kind(), client)
    // Made-up cookies must not become a flood of commands: the budgets for calls to Okta decide.
    if (giveBack === undefined) return this.#callAndShare(shared, call)
    const claim = await shared.claim(key, since)
    const adopted = this.#adopt(key, claim, giveBack)
    if (adopted !== undefined) return adopted
    return this.#callAndShare(shared, call, claim.kind === 'lease' ? claim.lease : undefined)
  }

  /** What the shared cache answers; undefined where Okta must. An entry that is stale is cached all the same. */
  #adopt(key: string, claim: Claim, giveBack: () => void): LookupResult | undefined {
    const { sessions, log } = this.#options
    if (claim.kind === 'failed') return { kind: 'unavailable', code: claim.code }
    if (claim.kind === 'refused') {
      const { id, forMs, state } = claim.refusal
      log.noteSignOut(key, id, forMs, state)
      return { kind: 'answered', context: anonymous.signed_out, start: this.begin() }
    }
    const entry = claim.kind === 'unknown' ? undefined : claim.entry
    if (entry === undefined) return undefined
    giveBack()
    const start = this.begin()
    const adopted = sessions.adopt(key, entry, start)
    if (adopted === undefined || claim.kind !== 'entry') return undefined
    return { kind: 'answered', context: foundAs('shared', adopted), start }
  }

  /** Calls Okta, and tells the shared cache what it answered. */
  async #callAndShare(
    shared: SharedStore,
    call: LookupCall,
    lease?: string,
  ): Promise<LookupResult> {
    const result = await this.#callOkta(call)
    const entry = this.#entryOf(result)
    const why = releaseReasonOf(result)
    if (entry !== undefined) shared.fill(call.key, entry, lease)
    else if (lease !== undefined || why?.kind === 'no') shared.release(call.key, lease, why)
    return result
  }

  /** What other instances may be told: an active session that this process found after it read the log. */
  #entryOf(result: LookupResult): SharedEntry | undefined {
    if (result.kind !== 'answered' || result.context.state !== 'active') return undefined
    const { sharedPosition: position } = result.start
    if (position === undefined) return undefined
    const { session, askedAt } = result.context
    return { session, askedAt, oktaAheadMs: this.#options.oktaClock.aheadMs, position }
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

function endOf(result: LookupResult, durationMs: number): TracedEnd<LookupMessage> {
  if (result.kind === 'unavailable') {
    const { code } = result
    const error = Object.assign(new Error(`lookup: ${code}`), { code })
    return { fields: { state: 'unavailable', reason: code, durationMs }, error }
  }
  const { context } = result
  if (context.state !== 'active')
    return { fields: { state: context.state, reason: context.reason, durationMs } }
  const source = context.source === 'shared' ? 'shared' : 'okta'
  return { fields: { state: 'active', source, durationMs } }
}

const timeout: OktaUnavailable = { kind: 'unavailable', code: 'timeout' }

/** What ended the lookup at Okta. A rejection by this instance's own limiter says nothing to the others. */
function releaseReasonOf(result: LookupResult): ReleaseReason | undefined {
  if (result.kind === 'unavailable')
    return result.called === true ? { kind: 'unavailable', code: result.code } : undefined
  return result.context === anonymous.not_found ? { kind: 'no', at: result.start.at } : undefined
}

/** The limiter rejected the call. */
function notCalled(answer: OktaAnswer<Session>): OktaUnavailable {
  return answer.kind === 'unavailable' ? answer : timeout
}

function timeLeft(ms: number): AbortSignal {
  return AbortSignal.timeout(Math.max(1, Math.ceil(ms)))
}
