/** express-okta-session: Okta's own session as your app's session. */
import './express-request.js'

export type { ForwardAuthOptions } from './http/forward-auth.js'
export type { LoginOptions } from './http/login.js'
export type { LogoutOptions } from './http/logout.js'
export type { RefreshAnswer, RefreshOptions } from './http/refresh.js'
export type { RefreshOnActivityOptions } from './http/refresh-on-activity.js'
export type { SessionInfo, SessionInfoOptions } from './http/session-info.js'
export type {
  CallMessage,
  HoldOffMessage,
  RevocationMessage,
  VerdictMessage,
} from './model/channels.js'
export { channels } from './model/channels.js'
export type {
  ActiveContext,
  AnonymousContext,
  AnonymousReason,
  Denial,
  DenialCode,
  Handler,
  IncompleteContext,
  IncompleteReason,
  RequestLike,
  SessionContext,
  SessionEnd,
  SessionRule,
  UnavailableContext,
} from './model/context.js'
export type { CookieKind, Logger, SessionStore } from './model/contracts.js'
export type { Challenge, Operation, RateLimit, UnavailableCode } from './model/errors.js'
export { OktaApiError, OktaUnavailableError } from './model/errors.js'
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
} from './model/options.js'
export type { Session, SessionIdentityProvider, SessionStatus } from './model/session.js'
export type { CodeCounts, OktaSessionStats } from './model/stats.js'
export { SessionApi } from './okta/session-api.js'
export { oktaSession } from './okta-session.js'
export type { OktaSession } from './surface.js'
