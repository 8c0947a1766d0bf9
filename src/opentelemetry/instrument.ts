/** Connects the diagnostics channels and the statistics of all instances to the providers of OpenTelemetry. */
import { type MeterProvider, metrics, type TracerProvider, trace } from '@opentelemetry/api'
import { VERSION } from '../version.js'
import { recordMetrics } from './metrics.js'
import { recordSpans } from './spans.js'

/** Where metrics and spans go. Default of both: the global provider of `@opentelemetry/api`. */
export interface InstrumentOptions {
  /** Makes the instruments. */
  readonly meterProvider?: MeterProvider | undefined
  /** Makes the spans. */
  readonly tracerProvider?: TracerProvider | undefined
}

/** What {@link instrument} has begun. */
export interface Instrumentation {
  /** Ends the metrics and spans. The providers stay as they are. */
  disable(): void
}

const NAME = 'express-okta-session'

/**
 * Records metrics and spans of every instance of the middleware in this process, from now on. Call it once, in
 * any order with `oktaSession()`; a second call records everything twice.
 *
 * Requests are counted when the metrics are collected, so that a request answered from memory costs no more
 * than before. Lookups, calls to Okta and store commands get spans under the span that is active in the
 * request. Nothing recorded holds a cookie, a token, a session id or a user.
 *
 * @throws TypeError for anything but providers in the options.
 * @example
 * // Over the global providers, as @opentelemetry/sdk-node registers them.
 * const instrumentation = instrument()
 * process.once('SIGTERM', () => instrumentation.disable())
 * @see docs/operations.md for the names, and what is normal
 */
export function instrument(options: InstrumentOptions = {}): Instrumentation {
  const {
    meterProvider = metrics.getMeterProvider(),
    tracerProvider = trace.getTracerProvider(),
    ...others
  } = options
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw new TypeError(`instrument(): no such option: ${unknown}`)
  if (typeof meterProvider?.getMeter !== 'function')
    throw new TypeError('instrument(): meterProvider must have getMeter()')
  if (typeof tracerProvider?.getTracer !== 'function')
    throw new TypeError('instrument(): tracerProvider must have getTracer()')
  const ends = [
    recordMetrics(meterProvider.getMeter(NAME, VERSION)),
    recordSpans(tracerProvider.getTracer(NAME, VERSION)),
  ]
  return {
    disable() {
      for (const end of ends) end()
    },
  }
}
