/** express-okta-session: Okta's own session as your app's session. */
import './express-request.js'

export type {
  CallMessage,
  HoldOffMessage,
  RevocationMessage,
  VerdictMessage,
} from './channels.js'
export { channels } from './channels.js'
export type { CookieKind, Logger, SessionStore } from './contracts.js'
export type { Challenge, Operation, RateLimit, UnavailableCode } from './errors.js'
export { OktaApiError, OktaUnavailableError } from './errors.js'
export type { ForwardAuthOptions } from './http/handlers/forward-auth.js'
export type { LoginOptions } from './http/handlers/login.js'
export type { LogoutOptions } from './http/handlers/logout.js'
export type { RefreshAnswer, RefreshOptions } from './http/handlers/refresh.js'
export type { RefreshOnActivityOptions } from './http/handlers/refresh-on-activity.js'
export type { SessionInfo, SessionInfoOptions } from './http/handlers/session-info.js'
export { SessionApi } from './okta/session-api.js'
export { oktaSession } from './okta-session.js'
export type {
  AccessTokenCredentials,
  ApiTokenCredentials,
  BudgetOptions,
  CacheOptions,
  CookieOption,
  Credentials,
  OktaSessionOptions,
  PrivateKeyCredentials,
  SessionApiOptions,
  UpstreamOptions,
} from './options/options.js'
export type {
  ActiveContext,
  AnonymousContext,
  AnonymousReason,
  CodeCounts,
  Denial,
  DenialCode,
  Handler,
  IncompleteContext,
  IncompleteReason,
  OktaSessionStats,
  RequestLike,
  Session,
  SessionContext,
  SessionEnd,
  SessionIdentityProvider,
  SessionRule,
  SessionStatus,
  UnavailableContext,
} from './public-types.js'
export type { OktaSession } from './surface.js'
