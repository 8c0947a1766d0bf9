/** How many calls Okta grants: the rate-limit windows as its headers tell them, the parts of a window that one credential and one client may use, and how many calls may run at once. */
import type { AnswerHead, Clock, OktaAnswer } from '../contracts.js'
import type { Account, AdmissionState, CallRequest, RateLimitWindow } from './policy.js'
import {
  type BucketFigures,
  ClientBuckets,
  isSharedPeer,
  SHARED_PEER_PART,
} from './token-bucket.js'

const WINDOW_MS = 60_000
/** The ends of one window as Okta's nodes tell them may differ by so much. */
const SAME_WINDOW_MS = 2_000
/**
 * The part of the window's calls that one credential may cause: half of it at once, the rest evenly. An
 * ordinary session needs one call per `ttlMs`; of 600 calls a minute this is 30 at once and 30 a minute.
 */
const CREDENTIAL_PART = 0.1
/**
 * The part that the early calls of one client may cause: those made although a usable answer was cached.
 * Lookups that are due are not early, so an office behind one address causes none.
 */
const CLIENT_PART = 0.4
/** The least that either share allows at once, for orgs with a small window. */
const MIN_AT_ONCE = 10
/** So many usable answers give a halved concurrency limit one slot back. */
const ANSWERS_PER_SLOT = 10

/** A rate-limit window, identified by its end on Okta's clock. */
interface LearnedWindow extends RateLimitWindow {
  readonly oktaResetAt: number
}

type Shares = { readonly limit: number } & Readonly<
  Record<'credentials' | 'clients' | 'sharedPeers', ClientBuckets>
>

export class Quota {
  readonly #clock: Clock
  readonly #configuredConcurrent: number
  readonly #windows: { [account in Account]?: LearnedWindow } = {}
  /** Undefined until Okta has told how many calls the window holds. */
  #shares: Shares | undefined
  #instances: number
  /** The most calls at once after Okta's answers; as configured for all instances when it has not been halved. */
  #allowedConcurrent: number
  #goodAnswers = 0
  #halvedAt = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, maxConcurrent: number, instances: number) {
    this.#clock = clock
    this.#instances = instances
    this.#configuredConcurrent = maxConcurrent
    this.#allowedConcurrent = maxConcurrent
  }

  /**
   * Divides the shares of the window and the concurrency limit by this number from now on. A halved limit
   * does not grow at once: it goes on recovering from what it is now.
   */
  setInstances(instances: number): void {
    if (this.#shares !== undefined) {
      const now = this.#clock.monotonic()
      const { credentials, clients, sharedPeers } = this.#shares
      for (const table of [credentials, clients, sharedPeers]) table.settle(now)
    }
    this.#instances = instances
    if (this.#isHalved) this.#allowedConcurrent = this.maxConcurrent
  }

  /** The calls a minute that Okta last said it grants to this account; undefined until it is known. */
  limit(account: Account): number | undefined {
    return (this.#windows[account] ?? this.#windows.lookup)?.limit
  }

  /** How many calls may run at once: fewer than configured after Okta has answered that it is too many. */
  get maxConcurrent(): number {
    const part = Math.max(1, Math.floor(this.#configuredConcurrent / this.#instances))
    return Math.min(part, this.#allowedConcurrent)
  }

  /** What is left of the window for calls of this account; sign-ins use the lookups' window as well. */
  window(account: Account): RateLimitWindow | undefined {
    const now = this.#clock.monotonic()
    const { lookup, sign_in } = this.#windows
    let scarcest: LearnedWindow | undefined
    for (const window of account === 'lookup' ? [lookup] : [lookup, sign_in]) {
      if (window === undefined || now >= window.resetAt) continue
      if (scarcest === undefined || partLeft(window) < partLeft(scarcest)) scarcest = window
    }
    return scarcest
  }

  /** What is left of the shares that a call counts against. */
  shares(request: CallRequest): Pick<AdmissionState, 'credentialShare' | 'clientShare'> {
    const now = this.#clock.monotonic()
    const { key, client } = request
    return {
      credentialShare: key === undefined ? undefined : this.#shares?.credentials.level(key, now),
      clientShare:
        client === undefined ? undefined : this.#clientTable(request)?.level(client, now),
    }
  }

  /** Charges a call that starts to the windows and shares that it counts against. */
  charge(account: Account, request: CallRequest): void {
    const now = this.#clock.monotonic()
    const { key, client } = request
    this.#chargeWindow('lookup')
    if (account === 'sign_in') this.#chargeWindow('sign_in')
    if (key !== undefined) this.#shares?.credentials.open(key, now).charge(now)
    if (client !== undefined) this.#clientTable(request)?.open(client, now).charge(now)
  }

  /** Learns from an answer to a call started then. Calls still in flight may not be counted in its headers yet. */
  learn(account: Account, answer: OktaAnswer<unknown>, startedAt: number, inFlight: number): void {
    if (answer.head !== undefined) this.#learnWindow(account, answer.head, inFlight)
    if (answer.kind !== 'unavailable') this.#recover()
    else if (answer.code === 'concurrency_limited' && startedAt > this.#halvedAt) {
      // Answers to calls that ran together halve the limit once.
      this.#allowedConcurrent = Math.max(1, Math.floor(this.maxConcurrent / 2))
      this.#goodAnswers = 0
      this.#halvedAt = this.#clock.monotonic()
    }
  }

  get #isHalved(): boolean {
    return this.#allowedConcurrent < this.#configuredConcurrent
  }

  #recover(): void {
    if (!this.#isHalved) return
    this.#goodAnswers += 1
    if (this.#goodAnswers < ANSWERS_PER_SLOT) return
    this.#goodAnswers = 0
    this.#allowedConcurrent += 1
  }

  #learnWindow(account: Account, { rateLimit, oktaTime }: AnswerHead, inFlight: number): void {
    if (rateLimit === undefined || !isUsable(rateLimit)) return
    const { limit, resetAt: oktaResetAt } = rateLimit
    const now = this.#clock.monotonic()
    const resetsIn = oktaResetAt - (oktaTime ?? this.#clock.now())
    if (resetsIn <= 0 || resetsIn > WINDOW_MS * 2) return
    const resetAt = now + Math.min(resetsIn, WINDOW_MS) + 1_000
    const remaining = rateLimit.remaining - inFlight
    const last = this.#windows[account]
    const later = last === undefined ? 0 : oktaResetAt - last.oktaResetAt
    if (last === undefined || now >= last.resetAt || later > SAME_WINDOW_MS) {
      this.#setWindow(account, { limit, remaining, used: inFlight + 1, resetAt, oktaResetAt })
    } else if (later >= -SAME_WINDOW_MS) {
      // Answers overtake each other: within one window the lower figure is the later one, and the earlier
      // end was learned with less delay. An answer from the window before says nothing about this one.
      const [lower, earlier] = [
        Math.min(last.remaining, remaining),
        Math.min(last.resetAt, resetAt),
      ]
      this.#setWindow(account, { ...last, limit, remaining: lower, resetAt: earlier })
    }
  }

  #setWindow(account: Account, window: LearnedWindow): void {
    this.#windows[account] = window
    const { limit } = window
    if (account !== 'lookup' || limit === this.#shares?.limit) return
    this.#shares = {
      limit,
      credentials: new ClientBuckets(this.#shareOf(limit, CREDENTIAL_PART)),
      clients: new ClientBuckets(this.#shareOf(limit, CLIENT_PART)),
      sharedPeers: new ClientBuckets(this.#shareOf(limit, SHARED_PEER_PART)),
    }
  }

  /** The figures of a share, which follow the number of instances. */
  #shareOf(limit: number, part: number): BucketFigures {
    const half = () => (limit * part) / 2 / this.#instances
    return {
      get perSecond() {
        return half() / 60
      },
      get burst() {
        return Math.max(MIN_AT_ONCE, half())
      },
    }
  }

  #chargeWindow(account: Account): void {
    const window = this.#windows[account]
    if (window === undefined) return
    const { remaining, used } = window
    this.#windows[account] = { ...window, remaining: remaining - 1, used: used + 1 }
  }

  #clientTable({ client, early }: CallRequest): ClientBuckets | undefined {
    if (early !== true) return undefined
    return isSharedPeer(client) ? this.#shares?.sharedPeers : this.#shares?.clients
  }
}

/** Okta tells whole numbers; a limit of 0 is the concurrency limit's. */
function isUsable({ limit, remaining }: Pick<RateLimitWindow, 'limit' | 'remaining'>): boolean {
  return limit > 0 && Number.isFinite(limit) && Number.isFinite(remaining)
}

function partLeft({ remaining, limit }: RateLimitWindow): number {
  return remaining / limit
}
