/** One listener on a caller's AbortSignal, however many calls it stops: Node 20 warns of a leak at the eleventh. */

interface Waiting {
  readonly acts: Set<() => void>
  readonly listener: () => void
}

const waiting = new WeakMap<AbortSignal, Waiting>()

/** Calls `act` when a signal that has not fired yet fires. Returns a function that no longer waits for it. */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  const { acts, listener } = waiting.get(signal) ?? listen(signal)
  acts.add(act)
  return function stop() {
    if (!acts.delete(act) || acts.size > 0) return
    signal.removeEventListener('abort', listener)
    waiting.delete(signal)
  }
}

/** A signal for one call alone, which fires with the caller's. `stop` ends that. */
export function follow(signal: AbortSignal): {
  readonly signal: AbortSignal
  readonly stop: () => void
} {
  const own = new AbortController()
  const abort = () => own.abort(signal.reason)
  if (!signal.aborted) return { signal: own.signal, stop: onAbort(signal, abort) }
  abort()
  return { signal: own.signal, stop() {} }
}

function listen(signal: AbortSignal): Waiting {
  const acts = new Set<() => void>()
  const listener = () => {
    waiting.delete(signal)
    for (const act of acts) act()
  }
  const added = { acts, listener }
  waiting.set(signal, added)
  signal.addEventListener('abort', listener, { once: true })
  return added
}
