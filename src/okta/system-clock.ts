/** The machine's own clock, for everybody who is not a test. */
import { performance } from 'node:perf_hooks'
import type { Clock } from '../contracts.js'

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}
