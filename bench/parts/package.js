/** The parts of the built package that the benchmarks use, among them those that accept a clock or an org. */
export { createLocalOrg } from '../../dist/local-org/index.js'
export { systemClock } from '../../dist/okta/call.js'
export { readHookEvents } from '../../dist/okta/hook-events.js'
export { sessionAnswer } from '../../dist/okta/okta-answer.js'
export { composeOktaSession } from '../../dist/okta-session.js'
export { parseOptions } from '../../dist/options/parse-options.js'
export { credentialKey } from '../../dist/session/cache.js'
