import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { OktaSession } from '../../src/okta-session-types.js'
import { LookupWorld, TestClock } from './lookup-world.js'
import { middleware, requestWith, type TinyOrg, tinyOrg } from './tiny-org.js'

let clock: TestClock
let org: TinyOrg

beforeEach(async () => {
  clock = new TestClock()
  org = await tinyOrg(clock)
})

const DAY_MS = 24 * 60 * 60_000

describe('times', () => {
  it.each([
    ['nine minutes behind', -540_000],
    ['right', 0],
    ['nine minutes ahead', 540_000],
  ])("a session is accepted to within 2 s of its end when Okta's clock is %s", async (_, ahead) => {
    const okta = middleware(org, clock, { upstream: { timeoutMs: 300 } })
    org.now = () => clock.now() + ahead
    const end = clock.now() + 40_000
    org.endsAt = () => end + ahead
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ state: 'active' })
    org.silent = true
    clock.advance(38_000)
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ source: 'memory' })
    clock.advance(4_000)
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ state: 'unavailable' })
  })

  it.each([
    ['three hours ahead', 3 * 3_600_000],
    ['eleven minutes ahead', 11 * 60_000],
    ['three hours behind', -3 * 3_600_000],
  ])("a Date of Okta's %s is doubted: our clock decides, with one warning", async (_, ahead) => {
    const warn = vi.fn()
    const okta = middleware(org, clock, { upstream: { timeoutMs: 300 }, logger: { warn } })
    org.now = () => clock.now() + ahead
    const end = clock.now() + 40_000
    org.endsAt = () => end
    for (const value of ['alice', 'bob'])
      expect(await okta.authenticate(requestWith(value))).toMatchObject({ state: 'active' })
    expect(warn).toHaveBeenCalledTimes(1)
    expect(warn).toHaveBeenCalledWith(
      expect.stringContaining('Date'),
      expect.objectContaining({ aheadMs: ahead }),
    )
    org.silent = true
    clock.advance(38_000)
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ source: 'memory' })
    clock.advance(4_000)
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ state: 'unavailable' })
  })

  it('a Date that becomes doubtful takes back what a trusted one has set', async () => {
    const okta = middleware(org, clock)
    org.now = () => clock.now() + 540_000
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ state: 'active' })
    org.now = () => clock.now() + 3 * 3_600_000
    const end = clock.now() + 40_000
    org.endsAt = () => end
    expect(await okta.authenticate(requestWith('bob'))).toMatchObject({ state: 'active' })
    clock.advance(1_000)
    expect(await okta.authenticate(requestWith('bob'))).toMatchObject({ source: 'memory' })
  })

  describe('a session stored by a Date that is nine minutes behind, with 40 s left', () => {
    /** The last moment at which the session is served, counted from its end, while Okta is silent. */
    async function servedUntil(okta: OktaSession, end: number): Promise<number> {
      org.silent = true
      let last = Number.NaN
      for (let time = 0; time < 30; time += 1) {
        const context = await okta.authenticate(requestWith('alice'))
        if (context.state === 'active') last = clock.now() - end
        clock.advance(2_000)
      }
      return last
    }
    const wrong = () => clock.now() - 540_000
    const options = { upstream: { timeoutMs: 150 } }

    it.each([
      ['a right Date', 0],
      ['a Date that is doubted', 3 * 3_600_000],
    ])('ends in time once another answer has %s', async (_, ahead) => {
      const okta = middleware(org, clock, options)
      const end = clock.now() + 40_000
      org.endsAt = () => end
      org.now = wrong
      await okta.authenticate(requestWith('alice'))
      org.now = () => clock.now() + ahead
      await okta.authenticate(requestWith('bob'))
      const last = await servedUntil(okta, end)
      expect(last).toBeLessThanOrEqual(0)
      expect(last).toBeGreaterThan(-5_000)
    })

    it('a session ends in time when it was stored without a Date a minute after the wrong one', async () => {
      const okta = middleware(org, clock, options)
      org.now = wrong
      await okta.authenticate(requestWith('bob'))
      clock.advance(61_000)
      org.now = () => undefined
      const end = clock.now() + 40_000
      org.endsAt = () => end
      await okta.authenticate(requestWith('alice'))
      const last = await servedUntil(okta, end)
      expect(last).toBeLessThanOrEqual(0)
      expect(last).toBeGreaterThan(-5_000)
    })

    it('a session whose end was corrected is looked up, and stays in the cache, when Okta has extended it', async () => {
      const okta = middleware(org, clock)
      const end = clock.now() + 40_000
      org.endsAt = () => end
      org.now = wrong
      await okta.authenticate(requestWith('alice'))
      org.now = clock.now
      await okta.authenticate(requestWith('bob'))
      org.endsAt = () => end + 7_200_000
      clock.advance(41_000)
      const context = await okta.authenticate(requestWith('alice'))
      expect(context).toMatchObject({ state: 'active', source: 'okta' })
      expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ source: 'memory' })
    })

    it('a session is not counted in stats() after its right end', async () => {
      const okta = middleware(org, clock)
      const end = clock.now() + 40_000
      org.endsAt = (value) => (value === 'alice' ? end : clock.now() - 1)
      org.now = wrong
      await okta.authenticate(requestWith('alice'))
      org.now = clock.now
      await okta.authenticate(requestWith('bob'))
      expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ source: 'memory' })
      expect(okta.stats().sessions).toBe(1)
      clock.advance(41_000)
      expect(okta.stats().sessions).toBe(0)
    })
  })

  it('a wrong Date does not lengthen the life of a session stored by a right one', async () => {
    const okta = middleware(org, clock, { upstream: { timeoutMs: 300 } })
    const end = clock.now() + 40_000
    org.endsAt = () => end
    await okta.authenticate(requestWith('alice'))
    org.now = () => clock.now() - 540_000
    await okta.authenticate(requestWith('bob'))
    // The entry is checked after any revocation.
    await okta.forget({ userId: 'another user' })
    org.silent = true
    clock.advance(38_000)
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ source: 'memory' })
    clock.advance(4_000)
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ state: 'unavailable' })
  })

  it('a slow answer does not shorten the lives of other sessions', async () => {
    const okta = middleware(org, clock)
    const end = clock.now() + 40_000
    org.endsAt = () => end
    await okta.authenticate(requestWith('alice'))
    org.silent = true
    const slow = okta.authenticate(requestWith('bob'))
    await vi.waitFor(() => expect(org.inFlight).toBe(1))
    clock.advance(2_900)
    org.release()
    await slow
    org.silent = true
    clock.advance(35_500)
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ source: 'memory' })
  })

  it('a session is looked up again at its end, which Okta may have extended', async () => {
    const okta = middleware(org, clock)
    const begun = clock.now()
    org.endsAt = () => begun + 40_000
    await okta.authenticate(requestWith('alice'))
    org.endsAt = () => begun + 7_200_000
    clock.advance(41_000)
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({
      state: 'active',
      source: 'okta',
    })
  })

  it("a session whose end is past by Okta's clock is expired", async () => {
    const okta = middleware(org, clock)
    org.endsAt = () => clock.now() - 1_000
    expect(await okta.authenticate(requestWith('alice'))).toEqual({
      state: 'anonymous',
      reason: 'expired',
    })
  })

  it.each([
    ['forward', DAY_MS],
    ['back', -DAY_MS],
  ])('every session is looked up again after the wall clock jumped a day %s', async (_, jump) => {
    const okta = middleware(org, clock)
    org.endsAt = () => clock.now() + 7_200_000
    await okta.authenticate(requestWith('alice'))
    clock.wall += jump
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ source: 'okta' })
    expect(org.calls).toBe(2)
  })

  it('no answer from before a suspend is served while Okta is silent', async () => {
    const okta = middleware(org, clock, { upstream: { timeoutMs: 300 } })
    await okta.authenticate(requestWith('alice'))
    clock.wall += 6_000
    org.silent = true
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ state: 'unavailable' })
  })

  it('a session past its ttl is served as stale while Okta is silent, and not past maxTtlMs', async () => {
    const okta = middleware(org, clock, { upstream: { timeoutMs: 300 } })
    await okta.authenticate(requestWith('alice'))
    org.silent = true
    clock.advance(299_000)
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ source: 'stale' })
    clock.advance(2_000)
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ state: 'unavailable' })
  })

  it('ttlMs is a hard bound when maxTtlMs equals it', async () => {
    const cache = { ttlMs: 60_000, maxTtlMs: 60_000 }
    const okta = middleware(org, clock, { cache, upstream: { timeoutMs: 300 } })
    await okta.authenticate(requestWith('alice'))
    org.silent = true
    clock.advance(61_000)
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ state: 'unavailable' })
  })

  it('a negative answer is cached for negativeTtlMs, and looked up again for a page after a second', async () => {
    const okta = middleware(org, clock)
    org.endsAt = () => undefined
    const page = { headers: { cookie: 'sid=gone', 'sec-fetch-mode': 'navigate' } }
    expect(await okta.authenticate(requestWith('gone'))).toMatchObject({ reason: 'not_found' })
    clock.advance(9_000)
    await okta.authenticate(requestWith('gone'))
    expect(org.calls).toBe(1)
    await okta.authenticate(page)
    expect(org.calls).toBe(2)
    clock.advance(900)
    await okta.authenticate(page)
    expect(org.calls).toBe(2)
    clock.advance(9_200)
    await okta.authenticate(requestWith('gone'))
    expect(org.calls).toBe(3)
  })

  it('a cookie that stays unknown to Okta is looked up ever less often, whatever the request demands', async () => {
    const okta = middleware(org, clock)
    await okta.authenticate(requestWith('alice'))
    org.endsAt = () => undefined
    clock.advance(61_000)
    const page = { headers: { cookie: 'sid=alice', 'sec-fetch-mode': 'navigate' } }
    const seconds: number[] = []
    for (let second = 0; second < 200; second += 1) {
      const before = org.calls
      expect(await okta.authenticate(page)).toMatchObject({ reason: 'not_found' })
      if (org.calls > before) seconds.push(second)
      clock.advance(1_001)
    }
    expect(seconds).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183])
    // An active answer resets the rest.
    org.endsAt = () => clock.now() + 7_200_000
    clock.advance(61_000)
    expect(await okta.authenticate(page)).toMatchObject({ state: 'active' })
    org.endsAt = () => undefined
    clock.advance(61_000)
    const { calls } = org
    await okta.authenticate(page)
    clock.advance(1_001)
    await okta.authenticate(page)
    expect(org.calls).toBe(calls + 2)
  })

  it('a demand for a fresh answer does not shorten the rest of a negative answer', async () => {
    const world = new LookupWorld()
    for (let i = 0; i < 10; i += 1) {
      expect(await world.lookUp('gone', { maxStalenessMs: 0 })).toMatchObject({
        reason: 'not_found',
      })
      world.clock.advance(100)
    }
    expect(world.calls).toBe(1)
  })

  it('a session that lacks a factor is looked up each second', async () => {
    const okta = middleware(org, clock)
    org.fields = { status: 'MFA_REQUIRED' }
    for (let second = 0; second < 10; second += 1) {
      expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ state: 'incomplete' })
      clock.advance(1_001)
    }
    expect(org.calls).toBe(10)
  })
})
