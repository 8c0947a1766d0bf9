/** Compares variants: CPU time over interleaved batches, and bytes allocated between two garbage collections. */
import { setImmediate as nextEventLoopTurn } from 'node:timers/promises'
import { spreadOf } from './spread.js'

/**
 * A variant to measure. `run` makes `calls` calls; the cost includes a promise that it returns.
 * @typedef {object} Variant
 * @property {string} name
 * @property {number} calls Calls in a batch: enough for some milliseconds.
 * @property {(calls: number) => void | Promise<void>} run
 */

/**
 * @typedef {object} Measured
 * @property {string} name
 * @property {import('./spread.js').Spread} cpuMicros User and system time of the process, per call.
 * @property {number} bytes Allocated on the heap per call; the minimum of several batches.
 */

/**
 * The batches run in the order A B C, C B A, A B C, so that other load on the machine affects all variants
 * alike. The minimum of many batches is the least disturbed one. It includes no garbage collection; the
 * bytes stand for that cost.
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
  // Lets the work that the last batch left behind run before the measurement.
  await nextEventLoopTurn()
  const start = process.cpuUsage()
  const running = run(calls)
  if (running !== undefined) await running
  const { user, system } = process.cpuUsage(start)
  return (user + system) / calls
}

/**
 * @param {Variant} variant
 * @param {number} rounds
 */
async function bytesOf({ run, calls }, rounds) {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < Math.min(rounds, 9); round += 1) {
    await nextEventLoopTurn()
    collect()
    const before = process.memoryUsage().heapUsed
    const running = run(calls)
    if (running !== undefined) await running
    const bytes = (process.memoryUsage().heapUsed - before) / calls
    // A negative figure means that a garbage collection ran within the batch.
    if (bytes >= 0) least = Math.min(least, bytes)
  }
  return least
}

/** Runs a full garbage collection. Needs Node's `--expose-gc`. */
export function collect() {
  if (globalThis.gc === undefined) throw new Error('Run this with node --expose-gc')
  globalThis.gc()
}
