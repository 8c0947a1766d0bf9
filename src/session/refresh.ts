/** Extends a live session at Okta, at most once in a while for each, whoever and however many ask. */
import { LRUCache } from 'lru-cache'
import type { Clock, Credential, OktaAnswer, OktaUnavailable } from '../contracts.js'
import type { Limiter } from '../limiter/limiter.js'
import type { CallKind } from '../limiter/policy.js'
import type { AnonymousContext, IncompleteContext, Session } from '../public-types.js'
import { anonymous } from './contexts.js'
import type { Lookup } from './lookup.js'

/** RefreshCurrentSession. Never rejects. */
export type RefreshSession = (
  credential: Credential,
  options: { readonly clientIp?: string | undefined },
) => Promise<OktaAnswer<Session>>

/** The session as known before the refresh, and the credential it is refreshed by. */
export interface Refreshable {
  readonly key: string
  readonly credential: Credential
  readonly session: Session
  readonly clientIp?: string | undefined
}

export type Refreshed =
  | {
      readonly kind: 'refreshed'
      readonly session: Session
      /** Okta's own Set-Cookie lines. Secrets. */
      readonly setCookies: readonly string[]
    }
  /** It was refreshed a short while ago; Okta was not asked. */
  | { readonly kind: 'recent'; readonly expiresAt: string }
  /** There is no active session any more. */
  | { readonly kind: 'over'; readonly context: AnonymousContext | IncompleteContext }
  | OktaUnavailable

export interface RefresherOptions {
  readonly limiter: Limiter
  readonly lookup: Lookup
  readonly clock: Clock
  readonly refreshSession: RefreshSession
  readonly maxSessions: number
}

/** The last refresh of a session: under way, or what came of it. */
interface LastRefresh {
  /** Monotonic milliseconds at which it was asked for. */
  readonly at: number
  readonly underWay?: Promise<Refreshed>
  readonly expiresAt?: string
}

export class Refresher {
  readonly #options: RefresherOptions
  readonly #last: LRUCache<string, LastRefresh>
  readonly #underWay = new Set<Promise<Refreshed>>()

  constructor(options: RefresherOptions) {
    this.#options = options
    this.#last = new LRUCache({ max: options.maxSessions })
  }

  /** At most one call to Okta per `everyMs` and session; who comes while it is under way waits for it. */
  async refresh(target: Refreshable, everyMs: number, kind: CallKind): Promise<Refreshed> {
    const { clock, lookup } = this.#options
    if (lookup.isSignedOut(target.key)) return { kind: 'over', context: anonymous.signed_out }
    const at = clock.monotonic()
    const last = this.#last.get(target.key)
    if (last?.underWay !== undefined) return withoutCookies(await last.underWay)
    if (last?.expiresAt !== undefined && at - last.at < everyMs)
      return { kind: 'recent', expiresAt: later(last.expiresAt, target.session.expiresAt) }
    const underWay = this.#ask(target, kind)
    this.#last.set(target.key, { at, underWay })
    this.#underWay.add(underWay)
    const refreshed = await underWay.finally(() => this.#underWay.delete(underWay))
    // Anything else was no refresh: the next request may try again.
    if (refreshed.kind === 'refreshed')
      this.#last.set(target.key, { at, expiresAt: refreshed.session.expiresAt })
    else this.#last.delete(target.key)
    return refreshed
  }

  /** Whether a refresh now would be answered without Okta. */
  isRecent(key: string, everyMs: number): boolean {
    const last = this.#last.peek(key)
    if (last === undefined) return false
    return last.underWay !== undefined || this.#options.clock.monotonic() - last.at < everyMs
  }

  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  async #ask(
    { key, credential, session, clientIp }: Refreshable,
    kind: CallKind,
  ): Promise<Refreshed> {
    const { limiter, lookup, refreshSession } = this.#options
    let asked = lookup.begin()
    const answer = await limiter.call({ kind, key }, () => {
      asked = lookup.begin()
      return refreshSession(credential, { clientIp })
    })
    switch (answer.kind) {
      case 'unavailable':
        return answer
      case 'no':
        lookup.storeNotFound(key, asked)
        return { kind: 'over', context: anonymous.not_found }
      case 'yes': {
        // Whose session this is does not change: such an answer is about something else.
        if (answer.value.userId !== session.userId) return { kind: 'unavailable', code: 'schema' }
        // The id stays the one GetCurrentSession gave: another could be the credential itself.
        const renewed = Object.freeze({ ...answer.value, id: session.id })
        const context = lookup.store(key, renewed, asked, answer.head.oktaTime)
        return context.state === 'active'
          ? { kind: 'refreshed', session: context.session, setCookies: answer.head.setCookies }
          : { kind: 'over', context }
      }
    }
  }
}

/** Okta's cookies go to the caller they were sent for. */
function withoutCookies(refreshed: Refreshed): Refreshed {
  if (refreshed.kind !== 'refreshed') return refreshed
  return { kind: 'recent', expiresAt: refreshed.session.expiresAt }
}

/** Of two dates of one session's end the later: the session may have been asked about before the refresh. */
function later(one: string, other: string): string {
  return Date.parse(one) > Date.parse(other) ? one : other
}
