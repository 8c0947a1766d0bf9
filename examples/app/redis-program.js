/** Finds the Redis of the instances: that of REDIS_URL, or else a server that this starts. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { createClient } from 'redis'

const START_LIMIT_MS = 5_000
const CONNECT_LIMIT_MS = 2_000
const STOP_LIMIT_MS = 2_000

/**
 * @typedef {object} RunningRedis
 * @property {string} url
 * @property {string} description Without the password that REDIS_URL may contain.
 * @property {() => Promise<void>} stop Ends the server if this started it.
 */

/** @returns {Promise<RunningRedis>} */
export async function findRedis() {
  const url = process.env.REDIS_URL
  return url ? checkRedis(url) : startRedis()
}

/** @param {string} url */
async function checkRedis(url) {
  if (!/^rediss?:\/\//.test(url) || !URL.canParse(url))
    throw new TypeError('REDIS_URL is a URL such as redis://127.0.0.1:6379.')
  const { host } = new URL(url)
  try {
    await serverInfo(url)
  } catch (error) {
    const cause = error instanceof Error && 'code' in error ? error.code : 'no usable reply'
    throw new Error(`The Redis of REDIS_URL at ${host} cannot be used: ${cause}.`, { cause: error })
  }
  return { url, description: `${host} (from REDIS_URL)`, stop: async () => {} }
}

async function startRedis() {
  const program = ['redis-server', 'valkey-server'].find(
    (name) => spawnSync(name, ['--version'], { timeout: 5_000 }).status === 0,
  )
  if (program === undefined)
    throw new Error(
      'Instances share sessions over Redis: install redis-server or valkey-server, or set REDIS_URL.',
    )
  const port = await freePort()
  const args = [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', tmpdir()],
    ...['--save', '', '--appendonly', 'no'],
  ]
  // In a process group of its own, Ctrl-C does not end it before the instances have closed.
  const child = spawn(program, args, { stdio: 'ignore', detached: true })
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const stop = async () => {
    await end(child)
    process.off('exit', killAtExit)
  }
  const url = `redis://127.0.0.1:${port}`
  try {
    await untilReady(child, url)
  } catch (error) {
    await stop()
    throw error
  }
  return { url, description: `127.0.0.1:${port} (${program})`, stop }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new TypeError('No free port.')
  return address.port
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {string} url
 */
async function untilReady(child, url) {
  const deadline = performance.now() + START_LIMIT_MS
  while (performance.now() < deadline && isRunning(child)) {
    const info = await serverInfo(url).catch(() => '')
    // Another server may have taken the port in the meantime; its process id differs.
    if (info.includes(`process_id:${child.pid}\r`)) return
    await delay(20)
  }
  throw new Error(`${child.spawnfile} did not start.`)
}

/** @param {string} url */
async function serverInfo(url) {
  const client = createClient({
    url,
    socket: { reconnectStrategy: false, connectTimeout: CONNECT_LIMIT_MS },
  })
  client.on('error', () => {}) // connect() rejects with the same error.
  const limit = setTimeout(() => client.destroy(), CONNECT_LIMIT_MS)
  try {
    await client.connect()
    return await client.info('server')
  } finally {
    clearTimeout(limit)
    if (client.isOpen) client.destroy()
  }
}

/** @param {import('node:child_process').ChildProcess} child */
async function end(child) {
  if (!isRunning(child)) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
  await exited
  clearTimeout(limit)
}

/** @param {import('node:child_process').ChildProcess} child */
function isRunning(child) {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}
