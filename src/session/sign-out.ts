/** Signs a credential out: here first, then at Okta, where a failed close is retried in the background. */
import type { LineCode } from '../codes.js'
import type { Credential, CurrentSessionCall, Log, OktaUnavailable } from '../contracts.js'
import { type CallRequest, isOverBudget, type Limiter } from '../limiter/limiter.js'
import type { Session } from '../public-types.js'
import { sessionEndsAt } from './contexts.js'
import type { Lookup } from './lookup.js'
import type { RevocationLog, SignOutRecord } from './revocations.js'

/** The credential to sign out, and the client of the request. */
export interface SignOutRequest {
  readonly key: string
  readonly credential: Credential
  readonly client?: string | undefined
  readonly clientIp?: string | undefined
}

/** A sign-out to be closed at Okta, and its session where there is one cached. */
interface Closing {
  readonly request: SignOutRequest
  readonly record: SignOutRecord
  readonly session: Session | undefined
}

export interface SignOutOptions {
  readonly limiter: Limiter
  readonly lookup: Lookup
  readonly log: RevocationLog
  /** GetCurrentSession. */
  readonly fetchSession: CurrentSessionCall<Session>
  /** CloseCurrentSession. */
  readonly closeSession: CurrentSessionCall<void>
  /** The deadline of one exchange with Okta. */
  readonly timeoutMs: number
  readonly logger: Log | undefined
}

/** The first retry within 5 s, then less and less often; about ten minutes in all. */
const RETRY_DELAYS_MS = [2_000, 5_000, 10_000, 20_000, 40_000, 60_000, 120_000, 120_000, 240_000]
const MAX_CONCURRENT_RETRIES = 1_000
const DAY_MS = 24 * 60 * 60_000
const MAX_TIMER_MS = 2 ** 31 - 1

export class SignOut {
  readonly #options: SignOutOptions
  /** Sign-outs whose first call to Okta is in flight. */
  readonly #inFlight = new Map<string, Promise<boolean>>()
  readonly #retries = new Map<string, { readonly done: Promise<void>; readonly stop: () => void }>()
  readonly #warned = new Set<string>()
  #closed = false

  constructor(options: SignOutOptions) {
    this.#options = options
  }

  /**
   * The credential is signed out here when this returns. Resolves with whether Okta has closed the session
   * (or had already).
   */
  signOut(request: SignOutRequest): Promise<boolean> {
    const { key } = request
    // A double click is one sign-out.
    const inFlight = this.#inFlight.get(key)
    if (inFlight !== undefined) return inFlight
    const { log, lookup } = this.#options
    const earlier = log.signOutOf(key)
    if (earlier !== undefined && (!earlier.provisional || this.#retries.has(key)))
      return Promise.resolve(earlier.confirmed)
    const last = lookup.lastAnswer(key)
    // Another instance may withdraw its own record, which must not end this sign-out.
    const own = earlier && log.ownProvisional(key)
    if (last === 'no_session') return Promise.resolve(this.#signOutNotFound(key, own))
    const signedOut =
      last === 'session' ? this.#signOutSeen(request) : this.#signOutUnseen(request, own)
    const done = signedOut.finally(() => this.#inFlight.delete(key))
    this.#inFlight.set(key, done)
    return done
  }

  /** Resolves when no close is in flight or waiting for a retry; keeps the process alive until then. */
  async settled(): Promise<void> {
    const alive = setInterval(() => {}, MAX_TIMER_MS)
    try {
      while (this.#inFlight.size > 0 || this.#retries.size > 0) {
        const retries = [...this.#retries.values()].map(({ done }) => done)
        await Promise.allSettled([...this.#inFlight.values(), ...retries])
      }
    } finally {
      clearInterval(alive)
    }
  }

  /** Ends all retries; calls in flight go on. */
  close(): void {
    this.#closed = true
    for (const { stop } of this.#retries.values()) stop()
  }

  #signOutSeen(request: SignOutRequest): Promise<boolean> {
    const { log, lookup } = this.#options
    const session = lookup.cached(request.key)?.session
    const record = log.signOut(request.key, this.#durationMs(session), 'unconfirmed')
    lookup.recount(request.key)
    return this.#closeAtOkta({ request, record, session })
  }

  /**
   * Okta's cached answer that there is no session answers sign-outs too: Okta is not called. Okta may know the
   * session a moment later. The credential therefore stays signed out provisionally: among a bounded number of
   * others, for a day at most. The next sign-out after the cached answer looks it up again.
   */
  #signOutNotFound(key: string, earlier: SignOutRecord | undefined): true {
    if (earlier === undefined) this.#options.log.signOut(key, DAY_MS, 'provisional')
    return true
  }

  /**
   * An unseen or ended cookie is signed out provisionally, until Okta has answered whether it has a session.
   * `earlier`: its provisional sign-out in force.
   */
  async #signOutUnseen(
    request: SignOutRequest,
    earlier: SignOutRecord | undefined,
  ): Promise<boolean> {
    const { limiter, log, lookup } = this.#options
    const { key, client } = request
    const call: CallRequest = { kind: 'unseen', client, chargeSilence: true }
    const rejected = limiter.admit(call)
    const isOver = rejected !== undefined && isOverBudget(rejected.code)
    const record = earlier ?? (isOver ? undefined : log.signOut(key, DAY_MS, 'provisional'))
    const session = await lookup.sharedSession(key, client)
    if (session !== undefined) {
      // Seen by another instance: a sign-out like that of a cookie seen here.
      const forMs = this.#durationMs(session)
      const seen = record ? log.promote(record, forMs) : log.signOut(key, forMs, 'unconfirmed')
      return this.#closeAtOkta({ request, record: seen, session })
    }
    if (isOver || record === undefined) return false
    return this.#lookUpAndClose(request, call, record, earlier !== undefined)
  }

  /** `isEarlier`: an earlier sign-out made the record. */
  async #lookUpAndClose(
    request: SignOutRequest,
    call: CallRequest,
    provisional: SignOutRecord,
    isEarlier: boolean,
  ): Promise<boolean> {
    const { limiter, log, lookup, fetchSession } = this.#options
    const { key, credential, clientIp } = request
    let record = provisional
    let start = lookup.begin()
    const answer = await limiter.call(call, () => {
      start = lookup.begin()
      return fetchSession(credential, { clientIp })
    })
    switch (answer.kind) {
      case 'yes':
        record = log.promote(record, this.#durationMs(answer.value))
        return this.#closeAtOkta({ request, record, session: answer.value })
      case 'no':
        log.remove(record)
        lookup.storeNotFound(key, start)
        return true
      case 'unavailable':
        if (answer.called || !isOverBudget(answer.code))
          this.#closeLater({ request, record, session: undefined })
        else if (!isEarlier) log.remove(record)
        return false
    }
  }

  async #closeAtOkta(closing: Closing): Promise<boolean> {
    // The same session may be cached under its other cookie.
    this.#forget(closing)
    if ((await this.#tryToClose(closing)) === undefined) return true
    this.#closeLater(closing)
    return false
  }

  /** Undefined when the session is closed at Okta: 204 and 404 both say so. */
  async #tryToClose(closing: Closing): Promise<OktaUnavailable | undefined> {
    const { limiter, log, lookup, closeSession, timeoutMs } = this.#options
    const { key, credential, client, clientIp } = closing.request
    let start = lookup.begin()
    // The credential's share of calls is that of its lookups: they must not use up the call that closes it.
    const call: CallRequest = { operation: 'sign_out', kind: 'seen', key: `out:${key}`, client }
    const answer = await limiter.call(call, () => {
      start = lookup.begin()
      return closeSession(credential, { clientIp })
    })
    if (answer.kind === 'unavailable') return answer
    this.#warned.clear()
    log.confirm(closing.record, 2 * timeoutMs)
    this.#forget(closing)
    // The next sign-out of the cookie is charged like a lookup of one that has ended.
    lookup.storeNotFound(key, start)
    return undefined
  }

  /** A failure to record it is ignored: Okta's own answer reaches the other instances within maxTtlMs. */
  #forget({ session }: Closing): void {
    if (session !== undefined)
      this.#options.lookup.forget({ sessionId: session.id }).catch(() => {})
  }

  #closeLater(closing: Closing): void {
    const { key } = closing.request
    if (this.#closed || this.#retries.has(key)) return
    if (this.#retries.size >= MAX_CONCURRENT_RETRIES) {
      this.#warnOnce(
        'EOS111',
        'Sign-outs are not sent to Okta: too many wait for a retry already. They hold here until the sessions end by themselves',
      )
      return
    }
    const stopped = new AbortController()
    const done = this.#retry(closing, stopped.signal).finally(() => this.#retries.delete(key))
    this.#retries.set(key, { done, stop: () => stopped.abort() })
  }

  async #retry(closing: Closing, stopped: AbortSignal): Promise<void> {
    let failure: OktaUnavailable | undefined
    for (const delayMs of RETRY_DELAYS_MS) {
      await pause(delayMs, stopped)
      if (stopped.aborted) return
      failure = await this.#tryToClose(closing)
      if (failure === undefined || stopped.aborted) return
    }
    this.#warnOnce(
      'EOS112',
      'Okta could not be told of sign-outs. They hold here until the sessions end by themselves',
      { code: failure?.code },
    )
  }

  /** One line of a kind, until a sign-out reaches Okta again. */
  #warnOnce(code: LineCode, message: string, fields?: Readonly<Record<string, unknown>>): void {
    if (this.#warned.has(code)) return
    this.#warned.add(code)
    this.#options.logger?.warn(code, message, fields)
  }

  /** Until the session ends. An end that has passed is in doubt: by another clock it has not, or Okta extends it. */
  #durationMs(session: Session | undefined): number {
    if (session === undefined) return DAY_MS
    const leftMs = sessionEndsAt(session) - this.#options.lookup.oktaNow()
    return leftMs > 0 ? leftMs : DAY_MS
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
