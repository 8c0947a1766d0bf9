/** The tracing channels, as a monitoring library uses them: over real sockets, in the contexts of the requests. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import {
  type CallTraceMessage,
  channels,
  type LookupMessage,
  type RefreshMessage,
  type SchemaDriftMessage,
  type StoreCommandMessage,
} from 'express-okta-session'
import { redisStore } from 'express-okta-session/redis'
import { createClient } from 'redis'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { tracers } from '../../src/channels.js'
import { machineClock, serve, startOkta, startParts } from '../front-door/door.js'
import { describeRedis, startRedis } from '../redis/redis-server.js'

const ALICE = 'alice@example.com'
const requests = new AsyncLocalStorage<string>()

interface Heard<M> {
  readonly event: 'start' | 'end' | 'asyncStart' | 'asyncEnd' | 'error'
  /** The request in whose context the event was published. */
  readonly request: string | undefined
  /** As it was then. */
  readonly message: M
}

/** Subscribes to all events of a tracing channel until the test is over. */
function listen<M extends object>(name: string): Heard<M>[] {
  const heard: Heard<M>[] = []
  const hear = (event: Heard<M>['event']) => (message: unknown) =>
    void heard.push({ event, request: requests.getStore(), message: { ...(message as M) } })
  const subscribers = {
    start: hear('start'),
    end: hear('end'),
    asyncStart: hear('asyncStart'),
    asyncEnd: hear('asyncEnd'),
    error: hear('error'),
  }
  const channel = tracingChannel<unknown, M>(name)
  channel.subscribe(subscribers)
  onTestFinished(() => channel.unsubscribe(subscribers))
  return heard
}

function listenTo<M>(name: string): M[] {
  const heard: M[] = []
  const hear = (message: unknown) => void heard.push(message as M)
  subscribe(name, hear)
  onTestFinished(() => void unsubscribe(name, hear))
  return heard
}

const eventsOf = (heard: readonly Pick<Heard<unknown>, 'event'>[]) =>
  heard.map(({ event }) => event)
const starts = <M>(heard: readonly Heard<M>[]) => heard.filter(({ event }) => event === 'start')
const ends = <M>(heard: readonly Heard<M>[]) => heard.filter(({ event }) => event === 'asyncEnd')

describe('the tracing channels', () => {
  it('a lookup and its call are traced in the context of their request; a hit is not', async () => {
    const { org, okta } = await startParts()
    const lookups = listen<LookupMessage>(channels.lookup)
    const calls = listen<CallTraceMessage>(channels.call)
    const { host } = new URL(org.url)
    const req = { headers: { cookie: org.signIn(ALICE) } }
    await requests.run('first', () => okta.authenticate(req))
    await requests.run('second', () => okta.authenticate(req))
    for (const heard of [lookups, calls]) {
      expect(eventsOf(heard)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'])
      expect(heard.map(({ request }) => request)).toEqual(Array(4).fill('first'))
    }
    expect(lookups[0]?.message).toEqual({ org: host, kind: 'unseen' })
    expect(lookups[3]?.message).toEqual({
      ...{ org: host, kind: 'unseen', state: 'active', source: 'okta' },
      durationMs: expect.any(Number),
    })
    expect(calls[0]?.message).toEqual({ org: host, operation: 'getCurrentSession' })
    expect(calls[3]?.message).toMatchObject({ outcome: 'yes', status: 200 })
  })

  it('a store that is bound to a lookup is that of its call to Okta', async () => {
    const { org, okta } = await startParts()
    const spans = new AsyncLocalStorage<string>()
    const { start } = tracingChannel<unknown, LookupMessage>(channels.lookup)
    start.bindStore(spans, ({ kind }) => `lookup ${kind}`)
    onTestFinished(() => void start.unbindStore(spans))
    const parents: unknown[] = []
    const channel = tracingChannel<unknown, CallTraceMessage>(channels.call)
    const hear = () => void parents.push(spans.getStore())
    channel.start.subscribe(hear)
    onTestFinished(() => void channel.start.unsubscribe(hear))
    await okta.authenticate({ headers: { cookie: org.signIn(ALICE) } })
    expect(parents).toEqual(['lookup unseen'])
  })

  it('lookups that wait for a slot keep their contexts', async () => {
    const { org, okta } = await startParts({ okta: { upstream: { maxConcurrent: 1 } } })
    const calls = listen<CallTraceMessage>(channels.call)
    const names = ['first', 'second', 'third']
    const cookies = names.map(() => org.signIn(ALICE))
    await Promise.all(
      names.map((name, index) =>
        requests.run(name, () => okta.authenticate({ headers: { cookie: cookies[index] } })),
      ),
    )
    expect(starts(calls).map(({ request }) => request)).toEqual(names)
    expect(ends(calls).map(({ request }) => request)).toEqual(names)
  })

  it('concurrent requests with one cookie share a lookup', async () => {
    const { org, okta } = await startParts()
    const lookups = listen<LookupMessage>(channels.lookup)
    const req = { headers: { cookie: org.signIn(ALICE) } }
    await Promise.all([okta.authenticate(req), okta.authenticate(req)])
    expect(starts(lookups)).toHaveLength(1)
  })

  it.each([
    [{ kind: 'status', status: 500 }, 'server_error'],
    [{ kind: 'hang' }, 'timeout'],
    [{ kind: 'reset' }, 'reset'],
  ] as const)('%j is published as an error of the lookup and of the call', async (fault, code) => {
    const { org, okta } = await startParts({ okta: { upstream: { timeoutMs: 200 } } })
    const lookups = listen<LookupMessage>(channels.lookup)
    const calls = listen<CallTraceMessage>(channels.call)
    org.fail(fault)
    await okta.authenticate({ headers: { cookie: org.signIn(ALICE) } })
    for (const heard of [lookups, calls]) {
      expect(eventsOf(heard)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd'])
      expect(heard[2]?.message.error).toMatchObject({ code })
    }
    expect(ends(lookups)[0]?.message).toMatchObject({ state: 'unavailable', reason: code })
    expect(ends(calls)[0]?.message).toMatchObject({ outcome: code })
  })

  it('an unknown cookie is no error', async () => {
    const { okta } = await startParts()
    const lookups = listen<LookupMessage>(channels.lookup)
    await okta.authenticate({ headers: { cookie: 'idx=unknown' } })
    expect(eventsOf(lookups)).not.toContain('error')
    expect(ends(lookups)[0]?.message).toMatchObject({ state: 'anonymous', reason: 'not_found' })
  })

  it('a prefetch is a lookup of its own', async () => {
    const { org, okta, clock } = await startParts({ okta: { cache: { ttlMs: 10_000 } } })
    const req = { headers: { cookie: org.signIn(ALICE) } }
    await okta.authenticate(req)
    const lookups = listen<LookupMessage>(channels.lookup)
    clock.advance(9_900)
    await okta.authenticate(req)
    await okta.settled()
    expect(starts(lookups).map(({ message }) => message.kind)).toEqual(['prefetch'])
  })

  it('a message holds neither the session nor the cookie, however deep', async () => {
    const { org, okta } = await startParts()
    const lookups = listen<LookupMessage>(channels.lookup)
    const calls = listen<CallTraceMessage>(channels.call)
    const cookie = org.signIn(ALICE)
    await okta.authenticate({ headers: { cookie } })
    const said = inspect([lookups, calls], { depth: 20, showHidden: true })
    expect(said).not.toContain(cookie.split('=')[1])
    expect(said).not.toContain(ALICE)
  })

  it('without a subscriber nothing is traced', async () => {
    const { org, okta } = await startParts()
    const runs = Object.values(tracers).map(({ start }) => vi.spyOn(start, 'runStores'))
    onTestFinished(() => void vi.restoreAllMocks())
    await okta.authenticate({ headers: { cookie: org.signIn(ALICE) } })
    for (const run of runs) expect(run).not.toHaveBeenCalled()
  })
})

describe('the refresh channel', () => {
  it('tells how each refresh ended, and of none that was not made', async () => {
    const { org, okta, clock } = await startParts()
    const heard = listenTo<RefreshMessage>(channels.refresh)
    const refresh = okta.refresh()
    const url = await serve((req, res) => refresh(req, res, () => {}))
    const post = async (cookie: string) => {
      const headers = { cookie, 'sec-fetch-site': 'same-origin' }
      await (await fetch(url, { method: 'POST', headers })).arrayBuffer()
    }
    const cookie = org.signIn(ALICE)
    await post(cookie)
    await post(cookie)
    clock.advance(60_000)
    org.fail({ kind: 'status', status: 500 }, { operation: 'refreshCurrentSession' })
    await post(cookie)
    const about = { org: new URL(org.url).host }
    expect(heard).toEqual([
      { ...about, outcome: 'refreshed' },
      { ...about, outcome: 'unavailable', code: 'server_error' },
    ])
  })
})

describe('the channel of schema drift', () => {
  it('names unknown fields and values, and fields that are not of their type', async () => {
    const { org, okta } = await startParts()
    const heard = listenTo<SchemaDriftMessage>(channels.schemaDrift)
    const cookie = org.signIn(ALICE)
    await okta.authenticate({ headers: { cookie } })
    await okta.authenticate({ headers: { cookie: 'idx=unknown' } })
    expect(heard).toEqual([])
    const set = {
      riskLevel: 'HIGH',
      'odd name, perhaps a secret': 1,
      createdAt: 'yesterday',
      amr: ['pwd', 'passkey', '102Secret-Value'],
      idp: { id: '00o1', type: 'WORKLOAD' },
    }
    org.failNext({ kind: 'fields', set })
    const { state } = await okta.authenticate({ headers: { cookie: org.signIn(ALICE) } })
    expect(state).toBe('active')
    expect(heard).toEqual([
      {
        org: new URL(org.url).host,
        operation: 'getCurrentSession',
        unknownFields: ['riskLevel', '(other)'],
        unknownValues: ['amr: passkey', 'amr: (other)', 'idp.type: WORKLOAD'],
        ignoredFields: ['createdAt'],
      },
    ])
  })
})

describeRedis('the tracing channel of store commands', () => {
  it('traces each command in the context of its request, and its failure without arguments', async () => {
    const server = await startRedis()
    onTestFinished(() => server.stop())
    const client = createClient({ url: server.url, disableOfflineQueue: true })
    client.on('error', () => {})
    await client.connect()
    onTestFinished(() => client.destroy())
    const { org } = await startParts()
    const secret = 'a secret of more than thirty-two bytes'
    const cache = { store: redisStore({ client }) }
    const okta = startOkta({ orgUrl: org.url, secret, cache }, machineClock)
    onTestFinished(() => okta.close())
    await expect.poll(() => okta.stats().store?.logLagMs).toBeDefined()
    const heard = listen<StoreCommandMessage>(channels.storeCommand)
    const cookie = org.signIn(ALICE)
    await requests.run('first', () => okta.authenticate({ headers: { cookie } }))
    const [start] = starts(heard).filter(({ request }) => request === 'first')
    expect(start?.message).toEqual({ org: new URL(org.url).host, command: 'EVALSHA' })
    await okta.settled()
    const ofFirst = () => ends(heard).filter(({ request }) => request === 'first')
    await expect.poll(() => ofFirst().at(-1)?.message.outcome).toBe('ok')
    // The first script is not cached by Redis yet.
    expect(ofFirst()[0]?.message).toMatchObject({ outcome: 'NOSCRIPT' })
    expect(eventsOf(heard)).not.toContain('error')
    server.pause()
    onTestFinished(() => server.resume())
    await okta.authenticate({ headers: { cookie: org.signIn(ALICE) } })
    await expect
      .poll(() => heard.find(({ event }) => event === 'error')?.message.error)
      .toMatchObject({ code: 'timeout' })
    expect(inspect(heard, { depth: 20, showHidden: true })).not.toContain(cookie.split('=')[1])
    server.resume()
  })
})
