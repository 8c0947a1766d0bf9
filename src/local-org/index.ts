/** An Okta org on localhost, for development and tests: `express-okta-session/local-org`. */
export { createLocalOrg } from './create-local-org.js'
export type {
  AnswerFault,
  ConnectionFault,
  Fault,
  FaultKind,
  SpoilingFault,
} from './faults/fault.js'
export type { LocalOrg } from './local-org.js'
export type { LocalOrgOptions } from './options.js'
export type { CountedCall } from './org/calls.js'
export type { SessionSummary, SignInOptions } from './org/direct-control.js'
export type { ActiveFault, FaultScope } from './org/faults.js'
export type { Clock, OrgClock } from './org/org-clock.js'
export type { PrivateJwk, ServiceApp, ServiceAppAlg, ServiceAppOption } from './org/service-app.js'
export type { Engine, SessionStatus } from './org/sessions.js'
export type { LocalFactor, LocalUser, LocalUserOption } from './org/users.js'
export type { Delivery, PushKind } from './pushes/courier.js'
export type { EventDelivery } from './pushes/event-hooks.js'
export type { HookEvent, HookEventParts, HookEventParty } from './pushes/hook-event.js'
export type { LocalOrgPushes } from './pushes/push-controls.js'
export type { EventHook, LogoutReceiver, SignalsReceiver } from './pushes/receivers.js'
export type {
  LogoutDelivery,
  SecurityEvent,
  SecurityEventType,
  SignedDelivery,
} from './pushes/signed-pushes.js'
