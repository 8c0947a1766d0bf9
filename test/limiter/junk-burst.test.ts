import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { QuotaWorld } from './quota-world.js'

const USERS = 140
const JUNK = 8_000
const BURST_MS = 10_000
const AFTERWARDS_MS = 600_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Ten seconds of junk, then unseen cookies with live sessions in the ten minutes after. */
async function afterABurst(perSecond: number, addresses: number) {
  // Less than five seconds' worth of a burst: as long as a slot is kept.
  const failedLookups = { perSecond, burst: perSecond * 4 }
  const world = new QuotaWorld({ upstream: { failedLookups } })
  for (let i = 0; i < JUNK; i += 1) {
    const address = i % addresses
    const client = `198.18.${address >> 8}.${address & 255}`
    world.requestOnce((i / JUNK) * BURST_MS, world.deadCookie(), client)
  }
  const habit = { requestEveryMs: 20_000, stayMs: 0 }
  for (let i = 0; i < USERS; i += 1) {
    const inMs = BURST_MS + 1_000 + (i / USERS) * AFTERWARDS_MS
    world.arrives(inMs, world.signedIn(), habit)
  }
  await world.sim.runUntil(BURST_MS + AFTERWARDS_MS + 120_000)
  return world
}

describe('unseen cookies in the ten minutes after a burst of junk', () => {
  it.each([
    [2.5, 4],
    [2.5, JUNK],
    [4, 4],
    [4, JUNK],
    [10, 4],
    [10, JUNK],
  ])(
    'unseen cookies are admitted although junk reserved the slots, at %d failures a second and from %d addresses',
    async (perSecond, addresses) => {
      const world = await afterABurst(perSecond, addresses)
      expect(world.users).toHaveLength(USERS)
      const waits = world.users.map(
        (user) => (user.inAt ?? Number.POSITIVE_INFINITY) - user.arrivedAt,
      )
      const waited = waits.filter((ms) => ms > 1_000)
      expect(waited.length).toBeLessThan(0.05 * USERS)
      expect(Math.max(...waits)).toBeLessThan(61_000)
    },
  )
})
