/** The instances of the middleware in this process, for monitoring: all copies of the package share the list. */
import { sharedByCopies } from './copies.js'
import type { OktaSessionStats } from './okta-session-types.js'

export interface RunningInstance {
  /** The host of the org's URL. */
  readonly org: string
  stats(): OktaSessionStats
}

interface Running {
  /** What each instance lives with. */
  readonly kept: WeakMap<object, RunningInstance>
  /** Held weakly: an instance dropped without close() can be collected. */
  readonly all: Set<WeakRef<RunningInstance>>
  readonly dropped: FinalizationRegistry<WeakRef<RunningInstance>>
}

const running = sharedByCopies<Running>('instances', () => {
  const all: Running['all'] = new Set()
  return {
    all,
    kept: new WeakMap(),
    dropped: new FinalizationRegistry((held) => void all.delete(held)),
  }
})

/** Adds an instance, which stays listed while `part`, a part of it, is in use. Returns how to remove it. */
export function addRunning(part: object, instance: RunningInstance): () => void {
  const held = new WeakRef(instance)
  running.all.add(held)
  running.kept.set(part, instance)
  running.dropped.register(instance, held, held)
  return () => {
    running.all.delete(held)
    running.kept.delete(part)
    running.dropped.unregister(held)
  }
}

/** The instances that are not closed. */
export function runningInstances(): readonly RunningInstance[] {
  return [...running.all].flatMap((held) => held.deref() ?? [])
}
