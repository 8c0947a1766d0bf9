/**
 * How much of the exhaustive tests runs. `npm test` runs a sample that is the same each time; with DEEP=1
 * (`npm run test:deep`) every case and every size runs.
 */
export const deep = process.env.DEEP === '1'

/** The size or the list for this run. */
export function runs<T>(sample: T, whole: T): T {
  return deep ? whole : sample
}

/** About `most` of the items, spread so that no period in the list is missed; all of them with DEEP=1. */
export function sampleOf<T>(items: readonly T[], most: number): readonly T[] {
  if (deep || items.length <= most) return items
  const share = most / items.length
  // Multiples of the golden ratio are spread evenly within every residue class.
  return items.filter((_, index) => (index * 0.618033988749895) % 1 < share)
}
