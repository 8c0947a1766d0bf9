/** The result of createLocalOrg(): the org's URL, users and credentials, and the functions that change its state. */
import type { Fault } from './faults/fault.js'
import type { CountedCall } from './org/calls.js'
import type { SessionSummary, SignInOptions } from './org/direct-control.js'
import type { ActiveFault, FaultScope } from './org/faults.js'
import type { OrgClock } from './org/org-clock.js'
import type { ServiceApp } from './org/service-app.js'
import type { Engine } from './org/sessions.js'
import type { LocalUser } from './org/users.js'
import type { LocalOrgPushes } from './pushes/push-controls.js'

/**
 * A running local org.
 *
 * @example
 * const org = await createLocalOrg()
 * const cookie = org.signIn('alice@example.com')
 * org.failNext({ kind: 'status', status: 503 }, { operation: 'getCurrentSession' })
 * await org.close()
 */
export interface LocalOrg extends LocalOrgPushes {
  /** `http://localhost:<port>`. */
  readonly url: string
  /** Which of Okta's two engines it imitates. */
  readonly engine: Engine
  /** For `Authorization: SSWS <apiToken>`. */
  readonly apiToken: string
  /** The users, with their passwords. */
  readonly users: readonly LocalUser[]
  /** A client for private_key_jwt, with the scopes okta.sessions.read and okta.sessions.manage. */
  readonly serviceApp: ServiceApp
  /** The number of requests for each operation since the org started, refused ones included. */
  readonly calls: Readonly<Record<CountedCall, number>>
  /** The org's clock, which tests advance. */
  readonly clock: OrgClock
  /** The live sessions, oldest first, with their external ids. */
  readonly sessions: readonly SessionSummary[]
  /** The faults that are switched on. */
  readonly faults: readonly ActiveFault[]

  /**
   * Signs a user in without a page and returns the Cookie header that a browser would then send:
   * `idx=...` in Identity Engine, `sid=...` in Classic.
   *
   * @throws TypeError for an unknown login or a suspended user.
   * @example
   * const cookie = org.signIn('alice@example.com')
   * await fetch('http://localhost:3000/account', { headers: { cookie } })
   */
  signIn(login: string, options?: SignInOptions): string
  /**
   * Issues a session token for a user, as primary authentication does: valid once, for five minutes.
   *
   * @example
   * const sessionToken = org.sessionToken('alice@example.com')
   * const session = await api.createSession({ sessionToken })
   */
  sessionToken(login: string): string
  /**
   * The current passcode of a user's authenticator app. All users have one; sign-in requires it of those
   * with `mfa`.
   *
   * @example
   * const passCode = org.passCode('carol@example.com')
   */
  passCode(login: string): string
  /**
   * Adds a second factor to a live session; its cookie stays the same. `session` is either of its ids or a
   * Cookie header. Returns false when there is no such session.
   *
   * @example
   * const cookie = org.signIn('alice@example.com')
   * org.stepUp(cookie)
   */
  stepUp(session: string): boolean
  /**
   * Ends a session, given either of its ids or a Cookie header. Returns false when there is no such
   * session.
   *
   * @example
   * const cookie = org.signIn('alice@example.com')
   * org.endSession(cookie)
   */
  endSession(session: string): boolean
  /**
   * Ends all sessions of a user and refuses new ones. Returns how many ended.
   *
   * @example
   * for (const { userId } of org.users) org.suspendUser(userId)
   */
  suspendUser(userId: string): number
  /**
   * Allows a suspended user to sign in again.
   *
   * @example
   * for (const { userId } of org.users) org.unsuspendUser(userId)
   */
  unsuspendUser(userId: string): void

  /**
   * Issues an access token of the service app without a token request: valid for an hour. Default: both
   * scopes.
   *
   * @example
   * const accessToken = org.accessToken(['okta.sessions.read'])
   * const api = new SessionApi({ orgUrl: org.url, credentials: { accessToken } })
   */
  accessToken(scopes?: readonly string[]): string
  /**
   * Revokes an access token. Returns false when it was not valid.
   *
   * @example
   * org.revokeAccessToken(org.accessToken())
   */
  revokeAccessToken(token: string): boolean

  /**
   * Applies a fault to the next answer, or to the next `times` answers. Returns a function that cancels it.
   *
   * @throws TypeError for an invalid fault.
   * @example
   * org.failNext({ kind: 'hang' }, { operation: 'getCurrentSession', times: 2 })
   */
  failNext(fault: Fault, scope?: FaultScope & { readonly times?: number }): () => void
  /**
   * Applies a fault to every answer until the function it returns is called.
   *
   * @throws TypeError for an invalid fault.
   * @example
   * const recover = org.fail({ kind: 'status', status: 503 })
   * recover()
   */
  fail(fault: Fault, scope?: FaultScope): () => void
  /**
   * Switches all faults off.
   *
   * @example
   * afterEach(() => org.clearFaults())
   */
  clearFaults(): void

  /**
   * Stops listening, ends every connection and the deliveries under way. Idempotent; leaves no handle open.
   *
   * @example
   * await org.close()
   */
  close(): Promise<void>
}
