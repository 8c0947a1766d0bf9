/** The shared store: version, eviction, latency, clock, and the commands that its user may send. */
import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Finding } from '../../public-types.js'
import { type Connection, findClient } from './redis-client.js'

/** What docs/many-instances.md requires. */
const OLDEST = [6, 2] as const
/** A command of the store is given up after this time. */
const GIVEN_UP_MS = 100
const SLOW_MS = 20
const PINGS = 20
/** No PING is sent after so long: the whole check has a few seconds. */
const PINGS_END_MS = 1_000
/** A shared entry from further in the future is ignored. */
const CLOCK_TOLERANCE_MS = 2_000

export async function checkRedis(
  url: URL,
  cwd: string,
  timeoutMs: number,
): Promise<readonly Finding[]> {
  const connect = await findClient(cwd)
  if (connect === undefined)
    return [
      finding(
        'warning',
        'Neither redis nor ioredis is installed in this directory: Redis was not checked',
        'Run the command in the directory of the app, or install one of them (npm install redis)',
      ),
    ]
  let connection: Connection | undefined
  try {
    connection = await within(timeoutMs, connect(url, timeoutMs))
    return await within(timeoutMs, checkConnection(connection))
  } catch (error) {
    return [
      finding(
        'fault',
        `Redis at ${url.host} can not be used: ${reasonOf(error)}`,
        'Check host, port, TLS (rediss:), user and password. Meanwhile each instance works alone',
      ),
    ]
  } finally {
    connection?.close()
  }
}

function finding(level: Finding['level'], message: string, advice?: string): Finding {
  return { check: 'redis', level, message, ...(advice !== undefined && { advice }) }
}

async function checkConnection(connection: Connection): Promise<readonly Finding[]> {
  await connection.send('PING')
  const denied = await deniedCommands(connection)
  return [
    await judgeInfo(connection),
    await judgeLatency(connection),
    await judgeClock(connection),
    denied.length === 0
      ? finding('ok', 'Its user may send the commands of the store, on keys that begin with eos:')
      : finding(
          'fault',
          `Its user may not send ${denied.join(', ')} on keys that begin with eos:`,
          'Grant them as docs/many-instances.md shows (ACL SETUSER)',
        ),
  ].flat()
}

async function judgeInfo(connection: Connection): Promise<readonly Finding[]> {
  const info = await connection.send('INFO').then(String, () => undefined)
  if (info === undefined)
    return [
      finding(
        'warning',
        'INFO is refused: version and eviction policy are not known',
        'Grant +info',
      ),
    ]
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1]
  const valkey = field('valkey_version')
  const version = valkey ?? field('redis_version') ?? ''
  return [
    judgeVersion(valkey === undefined ? 'Redis' : 'Valkey', version),
    judgePolicy(field('maxmemory_policy'), field('maxmemory')),
  ]
}

function judgeVersion(name: 'Redis' | 'Valkey', version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])
  if (name === 'Valkey' || !isOld) return finding('ok', `${name} ${version}`)
  return finding(
    'fault',
    `Redis ${version} is too old`,
    `Use Redis ${OLDEST.join('.')} or newer, or Valkey`,
  )
}

function judgePolicy(policy: string | undefined, maxmemory: string | undefined): Finding {
  if (policy === 'noeviction') return finding('ok', 'maxmemory-policy noeviction')
  if (policy === undefined)
    return finding(
      'warning',
      'Its eviction policy is not known',
      'maxmemory-policy must be noeviction',
    )
  return finding(
    'warning',
    `maxmemory-policy ${policy}${maxmemory === '0' ? ' (maxmemory is not limited now)' : ''}: when memory is short, revocations are removed silently`,
    'Set maxmemory-policy noeviction, and give the store a Redis of its own where other data may fill it',
  )
}

async function judgeLatency(connection: Connection): Promise<Finding> {
  const times: number[] = []
  const end = performance.now() + PINGS_END_MS
  while (times.length < PINGS && performance.now() < end) {
    const began = performance.now()
    await connection.send('PING')
    times.push(performance.now() - began)
  }
  times.sort((a, b) => a - b)
  const median = times[Math.floor(times.length / 2)] ?? 0
  const message = `${times.length} PINGs: median ${median.toFixed(1)} ms, longest ${times.at(-1)?.toFixed(1)} ms`
  if (median <= SLOW_MS) return finding('ok', message)
  return finding(
    median > GIVEN_UP_MS ? 'fault' : 'warning',
    message,
    `The store gives a command up after ${GIVEN_UP_MS} ms: put Redis near the app, and look for slow commands`,
  )
}

async function judgeClock(connection: Connection): Promise<readonly Finding[]> {
  const sentAt = Date.now()
  const reply = await connection.send('TIME').catch(() => undefined)
  // Without the right to send TIME the check of the commands says so.
  if (!Array.isArray(reply)) return []
  const time = Number(reply[0]) * 1_000 + Number(reply[1]) / 1_000
  const aheadMs = Math.round(time > Date.now() ? time - Date.now() : Math.min(0, time - sentAt))
  if (Math.abs(aheadMs) <= CLOCK_TOLERANCE_MS)
    return [finding('ok', 'Its clock agrees with that of this machine')]
  return [
    finding(
      'warning',
      `Its clock is ${Math.abs(aheadMs / 1_000).toFixed(0)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's`,
      'Set both by NTP: the clocks of instances must agree within two seconds',
    ),
  ]
}

/** Each command of the store once, on keys of this run that are deleted again and end by themselves. */
async function deniedCommands(connection: Connection): Promise<readonly string[]> {
  const key = `eos:doctor:{${randomUUID()}}`
  const [text, hash, stream] = [`${key}:text`, `${key}:hash`, `${key}:stream`]
  const script = "return redis.call('TYPE', KEYS[1])"
  const commands: readonly (readonly string[])[] = [
    ['SET', text, '1', 'PX', '10000'],
    ['GET', text],
    ['SETRANGE', text, '0', '2'],
    ['STRLEN', text],
    ['PTTL', text],
    ['TYPE', text],
    ['TIME'],
    ['HSET', hash, 'field', '1'],
    ['PEXPIRE', hash, '10000'],
    ['HGET', hash, 'field'],
    ['HEXISTS', hash, 'field'],
    ['HLEN', hash],
    ['HGETALL', hash],
    ['HDEL', hash, 'field'],
    ['XADD', stream, 'MAXLEN', '1', '*', 'field', '1'],
    ['PEXPIRE', stream, '10000'],
    ['XRANGE', stream, '-', '+', 'COUNT', '1'],
    ['XREAD', 'COUNT', '1', 'STREAMS', stream, '0'],
    ['EVAL', script, '1', text],
    ['EVALSHA', '0'.repeat(40), '1', text],
    ['DEL', text, hash, stream],
  ]
  const denied = await Promise.all(
    // One after the other on one connection: Redis keeps the order.
    commands.map(async (command) => {
      try {
        await connection.send(...command)
        return undefined
      } catch (error) {
        // A script that is not cached was not refused.
        return reasonOf(error) === 'NOSCRIPT' ? undefined : command[0]
      }
    }),
  )
  return [...new Set(denied.filter((name) => name !== undefined))]
}

/** The first word of Redis's error, or the system's code: the rest may quote what was sent. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no reply'
  const word = /^-?([A-Z][A-Z0-9]{1,19})(?: |$)/.exec(error.message)?.[1]
  if (word !== undefined) return word
  const code = 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^\w{1,40}$/.test(code) ? code : 'no connection'
}

/** Rejects when the work takes longer; what it does later is dropped. */
async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(Object.assign(new Error('late'), { code: 'timeout' })),
      timeoutMs,
    )
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
    work.catch(() => {})
  }
}
