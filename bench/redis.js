/** Many instances over a real redis-server: calls to Okta, propagation of sign-outs, commands, memory, and the hit path. */
import { setTimeout as pause } from 'node:timers/promises'
import { quantile } from './harness/spread.js'
import { hitRows } from './parts/hit-with-store.js'
import { INSTANCES, startInstances } from './parts/instances.js'
import { startProcess } from './parts/processes.js'
import { startRedis } from './parts/redis-server.js'

/**
 * @typedef {object} World
 * @property {import('./parts/redis-server.js').RedisServer} redis
 * @property {import('./parts/processes.js').Served} org
 * @property {string} orgUrl
 */

/** @typedef {import('./parts/instances.js').Instances} Instances */

const TITLE = `redis: ${INSTANCES} instances over one redis-server, the local org and each instance in a process of its own`

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const redis = await startRedis()
  if (redis === undefined)
    return {
      title: TITLE,
      columns: [{ key: 'name', title: 'variant' }],
      rows: [],
      notes: [
        'Not measured: there is no redis-server here. Debian has it as the package redis-server.',
      ],
    }
  const org = await startProcess('local-org-process.js')
  const world = { redis, org, orgUrl: await org.call('url') }
  const rounds = tiny ? 2 : 300
  const rows = []
  const one = await startInstances('node-redis', redis.port, world.orgUrl)
  const perInstance = (tiny ? 1_000 : 10_000) / INSTANCES
  for (const perTurn of [50, perInstance])
    rows.push(await stampede(world, one.instances, { perInstance, perTurn, rounds: tiny ? 1 : 10 }))
  rows.push(...(await commands(world, one.instances, tiny ? 20 : 200)))
  rows.push(...(await memory(world, one.instances, tiny ? 20 : 1_000)))
  rows.push(...(await hitRows(world, one.instances[0], tiny)))
  rows.push(...(await propagations(world, one.instances, 'node-redis', rounds)))
  await one.stop()
  const other = await startInstances('ioredis', redis.port, world.orgUrl)
  rows.push(...(await propagations(world, other.instances, 'ioredis', rounds)))
  await other.stop()
  await org.stop()
  await redis.stop()
  return {
    title: TITLE,
    columns: [
      { key: 'name', title: 'variant' },
      { key: 'times', title: 'times' },
      { key: 'calls', title: 'calls to Okta', digits: 2 },
      { key: 'mostCalls', title: 'at most' },
      { key: 'commands', title: 'commands', digits: 2 },
      { key: 'logReads', title: 'log reads', digits: 2 },
      { key: 'bytes', title: 'bytes' },
      { key: 'p50', title: 'p50 ms', digits: 1 },
      { key: 'p99', title: 'p99 ms', digits: 1 },
      { key: 'max', title: 'max ms', digits: 1 },
      { key: 'micros', title: 'CPU µs', digits: 2 },
      { key: 'ratio', title: 'x no store', digits: 2 },
    ],
    rows,
    notes: notes(redis.version),
  }
}

/** @param {string} version */
function notes(version) {
  return [
    `redis-server ${version} on loopback, without persistence. All processes run on the one machine.`,
    'Stampede: concurrent lookups of one unseen cookie; each instance starts so many in one turn of its event loop. Calls: the median and the most of a stampede. Commands: the most of one instance. Times: until all lookups have ended.',
    'A miss, a refresh and a sign-out: by one instance, one after the other. Calls, commands (scripts, each one round trip), reads of the log by all instances, and bytes to and from Redis are per operation.',
    'Entries and records of the log: the bytes in Redis for each, as MEMORY USAGE tells them, with the key.',
    'Hits: as in the benchmark hit, requireSession() without headers, with a store mounted and without; the minima and their ratio.',
    'Reading a record: CPU time of an idle instance for each, less that without records. Another process appends 10 a second.',
    'Propagation: from the call of logout() until check() refuses at each of the three other instances, which call it every millisecond; the same for forget() of a session that has ended at Okta, with the lookup that finds it.',
  ]
}

/**
 * @param {World} world
 * @param {Instances} instances
 * @param {{ perInstance: number, perTurn: number, rounds: number }} options
 */
async function stampede({ org }, instances, { perInstance, perTurn, rounds }) {
  const [first, ...cookies] = await org.call('signIn', rounds + 1, 'idx')
  /** @type {(cookie: string) => Promise<{ began: number, ended: number, commands: number }[]>} */
  const everywhere = (cookie) =>
    Promise.all(instances.map((each) => each.call('stampede', cookie, perInstance, perTurn)))
  // The code of a process that has just started is not yet compiled.
  await everywhere(first)
  let most = 0
  const calls = []
  const times = []
  for (const cookie of cookies) {
    const before = await org.call('calls')
    const results = await everywhere(cookie)
    calls.push((await org.call('calls')) - before)
    most = Math.max(most, ...results.map(({ commands }) => commands))
    const began = Math.min(...results.map((result) => result.began))
    times.push(Math.max(...results.map(({ ended }) => ended)) - began)
  }
  const { p50, max } = spread(times)
  const name = `stampede: ${perInstance * INSTANCES} lookups, ${perTurn} a turn`
  return {
    name,
    times: rounds,
    calls: spread(calls).p50,
    mostCalls: Math.max(...calls),
    commands: most,
    p50,
    max,
  }
}

/**
 * What one operation needs of Redis and of Okta.
 * @param {World} world
 * @param {Instances} instances
 * @param {number} times
 */
async function commands(world, [one, two], times) {
  const cookies = await world.org.call('signIn', times, 'idx')
  const perOperation = (/** @type {string} */ name, /** @type {() => Promise<unknown>} */ act) =>
    counted(world, name, times, act)
  return [
    await perOperation('a miss', () => one.call('authenticate', cookies)),
    await perOperation('  answered by the store', () => two.call('authenticate', cookies)),
    await perOperation('a refresh', () => one.call('refreshAll', cookies)),
    await perOperation('a sign-out', () => one.call('signOutAll', cookies)),
  ]
}

/**
 * @param {World} world
 * @param {string} name
 * @param {number} times
 * @param {() => Promise<unknown>} act
 */
async function counted({ redis, org }, name, times, act) {
  const before = await redis.counters()
  const calls = await org.call('calls')
  await act()
  const after = await settledCounters(redis)
  return {
    name,
    times,
    calls: ((await org.call('calls')) - calls) / times,
    commands: (after.scripts - before.scripts) / times,
    logReads: (after.logReads - before.logReads) / times,
    bytes: (after.bytes - before.bytes) / times,
  }
}

/**
 * Entries and records are written in the background: resolves when nothing has been written for a while.
 * @param {World['redis']} redis
 */
async function settledCounters(redis) {
  let last = 0
  for (;;) {
    const scripts = await redis.scripts()
    if (scripts === last) return redis.counters()
    last = scripts
    await pause(100)
  }
}

/**
 * The bytes that Redis needs for an entry and for a record of the log.
 * @param {World} world
 * @param {Instances} instances
 * @param {number} times
 */
async function memory({ redis, org }, instances, times) {
  const rows = []
  for (const cookie of /** @type {const} */ (['idx', 'sid'])) {
    const before = new Set(await redis.keys('eos:*:entry'))
    const cookies = await org.call('signIn', times, cookie)
    await Promise.all(
      instances.map((instance, i) =>
        instance.call(
          'authenticate',
          cookies.filter(
            (/** @type {string} */ _, /** @type {number} */ at) => at % INSTANCES === i,
          ),
        ),
      ),
    )
    await settledCounters(redis)
    const added = (await redis.keys('eos:*:entry')).filter((key) => !before.has(key))
    const bytes = await Promise.all(added.map((key) => redis.memoryOf(key)))
    const mean = bytes.reduce((sum, each) => sum + each, 0) / added.length
    const [{ length } = ''] = cookies
    rows.push({
      name: `an entry in Redis, ${cookie} of ${length} characters`,
      times: added.length,
      bytes: mean,
    })
  }
  const [log = ''] = await redis.keys('eos:{log:*}')
  const records = Number(await redis.send('XLEN', log))
  const bytes = (await redis.memoryOf(log)) / records
  return [...rows, { name: 'a record of the log', times: records, bytes }]
}

/**
 * @param {World} world
 * @param {Instances} instances
 * @param {string} client
 * @param {number} rounds
 */
async function propagations({ org }, instances, client, rounds) {
  const rows = []
  for (const [name, act] of [
    ['a sign-out', 'signOut'],
    ['forget()', 'forget'],
  ]) {
    const cookies = await org.call('signIn', rounds + 3, 'sid')
    const times = []
    for (const cookie of cookies) {
      if (act === 'forget')
        times.push(
          ...(await propagation(instances, cookie, () => endAndForget(org, instances[0], cookie))),
        )
      else
        times.push(
          ...(await propagation(instances, cookie, () => instances[0].call('signOut', cookie))),
        )
    }
    // The first rounds run code that is not yet compiled.
    const warm = times.slice(3 * (INSTANCES - 1))
    rows.push({ name: `propagation of ${name}, ${client}`, times: rounds, ...spread(warm) })
  }
  return rows
}

/**
 * The session ends at Okta first: a lookup after forget() then finds no session.
 * @param {import('./parts/processes.js').Served} org
 * @param {import('./parts/processes.js').Served} instance
 * @param {string} cookie
 */
async function endAndForget(org, instance, cookie) {
  await org.call('endSession', cookie)
  return instance.call('forget', cookie)
}

/**
 * The milliseconds from the beginning of `act` until each of the other instances refuses.
 * @param {Instances} instances
 * @param {string} cookie
 * @param {() => Promise<{ began: number, ended: number }>} act
 * @returns {Promise<number[]>}
 */
async function propagation([first, ...others], cookie, act) {
  for (const instance of [first, ...others]) await instance.call('authenticate', [cookie])
  for (const instance of others) await instance.call('awaitRefusal', cookie)
  const { began } = await act()
  const times = await Promise.all(others.map((instance) => instance.call('refusedAt')))
  return times.map((at) => at - began)
}

/** @param {readonly number[]} values */
function spread(values) {
  const sorted = values.toSorted((a, b) => a - b)
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), max: quantile(sorted, 1) }
}
