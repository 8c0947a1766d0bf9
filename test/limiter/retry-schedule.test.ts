import { describe, expect, it } from 'vitest'
import { RetrySchedule } from '../../src/limiter/retry-schedule.js'
import { type Attempt, GateWorld, no, yes } from './limiter-world.js'

describe('Retry-After of rejected calls', () => {
  const room = { soonestMs: 400, perSecond: 2.5 }

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
    expect(schedule.ahead(undefined, 604_999)).toBe(2)
    expect(schedule.reserve({ key: 'last' }, room, 601_000)).toBe(400)
  })

  it('a turn moves up when a call before it took no room', () => {
    const schedule = new RetrySchedule()
    for (const who of ['a', 'b', 'c', 'd', 'e']) schedule.reserve({ key: who }, room, 0)
    schedule.moveUp()
    expect(schedule.reserve({ key: 'f' }, room, 0)).toBe(2_000)
  })

  it('a client that comes in its turn goes first, until it is late', () => {
    const schedule = new RetrySchedule()
    for (const who of ['a', 'b', 'c']) schedule.reserve({ key: who }, room, 0)
    expect(['a', 'b', 'c', 'x', undefined].map((who) => schedule.ahead(who, 800))).toEqual([
      0, 1, 2, 2, 2,
    ])
    schedule.useSlot('a', 800)
    expect(schedule.ahead('x', 800)).toBe(1)
    expect(schedule.ahead('x', 5_799)).toBe(2)
    expect(schedule.ahead('x', 5_800)).toBe(1)
    expect(schedule.ahead('x', 6_200)).toBe(0)
  })

  it('the turns know whether clients are still expected', () => {
    const schedule = new RetrySchedule()
    expect(schedule.expectsRetries(0)).toBe(false)
    schedule.reserve({ key: 'a' }, { soonestMs: 10_000, perSecond: 10 }, 0)
    expect(schedule.expectsRetries(11_000)).toBe(true)
    expect(schedule.expectsRetries(11_200)).toBe(false)
  })

  it('fewer taken turns hold back less room and come sooner', () => {
    const schedule = new RetrySchedule()
    for (let i = 0; i < 1_000; i += 1) schedule.reserve({ key: `${i}` }, room, 0)
    expect(schedule.ahead('x', 5_000)).toBe(12)
    expect(schedule.ahead('x', 10_000)).toBeLessThan(9)
    expect(schedule.ahead('x', 30_000)).toBe(0)
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

  it('a Retry-After is given when no room comes back at all', () => {
    expect(new RetrySchedule().reserve({ key: 'a' }, { soonestMs: 60_000, perSecond: 0 }, 0)).toBe(
      60_000,
    )
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

  it('an unseen cookie that comes in its turn is admitted although others came before', async () => {
    const world = new GateWorld()
    await world.runMany(50, newcomer, no())
    const early = { ...newcomer, key: 'early' }
    expect(await waits([world.try(early)])).toEqual([400])
    world.clock.advance(450)
    expect(await world.run({ ...newcomer, key: 'late' }, no())).toBe('refused: over_budget')
    expect(await world.run(early, no())).toBe('no')
  })

  it('an unseen cookie loses a turn that it does not take', async () => {
    const world = new GateWorld()
    await world.runMany(50, newcomer, no())
    await waits([world.try({ ...newcomer, key: 'early' })])
    world.clock.advance(5_500)
    expect(await world.runMany(20, newcomer, no())).toEqual({ no: 13, 'refused: over_budget': 7 })
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
