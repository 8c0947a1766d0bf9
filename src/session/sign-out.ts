/** Signs a credential out: refused here first, then closed at Okta, and asked again until Okta has heard. */
import type { Credential, Logger, OktaAnswer, OktaUnavailable } from '../contracts.js'
import { type CallRequest, isOverBudget, type Limiter } from '../limiter/limiter.js'
import type { Session } from '../public-types.js'
import { sessionEndsAt } from './contexts.js'
import type { FetchSession } from './in-flight.js'
import type { Lookup } from './lookup.js'
import type { RevocationLog, SignOutRecord } from './revocations.js'

/** CloseCurrentSession. Never rejects. */
export type CloseSession = (
  credential: Credential,
  options: { readonly clientIp?: string | undefined },
) => Promise<OktaAnswer<void>>

/** The credential to sign out, and on whose behalf. */
export interface SignOutRequest {
  readonly key: string
  readonly credential: Credential
  readonly client?: string | undefined
  readonly clientIp?: string | undefined
}

export interface SignOutOptions {
  readonly limiter: Limiter
  readonly lookup: Lookup
  readonly log: RevocationLog
  readonly fetchSession: FetchSession
  readonly closeSession: CloseSession
  /** The deadline of one exchange with Okta. */
  readonly timeoutMs: number
  readonly logger: Logger | undefined
}

/** The first within 5 s, then less and less often; about ten minutes in all. */
const RETRY_DELAYS_MS = [2_000, 5_000, 10_000, 20_000, 40_000, 60_000, 120_000, 120_000, 240_000]
const MOST_RETRIES_AT_ONCE = 1_000
const A_DAY_MS = 24 * 60 * 60_000
const LONG_MS = 2 ** 31 - 1

export class SignOut {
  readonly #options: SignOutOptions
  /** Sign-outs whose first word from Okta is awaited. */
  readonly #underWay = new Map<string, Promise<boolean>>()
  readonly #retries = new Map<string, { readonly done: Promise<void>; readonly stop: () => void }>()
  readonly #complaints = new Set<string>()
  #closed = false

  constructor(options: SignOutOptions) {
    this.#options = options
  }

  /**
   * Refuses the credential before it returns; the promise tells whether Okta has closed the session
   * (or had already).
   */
  signOut(leaver: SignOutRequest): Promise<boolean> {
    // A second press of the button is the same sign-out.
    const underWay = this.#underWay.get(leaver.key)
    if (underWay !== undefined) return underWay
    const standing = this.#options.log.refusal(leaver.key)
    if (standing !== undefined) return Promise.resolve(standing.confirmed)
    const signedOut = this.#options.lookup.hasSeen(leaver.key)
      ? this.#signOutKnown(leaver)
      : this.#signOutUnknown(leaver)
    const done = signedOut.finally(() => this.#underWay.delete(leaver.key))
    this.#underWay.set(leaver.key, done)
    return done
  }

  /** Resolves when no close is waiting to be tried again; keeps the process alive until then. */
  async settled(): Promise<void> {
    const alive = setInterval(() => {}, LONG_MS)
    try {
      while (this.#underWay.size > 0 || this.#retries.size > 0) {
        const retries = [...this.#retries.values()].map(({ done }) => done)
        await Promise.allSettled([...this.#underWay.values(), ...retries])
      }
    } finally {
      clearInterval(alive)
    }
  }

  /** What is waiting to be tried again is given up; nothing more is. */
  close(): void {
    this.#closed = true
    for (const { stop } of this.#retries.values()) stop()
  }

  async #signOutKnown(leaver: SignOutRequest): Promise<boolean> {
    const { log, lookup } = this.#options
    const context = lookup.peek(leaver.key)
    const session = context?.state === 'active' ? context.session : undefined
    const refusal = log.refuse(leaver.key, this.#lastsFor(session), 'refusing')
    return this.#closeAtOkta(leaver, refusal, session)
  }

  /** A cookie nobody here has seen is refused until Okta has said whether it is anybody's. */
  async #signOutUnknown(leaver: SignOutRequest): Promise<boolean> {
    const { limiter, log, lookup, fetchSession } = this.#options
    const { key, credential, client, clientIp } = leaver
    const ask: CallRequest = { kind: 'unseen', client, chargeSilence: true }
    const obstacle = limiter.admit(ask)
    if (obstacle !== undefined && isOverBudget(obstacle.code)) return false
    const refusal = log.refuse(key, A_DAY_MS, 'provisional')
    let asked = lookup.begin()
    const answer = await limiter.call(ask, () => {
      asked = lookup.begin()
      return fetchSession(credential, { clientIp })
    })
    switch (answer.kind) {
      case 'yes':
        log.establish(refusal, this.#lastsFor(answer.value))
        return this.#closeAtOkta(leaver, refusal, answer.value)
      case 'no':
        log.withdraw(refusal)
        lookup.storeNotFound(key, asked)
        return true
      case 'unavailable':
        if (!answer.called && isOverBudget(answer.code)) log.withdraw(refusal)
        else this.#closeLater(leaver, refusal, undefined)
        return false
    }
  }

  async #closeAtOkta(
    leaver: SignOutRequest,
    refusal: SignOutRecord,
    session: Session | undefined,
  ): Promise<boolean> {
    // The same session may be known here under its other cookie.
    if (session !== undefined) this.#forget(session)
    if ((await this.#tryToClose(leaver, refusal, session)) === undefined) return true
    this.#closeLater(leaver, refusal, session)
    return false
  }

  /** Undefined when the session is closed at Okta. 204 and 404 are both done. */
  async #tryToClose(
    { credential, clientIp }: SignOutRequest,
    refusal: SignOutRecord,
    session: Session | undefined,
  ): Promise<OktaUnavailable | undefined> {
    const { limiter, log, closeSession, timeoutMs } = this.#options
    const answer = await limiter.call({ kind: 'seen' }, () =>
      closeSession(credential, { clientIp }),
    )
    if (answer.kind === 'unavailable') return answer
    this.#complaints.clear()
    log.confirm(refusal, 2 * timeoutMs)
    if (session !== undefined) this.#forget(session)
    return undefined
  }

  /** Here at once. Where the other instances can't be told, Okta's no reaches them within their maxTtlMs. */
  #forget(session: Session): void {
    this.#options.lookup.forget({ sessionId: session.id }).catch(() => {})
  }

  #closeLater(leaver: SignOutRequest, refusal: SignOutRecord, session: Session | undefined): void {
    if (this.#closed || this.#retries.has(leaver.key)) return
    if (this.#retries.size >= MOST_RETRIES_AT_ONCE) {
      this.#complain('Sign-outs are not told to Okta: too many are waiting already')
      return
    }
    const stopped = new AbortController()
    const done = this.#keepTrying(leaver, refusal, session, stopped.signal).finally(() =>
      this.#retries.delete(leaver.key),
    )
    this.#retries.set(leaver.key, { done, stop: () => stopped.abort() })
  }

  async #keepTrying(
    leaver: SignOutRequest,
    refusal: SignOutRecord,
    session: Session | undefined,
    stopped: AbortSignal,
  ): Promise<void> {
    let failure: OktaUnavailable | undefined
    for (const delayMs of RETRY_DELAYS_MS) {
      await pause(delayMs, stopped)
      if (stopped.aborted) return
      failure = await this.#tryToClose(leaver, refusal, session)
      if (failure === undefined) return
      if (stopped.aborted) return
    }
    this.#complain('Okta could not be told of sign-outs', { code: failure?.code })
  }

  /** Once, until a sign-out gets through again. */
  #complain(what: string, fields?: Readonly<Record<string, unknown>>): void {
    if (this.#complaints.has(what)) return
    this.#complaints.add(what)
    const message = `${what}. They are refused here until their sessions end by themselves`
    this.#options.logger?.warn(message, fields)
  }

  #lastsFor(session: Session | undefined): number {
    return session === undefined
      ? A_DAY_MS
      : sessionEndsAt(session) - this.#options.lookup.oktaNow()
  }
}

/** Waits without keeping the process alive; ends early when stopped. */
function pause(ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    timer.unref()
    stopped.addEventListener('abort', done, { once: true })
    function done(): void {
      clearTimeout(timer)
      stopped.removeEventListener('abort', done)
      resolve()
    }
  })
}
