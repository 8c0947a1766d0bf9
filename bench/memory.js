/** What a remembered session costs in memory, beyond the key it is found by. */
import { LRUCache } from 'lru-cache'
import { collect } from './harness/measure.js'
import { credentialKey } from './parts/package.js'
import { emptyMemory, remember } from './parts/remembering.js'

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const sessions = tiny ? 2_000 : 100_000
  const rows = []
  for (const { name, as, length } of /** @type {const} */ ([
    { name: 'sid of 25 characters', as: 'sid', length: 25 },
    { name: 'idx of 1,500 characters', as: 'idx', length: 1_500 },
  ])) {
    // What runs for the first time is compiled for the first time.
    await bytesOfSessions(10, as, length)
    const slot = bytesOfRoom(sessions) / sessions
    const filled = (await bytesOfSessions(sessions, as, length)) / sessions
    const key = bytesOfKeys(sessions, as, length) / sessions
    rows.push({ name, slot, filled, key, beyond: slot + filled - key })
  }
  return {
    title: `memory: heap a remembered session, at ${sessions}`,
    columns: [
      { key: 'name', title: 'cookie' },
      { key: 'slot', title: 'set aside' },
      { key: 'filled', title: 'when filled' },
      { key: 'key', title: 'key' },
      { key: 'beyond', title: 'beyond the key' },
    ],
    rows,
    notes: [
      'Bytes after a full collection, array buffers included. Set aside: what lru-cache takes for maxSessions before there is one.',
      'When filled: its table, the key, the entry, the session and its strings.',
      'Every session has its own id, login and user id and all of the fields Okta sends; they began over two hours.',
    ],
  }
}

/**
 * Filled through the front door: from the Cookie header to Okta's JSON.
 * @param {number} count
 * @param {'sid' | 'idx'} as
 * @param {number} length
 */
async function bytesOfSessions(count, as, length) {
  const okta = emptyMemory(count)
  const before = heap()
  await remember(okta, headersOf(count, as, length))
  const full = heap()
  if (okta.stats().sessions !== count) throw new Error('some sessions are not remembered')
  await okta.close()
  return full - before
}

/** @param {number} count */
function bytesOfRoom(count) {
  const before = heap()
  const room = new LRUCache({ max: count })
  return heap() - before + 0 * room.size
}

/**
 * @param {number} count
 * @param {'sid' | 'idx'} as
 * @param {number} length
 */
function* headersOf(count, as, length) {
  for (let i = 0; i < count; i += 1)
    yield { cookie: `theme=dark; ${as}=${nthValue(i, length)}; _ga=GA1.2.1234567890.1234567890` }
}

/**
 * @param {number} index
 * @param {number} length
 */
function nthValue(index, length) {
  return `102${String(index).padStart(length - 3, 'x')}`
}

/**
 * @param {number} count
 * @param {'sid' | 'idx'} as
 * @param {number} length
 */
function bytesOfKeys(count, as, length) {
  const before = heap()
  const keys = Array.from({ length: count }, (_, i) => credentialKey(as, nthValue(i, length)))
  const slots = count * 8
  return heap() - before - slots + 0 * keys.length
}

function heap() {
  collect()
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
