/** What a request costs whose session is remembered: the middleware alone, in process. */
import { measure } from './harness/measure.js'
import { cookieParserPeer, expressSessionPeer, josePeer } from './parts/peers.js'
import { remembering } from './parts/remembering.js'
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
  const okta = await remembering([sid, idx])
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
      ...peersInStep(calls),
      ...(await peersThatTakeTime(tiny ? 20 : 200)),
    ],
    { rounds },
  )
  await okta.close()

  const nothing = measured[0]
  return {
    title: 'hit: one request whose session is remembered, the middleware alone',
    columns: [
      { key: 'name', title: 'variant' },
      { key: 'min', title: 'CPU µs', digits: 2 },
      { key: 'median', title: 'median', digits: 2 },
      { key: 'spread', title: '±', digits: 0, percent: true },
      { key: 'bytes', title: 'bytes' },
    ],
    rows: measured.map(({ name, cpuMicros, bytes }) => ({
      name,
      min: cpuMicros.min - (nothing?.cpuMicros.min ?? 0),
      median: cpuMicros.median - (nothing?.cpuMicros.median ?? 0),
      spread: cpuMicros.spread,
      bytes: bytes - (nothing?.bytes ?? 0),
    })),
    notes: [
      `A call, the empty middleware and the request object taken off; the least and the median of ${rounds} batches.`,
      'The least holds no garbage collection; the bytes are what there is to collect.',
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
function peersInStep(calls) {
  const { name, middleware, headers } = cookieParserPeer()
  return [{ name, calls, run: callsTo(middleware, headers, headerless) }]
}

/** @param {number} calls */
async function peersThatTakeTime(calls) {
  const peers = [expressSessionPeer(), await josePeer()]
  return peers.map(({ name, middleware, headers }) => ({
    name,
    calls,
    run: callsAwaited(middleware, headers),
  }))
}
