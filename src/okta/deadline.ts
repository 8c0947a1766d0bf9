/** The machine's clock, and one deadline with the caller's signal for all that an operation does. */
import { performance } from 'node:perf_hooks'
import type { Clock } from '../contracts.js'
import type { Aborted, Failed } from './exchange.js'

export interface Deadline {
  /** The caller's own signal. */
  readonly signal: AbortSignal | undefined
  /** Milliseconds left; never below 0. */
  remainingMs(): number
}

export function startDeadline(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  clock: Clock,
): Deadline {
  const endsAt = clock.monotonic() + timeoutMs
  return { signal, remainingMs: () => Math.max(0, endsAt - clock.monotonic()) }
}

/** Waits for work that knows nothing of deadlines. The work itself goes on; a rejection of it passes through. */
export async function within<T>(
  deadline: Deadline,
  work: Promise<T>,
): Promise<{ readonly kind: 'done'; readonly value: T } | Failed | Aborted> {
  const { signal } = deadline
  const giveUp = new AbortController()
  const ended = new Promise<Failed | Aborted>((resolve) => {
    const timer = setTimeout(
      () => resolve({ kind: 'failed', code: 'timeout' }),
      deadline.remainingMs(),
    )
    const onAbort = () => resolve({ kind: 'aborted', reason: signal?.reason })
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort, { signal: giveUp.signal })
    giveUp.signal.addEventListener('abort', () => clearTimeout(timer))
  })
  try {
    return await Promise.race([work.then((value) => ({ kind: 'done' as const, value })), ended])
  } finally {
    giveUp.abort()
  }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}
