import { describe, expect, it } from 'vitest'
import { GateWorld, no, silence, yes } from './limiter-world.js'

const seen = { kind: 'seen' } as const
const prefetch = { kind: 'prefetch' } as const
const stale = { kind: 'stale' } as const
const unseen = { kind: 'unseen' } as const
const from = (client: string) => ({ kind: 'unseen', client }) as const
const signInFrom = (client: string) => ({ kind: 'unseen', operation: 'sign_in', client }) as const

describe('failure budgets', () => {
  it('a client may fail 20 times at once, then once a second', async () => {
    const world = new GateWorld()
    expect(await world.runMany(30, from('198.51.100.1'), no())).toEqual({
      no: 20,
      'refused: too_many_attempts': 10,
    })
    world.clock.advance(3_000)
    expect(await world.runMany(9, from('198.51.100.1'), no())).toEqual({
      no: 3,
      'refused: too_many_attempts': 6,
    })
    expect(await world.run(from('198.51.100.2'), no())).toBe('no')
  })

  it('all clients together may fail 50 times at once, then 2.5 times a second', async () => {
    const world = new GateWorld()
    let noes = 0
    for (let i = 0; i < 100; i += 1)
      if ((await world.run(from(`198.51.100.${i}`), no())) === 'no') noes += 1
    expect(noes).toBe(50)
    world.clock.advance(2_000)
    expect(await world.runMany(9, unseen, no())).toEqual({ no: 5, 'refused: over_budget': 4 })
  })

  it('the global failure budget holds for clients without an address', async () => {
    const world = new GateWorld()
    expect(await world.runMany(60, unseen, no())).toEqual({ no: 50, 'refused: over_budget': 10 })
  })

  it('a failure budget is given back on a yes and when no usable answer comes', async () => {
    const world = new GateWorld()
    expect(await world.run(from('198.51.100.1'), yes())).toBe('yes')
    for (let i = 0; i < 40; i += 1) {
      expect(await world.run(from('198.51.100.1'), silence('connect'))).toBe('connect')
      expect(await world.run({ kind: 'seen' }, yes())).toBe('yes')
    }
    // 20, and 3 that the session has earned.
    expect(await world.runMany(24, from('198.51.100.1'), no())).toEqual({
      no: 23,
      'refused: too_many_attempts': 1,
    })
  })

  it('a failure budget is charged when a call is admitted, so that none is admitted on credit', async () => {
    const world = new GateWorld({ upstream: { maxConcurrent: 100 } })
    const attempts = Array.from({ length: 30 }, () => world.try(from('198.51.100.1')))
    expect(attempts.filter(({ isOut }) => isOut())).toHaveLength(20)
    await attempts[0]?.end(silence('connect'))
    expect(world.try(from('198.51.100.1')).isOut()).toBe(true)
    expect(world.try(from('198.51.100.1')).isOut()).toBe(false)
  })

  it('a failure budget is not charged for a queued call', async () => {
    const world = new GateWorld()
    const attempts = Array.from({ length: 60 }, () => world.try(unseen))
    expect(world.limiter.stats()).toMatchObject({ inFlight: 5, queued: 55, refused: {} })
    for (const attempt of attempts) expect((await attempt.end(yes())).kind).toBe('yes')
  })

  it('a queued call is rejected when others have spent its failure budget', async () => {
    const world = new GateWorld({ upstream: { failedLookups: { perSecond: 1, burst: 6 } } })
    const attempts = Array.from({ length: 8 }, () => world.try(unseen))
    for (const attempt of attempts.slice(0, 5)) await attempt.end(no())
    expect(world.limiter.stats()).toMatchObject({
      inFlight: 1,
      queued: 0,
      refused: { over_budget: 2 },
    })
  })

  it('a charge with chargeSilence stays without an answer, also for rejected calls', async () => {
    const world = new GateWorld()
    const signOutRequest = { ...from('198.51.100.1'), chargeSilence: true }
    expect(await world.runMany(5, signOutRequest, silence())).toEqual({ timeout: 5 })
    expect(await world.runMany(20, signOutRequest, silence())).toEqual({
      'refused: breaker_open': 15,
      'refused: too_many_attempts': 5,
    })
  })

  it('a call for a seen session is charged to no failure budget', async () => {
    const world = new GateWorld()
    await world.runMany(60, unseen, no())
    expect(await world.runMany(60, { ...seen, client: '198.51.100.1' }, no())).toEqual({ no: 60 })
  })

  it('sign-ins and lookups have failure budgets of their own', async () => {
    const world = new GateWorld()
    await world.runMany(30, signInFrom('198.51.100.1'), no())
    expect(await world.run(signInFrom('198.51.100.1'), no())).toBe('refused: too_many_attempts')
    expect(await world.runMany(20, from('198.51.100.1'), no())).toEqual({ no: 20 })
    expect(await world.run(signInFrom('198.51.100.2'), yes())).toBe('yes')
  })
})

describe('the rate-limit window', () => {
  it('the rate-limit window counts calls down as they leave, before Okta answers', async () => {
    const world = new GateWorld({ upstream: { maxConcurrent: 100 } })
    await world.run(seen, yes(world.minute(100, 30, 40_000)))
    const attempts = Array.from({ length: 20 }, () => world.try(unseen))
    expect(attempts.filter(({ isOut }) => isOut())).toHaveLength(10)
    expect(world.limiter.stats().quota).toEqual({ limit: 100, remaining: 20, resetsInMs: 41_000 })
  })

  it('the last fifth of the rate-limit window is for seen sessions, and none is left at zero', async () => {
    const world = new GateWorld()
    await world.run(seen, yes(world.minute(100, 21, 40_000)))
    expect(await world.runMany(3, unseen, yes())).toEqual({ yes: 1, 'refused: over_budget': 2 })
    expect(await world.runMany(30, seen, yes())).toEqual({ yes: 20, 'refused: over_budget': 10 })
    world.clock.advance(41_000)
    expect(await world.run(unseen, yes())).toBe('yes')
  })

  it('calls that can wait use at most half of the rate-limit window', async () => {
    const world = new GateWorld()
    await world.run(seen, yes(world.minute(100, 52, 40_000)))
    expect(await world.runMany(2, prefetch, yes())).toEqual({ yes: 2 })
    expect(await world.run(prefetch, yes())).toBe('refused: over_budget')
    expect(await world.run(stale, yes())).toBe('refused: over_budget')
    expect(await world.run(unseen, yes())).toBe('yes')
  })

  it('the rate-limit window takes the lowest figure, as answers overtake each other', async () => {
    const world = new GateWorld()
    await world.run(seen, yes(world.minute(600, 300, 40_000)))
    await world.run(seen, yes(world.minute(600, 301, 40_000)))
    expect(world.limiter.stats().quota?.remaining).toBe(299)
  })

  it('the rate-limit window subtracts the calls in flight', async () => {
    const world = new GateWorld()
    const others = [1, 2, 3].map(() => world.try(seen))
    await world.run(seen, yes(world.minute(600, 300, 40_000)))
    expect(world.limiter.stats().quota?.remaining).toBe(297)
    expect(others.every(({ isOut }) => isOut())).toBe(true)
  })

  it('a slow answer belongs to the same rate-limit window', async () => {
    const world = new GateWorld()
    await world.run(seen, yes(world.minute(600, 300, 40_000)))
    world.clock.advance(5_000)
    // Written 4 s ago, and read now.
    await world.run(seen, yes(world.minute(600, 310, 35_000, 4_000)))
    expect(world.limiter.stats().quota).toEqual({ limit: 600, remaining: 299, resetsInMs: 36_000 })
  })

  it('a late answer of the window before does not change the rate-limit window', async () => {
    const world = new GateWorld()
    await world.run(seen, yes(world.minute(600, 300, 55_000)))
    await world.run(seen, yes(world.minute(600, 5, -3_000, 4_000)))
    expect(world.limiter.stats().quota?.remaining).toBe(299)
  })

  it('the rate-limit window starts anew when its end has passed', async () => {
    const world = new GateWorld()
    await world.run(seen, yes(world.minute(600, 0, 10_000)))
    world.clock.advance(11_000)
    expect(world.limiter.stats().quota).toBeUndefined()
    await world.run(seen, yes(world.minute(600, 599, 60_000)))
    expect(world.limiter.stats().quota?.remaining).toBe(599)
  })

  it.each([
    ['a limit of 0', 0, 0, 30_000],
    ['an end in the past', 600, 0, -1_000],
    ['an end beyond two minutes', 600, 0, 121_000],
  ])('the rate-limit window is not learned from %s', async (_what, limit, remaining, endsInMs) => {
    const world = new GateWorld()
    await world.run(seen, yes(world.minute(limit, remaining, endsInMs)))
    expect(world.limiter.stats().quota).toBeUndefined()
    expect(await world.run(unseen, yes())).toBe('yes')
  })

  it('the rate-limit window ends in 61 s at the latest, whatever Okta says', async () => {
    const world = new GateWorld()
    await world.run(seen, yes(world.minute(600, 0, 119_000)))
    expect(world.limiter.stats().quota?.resetsInMs).toBe(61_000)
  })

  it('sign-ins with an API token have a rate-limit window of their own, and use that of the lookups too', async () => {
    const world = new GateWorld()
    const signIn = signInFrom('198.51.100.1')
    await world.run(seen, yes(world.minute(600, 400, 40_000)))
    await world.run(signIn, yes(world.minute(300, 61, 40_000)))
    expect(world.limiter.stats().quota).toMatchObject({ limit: 600, remaining: 399 })
    expect(await world.runMany(2, signIn, yes())).toEqual({ yes: 1, 'refused: over_budget': 1 })
    expect(await world.run(unseen, yes())).toBe('yes')
    const other = new GateWorld()
    await other.run(seen, yes(other.minute(600, 120, 40_000)))
    expect(await other.run(signIn, yes())).toBe('refused: over_budget')
  })
})
