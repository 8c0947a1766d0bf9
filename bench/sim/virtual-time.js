/** A clock of the simulation's own and a list of what is to happen: a quarter of an hour passes as fast as its events are worked off. */
import { setImmediate as turn } from 'node:timers/promises'

const WALL = Date.parse('2026-11-02T08:00:00.000Z')

/**
 * @typedef {object} Event
 * @property {number} at Milliseconds since the simulation began.
 * @property {number} order Of two at the same time the one planned first comes first.
 * @property {(() => void) | undefined} happen
 */

export class VirtualTime {
  #now = 0
  #planned = 0
  /** @type {Event[]} A binary heap, the next one first. */
  #events = []

  /** What composeOktaSession() takes as its clock. */
  clock = {
    now: () => WALL + this.#now,
    monotonic: () => this.#now,
  }

  get now() {
    return this.#now
  }

  /**
   * @param {number} ms From now.
   * @param {() => void} happen
   * @returns {Event}
   */
  after(ms, happen) {
    const event = { at: this.#now + Math.max(0, ms), order: this.#planned, happen }
    this.#planned += 1
    this.#push(event)
    return event
  }

  /**
   * A promise for a moment.
   * @param {number} ms
   * @returns {Promise<void>}
   */
  sleep(ms) {
    return new Promise((awake) => {
      this.after(ms, awake)
    })
  }

  /**
   * Works off everything up to a moment. What promises bring about comes to an end before time goes on.
   * @param {number} until Milliseconds since the simulation began.
   */
  async runUntil(until) {
    const restore = this.#takeOverTimers()
    try {
      for (let next = this.#pop(until); next !== undefined; next = this.#pop(until)) {
        this.#now = next.at
        if (next.happen === undefined) continue
        next.happen()
        await turn()
      }
      this.#now = until
    } finally {
      restore()
    }
  }

  /** The package's own timers go by this clock too. */
  #takeOverTimers() {
    const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout }
    Object.assign(globalThis, {
      setTimeout: (/** @type {() => void} */ happen, /** @type {number} */ ms) =>
        this.after(ms, happen),
      clearTimeout: (/** @type {Event | undefined} */ event) => {
        if (event !== undefined) event.happen = undefined
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
