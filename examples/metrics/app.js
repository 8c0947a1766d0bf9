/** An app whose sessions are measured: its pages for the public, and its figures for Prometheus. */
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import express from 'express'
import { instrument } from 'express-okta-session/opentelemetry'

/**
 * Records metrics of every instance in this process from now on, and spans where a provider is given.
 *
 * @param {import('@opentelemetry/api').TracerProvider} [tracerProvider]
 */
export function measure(tracerProvider) {
  // It starts no server: createMetricsApp() serves its figures.
  const exporter = new PrometheusExporter({ preventServerStart: true })
  const meterProvider = new MeterProvider({ readers: [exporter] })
  const instrumentation = instrument({ meterProvider, tracerProvider })
  return {
    exporter,
    async stop() {
      instrumentation.disable()
      await meterProvider.shutdown()
    },
  }
}

/**
 * An app for a port of its own, which Prometheus reaches and the public does not: the figures tell how many users
 * there are, and when Okta is down.
 *
 * @param {PrometheusExporter} exporter
 */
export function createMetricsApp(exporter) {
  const app = express()
  app.get('/metrics', (req, res) => exporter.getMetricsRequestHandler(req, res))
  return app
}

/**
 * @param {import('express-okta-session').OktaSession} okta
 * @param {string} hookSecret
 */
export function createApp(okta, hookSecret) {
  const app = express()
  app.use('/okta/events', okta.eventHook({ secret: hookSecret }))
  app.get('/', (_req, res) => void res.send('Hello'))
  app.get('/account', okta.requireSession(), (req, res) => {
    res.json({ login: okta.session(req).login })
  })
  app.post('/session/refresh', okta.refresh())
  app.post('/sign-out', okta.logout())
  return app
}
