/** Several instances of oktaSession() over one real Redis: what one learns or revokes, the others obey. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { createClient, RESP_TYPES } from 'redis'
import { afterEach, expect, it } from 'vitest'
import { type OktaSession, oktaSession, type RefreshAnswer } from '../../src/index.js'
import { createLocalOrg, type LocalOrg } from '../../src/local-org/index.js'
import { redisStore } from '../../src/redis/index.js'
import { type AppClient, clusters, sampledSingles, singles, until } from './clients-world.js'
import { startCluster } from './redis-cluster.js'
import { digestOf, dumpOf } from './redis-dump.js'
import { describeRedis, startRedis } from './redis-server.js'
import { type Direction, startProxy } from './tcp-proxy.js'

const OLD = 'the previous secret, of more than 32 bytes'
const NEW = 'the current secret, of more than 32 bytes'
const LOGIN = 'alice@example.com'

/** node-redis can be told to give its strings as Buffers. */
const BUFFERS = { [RESP_TYPES.BLOB_STRING]: Buffer }

const ends: (() => unknown)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function startOrg(): Promise<LocalOrg> {
  const org = await createLocalOrg()
  ends.push(() => org.close())
  return org
}

/** An instance that has read the log of the others. */
async function instance(
  org: LocalOrg,
  client: AppClient,
  secret: string | readonly [string, string] = NEW,
): Promise<OktaSession> {
  await client.connect()
  const okta = oktaSession({
    orgUrl: org.url,
    credentials: { apiToken: org.apiToken },
    secret,
    logger: false,
    cache: { store: redisStore({ client: client.client }) },
  })
  ends.push(
    () => client.close(),
    () => okta.close(),
  )
  await until(() => okta.stats().store?.logLagMs !== undefined)
  return okta
}

const requestWith = (cookie: string) => ({ headers: { cookie } })

async function sourceOf(okta: OktaSession, cookie: string): Promise<string> {
  const context = await okta.authenticate(requestWith(cookie))
  return context.state === 'active' ? context.source : String(context.reason)
}

async function shareEverything(org: LocalOrg, one: OktaSession, other: OktaSession) {
  const cookie = org.signIn(LOGIN)
  const user = org.users.find(({ login }) => login === LOGIN)
  const calls = org.calls.getCurrentSession
  const answers = await Promise.all([sourceOf(one, cookie), sourceOf(other, cookie)])
  expect(answers.sort()).toEqual(['okta', 'shared'])
  expect(org.calls.getCurrentSession).toBe(calls + 1)
  // A forget at one: the other's cached session is looked up again.
  await one.forget({ userId: user?.userId ?? '' })
  await until(async () => (await sourceOf(other, cookie)) !== 'memory')
  // A sign-out at one is refused at the other.
  await signOutAt(one, cookie)
  await until(async () => (await sourceOf(other, cookie)) === 'signed_out')
  expect(await sourceOf(one, cookie)).toBe('signed_out')
}

async function serve(okta: OktaSession): Promise<string> {
  const app = express()
  app.post('/sign-out', okta.logout())
  app.post('/refresh', okta.refresh())
  const server: Server = createServer(app).listen(0, '127.0.0.1')
  ends.push(() => server.close())
  await new Promise((listening) => server.once('listening', listening))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function post(okta: OktaSession, path: string, cookie: string): Promise<Response> {
  const headers = { cookie, 'sec-fetch-site': 'same-origin' }
  return fetch(`${await serve(okta)}${path}`, { method: 'POST', headers })
}

async function signOutAt(okta: OktaSession, cookie: string): Promise<void> {
  expect((await post(okta, '/sign-out', cookie)).status).toBe(204)
}

describeRedis('instances over one Redis', () => {
  it.each(sampledSingles)(
    'two instances over %s make one lookup and obey each other',
    async (_, create) => {
      const server = await startRedis()
      ends.push(() => server.stop())
      const org = await startOrg()
      const [one, other] = [
        await instance(org, create(server.url)),
        await instance(org, create(server.url)),
      ]
      await shareEverything(org, one, other)
    },
  )

  it('settled() waits until an entry is stored', async () => {
    const server = await startRedis()
    ends.push(() => server.stop())
    const org = await startOrg()
    for (const [, create] of sampledSingles) {
      const okta = await instance(org, create(server.url))
      expect(await sourceOf(okta, org.signIn(LOGIN))).toBe('okta')
      await okta.settled()
      expect(okta.stats().store?.entriesWritten).toBe(1)
    }
  })

  it('two instances whose client gives Buffers for texts make one lookup and obey each other', async () => {
    const server = await startRedis()
    ends.push(() => server.stop())
    const org = await startOrg()
    const withBuffers = (): AppClient => {
      const client = createClient({ url: server.url, commandOptions: { typeMapping: BUFFERS } })
      client.on('error', () => {})
      return { client, connect: () => client.connect(), close: async () => client.destroy() }
    }
    const [one, other] = [await instance(org, withBuffers()), await instance(org, withBuffers())]
    await shareEverything(org, one, other)
    expect(one.stats().store).toMatchObject({ failures: 0, recordsWaiting: 0 })
  })

  it('two instances over a cluster make one lookup and obey each other, with each cluster client', async () => {
    const cluster = await startCluster()
    ends.push(() => cluster.stop())
    const org = await startOrg()
    for (const create of Object.values(clusters)) {
      const [one, other] = [
        await instance(org, create(cluster.ports)),
        await instance(org, create(cluster.ports)),
      ]
      await shareEverything(org, one, other)
    }
  })

  it('a session refreshed at one instance is not refreshed at another within the period', async () => {
    const server = await startRedis()
    ends.push(() => server.stop())
    const org = await startOrg()
    const create = singles['node-redis 6'] as (url: string) => AppClient
    const all = await Promise.all([1, 2, 3].map(() => instance(org, create(server.url))))
    const cookie = org.signIn(LOGIN)
    const answers = await Promise.all(all.map((okta) => post(okta, '/refresh', cookie)))
    const bodies = (await Promise.all(answers.map((answer) => answer.json()))) as RefreshAnswer[]
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(bodies.filter(({ refreshed }) => refreshed)).toHaveLength(1)
    expect(new Set(bodies.map(({ expiresAt }) => expiresAt)).size).toBe(1)
    expect(org.calls.refreshCurrentSession).toBe(1)
  })

  it('a refresh that failed at one instance rests at the others', async () => {
    const server = await startRedis()
    ends.push(() => server.stop())
    const org = await startOrg()
    const create = singles['ioredis 6'] as (url: string) => AppClient
    const [one, other] = [
      await instance(org, create(server.url)),
      await instance(org, create(server.url)),
    ]
    const cookie = org.signIn(LOGIN)
    org.fail({ kind: 'status', status: 503 }, { operation: 'refreshCurrentSession' })
    expect((await post(one, '/refresh', cookie)).status).toBe(503)
    const calls = org.calls.refreshCurrentSession
    await until(async () => (await post(other, '/refresh', cookie)).status === 503)
    expect(org.calls.refreshCurrentSession).toBe(calls)
  })

  it('instances with the old, both and the new secret share sessions and sign-outs with their neighbours', async () => {
    const server = await startRedis()
    ends.push(() => server.stop())
    const org = await startOrg()
    const create = singles['node-redis 5'] as (url: string) => AppClient
    const old = await instance(org, create(server.url), OLD)
    const both = await instance(org, create(server.url), [NEW, OLD])
    const current = await instance(org, create(server.url), NEW)
    for (const [one, other] of [
      [old, both],
      [both, old],
      [both, current],
      [current, both],
    ] as const) {
      const cookie = org.signIn(LOGIN)
      expect(await sourceOf(one, cookie)).toBe('okta')
      // What an instance with the old secret alone can't open it looks up: nobody is signed out.
      expect(['shared', 'okta']).toContain(await sourceOf(other, cookie))
      await signOutAt(one, cookie)
      await until(async () => (await sourceOf(other, cookie)) === 'signed_out')
    }
  })

  it('a rolling change of the secret under load signs nobody out, and sign-outs stay obeyed', async () => {
    const server = await startRedis()
    ends.push(() => server.stop())
    const org = await startOrg()
    const create = singles['ioredis 5'] as (url: string) => AppClient
    const living: OktaSession[] = []
    for (let count = 0; count < 3; count += 1)
      living.push(await instance(org, create(server.url), OLD))
    const cookies = org.users.flatMap(({ login }) => [org.signIn(login), org.signIn(login)])
    const answers = { active: 0, other: [] as string[] }
    let isOver = false
    const loops = cookies.map(async (cookie, index) => {
      for (let round = index; !isOver; round += 1) {
        const context = await living[round % living.length]?.authenticate(requestWith(cookie))
        if (context?.state === 'active') answers.active += 1
        else answers.other.push(`${context?.state} ${context?.reason}`)
        await new Promise(setImmediate)
      }
    })
    for (const secret of [[NEW, OLD] as const, NEW])
      for (let index = 0; index < living.length; index += 1) {
        const next = await instance(org, create(server.url), secret)
        const [replaced] = living.splice(index, 1, next)
        const leaver = org.signIn(LOGIN)
        expect((await next.authenticate(requestWith(leaver))).state).toBe('active')
        await signOutAt(next, leaver)
        for (const okta of living)
          await until(async () => (await sourceOf(okta, leaver)) === 'signed_out')
        // Requests that it has begun are answered first, as by a server that drains.
        await new Promise(setImmediate)
        await replaced?.settled()
        await replaced?.close()
      }
    isOver = true
    await Promise.all(loops)
    expect(answers.other).toEqual([])
    expect(answers.active).toBeGreaterThan(cookies.length * 10)
  })

  it('instances count each other, and one that closes is missed at once', async () => {
    const server = await startRedis()
    ends.push(() => server.stop())
    const org = await startOrg()
    const create = singles['node-redis 4'] as (url: string) => AppClient
    const [one, other] = [
      await instance(org, create(server.url)),
      await instance(org, create(server.url)),
    ]
    await until(() => one.stats().store?.instances === 2 && other.stats().store?.instances === 2)
    expect(one.stats().maxConcurrent).toBe(2)
    await other.close()
    await until(() => one.stats().store?.instances === 1)
    expect(one.stats().maxConcurrent).toBe(5)
  })

  it('neither a dump of Redis nor the wire to it holds a cookie, an id, a login or an unkeyed digest', async () => {
    const server = await startRedis()
    ends.push(() => server.stop())
    const wire: Buffer[] = []
    const proxy = await startProxy(server.port, (chunk: Buffer, _: Direction) => wire.push(chunk))
    ends.push(() => proxy.close())
    const org = await startOrg()
    const create = singles['node-redis 6'] as (url: string) => AppClient
    const [one, other] = [
      await instance(org, create(proxy.url)),
      await instance(org, create(proxy.url)),
    ]
    const cookies = [org.signIn(LOGIN), org.signIn(LOGIN)]
    const secrets = new Set<string>([org.apiToken, NEW, LOGIN])
    for (const cookie of cookies) {
      const context = await one.authenticate(requestWith(cookie))
      await other.authenticate(requestWith(cookie))
      await post(other, '/refresh', cookie)
      const [name = '', value = ''] = cookie.split(/=(.*)/)
      const { id = '', userId = '' } = context.session ?? {}
      for (const text of [value, id, userId]) secrets.add(text)
      for (const encoding of ['hex', 'base64url', 'latin1'] as const)
        secrets.add(digestOf(`${name}=${value}`, encoding))
    }
    await one.forget({ userId: [...secrets].find((text) => text.startsWith('00u')) ?? '' })
    await signOutAt(one, cookies[0] ?? '')
    const dump = await dumpOf(server)
    expect(dump.length).toBeGreaterThan(1_000)
    for (const text of secrets) {
      expect(text).not.toBe('')
      for (const where of [dump, Buffer.concat(wire)])
        expect(where.includes(Buffer.from(text, 'latin1')), text.slice(0, 12)).toBe(false)
    }
  })
})
