/** Seeded random numbers: two runs of a simulation differ by the code alone. */

/**
 * @param {number} [seed]
 * @returns {() => number} From 0 to 1, as Math.random().
 */
export function chance(seed = 1) {
  let state = seed
  return function next() {
    state = (state * 48_271) % 0x7fffffff
    return state / 0x7fffffff
  }
}

/**
 * An exponentially distributed wait, as between independent arrivals.
 * @param {() => number} random
 * @param {number} mean
 */
export function pause(random, mean) {
  return -Math.log(1 - random()) * mean
}
