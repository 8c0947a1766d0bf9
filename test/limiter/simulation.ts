/** Simulated time: events in their order, the clock's hands and Node's timers moved from one to the next. */
import { vi } from 'vitest'
import { TestClock } from '../session/lookup-world.js'

interface Event {
  readonly at: number
  readonly run: () => void
}

/** Needs vi.useFakeTimers() for setTimeout and clearTimeout. */
export class Simulation {
  readonly clock = new TestClock()
  readonly #began = this.clock.mono
  readonly #heap: Event[] = []
  #seed: number

  constructor(seed = 1) {
    this.#seed = seed
  }

  /** Milliseconds since the beginning. */
  get now(): number {
    return this.clock.mono - this.#began
  }

  /** 0 to 1, the same in every run (mulberry32). */
  random = (): number => {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }

  /** So long until the next of something that happens every `meanMs` by chance. */
  gap(meanMs: number): number {
    return -Math.log(1 - this.random()) * meanMs
  }

  in(ms: number, run: () => void): void {
    const event = { at: this.now + ms, run }
    const heap = this.#heap
    let at = heap.push(event) - 1
    for (; at > 0; ) {
      const up = (at - 1) >> 1
      const parent = heap[up]
      if (parent === undefined || parent.at <= event.at) break
      heap[at] = parent
      at = up
    }
    heap[at] = event
  }

  after(ms: number): Promise<void> {
    return new Promise((resolve) => this.in(ms, resolve))
  }

  /** Runs everything that happens until then. */
  async runUntil(until: number): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.#pop()
      this.#moveTo(next.at)
      next.run()
      // Callers that waited for it continue before the next event.
      await settle()
    }
    this.#moveTo(until)
    await settle()
  }

  #moveTo(at: number): void {
    const ms = at - this.now
    if (ms <= 0) return
    this.clock.advance(ms)
    vi.advanceTimersByTime(ms)
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let down = 2 * at + 1
      const [left, right] = [heap[down], heap[down + 1]]
      if (left === undefined) break
      if (right !== undefined && right.at < left.at) down += 1
      const child = heap[down]
      if (child === undefined || child.at >= last.at) break
      heap[at] = child
      at = down
    }
    heap[at] = last
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
