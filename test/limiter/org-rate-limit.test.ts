import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AdmissionState, admit, type CallKind } from '../../src/limiter/policy.js'
import { NOW, open } from './admission-state.js'
import { GateWorld, no, silence, yes } from './limiter-world.js'

const unseen = { kind: 'unseen' } as const
const from = (client: string) => ({ kind: 'unseen', client }) as const

/** How many failures come back in 20 s, once the budget of the clients together is spent. */
async function failuresIn20Seconds(world: GateWorld): Promise<number> {
  await world.runMany(200, unseen, no())
  world.clock.advance(20_000)
  const { no: failures = 0 } = await world.runMany(300, unseen, no())
  return failures
}

describe('the failure budget of all clients', () => {
  it.each([
    ['an org of 100 calls a minute', 100, 13],
    ['an org of 600 calls a minute', 600, 80],
    ['an org of 1,200 calls a minute', 1_200, 160],
  ])('refills at 40 % of the org’s rate limit: %s', async (_, limit, failures) => {
    const world = new GateWorld({
      upstream: { failedLookups: { perSecond: undefined, burst: 1_000 } },
    })
    await world.run({ kind: 'seen' }, yes(world.minute(limit, limit, 1_000)))
    world.clock.advance(2_500)
    await world.runMany(1_000, unseen, no())
    world.clock.advance(20_000)
    const { no: came = 0 } = await world.runMany(300, unseen, no())
    expect(came).toBe(failures)
  })

  it('refills at 2.5 a second until Okta has told its rate limit', async () => {
    expect(await failuresIn20Seconds(new GateWorld())).toBe(50)
    const world = new GateWorld()
    await world.run({ kind: 'seen' }, yes())
    world.clock.advance(2_000)
    await world.runMany(60, unseen, no())
    world.clock.advance(10_000)
    expect(await world.runMany(30, unseen, no())).toEqual({ no: 25, 'refused: over_budget': 5 })
  })

  it('refills at the rate that the app has set, whatever the org’s rate limit', async () => {
    const failedLookups = { perSecond: 1, burst: 50 }
    const world = new GateWorld({ upstream: { failedLookups } })
    await world.run({ kind: 'seen' }, yes(world.minute(6_000, 6_000, 1_000)))
    world.clock.advance(2_500)
    expect(await failuresIn20Seconds(world)).toBe(20)
  })

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e300, 0.001])(
    'stays bounded when Okta tells a rate limit of %d',
    async (limit) => {
      const world = new GateWorld({
        upstream: { failedLookups: { perSecond: undefined, burst: 50 } },
      })
      await world.run({ kind: 'seen' }, yes(world.minute(limit, limit, 1_000)))
      world.clock.advance(2_500)
      const came = await failuresIn20Seconds(world)
      expect(came).toBeLessThanOrEqual(50)
      const { refused } = world.limiter.stats()
      expect(Object.values(refused).every(Number.isFinite)).toBe(true)
      world.clock.advance(120_000)
      const waits = await world.limiter.call(unseen, async () => no())
      expect(waits.kind).toBe(limit === 0.001 ? 'unavailable' : 'no')
    },
  )

  it('follows a rate limit that changes from answer to answer, and never beyond 10 a second', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.integer({ min: -5, max: 10_000 }), fc.double()), { maxLength: 20 }),
        async (limits) => {
          const failedLookups = { perSecond: undefined, burst: 50 }
          const world = new GateWorld({ upstream: { failedLookups } })
          await world.runMany(200, unseen, no())
          let failures = 0
          for (const limit of limits) {
            await world.run({ kind: 'seen' }, yes(world.minute(limit, limit, 500)))
            world.clock.advance(2_000)
            failures += (await world.runMany(60, unseen, no())).no ?? 0
          }
          expect(failures).toBeLessThanOrEqual(20 * limits.length)
        },
      ),
      { numRuns: 50 },
    )
  })
})

describe('the failure budget of one client', () => {
  const office = from('198.51.100.1')

  it('gains three failures with each session that was not seen before', async () => {
    const world = new GateWorld({ upstream: { failedLookups: { perSecond: 100, burst: 1_000 } } })
    await world.runMany(10, office, yes())
    expect(await world.runMany(60, office, no())).toEqual({
      no: 50,
      'refused: too_many_attempts': 10,
    })
    // Earned failures do not come back.
    world.clock.advance(60_000)
    expect(await world.runMany(60, office, no())).toEqual({
      no: 20,
      'refused: too_many_attempts': 40,
    })
  })

  it('saves up at most 500 earned failures', async () => {
    const world = new GateWorld({ upstream: { failedLookups: { perSecond: 100, burst: 1_000 } } })
    await world.runMany(400, office, yes())
    expect((await world.runMany(900, office, no())).no).toBe(520)
  })

  it.each([
    ['a session seen before', { ...office, kind: 'seen' }, yes()],
    ['a cookie without a session', office, no()],
    ['silence', office, silence('timeout')],
    ['a cookie beside a live session', { ...office, beside: 'a session' }, yes()],
  ] as const)('gains nothing by %s', async (_, request, answer) => {
    const world = new GateWorld({ upstream: { failedLookups: { perSecond: 100, burst: 1_000 } } })
    // Only a client that was charged has a budget that could grow.
    await world.run(office, no())
    await world.runMany(5, request, answer)
    world.clock.advance(60_000)
    expect((await world.runMany(60, office, no())).no).toBeLessThanOrEqual(20)
  })

  it('does not gain by the sessions of other clients, nor where clients share an address unknown to us', async () => {
    const world = new GateWorld({ upstream: { failedLookups: { perSecond: 100, burst: 1_000 } } })
    await world.runMany(100, from('198.51.100.2'), yes())
    expect((await world.runMany(60, office, no())).no).toBe(20)
    const shared = from('shared 10.0.0.1')
    await world.runMany(100, shared, yes())
    expect((await world.runMany(1_000, shared, no())).no).toBe(800)
  })
})

describe('an instance among others', () => {
  const ten = { instances: 10 }

  it('takes its part of the failures, of the calls a minute and of maxConcurrent', async () => {
    const world = new GateWorld({ upstream: { ...ten, maxConcurrent: 20 } })
    expect(world.limiter.stats().maxConcurrent).toBe(2)
    expect((await world.runMany(50, unseen, no())).no).toBe(5)
    world.clock.advance(60_000)
    await world.run({ kind: 'seen' }, yes(world.minute(600, 600, 50_000)))
    // 80 % of a tenth of 600 for unseen cookies, half of it for calls that can wait.
    expect((await world.runMany(40, { kind: 'stale' }, yes())).yes).toBe(29)
    expect((await world.runMany(40, unseen, yes())).yes).toBe(18)
    // A session with nothing left to serve may use what the others leave.
    expect((await world.runMany(40, { kind: 'seen' }, yes())).yes).toBe(40)
  })

  it('has at least one call at once and one failure', async () => {
    const world = new GateWorld({ upstream: { instances: 10_000 } })
    expect(world.limiter.stats().maxConcurrent).toBe(1)
    expect(await world.run(unseen, no())).toBe('no')
  })
})

describe('a client whose cookies fail', () => {
  it('gives way to other unseen cookies while calls are scarce', async () => {
    const world = new GateWorld()
    const junk = from('198.51.100.66')
    await world.runMany(11, junk, no())
    await world.run({ kind: 'seen' }, yes(world.minute(600, 300, 50_000)))
    expect(await world.run(junk, no())).toBe('refused: over_budget')
    expect(await world.run(from('198.51.100.1'), yes())).toBe('yes')
    // With a session it has earned its place.
    world.clock.advance(60_000)
    await world.runMany(11, junk, no())
    await world.run(junk, yes())
    await world.run({ kind: 'seen' }, yes(world.minute(600, 300, 50_000)))
    expect(await world.run(junk, yes())).toBe('yes')
  })
})

describe('a call of okta.api', () => {
  const unknownClient = { client: undefined, global: { tokens: 0, perSecond: 2.5 } }
  const left = (remaining: number) => ({ limit: 600, remaining, used: 0, resetAt: NOW + 30_000 })
  const decide = (state: Partial<AdmissionState>, kind: CallKind) =>
    admit({ ...open, ...unknownClient, ...state }, kind, NOW).admit

  it.each([
    ['half of the window is used', { quota: left(300) }, 'no'],
    ['less of it is used', { quota: left(301) }, 'now'],
    ['unseen cookies wait for calls', { retriesDue: true }, 'no'],
    ['all slots are taken', { inFlight: 5 }, 'queue'],
    ['the failure budget is spent', {}, 'now'],
  ] as const)('gives way to users, and not to background work: %s', (_, state, admission) => {
    expect(decide(state, 'api')).toBe(admission)
    expect(decide({ ...state, global: { tokens: 5, perSecond: 1 } }, 'seen')).not.toBe('no')
  })

  it('takes half of the slots at most', async () => {
    const world = new GateWorld({ upstream: { maxConcurrent: 6 } })
    const api = { kind: 'api', operation: 'api' } as const
    const calls = Array.from({ length: 10 }, () => world.try(api))
    expect(calls.filter(({ isOut }) => isOut())).toHaveLength(3)
    expect(await world.run({ kind: 'seen' }, yes())).toBe('yes')
    for (const call of calls) await call.end(yes())
  })
})
