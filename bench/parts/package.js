/** The built package as the benchmarks use it: its surface, and the parts that take a clock or an Okta of the benchmark's own. */
export { parseOptions } from '../../dist/model/parse-options.js'
export { systemClock } from '../../dist/okta/system-clock.js'
export { composeOktaSession } from '../../dist/okta-session.js'
