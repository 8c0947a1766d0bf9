/** Summarizes repeated measurements: the minimum, the median, and the spread of the middle half. */

/**
 * @typedef {object} Spread
 * @property {number} min
 * @property {number} median
 * @property {number} spread Half the distance between the quartiles, as a share of the median.
 */

/**
 * @param {readonly number[]} values At least one.
 * @returns {Spread}
 */
export function spreadOf(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const median = quantile(sorted, 0.5)
  const half = (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 2
  return { min: quantile(sorted, 0), median, spread: median === 0 ? 0 : half / median }
}

/**
 * The value below which the given share of the values lies.
 * @param {readonly number[]} sorted Ascending.
 * @param {number} share 0 to 1.
 */
export function quantile(sorted, share) {
  const at = share * (sorted.length - 1)
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}
