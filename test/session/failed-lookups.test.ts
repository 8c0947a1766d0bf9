/** A credential whose lookups fail rests, so that its pages do not repeat a failing call. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { UnavailableCode } from '../../src/errors.js'
import { FailedLookups } from '../../src/session/failed-lookups.js'
import { LookupWorld, TestClock } from './lookup-world.js'
import { SharedStore } from './shared-store.js'

const SECOND = 1_000
const STEP_MS = 100
let world: LookupWorld
let others = 0

beforeEach(() => {
  world = new LookupWorld()
  others = 0
})

/** Whether a request with this cookie causes a call to Okta. */
async function calls(value: string, request = {}): Promise<boolean> {
  const before = world.calls
  await world.lookUp(value, request)
  return world.calls > before
}

/** Another user's lookup, which Okta answers. */
async function askOther(): Promise<void> {
  others += 1
  const name = `other${others}`
  world.begin(name)
  expect(await world.lookUp(name)).toMatchObject({ source: 'okta' })
}

/** Before an outage: one lookup of another credential has failed, and those of others were answered. */
async function failureBefore(): Promise<void> {
  world.ill.set('bob', 'server_error')
  await world.lookUp('bob')
  await askOther()
  world.ill.clear()
}

/** Fails so many lookups of this cookie in a row, each when it may be made, while those of others are answered. */
async function failInRow(value: string, count: number): Promise<void> {
  world.ill.set(value, 'server_error')
  for (let made = 0; made < count; ) {
    if (await calls(value, { maxStalenessMs: 0 })) made += 1
    await askOther()
    if (made < count) world.clock.advance(STEP_MS)
  }
}

/** The times, in milliseconds, at which requests 100 ms apart cause a call. */
async function timesOfCalls(value: string, forMs: number, between = async () => {}) {
  const start = world.clock.mono
  const times: number[] = []
  while (world.clock.mono - start < forMs) {
    const at = world.clock.mono - start
    if (await calls(value)) times.push(at)
    await between()
    world.clock.advance(STEP_MS)
  }
  return times
}

describe('a credential whose lookups fail while those of others are answered', () => {
  it.each<UnavailableCode>([
    'timeout',
    'reset',
    'server_error',
    'content_type',
    'redirect',
    'forbidden',
    'malformed',
    'unexpected_status',
  ])(
    'after two failures (%s) the next lookups are made after 1, 2, 4, 8, 10 and 10 s',
    async (code) => {
      world.ill.set('alice', code)
      expect(await timesOfCalls('alice', 40 * SECOND, askOther)).toEqual([
        0, 100, 1_100, 3_100, 7_100, 15_100, 25_100, 35_100,
      ])
    },
  )

  it('answers to others that arrive during the failing lookups count', async () => {
    let isInOther = false
    world = new LookupWorld({
      deliver: async (value) => {
        if (!isInOther) {
          isInOther = true
          world.clock.advance(1.5 * SECOND)
          await askOther()
          isInOther = false
        }
        return value()
      },
    })
    await failureBefore()
    world.ill.set('alice', 'timeout')
    // Each lookup takes 3 s; the rests after them are 1, 2, 4 and 8 s.
    expect(await timesOfCalls('alice', 40 * SECOND)).toEqual([
      0, 3_100, 7_100, 12_100, 19_100, 30_100,
    ])
  })

  it('a single failure has no effect', async () => {
    world.begin('alice')
    await failInRow('alice', 1)
    world.ill.clear()
    expect(await world.lookUp('alice')).toMatchObject({ source: 'okta' })
  })

  it('a resting credential is answered with the code of its failure and the time left', async () => {
    await failInRow('alice', 3)
    const answer = { state: 'unavailable', reason: 'server_error' }
    world.clock.advance(500)
    expect(await world.lookUp('alice')).toEqual({ ...answer, retryAfterMs: 1_500 })
    expect(await world.lookUp('alice', { navigation: true })).toEqual({
      ...answer,
      retryAfterMs: 1_500,
    })
    world.clock.advance(1_499)
    expect(await world.lookUp('alice', { maxStalenessMs: 0 })).toEqual({
      ...answer,
      retryAfterMs: 1,
    })
    world.clock.advance(1)
    expect(await calls('alice')).toBe(true)
  })

  it('a resting credential is served its stale session where the request allows one', async () => {
    world.begin('alice')
    await world.lookUp('alice')
    world.clock.advance(70 * SECOND)
    await failInRow('alice', 2)
    const before = world.calls
    expect(await world.lookUp('alice')).toMatchObject({ state: 'active', source: 'stale' })
    expect(await world.lookUp('alice', { maxStalenessMs: 30_000 })).toMatchObject({
      state: 'unavailable',
      reason: 'server_error',
    })
    expect(world.calls).toBe(before)
  })

  it('a resting credential is not prefetched; it is after the rest', async () => {
    world.begin('alice')
    await world.lookUp('alice')
    world.clock.advance(50 * SECOND)
    await failInRow('alice', 2)
    expect(await calls('alice')).toBe(false)
    expect(world.lookup.stats().refreshedAhead).toBe(0)
    world.clock.advance(1_000)
    expect(await calls('alice')).toBe(true)
    expect(world.lookup.stats().refreshedAhead).toBe(1)
  })

  it.each([
    ['yes', () => world.begin('alice')],
    ['no', () => world.okta.delete('alice')],
  ])('a %s ends the rest, and the next failure is the first again', async (_, prepare) => {
    prepare()
    await failInRow('alice', 4)
    world.clock.advance(4_000)
    world.ill.clear()
    expect(await world.lookUp('alice')).not.toMatchObject({ state: 'unavailable' })
    // Beyond the pause that follows a negative answer.
    world.clock.advance(2_000)
    world.ill.set('alice', 'server_error')
    expect(await calls('alice', { maxStalenessMs: 0 })).toBe(true)
    expect(await calls('alice', { maxStalenessMs: 0 })).toBe(true)
    expect(await calls('alice', { maxStalenessMs: 0 })).toBe(false)
  })

  it('failures more than a minute apart are not in a row', async () => {
    world.ill.set('alice', 'reset')
    for (let round = 0; round < 4; round += 1) {
      expect(await calls('alice')).toBe(true)
      await askOther()
      world.clock.advance(60 * SECOND)
    }
    expect(await calls('alice')).toBe(true)
    expect(await calls('alice')).toBe(true)
    expect(await calls('alice')).toBe(false)
  })

  it('concurrent failures of one credential count once', async () => {
    const failing = () => world.lookUp('alice', { maxStalenessMs: 0 })
    world.ill.set('alice', 'timeout')
    const before = world.calls
    await Promise.all([failing(), failing(), failing()])
    expect(world.calls - before).toBe(3)
    expect(await calls('alice')).toBe(true)
    expect(await calls('alice')).toBe(false)
  })

  it('a failure has no effect after a later lookup of the credential was answered', async () => {
    let held: Promise<void> | undefined
    let letGo = () => {}
    world = new LookupWorld({
      deliver: async (value) => {
        const delivered = value()
        await held
        return delivered
      },
    })
    world.begin('alice')
    const fresh = { maxStalenessMs: 0 }
    world.ill.set('alice', 'timeout')
    await world.lookUp('alice', fresh)
    held = new Promise((resolve) => {
      letGo = resolve
    })
    const slow = world.lookUp('alice', fresh)
    world.clock.advance(STEP_MS)
    held = undefined
    world.ill.clear()
    expect(await world.lookUp('alice', fresh)).toMatchObject({ source: 'okta' })
    letGo()
    expect(await slow).toMatchObject({ reason: 'timeout' })
    expect(await world.lookUp('alice', fresh)).toMatchObject({ source: 'okta' })
  })

  it.each<UnavailableCode>(['dns', 'connect', 'tls', 'rate_limited', 'concurrency_limited'])(
    'a failure that no credential causes (%s) is left to the circuit',
    async (code) => {
      world.ill.set('alice', code)
      for (let round = 0; round < 8; round += 1) {
        expect(await calls('alice')).toBe(true)
        world.clock.advance(6 * SECOND)
        await askOther()
      }
    },
  )
})

describe('a credential whose lookups fail while no others are answered', () => {
  const illnesses: readonly UnavailableCode[] = ['timeout', 'server_error', 'content_type']
  const each = illnesses.flatMap((code) => [0, 3].map((seconds) => [code, seconds] as const))

  it.each(each)(
    'its user is served within 5 s of the end of an outage (%s, after %i s each)',
    async (code, seconds) => {
      world = new LookupWorld({
        deliver: async (value) => {
          if (world.ill.size > 0) world.clock.advance((seconds / 2) * SECOND)
          return value()
        },
      })
      await failureBefore()
      world.begin('alice')
      world.ill.set('alice', code)
      let last = 0
      const failed = await timesOfCalls('alice', 60 * SECOND)
      for (const at of failed) {
        expect(at - last).toBeLessThanOrEqual(5 * SECOND)
        last = at
      }
      expect(failed.length).toBeGreaterThan(10)
      world.ill.clear()
      const [recovered] = await timesOfCalls('alice', 5 * SECOND)
      expect(recovered).toBeLessThanOrEqual(5 * SECOND - seconds * SECOND)
    },
  )
})

it('failures of an outage do not lengthen the rest after one that follows it', async () => {
  await failureBefore()
  world.begin('alice')
  await world.lookUp('alice')
  world.clock.advance(400 * SECOND)
  world.ill.set('alice', 'content_type')
  const times = await timesOfCalls('alice', 30 * SECOND)
  expect(times.length).toBeGreaterThan(5)
  await askOther()
  world.clock.advance(4 * SECOND)
  expect(await world.lookUp('alice')).toMatchObject({ reason: 'content_type' })
  world.clock.advance(SECOND)
  world.ill.clear()
  expect(await world.lookUp('alice')).toMatchObject({ source: 'okta' })
})

it('an instance with a shared store calls Okta no more about a resting credential, and takes what another finds', async () => {
  const store = new SharedStore()
  world = new LookupWorld({ shared: store.member() })
  const there = new LookupWorld({ shared: store.member(), beside: world })
  world.begin('alice')
  await failInRow('alice', 4)
  expect(await calls('alice')).toBe(false)
  expect(await world.lookUp('alice')).toMatchObject({ reason: 'server_error' })
  await there.lookUp('alice')
  expect(await world.lookUp('alice')).toMatchObject({ state: 'active', source: 'shared' })
})

it('the table of failed lookups is bounded, and the oldest failure is forgotten first', () => {
  const failed = new FailedLookups(new TestClock())
  const fail = (key: string) =>
    failed.record(key, { kind: 'unavailable', code: 'reset' }, 0, failed.begin(key))
  for (let i = 0; i < 10_001; i += 1) {
    fail(`key${i}`)
    if (i < 2 || i === 10_000) fail(`key${i}`)
  }
  expect(failed.resting('key0')).toBeUndefined()
  expect(failed.resting('key1')).toMatchObject({ code: 'reset' })
  expect(failed.resting('key10000')).toMatchObject({ code: 'reset' })
})
