/** express-okta-session/opentelemetry: metrics and spans over @opentelemetry/api. */
export { type Instrumentation, type InstrumentOptions, instrument } from './instrument.js'
