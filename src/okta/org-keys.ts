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

/** Finds the key that a token's header names. Never rejects. */
export type FindKey = (header: JWSHeaderParameters) => Promise<FoundKey>

interface Keys {
  readonly find: (header: JWSHeaderParameters) => Promise<CryptoKey>
  readonly fetchedAt: number
}

export function createOrgKeys(
  fetchKeys: () => Promise<OktaAnswer<JSONWebKeySet>>,
  clock: Clock,
): FindKey {
  let keys: Keys | undefined
  let pending: Promise<boolean> | undefined
  let failedAt = Number.NEGATIVE_INFINITY
  let left = BURST
  let regainedAt = clock.monotonic()

  return async function findKey(header) {
    const isOld = keys === undefined || ageOf(keys) > MAX_AGE_MS
    let isNew = isOld && (await refresh())
    const found = await findIn(keys, header)
    if (found !== undefined) return { kind: 'key', key: found }
    // The org may have other keys since.
    if (!isOld) isNew = takeTurn() && (await refresh())
    if (!isNew) return { kind: 'unavailable', retryAfterMs: PAUSE_MS }
    const key = await findIn(keys, header)
    return key === undefined ? { kind: 'unknown' } : { kind: 'key', key }
  }

  function ageOf({ fetchedAt }: Keys): number {
    return clock.monotonic() - fetchedAt
  }

  async function findIn(
    given: Keys | undefined,
    header: JWSHeaderParameters,
  ): Promise<CryptoKey | undefined> {
    if (given === undefined || ageOf(given) > MAX_STALE_MS) return undefined
    // No key, several keys, or one that does not fit the algorithm.
    return given.find(header).catch(() => undefined)
  }

  /** Whether the keys are as of now. Concurrent callers share one fetch. */
  function refresh(): Promise<boolean> {
    if (pending !== undefined) return pending
    if (clock.monotonic() - failedAt < PAUSE_MS) return Promise.resolve(false)
    pending = fetchOnce().finally(() => {
      pending = undefined
    })
    return pending
  }

  async function fetchOnce(): Promise<boolean> {
    const answer = await fetchKeys()
    if (answer.kind === 'yes') {
      const { createLocalJWKSet } = await import('jose')
      keys = { find: createLocalJWKSet(answer.value), fetchedAt: clock.monotonic() }
      return true
    }
    failedAt = clock.monotonic()
    return false
  }

  function takeTurn(): boolean {
    const now = clock.monotonic()
    left = Math.min(BURST, left + (now - regainedAt) / REGAIN_MS)
    regainedAt = now
    if (left < 1) return false
    left -= 1
    return true
  }
}

/** The body of `/oauth2/v1/keys`; undefined where it holds no keys. A key of an unknown kind is passed over later. */
export function parseKeys(body: unknown): JSONWebKeySet | undefined {
  const keys = isObject(body) ? own(body, 'keys') : undefined
  if (!Array.isArray(keys)) return undefined
  const usable = keys.filter((key) => isObject(key) && typeof own(key, 'kty') === 'string')
  return usable.length === 0 ? undefined : { keys: usable }
}
