/** The questions under way: one per cookie, carrying the credential only, and what comes home of it. */
import type { Clock, Credential, OktaAnswer, OktaUnavailable } from '../contracts.js'
import type { Limiter } from '../limiter/limiter.js'
import type { CallKind } from '../limiter/policy.js'
import type { Session } from '../public-types.js'
import {
  anonymous,
  foundAs,
  identityOf,
  judgeAnswer,
  type LookupResult,
  type LookupStart,
} from './contexts.js'
import type { LookupCache } from './lookup-cache.js'
import type { RevocationLog } from './revocations.js'
import type { SharedSessions } from './shared-cache.js'

/** Asks Okta whose session this is. Never rejects. */
export type FetchSession = (
  credential: Credential,
  options: { readonly signal?: AbortSignal | undefined; readonly clientIp?: string | undefined },
) => Promise<OktaAnswer<Session>>

/** One question, before it is put. */
export interface LookupCall {
  readonly key: string
  readonly credential: Credential
  /** The client's address, normalised, for its failure budget. */
  readonly client?: string | undefined
  /** What Okta may be told of the client's address. */
  readonly clientIp?: string | undefined
  /** What the fleet knows will not do: Okta itself is to be asked, now. */
  readonly ofOktaItself: boolean
  /** Whether a fresh answer or a no is at hand. */
  readonly early?: boolean | undefined
  /** As the question stands when it is put: it may change while the fleet is asked. */
  readonly kind: () => CallKind
}

export interface InFlightLookup {
  /** Monotonic milliseconds. */
  readonly startedAt: number
  /** Whether Okta itself is asked, now: what the fleet remembers may be old. */
  readonly asksOkta: boolean
  readonly landing: Promise<LookupResult>
}

export interface InFlightOptions {
  /** One deadline for a flight, asking again included. */
  readonly timeoutMs: number
  readonly clock: Clock
  readonly limiter: Limiter
  readonly log: RevocationLog
  readonly known: LookupCache
  readonly fetchSession: FetchSession
  readonly shared?: SharedSessions | undefined
}

/** So much later than its deadline no answer lands on a machine that is awake. */
const LATE_MS = 5_000

export class InFlightLookups {
  readonly #options: InFlightOptions
  readonly #underWay = new Map<string, InFlightLookup>()
  #overtaken = 0

  constructor(options: InFlightOptions) {
    this.#options = options
  }

  /** Answers thrown away because a revocation overtook them. */
  get overtaken(): number {
    return this.#overtaken
  }

  underWay(key: string): InFlightLookup | undefined {
    return this.#underWay.get(key)
  }

  depart(question: LookupCall): InFlightLookup {
    const { shared, clock } = this.#options
    const asksOkta = shared === undefined || question.ofOktaItself
    const landing =
      shared === undefined || asksOkta ? this.#ask(question) : this.#askTogether(shared, question)
    const flight = { startedAt: clock.monotonic(), asksOkta, landing }
    this.#underWay.set(question.key, flight)
    const land = () => {
      if (this.#underWay.get(question.key) === flight) this.#underWay.delete(question.key)
    }
    landing.then(land, land)
    return flight
  }

  async settled(): Promise<void> {
    while (this.#underWay.size > 0)
      await Promise.all([...this.#underWay.values()].map((flight) => flight.landing))
  }

  /** The fleet first: its entry where there is one, else one question to Okta for everybody. */
  async #askTogether(shared: SharedSessions, question: LookupCall): Promise<LookupResult> {
    const { key } = question
    const claim = await shared.claim(key)
    const adopted = claim.kind === 'entry' ? this.#adopt(question, claim.entry) : undefined
    if (adopted !== undefined) return adopted
    const learned = await this.#ask(question)
    if (claim.kind !== 'lease') return learned
    if (
      learned.kind === 'answered' &&
      learned.context.state === 'active' &&
      learned.sharedPosition !== undefined
    ) {
      const { session, askedAt } = learned.context
      const { oktaAheadMs } = this.#options.known
      const entry = { session, askedAt, oktaAheadMs, position: learned.sharedPosition }
      shared.fill(key, entry, claim.lease)
    } else shared.release(key, claim.lease)
    return learned
  }

  #adopt(
    { key }: LookupCall,
    entry: Parameters<LookupCache['adopt']>[1],
  ): LookupResult | undefined {
    const adopted = this.#options.known.adopt(key, entry)
    if (adopted === undefined) return undefined
    return { kind: 'answered', context: foundAs('shared', adopted), position: adopted.position }
  }

  async #ask(question: LookupCall): Promise<LookupResult> {
    const { limiter, clock, known, timeoutMs } = this.#options
    const { key, credential, client, clientIp, early } = question
    let ask = { kind: question.kind(), key, client, early }
    let deadline: number | undefined
    for (;;) {
      let asked: LookupStart | undefined
      const answer = await limiter.call(ask, () => {
        asked = known.asking()
        const signal = deadline === undefined ? undefined : timeLeft(deadline - asked.mono)
        deadline ??= asked.mono + timeoutMs
        return this.#options.fetchSession(credential, { signal, clientIp })
      })
      const learned = asked === undefined ? noAnswer(answer) : this.#take(question, answer, asked)
      if (learned !== 'overtaken') return learned
      this.#overtaken += 1
      if (deadline !== undefined && clock.monotonic() >= deadline) return timeout
      // It has been admitted and has paid already.
      ask = { kind: 'seen', key, client, early }
    }
  }

  /** Takes an answer in, unless something overtook it while Okta was answering. */
  #take(
    { key }: LookupCall,
    answer: OktaAnswer<Session>,
    asked: LookupStart,
  ): LookupResult | 'overtaken' {
    const { clock, log, known, timeoutMs } = this.#options
    if (answer.kind === 'unavailable') return answer
    // A machine that slept meanwhile: such an answer is about another time.
    if (clock.monotonic() - asked.mono > timeoutMs + LATE_MS) return timeout
    known.noticeSuspend()
    known.hearOktaTime(answer.head.oktaTime, asked)
    const verdict = judgeAnswer(
      answer.kind === 'yes' ? answer.value : undefined,
      asked,
      known.times,
    )
    // Before storing: a revocation that came meanwhile. Of who is refused Okta need not be asked again.
    if (log.refusal(key) !== undefined)
      return { kind: 'answered', context: anonymous.signed_out, position: log.position }
    const newerNo = known.newerNo(asked.turn, key)
    if (newerNo !== undefined)
      return { kind: 'answered', context: newerNo.context, position: asked.position }
    if (log.voids({ key, ...identityOf(verdict.context) }, asked.position)) return 'overtaken'
    known.store(key, verdict, asked)
    return verdict
  }
}

const timeout: OktaUnavailable = { kind: 'unavailable', code: 'timeout' }

/** The limiter let nothing through. */
function noAnswer(answer: OktaAnswer<Session>): OktaUnavailable {
  return answer.kind === 'unavailable' ? answer : timeout
}

function timeLeft(ms: number): AbortSignal {
  return AbortSignal.timeout(Math.max(1, Math.ceil(ms)))
}
