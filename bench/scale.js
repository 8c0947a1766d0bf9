/** The cost of a hit by the number of cached sessions. */
import { measure } from './harness/measure.js'
import { cacheSessions, withEmptyCache } from './parts/cached-sessions.js'
import { headerless, stubRequest } from './parts/stubs.js'

/** Requests come from this many of the sessions: more would measure the memory of the headers. */
const MAX_USED = 100_000

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const sizes = tiny ? [1_000, 5_000] : [1_000, 10_000, 100_000, 1_000_000]
  const rounds = tiny ? 3 : 60
  const calls = tiny ? 1_000 : 10_000
  const caches = []
  for (const size of sizes) {
    const okta = withEmptyCache(size)
    await cacheSessions(okta, headersUpTo(size))
    caches.push({ size, okta })
  }
  const variants = caches.map(({ size, okta }) => ({
    name: String(size),
    calls,
    run: hits(okta.requireSession(), sampleOf(size)),
  }))
  const measured = await measure(variants, { rounds })
  const misses = caches.map(({ okta }) => okta.stats().misses)
  for (const { okta } of caches) await okta.close()
  return {
    title: 'scale: requireSession without header writes, by the number of cached sessions',
    columns: [
      { key: 'size', title: 'sessions' },
      { key: 'min', title: 'CPU µs', digits: 2 },
      { key: 'median', title: 'median', digits: 2 },
      { key: 'spread', title: '±', percent: true },
      { key: 'bytes', title: 'bytes' },
    ],
    rows: measured.map(({ cpuMicros, bytes }, i) => ({
      size: sizes[i],
      min: cpuMicros.min,
      median: cpuMicros.median,
      spread: cpuMicros.spread,
      bytes,
      misses: misses[i],
    })),
    notes: [
      `Requests with up to ${MAX_USED} of the sessions in random order; the figures include the request object.`,
    ],
  }
}

/** @param {number} count */
function* headersUpTo(count) {
  for (let i = 0; i < count; i += 1) yield headersOf(i)
}

/** @param {number} index */
function headersOf(index) {
  return { cookie: `theme=dark; sid=102${String(index).padStart(22, 'x')}` }
}

/**
 * Headers of evenly spaced sessions, shuffled.
 * @param {number} size
 */
function sampleOf(size) {
  const used = Math.min(size, MAX_USED)
  const sample = Array.from({ length: used }, (_, i) => headersOf(Math.floor((i * size) / used)))
  let seed = 1
  for (let i = used - 1; i > 0; i -= 1) {
    seed = (seed * 48_271) % 0x7fffffff
    swap(sample, i, seed % (i + 1))
  }
  return sample
}

/**
 * @template T
 * @param {T[]} list
 * @param {number} i
 * @param {number} j
 */
function swap(list, i, j) {
  const [a, b] = [list[i], list[j]]
  if (a === undefined || b === undefined) return
  list[i] = b
  list[j] = a
}

/**
 * Each batch continues in the sample where the last one stopped.
 * @param {import('./parts/stubs.js').Handler} guard
 * @param {readonly import('./parts/stubs.js').Headers[]} sample
 * @returns {(calls: number) => void}
 */
function hits(guard, sample) {
  let at = 0
  let passed = 0
  const next = () => {
    passed += 1
  }
  return function run(calls) {
    passed = 0
    for (let i = 0; i < calls; i += 1) {
      at = at + 1 < sample.length ? at + 1 : 0
      const headers = sample[at]
      if (headers !== undefined) guard(stubRequest(headers), headerless, next)
    }
    if (passed !== calls)
      throw new Error(`${calls - passed} of ${calls} calls did not pass at once`)
  }
}
