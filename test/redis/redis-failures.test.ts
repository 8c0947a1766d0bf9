import { createLocalOrg } from 'express-okta-session/local-org'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { runs, sampleOf } from '../deep.js'
import { again, createFailuresWorld, down, type FailuresWorld, late, up } from './failures-world.js'
import { freePorts } from './free-ports.js'
import { useInstances } from './instances.js'
import { describeRedis } from './redis-server.js'

/** Each failure happens to an instance with each client. */
const libraries = ['redis', 'ioredis'] as const
const limitMs = 30_000

/** How a failure begins and how it ends. */
interface Failure {
  readonly begin: (world: FailuresWorld) => unknown
  readonly end: (world: FailuresWorld) => unknown
}

/** That it can't be used, or answers again. */
const isAboutRedis = (message: string) => message.startsWith('Redis ')

const failures = {
  'is killed and restarted empty': {
    begin: ({ server }) => server.kill(),
    end: ({ server }) => server.start(),
  },
  'is paused': {
    begin: ({ server }) => server.pause(),
    end: ({ server }) => server.resume(),
  },
  'is cut off': {
    begin: ({ proxy }) => proxy.cut(),
    end: ({ proxy }) => proxy.restore(),
  },
  'answers after 300 ms': {
    begin: ({ proxy }) => proxy.slow(300),
    end: ({ proxy }) => proxy.slow(0),
  },
  'is out of memory': {
    begin: ({ server }) => server.command('CONFIG', 'SET', 'maxmemory', '1'),
    end: ({ server }) => server.command('CONFIG', 'SET', 'maxmemory', '0'),
  },
  'is read-only': {
    begin: async ({ server }) =>
      server.command('REPLICAOF', '127.0.0.1', String((await freePorts(1))[0])),
    end: ({ server }) => server.command('REPLICAOF', 'NO', 'ONE'),
  },
} satisfies Readonly<Record<string, Failure>>

describeRedis('two instances with steady requests of signed-in users', () => {
  const startInstances = useInstances()
  let org: Awaited<ReturnType<typeof createLocalOrg>>
  let world: FailuresWorld

  beforeAll(async () => {
    org = await createLocalOrg()
    world = await createFailuresWorld(org, (await freePorts(1))[0] ?? 0)
    await world.server.start()
    await world.startInstances(startInstances, libraries)
  }, limitMs)

  afterEach(() => world.recover())

  afterAll(async () => {
    await world.close()
    await org.close()
  })

  // The loop of failures below has the others' share of the time.
  for (const [name, { begin, end }] of sampleOf(Object.entries<Failure>(failures), 3))
    test(
      `while Redis ${name}, each answer is 200 and each instance logs one line, and one when it is over`,
      async () => {
        await world.sharingWorks()
        const lines = world.linesFromNow()
        const load = world.load()
        await load.goesOn()
        await begin(world)
        await world.logged(lines, 1)
        await load.goesOn()
        expect(lines()).toEqual([[down], [down]])
        await end(world)
        await world.logged(lines, 2)
        await load.goesOn()
        const { others } = await load.stop()
        expect(others).toEqual([])
        await world.sharingWorks()
        expect(lines()).toEqual([
          [down, up],
          [down, up],
        ])
      },
      limitMs,
    )

  test(
    'when Redis loses all keys, each answer is 200, no line is logged, and both share sessions again',
    async () => {
      const cookie = await world.sharedCookie()
      const lines = world.linesFromNow()
      const load = world.load()
      await load.goesOn()
      await world.server.command('FLUSHALL')
      await load.goesOn()
      const { others } = await load.stop()
      expect(others).toEqual([])
      await world.sharingWorks()
      await world.signOutTakesEffect(cookie)
      expect(lines()).toEqual([[], []])
    },
    limitMs,
  )

  for (const name of runs(
    ['is cut off'] as const,
    ['is cut off', 'is killed and restarted empty'] as const,
  ))
    test(
      `a sign-out while Redis ${name} takes effect at the other instance once Redis is back`,
      async () => {
        const cookie = await world.sharedCookie()
        const lines = world.linesFromNow()
        await failures[name].begin(world)
        await world.logged(lines, 1)
        expect(await world.signOut(world.first, cookie)).toBe(204)
        expect(await world.status(world.first, cookie)).toBe('401')
        // Memory has it, and the record could not be read.
        expect(await world.status(world.second, cookie)).toBe('200')
        await failures[name].end(world)
        await world.refusedAt(world.second, cookie)
        await world.logged(lines, 2)
        await expect.poll(() => lines()[0]).toHaveLength(4)
        expect(lines()[0]).toEqual(expect.arrayContaining([down, late, up, again]))
        expect(lines()[1]).toEqual([down, up])
      },
      limitMs,
    )

  const rounds = runs(4, 100)
  test(
    `while Redis is killed or paused ${rounds} times, each answer is 200, and both share sessions afterwards`,
    async () => {
      await world.sharingWorks()
      const all = world.linesFromNow()
      const lines = () => all().map((messages) => messages.filter(isAboutRedis))
      const load = world.load()
      for (let round = 0; round < rounds; round += 1) {
        const isKill = round % 2 === 0
        if (isKill) await world.server.kill()
        else world.server.pause()
        await world.logged(lines, 2 * round + 1)
        await load.goesOn(20)
        if (isKill) await world.server.start()
        else world.server.resume()
        await world.logged(lines, 2 * round + 2)
      }
      const { others } = await load.stop()
      expect(others).toEqual([])
      const changes = Array.from({ length: rounds }, () => [down, up]).flat()
      expect(lines()).toEqual([changes, changes])
      await world.sharingWorks()
      // The record of a sign-out of the first line may have been on its way when Redis went: it is sent again.
      const delays = all().map((messages) => messages.filter((message) => !isAboutRedis(message)))
      for (const messages of delays)
        expect(messages).toEqual(
          Array.from({ length: messages.length / 2 }, () => [late, again]).flat(),
        )
    },
    runs(limitMs, 150_000),
  )
})

describeRedis('two instances that start while Redis is down', () => {
  const startInstances = useInstances()

  test(
    'answer each request with 200, log one line each, and share sessions once Redis is up',
    async () => {
      const org = await createLocalOrg()
      const world = await createFailuresWorld(org, (await freePorts(1))[0] ?? 0)
      try {
        await world.startInstances(startInstances, libraries)
        const load = world.load()
        const lines = () => world.lines()
        await world.logged(lines, 1)
        await load.goesOn()
        expect(lines()).toEqual([[down], [down]])
        await world.server.start()
        await world.logged(lines, 2)
        await load.goesOn()
        const { others } = await load.stop()
        expect(others).toEqual([])
        await world.sharingWorks()
        expect(lines()).toEqual([
          [down, up],
          [down, up],
        ])
      } finally {
        await world.close()
        await org.close()
      }
    },
    limitMs,
  )
})
