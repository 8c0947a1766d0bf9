/** Metrics and spans, with OpenTelemetry's own SDK: what an exporter gets after real requests. */
import { inspect } from 'node:util'
import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node'
import type { LocalOrg } from 'express-okta-session/local-org'
import { instrument } from 'express-okta-session/opentelemetry'
import { redisStore } from 'express-okta-session/redis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { runningInstances } from '../../src/instances.js'
import { machineClock, startOkta, startParts } from '../front-door/door.js'
import { describeRedis, startRedis } from '../redis/redis-server.js'

const ALICE = 'alice@example.com'

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}

  /** Of one org: `name{value of each attribute but the server's}`, and its value or the count of a histogram. */
  async figures({ url }: LocalOrg): Promise<Record<string, number>> {
    const { resourceMetrics } = await this.collect()
    const figures: Record<string, number> = {}
    for (const { metrics } of resourceMetrics.scopeMetrics)
      for (const { descriptor, dataPoints } of metrics)
        for (const { attributes, value } of dataPoints) {
          if (attributes['server.port'] !== Number(new URL(url).port)) continue
          const others = Object.entries(attributes).filter(([name]) => !name.startsWith('server.'))
          const labels = others.map(([, label]) => String(label)).join()
          const figure = typeof value === 'number' ? value : value.count
          figures[`${descriptor.name}{${labels}}`] = figure
        }
    return figures
  }
}

const contexts = new AsyncLocalStorageContextManager()

beforeAll(() => void context.setGlobalContextManager(contexts.enable()))
afterAll(() => context.disable())

function startSdk() {
  const reader = new Reader()
  const exporter = new InMemorySpanExporter()
  const tracerProvider = new NodeTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  })
  const instrumentation = instrument({
    meterProvider: new MeterProvider({ readers: [reader] }),
    tracerProvider,
  })
  onTestFinished(() => instrumentation.disable())
  const tracer = tracerProvider.getTracer('app')
  /** Runs as a request whose span is active. */
  const inRequest = <T>(run: () => Promise<T>): Promise<T> =>
    tracer.startActiveSpan('request', async (span) => {
      try {
        return await run()
      } finally {
        span.end()
      }
    })
  return { reader, exporter, instrumentation, inRequest }
}

/** The span's name below the names of those that enclose it. */
function pathOf(span: ReadableSpan, all: readonly ReadableSpan[]): string {
  const parent = all.find((each) => each.spanContext().spanId === span.parentSpanContext?.spanId)
  return parent === undefined ? span.name : `${pathOf(parent, all)} > ${span.name}`
}

const pathsOf = (spans: readonly ReadableSpan[]) => spans.map((span) => pathOf(span, spans))

describe('instrument()', () => {
  it('makes a span of each lookup and call under the span of the request, and none of a hit', async () => {
    const { org, okta } = await startParts()
    const { exporter, inRequest } = startSdk()
    const req = { headers: { cookie: org.signIn(ALICE) } }
    await inRequest(() => okta.authenticate(req))
    await inRequest(() => okta.authenticate(req))
    const spans = exporter.getFinishedSpans()
    expect(pathsOf(spans)).toEqual([
      'request > okta_session.lookup > GET /api/v1/sessions/me',
      'request > okta_session.lookup',
      'request',
      'request',
    ])
    const { hostname, port } = new URL(org.url)
    const server = { 'server.address': hostname, 'server.port': Number(port) }
    expect(spans[0]?.attributes).toEqual({
      ...server,
      'http.request.method': 'GET',
      'url.template': '/api/v1/sessions/me',
      'okta_session.operation': 'getCurrentSession',
      'okta_session.outcome': 'yes',
      'http.response.status_code': 200,
      'okta_session.request_id': expect.stringMatching(/^[0-9a-f]{32}$/),
    })
    expect(spans[1]?.attributes).toEqual({
      ...server,
      'okta_session.lookup.kind': 'unseen',
      'okta_session.state': 'active',
      'okta_session.source': 'okta',
    })
    for (const { status } of spans) expect(status.code).toBe(SpanStatusCode.UNSET)
  })

  it('sets the status of what has no usable answer, and not that of a no', async () => {
    const { org, okta } = await startParts()
    const { exporter } = startSdk()
    await okta.authenticate({ headers: { cookie: 'idx=unknown' } })
    org.fail({ kind: 'status', status: 500 })
    await okta.authenticate({ headers: { cookie: org.signIn(ALICE) } })
    const [no, noLookup, failed, failedLookup] = exporter.getFinishedSpans()
    for (const span of [no, noLookup]) expect(span?.status.code).toBe(SpanStatusCode.UNSET)
    for (const span of [failed, failedLookup]) {
      expect(span?.status.code).toBe(SpanStatusCode.ERROR)
      expect(span?.attributes['error.type']).toBe('server_error')
    }
  })

  it('counts requests, lookups and calls, and reads the gauges when it is asked', async () => {
    const { org, okta, clock } = await startParts()
    const { reader } = startSdk()
    const cookie = org.signIn(ALICE)
    for (let count = 0; count < 3; count += 1) await okta.authenticate({ headers: { cookie } })
    for (let count = 0; count < 2; count += 1)
      await okta.authenticate({ headers: { cookie: 'idx=unknown' } })
    await okta.forget({ userId: 'somebody' })
    expect(await reader.figures(org)).toMatchObject({
      'okta_session.requests{hit}': 2,
      'okta_session.requests{miss}': 2,
      'okta_session.requests{negative}': 1,
      'okta_session.lookup.duration{unseen,active,okta}': 1,
      'okta_session.lookup.duration{unseen,anonymous,not_found}': 1,
      'okta_session.call.duration{GET,/api/v1/sessions/me,getCurrentSession,yes,200}': 1,
      'okta_session.call.duration{GET,/api/v1/sessions/me,getCurrentSession,no,404}': 1,
      'okta_session.revocations{forget,user}': 1,
      'okta_session.sessions{}': 1,
      'okta_session.calls.in_flight{}': 0,
      'okta_session.quota.limit{}': expect.any(Number),
      'okta_session.circuit.open{everybody}': 0,
    })
    org.fail({ kind: 'status', status: 500 })
    for (let count = 0; count < 6; count += 1)
      await okta.authenticate({ headers: { cookie: org.signIn(ALICE) } })
    expect(await reader.figures(org)).toMatchObject({
      'okta_session.circuit.opened{newcomers,breaker_open}': 1,
      'okta_session.circuit.open{newcomers}': 1,
      'okta_session.refused{breaker_open}': 1,
    })
    clock.advance(1_000)
    org.clearFaults()
    await okta.authenticate({ headers: { cookie: org.signIn(ALICE) } })
    expect(await reader.figures(org)).toMatchObject({ 'okta_session.circuit.open{newcomers}': 0 })
  })

  it('adds up the instances for one org, and forgets those that are closed', async () => {
    const { org, okta, clock } = await startParts()
    const { reader } = startSdk()
    const other = startOkta({ orgUrl: org.url, cookies: ['sid', 'idx'] }, clock)
    for (const each of [okta, other])
      await each.authenticate({ headers: { cookie: org.signIn(ALICE) } })
    expect(await reader.figures(org)).toMatchObject({ 'okta_session.sessions{}': 2 })
    const listed = () => runningInstances().filter((each) => org.url.endsWith(each.org))
    expect(listed()).toHaveLength(2)
    await other.close()
    expect(await reader.figures(org)).toMatchObject({ 'okta_session.sessions{}': 1 })
    expect(listed()).toHaveLength(1)
  })

  it('records nothing after disable()', async () => {
    const { org, okta } = await startParts()
    const { reader, exporter, instrumentation } = startSdk()
    instrumentation.disable()
    await okta.authenticate({ headers: { cookie: org.signIn(ALICE) } })
    expect(exporter.getFinishedSpans()).toEqual([])
    expect(await reader.figures(org)).toEqual({})
  })

  it('exports no cookie, token, id or user', async () => {
    const apiToken = '00-the-api-token'
    const { org, okta } = await startParts({
      org: { apiToken },
      okta: { credentials: { apiToken } },
    })
    const { reader, exporter } = startSdk()
    const cookie = org.signIn(ALICE)
    const { session } = await okta.authenticate({ headers: { cookie } })
    const sessionToken = org.sessionToken(ALICE)
    const created = await okta.api.createSession({ sessionToken })
    await okta.api.getSession(session?.id ?? '')
    await okta.api.revokeSession(session?.id ?? '')
    const { resourceMetrics } = await reader.collect()
    const said = inspect(
      [
        resourceMetrics,
        exporter.getFinishedSpans().map(({ name, attributes, status, events }) => ({
          ...{ name, attributes, status, events },
        })),
      ],
      { depth: 20, maxArrayLength: null, maxStringLength: null },
    )
    expect(said).toContain('getSession')
    for (const secret of [
      ...[cookie.split('=')[1], apiToken, sessionToken, created.id],
      ...[session?.id, session?.userId, ALICE],
    ])
      expect(said).not.toContain(secret)
  })

  it.each([
    [{ meterProvider: {} }, 'meterProvider must have getMeter()'],
    [{ tracerProvider: 1 }, 'tracerProvider must have getTracer()'],
    [{ meter: {} }, 'no such option: meter'],
  ])('refuses %j', (options, message) => {
    expect(() => instrument(options as object)).toThrow(message)
  })

  it('uses the global providers by default, which may be absent', async () => {
    const instrumentation = instrument()
    onTestFinished(() => instrumentation.disable())
    const { org, okta } = await startParts()
    const { state } = await okta.authenticate({ headers: { cookie: org.signIn(ALICE) } })
    expect(state).toBe('active')
    expect(trace.getActiveSpan()).toBeUndefined()
  })
})

describeRedis('instrument() with a store', () => {
  it('makes spans of its commands, and reads its gauges', async () => {
    const server = await startRedis()
    onTestFinished(() => server.stop())
    const client = createClient({ url: server.url, disableOfflineQueue: true })
    client.on('error', () => {})
    await client.connect()
    onTestFinished(() => client.destroy())
    const { org } = await startParts()
    const secret = 'a secret of more than thirty-two bytes'
    const store = redisStore({ client })
    const okta = startOkta({ orgUrl: org.url, secret, cache: { store } }, machineClock)
    onTestFinished(() => okta.close())
    await expect.poll(() => okta.stats().store?.logLagMs).toBeDefined()
    const { reader, exporter, inRequest } = startSdk()
    await inRequest(() => okta.authenticate({ headers: { cookie: org.signIn(ALICE) } }))
    await okta.settled()
    const paths = pathsOf(exporter.getFinishedSpans())
    expect(paths).toContain('request > okta_session.lookup > EVALSHA')
    expect(await reader.figures(org)).toMatchObject({
      'okta_session.store.up{}': 1,
      'okta_session.store.log_lag{}': expect.any(Number),
      'okta_session.store.records_waiting{}': 0,
      'okta_session.instances{}': 1,
      'okta_session.store.command.duration{redis,EVAL}': expect.any(Number),
    })
  })
})
