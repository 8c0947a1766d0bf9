import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { QuotaWorld } from './quota-world.js'

const MINUTE = 60_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Newcomers with live sessions, one every 200 ms for a minute. */
function newcomers(world: QuotaWorld, fromMs: number) {
  for (let i = 0; i < 300; i += 1)
    world.arrives(fromMs + i * 200, world.signedIn(), { requestEveryMs: 20_000, stayMs: 0 })
}

describe('twenty ended sessions of one client', () => {
  it('that ask for pages 13 times a second leave the minute to newcomers', async () => {
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
    // Each once for itself, and then one a second; 300 calls are the newcomers'.
    expect(world.calls - before - 300).toBeLessThanOrEqual(20 + 65)
    expect(world.wait('inAt', 1)).toBeLessThan(1)
  })
})
