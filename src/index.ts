/** express-okta-session: Okta's own session as your app's session. */
import './express-request.js'

export type {
  CallMessage,
  CallTraceMessage,
  HoldOffMessage,
  LookupMessage,
  RefreshMessage,
  RevocationMessage,
  SchemaDriftMessage,
  StoreCommandMessage,
  StoreMessage,
  VerdictMessage,
} from './channels.js'
export { channels } from './channels.js'
export type { CookieKind, Logger, SessionStore } from './contracts.js'
export type { Challenge, Operation, RateLimit, UnavailableCode } from './errors.js'
export { OktaApiError, OktaUnavailableError } from './errors.js'
export { SessionApi } from './okta/session-api.js'
export { oktaSession } from './okta-session.js'
export type { CodeCounts, OktaSession, OktaSessionStats } from './okta-session-types.js'
export type {
  AccessTokenCredentials,
  ApiTokenCredentials,
  BudgetOptions,
  CacheOptions,
  CookieOption,
  Credentials,
  OktaSessionOptions,
  PageOptions,
  PrivateKeyCredentials,
  SessionApiOptions,
  UpstreamOptions,
} from './options/options.js'
export type {
  ActiveContext,
  AnonymousContext,
  AnonymousReason,
  AppRequest,
  AppResponse,
  Decision,
  Denial,
  DenialCode,
  EventHookOptions,
  Finding,
  ForwardAuthOptions,
  GuardPage,
  Handler,
  IncompleteContext,
  IncompleteReason,
  LoginOptions,
  LogoutOptions,
  PageCode,
  PageLink,
  PageLinkKind,
  PageTexts,
  PushStats,
  Readiness,
  RefreshAnswer,
  RefreshOnActivityOptions,
  RefreshOptions,
  Reply,
  RequestLike,
  Session,
  SessionContext,
  SessionEnd,
  SessionIdentityProvider,
  SessionInfo,
  SessionInfoOptions,
  SessionRule,
  SessionStatus,
  SharedSignalsOptions,
  StoreStats,
  UnavailableContext,
} from './public-types.js'
