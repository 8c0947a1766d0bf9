/** The memory that a cached session takes, beyond its key. */
import { LRUCache } from 'lru-cache'
import { collect } from './harness/measure.js'
import { cacheSessions, withEmptyCache } from './parts/cached-sessions.js'
import { credentialKey } from './parts/package.js'

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const sessions = tiny ? 2_000 : 100_000
  const rows = []
  for (const { name, as, length } of /** @type {const} */ ([
    { name: 'sid of 25 characters', as: 'sid', length: 25 },
    { name: 'idx of 1,500 characters', as: 'idx', length: 1_500 },
  ])) {
    // A first run, so that compiled code is not measured.
    await bytesOfSessions(10, as, length)
    const slot = bytesOfEmptyTable(sessions) / sessions
    const filled = (await bytesOfSessions(sessions, as, length)) / sessions
    const key = bytesOfKeys(sessions, as, length) / sessions
    rows.push({ name, slot, filled, key, beyond: slot + filled - key })
  }
  return {
    title: `memory: heap bytes per cached session, at ${sessions} sessions`,
    columns: [
      { key: 'name', title: 'cookie' },
      { key: 'slot', title: 'preallocated' },
      { key: 'filled', title: 'when filled' },
      { key: 'key', title: 'key' },
      { key: 'beyond', title: 'beyond the key' },
    ],
    rows,
    notes: [
      'Bytes after a full garbage collection, array buffers included. Preallocated: by lru-cache for maxSessions, before the first session.',
      'When filled: the key, the entry, the session and its strings.',
      'Each session has its own id, login and user id and all fields that Okta sends; their sign-ins are spread over two hours.',
    ],
  }
}

/**
 * Fills the cache with requests, from the Cookie header to Okta's JSON.
 * @param {number} count
 * @param {'sid' | 'idx'} as
 * @param {number} length
 */
async function bytesOfSessions(count, as, length) {
  const okta = withEmptyCache(count)
  const before = heap()
  await cacheSessions(okta, headersOf(count, as, length))
  const full = heap()
  if (okta.stats().sessions !== count) throw new Error('some sessions are not cached')
  await okta.close()
  return full - before
}

/** @param {number} count */
function bytesOfEmptyTable(count) {
  const before = heap()
  const table = new LRUCache({ max: count })
  return heap() - before + 0 * table.size
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
