import { describe, expect, it } from 'vitest'
import type { CallKind } from '../../src/limiter/policy.js'
import { CallQueue } from '../../src/limiter/queue.js'

interface Waiter {
  readonly kind: CallKind
  readonly name: string
}

function waiters(kind: CallKind, count: number): Waiter[] {
  return Array.from({ length: count }, (_, i) => ({ kind, name: `${kind} ${i}` }))
}

function queueOf(...added: readonly (readonly Waiter[])[]): CallQueue<Waiter> {
  const queue = new CallQueue<Waiter>(1_000)
  for (const waiter of added.flat()) queue.add(waiter)
  return queue
}

/** Gives out so many slots, and says which waiters got them. */
function slots(queue: CallQueue<Waiter>, count: number): string[] {
  return Array.from({ length: count }, () => {
    const { next } = queue
    if (next === undefined) return 'none'
    queue.takeSlot(next)
    return next.name
  })
}

describe('a queue of calls', () => {
  it('gives its slots in the order of the lanes, and within a lane in the order of arrival', () => {
    const queue = queueOf(waiters('stale', 1), waiters('unseen', 2), waiters('seen', 2))
    expect(slots(queue, 6)).toEqual(['seen 0', 'seen 1', 'unseen 0', 'unseen 1', 'stale 0', 'none'])
  })

  it('reserves one slot in eight for the lanes that would starve, in alternation', () => {
    const queue = queueOf(waiters('seen', 40), waiters('unseen', 40), waiters('stale', 40))
    const given = slots(queue, 32)
    expect([7, 15, 23, 31].map((slot) => given[slot])).toEqual([
      'stale 0',
      'unseen 0',
      'stale 1',
      'unseen 1',
    ])
    expect(given.filter((name) => name.startsWith('seen'))).toHaveLength(28)
  })

  it('gives every reserved slot to the one lane that would starve', () => {
    const queue = queueOf(waiters('seen', 40), waiters('unseen', 40))
    const given = slots(queue, 16)
    expect([given[7], given[15]]).toEqual(['unseen 0', 'unseen 1'])
  })

  it('counts no slot for a call that leaves without one', () => {
    const [first, ...others] = waiters('seen', 20)
    const queue = queueOf([first as Waiter], others, waiters('stale', 1))
    queue.remove(first as Waiter)
    expect(slots(queue, 8).indexOf('stale 0')).toBe(7)
  })

  it('keeps a reserved slot for the next of its lane when the first leaves without it', () => {
    const stale = waiters('stale', 2)
    const queue = queueOf(waiters('seen', 20), stale)
    slots(queue, 7)
    expect(queue.next).toBe(stale[0])
    queue.remove(stale[0] as Waiter)
    expect(queue.next).toBe(stale[1])
  })

  it('answers its queries without changing', () => {
    const queue = queueOf(waiters('seen', 10), waiters('unseen', 3), waiters('prefetch', 2))
    const state = () => [
      queue.next,
      queue.length,
      queue.ahead('seen'),
      queue.ahead('unseen'),
      queue.ahead('stale'),
    ]
    expect(state()).toEqual([{ kind: 'seen', name: 'seen 0' }, 15, 10, 13, 15])
    expect(state()).toEqual(state())
  })

  it('evicts the last call of the lowest lane when one too many is added', () => {
    const queue = new CallQueue<Waiter>(2)
    const [seen, unseen, stale] = [waiters('seen', 1), waiters('unseen', 1), waiters('stale', 1)]
    expect(queue.add(stale[0] as Waiter)).toBeUndefined()
    expect(queue.add(unseen[0] as Waiter)).toBeUndefined()
    expect(queue.add(seen[0] as Waiter)).toBe(stale[0])
    expect(queue.length).toBe(2)
  })
})
