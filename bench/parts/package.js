/** What the benchmarks import of the built package: its surface, and the parts that take a clock or an org of the benchmark's own. */
export { createLocalOrg } from '../../dist/local-org/index.js'
export { systemClock } from '../../dist/okta/call.js'
export { sessionAnswer } from '../../dist/okta/okta-answer.js'
export { composeOktaSession } from '../../dist/okta-session.js'
export { parseOptions } from '../../dist/options/parse-options.js'
export { credentialKey } from '../../dist/session/cache.js'
