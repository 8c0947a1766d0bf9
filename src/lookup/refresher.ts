/** Extends a live session at Okta, at most once in a while for each, whoever and however many ask. */
import { LRUCache } from 'lru-cache'
import type { Answer, NoAnswer } from '../model/answer.js'
import type { Clock, Credential } from '../model/contracts.js'
import type { Session } from '../model/session.js'
import type { AskKind } from './admission.js'
import type { Gate } from './gate.js'
import type { Lookup } from './lookup.js'

/** RefreshCurrentSession. Never rejects. */
export type RefreshSession = (
  credential: Credential,
  options: { readonly clientIp?: string | undefined },
) => Promise<Answer<Session>>

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
  | { readonly kind: 'recent'; readonly session: Session }
  /** Okta does not know it any more. */
  | { readonly kind: 'gone' }
  | NoAnswer

export interface RefresherOptions {
  readonly gate: Gate
  readonly lookup: Lookup
  readonly clock: Clock
  readonly refreshSession: RefreshSession
  readonly maxSessions: number
}

interface LastRefresh {
  /** Monotonic milliseconds at which it was asked for. */
  readonly at: number
  readonly outcome: Promise<Refreshed>
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
  async refresh(target: Refreshable, everyMs: number, kind: AskKind): Promise<Refreshed> {
    const now = this.#options.clock.monotonic()
    const last = this.#last.get(target.key)
    if (last !== undefined && now - last.at < everyMs) {
      const outcome = await last.outcome
      // Its cookies went to the caller it was made for.
      return outcome.kind === 'refreshed' ? { kind: 'recent', session: outcome.session } : outcome
    }
    const outcome = this.#ask(target, kind)
    this.#last.set(target.key, { at: now, outcome })
    this.#underWay.add(outcome)
    const refreshed = await outcome.finally(() => this.#underWay.delete(outcome))
    // No usable answer is not a refresh: the next request may try again.
    if (refreshed.kind === 'unavailable') this.#last.delete(target.key)
    return refreshed
  }

  /** Whether a refresh now would be answered without Okta. */
  isRecent(key: string, everyMs: number): boolean {
    const last = this.#last.peek(key)
    return last !== undefined && this.#options.clock.monotonic() - last.at < everyMs
  }

  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  async #ask(
    { key, credential, session, clientIp }: Refreshable,
    kind: AskKind,
  ): Promise<Refreshed> {
    const { gate, lookup, refreshSession } = this.#options
    let asked = lookup.asking()
    const answer = await gate.call({ kind }, () => {
      asked = lookup.asking()
      return refreshSession(credential, { clientIp })
    })
    switch (answer.kind) {
      case 'unavailable':
        return answer
      case 'no':
        lookup.learnNo(key, asked)
        return { kind: 'gone' }
      case 'yes': {
        // The id stays the one GetCurrentSession gave: another could be the credential itself.
        const renewed = Object.freeze({ ...answer.value, id: session.id })
        lookup.learn(key, renewed, asked, answer.head.oktaTime)
        return { kind: 'refreshed', session: renewed, setCookies: answer.head.setCookies }
      }
    }
  }
}
