import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { isAfter } from '../../src/redis/stream-messages.js'
import type { SharedRecord } from '../../src/session/shared-cache.js'
import { append, forget, isRedisMissing, KEY, type LogInstance, LogWorld } from './stream-world.js'

if (isRedisMissing) console.warn('redis-server is missing: apt-get install redis-server')

const OTHER_SECRET = 'another secret, also of more than 32 bytes'

/** Until the log has told so. */
const until = (check: () => void) => vi.waitFor(check, { timeout: 8_000, interval: 5 })
const hasRead = (...instances: LogInstance[]) =>
  until(() => {
    for (const each of instances) expect(each.position()).toBeDefined()
  })
/** Until they have read everything that is in the stream now. */
async function hasReadAll(world: LogWorld, ...instances: LogInstance[]): Promise<void> {
  const last = (await world.dump()).at(-1)?.id ?? '0-0'
  await until(() => {
    for (const each of instances) {
      const position = each.position() ?? '0-0'
      expect(position === last || isAfter(position, last)).toBe(true)
    }
  })
}
const namesOf = ({ records }: LogInstance) => records.map(({ subjects }) => subjects[0])

describe.skipIf(isRedisMissing)('the revocation log in Redis', () => {
  let world: LogWorld
  beforeAll(async () => {
    world = await LogWorld.start()
  })
  afterEach(() => world.clear())
  afterAll(() => world.close())

  async function two(): Promise<readonly [LogInstance, LogInstance]> {
    const [a, b] = [await world.instance('a'), await world.instance('b')]
    await hasRead(a, b)
    return [a, b]
  }

  it('hands records to the other instances in order, and none to its own', async () => {
    const [a, b] = await two()
    const c = await world.instance('c')
    await hasRead(c)
    const sent = Array.from({ length: 50 }, (_, index) => `c:${index}`)
    await Promise.all(sent.map((name) => append(a, forget(name))))
    await until(() => expect([namesOf(b), namesOf(c)]).toEqual([sent, sent]))
    const last = await append(a, { kind: 'withdraw', id: 'x.1', subjects: ['c:w'] })
    await until(() => expect(a.position()).toBe(last))
    expect(a.records).toEqual([])
    expect(b.gaps).toEqual([])
  })

  it('a late instance reads all that is retained before it has a position', async () => {
    const [a] = await two()
    const sent = Array.from({ length: 1_200 }, (_, index) => `c:${index}`)
    await Promise.all(sent.map((name) => append(a, forget(name))))
    const late = await world.instance('late')
    await hasRead(late)
    expect(late.recordsAtFirstRead()).toBe(1_200)
    expect(namesOf(late)).toEqual(sent)
    expect(late.gaps).toEqual([])
  })

  it.each([
    ['FLUSHALL', () => world.client.flushAll()],
    ['DEL', () => world.client.del(KEY)],
    ['XTRIM beyond the anchor', () => world.client.xTrim(KEY, 'MAXLEN', 0)],
    ['a key of another type', () => world.client.set(KEY, 'text')],
    ['lower ids', () => world.client.multi().del(KEY).xAdd(KEY, '5-1', { i: 'copy' }).exec()],
  ])('%s is one gap at each instance', async (_, damage) => {
    const [a, b] = await two()
    await append(a, forget('c:before'))
    await hasReadAll(world, a, b)
    const before = Date.now()
    await damage()
    await until(() => expect([a.gaps.length, b.gaps.length]).toEqual([1, 1]))
    // Each reads on.
    await append(a, forget('c:after'))
    await append(b, forget('c:after'))
    await until(() =>
      expect([a.records.at(-1), b.records.at(-1)]).toEqual([forget('c:after'), forget('c:after')]),
    )
    await until(() => expect(Math.min(a.voidUpTo.length, b.voidUpTo.length)).toBeGreaterThan(0))
    await hasReadAll(world, a, b)
    expect([a.gaps.length, b.gaps.length]).toEqual([1, 1])
    expect([a.stream.stats().gaps, b.stream.stats().gaps]).toEqual([1, 1])
    expect(a.gaps[0]).toBeGreaterThanOrEqual(before + 2_000)
    // An instance that starts later learns of it.
    const late = await world.instance('late')
    await hasRead(late)
    expect(late.voidUpTo.length).toBeGreaterThanOrEqual(1)
    expect(late.voidUpTo.length).toBeLessThanOrEqual(2)
    expect(late.gaps).toEqual([])
  })

  it('an empty stream is no gap', async () => {
    const [a, b] = await two()
    expect([a.voidUpTo, b.voidUpTo]).toEqual([[], []])
  })

  it('another entry in place of the last one read, with the same id, is a gap', async () => {
    const [a, b] = await two()
    const id = await append(a, forget('c:before'))
    await hasReadAll(world, a, b)
    await world.client.multi().del(KEY).xAdd(KEY, id, { i: 'a' }).exec()
    await until(() => expect([a.gaps.length, b.gaps.length]).toEqual([1, 1]))
  })

  it('a flush between two records never goes unnoticed', async () => {
    const [a, b] = await two()
    for (let round = 0; round < 300; round += 1) {
      const [first, second] = [`c:${round}.1`, `c:${round}.2`]
      const gaps = b.gaps.length
      await Promise.all([
        append(a, forget(first)),
        world.client.flushAll(),
        append(a, forget(second)),
      ])
      await until(() => {
        const names = namesOf(b)
        expect((names.includes(first) && names.includes(second)) || b.gaps.length > gaps).toBe(true)
      })
    }
  })

  it('a gap that only another instance could see counts here as well', async () => {
    const [a, b] = await two()
    await hasReadAll(world, a, b)
    const lost = (await world.dump()).at(-1)?.id ?? ''
    await b.stream.append({ kind: 'gap', voidUpTo: Date.now(), forAll: false, lost })
    await until(() => expect(a.gaps.length).toBe(1))
  })

  it('records of an outage reject, wait, and arrive in order before newer ones', async () => {
    const [a, b] = await two()
    world.cut()
    await until(() => expect(append(a, forget('c:probe'))).rejects.toThrow())
    const sent = Array.from({ length: 20 }, (_, index) => `c:${index}`)
    const results = await Promise.allSettled(sent.map((name) => append(a, forget(name))))
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    expect(a.stream.stats().recordsWaiting).toBeGreaterThanOrEqual(20)
    expect(a.lines).toHaveLength(1)
    world.mend()
    await until(() => expect(namesOf(b).slice(-20)).toEqual(sent))
    await append(a, forget('c:newer'))
    await until(() => expect(namesOf(b).slice(-21)).toEqual([...sent, 'c:newer']))
    expect(a.stream.stats().recordsWaiting).toBe(0)
    expect(b.gaps).toEqual([])
  })

  it('a record that Redis has no memory for is appended when it has', async () => {
    const [a, b] = await two()
    await world.client.configSet('maxmemory', '1')
    await expect(append(a, forget('c:oom'))).rejects.toThrow()
    await world.client.configSet('maxmemory', '0')
    await until(() => expect(namesOf(b)).toEqual(['c:oom']))
  })

  it('a record is appended again though no later one follows, when one command failed', async () => {
    const [a, b] = await two()
    await world.client.sendCommand(['CLIENT', 'PAUSE', '150', 'WRITE'])
    await expect(append(a, forget('c:paused'))).rejects.toThrow()
    await until(() => expect(namesOf(b)).toContain('c:paused'))
    await until(() => expect(a.stream.stats().recordsWaiting).toBe(0))
  })

  it('a dropped record is a gap at all others', async () => {
    const [a, b] = await two()
    world.cut()
    await until(() => expect(append(a, forget('c:first'))).rejects.toThrow())
    await Promise.allSettled(
      Array.from({ length: 10_001 }, (_, index) => append(a, forget(`c:${index}`))),
    )
    expect(a.stream.stats().recordsWaiting).toBe(10_000)
    world.mend()
    await until(() => expect(b.gaps.length).toBe(1))
  })

  it('instances with the previous secret read each other', async () => {
    const old = await world.instance('old', { secrets: [OTHER_SECRET] })
    const rotated = await world.instance('rotated', {
      secrets: ['the current secret, of more than 32 bytes', OTHER_SECRET],
    })
    await hasRead(old, rotated)
    await append(rotated, forget('c:new'))
    await append(old, forget('c:old'))
    await until(() => expect([namesOf(old), namesOf(rotated)]).toEqual([['c:new'], ['c:old']]))
    expect(old.stream.stats().rejected).toBe(0)
  })

  it('ignores records that it cannot open, counts them and logs it once', async () => {
    const [a, b] = await two()
    const stranger = await world.instance('stranger', { secrets: [OTHER_SECRET] })
    await hasRead(stranger)
    await append(stranger, forget('c:unreadable'))
    const id = await append(a, forget('c:good'))
    const good = (await world.dump()).find((entry) => entry.id === id)?.message ?? {}
    const keyId = Object.keys(good).find((name) => name !== 'i') ?? ''
    for (const forged of [
      { i: 'a' },
      { x: 'y' },
      { i: 'other', [keyId]: good[keyId] ?? '' },
      { i: 'a', [keyId]: good[keyId]?.slice(0, -4) ?? '' },
      { i: 'a', [keyId]: '' },
    ])
      await world.client.xAdd(KEY, '*', { ...forged, i: forged.i === 'a' ? 'forger' : 'x' })
    await append(a, forget('c:last'))
    await until(() => expect(namesOf(b)).toEqual(['c:good', 'c:last']))
    expect(b.stream.stats().rejected).toBeGreaterThanOrEqual(7)
    expect(b.lines).toHaveLength(1)
    expect(b.gaps).toEqual([])
  })

  it('ignores a record of a kind that it does not know', async () => {
    const [a, b] = await two()
    const unknown = { kind: 'later', subjects: 7 } as unknown as SharedRecord
    await append(a, unknown)
    await append(a, forget('c:known'))
    await until(() => expect(namesOf(b)).toEqual(['c:known']))
    expect(b.stream.stats().rejected).toBe(1)
  })

  it('replaces a stream whose ids are at their end', async () => {
    const [a, b] = await two()
    await world.client.xAdd(KEY, '18446744073709551615-18446744073709551615', { i: 'forger' })
    await append(a, forget('c:after'))
    await until(() => expect(namesOf(b)).toEqual(['c:after']))
  })

  it('counts living instances, one that ends no more', async () => {
    const a = await world.instance('a', { heartbeatMs: 20 })
    expect(a.counts).toEqual([1])
    const b = await world.instance('b', { heartbeatMs: 20 })
    await until(() => expect([a.counts.at(-1), b.counts.at(-1)]).toEqual([2, 2]))
    await b.stream.close()
    await until(() => expect(a.counts).toEqual([1, 2, 1]))
  })

  it('sends heartbeats', async () => {
    const a = await world.instance('a', { heartbeatMs: 10 })
    await hasRead(a)
    const length = await world.client.xLen(KEY)
    await vi.waitFor(async () => expect(await world.client.xLen(KEY)).toBeGreaterThan(length + 2))
  })

  it('the stream expires, and is trimmed by the time of Redis', async () => {
    await two()
    const left = await world.client.pTTL(KEY)
    expect(left).toBeGreaterThan(15 * 60_000)
    expect(left).toBeLessThanOrEqual(30 * 60_000)
  })

  it('nothing in the stream can be read', async () => {
    const [a, b] = await two()
    const names = ['c:cookieDigest', 's:101sessionIdOfAUser', 'u:00uUserIdOfAUser']
    await append(a, {
      kind: 'refuse',
      id: 'a.1',
      subjects: names,
      forMs: 60_000,
      provisional: true,
    })
    await until(() => expect(b.records).toHaveLength(1))
    const dump = JSON.stringify(await world.dump())
    for (const text of ['cookieDigest', '101session', '00uUser', 'refuse', 'subjects', 'hello'])
      expect(dump).not.toContain(text)
    const plain = Buffer.from(names.join()).toString('base64url').slice(0, 12)
    expect(dump).not.toContain(plain)
  })

  it('an instance that has closed gets no more records', async () => {
    const [a, b] = await two()
    await a.stream.close()
    await append(b, forget('c:after'))
    expect(a.records).toEqual([])
  })
})

describe('positions of the log', () => {
  it.each([
    ['5-1', '5-0', true],
    ['5-10', '5-9', true],
    ['10-0', '9-7', true],
    ['5-0', '5-0', false],
    ['5-18446744073709551615', '5-18446744073709551614', true],
  ])('%s after %s: %s', (a, b, expected) => {
    expect(isAfter(a, b)).toBe(expected)
    if (expected) expect(isAfter(b, a)).toBe(false)
  })
})
