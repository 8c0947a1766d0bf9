/** The org's public keys, by which pushed tokens are verified: cached, fetched once at a time, and seldom. */
import type { CryptoKey, JSONWebKeySet, JWSHeaderParameters } from 'jose'
import type { Clock, OktaAnswer } from '../contracts.js'
import { isObject, own } from './http-answer.js'

/** The keys are fetched anew after this. */
const MAX_AGE_MS = 10 * 60_000
/** While they can't be fetched they are used for so long. */
const MAX_STALE_MS = 24 * 60 * 60_000
/** After a fetch that failed the next one waits. */
const PAUSE_MS = 5_000
/** Tokens with unknown keys cause so many fetches in a row, and one more each ten seconds. */
const BURST = 10
const REGAIN_MS = 10_000

export type FoundKey =
  | { readonly kind: 'key'; readonly key: CryptoKey }
  /** The org has no such key, as of now. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unavailable'; readonly retryAfterMs: number }

interface Keys {
  readonly find: (header: JWSHeaderParameters) => Promise<CryptoKey>
  readonly fetchedAt: number
}

export class OrgKeys {
  readonly #fetchKeys: () => Promise<OktaAnswer<JSONWebKeySet>>
  readonly #clock: Clock
  #keys: Keys | undefined
  #pending: Promise<boolean> | undefined
  #failedAt = Number.NEGATIVE_INFINITY
  #left = BURST
  #regainedAt: number

  constructor(fetchKeys: () => Promise<OktaAnswer<JSONWebKeySet>>, clock: Clock) {
    this.#fetchKeys = fetchKeys
    this.#clock = clock
    this.#regainedAt = clock.monotonic()
  }

  /** The key that a token's header names. Never rejects. */
  async find(header: JWSHeaderParameters): Promise<FoundKey> {
    const isOld = this.#age() > MAX_AGE_MS
    const known = isOld ? undefined : await this.#cached(header)
    if (known !== undefined) return { kind: 'key', key: known }
    const joined = this.#pending
    if (joined !== undefined) {
      await joined
      const found = await this.#cached(header)
      if (found !== undefined) return { kind: 'key', key: found }
    }
    // The org may have other keys since: that fetch may have begun before this token was signed.
    const mayFetch =
      (isOld && joined === undefined) || this.#pending !== undefined || this.#takeTurn()
    const isNew = mayFetch && (await this.#refresh())
    const key = await this.#cached(header)
    if (key !== undefined) return { kind: 'key', key }
    return isNew ? { kind: 'unknown' } : { kind: 'unavailable', retryAfterMs: PAUSE_MS }
  }

  #age(): number {
    if (this.#keys === undefined) return Number.POSITIVE_INFINITY
    return this.#clock.monotonic() - this.#keys.fetchedAt
  }

  async #cached(header: JWSHeaderParameters): Promise<CryptoKey | undefined> {
    if (this.#age() > MAX_STALE_MS) return undefined
    // No key, several keys, or one that does not fit the algorithm.
    return this.#keys?.find(header).catch(() => undefined)
  }

  /** Whether the keys are as of now. Concurrent callers share one fetch. */
  #refresh(): Promise<boolean> {
    if (this.#pending !== undefined) return this.#pending
    if (this.#clock.monotonic() - this.#failedAt < PAUSE_MS) return Promise.resolve(false)
    this.#pending = this.#fetch().finally(() => {
      this.#pending = undefined
    })
    return this.#pending
  }

  async #fetch(): Promise<boolean> {
    const answer = await this.#fetchKeys()
    if (answer.kind !== 'yes') {
      this.#failedAt = this.#clock.monotonic()
      return false
    }
    const { createLocalJWKSet } = await import('jose')
    this.#keys = { find: createLocalJWKSet(answer.value), fetchedAt: this.#clock.monotonic() }
    return true
  }

  #takeTurn(): boolean {
    const now = this.#clock.monotonic()
    this.#left = Math.min(BURST, this.#left + (now - this.#regainedAt) / REGAIN_MS)
    this.#regainedAt = now
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}

/** The body of `/oauth2/v1/keys`; undefined where it holds no public key of a kind that signs. Others are left out. */
export function parseKeys(body: unknown): JSONWebKeySet | undefined {
  const keys = isObject(body) ? own(body, 'keys') : undefined
  if (!Array.isArray(keys)) return undefined
  const usable = keys.filter(isPublicKey)
  return usable.length === 0 ? undefined : { keys: usable }
}

/** A secret or private key that is published proves nothing. */
function isPublicKey(key: unknown): boolean {
  if (!isObject(key) || own(key, 'd') !== undefined || own(key, 'k') !== undefined) return false
  const members = MEMBERS.get(own(key, 'kty'))
  return members?.every((name) => typeof own(key, name) === 'string') ?? false
}

/** The members of a public key, by its kty. */
const MEMBERS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['RSA', ['n', 'e']],
  ['EC', ['crv', 'x', 'y']],
])
