/** Sessions that end at one instance while others look them up: none counts again where it has once been refused. */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { OktaSession } from 'express-okta-session'
import { redisStore } from 'express-okta-session/redis'
import { expect, it, onTestFinished } from 'vitest'
import { runs } from '../deep.js'
import { machineClock, serve, startOkta } from '../front-door/door.js'
import { sessionFor } from '../session/lookup-world.js'
import { singles, until } from './clients-world.js'
import { describeRedis, startRedis } from './redis-server.js'

const SECRET = 'the current secret, of more than 32 bytes'
/** `ROUNDS=10000` takes about ten minutes. */
const ROUNDS = Number(process.env.ROUNDS ?? runs(200, 1_000))
const CONCURRENT = 25
const INSTANCES = 3
const MAX_DELAY_MS = 8
/** For some seconds after a flush the instances share nothing. */
const FLUSH_EVERY = 500

const { 'node-redis 6': clientFor = missing } = singles

function missing(): never {
  throw new Error('this client is not installed')
}

interface Org {
  readonly url: string
  /** From now on no request for it finds the session; answers under way may still tell of it. */
  end(id: string): void
}

/** Answers as the sessions are when a request arrives, and sends the answer later: it may be out of date by then. */
async function lateOrg(): Promise<Org> {
  const ended = new Set<string>()
  const url = await serve(async (req, res) => {
    const id = (req.headers.cookie ?? '').replace(/^sid=102/, '')
    const isLive = !ended.has(id)
    if (req.method === 'DELETE') ended.add(id)
    await delay(Math.random() * MAX_DELAY_MS)
    const session = sessionFor(id, Date.now() + 7_200_000, { id: `101${id}` })
    res.setHeader('Content-Type', 'application/json')
    if (!isLive) res.statusCode = 404
    else if (req.method === 'DELETE') res.statusCode = 204
    res.end(res.statusCode === 204 ? undefined : JSON.stringify(isLive ? session : notFound))
  })
  return { url, end: (id) => ended.add(id) }
}

const notFound = { errorCode: 'E0000007', errorSummary: 'Not found', errorCauses: [] }

/** Several instances over one Redis, and what was seen of them. */
class Race {
  readonly seen = { active: 0, shared: 0, refused: 0 }
  readonly faults: string[] = []
  readonly #org: Org
  readonly #instances: readonly OktaSession[]

  constructor(org: Org, instances: readonly OktaSession[]) {
    this.#org = org
    this.#instances = instances
  }

  /** One session: it is looked up everywhere while it ends at one instance, or at two. */
  async round(id: string): Promise<void> {
    const cookie = `sid=102${id}`
    if (Math.random() < 0.8) await this.#isActive(anyOf(this.#instances), cookie)
    const ends = Array.from({ length: Math.random() < 0.3 ? 2 : 1 }, () => anyOf(this.#instances))
    const lookups = [...this.#instances, ...this.#instances].map(async (okta) => {
      await delay(Math.random() * MAX_DELAY_MS)
      await this.#isActive(okta, cookie)
    })
    await Promise.all([...lookups, ...ends.map((okta) => this.#end(okta, id, cookie))])
    await Promise.all(this.#instances.map((okta) => this.#staysRefused(okta, cookie)))
  }

  async #end(okta: OktaSession, id: string, cookie: string): Promise<void> {
    await delay(Math.random() * MAX_DELAY_MS)
    const how = anyOf(['session', 'user', 'sign-out'] as const)
    if (how === 'sign-out') await signOut(okta, cookie)
    else {
      this.#org.end(id)
      // Where it rejects it has effect here, and reaches the others later.
      await okta
        .forget(how === 'user' ? { userId: `user-${id}` } : { sessionId: `101${id}` })
        .catch(() => {})
    }
    if (await this.#isActive(okta, cookie)) this.faults.push(`${id} after its end by ${how}`)
  }

  /** Another instance may accept the session until it reads the log, and never after it has refused it. */
  async #staysRefused(okta: OktaSession, cookie: string): Promise<void> {
    await until(async () => !(await this.#isActive(okta, cookie)))
    this.seen.refused += 1
    for (let again = 0; again < 3; again += 1) {
      await delay(Math.random() * MAX_DELAY_MS)
      if (await this.#isActive(okta, cookie)) this.faults.push(`${cookie} after a refusal`)
    }
  }

  async #isActive(okta: OktaSession, cookie: string): Promise<boolean> {
    const context = await okta.authenticate({ headers: { cookie } })
    if (context.state !== 'active') return false
    this.seen.active += 1
    if (context.source === 'shared') this.seen.shared += 1
    return true
  }
}

function anyOf<T>(list: readonly T[]): T {
  return list[Math.floor(Math.random() * list.length)] as T
}

function signOut(okta: OktaSession, cookie: string): Promise<void> {
  const req = new IncomingMessage(new Socket())
  const headers = { cookie, host: 'localhost', 'sec-fetch-site': 'same-origin' }
  Object.assign(req, { method: 'POST', url: '/', headers, body: {} })
  const res = new ServerResponse(req)
  return new Promise((resolve, reject) => {
    Object.assign(res, {
      end: () => (res.statusCode === 204 ? resolve() : reject(new Error(`${res.statusCode}`))),
    })
    okta.logout()(req, res, reject)
  })
}

describeRedis('sessions that end while they are looked up', () => {
  it('no session counts again at an instance that has refused it, whatever is flushed meanwhile', {
    timeout: 1_500_000,
  }, async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const org = await lateOrg()
    const instances: OktaSession[] = []
    for (let made = 0; made < INSTANCES; made += 1) {
      const { client, connect, close } = clientFor(redis.url)
      await connect()
      onTestFinished(close)
      const store = redisStore({ client })
      const budget = { perSecond: 1_000, burst: 1_000_000 }
      const upstream = { maxConcurrent: 100, failedLookups: budget, failedLookupsPerClient: budget }
      const options = { orgUrl: org.url, secret: SECRET, cache: { store }, upstream }
      instances.push(startOkta(options, machineClock, Math.random))
    }
    await until(() => instances.every((okta) => okta.stats().store?.instances === INSTANCES))
    const race = new Race(org, instances)
    for (let round = 0; round < ROUNDS; round += CONCURRENT) {
      const ids = Array.from({ length: CONCURRENT }, (_, index) => `${round + index}session`)
      const rounds = ids.map((id) => race.round(id))
      if ((round + CONCURRENT) % FLUSH_EVERY === 0) await redis.command('FLUSHALL')
      await Promise.all(rounds)
    }
    expect(race.faults).toEqual([])
    expect(race.seen.refused).toBe(ROUNDS * INSTANCES)
    // The rounds do race: sessions are accepted in them, and come from the other instances too.
    expect(race.seen.active).toBeGreaterThan(ROUNDS)
    expect(race.seen.shared).toBeGreaterThan(0)
  })
})
