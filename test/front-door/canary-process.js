// An app that prints all that can be read of it: logs, debug output, every channel, spans, metrics and errors. fork() it.
import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { inspect } from 'node:util'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import express from 'express'
import { channels, oktaSession } from 'express-okta-session'
import pino from 'pino'

/** @import { CanaryStart } from './canary-world.js' */

const lines = pino()

/** @type {(...values: unknown[]) => void} */
const print = (...values) =>
  console.log(
    ...values.map((value) =>
      typeof value === 'string'
        ? value
        : inspect(value, {
            ...{ depth: 12, showHidden: true, getters: true },
            ...{ maxArrayLength: null, maxStringLength: null },
          }),
    ),
  )

// What the libraries of the package publish on; Node's own channels hold the requests themselves.
const libraries = ['lru-cache:metrics', 'lru-cache']
const got = ['request:create', 'request:start', 'request:retry', 'request:error']
const gotEnds = ['response:start', 'response:end', 'response:redirect']
const tracing = [channels.lookup, channels.call, channels.storeCommand, 'lru-cache'].flatMap(
  (name) =>
    ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((event) => `tracing:${name}:${event}`),
)
const all = [...Object.values(channels), ...tracing, ...libraries]
for (const name of [...all, ...[...got, ...gotEnds].map((event) => `got:${event}`)])
  subscribe(name, (message) => print(`channel ${name}`, message))
process.on('warning', (warning) => print('warning', warning))

process.once('message', (/** @type {CanaryStart} */ message) => {
  start(message).catch((error) => {
    print(error)
    process.exit(1)
  })
})
process.on('disconnect', () => process.exit(1))

/** @param {CanaryStart} start */
async function start({ options, redis, hookSecret, audience, clientId }) {
  const exporter = new PrometheusExporter({ preventServerStart: true })
  const { instrument } = await import('express-okta-session/opentelemetry')
  const tracerProvider = new NodeTracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ export: printSpans, shutdown: async () => {} })],
  })
  tracerProvider.register()
  instrument({ meterProvider: new MeterProvider({ readers: [exporter] }), tracerProvider })
  const { store, close } = await openStore(redis)
  /** @param {'warn' | 'info'} level */
  const write = (level) => (/** @type {string} */ text, /** @type {unknown} */ fields) => {
    print(`log ${level}`, text, fields)
    lines[level](fields, text)
  }
  const okta = oktaSession({
    ...options,
    logger: { warn: write('warn'), info: write('info') },
    cache: { ...options.cache, store },
  })
  const receivers = { hookSecret, audience, clientId }
  const server = createApp(okta, exporter, receivers).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  process.send?.({ port: typeof address === 'object' && address !== null ? address.port : 0 })
  process.once('SIGTERM', async () => {
    print(okta.stats())
    await okta.close()
    await close()
    print('at the end', okta, okta.api, okta.stats())
    server.closeAllConnections()
    server.close()
    process.removeAllListeners('disconnect').disconnect()
  })
}

/**
 * @param {import('@opentelemetry/sdk-trace-node').ReadableSpan[]} spans
 * @param {(result: { code: number }) => void} done
 */
function printSpans(spans, done) {
  for (const { name, attributes, events, status, links, resource } of spans)
    print('span', { name, attributes, events, status, links, resource })
  done({ code: 0 })
}

/**
 * @param {import('express-okta-session').OktaSession} okta
 * @param {PrometheusExporter} exporter
 * @param {{ hookSecret: string, audience: string, clientId: string }} receivers
 */
function createApp(okta, exporter, { hookSecret, audience, clientId }) {
  const app = express()
  app.get('/metrics', (req, res) => exporter.getMetricsRequestHandler(req, res))
  app.use('/okta/events', okta.eventHook({ secret: hookSecret }))
  app.use(
    '/okta/signals',
    okta.sharedSignals({ audience, universalLogout: { clientId, audience } }),
  )
  app.post('/by-id', express.json(), (req, res, next) => {
    const { operation, argument } = req.body
    const api = /** @type {Record<string, (argument: unknown) => Promise<any>>} */ (
      /** @type {unknown} */ (okta.api)
    )
    Promise.resolve(api[operation]?.(argument)).then((result) => {
      // As an app prints it: inspect() hides the id of a created session.
      if (operation === 'createSession') {
        console.log('created', result)
        process.send?.({ created: result.id })
      }
      res.json({ done: operation })
    }, next)
  })
  app.use(okta.refreshOnActivity({ everyMs: 1 }), okta.attachSession())
  app.get('/account', okta.requireSession(), (_req, res) => void res.send('account'))
  app.get('/admin', okta.requireSession({ mfa: true }), (_req, res) => void res.send('admin'))
  app.get('/fresh', okta.requireSession({ maxStalenessMs: 0 }), (_req, res) => void res.send('ok'))
  app.get('/info', okta.sessionInfo())
  app.get('/auth', okta.forwardAuth())
  app.get('/auth-page', okta.forwardAuth({ redirect: true }))
  app.post('/sign-in', okta.login())
  app.post('/refresh', okta.refresh({ everyMs: 1 }))
  app.post('/sign-out', okta.logout())
  app.get('/forget', (_req, res, next) => {
    okta.forget({ userId: 'somebody' }).then(() => void res.send('forgotten'), next)
  })
  app.use(
    (
      /** @type {unknown} */ error,
      /** @type {import('express').Request} */ _req,
      /** @type {import('express').Response} */ res,
      /** @type {import('express').NextFunction} */ _next,
    ) => {
      print('error', error)
      console.error(error)
      lines.error(error)
      res.status(500).send(inspect(error, { depth: 12, showHidden: true }))
    },
  )
  return app
}

/** @param {CanaryStart['redis']} redis */
async function openStore({ url, library }) {
  const { redisStore } = await import('express-okta-session/redis')
  if (library === 'ioredis') {
    const { Redis } = await import('ioredis')
    const client = new Redis(url)
    client.on('error', (error) => print('client', error))
    return { store: redisStore({ client }), close: async () => client.disconnect() }
  }
  const { createClient } = await import('redis')
  const client = createClient({ url })
  client.on('error', (error) => print('client', error))
  await client.connect()
  return { store: redisStore({ client }), close: async () => client.destroy() }
}
