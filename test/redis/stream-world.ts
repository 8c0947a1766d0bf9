/** Instances over one Redis: the log half of the engine, over a connection that a test can cut. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createClient } from 'redis'
import { BlockingReader } from '../../src/redis/blocking-reader.js'
import { BoundedCommands } from '../../src/redis/bounded-commands.js'
import { adaptClient } from '../../src/redis/client.js'
import { RevocationStream } from '../../src/redis/revocation-stream.js'
import { createSealer } from '../../src/redis/seal.js'
import type { SharedRecord } from '../../src/session/shared-cache.js'
import { createLog } from '../../src/telemetry/log-lines.js'

/** Tests skip without redis-server, and fail where CI runs them. */
export const isRedisMissing =
  process.env.CI !== 'true' && spawnSync('redis-server', ['--version']).status !== 0

export const KEY = 'app:{log:org}'
export const SECRET = 'the current secret, of more than 32 bytes'
export const ORG = 'https://id.example.com'
const MAX_TTL_MS = 300_000
const clock = { now: () => Date.now(), monotonic: () => performance.now() }

const clientOf = (port: number) => createClient({ url: `redis://127.0.0.1:${port}` })
export type Client = ReturnType<typeof clientOf>

/** One instance, and what its log told it. */
export interface LogInstance {
  readonly id: string
  readonly stream: RevocationStream
  readonly records: SharedRecord[]
  readonly ages: number[]
  /** Gaps in which this instance may have missed records. */
  readonly gaps: number[]
  /** The times up to which entries are void, from all gaps. */
  readonly voidUpTo: number[]
  readonly lines: string[]
  readonly counts: number[]
  /** Undefined until the log has been read once. */
  position(): string | undefined
  /** How many records had been handed on at the first onRead. */
  recordsAtFirstRead(): number | undefined
}

export const forget = (name: string): SharedRecord => ({ kind: 'forget', subjects: [name] })

export function append(instance: LogInstance, record: SharedRecord): Promise<string> {
  return instance.stream.append({ kind: 'record', record })
}

export class LogWorld {
  readonly client: Client
  readonly #server: ChildProcess
  readonly #proxy: Server
  readonly #sockets = new Set<Socket>()
  readonly #clients: Client[] = []
  readonly #instances: LogInstance[] = []
  #isCut = false

  private constructor(server: ChildProcess, client: Client, redisPort: number) {
    this.#server = server
    this.client = client
    this.#proxy = createServer((socket) => this.#forward(socket, redisPort))
  }

  static async start(): Promise<LogWorld> {
    const port = await freePort()
    const options = ['--bind', '127.0.0.1', '--port', `${port}`, '--save', '', '--appendonly', 'no']
    const server = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] })
    for await (const chunk of server.stdout.iterator({ destroyOnReturn: false }))
      if (String(chunk).includes('Ready to accept connections')) break
    server.stdout.resume()
    const client = clientOf(port)
    await client.connect()
    const world = new LogWorld(server, client, port)
    world.#proxy.listen(0, '127.0.0.1')
    await once(world.#proxy, 'listening')
    return world
  }

  async instance(
    id: string,
    { secrets = [SECRET], heartbeatMs = 10_000 }: { secrets?: string[]; heartbeatMs?: number } = {},
  ): Promise<LogInstance> {
    const client = clientOf((this.#proxy.address() as AddressInfo).port)
    client.on('error', () => {})
    await client.connect()
    this.#clients.push(client)
    const adapted = adaptClient(client)
    if (adapted === undefined) throw new Error('not a client')
    const lines: string[] = []
    const stream = new RevocationStream({
      key: KEY,
      instance: id,
      heartbeatMs,
      clock,
      random: () => 0.5,
      logger: createLog({ warn: (line) => lines.push(line) }, ORG),
      commands: new BoundedCommands({ org: 'org.test', client: adapted, clock, random: () => 0.5 }),
      reader: new BlockingReader(adapted),
      sealer: createSealer(secrets, ORG),
      retentionMs: Math.max(15 * 60_000, MAX_TTL_MS + 60_000),
    })
    const instance = listen(id, stream, lines)
    this.#instances.push(instance)
    return instance
  }

  /** All connections of instances end, and new ones are refused. */
  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.destroy()
  }

  mend(): void {
    this.#isCut = false
  }

  /** The stream as anybody with access to Redis sees it. */
  async dump(): Promise<{ id: string; message: Record<string, string> }[]> {
    return (await this.client.xRange(KEY, '-', '+')) ?? []
  }

  /** Ends the instances and empties Redis. */
  async clear(): Promise<void> {
    this.mend()
    await Promise.all(this.#instances.splice(0).map(({ stream }) => stream.close()))
    for (const client of this.#clients.splice(0)) client.destroy()
    await this.client.configSet('maxmemory', '0')
    await this.client.flushAll()
  }

  async close(): Promise<void> {
    await this.clear()
    this.cut()
    this.#proxy.close()
    this.client.destroy()
    this.#server.kill()
    await once(this.#server, 'exit')
  }

  #forward(socket: Socket, redisPort: number): void {
    if (this.#isCut) {
      socket.destroy()
      return
    }
    const redis = connect(redisPort, '127.0.0.1')
    for (const [one, other] of [
      [socket, redis],
      [redis, socket],
    ] as const) {
      one.setNoDelay(true)
      one.pipe(other)
      one.on('error', () => {})
      one.on('close', () => other.destroy())
      this.#sockets.add(one)
      one.on('close', () => this.#sockets.delete(one))
    }
  }
}

function listen(id: string, stream: RevocationStream, lines: string[]): LogInstance {
  let position: string | undefined
  let atFirstRead: number | undefined
  const records: SharedRecord[] = []
  const ages: number[] = []
  const gaps: number[] = []
  const voidUpTo: number[] = []
  const counts: number[] = []
  stream.onInstances((count) => counts.push(count))
  stream.subscribe({
    onRecord: (record, _, ageMs) => {
      records.push(record)
      ages.push(ageMs)
    },
    onRead: (last) => {
      atFirstRead ??= records.length
      position = last
    },
    onGap: (upTo, here) => {
      voidUpTo.push(upTo)
      if (here) gaps.push(upTo)
    },
  })
  const told = { records, ages, gaps, voidUpTo, lines, counts }
  return {
    id,
    stream,
    ...told,
    position: () => position,
    recordsAtFirstRead: () => atFirstRead,
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
