import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { CallRequest } from '../../src/limiter/limiter.js'
import { type Attempt, GateWorld, no, saying, silence, yes } from './limiter-world.js'

const seen = { kind: 'seen' } as const
const stale = { kind: 'stale' } as const
const prefetch = { kind: 'prefetch' } as const
const unseen = { kind: 'unseen' } as const

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** A limiter with one place, taken. */
function busy() {
  const world = new GateWorld({ upstream: { maxConcurrent: 1, maxQueueMs: 1_000 } })
  return { world, first: world.try(seen) }
}

function tryMany(world: GateWorld, times: number, request: CallRequest): Attempt[] {
  return Array.from({ length: times }, () => world.try(request))
}

async function outcomes(attempts: readonly Attempt[]): Promise<string[]> {
  return Promise.all(attempts.map(async ({ ended }) => saying(await ended)))
}

/** Lets those who wait in one after the other; says in which order. */
async function orderOf(first: Attempt, attempts: readonly Attempt[]): Promise<number[]> {
  const order: number[] = []
  for (let last = first; order.length < attempts.length; ) {
    await last.end(yes())
    const next = attempts.findIndex((each, index) => each.isOut() && !order.includes(index))
    const attempt = attempts[next]
    if (attempt === undefined) throw new Error('no call was admitted')
    order.push(next)
    last = attempt
  }
  return order
}

describe('the queue', () => {
  it('the queue admits seen sessions first, calls that can be served without Okta last, and each in order', async () => {
    const { world, first } = busy()
    const waiting = [unseen, stale, seen, unseen, seen, stale].map((request) => world.try(request))
    expect(await orderOf(first, waiting)).toEqual([2, 4, 0, 3, 1, 5])
  })

  it('the queue gives one slot in eight to the lowest lane that waits, however many unseen cookies come', async () => {
    const { world, first } = busy()
    const waiting = [...tryMany(world, 16, unseen), world.try(stale), world.try(stale)]
    const order = await orderOf(first, waiting)
    expect(order.indexOf(16)).toBe(7)
    expect(order.indexOf(17)).toBe(15)
  })

  it('uses no slot for calls that time out in it', async () => {
    const { world, first } = busy()
    tryMany(world, 3, seen)
    vi.advanceTimersByTime(1_000)
    expect(world.limiter.stats().queued).toBe(0)
    const waiting = [...tryMany(world, 16, unseen), world.try(stale), world.try(stale)]
    const order = await orderOf(first, waiting)
    expect(order.indexOf(16)).toBe(7)
    expect(order.indexOf(17)).toBe(15)
  })

  it('a call that does not wait is never queued', async () => {
    const { world } = busy()
    expect(await world.run(prefetch, yes())).toBe('refused: queue_full')
  })

  it('a call leaves the queue after maxQueueMs', async () => {
    const { world } = busy()
    const waiting = tryMany(world, 3, seen)
    vi.advanceTimersByTime(999)
    expect(world.limiter.stats().queued).toBe(3)
    vi.advanceTimersByTime(1)
    expect(await outcomes(waiting)).toEqual(Array(3).fill('refused: queue_full'))
    expect(world.limiter.stats()).toMatchObject({ queued: 0, refused: { queue_full: 3 } })
    expect(waiting.some(({ isOut }) => isOut())).toBe(false)
  })

  it('the queue is bounded', async () => {
    const { world } = busy()
    const waiting = tryMany(world, 1_001, unseen)
    expect(world.limiter.stats()).toMatchObject({ queued: 1_000, refused: { queue_full: 1 } })
    expect(saying(await (waiting[1_000] as Attempt).ended)).toBe('refused: queue_full')
  })

  it('sign-outs of unseen cookies that time out in the queue use up no more than their client’s failures', async () => {
    const { world, first } = busy()
    const leaver = { ...unseen, client: '198.51.100.1', chargeSilence: true }
    const waiting = tryMany(world, 240, leaver)
    expect(world.limiter.stats().queued).toBe(20)
    vi.advanceTimersByTime(1_000)
    await outcomes(waiting)
    expect(world.limiter.stats().refused).toEqual({ queue_full: 20, too_many_attempts: 220 })
    await first.end(yes())
    expect(await world.run({ ...unseen, client: '203.0.113.1' }, yes())).toBe('yes')
    expect(await world.run(leaver, yes())).toBe('refused: too_many_attempts')
  })

  it('sign-outs of unseen cookies that wait for a slot are all made when they are found', async () => {
    const { world, first } = busy()
    const leaver = { ...unseen, client: '198.51.100.1', chargeSilence: true }
    const waiting = tryMany(world, 20, leaver)
    await orderOf(first, waiting.slice(0, 20))
    await waiting.at(-1)?.end(yes())
    expect(await outcomes(waiting)).toEqual(Array(20).fill('yes'))
    expect(await world.runMany(20, leaver, no())).toEqual({ no: 20 })
  })

  it('the queue bounds the places of one client’s unseen cookies and of one credential', async () => {
    const { world, first } = busy()
    const junk = { ...unseen, client: '198.51.100.1' }
    const crowd = tryMany(world, 251, junk)
    expect(await outcomes(crowd.slice(-1))).toEqual(['refused: too_many_attempts'])
    const demanding = tryMany(world, 21, { ...seen, key: 'one', client: '198.51.100.2' })
    expect(await outcomes(demanding.slice(-1))).toEqual(['refused: too_many_attempts'])
    expect(world.limiter.stats().queued).toBe(270)
    // Seen sessions in their ordinary rhythm, of the same client, are not held to it.
    tryMany(world, 300, { ...seen, client: '198.51.100.1' })
    expect(world.limiter.stats().queued).toBe(570)
    // Places are given back.
    await first.end(yes())
    vi.advanceTimersByTime(1_000)
    expect(world.limiter.stats().queued).toBe(0)
    expect(tryMany(world, 2, junk).length).toBe(2)
    expect(world.limiter.stats().queued).toBe(2)
  })

  it('a queue full of unseen cookies has a place for every seen session', async () => {
    const { world, first } = busy()
    const crowd = tryMany(world, 1_000, unseen)
    const sessions = tryMany(world, 2, seen)
    expect(await outcomes(crowd.slice(-2))).toEqual(Array(2).fill('refused: queue_full'))
    expect(world.limiter.stats().queued).toBe(1_000)
    expect(await world.run(unseen, yes())).toBe('refused: queue_full')
    expect(await world.run(stale, yes())).toBe('refused: queue_full')
    expect(await orderOf(first, sessions)).toEqual([0, 1])
  })

  it('a queue full of calls that can be served without Okta has a place for every unseen cookie', async () => {
    const { world } = busy()
    const crowd = tryMany(world, 1_000, stale)
    tryMany(world, 1, unseen)
    expect(await outcomes(crowd.slice(-1))).toEqual(['refused: queue_full'])
    expect(world.limiter.stats().queued).toBe(1_000)
  })

  it('a queue full of seen sessions is full', async () => {
    const { world } = busy()
    tryMany(world, 1_000, seen)
    expect(await world.run(seen, yes())).toBe('refused: queue_full')
    expect(world.limiter.stats().queued).toBe(1_000)
  })

  it('an open circuit rejects the queued calls', async () => {
    const { world, first } = busy()
    const waiting = tryMany(world, 4, seen)
    await first.end(silence('rate_limited', 30_000))
    expect(await outcomes(waiting)).toEqual(Array(4).fill('refused: rate_limited'))
  })

  it('closing the limiter rejects the queued calls', async () => {
    const { world, first } = busy()
    const waiting = [seen, unseen, stale].map((request) => world.try(request))
    world.limiter.close()
    expect(await outcomes(waiting)).toEqual(Array(3).fill('refused: closed'))
    expect(await world.run(seen, yes())).toBe('refused: closed')
    expect(saying(await first.end(no()))).toBe('no')
  })

  it('the queue goes on when a call throws', async () => {
    const { world, first } = busy()
    const next = world.try(seen)
    await first.break()
    expect(next.isOut()).toBe(true)
  })
})
