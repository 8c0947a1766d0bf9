import { beforeEach, describe, expect, it } from 'vitest'
import { runs } from '../deep.js'
import { TestClock } from './lookup-world.js'
import { middleware, requestWith, type TinyOrg, tinyOrg } from './tiny-org.js'

let clock: TestClock
let org: TinyOrg

beforeEach(async () => {
  clock = new TestClock()
  org = await tinyOrg(clock)
})

const active = { state: 'active' }

const MANY = runs(2_000, 10_000)
const ENDING = runs(250, 1_000)

describe('one lookup per cookie', () => {
  it(`${MANY} concurrent requests with one cookie share one call to Okta`, async () => {
    const okta = middleware(org, clock)
    const answers = await Promise.all(
      Array.from({ length: MANY }, () => okta.authenticate(requestWith('cold'))),
    )
    expect(answers.filter(({ state }) => state === 'active')).toHaveLength(MANY)
    expect(org.calls).toBe(1)
    expect(okta.stats()).toMatchObject({ misses: 1, coalesced: MANY - 1, calls: 1 })
  })

  it('a cached session is answered before the middleware returns', async () => {
    const okta = middleware(org, clock)
    await okta.authenticate(requestWith('alice'))
    const handler = okta.attachSession()
    const req = requestWith('alice')
    const headers = new Map<string, unknown>()
    const res = {
      getHeader: (name: string) => headers.get(name),
      setHeader: (name: string, value: unknown) => headers.set(name, value),
    }
    let called = false
    // As much of a request and a response as the hit path touches.
    handler(req as never, res as never, () => {
      called = true
    })
    expect(called).toBe(true)
    expect(req).toMatchObject({ okta: { state: 'active', source: 'memory' } })
  })

  it('a caller leaves an in-flight lookup when its signal aborts, and the others are answered', async () => {
    const okta = middleware(org, clock)
    org.silent = true
    const aborting = new AbortController()
    const left = okta.authenticate(requestWith('alice'), { signal: aborting.signal })
    const stayed = okta.authenticate(requestWith('alice'))
    aborting.abort(new Error('the client went away'))
    await expect(left).rejects.toThrow('the client went away')
    org.release()
    expect(await stayed).toMatchObject(active)
    expect(org.calls).toBe(1)
  })

  it('a failed lookup rejects the waiting requests and is not cached', async () => {
    const okta = middleware(org, clock, { upstream: { timeoutMs: 200 } })
    org.silent = true
    const waiting = [1, 2, 3].map(() => okta.authenticate(requestWith('alice')))
    expect(await Promise.all(waiting)).toEqual(
      Array(3).fill({ state: 'unavailable', reason: 'timeout', retryAfterMs: 1_000 }),
    )
    org.release()
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject(active)
  })

  it('a session is prefetched from three quarters of ttlMs on, without a wait', async () => {
    const okta = middleware(org, clock)
    await okta.authenticate(requestWith('alice'))
    clock.advance(44_000)
    await okta.authenticate(requestWith('alice'))
    expect(org.calls).toBe(1)
    clock.advance(2_000)
    org.silent = true
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ source: 'memory' })
    org.release()
    await okta.settled()
    expect(okta.stats()).toMatchObject({ refreshedAhead: 1, calls: 2 })
    clock.advance(44_000)
    expect(await okta.authenticate(requestWith('alice'))).toMatchObject({ source: 'memory' })
    expect(org.calls).toBe(2)
  })

  it('no more calls than maxConcurrent are in flight when many entries end together, and hits go on', async () => {
    const okta = middleware(org, clock, { upstream: { maxQueueMs: 10_000 } })
    const values = Array.from({ length: ENDING }, (_, index) => `user${index}`)
    org.endsAt = () => clock.now() + 90_000
    await Promise.all(values.map((value) => okta.authenticate(requestWith(value))))
    clock.advance(91_000)
    org.mostInFlight = 0
    org.takes = 1
    await okta.authenticate(requestWith('steady'))
    let hits = 0
    const watchingHits = setInterval(async () => {
      const { state, ...rest } = await okta.authenticate(requestWith('steady'))
      if (state === 'active' && 'source' in rest && rest.source === 'memory') hits += 1
    }, 5)
    const answers = await Promise.all(values.map((value) => okta.authenticate(requestWith(value))))
    clearInterval(watchingHits)
    expect(answers.every(({ state }) => state === 'active')).toBe(true)
    expect(org.mostInFlight).toBeGreaterThan(1)
    expect(org.mostInFlight).toBeLessThanOrEqual(5)
    expect(hits).toBeGreaterThan(0)
  })
})
