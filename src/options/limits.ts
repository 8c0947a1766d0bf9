/** Reads how long, how many and how often: the cache, the calls to Okta, their bounds and defaults. */
import { type Faults, given } from './faults.js'
import { optionNames } from './names.js'
import type { Budget, Settings } from './options.js'
import { readStore } from './parts.js'
import { type Group, readGroup, readNumber, readSwitch } from './values.js'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** 1 ms to 2 minutes: no request waits longer for a session. */
export function readTimeout(faults: Faults, group: Group, path: string): number {
  return readNumber(faults, group, path, 'timeoutMs', {
    fallback: 3 * SECOND,
    min: 1,
    max: 2 * MINUTE,
    unit: 'milliseconds',
  })
}

/** A yes may be remembered for a day at most, a no for an hour; both bounds stay far below a timer's 2^31 - 1 ms. */
export function readCache(faults: Faults, value: unknown): Settings['cache'] {
  const cache = readGroup(faults, 'cache', value, optionNames.cache)
  const ttlMs = readNumber(faults, cache, 'cache', 'ttlMs', {
    fallback: MINUTE,
    min: 1,
    max: 24 * HOUR,
    unit: 'milliseconds',
    hint: 'for a lookup on every request use requireSession({ maxStalenessMs: 0 })',
  })
  const maxTtlMs = readNumber(faults, cache, 'cache', 'maxTtlMs', {
    fallback: Math.max(5 * MINUTE, ttlMs),
    min: 1,
    max: 24 * HOUR,
    unit: 'milliseconds',
  })
  if (maxTtlMs < ttlMs) {
    const advice = `must be at least cache.ttlMs (${ttlMs}); equal to it is a hard bound`
    faults.add('cache.maxTtlMs', given(maxTtlMs), advice)
  }
  return {
    ttlMs,
    maxTtlMs,
    maxSessions: readCount(faults, cache, 'cache', 'maxSessions', 50_000, 10_000_000),
    negativeTtlMs: readNumber(faults, cache, 'cache', 'negativeTtlMs', {
      fallback: 10 * SECOND,
      min: 1,
      max: HOUR,
      unit: 'milliseconds',
    }),
    maxNegatives: readCount(faults, cache, 'cache', 'maxNegatives', 65_536, 10_000_000),
    store: readStore(faults, cache.store),
  }
}

export function readUpstream(faults: Faults, upstream: Group): Settings['upstream'] {
  return {
    maxConcurrent: readCount(faults, upstream, 'upstream', 'maxConcurrent', 5, 1_000),
    maxQueueMs: readNumber(faults, upstream, 'upstream', 'maxQueueMs', {
      fallback: SECOND,
      min: 0,
      max: MINUTE,
      unit: 'milliseconds',
    }),
    failedLookups: readBudget(faults, upstream, 'failedLookups', { perSecond: 2.5, burst: 50 }),
    failedLookupsPerClient: readBudget(faults, upstream, 'failedLookupsPerClient', {
      perSecond: 1,
      burst: 20,
    }),
    forwardClientIp: readSwitch(faults, upstream, 'upstream', 'forwardClientIp'),
  }
}

function readBudget(faults: Faults, upstream: Group, name: string, fallback: Budget): Budget {
  const path = `upstream.${name}`
  const budget = readGroup(faults, path, upstream[name], ['perSecond', 'burst'])
  return {
    perSecond: readNumber(faults, budget, path, 'perSecond', {
      fallback: fallback.perSecond,
      min: 0.001,
      max: 100_000,
    }),
    burst: readCount(faults, budget, path, 'burst', fallback.burst, 1_000_000),
  }
}

function readCount(
  faults: Faults,
  group: Group,
  path: string,
  name: string,
  fallback: number,
  max: number,
): number {
  return readNumber(faults, group, path, name, { fallback, min: 1, max, integer: true })
}
