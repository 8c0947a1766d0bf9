/** Starts a redis-server of its own on a free loopback port, and reads its counters. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { connectedClient } from './redis-clients.js'

/**
 * @typedef {object} Counters
 * @property {number} scripts Calls of EVALSHA and EVAL: each operation of the store is one script.
 * @property {number} logReads Calls of XRANGE and XREAD.
 * @property {number} bytes Received and sent, without those of reading the counters.
 */

/** INFO and the length of its reply, about. */
const PROTOCOL_BYTES = 40

/** @typedef {NonNullable<Awaited<ReturnType<typeof startRedis>>>} RedisServer */

/** Without persistence. Resolves with undefined where no redis-server is installed. */
export async function startRedis() {
  const port = await freePort()
  const options = ['--bind', '127.0.0.1', '--port', `${port}`, '--save', '', '--appendonly', 'no']
  const server = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] })
  // A benchmark that fails leaves no server behind.
  process.once('exit', () => server.kill())
  const isMissing = await Promise.race([
    once(server, 'error').then(() => true),
    untilReady(server.stdout).then(() => false),
  ])
  if (isMissing) return undefined
  server.stdout.resume()
  const { send, close } = await connectedClient('node-redis', port)
  let ownBytes = 0
  /** @param {string} section */
  const info = async (section) => {
    const text = String(await send('INFO', section))
    ownBytes += text.length + PROTOCOL_BYTES
    return text
  }
  const scripts = async () => callsOf(await info('commandstats'), 'evalsha', 'eval')
  return {
    port,
    send,
    version: fieldOf(await info('server'), 'redis_version'),
    scripts,
    /** @returns {Promise<Counters>} */
    async counters() {
      const commands = await info('commandstats')
      const own = ownBytes
      const stats = await info('stats')
      const received = Number(fieldOf(stats, 'total_net_input_bytes'))
      const sent = Number(fieldOf(stats, 'total_net_output_bytes'))
      return {
        scripts: callsOf(commands, 'evalsha', 'eval'),
        logReads: callsOf(commands, 'xrange', 'xread'),
        bytes: received + sent - own,
      }
    },
    /**
     * @param {string} pattern
     * @returns {Promise<string[]>}
     */
    async keys(pattern) {
      const keys = await send('KEYS', pattern)
      return Array.isArray(keys) ? keys.map(String) : []
    },
    /** @param {string} key */
    memoryOf: async (key) => Number(await send('MEMORY', 'USAGE', key, 'SAMPLES', '0')),
    async stop() {
      close()
      const exited = once(server, 'exit')
      server.kill()
      await exited
    },
  }
}

/** @param {import('node:stream').Readable} stdout */
async function untilReady(stdout) {
  let text = ''
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
    text += chunk
    if (text.includes('Ready to accept connections')) return
  }
  throw new Error(`redis-server did not start: ${text}`)
}

/**
 * @param {string} info
 * @param {string} name
 */
function fieldOf(info, name) {
  const [, value = ''] = new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info) ?? []
  return value
}

/**
 * @param {string} info
 * @param {string[]} commands
 */
function callsOf(info, ...commands) {
  const calls = commands.map((command) => {
    const [, count = '0'] = /^calls=(\d+)/.exec(fieldOf(info, `cmdstat_${command}`)) ?? []
    return Number(count)
  })
  return calls.reduce((sum, each) => sum + each, 0)
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
