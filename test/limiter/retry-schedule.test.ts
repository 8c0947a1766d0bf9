import { describe, expect, it } from 'vitest'
import { RetrySchedule } from '../../src/limiter/retry-schedule.js'
import { type Attempt, GateWorld, no, yes } from './limiter-world.js'

describe('Retry-After of rejected calls', () => {
  const room = { soonestMs: 400, perSecond: 2.5, perClient: 0 }

  it('rejected calls get Retry-After one after the other, as fast as they can be admitted', () => {
    const schedule = new RetrySchedule()
    expect(['a', 'b', undefined].map((who) => schedule.reserve({ key: who }, room, 0))).toEqual([
      400, 800, 1_200,
    ])
    expect(schedule.reserve({ key: 'd' }, room, 1_000)).toBe(600)
    expect(schedule.reserve({ key: 'e' }, room, 60_000)).toBe(400)
  })

  it('a client’s Retry-After stays the same however often it asks', () => {
    const schedule = new RetrySchedule()
    schedule.reserve({ key: 'a' }, room, 0)
    schedule.reserve({ key: 'b' }, room, 0)
    expect(schedule.reserve({ key: 'b' }, room, 300)).toBe(500)
    expect(schedule.reserve({ key: 'b' }, room, 799)).toBe(1)
    expect(schedule.reserve({ key: 'b' }, room, 800)).toBe(400)
    expect(schedule.reserve({ key: 'c' }, room, 800)).toBe(400)
  })

  it('other clients delay a Retry-After by a minute at most', () => {
    const schedule = new RetrySchedule()
    const waits = Array.from({ length: 200 }, (_, i) => schedule.reserve({ key: `${i}` }, room, 0))
    expect(Math.max(...waits)).toBe(60_400)
    for (let i = 0; i < 150; i += 1) schedule.useSlot(`${i}`, 0)
    // 80 s are 200 turns, and whoever asks meanwhile keeps theirs.
    expect(schedule.reserve({ key: '199' }, room, 60_000)).toBe(20_000)
  })

  it('turns are given out ten minutes ahead and no further', () => {
    const schedule = new RetrySchedule()
    for (let i = 0; i < 10_000; i += 1) schedule.reserve({ key: `${i}` }, room, 0)
    for (let i = 0; i < 1_499; i += 1) schedule.useSlot(`${i}`, 0)
    expect(schedule.expectsRetries(600_000)).toBe(true)
    expect(schedule.reserve({ key: 'last' }, room, 601_000)).toBe(400)
  })

  it('a turn moves up when a call before it took no room', () => {
    const schedule = new RetrySchedule()
    for (const who of ['a', 'b', 'c', 'd', 'e']) schedule.reserve({ key: who }, room, 0)
    schedule.moveUp()
    expect(schedule.reserve({ key: 'f' }, room, 0)).toBe(2_000)
  })

  it('the turns know whether clients are still expected', () => {
    const schedule = new RetrySchedule()
    expect(schedule.expectsRetries(0)).toBe(false)
    schedule.reserve({ key: 'a' }, { ...room, soonestMs: 10_000, perSecond: 10 }, 0)
    expect(schedule.expectsRetries(11_000)).toBe(true)
    expect(schedule.expectsRetries(11_200)).toBe(false)
  })

  it('a Retry-After comes sooner when few of the slots before it are used', () => {
    const schedule = new RetrySchedule()
    for (let i = 0; i < 1_000; i += 1) schedule.reserve({ key: `${i}` }, room, 0)
    expect(schedule.reserve({ key: 'x' }, room, 30_000)).toBeLessThan(10_000)
    expect(schedule.expectsRetries(60_000)).toBe(false)
  })

  it('a client keeps 20 turns, and further ones are only spaced out', () => {
    const schedule = new RetrySchedule()
    const waits = Array.from({ length: 23 }, (_, i) =>
      schedule.reserve({ key: `${i}`, client: '198.51.100.1' }, room, 0),
    )
    expect(waits.slice(18)).toEqual([7_600, 8_000, 8_400, 8_800, 9_200])
    expect(schedule.reserve({ key: 'other', client: '198.51.100.2' }, room, 0)).toBe(8_400)
    schedule.useSlot('0', 0)
    expect(schedule.reserve({ key: '23', client: '198.51.100.1' }, room, 0)).toBe(8_800)
    expect(schedule.reserve({ key: 'other too', client: '198.51.100.2' }, room, 0)).toBe(9_200)
  })

  it('a client that has earned failures reserves as many slots', () => {
    const schedule = new RetrySchedule()
    const earned = { ...room, perClient: 30 }
    const reserve = (key: string, client: string) => schedule.reserve({ key, client }, earned, 0)
    for (let i = 0; i < 30; i += 1) reserve(`${i}`, '198.51.100.1')
    expect(reserve('other', '198.51.100.2')).toBe(12_400)
    reserve('one too many', '198.51.100.1')
    expect(reserve('other too', '198.51.100.2')).toBe(12_800)
  })

  it('a Retry-After is given when no room comes back at all', () => {
    expect(
      new RetrySchedule().reserve({ key: 'a' }, { ...room, soonestMs: 60_000, perSecond: 0 }, 0),
    ).toBe(60_000)
  })
})

describe('a rejected unseen cookie', () => {
  const newcomer = { kind: 'unseen' } as const
  const aging = { kind: 'stale' } as const

  async function waits(attempts: readonly Attempt[]): Promise<(number | undefined)[]> {
    const endings = await Promise.all(attempts.map(({ ended }) => ended))
    return endings.map((each) => (each.kind === 'unavailable' ? each.retryAfterMs : undefined))
  }

  it('an unseen cookie comes back in turn when the failure budget is spent', async () => {
    const world = new GateWorld()
    await world.runMany(50, newcomer, no())
    expect(await waits([1, 2, 3].map(() => world.try(newcomer)))).toEqual([400, 800, 1_200])
  })

  it('an unseen cookie comes back sooner when others turn out to have sessions', async () => {
    const world = new GateWorld()
    await world.runMany(49, newcomer, no())
    const last = world.try(newcomer)
    await waits([1, 2, 3, 4, 5].map(() => world.try(newcomer)))
    await last.end(yes())
    await world.run(newcomer, no())
    expect(await waits([world.try(newcomer)])).toEqual([2_000])
  })

  it('an unseen cookie is admitted before others whose slots are due and that stay away', async () => {
    const world = new GateWorld()
    await world.runMany(50, newcomer, no())
    for (let i = 0; i < 100; i += 1) await waits([world.try({ ...newcomer, key: `junk ${i}` })])
    world.clock.advance(2_000)
    expect(await world.runMany(6, newcomer, no())).toEqual({ no: 5, 'refused: over_budget': 1 })
  })

  it('an unseen cookie comes back in turn when the window is used up, and no prefetch is made until then', async () => {
    const world = new GateWorld()
    await world.run(newcomer, yes(world.minute(600, 120, 9_000)))
    expect(await waits([1, 2, 3].map(() => world.try(newcomer)))).toEqual([10_000, 10_125, 10_250])
    world.clock.advance(10_100)
    await world.run(newcomer, yes(world.minute(600, 599, 60_000)))
    expect(await world.run(aging, yes())).toBe('refused: over_budget')
    world.clock.advance(2_000)
    expect(await world.run(aging, yes())).toBe('yes')
  })
})
