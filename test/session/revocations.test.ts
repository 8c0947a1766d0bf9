import { beforeEach, describe, expect, it } from 'vitest'
import { credentialKey } from '../../src/session/cache.js'
import { RevocationLog, subject } from '../../src/session/revocations.js'
import { LookupWorld, TestClock } from './lookup-world.js'
import { SharedStore } from './shared-store.js'

const keyOf = (value: string) => credentialKey('sid', value)

describe('the revocation log', () => {
  let clock: TestClock
  let log: RevocationLog

  beforeEach(() => {
    clock = new TestClock()
    log = new RevocationLog({
      org: 'org.test',
      clock,
      retentionMs: 310_000,
      maxRecords: 3,
      maxProvisional: 2,
    })
  })

  const voids = (key: string, position: number) => log.isVoid(key, undefined, position)

  it('a revocation record voids what was learned before it, and nothing learned after', async () => {
    const before = log.position
    await log.forget([subject.credential('a')], 'credential')
    expect(voids('a', before)).toBe(true)
    expect(voids('b', before)).toBe(false)
    expect(voids('a', log.position)).toBe(false)
  })

  it('the revocation log tells credentials, sessions and users apart', async () => {
    const before = log.position
    await log.forget([subject.user('x')], 'user')
    expect(log.isVoid('x', { id: 'x', userId: 'y', login: 'z' }, before)).toBe(false)
    expect(log.isVoid('k', { id: 's', userId: 'x', login: 'z' }, before)).toBe(true)
  })

  it('the revocation log voids everything before a lost record', async () => {
    const before = log.position
    for (const key of ['a', 'b', 'c', 'd'])
      await log.forget([subject.credential(key)], 'credential')
    expect(log.size).toBe(3)
    expect(voids('a', before)).toBe(true)
    expect(voids('somebody', before)).toBe(true)
    expect(voids('somebody', log.position)).toBe(false)
  })

  it('the revocation log drops a confirmed sign-out before one Okta has not confirmed', () => {
    log.signOut('waiting', 3_600_000, 'unconfirmed')
    log.confirm(log.signOut('done', 3_600_000, 'unconfirmed'), 6_000)
    log.signOut('another', 3_600_000, 'unconfirmed')
    log.signOut('third', 3_600_000, 'unconfirmed')
    expect(log.signOutOf('waiting')).toBeDefined()
    expect(log.signOutOf('done')).toBeUndefined()
  })

  it('sign-outs of junk cookies void no cached session', () => {
    const before = log.position
    for (let index = 0; index < 50; index += 1) log.signOut(`junk${index}`, 60_000, 'provisional')
    expect(log.size).toBe(2)
    expect(voids('somebody', before)).toBe(false)
  })

  it('a sign-out record is kept until Okta has confirmed it, then for as long as an answer may be in flight', () => {
    const signOut = log.signOut('a', 3_600_000, 'unconfirmed')
    clock.advance(600_000)
    expect(log.signOutOf('a')).toMatchObject({ confirmed: false })
    log.confirm(signOut, 6_000)
    clock.advance(5_999)
    expect(log.signOutOf('a')).toMatchObject({ confirmed: true })
    clock.advance(1)
    expect(log.signOutOf('a')).toBeUndefined()
  })

  it('a sign-out record is kept for a day at most', () => {
    log.signOut('a', Number.POSITIVE_INFINITY, 'unconfirmed')
    clock.advance(86_399_999)
    expect(log.signOutOf('a')).toBeDefined()
    clock.advance(1)
    expect(log.signOutOf('a')).toBeUndefined()
  })

  it('a sign-out record that has ended still voids what is older', () => {
    const before = log.position
    log.confirm(log.signOut('a', 3_600_000, 'unconfirmed'), 6_000)
    clock.advance(7_000)
    expect(voids('a', before)).toBe(true)
  })

  it('removing a provisional sign-out keeps the record before it', async () => {
    const before = log.position
    log.remove(log.signOut('a', 60_000, 'provisional'))
    expect(log.size).toBe(0)
    await log.forget([subject.credential('b')], 'credential')
    log.remove(log.signOut('b', 60_000, 'provisional'))
    expect(log.signOutOf('b')).toBeUndefined()
    expect(voids('b', before)).toBe(true)
  })

  it('forget() keeps a sign-out record of the same subject', async () => {
    log.signOut('a', 3_600_000, 'unconfirmed')
    await log.forget([subject.credential('a')], 'credential')
    expect(log.signOutOf('a')).toMatchObject({ confirmed: false })
  })

  it('a record is deleted once nothing servable is older', async () => {
    await log.forget([subject.user('x')], 'user')
    clock.advance(310_001)
    await log.forget([subject.user('y')], 'user')
    expect(log.size).toBe(1)
  })
})

describe('an answer overtaken', () => {
  it('an answer overtaken by another operation’s is not cached', async () => {
    const world = new LookupWorld()
    const { session } = world.begin('alice')
    const start = world.lookup.begin()
    await world.lookup.forget({ userId: session.userId })
    world.lookup.store('a key', session, start, undefined)
    expect(world.lookup.cached('a key')).toBeUndefined()
    world.lookup.store('a key', session, world.lookup.begin(), undefined)
    expect(world.lookup.cached('a key')).toMatchObject({ state: 'active' })
  })

  it('an older answer does not overwrite a newer one', () => {
    const world = new LookupWorld()
    const { session } = world.begin('alice')
    const older = world.lookup.begin()
    world.clock.advance(10)
    const newer = world.lookup.begin()
    world.lookup.store('a key', { ...session, login: 'newer' }, newer, undefined)
    world.lookup.store('a key', { ...session, login: 'older' }, older, undefined)
    expect(world.lookup.cached('a key')).toMatchObject({ session: { login: 'newer' } })
    world.lookup.storeNotFound('a key', older)
    expect(world.lookup.cached('a key')).toMatchObject({ state: 'active' })
  })

  it('an answer overtaken by a sign-out is not looked up again', async () => {
    const land: (() => void)[] = []
    const world = new LookupWorld({
      deliver: async (value) => {
        await new Promise<void>((resolve) => land.push(resolve))
        return value()
      },
    })
    world.begin('alice')
    const answer = world.lookUp('alice')
    land.shift()?.()
    await Promise.resolve()
    world.log.signOut(keyOf('alice'), 60_000, 'unconfirmed')
    while (land.length === 0) await Promise.resolve()
    land.shift()?.()
    expect(await answer).toEqual({ state: 'anonymous', reason: 'signed_out' })
    expect(world.calls).toBe(1)
  })

  it('a sign-out while Okta is silent makes the context signed_out, not unavailable', async () => {
    const world = new LookupWorld()
    world.begin('alice')
    world.up = false
    const answer = world.lookUp('alice')
    world.log.signOut(keyOf('alice'), 60_000, 'unconfirmed')
    expect(await answer).toEqual({ state: 'anonymous', reason: 'signed_out' })
  })
})

describe('a request for a recent answer', () => {
  it('a request for a recent answer does not accept an entry of the shared cache', async () => {
    const shared = new SharedStore()
    const here = new LookupWorld({ shared: shared.member() })
    const there = new LookupWorld({ shared: shared.member(), beside: here })
    here.begin('alice')
    await here.lookUp('alice')
    here.clock.advance(40_000)
    const [, recent] = await Promise.all([
      there.lookUp('alice'),
      there.lookUp('alice', { maxStalenessMs: 5_000 }),
    ])
    expect(recent).toMatchObject({ source: 'okta' })
  })
})
