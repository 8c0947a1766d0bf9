import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { OktaSession } from '../../src/okta-session-types.js'
import { TestClock } from './lookup-world.js'
import { middleware, type TinyOrg, tinyOrg } from './tiny-org.js'

const MAX_TTL_MS = 256_000
/** Sessions leave the count up to this early. */
const BUCKET_MS = 1_000
const MAX_SESSIONS = 4

let clock: TestClock
let org: TinyOrg
let okta: OktaSession

beforeEach(async () => {
  clock = new TestClock()
  org = await tinyOrg(clock)
  okta = start()
})

function start(): OktaSession {
  const cache = { ttlMs: 20_000, maxTtlMs: MAX_TTL_MS, maxSessions: MAX_SESSIONS }
  return middleware(org, clock, { cache })
}

const request = (value: string) => ({ headers: { cookie: `sid=${value}` } })
const find = (value: string) => okta.authenticate(request(value))
const endsIn = (ms: number) => {
  const at = clock.wall + ms
  org.endsAt = () => at
}

describe('stats().sessions', () => {
  it('a session that Okta no longer finds leaves the count', async () => {
    await find('a')
    expect(okta.stats().sessions).toBe(1)
    org.endsAt = () => undefined
    clock.advance(30_000)
    expect(await find('a')).toMatchObject({ state: 'anonymous' })
    expect(okta.stats().sessions).toBe(0)
  })

  it('an evicted session leaves the count', async () => {
    for (const value of ['a', 'b', 'c', 'd', 'e', 'f']) await find(value)
    expect(okta.stats().sessions).toBe(MAX_SESSIONS)
  })

  it('a session that is looked up again is counted once, until its later end', async () => {
    endsIn(60_000)
    await find('a')
    clock.advance(30_000)
    endsIn(90_000)
    await find('a')
    expect(okta.stats().sessions).toBe(1)
    clock.advance(60_000)
    expect(okta.stats().sessions).toBe(1)
    clock.advance(30_000)
    expect(okta.stats().sessions).toBe(0)
  })

  it('a forgotten `sid` cookie leaves the count at once, and comes back with its next lookup', async () => {
    await find('a')
    await find('b')
    await okta.forget({ sessionId: 'a' })
    expect(okta.stats().sessions).toBe(1)
    await find('a')
    expect(okta.stats().sessions).toBe(2)
  })

  it('the sessions of a forgotten user are counted once after their next lookup', async () => {
    const { session } = await find('a')
    await okta.forget({ userId: session?.userId ?? '' })
    await find('a')
    expect(okta.stats().sessions).toBe(1)
    org.endsAt = () => undefined
    await okta.forget({ userId: session?.userId ?? '' })
    await find('a')
    expect(okta.stats().sessions).toBe(0)
  })

  it('no session from before a suspend is counted, and each once after its next lookup', async () => {
    for (const value of ['a', 'b', 'c']) await find(value)
    clock.wall += 60_000
    expect(okta.stats().sessions).toBe(0)
    await find('a')
    expect(okta.stats().sessions).toBe(1)
    for (const value of ['b', 'c', 'd', 'e']) await find(value)
    expect(okta.stats().sessions).toBe(MAX_SESSIONS)
  })

  it('the count is that of a walk through the cache, after any order of events', async () => {
    const value = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
    const event = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('find' as const), value }) },
      fc.record({ kind: fc.constantFrom('forget' as const, 'end' as const), value }),
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('pass' as const),
          ms: fc.integer({ min: 0, max: 120_000 }),
        }),
      },
      fc.record({ kind: fc.constant('suspend' as const) }),
    )
    const run = async (events: (typeof event extends fc.Arbitrary<infer T> ? T : never)[]) => {
      okta = start()
      const ends = new Map<string, number>()
      org.endsAt = (of) => ends.get(of)
      /** The sessions that a walk would find, least recently used first, with the time at which each is over. */
      const cached = new Map<string, number>()
      for (const event of events) {
        if (event.kind === 'find') {
          ends.set(event.value, clock.wall + 100_000)
          const known = cached.get(event.value)
          const before = org.calls
          const { state } = await find(event.value)
          const over = org.calls > before ? clock.mono + 100_000 : known
          cached.delete(event.value)
          if (state === 'active' && over !== undefined) cached.set(event.value, over)
        } else if (event.kind === 'forget') {
          await okta.forget({ sessionId: event.value })
          if (cached.has(event.value)) cached.set(event.value, 0)
        } else if (event.kind === 'end') {
          // A forget makes the next lookup ask Okta, which no longer finds the session.
          ends.delete(event.value)
          await okta.forget({ sessionId: event.value })
          await find(event.value)
          if (cached.has(event.value)) cached.set(event.value, 0)
        } else if (event.kind === 'pass') clock.advance(event.ms)
        else {
          clock.wall += 60_000
          for (const key of cached.keys()) cached.set(key, 0)
        }
        const oldest = cached.keys().next().value
        if (cached.size > MAX_SESSIONS && oldest !== undefined) cached.delete(oldest)
        const overAfter = (time: number) => [...cached.values()].filter((at) => at > time).length
        const { sessions } = okta.stats()
        // Okta's `Date` is in whole seconds: a session may seem to end up to a second later.
        expect(sessions).toBeLessThanOrEqual(overAfter(clock.mono - 1_000))
        expect(sessions).toBeGreaterThanOrEqual(overAfter(clock.mono + 3 * BUCKET_MS))
      }
      await okta.close()
    }
    await fc.assert(fc.asyncProperty(fc.array(event, { maxLength: 30 }), run), { numRuns: 60 })
  })
})
