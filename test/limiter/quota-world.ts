/** A process with its memory and its limiter, an org that counts its minute, and users with habits: the quota model. */

import type { OktaAnswer } from '../../src/contracts.js'
import { Limiter } from '../../src/limiter/limiter.js'
import type { Settings } from '../../src/options/options.js'
import { parseOptions } from '../../src/options/parse-options.js'
import type { Session, SessionContext } from '../../src/public-types.js'
import { credentialKey } from '../../src/session/cache.js'
import { Lookup } from '../../src/session/lookup.js'
import { RevocationLog } from '../../src/session/revocations.js'
import { sessionFor } from '../session/lookup-world.js'
import { Simulation } from './simulation.js'

const MINUTE = 60_000

/** What a user does: sends a request at an interval, for some time after it was first admitted. */
export interface Habit {
  readonly requestEveryMs: number
  readonly stayMs: number
}

/** What happened in one stretch of time. */
export interface Tally {
  requests: number
  active: number
  stale: number
  signIn: number
  refused: number
}

export interface User {
  cookie: string
  readonly client: string
  readonly arrivedAt: number
  /** When it was first answered with anything but "try again". */
  answeredAt?: number
  /** When it first got in. */
  inAt?: number
}

interface QuotaWorldOptions {
  readonly perMinute?: number
  readonly seed?: number
  readonly upstream?: Partial<Settings['upstream']>
}

export class QuotaWorld {
  readonly sim: Simulation
  readonly limiter: Limiter
  readonly lookup: Lookup
  readonly users: User[] = []
  readonly perMinute: number
  readonly tallies: Tally[] = []
  readonly callsInMinute: number[] = []
  /** Okta's 429s. */
  tooMany = 0
  calls = 0
  /** Requests of users who had got in that were answered "try again". */
  refusedAfterIn = 0
  readonly #sessions = new Map<string, number>()
  #window = { endsAt: 0, used: 0 }
  #cookies = 0

  constructor({ perMinute = 600, seed = 1, upstream: figures = {} }: QuotaWorldOptions = {}) {
    this.sim = new Simulation(seed)
    this.perMinute = perMinute
    const { clock, random } = this.sim
    const { cache, upstream, api } = parseOptions(
      { orgUrl: 'https://id.example.com', logger: false },
      {},
    )
    const log = new RevocationLog({
      org: 'org.test',
      clock,
      retentionMs: cache.maxTtlMs + 2 * api.timeoutMs,
      maxRecords: 1_000,
      maxProvisional: 100,
    })
    this.limiter = new Limiter({
      org: 'org.test',
      upstream: { ...upstream, ...figures },
      clock,
      random,
      logger: undefined,
    })
    this.lookup = new Lookup({
      org: 'org.test',
      cache,
      timeoutMs: api.timeoutMs,
      clock,
      random,
      limiter: this.limiter,
      log,
      fetchSession: ({ value }) => this.#fetch(value),
    })
  }

  /** A cookie with a session of two hours behind it. */
  signedIn(): string {
    const cookie = this.deadCookie()
    this.#sessions.set(cookie, this.sim.clock.wall + 120 * MINUTE)
    return cookie
  }

  /** Ends a session. */
  end(cookie: string): void {
    this.#sessions.delete(cookie)
  }

  deadCookie(): string {
    this.#cookies += 1
    return `cookie${this.#cookies}`
  }

  /** A user who comes in so many milliseconds. */
  arrives(inMs: number, cookie: string, { requestEveryMs, stayMs }: Habit, address?: string): void {
    this.sim.in(inMs, () => {
      const at = this.sim.now
      const client = address ?? `10.${(this.users.length >> 8) & 255}.${this.users.length & 255}.1`
      const user: User = { cookie, client, arrivedAt: at }
      this.users.push(user)
      void this.#live(user, requestEveryMs, stayMs)
    })
  }

  /** One request in so many milliseconds, of a client that never comes back. */
  requestOnce(inMs: number, cookie: string, client: string): void {
    this.sim.in(inMs, () => {
      void this.#request({ cookie, client })
    })
  }

  /** A request that only a fresh answer will do for. */
  async demand(value: string, client: string): Promise<SessionContext> {
    const key = credentialKey('idx', value)
    return this.lookup.lookUp(key, { as: 'idx', value }, { client, maxStalenessMs: 0 })
  }

  /** The so-manieth part of the users' waits until something happened to them, in seconds. */
  wait(of: 'answeredAt' | 'inAt', part: number): number {
    const waits = this.users.map((user) => (user[of] ?? Number.POSITIVE_INFINITY) - user.arrivedAt)
    waits.sort((one, other) => one - other)
    return Math.round((waits[Math.ceil(part * waits.length) - 1] ?? 0) / 100) / 10
  }

  /** The share of the requests between two minutes that were answered "try again". */
  refusedShare(fromMinute: number, toMinute: number): number {
    const some = this.tallies.slice(fromMinute, toMinute)
    const sum = (of: (tally: Tally) => number) => some.reduce((all, each) => all + of(each), 0)
    return sum(({ refused }) => refused) / sum(({ requests }) => requests)
  }

  async #live(user: User, requestEveryMs: number, stayMs: number): Promise<void> {
    const { sim } = this
    while (user.inAt === undefined || sim.now < user.inAt + stayMs) {
      const context = await this.#request(user)
      this.#count(user, context)
      if (context.state === 'unavailable')
        // The page reloads itself after Retry-After, which is whole seconds; until then there is nothing to click.
        await sim.after(Math.ceil(context.retryAfterMs / 1_000) * 1_000 + sim.random() * 200)
      else if (context.state === 'anonymous') {
        await sim.after(10_000 + sim.random() * 20_000)
        user.cookie = this.signedIn()
      } else await sim.after(sim.gap(requestEveryMs))
    }
  }

  #request({
    cookie: value,
    client,
  }: Pick<User, 'cookie' | 'client'>): SessionContext | Promise<SessionContext> {
    const key = credentialKey('idx', value)
    const hit = this.lookup.hitAndPrefetch(key, 'idx', `idx=${value}`)
    return hit ?? this.lookup.lookUp(key, { as: 'idx', value }, { client, navigation: true })
  }

  #count(user: User, context: SessionContext): void {
    const { now } = this.sim
    const tally = this.#tallyOf(Math.floor(now / MINUTE))
    tally.requests += 1
    if (context.state === 'unavailable') {
      tally.refused += 1
      if (user.inAt !== undefined) this.refusedAfterIn += 1
    } else user.answeredAt ??= now
    if (context.state === 'anonymous') tally.signIn += 1
    if (context.state !== 'active') return
    user.inAt ??= now
    tally.active += 1
    if (context.source === 'stale') tally.stale += 1
  }

  #tallyOf(minute: number): Tally {
    while (this.tallies.length <= minute)
      this.tallies.push({ requests: 0, active: 0, stale: 0, signIn: 0, refused: 0 })
    return this.tallies[minute] as Tally
  }

  async #fetch(value: string): Promise<OktaAnswer<Session>> {
    const { sim } = this
    await sim.after(30 + sim.random() * 40)
    const answer = this.#answer(value)
    await sim.after(30 + sim.random() * 40)
    return answer
  }

  #answer(value: string): OktaAnswer<Session> {
    const { wall } = this.sim.clock
    const minute = Math.floor(this.sim.now / MINUTE)
    this.callsInMinute[minute] = (this.callsInMinute[minute] ?? 0) + 1
    this.calls += 1
    if (wall >= this.#window.endsAt) this.#window = { endsAt: wall + MINUTE, used: 0 }
    this.#window.used += 1
    const remaining = this.perMinute - this.#window.used
    // Okta speaks of whole seconds.
    const resetAt = Math.ceil(this.#window.endsAt / 1_000) * 1_000
    const head = {
      status: 200,
      setCookies: [],
      oktaTime: Math.floor(wall / 1_000) * 1_000,
      rateLimit: { limit: this.perMinute, remaining: Math.max(0, remaining), resetAt },
    }
    if (remaining < 0) {
      this.tooMany += 1
      const retryAfterMs = resetAt - head.oktaTime + 1_000
      return { kind: 'unavailable', code: 'rate_limited', retryAfterMs, head }
    }
    const endsAt = this.#sessions.get(value)
    return endsAt !== undefined && endsAt > wall
      ? { kind: 'yes', value: sessionFor(value, endsAt), head }
      : { kind: 'no', head }
  }
}
