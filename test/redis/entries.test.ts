/** The entry half of the Redis engine, with several instances over a real redis-server. */
import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { keysOf } from '../../src/redis/credential-keys.js'
import { scripts } from '../../src/redis/scripts.js'
import type { Claim, SharedRecord } from '../../src/session/shared-cache.js'
import {
  COOKIE,
  entryAt,
  type Instance,
  isRedisMissing,
  MAX_TTL_MS,
  OLD_SECRET,
  PREFIX,
  SECRET,
  session,
  World,
} from './entries-world.js'

let world: World

beforeAll(async () => {
  if (!isRedisMissing) world = await World.start()
})
beforeEach(({ skip }) => skip(isRedisMissing, 'needs redis-server: apt-get install redis-server'))
afterEach(() => world?.reset())
afterAll(() => world?.stop())

const LONG_AGO = 1

describe('a claim', () => {
  it('gets the lease when there is nothing, then the entry that was filled', async () => {
    const [one, two] = [await world.instance(), await world.instance()]
    const claim = await one.entries.claim(one.names(), Date.now())
    const entry = entryAt(Date.now())
    one.entries.fill(one.names(), entry, leaseOf(claim))
    await one.entries.settled()
    expect(await two.entries.claim(two.names(), entry.askedAt)).toEqual({ kind: 'entry', entry })
    expect(await two.entries.peek(two.names())).toEqual(entry)
    expect(one.entries.counts).toEqual({ entriesRead: 0, entriesWritten: 1, rejected: 0 })
    expect(two.entries.counts).toEqual({ entriesRead: 2, entriesWritten: 0, rejected: 0 })
  })

  it('of an entry begun before `since` gets the lease, and the entry for where Okta cannot tell', async () => {
    const one = await world.instance()
    const entry = entryAt(Date.now() - 60_000)
    await store(one, entry)
    expect(await one.entries.claim(one.names(), entry.askedAt + 1)).toMatchObject({
      kind: 'lease',
      entry,
    })
  })

  it('one of many concurrent ones gets the lease, the others its entry', async () => {
    const instances = await Promise.all([1, 2, 3, 4].map(() => world.instance()))
    const since = Date.now() - 1_000
    const claims = instances.flatMap((instance) =>
      Array.from({ length: 10 }, () => instance.entries.claim(instance.names(), since)),
    )
    const first = await Promise.race(claims)
    const [holder = await world.instance()] = instances
    const entry = entryAt(Date.now())
    holder.entries.fill(holder.names(), entry, leaseOf(first))
    const results = await Promise.all(claims)
    expect(results.filter(({ kind }) => kind === 'lease')).toHaveLength(1)
    expect(results.filter(({ kind }) => kind === 'entry')).toHaveLength(39)
  })

  it('takes over the lease of an instance that died', async () => {
    const [dead, alive] = [await world.instance(), await world.instance()]
    const lease = leaseOf(await dead.entries.claim(dead.names(), LONG_AGO))
    dead.entries.close()
    const claim = await alive.entries.claim(alive.names(), LONG_AGO)
    expect(claim.kind).toBe('lease')
    expect(leaseOf(claim)).not.toBe(lease)
  })

  it('waits for a lease that is renewed while Okta is slow', async () => {
    const [slow, waiting] = [await world.instance(), await world.instance()]
    const lease = leaseOf(await slow.entries.claim(slow.names(), LONG_AGO))
    let isWaiting = true
    const claim = waiting.entries.claim(waiting.names(), LONG_AGO).finally(() => {
      isWaiting = false
    })
    // More renewals than the lease would last without them.
    await slow.commands.ran(scripts.renew, 5)
    expect(isWaiting).toBe(true)
    const entry = entryAt(Date.now())
    slow.entries.fill(slow.names(), entry, lease)
    expect(await claim).toEqual({ kind: 'entry', entry })
  })

  it('that has waited longer than a call to Okta may take is on its own', async () => {
    const slow = await world.instance()
    const waiting = await world.instance([SECRET], { timeoutMs: 100 })
    await slow.entries.claim(slow.names(), LONG_AGO)
    expect(await waiting.entries.claim(waiting.names(), LONG_AGO)).toEqual({ kind: 'unknown' })
    expect((await slow.entries.claim(slow.names('other'), LONG_AGO)).kind).toBe('lease')
  })

  it('is on its own when Redis cannot be reached, and so is a refresh', async () => {
    const one = await world.instance()
    one.commands.late = true
    expect(await one.entries.claim(one.names(), LONG_AGO)).toEqual({ kind: 'unknown' })
    expect(await one.entries.claimRefresh(one.names(), 1_000)).toEqual({ kind: 'unknown' })
    expect(await one.entries.peek(one.names())).toBeUndefined()
    one.entries.fill(one.names(), entryAt(Date.now()))
    one.entries.release(one.names(), 'lease')
    one.entries.endRefresh(one.names(), 'lease', { kind: 'none' })
    await one.entries.settled()
    expect(await one.entries.voidCredential(nameOf(one), forget(one))).toBe(false)
  })
})

describe('a released lease', () => {
  it('without a usable answer gives the failure to the claims that wait, and to no later one', async () => {
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => world.instance()))
    if (!one || !two || !three) throw new Error('no instance')
    const lease = leaseOf(await one.entries.claim(one.names(), LONG_AGO))
    const waiting = [two, three].map(async (each) => {
      const held = each.commands.ran(scripts.claim, 1)
      return { claim: each.entries.claim(each.names(), LONG_AGO), held: await held }
    })
    const claims = (await Promise.all(waiting)).map(({ claim }) => claim)
    one.entries.release(one.names(), lease, { kind: 'unavailable', code: 'timeout' })
    const failed = { kind: 'failed', code: 'timeout' }
    expect(await Promise.all(claims)).toEqual([failed, failed])
    expect((await one.entries.claim(one.names(), LONG_AGO)).kind).toBe('lease')
  })

  it.each([{ why: undefined }, { why: { kind: 'no', at: Date.now() } as const }])(
    'with the reason $why.kind sends the claims that wait to Okta, all at once',
    async ({ why }) => {
      const [one, two, three] = await Promise.all([1, 2, 3].map(() => world.instance()))
      if (!one || !two || !three) throw new Error('no instance')
      const lease = leaseOf(await one.entries.claim(one.names(), LONG_AGO))
      const held = [two, three].map((each) => each.commands.ran(scripts.claim, 1))
      const claims = [two, three].map((each) => each.entries.claim(each.names(), LONG_AGO))
      await Promise.all(held)
      one.entries.release(one.names(), lease, why)
      expect(await Promise.all(claims)).toEqual([{ kind: 'unknown' }, { kind: 'unknown' }])
    },
  )

  it('after a negative answer deletes an entry begun before it, and keeps a later one', async () => {
    const one = await world.instance()
    const { askedAt } = await store(one, entryAt(Date.now()))
    one.entries.release(one.names(), undefined, { kind: 'no', at: askedAt })
    await one.entries.settled()
    expect(await one.entries.peek(one.names())).toBeDefined()
    one.entries.release(one.names(), undefined, { kind: 'no', at: askedAt + 1 })
    await one.entries.settled()
    expect(await one.entries.peek(one.names())).toBeUndefined()
  })

  it('after a negative answer of another instance no earlier lookup fills the entry', async () => {
    const [one, two] = [await world.instance(), await world.instance()]
    const entry = entryAt(Date.now())
    const lease = leaseOf(await one.entries.claim(one.names(), LONG_AGO))
    two.entries.release(two.names(), undefined, { kind: 'no', at: entry.askedAt + 1 })
    await two.entries.settled()
    one.entries.fill(one.names(), entry, lease)
    await one.entries.settled()
    expect(await two.entries.peek(two.names())).toBeUndefined()
  })
})

describe('a fill without a lease', () => {
  it('stores the newer entry alone', async () => {
    const one = await world.instance()
    const now = Date.now()
    await store(one, entryAt(now))
    await store(one, entryAt(now - 1))
    expect((await one.entries.peek(one.names()))?.askedAt).toBe(now)
    await store(one, entryAt(now + 1))
    expect((await one.entries.peek(one.names()))?.askedAt).toBe(now + 1)
    expect(one.entries.counts.entriesWritten).toBe(2)
  })

  it('overwrites an entry from the future, which would otherwise stay the newest', async () => {
    const one = await world.instance()
    await world.client.set(keysOf(PREFIX, nameOf(one)).entry, `${Date.now() + 1e9} forged`)
    const entry = await store(one, entryAt(Date.now()))
    expect(await one.entries.peek(one.names())).toEqual(entry)
  })

  it('of an entry that no instance may serve stores nothing', async () => {
    const one = await world.instance()
    await store(one, entryAt(Date.now() - MAX_TTL_MS - 1))
    expect(await world.dump()).toBe('')
  })

  it.each([
    ['too old', () => entryAt(Date.now() - MAX_TTL_MS - 1)],
    ['too large', () => entryAt(Date.now(), { login: 'x'.repeat(300_000) })],
  ])('or with one, of an entry that is %s, keeps no instance waiting', async (_, entry) => {
    const one = await world.instance()
    const lease = leaseOf(await one.entries.claim(one.names(), LONG_AGO))
    one.entries.fill(one.names(), entry(), lease)
    await one.entries.settled()
    const { marker } = keysOf(PREFIX, nameOf(one))
    expect(await world.client.keys('*')).toEqual([marker])
    expect(await one.entries.peek(one.names())).toBeUndefined()
  })
})

describe('an entry in Redis', () => {
  const cases: readonly [
    what: string,
    change: (stored: string, other: string, one: Instance) => string,
  ][] = [
    ['junk', () => 'junk'],
    ['empty of a sealed text', (stored) => `${stored.split(' ')[0]} `],
    ['forged', (stored) => `${stored.split(' ')[0]} AAAAAAAA.${'A'.repeat(100)}`],
    ['swapped with that of another cookie', (_, other) => other],
    ['truncated', (stored) => stored.slice(0, -1)],
    ['made newer', (stored) => stored.replace(/^\d+/, (at) => `${Number(at) + 1}`)],
    ['too large', (stored) => stored.padEnd(300_000, 'A')],
    ['of a time beyond numbers', (stored) => stored.replace(/^\d+/, '9'.repeat(400))],
    ['replayed after its time', (_, __, one) => sealedEntry(one, Date.now() - MAX_TTL_MS - 1)],
    ['from the future', (_, __, one) => sealedEntry(one, Date.now() + 60_000)],
    ['sealed, and no session', (_, __, one) => sealedEntry(one, Date.now(), { session: {} })],
    [
      'sealed, and of a session that lacks a factor',
      (_, __, one) =>
        sealedEntry(one, Date.now(), { session: { ...session, status: 'MFA_REQUIRED' } }),
    ],
    [
      'sealed, and asked for at another time',
      (_, __, one) => sealedEntry(one, Date.now(), { askedAt: Date.now() - 1 }),
    ],
  ]

  it.each(cases)('that is %s is ignored, counted and deleted', async (_, change) => {
    const [one, two] = [await world.instance(), await world.instance()]
    await store(one, entryAt(Date.now()))
    await store(one, entryAt(Date.now()), 'other')
    const [key, otherKey] = [nameOf(one), one.names('other')[0] ?? ''].map(
      (name) => keysOf(PREFIX, name).entry,
    )
    const stored = (await world.client.get(key ?? '')) ?? ''
    const other = (await world.client.get(otherKey ?? '')) ?? ''
    await world.client.set(key ?? '', change(stored, other, one))
    expect(await two.entries.claim(two.names(), LONG_AGO)).toMatchObject({
      kind: 'lease',
      entry: undefined,
    })
    expect(two.entries.counts).toMatchObject({ entriesRead: 0, rejected: 1 })
    expect(await world.client.exists(key ?? '')).toBe(0)
    // The one of the other cookie is untouched.
    expect(await two.entries.peek(two.names('other'))).toBeDefined()
  })

  it('that was replaced meanwhile is not deleted with the junk that was read', async () => {
    const one = await world.instance()
    const entry = await store(one, entryAt(Date.now()))
    const { entry: key } = keysOf(PREFIX, nameOf(one))
    await one.commands.run(scripts.removeSame, [key], ['the junk that was read'])
    expect(await one.entries.peek(one.names())).toEqual(entry)
  })

  it('a key of the wrong type is deleted and counts as missing, whatever it is for', async () => {
    const one = await world.instance()
    const keys = keysOf(PREFIX, nameOf(one))
    for (const key of [keys.entry, keys.lease, keys.marker, keys.refresh])
      await world.client.rPush(key, 'junk')
    await world.client.set(keys.refusal, 'junk')
    const claim = await one.entries.claim(one.names(), LONG_AGO)
    expect(claim.kind).toBe('lease')
    expect((await one.entries.claimRefresh(one.names(), 1_000)).kind).toBe('lease')
    one.entries.fill(one.names(), entryAt(Date.now()), leaseOf(claim))
    await one.entries.settled()
    expect((await one.entries.claim(one.names(), LONG_AGO)).kind).toBe('entry')
    expect(one.entries.counts.rejected).toBe(4)
  })

  it('a lease without an end does not keep the instances from Okta', async () => {
    const one = await world.instance()
    await world.client.set(keysOf(PREFIX, nameOf(one)).lease, 'junk')
    expect((await one.entries.claim(one.names(), LONG_AGO)).kind).toBe('lease')
  })

  it('an entry from an instance whose clock is a second ahead counts', async () => {
    const [one, ahead] = [await world.instance(), await world.instance()]
    ahead.aheadMs = 1_000
    const entry = await store(ahead, entryAt(Date.now() + 1_000))
    expect(await one.entries.claim(one.names(), LONG_AGO)).toEqual({ kind: 'entry', entry })
  })

  it('has an end, as every key', async () => {
    const one = await world.instance()
    await everyKind(one)
    const keys = await world.client.keys('*')
    expect(keys.length).toBeGreaterThanOrEqual(6)
    for (const key of keys) {
      const left = await world.client.pTTL(key)
      expect(left, key).toBeGreaterThan(0)
      expect(left, key).toBeLessThanOrEqual(MAX_TTL_MS)
    }
  })
})

describe('a record of the log', () => {
  it('deletes the entry and the lease, so that a lookup in flight does not fill it', async () => {
    const [one, two] = [await world.instance(), await world.instance()]
    await store(one, entryAt(Date.now() - 1_000))
    const lease = leaseOf(await one.entries.claim(one.names(), Date.now()))
    expect(await two.entries.voidCredential(nameOf(two), forget(two))).toBe(true)
    one.entries.fill(one.names(), entryAt(Date.now()), lease)
    await one.entries.settled()
    expect(await two.entries.peek(two.names())).toBeUndefined()
  })

  it('of a sign-out is what a claim gets, with its state and what is left of its time', async () => {
    const [one, two] = [await world.instance(), await world.instance()]
    await store(one, entryAt(Date.now()))
    await one.entries.voidCredential(nameOf(one), refuse(one, 'a.1', 60_000))
    const claim = await two.entries.claim(two.names(), LONG_AGO)
    expect(claim).toMatchObject({
      kind: 'refused',
      refusal: { id: 'a.1', state: 'unconfirmed' },
    })
    if (claim.kind !== 'refused') throw new Error(claim.kind)
    expect(claim.refusal.forMs).toBeGreaterThan(30_000)
    expect(claim.refusal.forMs).toBeLessThanOrEqual(60_000)
  })

  it('of a withdrawal removes the refusal of its id, and not that of another instance', async () => {
    const [one, two] = [await world.instance(), await world.instance()]
    await one.entries.voidCredential(nameOf(one), refuse(one, 'a.1', 60_000, true))
    await two.entries.voidCredential(nameOf(two), refuse(two, 'b.1', 60_000))
    const withdraw = (id: string) =>
      one.entries.voidCredential(nameOf(one), { kind: 'withdraw', id, subjects: one.names() })
    await withdraw('a.1')
    expect(await one.entries.claim(one.names(), LONG_AGO)).toMatchObject({
      kind: 'refused',
      refusal: { id: 'b.1' },
    })
    await withdraw('b.1')
    expect((await one.entries.claim(one.names(), LONG_AGO)).kind).toBe('lease')
  })

  it('of a withdrawal keeps the entry, which the sign-out did not void', async () => {
    const one = await world.instance()
    const entry = await store(one, entryAt(Date.now()))
    await one.entries.voidCredential(nameOf(one), {
      kind: 'withdraw',
      id: 'a.1',
      subjects: one.names(),
    })
    expect(await one.entries.peek(one.names())).toEqual(entry)
  })

  it('of a confirmation says more than a provisional sign-out of another instance', async () => {
    const one = await world.instance()
    await one.entries.voidCredential(nameOf(one), refuse(one, 'a.1', 60_000, true))
    await one.entries.voidCredential(nameOf(one), refuse(one, 'b.1', 90_000))
    await one.entries.voidCredential(nameOf(one), {
      kind: 'confirm',
      id: 'b.1',
      subjects: one.names(),
      forMs: 6_000,
    })
    expect(await one.entries.claim(one.names(), LONG_AGO)).toMatchObject({
      kind: 'refused',
      refusal: { id: 'b.1', state: 'confirmed' },
    })
    // The refusals of one credential are in one key, which lasts as long as the longest.
    const left = await world.client.pTTL(keysOf(PREFIX, nameOf(one)).refusal)
    expect(left).toBeGreaterThan(60_000)
  })

  it('that has ended refuses no longer, though another one keeps its key alive', async () => {
    const [one, later] = [await world.instance(), await world.instance()]
    await one.entries.voidCredential(nameOf(one), refuse(one, 'a.1', 60_000))
    await one.entries.voidCredential(nameOf(one), refuse(one, 'b.1', 120_000, true))
    later.aheadMs = 90_000
    expect(await later.entries.claim(later.names(), LONG_AGO)).toMatchObject({
      kind: 'refused',
      refusal: { id: 'b.1', state: 'provisional' },
    })
    later.aheadMs = 150_000
    expect((await later.entries.claim(later.names(), LONG_AGO)).kind).toBe('lease')
    expect(later.entries.counts.rejected).toBe(0)
    later.aheadMs = 3_600_000
    await later.entries.claim(later.names(), LONG_AGO)
    // By the clock of the other instance it has not ended.
    expect((await one.entries.claim(one.names(), LONG_AGO)).kind).toBe('refused')
  })

  it('that is forged or of another cookie refuses nothing, and is counted and deleted', async () => {
    const one = await world.instance()
    const { refusal } = keysOf(PREFIX, nameOf(one))
    const other = one.names('other')[0] ?? ''
    await one.entries.voidCredential(other, refuse(one, 'a.1', 60_000))
    const moved = (await world.client.hGet(keysOf(PREFIX, other).refusal, 'a.1')) ?? ''
    await world.client.hSet(refusal, { 'a.1': moved, 'a.2': 'junk' })
    expect((await one.entries.claim(one.names(), LONG_AGO)).kind).toBe('lease')
    expect(one.entries.counts.rejected).toBe(2)
    expect(await world.client.exists(refusal)).toBe(0)
  })
})

describe('a refresh', () => {
  it('is made by one instance; the others get its end, and how long ago it began', async () => {
    const instances = await Promise.all([1, 2, 3, 4].map(() => world.instance()))
    const claims = instances.map(async ({ entries, names }) => {
      const claim = await entries.claimRefresh(names(), 60_000)
      if (claim.kind === 'lease')
        entries.endRefresh(names(), claim.lease, {
          kind: 'refreshed',
          expiresAt: session.expiresAt,
          forMs: 60_000,
        })
      return claim
    })
    const results = await Promise.all(claims)
    expect(results.filter(({ kind }) => kind === 'lease')).toHaveLength(1)
    const recent = results.filter((each) => each.kind === 'recent')
    expect(recent).toHaveLength(3)
    for (const { expiresAt, ageMs } of recent) {
      expect(expiresAt).toBe(session.expiresAt)
      expect(ageMs).toBeGreaterThanOrEqual(0)
      expect(ageMs).toBeLessThan(60_000)
    }
  })

  it('that began longer ago than the period is made again', async () => {
    const one = await world.instance()
    await refreshed(one)
    expect((await one.entries.claimRefresh(one.names(), 60_000)).kind).toBe('recent')
    expect((await one.entries.claimRefresh(one.names(), 0)).kind).toBe('lease')
  })

  it('that failed rests at every instance', async () => {
    const [one, two] = [await world.instance(), await world.instance()]
    const claim = await one.entries.claimRefresh(one.names(), 60_000)
    one.entries.endRefresh(one.names(), leaseOf(claim), {
      kind: 'failed',
      code: 'server_error',
      forMs: 10_000,
    })
    await one.entries.settled()
    const failed = await two.entries.claimRefresh(two.names(), 60_000)
    expect(failed).toMatchObject({ kind: 'failed', code: 'server_error' })
    if (failed.kind !== 'failed') throw new Error(failed.kind)
    expect(failed.restMs).toBeGreaterThan(0)
    expect(failed.restMs).toBeLessThanOrEqual(10_000)
  })

  it('that was not made sends those that wait on, all at once, and keeps no later one', async () => {
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => world.instance()))
    if (!one || !two || !three) throw new Error('no instance')
    const lease = leaseOf(await one.entries.claimRefresh(one.names(), 60_000))
    const held = [two, three].map((each) => each.commands.ran(scripts.claimRefresh, 1))
    const claims = [two, three].map((each) => each.entries.claimRefresh(each.names(), 60_000))
    await Promise.all(held)
    one.entries.endRefresh(one.names(), lease, { kind: 'none' })
    expect(await Promise.all(claims)).toEqual([{ kind: 'unknown' }, { kind: 'unknown' }])
    expect((await one.entries.claimRefresh(one.names(), 60_000)).kind).toBe('lease')
  })

  it('of an instance that died is taken over, and of a slow one waited for', async () => {
    const [slow, waiting] = [await world.instance(), await world.instance()]
    await slow.entries.claimRefresh(slow.names(), 60_000)
    let isWaiting = true
    const claim = waiting.entries.claimRefresh(waiting.names(), 60_000).finally(() => {
      isWaiting = false
    })
    await slow.commands.ran(scripts.renew, 5)
    expect(isWaiting).toBe(true)
    slow.entries.close()
    expect((await claim).kind).toBe('lease')
  })

  it.each([
    ['junk', () => 'junk'],
    ['of an unknown code', () => 'F no_such_code'],
    ['forged', (stored: string) => stored.replace(/\S+$/, 'AAAAAAAA.AAAA')],
    ['given another time', (stored: string) => stored.replace(/\d+/, (at) => `${Number(at) - 1}`)],
  ])('that is %s in Redis is ignored, counted and deleted', async (_, change) => {
    const one = await world.instance()
    await refreshed(one)
    const { refresh } = keysOf(PREFIX, nameOf(one))
    const stored = (await world.client.get(refresh)) ?? ''
    await world.client.set(refresh, change(stored), { PX: 60_000 })
    expect((await one.entries.claimRefresh(one.names(), 60_000)).kind).toBe('lease')
    expect(one.entries.counts.rejected).toBe(1)
  })
})

describe('while the secret is replaced', () => {
  it('instances with the previous, with both and with the current secret serve each other', async () => {
    const before = await world.instance([OLD_SECRET])
    const during = await world.instance([SECRET, OLD_SECRET])
    const after = await world.instance([SECRET])
    const entry = await store(before, entryAt(Date.now()))
    const found = { kind: 'entry', entry }
    expect(await before.entries.claim(before.names(), LONG_AGO)).toEqual(found)
    expect(await during.entries.peek(during.names())).toEqual(entry)
    expect(await during.entries.claim(during.names(), LONG_AGO)).toEqual(found)
    // The instance with both stores it under the current name.
    await during.entries.settled()
    expect(await after.entries.claim(after.names(), LONG_AGO)).toEqual(found)
    for (const { entries } of [before, during, after]) expect(entries.counts.rejected).toBe(0)
  })

  it('an older entry under the previous secret comes with the lease', async () => {
    const before = await world.instance([OLD_SECRET])
    const during = await world.instance([SECRET, OLD_SECRET])
    const entry = await store(before, entryAt(Date.now() - 60_000))
    expect(await during.entries.claim(during.names(), Date.now())).toMatchObject({
      kind: 'lease',
      entry,
    })
  })

  it('a sign-out is obeyed by instances with either secret', async () => {
    const during = await world.instance([SECRET, OLD_SECRET])
    const record = refuse(during, 'a.1', 60_000)
    for (const name of during.names()) await during.entries.voidCredential(name, record)
    for (const secrets of [[OLD_SECRET], [SECRET, OLD_SECRET], [SECRET]]) {
      const { entries, names } = await world.instance(secrets)
      expect((await entries.claim(names(), LONG_AGO)).kind).toBe('refused')
    }
  })

  it('a sign-out with the previous secret overrules an entry under the current one', async () => {
    const before = await world.instance([OLD_SECRET])
    const during = await world.instance([SECRET, OLD_SECRET])
    await store(during, entryAt(Date.now()))
    await before.entries.voidCredential(nameOf(before), refuse(before, 'a.1', 60_000))
    expect((await during.entries.claim(during.names(), LONG_AGO)).kind).toBe('refused')
  })

  it('a sign-out with the previous secret returns the lease under the current one', async () => {
    const before = await world.instance([OLD_SECRET])
    const during = await world.instance([SECRET, OLD_SECRET])
    await before.entries.voidCredential(nameOf(before), refuse(before, 'a.1', 60_000))
    expect((await during.entries.claim(during.names(), LONG_AGO)).kind).toBe('refused')
    await during.entries.settled()
    expect(await world.client.exists(keysOf(PREFIX, nameOf(during)).lease)).toBe(0)
  })

  it('a negative answer deletes the entries under both', async () => {
    const before = await world.instance([OLD_SECRET])
    const during = await world.instance([SECRET, OLD_SECRET])
    await store(before, entryAt(Date.now()))
    during.entries.release(during.names(), undefined, { kind: 'no', at: Date.now() + 1_000 })
    await during.entries.settled()
    expect(await before.entries.peek(before.names())).toBeUndefined()
  })

  it('a refresh with the previous secret is recent for an instance with both', async () => {
    const before = await world.instance([OLD_SECRET])
    const during = await world.instance([SECRET, OLD_SECRET])
    await refreshed(before)
    expect((await during.entries.claimRefresh(during.names(), 60_000)).kind).toBe('recent')
  })
})

describe('a command that was given up and runs later', () => {
  it('a claim leaves a lease that ends within a second', async () => {
    const [one, two] = [await world.instance(), await world.instance()]
    one.commands.late = true
    expect(await one.entries.claim(one.names(), LONG_AGO)).toEqual({ kind: 'unknown' })
    await one.commands.runLate()
    const left = await world.client.pTTL(keysOf(PREFIX, nameOf(one)).lease)
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(1_000)
    // It is not renewed.
    expect((await two.entries.claim(two.names(), LONG_AGO)).kind).toBe('lease')
  })

  it('a fill after its lease ended stores nothing', async () => {
    const [one, two] = [await world.instance(), await world.instance()]
    const lease = leaseOf(await one.entries.claim(one.names(), LONG_AGO))
    one.commands.late = true
    one.entries.fill(one.names(), entryAt(Date.now()), lease)
    await one.entries.settled()
    const claim = await two.entries.claim(two.names(), LONG_AGO)
    await one.commands.runLate()
    expect(await two.entries.peek(two.names())).toBeUndefined()
    const entry = entryAt(Date.now())
    two.entries.fill(two.names(), entry, leaseOf(claim))
    await two.entries.settled()
    expect(await one.entries.peek(one.names())).toEqual(entry)
  })

  it('a fill without a lease keeps a newer entry', async () => {
    const [one, two] = [await world.instance(), await world.instance()]
    one.commands.late = true
    one.entries.fill(one.names(), entryAt(Date.now() - 1_000))
    await one.entries.settled()
    const entry = await store(two, entryAt(Date.now()))
    await one.commands.runLate()
    expect(await two.entries.peek(two.names())).toEqual(entry)
  })

  it('a renewal and a release end no lease of another instance', async () => {
    const [one, two] = [await world.instance(), await world.instance()]
    const lease = leaseOf(await one.entries.claim(one.names(), LONG_AGO))
    one.commands.late = true
    one.entries.release(one.names(), lease, { kind: 'unavailable', code: 'timeout' })
    await one.entries.settled()
    const held = leaseOf(await two.entries.claim(two.names(), LONG_AGO))
    await one.commands.runLate()
    await one.commands.run(scripts.renew, [keysOf(PREFIX, nameOf(one)).lease], [lease, '60000'])
    const { lease: key } = keysOf(PREFIX, nameOf(two))
    expect(await world.client.get(key)).toBe(held)
    expect(await world.client.pTTL(key)).toBeLessThanOrEqual(1_000)
  })

  it('the end of a refresh does not end that of another instance', async () => {
    const [one, two] = [await world.instance(), await world.instance()]
    const lease = leaseOf(await one.entries.claimRefresh(one.names(), 60_000))
    one.commands.late = true
    one.entries.endRefresh(one.names(), lease, { kind: 'none' })
    await one.entries.settled()
    const held = leaseOf(await two.entries.claimRefresh(two.names(), 60_000))
    await one.commands.runLate()
    expect(await world.client.get(keysOf(PREFIX, nameOf(two)).refresh)).toBe(`L ${held}`)
  })
})

it('neither a dump of Redis nor the commands sent to it tell of a cookie, a session or a user', async () => {
  const monitor = world.client.duplicate()
  await monitor.connect()
  let wire = ''
  await monitor.monitor((line) => {
    wire += `${line}\n`
  })
  const one = await world.instance([SECRET, OLD_SECRET])
  await everyKind(one)
  const dump = await world.dump()
  await world.client.echo('the end')
  await expect.poll(() => wire).toContain('the end')
  monitor.destroy()
  expect(dump.split('\n').length).toBeGreaterThanOrEqual(6)
  expect(wire).toContain('EVAL')
  const names = [COOKIE, session.id, session.login, session.userId, 'expiresAt', 'idx=']
  const texts = [...names, `idx=${COOKIE}`, `sid=${session.id}`, `c:${COOKIE}`]
  for (const text of [...names, ...texts.flatMap(plainForms)])
    for (const [where, all] of Object.entries({ dump, wire }))
      expect(all.includes(text), `${where} has a form of ${text}`).toBe(false)
})

it('two prefixes share nothing', async () => {
  const one = await world.instance([SECRET], { prefix: 'one' })
  const two = await world.instance([SECRET], { prefix: 'two' })
  await store(one, entryAt(Date.now()))
  await one.entries.voidCredential(one.names('other')[0] ?? '', refuse(one, 'a.1', 60_000))
  expect(await two.entries.peek(two.names())).toBeUndefined()
  expect((await two.entries.claim(two.names('other'), LONG_AGO)).kind).toBe('lease')
  expect((await world.client.keys('*')).every((key) => /^(one|two):\{/.test(key))).toBe(true)
})

/** The encodings and unkeyed digests in which a text could be guessed. */
function plainForms(text: string): string[] {
  const bytes = Buffer.from(text)
  const digest = createHash('sha256').update(bytes).digest()
  return [bytes, digest].flatMap((each) => [
    each.toString('hex'),
    each.toString('base64').replace(/=+$/, ''),
    each.toString('base64url'),
  ])
}

/** One key of each kind: entry, lease, refusal, marker, refresh. */
async function everyKind(one: Instance): Promise<void> {
  await store(one, entryAt(Date.now()))
  await one.entries.claim(one.names('claimed'), LONG_AGO)
  const released = await one.entries.claim(one.names('released'), LONG_AGO)
  one.entries.release(one.names('released'), leaseOf(released), {
    kind: 'unavailable',
    code: 'timeout',
  })
  await one.entries.voidCredential(one.names('out')[0] ?? '', refuse(one, 'a.1', 60_000))
  await refreshed(one)
  await one.entries.claimRefresh(one.names('claimed'), 60_000)
}

async function store(instance: Instance, entry: ReturnType<typeof entryAt>, cookie?: string) {
  instance.entries.fill(instance.names(cookie), entry)
  await instance.entries.settled()
  return entry
}

async function refreshed(instance: Instance): Promise<void> {
  const claim = await instance.entries.claimRefresh(instance.names(), 60_000)
  instance.entries.endRefresh(instance.names(), leaseOf(claim), {
    kind: 'refreshed',
    expiresAt: session.expiresAt,
    forMs: 60_000,
  })
  await instance.entries.settled()
}

/** A value that an instance with the secret could have written. */
function sealedEntry({ sealer, names }: Instance, askedAt: number, fields: object = {}): string {
  const { entry } = keysOf(PREFIX, names()[0] ?? '')
  const text = JSON.stringify({ ...entryAt(askedAt), ...fields })
  return `${askedAt} ${sealer.seal('entry', `${entry} ${askedAt}`, text)}`
}

function nameOf(instance: Instance): string {
  return instance.names()[0] ?? ''
}

function forget(instance: Instance): SharedRecord {
  return { kind: 'forget', subjects: instance.names() }
}

function refuse(instance: Instance, id: string, forMs: number, provisional = false): SharedRecord {
  return { kind: 'refuse', id, subjects: instance.names(), forMs, provisional }
}

function leaseOf(claim: { readonly kind: string; readonly lease?: string } | Claim): string {
  if (!('lease' in claim) || claim.lease === undefined) throw new Error(`no lease: ${claim.kind}`)
  return claim.lease
}
