import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { QuotaWorld } from './quota-world.js'

const MINUTE = 60_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Unseen cookies with live sessions, spread over a minute. */
function newcomers(world: QuotaWorld, fromMs: number, count = 300) {
  for (let i = 0; i < count; i += 1)
    world.arrives(fromMs + (i * MINUTE) / count, world.signedIn(), {
      requestEveryMs: 20_000,
      stayMs: 0,
    })
}

describe('twenty ended sessions of one client', () => {
  it('twenty ended sessions of one client that ask 13 times a second leave the rate-limit window to unseen cookies', async () => {
    const world = new QuotaWorld()
    const cookies = Array.from({ length: 20 }, () => world.signedIn())
    for (const [i, cookie] of cookies.entries()) world.requestOnce(i * 100, cookie, '192.0.2.1')
    await world.sim.runUntil(2 * MINUTE)
    for (const cookie of cookies) world.end(cookie)
    const before = world.calls
    for (let i = 0; i < 13 * 60; i += 1)
      world.requestOnce(i * (1_000 / 13), cookies[i % 20] ?? '', '192.0.2.1')
    newcomers(world, 0)
    await world.sim.runUntil(3 * MINUTE + 5_000)
    // Each once, one a second, and 3 that each session has earned; 300 calls are those of unseen cookies.
    expect(world.calls - before - 300).toBeLessThanOrEqual(20 + 65 + 3 * 20)
    expect(world.wait('inAt', 1)).toBeLessThan(1)
  })
})

describe('one live session that demands fresh answers', () => {
  it.each([60, 150])(
    'one session with fresh lookups %d times a second has its share, and unseen cookies are admitted',
    async (aSecond) => {
      const world = new QuotaWorld()
      const cookie = world.signedIn()
      const reasons = new Set<string>()
      const outcomes = { active: 0, refused: 0, retryAfterMs: 0 }
      const demand = async () => {
        const context = await world.demand(cookie, '192.0.2.1')
        if (context.state === 'active') outcomes.active += 1
        if (context.state !== 'unavailable') return
        reasons.add(context.reason)
        outcomes.refused += 1
        outcomes.retryAfterMs = Math.max(outcomes.retryAfterMs, context.retryAfterMs)
      }
      for (let i = 0; i < aSecond * 60; i += 1) world.sim.in((i * 1_000) / aSecond, demand)
      newcomers(world, 1_000)
      await world.sim.runUntil(MINUTE + 5_000)
      // A tenth of the minute, and what left before the org had said how much that is.
      expect(outcomes.active).toBeGreaterThanOrEqual(50)
      expect(outcomes.active).toBeLessThanOrEqual(60 + 20)
      expect(outcomes.active + outcomes.refused).toBe(aSecond * 60)
      expect([...reasons]).toEqual(['too_many_attempts'])
      expect(outcomes.retryAfterMs).toBeLessThanOrEqual(2_000)
      expect(world.wait('inAt', 1)).toBeLessThan(1)
    },
  )
})

describe('live sessions of one client', () => {
  it('sessions of one client that all demand fresh answers have a larger share together', async () => {
    const world = new QuotaWorld()
    const cookies = Array.from({ length: 50 }, () => world.signedIn())
    for (const [i, cookie] of cookies.entries()) world.requestOnce(i * 50, cookie, '192.0.2.1')
    await world.sim.runUntil(MINUTE + 10_000)
    const before = world.calls
    for (let i = 0; i < 6_000; i += 1)
      world.sim.in(i * 10, () => void world.demand(cookies[i % 50] ?? '', '192.0.2.1'))
    newcomers(world, 1_000, 60)
    await world.sim.runUntil(2 * MINUTE + 15_000)
    // Two fifths of 600, and each session every 30 s, when its answer is half as old as it may be.
    expect(world.calls - before - 60).toBeLessThanOrEqual(240 + 3 * 50)
    expect(world.wait('inAt', 1)).toBeLessThan(5)
  })

  it('sessions of one address in their ordinary rhythm have no bound, however many', async () => {
    const world = new QuotaWorld()
    const habit = { requestEveryMs: 10_000, stayMs: 10 * MINUTE }
    for (let i = 0; i < 400; i += 1) world.arrives(i * 200, world.signedIn(), habit, '192.0.2.1')
    await world.sim.runUntil(12 * MINUTE)
    expect(world.refusedAfterIn).toBe(0)
    expect(world.refusedShare(0, 12)).toBe(0)
  })
})
