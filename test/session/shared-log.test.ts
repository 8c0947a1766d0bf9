/** The revocation log against a shared log of the test's own: what it appends, and what it makes of each message. */
import { beforeEach, describe, expect, it } from 'vitest'
import { RevocationLog, subject } from '../../src/session/revocations.js'
import type { SharedEntry, SharedListener, SharedRecord } from '../../src/session/shared-cache.js'
import { sessionFor, TestClock } from './lookup-world.js'

const HOUR = 3_600_000
const RETENTION = 310_000
const KEY = 'k'
const NAME = subject.credential(KEY)

let clock: TestClock
let listener: SharedListener
let appended: SharedRecord[]

beforeEach(() => {
  clock = new TestClock()
  appended = []
})

/** `names`: how subjects are named while a secret is replaced. */
function openLog(nameSubject?: (text: string) => readonly string[]): RevocationLog {
  return new RevocationLog({
    org: 'org.test',
    clock,
    retentionMs: RETENTION,
    maxRecords: 100,
    maxProvisional: 50,
    nameSubject,
    shared: {
      record: async (record) => {
        appended.push(record)
        return String(appended.length)
      },
      isAfter: (a, b) => Number(a) > Number(b),
      subscribe: (given) => {
        listener = given
        return () => {}
      },
    },
  })
}

function entryAt(position: string, askedAt = clock.now()): SharedEntry {
  return { session: sessionFor('alice', clock.now() + HOUR), askedAt, oktaAheadMs: 0, position }
}

const refuse = (id: string, provisional: boolean, subjects: readonly string[] = [NAME]) =>
  ({ kind: 'refuse', id, subjects, forMs: 60_000, provisional }) as const

describe('the revocation log before it has read the shared one', () => {
  it('every shared entry is void before the shared log was read once', () => {
    const log = openLog()
    expect(log.isVoidShared(KEY, entryAt('1'))).toBe(true)
    listener.onRead('1')
    expect(log.isVoidShared(KEY, entryAt('1'))).toBe(false)
  })

  it('a log without a store takes no shared entry', () => {
    const bounds = { retentionMs: RETENTION, maxRecords: 100, maxProvisional: 50 }
    const log = new RevocationLog({ org: 'org.test', clock, ...bounds })
    log.sharedPosition = '1'
    expect(log.isVoidShared(KEY, entryAt('1'))).toBe(true)
  })
})

describe('what the revocation log appends', () => {
  it('a sign-out is appended with its state, and each later state with the same id', () => {
    const log = openLog()
    const provisional = log.signOut(KEY, HOUR, 'provisional')
    log.promote(provisional, 2 * HOUR)
    log.confirm(provisional, 6_000)
    const other = log.signOut('other', HOUR, 'unconfirmed')
    const { id } = provisional
    expect(other.id).not.toBe(id)
    const subjects = [NAME]
    expect(appended).toEqual([
      { kind: 'refuse', id, subjects, forMs: HOUR, provisional: true },
      { kind: 'refuse', id, subjects, forMs: 2 * HOUR, provisional: false },
      { kind: 'confirm', id, subjects, forMs: 6_000 },
      {
        kind: 'refuse',
        id: other.id,
        subjects: [subject.credential('other')],
        forMs: HOUR,
        provisional: false,
      },
    ])
  })

  it('a withdrawal names the sign-out that it takes back', () => {
    const log = openLog()
    const { id } = log.signOut(KEY, HOUR, 'provisional')
    log.remove({ key: KEY, id, position: log.position })
    expect(appended.at(-1)).toEqual({ kind: 'withdraw', id, subjects: [NAME] })
  })

  it('a promoted sign-out keeps its record, and an evicted one gets another', () => {
    const log = openLog()
    const kept = log.signOut(KEY, HOUR, 'provisional')
    expect(log.promote(kept, HOUR)).toBe(kept)
    const lost = log.signOut('lost', HOUR, 'provisional')
    for (let index = 0; index < 50; index += 1) log.signOut(`junk${index}`, HOUR, 'provisional')
    expect(log.promote(lost, HOUR).id).not.toBe(lost.id)
  })
})

describe('records of other instances', () => {
  it('a sign-out that is not provisional can not be withdrawn', () => {
    const log = openLog()
    listener.onRecord(refuse('other.1', false), '1', 0)
    listener.onRecord({ kind: 'withdraw', id: 'other.1', subjects: [NAME] }, '2', 0)
    expect(log.signOutOf(KEY)).toMatchObject({ provisional: false, own: false })
    listener.onRecord(refuse('other.2', true), '3', 0)
    listener.onRecord({ kind: 'withdraw', id: 'other.2', subjects: [NAME] }, '4', 0)
    listener.onRecord({ kind: 'withdraw', id: 'other.3', subjects: [NAME] }, '5', 0)
    expect(log.signOutOf(KEY)).toMatchObject({ id: 'other.1' })
  })

  it('records that were appended long ago last only for the rest of their time', () => {
    const log = openLog()
    listener.onRecord(refuse('other.1', false), '1', 20_000)
    clock.advance(39_999)
    expect(log.signOutOf(KEY)).toBeDefined()
    clock.advance(1)
    expect(log.signOutOf(KEY)).toBeUndefined()
    const before = log.position
    listener.onRecord({ kind: 'forget', subjects: [subject.credential('f')] }, '2', 100_000)
    clock.advance(RETENTION - 100_001)
    expect(log.isVoid('f', undefined, before)).toBe(true)
    clock.advance(1)
    // A new record deletes those that are kept no longer.
    log.signOut('another', HOUR, 'unconfirmed')
    expect(log.isVoid('f', undefined, before)).toBe(false)
  })

  it('a record under one of the two names of a subject counts, whichever secret its instance has', () => {
    const log = openLog((text) => [`new:${text}`, `old:${text}`])
    listener.onRead('0')
    for (const [index, secret] of ['new', 'old'].entries()) {
      const key = `key${index}`
      const before = log.position
      const name = `${secret}:${subject.credential(key)}`
      listener.onRecord({ kind: 'forget', subjects: [name] }, `${index + 1}`, 0)
      expect(log.isVoid(key, undefined, before)).toBe(true)
      expect(log.isVoidShared(key, entryAt(`${index}`))).toBe(true)
      expect(log.isVoidShared(key, entryAt(`${index + 1}`))).toBe(false)
      listener.onRecord(refuse(`other.${index}`, false, [name]), '3', 0)
      expect(log.signOutOf(key)).toBeDefined()
    }
  })

  it('a confirmed sign-out tells more than one that Okta has not confirmed, and that more than a provisional one', () => {
    const log = openLog()
    listener.onRecord(refuse('other.1', true), '1', 0)
    expect(log.signOutOf(KEY)).toMatchObject({ provisional: true, confirmed: false })
    listener.onRecord(refuse('other.2', false), '2', 0)
    listener.onRecord(refuse('other.3', true), '3', 0)
    expect(log.signOutOf(KEY)).toMatchObject({ id: 'other.2' })
    listener.onRecord({ kind: 'confirm', id: 'other.4', subjects: [NAME], forMs: 6_000 }, '4', 0)
    listener.onRecord(refuse('other.5', false), '5', 0)
    expect(log.signOutOf(KEY)).toMatchObject({ id: 'other.4', confirmed: true })
  })

  it('the own provisional sign-out is told apart from those of others and from ended ones', () => {
    const log = openLog()
    listener.onRecord(refuse('other.1', true), '1', 0)
    expect(log.ownProvisional(KEY)).toBeUndefined()
    const own = log.signOut(KEY, 60_000, 'provisional')
    expect(log.ownProvisional(KEY)).toMatchObject({ id: own.id, own: true })
    clock.advance(60_000)
    expect(log.ownProvisional(KEY)).toBeUndefined()
    log.signOut(KEY, HOUR, 'unconfirmed')
    expect(log.ownProvisional(KEY)).toBeUndefined()
  })

  it('a sign-out found in the store before its record is noted once', () => {
    const log = openLog()
    log.noteSignOut(KEY, 'other.1', 60_000, 'unconfirmed')
    const { position } = log
    expect(log.signOutOf(KEY)).toMatchObject({ id: 'other.1' })
    log.noteSignOut(KEY, 'other.1', 60_000, 'unconfirmed')
    expect(log.position).toBe(position)
    log.noteSignOut(KEY, 'other.2', 60_000, 'unconfirmed')
    expect(log.position).toBe(position + 1)
  })
})

describe('gaps in the shared log', () => {
  it('a gap elsewhere voids older shared entries and leaves cached sessions fresh', () => {
    const log = openLog()
    listener.onRead('1')
    listener.onGap(clock.now(), false)
    expect(log.oldestFresh).toBe(0)
    expect(log.isVoidShared(KEY, entryAt('1'))).toBe(true)
    expect(log.isVoidShared(KEY, entryAt('1', clock.now() + 1))).toBe(false)
    listener.onGap(clock.now() - 1_000, true)
    expect(log.oldestFresh).toBe(log.position)
    expect(log.isVoidShared(KEY, entryAt('1', clock.now()))).toBe(true)
  })
})
