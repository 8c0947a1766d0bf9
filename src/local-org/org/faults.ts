/** The active faults, and which of them applies to a call. */
import type { Fault } from '../faults/fault.js'
import type { CountedCall } from './calls.js'

/** Which calls a fault applies to. */
export interface FaultScope {
  /** The operation that the fault applies to. Default: all. */
  readonly operation?: CountedCall
}

/** A fault that is switched on. */
export interface ActiveFault extends FaultScope {
  /** Counts up in the order in which the faults were switched on. */
  readonly id: number
  /** What it does to an answer. */
  readonly fault: Fault
  /** The number of answers that it still applies to; undefined: until it is switched off. */
  readonly timesLeft: number | undefined
}

export class Faults {
  readonly #active = new Map<number, ActiveFault>()
  #lastId = 0

  add(fault: Fault, times: number | undefined, scope: FaultScope): number {
    this.#lastId += 1
    this.#active.set(this.#lastId, { ...scope, id: this.#lastId, fault, timesLeft: times })
    return this.#lastId
  }

  /** Returns the oldest active fault that applies to a call, and counts its use. */
  take(call: CountedCall): Fault | undefined {
    if (this.#active.size === 0) return undefined
    for (const active of this.#active.values()) {
      if (active.operation !== undefined && active.operation !== call) continue
      this.#use(active)
      return active.fault
    }
    return undefined
  }

  stop(id: number): boolean {
    return this.#active.delete(id)
  }

  clear(): void {
    this.#active.clear()
  }

  list(): readonly ActiveFault[] {
    return [...this.#active.values()]
  }

  #use(active: ActiveFault): void {
    if (active.timesLeft === undefined) return
    if (active.timesLeft <= 1) this.#active.delete(active.id)
    else this.#active.set(active.id, { ...active, timesLeft: active.timesLeft - 1 })
  }
}
