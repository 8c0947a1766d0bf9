/** Virtual time: a clock and a queue of events, so that simulated minutes take as long as their events do. */
import { setImmediate as nextEventLoopTurn } from 'node:timers/promises'

const WALL = Date.parse('2026-11-02T08:00:00.000Z')

/**
 * @typedef {object} Event
 * @property {number} at Milliseconds since the simulation began.
 * @property {number} order Events at the same time run in the order in which they were scheduled.
 * @property {(() => void) | undefined} callback Undefined once it is cancelled.
 */

export class VirtualTime {
  #now = 0
  #scheduled = 0
  /** @type {Event[]} A binary heap, the next event first. */
  #events = []

  /** The clock for composeOktaSession(). */
  clock = {
    now: () => WALL + this.#now,
    monotonic: () => this.#now,
  }

  get now() {
    return this.#now
  }

  /**
   * Schedules a callback.
   * @param {number} ms From now.
   * @param {() => void} callback
   * @returns {Event}
   */
  after(ms, callback) {
    const event = { at: this.#now + Math.max(0, ms), order: this.#scheduled, callback }
    this.#scheduled += 1
    this.#push(event)
    return event
  }

  /**
   * Resolves after `ms` milliseconds of virtual time.
   * @param {number} ms
   * @returns {Promise<void>}
   */
  sleep(ms) {
    return new Promise((resolve) => {
      this.after(ms, resolve)
    })
  }

  /**
   * Runs all events up to a time. Pending promise callbacks run before time advances.
   * @param {number} until Milliseconds since the simulation began.
   */
  async runUntil(until) {
    const restore = this.#replaceTimers()
    try {
      for (let next = this.#pop(until); next !== undefined; next = this.#pop(until)) {
        this.#now = next.at
        if (next.callback === undefined) continue
        next.callback()
        await nextEventLoopTurn()
      }
      this.#now = until
    } finally {
      restore()
    }
  }

  /** Replaces the global timers, so that those of the package run in virtual time. */
  #replaceTimers() {
    const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout }
    Object.assign(globalThis, {
      setTimeout: (/** @type {() => void} */ callback, /** @type {number} */ ms) =>
        this.after(ms, callback),
      clearTimeout: (/** @type {Event | undefined} */ event) => {
        if (event !== undefined) event.callback = undefined
      },
    })
    return () => {
      Object.assign(globalThis, real)
    }
  }

  /** @param {Event} event */
  #push(event) {
    const heap = this.#events
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!isBefore(heap[at], heap[above])) return
      swap(heap, at, above)
      at = above
    }
  }

  /** @param {number} until */
  #pop(until) {
    const heap = this.#events
    const first = heap[0]
    if (first === undefined || first.at > until) return undefined
    const last = heap.pop()
    if (last !== undefined && heap.length > 0) {
      heap[0] = last
      sink(heap)
    }
    return first
  }
}

/** @param {Event[]} heap */
function sink(heap) {
  for (let at = 0; ; ) {
    const left = 2 * at + 1
    const least = isBefore(heap[left + 1], heap[left]) ? left + 1 : left
    if (!isBefore(heap[least], heap[at])) return
    swap(heap, at, least)
    at = least
  }
}

/**
 * @param {Event | undefined} a
 * @param {Event | undefined} b
 */
function isBefore(a, b) {
  if (a === undefined || b === undefined) return false
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

/**
 * @param {Event[]} heap
 * @param {number} i
 * @param {number} j
 */
function swap(heap, i, j) {
  const [a, b] = [heap[i], heap[j]]
  if (a === undefined || b === undefined) return
  heap[i] = b
  heap[j] = a
}
