/** From a delivery of an event hook to one of four processes until the others refuse, and what a delivery costs its receiver. */
import { redisStore } from '../dist/redis/index.js'
import { quantile } from './harness/spread.js'
import { hookBlocks } from './parts/hook-blocks.js'
import { INSTANCES, SECRET, startInstances } from './parts/instances.js'
import { startProcess } from './parts/processes.js'
import { connectedClient } from './parts/redis-clients.js'
import { startRedis } from './parts/redis-server.js'

/** @typedef {import('./parts/processes.js').Served} Served */
/** @typedef {import('./parts/instances.js').Instances} Instances */

const HOOK_SECRET = 'the secret of the event hook of this benchmark'

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const batch = tiny ? 20 : 1_000
  const redis = await startRedis()
  const rows = redis === undefined ? [] : await overRedis(redis, batch, tiny)
  const size = { sessions: tiny ? 200 : 50_000, batches: [1, batch], times: tiny ? 2 : 50 }
  rows.push(...blockRows('no store', size, await hookBlocks(size)))
  if (redis !== undefined) rows.push(...blockRows('a store', size, await withStore(redis, size)))
  await redis?.stop()
  return {
    title: `push: an event hook delivered to one of ${INSTANCES} processes over one redis-server, the local org in a process of its own`,
    columns: [
      { key: 'name', title: 'variant' },
      { key: 'times', title: 'times' },
      { key: 'p50', title: 'p50 ms', digits: 1 },
      { key: 'p99', title: 'p99 ms', digits: 1 },
      { key: 'max', title: 'max ms', digits: 1 },
      { key: 'cpu', title: 'CPU ms', digits: 1 },
    ],
    rows,
    notes: [
      redis === undefined
        ? 'Not measured over several processes: there is no redis-server here. Debian has it as the package redis-server.'
        : `redis-server ${redis.version} on loopback, without persistence. All processes run on the one machine.`,
      ...NOTES,
    ],
  }
}

const NOTES = [
  'Refused: from the POST of the local org until check() refuses at each of the three other processes, which call it every millisecond, with the lookup that finds no session. No longer cached: until that lookup begins.',
  'The answer: from the POST to the 204, by the clock of the org. It is sent once Redis has the records.',
  'A batch: events user.session.end, the last of them of the session that is checked, the others of sessions and users that no process knows.',
  'Blocked: the longest turn of the event loop of the receiver during a delivery, with that many cached sessions; CPU: the median of the CPU time of that turn, which other load on the machine changes least. Of unknown sessions all sessions of the user are revoked, which doubles the names.',
]

/**
 * @param {import('./parts/redis-server.js').RedisServer} redis
 * @param {number} batch The events of a large delivery.
 * @param {boolean} tiny
 */
async function overRedis(redis, batch, tiny) {
  const org = await startProcess('local-org-process.js')
  const rows = []
  for (const client of /** @type {const} */ (['node-redis', 'ioredis'])) {
    const { instances, stop } = await startInstances(client, redis.port, await org.call('url'))
    const url = await instances[0].call('serveHook', HOOK_SECRET)
    for (const { name, type, others, times } of [
      { name: 'an event', type: 'user.session.clear', others: 0, times: tiny ? 2 : 300 },
      {
        name: `a batch of ${batch}`,
        type: 'user.session.end',
        others: batch - 1,
        times: tiny ? 1 : 50,
      },
    ]) {
      // The org's own event of the end of a session would come first.
      await org.call('addEventHook', { url, authorization: HOOK_SECRET, events: [type] })
      rows.push(
        ...(await rounds(org, instances, `${name}, ${client}`, {
          type,
          others,
          times,
          warmUp: tiny ? 0 : 3,
        })),
      )
    }
    await org.call('removePushes', url)
    await stop()
  }
  await org.stop()
  return rows
}

/**
 * @param {Served} org
 * @param {Instances} instances
 * @param {string} name
 * @param {{ type: string, others: number, times: number, warmUp: number }} push The first rounds run code that is not yet compiled.
 */
async function rounds(org, instances, name, { type, others, times, warmUp }) {
  const cookies = await org.call('signIn', times + warmUp, 'sid')
  const results = []
  for (const cookie of cookies) results.push(await round(org, instances, cookie, { type, others }))
  const warm = results.slice(warmUp)
  return [
    { name: `${name}: refused`, times, ...spread(warm.flatMap(({ refused }) => refused)) },
    { name: '  no longer cached', times, ...spread(warm.flatMap(({ voided }) => voided)) },
    { name: '  the answer', times, ...spread(warm.map(({ answered }) => answered)) },
  ]
}

/**
 * @param {Served} org
 * @param {Instances} instances The first of them has the hook.
 * @param {string} cookie
 * @param {{ type: string, others: number }} push
 */
async function round(org, [first, ...rest], cookie, { type, others }) {
  for (const instance of [first, ...rest]) await instance.call('authenticate', [cookie])
  for (const instance of rest) await instance.call('awaitRefusal', cookie)
  const { began, ended } = await org.call('endAndPush', cookie, type, others)
  const refusals = await Promise.all(rest.map((instance) => instance.call('refusal')))
  return {
    answered: ended - began,
    refused: refusals.map(({ refusedAt }) => refusedAt - began),
    voided: refusals.map(({ voidAt }) => voidAt - began),
  }
}

/**
 * @param {import('./parts/redis-server.js').RedisServer} redis
 * @param {Parameters<typeof hookBlocks>[0]} size
 */
async function withStore(redis, size) {
  const { client, close } = await connectedClient('node-redis', redis.port)
  const store = redisStore({ client })
  const results = await hookBlocks(size, { secret: SECRET, store })
  close()
  return results
}

/**
 * @param {string} store
 * @param {Parameters<typeof hookBlocks>[0]} size
 * @param {Awaited<ReturnType<typeof hookBlocks>>} results
 */
function blockRows(store, { sessions, times }, results) {
  return results.map(({ events, known, blocks }) => ({
    name: `blocked by ${events} of ${sessions} sessions, ${known ? 'cached' : 'unknown'}, ${store}`,
    times,
    ...spread(blocks.map(({ ms }) => ms)),
    cpu: spread(blocks.map(({ cpuMs }) => cpuMs)).p50,
  }))
}

/** @param {readonly number[]} values */
function spread(values) {
  const sorted = values.toSorted((a, b) => a - b)
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), max: quantile(sorted, 1) }
}
