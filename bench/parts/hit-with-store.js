/** The cost of a request whose session is cached, with a store mounted and without. */
import { setTimeout as pause } from 'node:timers/promises'
import { redisStore } from '../../dist/redis/index.js'
import { measure } from '../harness/measure.js'
import { withCachedSessions } from './cached-sessions.js'
import { SECRET } from './instances.js'
import { connectedClient } from './redis-clients.js'
import { browserHeaders, callsTo, cookieValue, headerless } from './stubs.js'

const RECORDS_PER_SECOND = 10

/**
 * @param {{ redis: { port: number }, orgUrl: string }} world
 * @param {import('./processes.js').Served} writer Another instance, which appends to the same log.
 * @param {boolean} tiny
 */
export async function hitRows({ redis, orgUrl }, writer, tiny) {
  const { client, close } = await connectedClient('node-redis', redis.port)
  const headers = browserHeaders(`sid=${cookieValue(25)}`)
  const alone = await withCachedSessions([headers])
  const mounted = await withCachedSessions([headers], {
    orgUrl,
    secret: SECRET,
    store: redisStore({ client }),
  })
  /** @type {(name: string, okta: import('../../dist/index.js').OktaSession) => import('../harness/measure.js').Variant} */
  const variant = (name, okta) => ({
    name,
    calls: tiny ? 1_000 : 5_000,
    run: callsTo(okta.requireSession(), headers, headerless),
  })
  const rounds = { rounds: tiny ? 3 : 300 }
  const quiet = await measure(
    [
      variant('a hit, no store', alone),
      variant('  the same again', alone),
      variant('a hit, store mounted', mounted),
    ],
    rounds,
  )
  const idleMs = tiny ? 300 : 10_000
  const idle = await cpuWhileIdle(mounted, idleMs)
  await writer.call('chatter', RECORDS_PER_SECOND)
  const busy = await measure(
    [
      variant('a hit, no store, 10 records a second', alone),
      variant('a hit, store mounted, 10 records a second', mounted),
    ],
    rounds,
  )
  const reading = await cpuWhileIdle(mounted, idleMs)
  await writer.call('quiet')
  await Promise.all([alone.close(), mounted.close()])
  close()
  const micros = (reading.micros - idle.micros) / Math.max(reading.records, 1)
  return [
    ...compared(quiet),
    ...compared(busy),
    { name: 'reading a record of the log', times: reading.records, micros },
  ]
}

/** @param {readonly import('../harness/measure.js').Measured[]} measured */
function compared(measured) {
  const [first] = measured
  return measured.map(({ name, cpuMicros: { min } }) => ({
    name,
    micros: min,
    ratio: min / (first?.cpuMicros.min ?? 1),
  }))
}

/**
 * @param {import('../../dist/index.js').OktaSession} okta
 * @param {number} ms
 */
async function cpuWhileIdle(okta, ms) {
  const recordsRead = () => okta.stats().store?.recordsRead ?? 0
  const before = recordsRead()
  const began = process.cpuUsage()
  await pause(ms)
  const { user, system } = process.cpuUsage(began)
  return { micros: user + system, records: recordsRead() - before }
}
