import { Agent, createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { OktaSessionOptions } from '../../src/options/options.js'
import { runs } from '../deep.js'
import { startOkta } from '../front-door/door.js'
import { httpServer } from '../okta/raw-server.js'
import { sessionFor, TestClock } from '../session/lookup-world.js'

const FLOOD = runs(600, 20_000)
const SMALL_FLOOD = runs(400, 4_000)
const MAX_NEGATIVES = runs(110, 1_000)
/** The flood lasts this long by the middleware's clock, however fast this machine is. */
const FLOOD_MS = 5_000
const USERS = 100
/** Users' requests in the midst of it: each user twice. */
const KNOWN_REQUESTS = 2 * USERS

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

type Statuses = Record<number, number>

/** An app with a guarded route before an org that knows `user<n>` only. */
async function world({ trustProxy = true, oddly = false, ...options }: WorldOptions = {}) {
  const clock = new TestClock()
  const lookups = { users: 0, junk: 0 }
  const org = await httpServer(({ headers }, res) => {
    const value = (headers.cookie ?? '').slice('idx='.length)
    const isUser = value.startsWith('user')
    lookups[isUser ? 'users' : 'junk'] += 1
    res.setHeader('Date', new Date(clock.wall).toUTCString())
    res.setHeader('Content-Type', 'application/json')
    res.statusCode = isUser ? 200 : oddly ? 400 : 404
    if (isUser) res.end(JSON.stringify(sessionFor(value, clock.wall + 7_200_000)))
    else res.end(oddly ? '<html>' : '{"errorCode":"E0000007"}')
  })
  const warn = vi.fn()
  const okta = startOkta({ orgUrl: org.url, logger: { warn }, ...options }, clock, () => 0.5)
  const app = express()
  if (trustProxy) app.set('trust proxy', 'loopback')
  app.get('/', okta.requireSession(), (req, res) => {
    res.send(okta.session(req).login)
  })
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  const { port } = server.address() as AddressInfo
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  open.push(org, {
    close: () =>
      new Promise((resolve) => {
        agent.destroy()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  })

  /** The status of a request with this cookie from this address. */
  function get(cookie: string, from: string): Promise<IncomingMessage> {
    const headers = { cookie: `idx=${cookie}`, 'x-forwarded-for': from, accept: '*/*' }
    return new Promise((resolve, reject) => {
      const sent = request({ host: 'localhost', port, agent, headers }, (res) => {
        res.resume()
        res.on('end', () => resolve(res))
      })
      sent.on('error', reject)
      sent.end()
    })
  }

  async function statusOf(cookie: string, from: string): Promise<number> {
    return (await get(cookie, from)).statusCode ?? 0
  }

  /** The users come, and what they are answered. */
  async function users(): Promise<Statuses> {
    const all = Array.from({ length: USERS }, (_, i) => statusOf(`user${i}`, `10.0.0.${i}`))
    return counted(await Promise.all(all))
  }

  /** The flood, with 200 requests of users in it. */
  async function flood(addressOf: (i: number) => string, count = FLOOD, inMs = FLOOD_MS) {
    const junk: number[] = []
    const known: number[] = []
    const each = count / KNOWN_REQUESTS
    for (let i = 0; i < count; i += each) {
      const some = Array.from({ length: each }, (_, j) => {
        clock.advance(inMs / count)
        return statusOf(`junk-${i + j}`, addressOf(i + j))
      })
      known.push(await statusOf(`user${(i / each) % USERS}`, `10.0.0.${(i / each) % USERS}`))
      junk.push(...(await Promise.all(some)))
    }
    return { junk: counted(junk), known: counted(known) }
  }

  return { clock, okta, warn, lookups, get, statusOf, users, flood }
}

interface WorldOptions extends OktaSessionOptions {
  readonly trustProxy?: boolean
  /** Okta answers junk with what is no answer. */
  readonly oddly?: boolean
}

function counted(statuses: readonly number[]): Statuses {
  const counts: Statuses = {}
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

const oneAddress = () => '203.0.113.66'
const manyAddresses = (i: number) => `198.${18 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`

/** Room for every user and little more: one session pushed out would show. */
const cache = { maxSessions: USERS + 5, maxNegatives: MAX_NEGATIVES }

describe(`${FLOOD} distinct junk cookies in five seconds`, { timeout: 60_000 }, () => {
  it('junk from one address uses up the budget of that address and no other', async () => {
    const { okta, lookups, flood, users, statusOf } = await world({ cache })
    expect(await users()).toEqual({ 200: USERS })
    const { junk, known } = await flood(oneAddress)
    // 20 at once and one a second for five seconds.
    expect(lookups.junk).toBeGreaterThanOrEqual(20)
    expect(lookups.junk).toBeLessThanOrEqual(25)
    expect(junk).toEqual({ 401: lookups.junk, 429: FLOOD - lookups.junk })
    expect(known).toEqual({ 200: KNOWN_REQUESTS })
    expect(lookups.users).toBe(USERS)
    expect(okta.stats()).toMatchObject({
      sessions: USERS,
      refused: { too_many_attempts: FLOOD - lookups.junk },
    })
    // Somebody never seen gets in, and somebody signed out is told so, while it lasts.
    expect(await statusOf('user-new', '10.0.1.1')).toBe(200)
    expect(await statusOf('dead', '10.0.1.2')).toBe(401)
  })

  it('junk from many addresses costs no more calls than the global budget, and known users are served', async () => {
    const { okta, lookups, flood, users } = await world({ cache })
    expect(await users()).toEqual({ 200: USERS })
    const { junk, known } = await flood(manyAddresses)
    // 50 at once and 2.5 a second for five seconds.
    expect(lookups.junk).toBeGreaterThanOrEqual(50)
    expect(lookups.junk).toBeLessThanOrEqual(62)
    expect(junk).toEqual({ 401: lookups.junk, 503: FLOOD - lookups.junk })
    expect(known).toEqual({ 200: KNOWN_REQUESTS })
    expect(lookups.users).toBe(USERS)
    expect(okta.stats().sessions).toBe(USERS)
    expect(await users()).toEqual({ 200: USERS })
    expect(lookups.users).toBe(USERS)
  })

  it('known users whose entries expire during the flood are served', async () => {
    const { clock, lookups, flood, users, okta } = await world({ cache })
    await users()
    clock.advance(4 * 60_000)
    // Five minutes: every entry passes both its ttl and its last use within the flood.
    const { known } = await flood(manyAddresses, SMALL_FLOOD, 300_000)
    expect(known).toEqual({ 200: KNOWN_REQUESTS })
    expect(lookups.users).toBeGreaterThan(USERS)
    expect(lookups.junk).toBeLessThanOrEqual(50 + 2.5 * 300)
    expect(okta.stats().sessions).toBe(USERS)
  })

  it('junk that Okta answers with an unusable response opens the circuit for unseen cookies alone', async () => {
    const { okta, clock, lookups, flood, users, statusOf } = await world({ cache, oddly: true })
    await users()
    clock.advance(61_000)
    const { junk, known } = await flood(manyAddresses, SMALL_FLOOD)
    expect(known).toEqual({ 200: KNOWN_REQUESTS })
    expect(junk).toEqual({ 503: SMALL_FLOOD })
    // An account of its own, of the same figures; those under way are not on it yet.
    expect(lookups.junk).toBeLessThanOrEqual(62 + 5)
    // Every user was looked up again during the flood.
    expect(lookups.users).toBe(2 * USERS)
    expect(okta.stats().heldOff?.who ?? 'newcomers').toBe('newcomers')
    clock.advance(2_000)
    expect(await statusOf('user-new', '10.0.1.1')).toBe(200)
  })

  it('junk is cached in a bounded negative cache of its own', async () => {
    const failedLookups = { perSecond: 100_000, burst: 100_000 }
    const failedLookupsPerClient = failedLookups
    const upstream = { failedLookups, failedLookupsPerClient, maxConcurrent: 100 }
    const { okta, clock, users, statusOf } = await world({ cache, upstream })
    await users()
    for (let i = 0; i < 2 * MAX_NEGATIVES; i += 50) {
      const some = Array.from({ length: 50 }, (_, j) => statusOf(`junk-${i + j}`, '203.0.113.66'))
      expect(counted(await Promise.all(some))).toEqual({ 401: 50 })
    }
    clock.advance(100)
    expect(okta.stats()).toMatchObject({ sessions: USERS, negativeEntries: MAX_NEGATIVES })
    expect(await users()).toEqual({ 200: USERS })
  })
})

describe('a load balancer in front of an app without trust proxy', () => {
  it('users behind an untrusted load balancer share a larger budget, and one warning says why', async () => {
    const { warn, statusOf, get } = await world({ trustProxy: false })
    const statuses: number[] = []
    for (let i = 0; i < 60; i += 1) statuses.push(await statusOf(`dead-${i}`, `198.51.100.${i}`))
    expect(counted(statuses)).toEqual({ 401: 40, 503: 20 })
    expect(warn).toHaveBeenCalledOnce()
    expect(warn.mock.calls[0]?.[0]).toContain('trust proxy')
    const refused = await get('dead-99', '198.51.100.99')
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
  })

  it('clients that do not come through the load balancer keep their budget, whatever header another client sends', async () => {
    const { clock, okta, statusOf } = await world({ trustProxy: false })
    const handler = okta.requireSession()
    /** What a client of another address is answered by the same guard. */
    const elsewhere = (cookie: string, address: string): Promise<number> =>
      new Promise((resolve) => {
        const req = { method: 'GET', url: '/', headers: { cookie: `idx=${cookie}`, accept: '*/*' } }
        const socket = { remoteAddress: address }
        const res = { statusCode: 200, setHeader: () => res, getHeader() {}, end: () => {} }
        res.end = () => resolve(res.statusCode)
        handler({ ...req, socket } as never, res as never, () => resolve(200))
      })
    // Without the header first: that does not add to what the header gives.
    const first: number[] = []
    for (let i = 0; i < 30; i += 1) first.push(await elsewhere(`plain-${i}`, '127.0.0.1'))
    expect(counted(first)).toEqual({ 401: 20, 429: 10 })
    const statuses: number[] = []
    for (let i = 0; i < 60; i += 1) statuses.push(await statusOf(`dead-${i}`, 'x'))
    expect(counted(statuses)).toEqual({ 401: 20, 503: 40 })
    expect(await elsewhere('dead-other', '198.51.100.1')).toBe(401)
    expect(await elsewhere('user-other', '198.51.100.2')).toBe(200)
    // Everybody behind the proxy gets in as its budget fills up.
    clock.advance(10_000)
    expect(await statusOf('user-new', 'x')).toBe(200)
  })

  it('users behind a trusted load balancer have a budget each', async () => {
    const { warn, statusOf } = await world()
    const statuses: number[] = []
    for (let i = 0; i < 30; i += 1) statuses.push(await statusOf(`dead-${i}`, '198.51.100.7'))
    expect(counted(statuses)).toEqual({ 401: 20, 429: 10 })
    expect(await statusOf('dead-99', '198.51.100.8')).toBe(401)
    expect(warn).not.toHaveBeenCalled()
  })
})
