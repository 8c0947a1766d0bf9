/** What a caller of createLocalOrg() holds: the org's address, its people and credentials, and the levers on it. */
import type { Fault } from './faults/fault.js'
import type { CountedCall } from './org/calls.js'
import type { ActiveFault, FaultScope } from './org/faults.js'
import type { OrgClock } from './org/org-clock.js'
import type { ServiceApp } from './org/service-app.js'
import type { Engine } from './org/sessions.js'
import type { SessionSummary, SignInOptions } from './org/steering.js'
import type { LocalUser } from './org/users.js'

export interface LocalOrg {
  /** `http://localhost:<port>`. */
  readonly url: string
  readonly engine: Engine
  /** For `Authorization: SSWS <apiToken>`. */
  readonly apiToken: string
  readonly users: readonly LocalUser[]
  /** A client for private_key_jwt, with the scopes okta.sessions.read and okta.sessions.manage. */
  readonly serviceApp: ServiceApp
  /** How often each operation was asked for since the org started, refusals included. */
  readonly calls: Readonly<Record<CountedCall, number>>
  readonly clock: OrgClock
  /** The live sessions, the oldest first. Ids are the external ones. */
  readonly sessions: readonly SessionSummary[]
  /** The faults that are switched on. */
  readonly faults: readonly ActiveFault[]

  /**
   * Signs a user in without a page and answers the Cookie header a browser would then send:
   * `idx=...` in Identity Engine, `sid=...` in Classic.
   *
   * @throws TypeError for a login the org does not have, or one that is suspended.
   */
  signIn(login: string, options?: SignInOptions): string
  /** A session token for a user, as primary authentication gives it: good once, for five minutes. */
  sessionToken(login: string): string
  /** What a user's authenticator app shows now. Everybody has one; only some are asked for it. */
  passCode(login: string): string
  /**
   * Makes a live session as strong as a second factor would, under the same cookie. The session is named
   * by either of its ids or by a Cookie header; false when there is none such.
   */
  stepUp(session: string): boolean
  /** Ends a session, named by either of its ids or by a Cookie header; false when there is none such. */
  endSession(session: string): boolean
  /** Ends all sessions of a user and lets them begin no more. Answers how many ended. */
  suspendUser(userId: string): number
  unsuspendUser(userId: string): void

  /** An access token of the service app, without the dance: good for an hour. Default: both scopes. */
  accessToken(scopes?: readonly string[]): string
  /** Takes an access token back; false when it was not good anyway. */
  revokeAccessToken(token: string): boolean

  /**
   * Spoils the next answer, or the next `times`. Answers a function that calls it off.
   *
   * @throws TypeError for what is no fault.
   */
  failNext(fault: Fault, scope?: FaultScope & { readonly times?: number }): () => void
  /**
   * Spoils every answer until the function it answers is called.
   *
   * @throws TypeError for what is no fault.
   */
  fail(fault: Fault, scope?: FaultScope): () => void
  /** Switches all faults off. */
  clearFaults(): void

  /** Stops listening and ends every connection. Idempotent; nothing is left open. */
  close(): Promise<void>
}
