/** The list of benchmarks, in the order in which they run. */

/**
 * @typedef {object} Benchmark
 * @property {string} name
 * @property {() => Promise<{ run: (options: { tiny: boolean }) => Promise<import('./harness/report.js').Report> }>} load
 */

/** @type {readonly Benchmark[]} */
export const benchmarks = [
  { name: 'hit', load: () => import('./hit.js') },
  { name: 'express', load: () => import('./express.js') },
  { name: 'stampede', load: () => import('./stampede.js') },
  { name: 'memory', load: () => import('./memory.js') },
  { name: 'miss', load: () => import('./miss.js') },
  { name: 'scale', load: () => import('./scale.js') },
  { name: 'quota', load: () => import('./quota.js') },
  { name: 'monday', load: () => import('./monday.js') },
  { name: 'burst', load: () => import('./burst.js') },
  { name: 'junk', load: () => import('./junk.js') },
  { name: 'outage', load: () => import('./outage.js') },
  { name: 'redis', load: () => import('./redis.js') },
  { name: 'push', load: () => import('./push.js') },
  { name: 'org', load: () => import('./org.js') },
]
