/** Starts a real Redis or Valkey for a test: on a free port, without persistence. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createClient } from 'redis'
import { describe, test } from 'vitest'
import { freePorts } from './free-ports.js'

const startLimitMs = 5_000
const stopLimitMs = 2_000

/** The server program of this machine, or undefined. */
export const serverProgram = ['redis-server', 'valkey-server'].find(
  (name) => spawnSync(name, ['--version'], { timeout: 5_000 }).status === 0,
)

const missing = "No Redis server program was found: install Debian's redis-server or valkey-server."

/** What describeRedis() does on a machine: with CI=true a missing server fails, as a skip would hide it. */
export function planOf(
  program: string | undefined,
  ci: string | undefined,
): 'run' | 'skip' | 'fail' {
  if (program !== undefined) return 'run'
  return ci === 'true' ? 'fail' : 'skip'
}

/** A describe() of tests that need a Redis server. */
export function describeRedis(name: string, fn: () => void): void {
  const plan = planOf(serverProgram, process.env.CI)
  if (plan === 'run') {
    describe(name, fn)
    return
  }
  describe(name, () => {
    test('a Redis server program is installed', (context) => {
      if (plan === 'fail') throw new Error(missing)
      context.skip(missing)
    })
  })
}

export interface RedisServerOptions {
  /** Further lines of the server's configuration file, such as `maxmemory 1mb`. */
  readonly config?: readonly string[]
  /** The port to listen on. Default: a free one. */
  readonly port?: number
}

/** Starts a server and resolves once it answers PING. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const port = options.port ?? (await freePorts(1))[0] ?? 0
  const server = new RedisServer(port, options.config ?? [])
  await server.start()
  return server
}

/** A running server. */
export class RedisServer {
  readonly port: number
  readonly url: string
  readonly #config: readonly string[]
  #child: ChildProcess | undefined
  #dir: string | undefined
  #client: ReturnType<typeof clientOf> | undefined

  constructor(port: number, config: readonly string[]) {
    this.port = port
    this.url = `redis://127.0.0.1:${port}`
    this.#config = config
  }

  /** Starts the program; startRedis() and restart() call this. */
  async start(): Promise<void> {
    if (serverProgram === undefined) throw new Error(missing)
    this.#dir ??= await mkdtemp(join(tmpdir(), 'redis-test-'))
    const args = ['-', '--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#dir]
    const child = spawn(serverProgram, [...args, '--save', '', '--appendonly', 'no'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#child = child
    const output: string[] = []
    child.stdout.on('data', (data) => output.push(String(data)))
    child.stderr.on('data', (data) => output.push(String(data)))
    child.on('error', (error) => output.push(String(error)))
    child.stdin.on('error', () => {}) // A program that ended at once does not read its configuration.
    child.stdin.end(`${this.#config.join('\n')}\n`)
    process.once('exit', this.#killAtExit)
    try {
      await this.#untilPong(output)
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  readonly #killAtExit = (): void => {
    this.#child?.kill('SIGKILL')
  }

  async #untilPong(output: readonly string[]): Promise<void> {
    const deadline = performance.now() + startLimitMs
    while (performance.now() < deadline && this.#running) {
      // The PID differs when another process took the port.
      const info = await this.command('INFO', 'server').catch(() => '')
      if (String(info).includes(`process_id:${this.#child?.pid}\r`)) {
        if ((await this.command('PING')) === 'PONG') return
      }
      await delay(10)
    }
    throw new Error(`The Redis server did not answer PING:\n${output.join('')}`)
  }

  get #running(): boolean {
    const child = this.#child
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null
  }

  /** Sends one command past any proxy and resolves with its reply. */
  async command(...args: readonly string[]): Promise<unknown> {
    if (this.#client?.isReady !== true) {
      this.#closeClient()
      this.#client = clientOf(this.url)
      await this.#client.connect()
    }
    return await this.#client.sendCommand([...args])
  }

  #closeClient(): void {
    if (this.#client?.isOpen === true) this.#client.destroy()
    this.#client = undefined
  }

  /** Stops the process without answering: connections stay open, as on a host that hangs. */
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  /** Ends the process at once, as a crash does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Ends the process and removes its directory. */
  async stop(): Promise<void> {
    this.resume()
    await this.#end('SIGTERM')
    if (this.#dir !== undefined) await rm(this.#dir, { recursive: true, force: true })
    this.#dir = undefined
  }

  /** Starts an empty server on the same port; ends the present one first. */
  async restart(): Promise<void> {
    await this.kill()
    await this.start()
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#closeClient()
    process.off('exit', this.#killAtExit)
    const child = this.#child
    if (child === undefined || !this.#running) return
    const exited = once(child, 'exit')
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs)
    await exited
    clearTimeout(timer)
  }
}

function clientOf(url: string) {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    socket: { reconnectStrategy: false, connectTimeout: 1_000 },
  })
  client.on('error', () => {}) // The command that failed rejects; without a listener the process ends.
  return client
}
