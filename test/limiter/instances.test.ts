import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../deep.js'
import { GateWorld, no, silence, yes } from './limiter-world.js'

const seen = { kind: 'seen' } as const
const stale = { kind: 'stale' } as const
const unseen = { kind: 'unseen' } as const
const signIn = { kind: 'unseen', operation: 'sign_in' } as const
const office = { kind: 'unseen', client: 'shared 10.0.0.1' } as const

describe('a number of instances that changes from 1 to 4 and back', () => {
  it.each([
    ['lookups', unseen],
    ['sign-ins', signIn],
  ])('divides the failure budget of %s, and what it grows by has to refill', async (_, request) => {
    const world = new GateWorld()
    const failures = async () => (await world.runMany(60, request, no())).no ?? 0
    world.limiter.setInstances(4)
    expect(await failures()).toBe(12)
    world.clock.advance(4_000)
    // 0.5 was left, and a quarter of 2.5 a second came back.
    expect(await failures()).toBe(3)
    world.limiter.setInstances(1)
    expect(await failures()).toBe(0)
    world.clock.advance(4_000)
    expect(await failures()).toBe(10)
  })

  it('divides the failures of clients that cannot be distinguished', async () => {
    const world = new GateWorld()
    const failures = async () => (await world.runMany(45, office, no())).no ?? 0
    await world.run(office, no())
    world.limiter.setInstances(4)
    expect(await failures()).toBe(10)
    world.clock.advance(4_000)
    expect(await failures()).toBe(2)
    world.limiter.setInstances(1)
    expect(await failures()).toBe(0)
    world.clock.advance(4_000)
    expect(await failures()).toBe(8)
  })

  it('leaves a budget that holds less than its part as it is', async () => {
    const world = new GateWorld()
    await world.runMany(45, unseen, no())
    world.limiter.setInstances(4)
    expect((await world.runMany(20, unseen, no())).no).toBe(5)
  })

  it('fills no budget when the number falls after a quiet hour', async () => {
    const world = new GateWorld()
    world.limiter.setInstances(4)
    await world.run(unseen, no())
    world.clock.advance(3_600_000)
    world.limiter.setInstances(1)
    expect((await world.runMany(60, unseen, no())).no).toBe(12)
  })

  it.each([
    ['all clients', unseen, 12],
    ['clients that cannot be distinguished', office, 10],
  ])(
    'does not refill the budget of %s when the number rises and falls at once',
    async (_, request, left) => {
      const world = new GateWorld()
      await world.run(request, no())
      world.limiter.setInstances(4)
      world.limiter.setInstances(1)
      expect((await world.runMany(60, request, no())).no).toBe(left)
    },
  )

  it('divides the part of the rate-limit window that is used', async () => {
    const world = new GateWorld()
    await world.run(seen, yes(world.minute(600, 600, 50_000)))
    world.limiter.setInstances(4)
    // One call was made. A quarter of 300 may wait, and a quarter of 480 is for unseen cookies.
    expect((await world.runMany(200, stale, yes())).yes).toBe(74)
    expect((await world.runMany(200, unseen, yes())).yes).toBe(45)
    world.limiter.setInstances(1)
    expect((await world.runMany(500, unseen, yes())).yes).toBe(360)
    world.limiter.setInstances(4)
    expect(await world.run(unseen, yes())).toBe('refused: over_budget')
    expect(await world.run(seen, yes())).toBe('yes')
  })

  it.each([
    ['credential', { ...seen, key: 'one' }, 75, 1.25],
    ['client', { ...seen, client: '198.51.100.1', early: true }, 300, 5],
    ['shared peer', { ...seen, client: 'shared 10.0.0.1', early: true }, 600, 10],
  ])('divides the share of a %s in the window', async (_, request, atOnce, perSecond) => {
    const world = new GateWorld()
    const calls = async () => (await world.runMany(650, request, yes())).yes ?? 0
    await world.run(seen, yes(world.minute(6_000, 6_000, 50_000)))
    await world.run(request, yes())
    world.limiter.setInstances(4)
    expect(await calls()).toBe(atOnce)
    world.clock.advance(4_000)
    expect(await calls()).toBe(4 * perSecond)
    world.limiter.setInstances(1)
    expect(await calls()).toBe(0)
    world.clock.advance(4_000)
    expect(await calls()).toBe(16 * perSecond)
    world.limiter.setInstances(4)
    // A share that was not used for long has refilled to its part, and is not filled when the part grows.
    world.clock.advance(240_000)
    world.limiter.setInstances(1)
    await world.run(seen, yes(world.minute(6_000, 6_000, 50_000)))
    expect(await calls()).toBe(atOnce)
  })

  it('divides maxConcurrent at once', () => {
    const world = new GateWorld({ upstream: { maxConcurrent: 20 } })
    const slots = [4, 30, 1].map((count) => {
      world.limiter.setInstances(count)
      return world.limiter.stats().maxConcurrent
    })
    expect(slots).toEqual([5, 1, 20])
  })
})

describe('a concurrency limit that Okta has halved', () => {
  it('shrinks to its part and grows by one with every ten answers', async () => {
    const world = new GateWorld({ upstream: { maxConcurrent: 20 } })
    const slots = () => world.limiter.stats().maxConcurrent
    await world.run(seen, silence('concurrency_limited'))
    world.clock.advance(1_000)
    world.limiter.setInstances(2)
    expect(slots()).toBe(10)
    world.limiter.setInstances(4)
    expect(slots()).toBe(5)
    world.limiter.setInstances(1)
    expect(slots()).toBe(5)
    await world.runMany(10, seen, yes())
    expect(slots()).toBe(6)
    await world.runMany(200, seen, yes())
    expect(slots()).toBe(20)
  })

  it('does not exceed its part when it has recovered', async () => {
    const world = new GateWorld({ upstream: { maxConcurrent: 20 } })
    await world.run(seen, silence('concurrency_limited'))
    world.clock.advance(1_000)
    world.limiter.setInstances(4)
    await world.runMany(300, seen, yes())
    expect(world.limiter.stats().maxConcurrent).toBe(5)
  })
})

describe('running calls', () => {
  it('go on when the number leaves fewer slots, and no other starts until they are few enough', async () => {
    const world = new GateWorld({ upstream: { maxConcurrent: 20 } })
    const running = Array.from({ length: 20 }, () => world.try(seen))
    world.limiter.setInstances(4)
    const queued = world.try(seen)
    expect(world.limiter.stats()).toMatchObject({ inFlight: 20, queued: 1, maxConcurrent: 5 })
    for (const attempt of running.slice(0, 15)) await attempt.end(yes())
    expect(queued.isOut()).toBe(false)
    await running[15]?.end(yes())
    await expect.poll(queued.isOut).toBe(true)
    await queued.end(yes())
    for (const attempt of running.slice(16)) await attempt.end(yes())
    expect(world.limiter.stats()).toMatchObject({ inFlight: 0, queued: 0 })
  })

  it('leave slots to queued calls as soon as the number falls', async () => {
    const world = new GateWorld({ upstream: { maxConcurrent: 8 } })
    world.limiter.setInstances(4)
    const attempts = Array.from({ length: 8 }, () => world.try(seen))
    expect(world.limiter.stats()).toMatchObject({ inFlight: 2, queued: 6 })
    world.limiter.setInstances(2)
    expect(world.limiter.stats()).toMatchObject({ inFlight: 4, queued: 4 })
    for (const attempt of attempts) {
      await expect.poll(attempt.isOut).toBe(true)
      await attempt.end(yes())
    }
  })
})

describe('the number in use', () => {
  it.each([Number.NaN, 0, -1, 1.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'stays as it is when told %d',
    (count) => {
      const world = new GateWorld({ upstream: { maxConcurrent: 20 } })
      world.limiter.setInstances(4)
      world.limiter.setInstances(count)
      expect(world.limiter.stats().maxConcurrent).toBe(5)
    },
  )

  it('is upstream.instances when fewer are counted', () => {
    const world = new GateWorld({ upstream: { maxConcurrent: 32, instances: 8 } })
    const slots = [4, 16, 1].map((count) => {
      world.limiter.setInstances(count)
      return world.limiter.stats().maxConcurrent
    })
    expect(slots).toEqual([4, 2, 4])
  })
})

describe('ten limiters that start and stop at random times', () => {
  const BURST = 50
  const PER_SECOND = 2.5
  const step = fc.record({
    living: fc.integer({ min: 1, max: 10 }),
    waitMs: fc.integer({ min: 0, max: 30_000 }),
    failures: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 10, maxLength: 10 }),
  })

  it('use one budget and one concurrency limit together', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), async (steps) => {
        const worlds = Array.from(
          { length: 10 },
          () => new GateWorld({ upstream: { maxConcurrent: 20 } }),
        )
        let before = 0
        let made = 0
        let allowed = BURST
        for (const { living, waitMs, failures } of steps) {
          // A limiter that starts beside others brings its part: what they have used is not known to it.
          if (before > 0) allowed += (Math.max(0, living - before) * BURST) / living
          before = living
          const alive = worlds.slice(0, living)
          for (const { limiter } of alive) limiter.setInstances(living)
          for (const [i, world] of alive.entries())
            made += (await world.runMany(failures[i] ?? 0, unseen, no())).no ?? 0
          expect(made).toBeLessThanOrEqual(allowed + 1e-6)
          const slots = alive.map(({ limiter }) => limiter.stats().maxConcurrent)
          expect(slots.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(20)
          for (const { clock } of worlds) clock.advance(waitMs)
          allowed += (PER_SECOND * waitMs) / 1_000
        }
      }),
      { numRuns: runs(60, 1_000), seed: 24 },
    )
  })
})
