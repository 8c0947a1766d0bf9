/** How long one delivery to eventHook() blocks the event loop of a process with many cached sessions. */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { setImmediate as nextEventLoopTurn } from 'node:timers/promises'
import { cacheSessions, withEmptyCache } from './cached-sessions.js'

const SECRET = 'the secret of the event hook of this benchmark'

/**
 * For each number of events, and for sessions that are cached and that are not: the longest turn of the event
 * loop during each delivery.
 * @param {{ sessions: number, batches: readonly number[], times: number }} size
 * @param {import('./cached-sessions.js').Shared} [shared]
 */
export async function hookBlocks({ sessions, batches, times }, shared) {
  const okta = withEmptyCache(sessions, shared)
  await cacheSessions(okta, headersOf(sessions))
  if (okta.stats().sessions !== sessions) throw new Error('some sessions are not cached')
  await okta.settled()
  const handler = okta.eventHook({ secret: SECRET })
  const results = []
  for (const events of batches)
    for (const known of [true, false]) {
      const blocks = []
      for (let round = 0; round < times + WARM_UP; round += 1) {
        const first = known ? (round * events) % sessions : sessions
        const body = deliveryOf(first, events, `${known} ${round}`)
        blocks.push(await longestTurn(() => deliver(handler, body)))
      }
      results.push({ events, known, blocks: blocks.slice(WARM_UP) })
    }
  await okta.close()
  return results
}

/** The first deliveries run code that is not yet compiled. */
const WARM_UP = 3

/** @param {number} count */
function* headersOf(count) {
  for (let i = 0; i < count; i += 1) yield { cookie: `sid=${nthValue(i)}` }
}

/** @param {number} index */
function nthValue(index) {
  return `102${String(index).padStart(22, 'x')}`
}

/**
 * A user's own sign-outs, as Okta writes them.
 * @param {number} first
 * @param {number} count
 * @param {string} batch
 */
function deliveryOf(first, count, batch) {
  const events = Array.from({ length: count }, (_, i) => ({
    uuid: `${batch} ${i}`,
    published: '2026-11-28T12:00:00.000Z',
    eventType: 'user.session.end',
    version: '0',
    severity: 'INFO',
    displayMessage: 'User logout from Okta',
    actor: {
      id: `00u${String(first + i).padStart(17, '0')}`,
      type: 'User',
      alternateId: 'unknown',
    },
    target: null,
    outcome: { result: 'SUCCESS', reason: null },
    authenticationContext: { externalSessionId: nthValue(first + i) },
    debugContext: { debugData: {} },
    transaction: { id: `${batch} ${i}`, type: 'WEB' },
  }))
  return Buffer.from(JSON.stringify({ data: { events } }))
}

const socket = new Socket()

/**
 * @param {import('./stubs.js').Handler} handler
 * @param {Buffer} body
 * @returns {Promise<void>}
 */
function deliver(handler, body) {
  const req = new IncomingMessage(socket)
  const headers = { authorization: SECRET, 'content-length': `${body.length}` }
  Object.assign(req, { method: 'POST', url: '/', headers })
  const res = new ServerResponse(req)
  return new Promise((resolve, reject) => {
    const end = () => {
      if (res.statusCode === 204) resolve()
      else reject(new Error(`the hook answered ${res.statusCode}`))
    }
    Object.assign(res, { end })
    handler(req, res, reject)
    req.push(body)
    req.push(null)
  })
}

/**
 * The longest turn of the event loop while `act` runs, in milliseconds, and the CPU time that it took.
 * @param {() => Promise<void>} act
 */
async function longestTurn(act) {
  let isOver = false
  let longest = { ms: 0, cpuMs: 0 }
  await nextEventLoopTurn()
  let last = performance.now()
  let cpu = process.cpuUsage()
  const measure = () => {
    const at = performance.now()
    if (at - last > longest.ms) {
      const { user, system } = process.cpuUsage(cpu)
      longest = { ms: at - last, cpuMs: (user + system) / 1_000 }
    }
    last = at
    cpu = process.cpuUsage()
    if (!isOver) setImmediate(measure)
  }
  setImmediate(measure)
  await act()
  isOver = true
  await nextEventLoopTurn()
  measure()
  return longest
}
