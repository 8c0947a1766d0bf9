/** One retry at most, for calls that may be made twice, within a budget that keeps an outage from doubling the load. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Deadline } from './deadline.js'
import type { Ended, ExchangeRequest } from './exchange.js'

/** Each operation earns a tenth of a retry: so retries stay below a tenth of the calls. */
const EARNED_PER_OPERATION = 0.1
/** What a healthy stretch may save up, and what a process starts with. */
const MOST_SAVED = 5
const SAVED_AT_START = 1
const SHORTEST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 150

/** Whether to try once more, after a pause it has waited out. Rejects with the reason of the caller's signal. */
export type Retry = (ended: Ended) => Promise<boolean>

export interface Retries {
  /** One operation begins. */
  begin(request: ExchangeRequest, deadline: Deadline): Retry
}

/** `random` gives 0 to 1 for the jitter of the pause. */
export function createRetries(random: () => number): Retries {
  let saved = SAVED_AT_START
  return {
    begin(request, deadline) {
      saved = Math.min(MOST_SAVED, saved + EARNED_PER_OPERATION)
      let used = false
      return async function retry(ended) {
        const pause = SHORTEST_PAUSE_MS + random() * (LONGEST_PAUSE_MS - SHORTEST_PAUSE_MS)
        const allowed = !used && saved >= 1 && mayBeRepeated(request) && isPassing(ended)
        if (!allowed || deadline.remainingMs() <= pause) return false
        used = true
        saved -= 1
        await sleep(pause, undefined, { signal: deadline.signal }).catch(() =>
          deadline.signal?.throwIfAborted(),
        )
        return true
      }
    },
  }
}

/** A POST is never repeated: a session token works once. */
function mayBeRepeated({ method }: ExchangeRequest): boolean {
  return method === 'GET' || method === 'DELETE'
}

/** Whether an immediate retry could succeed: the org was not reached, or a gateway said so. */
function isPassing(ended: Ended): boolean {
  if (ended.kind === 'failed') return ['dns', 'connect', 'reset'].includes(ended.code)
  return [502, 503, 504].includes(ended.status)
}
