/** An Okta org on localhost, for development and tests: `express-okta-session/local-org`. */
export { createLocalOrg } from './create-local-org.js'
export type { LocalOrg, SessionSummary, SignInOptions } from './local-org.js'
export type { EventHook, LocalOrgOptions } from './options.js'
export type { Clock, OrgClock } from './org-clock.js'
export type { CountedCall } from './routes.js'
export type { Engine, SessionStatus } from './sessions.js'
export type { LocalUser, LocalUserOption } from './users.js'
