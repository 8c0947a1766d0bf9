/** Whether a hit costs the same however many sessions are remembered. */
import { measure } from './harness/measure.js'
import { emptyMemory, remember } from './parts/remembering.js'
import { headerless, stubRequest } from './parts/stubs.js'

/** So many of the remembered sessions come back, in random order; more of them would measure the headers' own memory. */
const MOST_ASKED = 100_000

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const sizes = tiny ? [1_000, 5_000] : [1_000, 10_000, 100_000, 1_000_000]
  const rounds = tiny ? 3 : 60
  const calls = tiny ? 1_000 : 10_000
  const memories = []
  for (const size of sizes) {
    const okta = emptyMemory(size)
    await remember(okta, headersUpTo(size))
    memories.push({ size, okta })
  }
  const variants = memories.flatMap(({ size, okta }) => [
    { name: String(size), calls, run: hits(okta.requireSession(), crowdOf(size)) },
  ])
  const measured = await measure(variants, { rounds })
  const hitRate = memories.map(({ okta }) => okta.stats().misses)
  for (const { okta } of memories) await okta.close()
  return {
    title: 'scale: requireSession without header writes, by the number of remembered sessions',
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
      asked: hitRate[i],
    })),
    notes: [
      `Requests by up to ${MOST_ASKED} of the sessions in random order; the request object is in the figures.`,
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
 * Headers of sessions spread over all there are, shuffled.
 * @param {number} size
 */
function crowdOf(size) {
  const asked = Math.min(size, MOST_ASKED)
  const crowd = Array.from({ length: asked }, (_, i) => headersOf(Math.floor((i * size) / asked)))
  let seed = 1
  for (let i = asked - 1; i > 0; i -= 1) {
    seed = (seed * 48_271) % 0x7fffffff
    swap(crowd, i, seed % (i + 1))
  }
  return crowd
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
 * Goes on through the crowd where the last batch stopped.
 * @param {import('./parts/stubs.js').Handler} guard
 * @param {readonly import('./parts/stubs.js').Headers[]} crowd
 * @returns {(calls: number) => void}
 */
function hits(guard, crowd) {
  let at = 0
  let passed = 0
  const next = () => {
    passed += 1
  }
  return function run(calls) {
    passed = 0
    for (let i = 0; i < calls; i += 1) {
      at = at + 1 < crowd.length ? at + 1 : 0
      const headers = crowd[at]
      if (headers !== undefined) guard(stubRequest(headers), headerless, next)
    }
    if (passed !== calls)
      throw new Error(`${calls - passed} of ${calls} calls did not pass at once`)
  }
}
