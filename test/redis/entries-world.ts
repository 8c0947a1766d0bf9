/** Instances over one Redis: the entry half of the engine, with commands that a test can give up and run late. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:net'
import { createClient } from 'redis'
import type { Session } from '../../src/public-types.js'
import type { Commands, Script } from '../../src/redis/commands.js'
import { Entries } from '../../src/redis/entries.js'
import { createSealer, type Sealer } from '../../src/redis/seal.js'
import { credentialKey } from '../../src/session/cache.js'
import { subject } from '../../src/session/revocations.js'
import {
  defineStore,
  openStore,
  type SharedEntry,
  type SharedSessions,
  type StoreContext,
} from '../../src/session/shared-cache.js'

/** Tests skip without redis-server, and fail where CI runs them. */
export const isRedisMissing =
  process.env.CI !== 'true' && spawnSync('redis-server', ['--version']).status !== 0

export const ORG = 'https://id.example.com'
export const SECRET = 'the current secret, of more than 32 bytes'
export const OLD_SECRET = 'the previous secret, of more than 32 bytes'
export const PREFIX = 'app'
export const COOKIE = '102cookieValueOfAUser'
export const MAX_TTL_MS = 300_000

export const session: Session = Object.freeze({
  id: '101sessionIdOfAUser',
  login: 'isaac@example.com',
  userId: '00uUserIdOfAUser',
  status: 'ACTIVE',
  expiresAt: '2099-01-01T00:00:00.000Z',
  createdAt: '2026-01-01T00:00:00.000Z',
  lastPasswordVerification: '2026-01-01T00:00:00.000Z',
  lastFactorVerification: null,
  amr: Object.freeze(['pwd', 'mfa']),
  idp: Object.freeze({ id: '00oIdentityProvider', type: 'OKTA' }),
  mfaActive: true,
})

export function entryAt(askedAt: number, fields: Partial<Session> = {}): SharedEntry {
  return { session: { ...session, ...fields }, askedAt, oktaAheadMs: 12.5, position: '5-0' }
}

/** Sends everything at once; while `late` is set, it keeps scripts back and their callers get an error. */
export class TestCommands implements Commands {
  readonly isUp = true
  readonly counts = { commands: 0, failures: 0 }
  late = false
  readonly #client: Client
  readonly #late: (() => Promise<unknown>)[] = []
  readonly #ran = new EventEmitter()

  constructor(client: Client) {
    this.#client = client
  }

  send(_: string, args: readonly string[]): Promise<unknown> {
    return this.#client.sendCommand([...args])
  }

  async run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const command = ['EVAL', script.source, `${keys.length}`, ...keys, ...args]
    if (this.late) {
      this.#late.push(() => this.#client.sendCommand(command))
      throw new Error('given up')
    }
    const reply = await this.#client.sendCommand(command)
    this.#ran.emit(script.sha1)
    return reply
  }

  /** Resolves when the script has been run so often from now on. */
  async ran(script: Script, times: number): Promise<void> {
    for (let count = 0; count < times; count += 1) await once(this.#ran, script.sha1)
  }

  /** Runs what was given up. */
  async runLate(): Promise<void> {
    this.late = false
    for (const run of this.#late.splice(0)) await run()
  }

  onChange(): void {}
  async close(): Promise<void> {}
}

const clientOf = (port: number) => createClient({ url: `redis://127.0.0.1:${port}` })

export type Client = ReturnType<typeof clientOf>

export interface Instance {
  readonly entries: Entries
  readonly commands: TestCommands
  readonly sealer: Sealer
  /** The names of a cookie's credential. */
  names(cookie?: string): readonly string[]
  /** This instance's clock is so far ahead. */
  aheadMs: number
}

export class World {
  readonly client: Client
  readonly #server: ChildProcess
  readonly #clients: Client[] = []
  readonly #instances: Instance[] = []

  private constructor(server: ChildProcess, client: Client) {
    this.#server = server
    this.client = client
  }

  static async start(): Promise<World> {
    const port = await freePort()
    const options = ['--bind', '127.0.0.1', '--port', `${port}`, '--save', '', '--appendonly', 'no']
    const server = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] })
    for await (const chunk of server.stdout.iterator({ destroyOnReturn: false }))
      if (String(chunk).includes('Ready to accept connections')) break
    server.stdout.resume()
    const client = clientOf(port)
    await client.connect()
    return new World(server, client)
  }

  async instance(
    secrets: readonly string[] = [SECRET],
    options: { readonly timeoutMs?: number; readonly prefix?: string } = {},
  ): Promise<Instance> {
    const client = this.client.duplicate()
    await client.connect()
    this.#clients.push(client)
    const commands = new TestCommands(client)
    const sealer = createSealer(secrets, ORG)
    const { prefix = PREFIX, timeoutMs = 3_000 } = options
    const clock = {
      now: () => Date.now() + instance.aheadMs,
      monotonic: () => performance.now(),
    }
    const rest = { clock, random: Math.random, maxTtlMs: MAX_TTL_MS, timeoutMs }
    const entries = new Entries({ commands, sealer, prefix, ...rest })
    const name = nameSubject({
      org: 'org.test',
      orgOrigin: ORG,
      secrets,
      logger: undefined,
      ...rest,
    })
    const names = (cookie = COOKIE) => name(subject.credential(credentialKey('idx', cookie)))
    const instance: Instance = { entries, commands, sealer, names, aheadMs: 0 }
    this.#instances.push(instance)
    return instance
  }

  /** The keys and values of all types. */
  async dump(): Promise<string> {
    const lines: string[] = []
    for (const key of (await this.client.keys('*')).sort()) {
      const isHash = (await this.client.type(key)) === 'hash'
      const value = isHash ? await this.client.hGetAll(key) : await this.client.get(key)
      lines.push(`${key} ${JSON.stringify(value)}`)
    }
    return lines.join('\n')
  }

  /** Ends the instances and deletes all keys. */
  async reset(): Promise<void> {
    for (const { entries, commands } of this.#instances.splice(0)) {
      commands.late = false
      entries.close()
      await entries.settled()
    }
    for (const client of this.#clients.splice(0)) client.destroy()
    await this.client.flushAll()
  }

  async stop(): Promise<void> {
    await this.reset()
    this.client.destroy()
    const exited = once(this.#server, 'exit')
    this.#server.kill()
    await exited
  }
}

/** The names that oktaSession() gives an engine. */
function nameSubject(context: StoreContext) {
  // The entry half alone is under test: the lookup's other calls are not made.
  const engine = {} as SharedSessions
  const opened = openStore(
    defineStore(() => engine),
    context,
  )
  if (opened === undefined) throw new Error('the store was not opened')
  return opened.nameSubject
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
