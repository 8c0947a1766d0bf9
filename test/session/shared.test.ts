import { beforeEach, describe, expect, it } from 'vitest'
import type { SessionStore } from '../../src/contracts.js'
import { defineStore, type SharedRecord } from '../../src/session/shared-cache.js'
import { LookupWorld, TestClock } from './lookup-world.js'
import { SharedStore } from './shared-store.js'
import { middleware, requestWith, tinyOrg } from './tiny-org.js'

let shared: SharedStore
let here: LookupWorld
let there: LookupWorld

beforeEach(() => {
  shared = new SharedStore()
  here = new LookupWorld({ shared: shared.member() })
  there = new LookupWorld({ shared: shared.member(), beside: here })
  here.begin('alice')
})

describe('two instances with one shared store', () => {
  it('two instances with one store call Okta once for an unseen cookie, also for concurrent requests at both', async () => {
    const answers = await Promise.all([
      here.lookUp('alice'),
      there.lookUp('alice'),
      there.lookUp('alice'),
    ])
    expect(answers.map(({ state }) => state)).toEqual(['active', 'active', 'active'])
    expect(here.calls + there.calls).toBe(1)
    expect(await there.lookUp('alice')).toMatchObject({ source: 'memory' })
  })

  it('an instance serves what the other found, with its age', async () => {
    await here.lookUp('alice')
    here.clock.advance(40_000)
    expect(await there.lookUp('alice')).toMatchObject({
      source: 'shared',
      askedAt: here.clock.now() - 40_000,
    })
    here.clock.advance(21_000)
    shared.entries.clear()
    expect(await there.lookUp('alice')).toMatchObject({ source: 'okta' })
  })

  it('an instance serves a stale shared entry while Okta is silent, and asks Okta as long as it answers', async () => {
    await here.lookUp('alice')
    here.clock.advance(100_000)
    there.up = false
    expect(await there.lookUp('alice')).toMatchObject({ source: 'stale' })
    there.up = true
    expect(await there.lookUp('alice')).toMatchObject({ source: 'okta' })
  })

  it('an instance that has learned of an end does not take an older shared entry for the session', async () => {
    await here.lookUp('alice')
    const [[name = '', entry] = []] = shared.entries
    here.clock.advance(1_000)
    const side = here.okta.get('alice')
    if (side !== undefined) side.ended = true
    expect(await there.lookUp('alice', { maxStalenessMs: 0 })).toMatchObject({
      reason: 'not_found',
    })
    if (entry !== undefined) shared.entries.set(name, entry)
    here.clock.advance(11_000)
    expect(await there.lookUp('alice', { navigation: true })).toMatchObject({ reason: 'not_found' })
  })

  it("Okta's answer that there is no session deletes the shared entry", async () => {
    await here.lookUp('alice')
    const side = here.okta.get('alice')
    if (side !== undefined) side.ended = true
    await here.lookUp('alice', { maxStalenessMs: 0 })
    expect(shared.entries.size).toBe(0)
  })

  it('instances that wait for a lookup of another share its failure and cause no call', async () => {
    here.up = false
    there.up = false
    const answers = await Promise.all([here.lookUp('alice'), there.lookUp('alice')])
    for (const answer of answers)
      expect(answer).toMatchObject({ state: 'unavailable', reason: 'timeout' })
    expect(here.calls + there.calls).toBe(1)
  })

  it('a sign-out that the store holds is obeyed before its record is read', async () => {
    shared.slow = true
    await here.lookUp('alice')
    const [name = ''] = shared.entries.keys()
    shared.refusals.set(name, { id: 'other.1', forMs: 60_000, state: 'unconfirmed' })
    expect(await there.lookUp('alice')).toMatchObject({ reason: 'signed_out' })
    expect(there.calls).toBe(0)
    shared.refusals.clear()
    expect(await there.lookUp('alice')).toMatchObject({ reason: 'signed_out' })
  })

  it('entries from before a gap in the shared log are void', async () => {
    await here.lookUp('alice')
    shared.gap(here.clock.now())
    expect(await there.lookUp('alice')).toMatchObject({ source: 'okta' })
    here.clock.advance(50_000)
    await there.lookUp('alice', { maxStalenessMs: 0 })
    const third = new LookupWorld({ shared: shared.member(), beside: here })
    expect(await third.lookUp('alice')).toMatchObject({ source: 'shared' })
  })

  it('a prefetch takes the newer entry of another instance', async () => {
    await here.lookUp('alice')
    await there.lookUp('alice')
    here.clock.advance(46_000)
    await here.lookUp('alice')
    await here.lookup.settled()
    const { calls } = there
    await there.lookUp('alice')
    await there.lookup.settled()
    expect(there.calls).toBe(calls)
    expect(there.lookup.stats()).toMatchObject({ refreshedAhead: 1 })
  })

  it('made-up cookies read the store 100 times for a client at once, and no more', async () => {
    let claims = 0
    const member = shared.member()
    const poor = new LookupWorld({
      shared: {
        ...member,
        claim: (key, since) => {
          claims += 1
          return member.claim(key, since)
        },
      },
      beside: here,
    })
    for (let index = 0; index < 300; index += 1)
      await poor.lookUp(`junk${index}`, { client: '192.0.2.1' })
    expect(claims).toBe(100)
    await here.lookUp('alice')
    expect(await poor.lookUp('alice', { client: '192.0.2.2' })).toMatchObject({ source: 'shared' })
  })

  it('an instance ignores an entry from a clock that is more than two seconds ahead', async () => {
    await here.lookUp('alice')
    here.clock.wall -= 3_000
    expect(await there.lookUp('alice')).toMatchObject({ source: 'okta' })
    expect(there.lookup.stats()).toMatchObject({ fromTheFuture: 1 })
  })

  it('an instance answers signed_out for what was signed out at the other', async () => {
    await here.lookUp('alice')
    await there.lookUp('alice')
    await here.leave('alice')
    expect(await there.lookUp('alice')).toEqual({ state: 'anonymous', reason: 'signed_out' })
  })

  it('a revocation voids an older shared entry, however late it is read', async () => {
    await here.lookUp('alice')
    const before = shared.entries.get([...shared.entries.keys()][0] ?? '')
    await here.lookup.forget({ userId: 'user-alice' })
    const side = here.okta.get('alice')
    if (side !== undefined) side.ended = true
    expect(shared.entries.size).toBe(1)
    expect([...shared.entries.values()]).toEqual([before])
    expect(await there.lookUp('alice')).toMatchObject({ state: 'anonymous', reason: 'not_found' })
  })

  it('a shared entry from after a revocation is accepted', async () => {
    await here.lookup.forget({ userId: 'user-alice' })
    await here.lookUp('alice')
    expect(await there.lookUp('alice')).toMatchObject({ source: 'shared' })
  })

  it('a shared entry of an instance that had not read the revocation yet is not accepted', async () => {
    shared.slow = true
    await here.lookup.forget({ userId: 'user-alice' })
    await there.lookUp('alice')
    expect(await here.lookUp('alice')).toMatchObject({ source: 'okta' })
    expect(here.calls).toBe(1)
  })

  it('forget() rejects when the store could not record it, and takes effect here', async () => {
    await here.lookUp('alice')
    shared.up = false
    await expect(here.lookup.forget({ userId: 'user-alice' })).rejects.toThrow('not writable')
    expect(await here.lookUp('alice')).toMatchObject({ source: 'okta' })
  })

  it('sessions are looked up again after a gap in the shared log, and served from the cache while Okta is silent', async () => {
    await here.lookUp('alice')
    shared.entries.clear()
    shared.gap()
    here.up = false
    expect(await here.lookUp('alice')).toMatchObject({ source: 'stale' })
    here.up = true
    expect(await here.lookUp('alice')).toMatchObject({ source: 'okta' })
    expect(await here.lookUp('alice')).toMatchObject({ source: 'memory' })
  })

  it('a cookie in the shared cache is charged to no failure budget', async () => {
    await here.lookUp('alice')
    const poor = new LookupWorld({
      shared: shared.member(),
      beside: here,
      upstream: { failedLookups: { perSecond: 0, burst: 1 } },
    })
    expect(await poor.lookUp('alice')).toMatchObject({ source: 'shared' })
    expect(await poor.lookUp('junk')).toMatchObject({ state: 'anonymous' })
    expect(await poor.lookUp('mallory')).toMatchObject({ reason: 'over_budget' })
  })
})

describe('the cache.store option', () => {
  it('cache.store carries a sign-out from one app to another', async () => {
    const clock = new TestClock()
    const org = await tinyOrg(clock)
    const secret = 'a secret of at least thirty-two bytes'
    const [first, second] = [shared.engine(), shared.engine()].map((engine) =>
      middleware(org, clock, { secret, cache: { store: defineStore(() => engine) } }),
    )
    await first?.authenticate(requestWith('carol'))
    expect(await second?.authenticate(requestWith('carol'))).toMatchObject({ source: 'shared' })
    await first?.forget({ sessionId: 'ext-carol' })
    org.endsAt = () => undefined
    expect(await second?.authenticate(requestWith('carol'))).toMatchObject({ reason: 'not_found' })
  })

  it('cache.store receives no session id, no user id and no digest that can be guessed', async () => {
    const clock = new TestClock()
    const org = await tinyOrg(clock)
    const namesUnder = async (secret: string) => {
      const records: SharedRecord[] = []
      const engine = new SharedStore().engine()
      const append = (record: SharedRecord) => {
        records.push(record)
        return engine.record(record)
      }
      const store = defineStore(() => ({ ...engine, record: append }))
      const okta = middleware(org, clock, { secret, cache: { store } })
      await okta.forget({ sessionId: 'a-session' })
      await okta.forget({ userId: 'a-user' })
      return records.flatMap((record) => record.subjects)
    }
    const names = await namesUnder('a secret of at least thirty-two bytes')
    expect(names).toHaveLength(4)
    for (const name of names) expect(name).toMatch(/^[csu]:[\w-]{43}$/)
    expect(await namesUnder('a secret of at least thirty-two bytes')).toEqual(names)
    const others = await namesUnder('another of at least thirty-two bytes')
    expect(others.filter((name) => names.includes(name))).toEqual([])
  })

  it('cache.store receives a cookie as a digest under the secret, never as one that can be guessed', async () => {
    const clock = new TestClock()
    const org = await tinyOrg(clock)
    const namesUnder = async (secret: string) => {
      const names: string[] = []
      const engine = new SharedStore().engine()
      const store = defineStore(() => ({
        ...engine,
        claim: (given, since) => {
          names.push(...given)
          return engine.claim(given, since)
        },
        fill: (given, entry, lease) => {
          names.push(...given)
          engine.fill(given, entry, lease)
        },
        release: (given, lease, why) => {
          names.push(...given)
          engine.release(given, lease, why)
        },
      }))
      const okta = middleware(org, clock, { secret, cache: { store } })
      org.endsAt = (value) => (value === 'carol' ? clock.now() + 3_600_000 : undefined)
      await okta.authenticate(requestWith('carol'))
      await okta.authenticate(requestWith('mallory'))
      return names
    }
    const names = await namesUnder('a secret of at least thirty-two bytes')
    const [carol, , mallory] = names
    expect(names).toEqual([carol, carol, mallory, mallory])
    expect(carol).not.toBe(mallory)
    for (const name of names) expect(name).toMatch(/^c:[\w-]{43}$/)
    expect(await namesUnder('a secret of at least thirty-two bytes')).toEqual(names)
    const others = await namesUnder('another of at least thirty-two bytes')
    expect(others.filter((name) => names.includes(name))).toEqual([])
  })

  it('cache.store refuses what no factory made', async () => {
    const org = await tinyOrg(new TestClock())
    const secret = 'a secret of at least thirty-two bytes'
    const store = {} as SessionStore
    expect(() => middleware(org, new TestClock(), { secret, cache: { store } })).toThrow(
      'cache.store',
    )
  })
})
