/** How many active sessions fit the org's rate limit at which `cache.ttlMs`. Pure arithmetic. */
import { sessionOptions } from '../../options/table.js'
import type { Finding } from '../../public-types.js'

/**
 * Each active session needs one call per `ttlMs`, at each instance unless they share a store. Beyond half of the
 * window the limiter postpones what can wait, and the last fifth of it is kept for sessions already seen.
 */
const FRESH_PART = 0.5
const USABLE_PART = 0.8

const MINUTE = 60_000
const TTLS_MS = [10_000, 30_000, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE]
const { ttlMs, maxTtlMs } = sessionOptions.cache.options

export interface HeadroomQuestion {
  /** Calls a minute that Okta grants. */
  readonly limit: number
  readonly activeUsers: number | undefined
  readonly instances: number
  /** Whether the instances share a store, and with it their lookups. */
  readonly isShared: boolean
}

export interface Headroom {
  readonly finding: Finding
  readonly table: readonly { readonly ttlMs: number; readonly sessions: number }[]
  /** The smallest `cache.ttlMs` at which `activeUsers` fit; absent without them, or where none does. */
  readonly smallestTtlMs?: number
}

export function headroom(question: HeadroomQuestion): Headroom {
  const { activeUsers } = question
  const table = TTLS_MS.map((ttl) => ({ ttlMs: ttl, sessions: sessionsThatFit(question, ttl) }))
  if (activeUsers === undefined) {
    const fits = sessionsThatFit(question, ttlMs.default)
    const message = `${count(fits)} active sessions fit at the default ttlMs of ${seconds(ttlMs.default)}${surroundings(question)}`
    const advice = 'Give --active-users to compare with'
    return { finding: { check: 'headroom', level: 'ok', message, advice }, table }
  }
  const smallest = smallestTtl(question, activeUsers)
  const finding = findingFor(question, activeUsers, smallest)
  return { finding, table, ...(smallest <= ttlMs.max && { smallestTtlMs: smallest }) }
}

function sessionsThatFit(question: HeadroomQuestion, ttl: number): number {
  return Math.floor((question.limit * FRESH_PART * ttl) / MINUTE / lookups(question))
}

/** Rounded up to whole seconds. */
function smallestTtl(question: HeadroomQuestion, activeUsers: number): number {
  const calls = activeUsers * lookups(question)
  return Math.max(1, Math.ceil((calls * MINUTE) / (question.limit * FRESH_PART) / 1_000)) * 1_000
}

/** How many instances look up one session. */
function lookups({ instances, isShared }: HeadroomQuestion): number {
  return isShared ? 1 : instances
}

function findingFor(question: HeadroomQuestion, activeUsers: number, smallest: number): Finding {
  const check = 'headroom'
  const users = `${count(activeUsers)} active users${surroundings(question)}`
  if (smallest <= ttlMs.default)
    return {
      check,
      level: 'ok',
      message: `${users} fit the limit of ${question.limit} calls a minute: the smallest ttlMs is ${seconds(smallest)}`,
    }
  const callsAtMost = (activeUsers * lookups(question) * MINUTE) / maxTtlMs.default
  const isFault = callsAtMost > question.limit * USABLE_PART
  const remedy = `Set cache.ttlMs to ${smallest.toLocaleString('en-US').replaceAll(',', '_')} or more (${seconds(smallest)})`
  return {
    check,
    level: isFault ? 'fault' : 'warning',
    message: isFault
      ? `${users} need more than the limit of ${question.limit} calls a minute, also at the default maxTtlMs of ${seconds(maxTtlMs.default)}: requests would be answered 503`
      : `${users} do not fit the limit of ${question.limit} calls a minute at the default ttlMs of ${seconds(ttlMs.default)}: sessions would be served up to ${seconds(maxTtlMs.default)} old`,
    advice: `${smallest > ttlMs.max ? 'No ttlMs is long enough' : remedy}${
      question.isShared || question.instances === 1 ? '' : ', use a shared store (--redis)'
    }, or ask Okta for a higher limit`,
  }
}

function surroundings({ instances, isShared }: HeadroomQuestion): string {
  if (instances === 1) return ''
  return ` at ${instances} instances ${isShared ? 'with' : 'without'} a shared store`
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toLocaleString('en-US')} s`
}
