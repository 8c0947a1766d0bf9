/** Measures variants of one thing against each other: CPU over interleaved batches, bytes allocated between two collections. */
import { setImmediate as turn } from 'node:timers/promises'
import { spreadOf } from './spread.js'

/**
 * One way of doing the thing. `run` does it `calls` times; a promise is awaited and is part of the cost.
 * @typedef {object} Variant
 * @property {string} name
 * @property {number} calls In one batch: enough for some milliseconds.
 * @property {(calls: number) => void | Promise<void>} run
 */

/**
 * @typedef {object} Measured
 * @property {string} name
 * @property {import('./spread.js').Spread} cpuMicros A call, user and system time of the whole process.
 * @property {number} bytes A call, allocated on the heap; the least of several batches.
 */

/**
 * The batches stand A B C, C B A, A B C, so that whatever else the machine does meets all alike. The least
 * of many batches is the one nothing else disturbed; it holds no garbage collection, which the bytes stand for.
 *
 * @param {readonly Variant[]} variants
 * @param {{ rounds: number }} options
 * @returns {Promise<Measured[]>}
 */
export async function measure(variants, { rounds }) {
  /** @type {Map<Variant, number[]>} */
  const batches = new Map(variants.map((variant) => [variant, []]))
  for (const variant of variants) await variant.run(variant.calls)
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? variants : variants.toReversed()
    for (const variant of order) batches.get(variant)?.push(await cpuOf(variant))
  }
  const measured = []
  for (const variant of variants) {
    const cpuMicros = spreadOf(batches.get(variant) ?? [])
    measured.push({ name: variant.name, cpuMicros, bytes: await bytesOf(variant, rounds) })
  }
  return measured
}

/** @param {Variant} variant */
async function cpuOf({ run, calls }) {
  // What the last batch left to do is not this one's.
  await turn()
  const began = process.cpuUsage()
  const running = run(calls)
  if (running !== undefined) await running
  const { user, system } = process.cpuUsage(began)
  return (user + system) / calls
}

/**
 * @param {Variant} variant
 * @param {number} rounds
 */
async function bytesOf({ run, calls }, rounds) {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < Math.min(rounds, 9); round += 1) {
    await turn()
    collect()
    const before = process.memoryUsage().heapUsed
    const running = run(calls)
    if (running !== undefined) await running
    const bytes = (process.memoryUsage().heapUsed - before) / calls
    // Less than nothing: a collection came between.
    if (bytes >= 0) least = Math.min(least, bytes)
  }
  return least
}

/** Needs node's `--expose-gc`. */
export function collect() {
  if (globalThis.gc === undefined) throw new Error('run this with node --expose-gc')
  globalThis.gc()
}
