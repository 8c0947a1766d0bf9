/** The revocation log where records meet: sign-outs with forgets, evictions, and the log that instances share. */
import { beforeEach, describe, expect, it } from 'vitest'
import { credentialKey } from '../../src/session/cache.js'
import { RevocationLog, subject } from '../../src/session/revocations.js'
import type { SharedEntry, SharedLog, SharedRecord } from '../../src/session/shared-cache.js'
import { deferred } from '../front-door/deferred.js'
import { LookupWorld, sessionFor, TestClock } from './lookup-world.js'
import { SharedStore } from './shared-store.js'

const alice = { id: 's-alice', userId: 'u-alice', login: 'alice' }
const HOUR = 3_600_000
const RETENTION = 310_000

let clock: TestClock

beforeEach(() => {
  clock = new TestClock()
})

/** An entry of the shared store that was found at this position. */
function entryAt(position: string, ids = alice): SharedEntry {
  const session = { ...sessionFor('alice', Date.parse('2026-11-02T11:00:00Z')), ...ids }
  return { session, askedAt: clock.now(), oktaAheadMs: 0, position }
}

function openLog(shared?: SharedLog, maxRecords = 100): RevocationLog {
  return new RevocationLog({
    org: 'org.test',
    clock,
    retentionMs: RETENTION,
    maxRecords,
    maxProvisional: 50,
    shared,
  })
}

/** Until the records of the background are in the store. */
const recorded = () => new Promise((done) => setImmediate(done))

/** A new record deletes those that are kept no longer. */
async function deleteExpired(log: RevocationLog): Promise<void> {
  await log.forget([subject.credential('another')], 'credential')
}

describe('one revocation log', () => {
  it('a revocation record of a user or a session voids what was learned at its last position only while it is later', async () => {
    const log = openLog()
    for (const name of [subject.user(alice.userId), subject.session(alice.id)]) {
      const before = log.position
      await log.forget([name], 'user')
      const after = log.position
      await deleteExpired(log)
      expect(log.isVoid('k', alice, before)).toBe(true)
      expect(log.isVoid('k', alice, after)).toBe(false)
      expect(log.isVoid('k', { id: 'x', userId: 'y', login: 'z' }, before)).toBe(false)
    }
  })

  it('forgetAll() voids what was learned before it, and nothing learned after', async () => {
    const log = openLog()
    const before = log.position
    log.forgetAll()
    const after = log.position
    await deleteExpired(log)
    expect(log.isVoid('k', alice, before)).toBe(true)
    expect(log.isVoid('k', alice, after)).toBe(false)
  })

  it('a forget() does not shorten how long a sign-out is kept', async () => {
    const log = openLog()
    log.signOut('k', HOUR, 'unconfirmed')
    await log.forget([subject.credential('k')], 'credential')
    clock.advance(HOUR - 1)
    await deleteExpired(log)
    expect(log.signOutOf('k')).toBeDefined()
  })

  it('a forget() after a sign-out has ended is kept as long as any other', async () => {
    const log = openLog()
    log.confirm(log.signOut('k', HOUR, 'unconfirmed'), 0)
    clock.advance(RETENTION - 1)
    const before = log.position
    await log.forget([subject.credential('k')], 'credential')
    clock.advance(RETENTION - 1)
    await deleteExpired(log)
    expect(log.isVoid('k', undefined, before)).toBe(true)
    expect(log.signOutOf('k')).toBeUndefined()
  })

  it('the sign-out of a session that is over is kept as long as an answer may be in flight', async () => {
    const log = openLog()
    const before = log.position
    log.signOut('k', -HOUR, 'unconfirmed')
    clock.advance(RETENTION - 1)
    await deleteExpired(log)
    expect(log.isVoid('k', undefined, before)).toBe(true)
    expect(log.signOutOf('k')).toBeUndefined()
  })

  it('a sign-out is confirmed although its credential was forgotten meanwhile', async () => {
    const log = openLog()
    const signOut = log.signOut('k', HOUR, 'unconfirmed')
    await log.forget([subject.credential('k')], 'credential')
    log.confirm(signOut, 6_000)
    expect(log.signOutOf('k')).toMatchObject({ confirmed: true })
  })

  it('a provisional sign-out that was evicted is in force again once it is promoted', () => {
    const log = openLog()
    const signOut = log.signOut('k', HOUR, 'provisional')
    for (let index = 0; index < 50; index += 1) log.signOut(`junk${index}`, HOUR, 'provisional')
    expect(log.signOutOf('k')).toBeUndefined()
    const promoted = log.promote(signOut, HOUR)
    expect(log.signOutOf('k')).toMatchObject({ confirmed: false, provisional: false })
    log.confirm(promoted, 6_000)
    expect(log.signOutOf('k')).toMatchObject({ confirmed: true })
  })

  it('a provisional sign-out of a credential with another record takes no place among the provisional ones', async () => {
    const log = openLog()
    const before = log.position
    await log.forget([subject.credential('k')], 'credential')
    log.signOut('k', HOUR, 'provisional')
    for (let index = 0; index < 60; index += 1) log.signOut(`junk${index}`, HOUR, 'provisional')
    expect(log.size).toBe(51)
    expect(log.signOutOf('k')).toBeDefined()
    expect(log.isVoid('k', undefined, before)).toBe(true)
    expect(log.isVoid('another', undefined, before)).toBe(false)
  })

  it('a credential keeps a bounded number of sign-outs, and drops those that may be taken back first', () => {
    const log = openLog()
    const seen = log.signOut('k', HOUR, 'unconfirmed')
    const junk = Array.from({ length: 100 }, () => log.signOut('k', HOUR, 'provisional'))
    for (const each of junk) log.remove(each)
    expect(log.signOutOf('k')).toMatchObject({ id: seen.id, confirmed: false })
    expect(log.oldestValid).toBe(0)
  })

  it('a full log evicts provisional sign-outs that cover a record, and then what they covered', async () => {
    const log = openLog(undefined, 2)
    const before = log.position
    for (const key of ['a', 'b']) {
      await log.forget([subject.credential(key)], 'credential')
      log.signOut(key, HOUR, 'provisional')
    }
    log.signOut('c', HOUR, 'unconfirmed')
    expect(log.size).toBe(2)
    expect(log.signOutOf('c')).toBeDefined()
    for (const key of ['a', 'b']) expect(log.isVoid(key, undefined, before)).toBe(true)
  })

  it('a sign-out that was promoted is not removed', () => {
    const log = openLog()
    const signOut = log.signOut('k', HOUR, 'provisional')
    log.promote(signOut, HOUR)
    log.remove(signOut)
    expect(log.signOutOf('k')).toMatchObject({ confirmed: false })
  })

  it('confirming a removed sign-out signs nothing out', async () => {
    const log = openLog()
    await log.forget([subject.credential('k')], 'credential')
    const signOut = log.signOut('k', HOUR, 'provisional')
    log.remove(signOut)
    log.confirm(signOut, HOUR)
    expect(log.signOutOf('k')).toBeUndefined()
    await log.forget([subject.credential('k')], 'credential')
    log.confirm(signOut, HOUR)
    expect(log.signOutOf('k')).toBeUndefined()
  })

  it('removing a provisional sign-out leaves the sign-out that it replaced in force', () => {
    const log = openLog()
    log.signOut('k', HOUR, 'unconfirmed')
    log.remove(log.signOut('k', HOUR, 'provisional'))
    expect(log.signOutOf('k')).toMatchObject({ confirmed: false })
  })

  it('an evicted record voids what is older when a later one was evicted before it', async () => {
    const log = openLog(undefined, 2)
    log.signOut('a', HOUR, 'unconfirmed')
    await log.forget([subject.credential('b')], 'credential')
    const between = log.position - 1
    log.signOut('c', HOUR, 'unconfirmed')
    log.signOut('d', HOUR, 'unconfirmed')
    expect(log.isVoid('b', undefined, between)).toBe(true)
  })
})

describe('revocation logs that share a store', () => {
  let store: SharedStore
  let here: RevocationLog
  let there: RevocationLog

  beforeEach(() => {
    store = new SharedStore()
    here = openLog(store.member())
    there = openLog(store.member())
  })

  it('a sign-out, its confirmation and its end reach the other instance', async () => {
    const signOut = here.signOut('k', HOUR, 'unconfirmed')
    await recorded()
    expect(there.signOutOf('k')).toMatchObject({ confirmed: false })
    here.confirm(signOut, 6_000)
    await recorded()
    expect(there.signOutOf('k')).toMatchObject({ confirmed: true })
    clock.advance(5_999)
    expect(there.signOutOf('k')).toBeDefined()
    clock.advance(1)
    expect(there.signOutOf('k')).toBeUndefined()
  })

  it('the end of a provisional sign-out reaches the other instance: promoted it lasts, removed it does not', async () => {
    const kept = here.signOut('kept', 60_000, 'provisional')
    const removed = here.signOut('removed', 60_000, 'provisional')
    await recorded()
    expect(there.signOutOf('removed')).toBeDefined()
    here.promote(kept, HOUR)
    here.remove(removed)
    await recorded()
    expect(there.signOutOf('removed')).toBeUndefined()
    clock.advance(60_000)
    expect(there.signOutOf('kept')).toMatchObject({ confirmed: false })
  })

  it('a record of another instance voids what was learned here before, and calls the listeners here', async () => {
    const called: unknown[] = []
    const end = there.onRecord((names) => called.push(names))
    const before = there.position
    await here.forget([subject.user(alice.userId)], 'user')
    expect(there.isVoid('k', alice, before)).toBe(true)
    here.signOut('k', HOUR, 'unconfirmed')
    await recorded()
    const [ofKey, , ofUser] = there.namesOf('k', alice)
    expect(called).toEqual([[ofUser], [ofKey]])
    end()
    await here.forget([subject.user(alice.userId)], 'user')
    expect(called).toHaveLength(2)
  })

  it('a closed log reads no more records', async () => {
    there.close()
    const before = there.position
    await here.forget([subject.user(alice.userId)], 'user')
    expect(there.position).toBe(before)
  })

  it('a shared entry from before a record is void, one from after it is not', async () => {
    const older = String(here.sharedPosition)
    await here.forget([subject.user(alice.userId)], 'user')
    const newer = String(here.sharedPosition)
    for (const log of [here, there]) {
      expect(log.isVoidShared('k', entryAt(older))).toBe(true)
      expect(log.isVoidShared('k', entryAt(newer))).toBe(false)
      expect(log.isVoidShared('k', entryAt(older, { id: 'x', userId: 'y', login: 'z' }))).toBe(
        false,
      )
    }
  })

  it('shared entries from before an evicted record are void, later ones are not', async () => {
    const full = openLog(store.member(), 1)
    const older = String(full.sharedPosition)
    await full.forget([subject.credential('k')], 'credential')
    const newer = String(full.sharedPosition)
    expect(full.isVoidShared('other', entryAt(older))).toBe(false)
    await full.forget([subject.credential('k2')], 'credential')
    expect(full.isVoidShared('k', entryAt(older))).toBe(true)
    expect(full.isVoidShared('other', entryAt(older))).toBe(true)
    expect(full.isVoidShared('other', entryAt(newer))).toBe(false)
    await full.forget([subject.credential('k3')], 'credential')
    expect(full.isVoidShared('k2', entryAt(newer))).toBe(true)
  })

  it('the recording of an earlier forget() does not make a later one look recorded', async () => {
    const member = store.member()
    const first = deferred<string>()
    const answers = [first.promise, new Promise<string>(() => {})]
    const log = openLog({
      ...member,
      record: (_: SharedRecord) => answers.shift() ?? first.promise,
    })
    const earlier = log.forget([subject.credential('k')], 'credential')
    void log.forget([subject.credential('k')], 'credential')
    first.resolve('7')
    await earlier
    // Made between the two.
    expect(log.isVoidShared('k', entryAt('7'))).toBe(true)
  })

  it('a sign-out holds here when the store cannot record it', async () => {
    store.up = false
    here.signOut('k', HOUR, 'unconfirmed')
    await recorded()
    expect(here.signOutOf('k')).toBeDefined()
    expect(here.isVoidShared('k', entryAt('1000'))).toBe(true)
  })
})

describe('sign-outs at two instances', () => {
  let here: LookupWorld
  let there: LookupWorld

  beforeEach(() => {
    const store = new SharedStore()
    here = new LookupWorld({ shared: store.member() })
    there = new LookupWorld({
      shared: store.member(),
      beside: here,
      upstream: { failedLookups: { perSecond: 0, burst: 3 } },
    })
  })

  it.each([0, 5])(
    'a session seen at one instance is signed out for good at another after %i failed lookups there',
    async (failed) => {
      const side = here.begin('alice')
      await here.lookUp('alice')
      for (let index = 0; index < failed; index += 1) await there.lookUp(`junk${index}`)
      const { calls } = there
      expect(await there.leave('alice')).toBe(true)
      expect(side.ended).toBe(true)
      // The close alone.
      expect(there.calls).toBe(calls + 1)
      for (const world of [here, there])
        expect(await world.lookUp('alice')).toMatchObject({ reason: 'signed_out' })
    },
  )

  it('a cookie that no instance has seen leaves no lease when its sign-out is over budget', async () => {
    for (let index = 0; index < 5; index += 1) await there.lookUp(`junk${index}`)
    here.begin('alice')
    expect(await there.leave('alice')).toBe(false)
    expect(await here.lookUp('alice')).toMatchObject({ source: 'okta' })
  })

  it('provisional sign-outs at one instance have the same bound at the other, and evict no other sign-out', async () => {
    here.begin('alice')
    await here.lookUp('alice')
    here.up = false
    expect(await here.leave('alice')).toBe(false)
    const before = here.log.size
    for (let index = 0; index < 1_100; index += 1)
      there.log.signOut(credentialKey('sid', `junk${index}`), HOUR, 'provisional')
    await recorded()
    expect(here.log.size).toBe(before + 100)
    expect(here.log.oldestValid).toBe(0)
    here.up = true
    expect(await here.lookUp('alice')).toMatchObject({ reason: 'signed_out' })
    here.signOut.close()
  })
})

describe('a sign-out that another instance removes', () => {
  it('an instance that removes its provisional sign-out leaves the one of another instance in force', async () => {
    const store = new SharedStore()
    const [here, there, third] = [store, store, store].map((each) => openLog(each.member()))
    const mine = here?.signOut('k', HOUR, 'provisional')
    await recorded()
    there?.signOut('k', HOUR, 'provisional')
    await recorded()
    if (mine !== undefined) here?.remove(mine)
    await recorded()
    for (const log of [here, there, third])
      expect(log?.signOutOf('k')).toMatchObject({ provisional: true })
  })

  it('a sign-out at a second instance outlasts the one that the first instance takes back', async () => {
    const store = new SharedStore()
    const here = new LookupWorld({ shared: store.member() })
    const there = new LookupWorld({ shared: store.member(), beside: here })
    const key = credentialKey('sid', 'alice')
    const mine = here.log.signOut(key, HOUR, 'provisional')
    await recorded()
    // Okta does not answer: the second instance keeps a record of its own.
    there.up = false
    expect(await there.leave('alice')).toBe(false)
    await recorded()
    here.log.remove(mine)
    await recorded()
    for (const { log } of [here, there]) expect(log.signOutOf(key)).toBeDefined()
    there.signOut.close()
  })

  it('a confirmation by one instance ends its own sign-out and leaves the other in force', async () => {
    const store = new SharedStore()
    const [here, there] = [openLog(store.member()), openLog(store.member())]
    const mine = here.signOut('k', HOUR, 'unconfirmed')
    there.signOut('k', HOUR, 'unconfirmed')
    await recorded()
    here.confirm(mine, 6_000)
    await recorded()
    clock.advance(7_000)
    for (const log of [here, there]) expect(log.signOutOf('k')).toMatchObject({ confirmed: false })
  })

  it('an ended session that was forgotten by its cookie stays forgotten when the cookie signs out at another instance', async () => {
    const store = new SharedStore()
    const here = new LookupWorld({ shared: store.member() })
    const there = new LookupWorld({ shared: store.member(), beside: here })
    const side = here.begin('alice')
    await here.lookUp('alice')
    side.ended = true
    await here.lookup.forget({ sessionId: 'alice' })
    store.entries.clear()
    expect(await there.leave('alice')).toBe(true)
    await recorded()
    expect(await here.lookUp('alice')).toMatchObject({ state: 'anonymous' })
  })

  it('a session whose sign-out at another instance is removed counts again', async () => {
    const store = new SharedStore()
    const here = new LookupWorld({ shared: store.member() })
    const there = openLog(store.member())
    const key = credentialKey('sid', 'alice')
    here.begin('alice')
    await here.lookUp('alice')
    const signOut = there.signOut(key, HOUR, 'provisional')
    await recorded()
    expect(await here.lookUp('alice')).toMatchObject({ reason: 'signed_out' })
    expect(here.lookup.stats().sessions).toBe(0)
    there.remove(signOut)
    await recorded()
    expect(await here.lookUp('alice')).toMatchObject({ source: 'memory' })
    expect(here.lookup.stats().sessions).toBe(1)
  })

  it('a forgotten credential stays forgotten when another instance removes its sign-out', async () => {
    const store = new SharedStore()
    const [here, there] = [openLog(store.member()), openLog(store.member())]
    const before = there.position
    await there.forget([subject.credential('k')], 'credential')
    const signOut = here.signOut('k', HOUR, 'provisional')
    await recorded()
    here.remove(signOut)
    await recorded()
    for (const log of [here, there]) {
      expect(log.signOutOf('k')).toBeUndefined()
      expect(log.isVoid('k', undefined, before)).toBe(true)
    }
  })

  it('a credential that is forgotten during a provisional sign-out stays forgotten when that is removed', async () => {
    const store = new SharedStore()
    const [here, there] = [openLog(store.member()), openLog(store.member())]
    const signOut = here.signOut('k', HOUR, 'provisional')
    await recorded()
    const positions = [here.position, there.position] as const
    await here.forget([subject.credential('k')], 'credential')
    here.remove(signOut)
    await recorded()
    expect(here.signOutOf('k')).toBeUndefined()
    expect(here.isVoid('k', undefined, positions[0])).toBe(true)
    expect(there.signOutOf('k')).toBeUndefined()
    expect(there.isVoid('k', undefined, positions[1])).toBe(true)
  })

  it('a confirmed sign-out stays in force when another instance removes its own of the same cookie', async () => {
    const store = new SharedStore()
    store.slow = true
    const [here, there] = [openLog(store.member()), openLog(store.member())]
    const before = here.position
    const seen = here.signOut('k', HOUR, 'unconfirmed')
    const unseen = there.signOut('k', HOUR, 'provisional')
    await recorded()
    here.confirm(seen, 6_000)
    there.remove(unseen)
    await recorded()
    store.deliver()
    for (const log of [here, there]) expect(log.signOutOf('k')).toMatchObject({ confirmed: true })
    expect(here.isVoid('k', undefined, before)).toBe(true)
  })
})
