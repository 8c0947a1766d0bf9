import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { deep, runs } from '../deep.js'
import { type Habit, QuotaWorld } from './quota-world.js'

/**
 * The quota model: one process with the defaults, an org of 600 calls a minute that takes 60 to 140 ms for
 * one, users who send requests at random, wait out a Retry-After, and sign in within 10 to 30 s when sent to.
 */
const MINUTE = 60_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const figures: Record<string, string | number>[] = []
afterAll(() => {
  console.table(figures)
})

function note(what: string, world: QuotaWorld, minutes: number): void {
  figures.push({
    what,
    users: world.users.length,
    '503 in all': percent(world.refusedShare(0, minutes)),
    'calls a minute, most': Math.max(...world.callsInMinute.map((calls = 0) => calls)),
    '429s': world.tooMany,
    'answered p50 s': world.wait('answeredAt', 0.5),
    'p99 s': world.wait('answeredAt', 0.99),
    'last s': world.wait('answeredAt', 1),
    'in p50 s': world.wait('inAt', 0.5),
    'in last s': world.wait('inAt', 1),
  })
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}

/** So many users who come within so long, signed in already or with a cookie that is dead. */
function morning(count: number, withinMs: number, cookies: 'live' | 'dead', habit: Habit) {
  const world = new QuotaWorld()
  for (let i = 0; i < count; i += 1) {
    const cookie = cookies === 'live' ? world.signedIn() : world.deadCookie()
    world.arrives(world.sim.random() * withinMs, cookie, habit)
  }
  return world
}

describe('1,000 active users', () => {
  it.each(runs([30_000], [5_000, 10_000, 30_000]))(
    '1,000 active users who send a request every %d ms get few 503 in a cold quarter of an hour, none once warm',
    async (requestEveryMs) => {
      const habit = { requestEveryMs, stayMs: 60 * MINUTE }
      const world = morning(1_000, requestEveryMs, 'live', habit)
      await world.sim.runUntil(20 * MINUTE)
      note(`1,000 active, a request every ${requestEveryMs / 1_000} s, cold`, world, 15)
      expect(world.refusedShare(0, 15)).toBeLessThan(0.02)
      expect(world.refusedShare(5, 20)).toBe(0)
      expect(world.wait('inAt', 1)).toBeLessThan(150)
      expect(world.tooMany).toBe(0)
    },
  )

  it('1,000 users whose sessions have all ended reach the sign-in page, and sign in', async () => {
    const habit = { requestEveryMs: 10_000, stayMs: 60 * MINUTE }
    const world = morning(1_000, 10_000, 'dead', habit)
    await world.sim.runUntil(20 * MINUTE)
    note('1,000 at once, every cookie dead', world, 20)
    // At 2.5 a second after the first 50 the last one's slot would be after 380 s.
    expect(world.wait('answeredAt', 1)).toBeLessThan(420)
    expect(world.wait('inAt', 1)).toBeLessThan(500)
    expect(world.refusedShare(10, 20)).toBe(0)
    expect(world.tooMany).toBe(0)
  })
})

describe.runIf(deep)('5,000 users who arrive in half an hour', () => {
  it('5,000 arriving users wait no longer than the rate-limit window forces, and use it whole', async () => {
    const habit = { requestEveryMs: 20_000, stayMs: 10 * MINUTE }
    const world = morning(5_000, 30 * MINUTE, 'live', habit)
    await world.sim.runUntil(40 * MINUTE)
    note('5,000 in half an hour, signed in', world, 40)
    expect(world.refusedShare(0, 40)).toBeLessThan(0.01)
    expect(world.wait('inAt', 1)).toBeLessThan(60)
    for (const [minute, { refused }] of world.tallies.entries())
      if (refused > 20) expect(world.callsInMinute[minute]).toBeGreaterThan(0.8 * 600)
    expect(world.tooMany).toBe(0)
  })

  it('5,000 arriving users with ended sessions reach the sign-in page and sign in, seen sessions unharmed', async () => {
    const habit = { requestEveryMs: 20_000, stayMs: 5 * MINUTE }
    const world = morning(5_000, 30 * MINUTE, 'dead', habit)
    await world.sim.runUntil(50 * MINUTE)
    note('5,000 in half an hour, every cookie dead', world, 50)
    // 167 a minute come and 150 may fail: that forces waiting, and it is shared out fairly.
    expect(world.wait('answeredAt', 0.5)).toBeLessThan(120)
    expect(world.wait('answeredAt', 1)).toBeLessThan(12 * 60)
    expect(world.wait('inAt', 1)).toBeLessThan(20 * 60)
    expect(world.refusedAfterIn).toBe(0)
    expect(world.tooMany).toBe(0)
  })
})
