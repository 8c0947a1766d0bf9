import { describe, expect, it, vi } from 'vitest'
import { GateWorld, no, saying, silence, yes } from './limiter-world.js'

const known = { kind: 'seen' } as const
const aging = { kind: 'stale' } as const
const ahead = { kind: 'prefetch' } as const
const newcomer = { kind: 'unseen' } as const
const signIn = { kind: 'unseen', operation: 'sign_in' } as const

async function outage(world = new GateWorld()): Promise<GateWorld> {
  await world.runMany(5, known, silence())
  return world
}

describe('the circuit', () => {
  it('the circuit opens at the fifth failure in a row, and an answer in between restarts the count', async () => {
    const world = new GateWorld()
    expect(await world.runMany(4, known, silence())).toEqual({ timeout: 4 })
    expect(await world.run(known, no())).toBe('no')
    expect(await world.runMany(7, known, silence())).toEqual({
      timeout: 5,
      'refused: breaker_open': 2,
    })
  })

  it.each([known, aging, ahead, newcomer])('an open circuit rejects %o', async (ask) => {
    const world = await outage()
    expect(await world.run(ask, yes())).toBe('refused: breaker_open')
  })

  it('an open circuit admits one half-open trial a second while Okta is down', async () => {
    const world = await outage(new GateWorld({ random: Math.random }))
    let probes = 0
    for (let ms = 0; ms < 60_000; ms += 50) {
      world.clock.advance(50)
      const { timeout = 0 } = await world.runMany(10, known, silence())
      probes += timeout
    }
    expect(probes).toBeGreaterThanOrEqual(54)
    expect(probes).toBeLessThanOrEqual(66)
  })

  it('calls wait during the half-open trial, and are admitted when it succeeds', async () => {
    const world = await outage()
    world.clock.advance(1_100)
    const probe = world.try(known)
    expect(probe.isOut()).toBe(true)
    expect(await world.run(known, yes())).toBe('refused: breaker_open')
    await probe.end(yes())
    expect(await world.runMany(3, known, yes())).toEqual({ yes: 3 })
    expect(world.limiter.stats().heldOff).toBeUndefined()
  })

  it('a "not found" closes the circuit as a yes does', async () => {
    const world = await outage()
    world.clock.advance(1_100)
    expect(await world.run(known, no())).toBe('no')
    expect(await world.run(known, yes())).toBe('yes')
  })

  it('a half-open trial that never ends is given up', async () => {
    const world = await outage()
    world.clock.advance(1_100)
    expect(world.try(known).isOut()).toBe(true)
    world.clock.advance(9_900)
    expect(world.try(known).isOut()).toBe(false)
    world.clock.advance(200)
    expect(await world.run(known, yes())).toBe('yes')
  })

  it('a half-open trial that the app aborts does not block the next one', async () => {
    const world = await outage()
    world.clock.advance(1_100)
    await world.try(known).break()
    expect(await world.run(known, yes())).toBe('yes')
    expect(world.limiter.stats().inFlight).toBe(0)
  })

  it('an answer to a call made before the circuit opened does not close it', async () => {
    const world = new GateWorld()
    const slow = world.try(known)
    world.clock.advance(1)
    await outage(world)
    world.clock.advance(1)
    await slow.end(yes())
    expect(await world.run(known, yes())).toBe('refused: breaker_open')
  })

  it('a failure of a call made before the circuit opened does not extend the backoff', async () => {
    const world = new GateWorld()
    const slow = [world.try(known), world.try(known)]
    world.clock.advance(1)
    await outage(world)
    world.clock.advance(900)
    for (const attempt of slow) await attempt.end(silence())
    world.clock.advance(200)
    expect(await world.run(known, yes())).toBe('yes')
  })

  it('a prefetch is never the half-open trial', async () => {
    const world = await outage()
    world.clock.advance(1_100)
    expect(await world.run(ahead, yes())).toBe('refused: breaker_open')
    expect(await world.run(known, yes())).toBe('yes')
  })

  it('a call that can be served without Okta does not wait for the half-open trial', async () => {
    const world = await outage()
    world.clock.advance(1_100)
    const probe = world.try(aging)
    expect(probe.isOut()).toBe(true)
    expect(saying(await probe.ended)).toBe('refused: breaker_open')
    let settled = false
    const settling = world.limiter.settled().then(() => {
      settled = true
    })
    expect(world.limiter.stats().inFlight).toBe(1)
    await Promise.resolve()
    expect(settled).toBe(false)
    await probe.end(yes())
    await settling
    expect(await world.run(known, yes())).toBe('yes')
  })

  it('an outage is logged once when it begins and once when it is over', async () => {
    const logger = { warn: vi.fn(), info: vi.fn() }
    const world = await outage(new GateWorld({ logger }))
    for (let i = 0; i < 10; i += 1) {
      world.clock.advance(1_100)
      await world.runMany(5, known, silence())
    }
    world.clock.advance(1_100)
    await world.runMany(5, known, yes())
    expect(logger.warn).toHaveBeenCalledOnce()
    expect(logger.warn.mock.calls[0]?.[1]).toMatchObject({
      operation: 'getCurrentSession',
      code: 'timeout',
    })
    expect(logger.info).toHaveBeenCalledOnce()
  })
})

describe('failures of unseen cookies', () => {
  it('failures of unseen cookies open a circuit for unseen cookies alone', async () => {
    const world = new GateWorld()
    expect(await world.runMany(9, newcomer, silence('server_error'))).toEqual({
      server_error: 5,
      'refused: breaker_open': 4,
    })
    expect(world.limiter.stats().heldOff).toMatchObject({ who: 'newcomers', code: 'breaker_open' })
    expect(await world.run(known, silence())).toBe('timeout')
    expect(await world.run(signIn, yes())).toBe('yes')
  })

  it('an answer for a seen session closes the circuit for unseen cookies', async () => {
    const world = new GateWorld()
    await world.runMany(5, newcomer, silence('server_error'))
    world.clock.advance(1)
    await world.run(known, yes())
    expect(await world.run(newcomer, yes())).toBe('yes')
  })

  it.each(['dns', 'connect', 'tls'] as const)(
    'a failure before the request was sent opens the circuit for all: %s',
    async (code) => {
      const world = new GateWorld()
      await world.runMany(5, newcomer, silence(code))
      expect(await world.run(known, yes())).toBe('refused: breaker_open')
    },
  )

  it('the half-open trial is left to a rejected seen session for a second', async () => {
    const world = await outage()
    await world.run(known, yes())
    world.clock.advance(1_100)
    expect(await world.run(newcomer, silence('schema'))).toBe('refused: breaker_open')
    expect(await world.run(known, yes())).toBe('yes')
    expect(await world.run(newcomer, yes())).toBe('yes')
  })

  it('an unseen cookie is the half-open trial when no seen session calls', async () => {
    const world = await outage()
    world.clock.advance(1_100)
    expect(await world.run(newcomer, yes())).toBe('yes')
  })

  it('two open circuits have at most one half-open trial', async () => {
    const world = new GateWorld()
    await world.runMany(5, newcomer, silence())
    await outage(world)
    world.clock.advance(1_100)
    const probe = world.try(newcomer)
    expect(probe.isOut()).toBe(true)
    expect(await world.run(newcomer, yes())).toBe('refused: breaker_open')
    expect(await world.run(known, yes())).toBe('refused: breaker_open')
    await probe.end(silence())
    expect(await world.run(known, yes())).toBe('refused: breaker_open')
    expect(await world.run(newcomer, yes())).toBe('refused: breaker_open')
    world.clock.advance(2_100)
    const next = world.try(known)
    expect(next.isOut()).toBe(true)
    expect(await world.run(newcomer, yes())).toBe('refused: breaker_open')
  })

  it('unusable answers to unseen cookies have a budget of their own, whatever comes between', async () => {
    const world = new GateWorld()
    let odd = 0
    for (let ms = 0; ms < 60_000; ms += 20) {
      world.clock.advance(20)
      const client = `198.51.${ms % 250}.1`
      if ((await world.run({ kind: 'unseen', client }, silence('schema'))) === 'schema') odd += 1
      await world.run(known, yes())
    }
    expect(odd).toBeGreaterThan(150)
    expect(odd).toBeLessThanOrEqual(200)
  })

  it('unusable answers are charged to their own client', async () => {
    const world = new GateWorld()
    const attacker = { kind: 'unseen', client: '198.51.100.1' } as const
    for (let i = 0; i < 30; i += 1) {
      await world.run(attacker, silence('schema'))
      world.clock.advance(1)
      await world.run(known, yes())
    }
    expect(await world.run(attacker, yes())).toBe('refused: too_many_attempts')
    expect(await world.run({ kind: 'unseen', client: '198.51.100.2' }, yes())).toBe('yes')
  })

  it('no budget is charged for failures that no request can have caused', async () => {
    const world = new GateWorld()
    for (let i = 0; i < 100; i += 1) {
      const code = i % 2 === 0 ? 'connect' : 'concurrency_limited'
      await world.run({ kind: 'unseen', client: '198.51.100.1' }, silence(code))
      world.clock.advance(1_100)
      await world.run(known, yes())
    }
    expect(await world.run({ kind: 'unseen', client: '198.51.100.1' }, yes())).toBe('yes')
  })
})

describe('sign-ins', () => {
  it('unusable answers to sign-ins are charged to the budget of sign-ins alone', async () => {
    const world = new GateWorld()
    const client = '198.51.100.1'
    for (let i = 0; i < 25; i += 1) {
      await world.run({ ...signIn, client }, silence('forbidden'))
      await world.run({ ...signIn, client: '198.51.100.2' }, yes())
    }
    expect(await world.run({ ...signIn, client }, yes())).toBe('refused: too_many_attempts')
    expect(await world.run({ ...newcomer, client }, yes())).toBe('yes')
  })

  it('failed sign-ins open a circuit for sign-ins alone, which only a sign-in closes', async () => {
    const world = new GateWorld()
    await world.runMany(5, signIn, silence('server_error'))
    expect(await world.run(known, yes())).toBe('yes')
    expect(await world.run(newcomer, yes())).toBe('yes')
    expect(await world.run(signIn, yes())).toBe('refused: breaker_open')
    expect(world.limiter.stats().heldOff).toMatchObject({ who: 'sign_ins' })
    world.clock.advance(1_100)
    await world.run(known, yes())
    const probe = world.try(signIn)
    expect(await world.run(signIn, yes())).toBe('refused: breaker_open')
    await probe.end(no())
    expect(await world.run(signIn, yes())).toBe('yes')
  })
})

describe('refreshes', () => {
  it('failed refreshes of one session stop no refresh of others; those of five sessions do', async () => {
    const world = new GateWorld()
    const refreshOf = (key: string) => ({ ...known, operation: 'refresh', key }) as const
    await world.runMany(10, refreshOf('one'), silence('server_error'))
    expect(world.limiter.stats().heldOff).toBeUndefined()
    for (const key of ['two', 'three', 'four', 'five'])
      await world.run(refreshOf(key), silence('server_error'))
    expect(await world.run(refreshOf('six'), yes())).toBe('refused: breaker_open')
  })
})

describe('each operation', () => {
  const scopes = [
    ['lookups', known, 'everybody'],
    ['refreshes', { ...known, operation: 'refresh' }, 'refreshes'],
    ['sign-outs', { ...known, operation: 'sign_out' }, 'sign_outs'],
    ['sign-ins', signIn, 'sign_ins'],
  ] as const

  it.each(scopes)('failed %s stop no other operation', async (_name, failing, who) => {
    const world = new GateWorld()
    await world.runMany(5, failing, silence())
    expect(await world.run(failing, yes())).toBe('refused: breaker_open')
    expect(world.limiter.stats().heldOff).toMatchObject({ who })
    for (const [, ask] of scopes.filter(([, ask]) => ask !== failing))
      expect(await world.run(ask, yes())).toBe('yes')
    expect(await world.run(failing, yes())).toBe('refused: breaker_open')
    world.clock.advance(1_100)
    expect(await world.run(failing, yes())).toBe('yes')
  })

  it.each(scopes)('all operations stop when Okta is not reached by %s', async (_name, failing) => {
    const world = new GateWorld()
    await world.runMany(5, failing, silence('connect'))
    for (const [, ask] of scopes) expect(await world.run(ask, yes())).toBe('refused: breaker_open')
    world.clock.advance(1_100)
    world.clock.advance(1_100)
    // The trial reaches Okta: its failure stops its own operation at most.
    expect(await world.run(failing, silence())).toBe('timeout')
    for (const [, ask] of scopes) expect(await world.run(ask, yes())).toBe('yes')
  })

  it('an operation that hangs leaves a slot to the others, also before calls that wait', async () => {
    const world = new GateWorld()
    const refresh = { ...known, operation: 'refresh' } as const
    const hanging = Array.from({ length: 7 }, () => world.try(refresh))
    expect(hanging.filter(({ isOut }) => isOut())).toHaveLength(4)
    expect(world.limiter.stats()).toMatchObject({ inFlight: 4, queued: 3 })
    const lookup = world.try(known)
    await Promise.resolve()
    expect(lookup.isOut()).toBe(true)
    expect(world.try(known).isOut()).toBe(false)
    await lookup.end(yes())
    expect(world.limiter.stats()).toMatchObject({ inFlight: 5, queued: 3 })
    await hanging[0]?.end(yes())
    expect(hanging.filter(({ isOut }) => isOut())).toHaveLength(5)
  })
})

describe('odd answers', () => {
  it.each(['forbidden', 'redirect', 'content_type', 'unexpected_status', 'schema'] as const)(
    'an answer %s to unseen cookies and session tokens opens no circuit',
    async (code) => {
      const world = new GateWorld()
      for (const ask of [newcomer, signIn]) {
        await world.runMany(15, ask, silence(code))
        expect(world.limiter.stats().heldOff).toBeUndefined()
        expect(await world.run(ask, yes())).toBe('yes')
      }
    },
  )

  it('odd answers to one seen session open no circuit, those to five do', async () => {
    const world = new GateWorld()
    await world.runMany(9, { ...known, key: 'one' }, silence('forbidden'))
    expect(await world.run(newcomer, yes())).toBe('yes')
    for (const key of ['1', '2', '3', '4', '5'])
      await world.run({ ...known, key }, silence('forbidden'))
    expect(await world.run(newcomer, yes())).toBe('refused: breaker_open')
  })

  it('a few clients with odd answers leave the common budget to the others', async () => {
    const world = new GateWorld()
    const counts: Record<string, number> = {}
    for (let i = 0; i < 600; i += 1) {
      world.clock.advance(100)
      for (const client of ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'])
        await world.run({ ...newcomer, client }, silence('forbidden'))
      const answer = await world.run({ ...newcomer, client: `198.51.100.${i % 250}` }, yes())
      counts[answer] = (counts[answer] ?? 0) + 1
    }
    expect(counts).toEqual({ yes: 600 })
  })

  it.each([
    ['unseen cookies', newcomer],
    ['session tokens', signIn],
  ])('the client that asks most does not get every trial: %s', async (_name, ask) => {
    const world = new GateWorld()
    const often = { ...ask, client: '192.0.2.1' }
    const other = { ...ask, client: '198.51.100.7' }
    await world.runMany(5, often, silence())
    expect(await world.run(other, yes())).toBe('refused: breaker_open')
    world.clock.advance(1_100)
    expect(await world.run(often, silence())).toBe('refused: breaker_open')
    expect(await world.run(other, yes())).toBe('yes')
  })

  it('the credential whose trial failed leaves the next trial to another', async () => {
    const world = new GateWorld()
    const [one, other] = [
      { ...known, key: 'one' },
      { ...known, key: 'other' },
    ]
    await world.runMany(5, one, silence())
    world.clock.advance(1_100)
    expect(await world.run(one, silence())).toBe('timeout')
    expect(await world.run(other, yes())).toBe('refused: breaker_open')
    world.clock.advance(1_100)
    expect(await world.run(one, silence())).toBe('refused: breaker_open')
    expect(await world.run(other, yes())).toBe('yes')
  })
})

describe('a 429', () => {
  it('a 429 rejects all calls for as long as Okta said, and a little more', async () => {
    const world = new GateWorld({ random: () => 1 })
    await world.run(newcomer, silence('rate_limited', 17_000))
    expect(await world.run(known, yes())).toBe('refused: rate_limited')
    expect(world.limiter.stats().heldOff).toEqual({
      who: 'everybody',
      code: 'rate_limited',
      forMs: 17_500,
    })
    world.clock.advance(17_499)
    expect(await world.run(known, yes())).toBe('refused: rate_limited')
    world.clock.advance(1)
    const probe = world.try(known)
    expect(await world.run(known, yes())).toBe('refused: rate_limited')
    await probe.end(yes())
    expect(await world.run(known, yes())).toBe('yes')
  })

  it('a 429 without a time rejects all calls for 5 s', async () => {
    const world = new GateWorld({ random: () => 0 })
    await world.run(known, silence('rate_limited'))
    expect(world.limiter.stats().heldOff?.forMs).toBe(5_000)
  })

  it('a late 429 moves the end back, and an earlier end changes nothing', async () => {
    const world = new GateWorld({ random: () => 0 })
    const late = [world.try(known), world.try(known)]
    await world.run(known, silence('rate_limited', 5_000))
    await late[0]?.end(silence('rate_limited', 20_000))
    expect(world.limiter.stats().heldOff?.forMs).toBe(20_000)
    await late[1]?.end(silence('rate_limited', 2_000))
    expect(world.limiter.stats().heldOff?.forMs).toBe(20_000)
  })

  it('a 429 during the half-open trial still counts when the trial succeeds', async () => {
    const world = new GateWorld({ random: () => 0 })
    const late = world.try(known)
    await world.run(known, silence('rate_limited', 5_000))
    world.clock.advance(5_000)
    const probe = world.try(known)
    world.clock.advance(10)
    await late.end(silence('rate_limited', 3_000))
    await probe.end(yes())
    expect(await world.run(known, yes())).toBe('refused: rate_limited')
    world.clock.advance(3_000)
    expect(await world.run(known, yes())).toBe('yes')
  })
})

describe('the concurrency 429', () => {
  it.each([
    [0, 250],
    [0.5, 625],
    [1, 1_000],
  ])('the concurrency 429 pauses all calls for 250 to 1,000 ms (%d: %d)', async (random, forMs) => {
    const world = new GateWorld({ random: () => random })
    await world.run(known, silence('concurrency_limited'))
    expect(world.limiter.stats().heldOff).toEqual({
      who: 'everybody',
      code: 'concurrency_limited',
      forMs,
    })
  })

  it('concurrent 429s halve the limit once, and a later one again', async () => {
    const world = new GateWorld()
    const together = [1, 2, 3, 4, 5].map(() => world.try(known))
    world.clock.advance(100)
    for (const attempt of together) await attempt.end(silence('concurrency_limited'))
    expect(world.limiter.stats().maxConcurrent).toBe(2)
    for (const cap of [1, 1]) {
      world.clock.advance(1_000)
      await world.run(known, silence('concurrency_limited'))
      expect(world.limiter.stats().maxConcurrent).toBe(cap)
    }
  })

  it('a halved limit grows by one with every ten answers, up to maxConcurrent', async () => {
    const world = new GateWorld({ upstream: { maxConcurrent: 4 } })
    await world.run(known, silence('concurrency_limited'))
    world.clock.advance(1_000)
    const caps: number[] = []
    for (let i = 0; i < 40; i += 1) {
      await world.run(known, yes())
      caps.push(world.limiter.stats().maxConcurrent)
    }
    expect(caps.indexOf(3)).toBe(9)
    expect(caps.indexOf(4)).toBe(19)
    expect(Math.max(...caps)).toBe(4)
  })

  it('no more calls are in flight than the halved limit', async () => {
    const world = new GateWorld()
    await world.run(known, silence('concurrency_limited'))
    world.clock.advance(1_000)
    await world.run(known, yes())
    const attempts = [1, 2, 3, 4].map(() => world.try(known))
    expect(attempts.filter(({ isOut }) => isOut())).toHaveLength(2)
    expect(world.limiter.stats()).toMatchObject({ inFlight: 2, queued: 2 })
  })
})
