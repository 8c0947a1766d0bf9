/** Two instances over one Redis behind a proxy, and steady requests of signed-in users to both. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LocalOrg } from 'express-okta-session/local-org'
import { expect } from 'vitest'
import type { ClientLibrary, Instance, useInstances } from './instances.js'
import { RedisServer } from './redis-server.js'
import { startProxy, type TcpProxy } from './tcp-proxy.js'

const sameOrigin = { 'Sec-Fetch-Site': 'same-origin' }
const logins = ['alice@example.com', 'bob@example.com', 'carol@example.com'] as const
/** How often a user's cookie is sent to each instance before the user signs in anew. */
const requestsPerCookie = 3
/** Longer than any backoff of a client or of the store, and than entries are void after a gap. */
const settleLimitMs = 15_000

export const down = expect.stringContaining('Redis can not be used')
export const up = expect.stringContaining('Redis answers again')
export const late = expect.stringContaining('reach the others late')
export const again = expect.stringContaining('reach the other instances again')

/** Sends requests for as long as it runs, and counts their answers. */
export class Load {
  readonly #running: Promise<unknown>
  #isStopped = false
  #answers = 0
  /** The answers other than 200, and requests without one. */
  readonly #others: string[] = []

  constructor(org: LocalOrg, instances: readonly Instance[]) {
    const users = logins.flatMap((login) => [
      { login, order: instances },
      { login, order: [...instances].reverse() },
    ])
    this.#running = Promise.all(
      users.map(async ({ login, order }) => {
        while (!this.#isStopped) await this.#browse(order, org.signIn(login))
      }),
    )
  }

  /** Resolves once so many further requests were answered. */
  async goesOn(answers = 60): Promise<void> {
    const enough = this.#answers + answers
    await expect
      .poll(() => this.#answers, { timeout: settleLimitMs, interval: 5 })
      .toBeGreaterThanOrEqual(enough)
  }

  async stop(): Promise<{ readonly answers: number; readonly others: readonly string[] }> {
    this.#isStopped = true
    await this.#running
    return { answers: this.#answers, others: this.#others }
  }

  async #browse(instances: readonly Instance[], cookie: string): Promise<void> {
    for (let count = 0; count < requestsPerCookie; count += 1) {
      for (const { name, url } of instances) {
        const result = await statusOf(url, cookie)
        this.#answers += 1
        if (result !== '200') this.#others.push(`${name}: ${result}`)
        await nextTurn()
      }
    }
  }
}

export class FailuresWorld {
  readonly server: RedisServer
  readonly proxy: TcpProxy
  readonly #org: LocalOrg
  readonly #loads: Load[] = []
  #instances: readonly Instance[] = []

  constructor(org: LocalOrg, server: RedisServer, proxy: TcpProxy) {
    this.#org = org
    this.server = server
    this.proxy = proxy
  }

  get first(): Instance {
    return instanceAt(this.#instances, 0)
  }

  get second(): Instance {
    return instanceAt(this.#instances, 1)
  }

  /** Starts an instance with each library. */
  async startInstances(
    start: ReturnType<typeof useInstances>,
    libraries: readonly ClientLibrary[],
  ): Promise<void> {
    const { url } = this.proxy
    const started = libraries.map((library) =>
      start(1, {
        orgUrl: this.#org.url,
        redis: { url, library },
        options: { upstream: { maxConcurrent: 100 } },
      }),
    )
    this.#instances = (await Promise.all(started)).flat()
  }

  load(): Load {
    const load = new Load(this.#org, this.#instances)
    this.#loads.push(load)
    return load
  }

  /** Ends the requests and the failure that a failed test left, so that the next test does not fail too. */
  async recover(): Promise<void> {
    await this.#stopLoads()
    this.proxy.slow(0)
    await this.proxy.restore()
    this.server.resume()
    await this.server.command('PING').catch(() => this.server.restart())
    await this.server.command('REPLICAOF', 'NO', 'ONE')
    await this.server.command('CONFIG', 'SET', 'maxmemory', '0')
  }

  async #stopLoads(): Promise<void> {
    await Promise.all(this.#loads.splice(0).map((load) => load.stop()))
  }

  /** The messages that each instance has logged. */
  lines(): readonly (readonly string[])[] {
    return this.#instances.map(({ lines }) => lines.map(({ message }) => message))
  }

  /** Returns a function that returns the messages logged after this call. */
  linesFromNow(): () => readonly (readonly string[])[] {
    const before = this.lines().map(({ length }) => length)
    return () => this.lines().map((lines, index) => lines.slice(before[index]))
  }

  /** Resolves when each instance has logged so many lines since. */
  async logged(lines: () => readonly (readonly string[])[], count: number): Promise<void> {
    await expect
      .poll(() => Math.min(...lines().map(({ length }) => length)), {
        timeout: settleLimitMs,
        interval: 5,
      })
      .toBeGreaterThanOrEqual(count)
  }

  /** The Cookie header of a new session that both instances have in memory: the second has it from Redis. */
  async sharedCookie(from = this.first, to = this.second): Promise<string> {
    let cookie = ''
    await expect
      .poll(
        async () => {
          cookie = this.#org.signIn(logins[0])
          expect(await this.status(from, cookie)).toBe('200')
          return await sourceAt(to.url, cookie)
        },
        { timeout: settleLimitMs, interval: 50 },
      )
      .toBe('shared')
    return cookie
  }

  status({ url }: Instance, cookie: string): Promise<string> {
    return statusOf(url, cookie)
  }

  async signOut({ url }: Instance, cookie: string): Promise<number> {
    const headers = { cookie, ...sameOrigin }
    const answer = await fetch(`${url}/sign-out`, { method: 'POST', headers })
    return answer.status
  }

  /** Resolves when the instance refuses a cookie. Sessions stay in memory for longer: only the log ends them. */
  async refusedAt(instance: Instance, cookie: string): Promise<void> {
    await expect
      .poll(() => this.status(instance, cookie), { timeout: settleLimitMs, interval: 10 })
      .toBe('401')
  }

  /** Sessions found at one instance are known at the other, and sign-outs take effect there: both ways. */
  async sharingWorks(): Promise<void> {
    for (const [from, to] of [
      [this.first, this.second],
      [this.second, this.first],
    ] as const) {
      await this.signOutTakesEffect(await this.sharedCookie(from, to), from, to)
    }
  }

  /** Resolves once the other instance has read both records: the confirmation is appended after the answer. */
  async signOutTakesEffect(cookie: string, from = this.first, to = this.second): Promise<void> {
    const before = await recordsReadAt(to.url)
    expect(await this.signOut(from, cookie)).toBe(204)
    await this.refusedAt(to, cookie)
    await expect
      .poll(() => recordsReadAt(to.url), { timeout: settleLimitMs, interval: 10 })
      .toBeGreaterThanOrEqual(before + 2)
  }

  async close(): Promise<void> {
    await this.#stopLoads()
    await this.proxy.close()
    await this.server.stop()
  }
}

/** A world whose server and instances are not started yet. */
export async function createFailuresWorld(org: LocalOrg, port: number): Promise<FailuresWorld> {
  return new FailuresWorld(org, new RedisServer(port, []), await startProxy(port))
}

async function statusOf(url: string, cookie: string): Promise<string> {
  try {
    const answer = await fetch(`${url}/me`, { headers: { cookie } })
    await answer.arrayBuffer()
    return String(answer.status)
  } catch (error) {
    return String(error)
  }
}

async function sourceAt(url: string, cookie: string): Promise<unknown> {
  const answer = await fetch(`${url}/me`, { headers: { cookie } })
  const body: unknown = await answer.json()
  return Object(body).source
}

async function recordsReadAt(url: string): Promise<number> {
  const answer = await fetch(`${url}/stats`)
  const stats: unknown = await answer.json()
  return Number(Object(Object(stats).store).recordsRead)
}

function instanceAt(instances: readonly Instance[], index: number): Instance {
  const instance = instances[index]
  if (instance === undefined) throw new Error('The instances were not started')
  return instance
}
