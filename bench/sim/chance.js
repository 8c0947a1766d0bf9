/** Chance that is the same in every run, so that two runs of a simulation differ by the code alone. */

/**
 * @param {number} [seed]
 * @returns {() => number} 0 to 1, as Math.random.
 */
export function chance(seed = 1) {
  let state = seed
  return function next() {
    state = (state * 48_271) % 0x7fffffff
    return state / 0x7fffffff
  }
}

/**
 * A wait as between the arrivals of many who know nothing of each other.
 * @param {() => number} random
 * @param {number} mean
 */
export function pause(random, mean) {
  return -Math.log(1 - random()) * mean
}
