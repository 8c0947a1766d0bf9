/** The cost of a request whose session is cached: the middleware alone, in process. */
import { measure } from './harness/measure.js'
import { withCachedSessions } from './parts/cached-sessions.js'
import { cookieParserPeer, expressSessionPeer, josePeer } from './parts/peers.js'
import {
  browserHeaders,
  callsAwaited,
  callsTo,
  cookieValue,
  headerless,
  reused,
} from './parts/stubs.js'

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const rounds = tiny ? 3 : 150
  const calls = tiny ? 1_000 : 5_000
  const sid = browserHeaders(`sid=${cookieValue(25)}`)
  const idx = browserHeaders(`idx=${cookieValue(1_500)}`)
  const okta = await withCachedSessions([sid, idx])
  const attach = okta.attachSession()
  const guard = okta.requireSession()

  /** @type {(name: string, run: import('./harness/measure.js').Variant['run']) => import('./harness/measure.js').Variant} */
  const at = (name, run) => ({ name, calls, run })
  const measured = await measure(
    [
      at('empty middleware', callsTo(empty, sid, headerless)),
      at('attachSession, no headers', callsTo(attach, sid, headerless)),
      at('requireSession, no headers', callsTo(guard, sid, headerless)),
      at('  the same again', callsTo(guard, sid, headerless)),
      at('the two headers alone', callsTo(twoHeaders, sid, reused)),
      at('attachSession', callsTo(attach, sid, reused)),
      at('requireSession', callsTo(guard, sid, reused)),
      at('  the same again', callsTo(guard, sid, reused)),
      at('requireSession, idx of 1,500, no headers', callsTo(guard, idx, headerless)),
      at('requireSession, idx of 1,500', callsTo(guard, idx, reused)),
      ...synchronousPeers(calls),
      ...(await asynchronousPeers(tiny ? 20 : 200)),
    ],
    { rounds },
  )
  await okta.close()

  const baseline = measured[0]
  return {
    title: 'hit: one request whose session is cached, the middleware alone',
    columns: [
      { key: 'name', title: 'variant' },
      { key: 'min', title: 'CPU µs', digits: 2 },
      { key: 'median', title: 'median', digits: 2 },
      { key: 'spread', title: '±', digits: 0, percent: true },
      { key: 'bytes', title: 'bytes' },
    ],
    rows: measured.map(({ name, cpuMicros, bytes }) => ({
      name,
      min: cpuMicros.min - (baseline?.cpuMicros.min ?? 0),
      median: cpuMicros.median - (baseline?.cpuMicros.median ?? 0),
      spread: cpuMicros.spread,
      bytes: bytes - (baseline?.bytes ?? 0),
    })),
    notes: [
      `Per call, less the empty middleware and the request object; the minimum and the median of ${rounds} batches.`,
      'The minimum includes no garbage collection; the bytes are those that a call allocates.',
    ],
  }
}

/** @type {import('./parts/stubs.js').Handler} */
function empty(_req, _res, next) {
  next()
}

/** @type {import('./parts/stubs.js').Handler} */
function twoHeaders(_req, res, next) {
  res.setHeader('Cache-Control', 'private, no-store')
  res.setHeader('Vary', 'Cookie')
  next()
}

/** @param {number} calls */
function synchronousPeers(calls) {
  const { name, middleware, headers } = cookieParserPeer()
  return [{ name, calls, run: callsTo(middleware, headers, headerless) }]
}

/** @param {number} calls */
async function asynchronousPeers(calls) {
  const peers = [expressSessionPeer(), await josePeer()]
  return peers.map(({ name, middleware, headers }) => ({
    name,
    calls,
    run: callsAwaited(middleware, headers),
  }))
}
