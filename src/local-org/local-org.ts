/** What a caller of createLocalOrg() holds: the org's address, its people and credentials, and the levers on it. */
import type { OrgClock } from './org-clock.js'
import type { CountedCall } from './routes.js'
import type { Engine, SessionStatus } from './sessions.js'
import type { LocalUser } from './users.js'

export interface LocalOrg {
  /** `http://localhost:<port>`. */
  readonly url: string
  readonly engine: Engine
  /** For `Authorization: SSWS <apiToken>`. */
  readonly apiToken: string
  readonly users: readonly LocalUser[]
  /** How often each operation was asked for since the org started, refusals included. */
  readonly calls: Readonly<Record<CountedCall, number>>
  readonly clock: OrgClock
  /** The live sessions, the oldest first. Ids are the external ones. */
  readonly sessions: readonly SessionSummary[]
  /**
   * Signs a user in without a page and answers the Cookie header a browser would then send:
   * `idx=...` in Identity Engine, `sid=...` in Classic.
   *
   * @throws TypeError for a login the org does not have.
   */
  signIn(login: string, options?: SignInOptions): string
  /** A session token for a user, as primary authentication gives it: good once, for five minutes. */
  sessionToken(login: string): string
  /** Ends a session by its external or internal id; false when there is none such. */
  endSession(id: string): boolean
  /** Ends all sessions of a user and lets them begin no more. Answers how many ended. */
  suspendUser(userId: string): number
  unsuspendUser(userId: string): void
  /** Stops listening and ends every connection. Idempotent; nothing is left open. */
  close(): Promise<void>
}

export interface SignInOptions {
  /** The state to leave the session in. Default `ACTIVE`. */
  readonly status?: SessionStatus
  /** Which cookie to answer. `sid` is what createSession makes. Default: the engine's own. */
  readonly cookie?: 'idx' | 'sid'
}

export interface SessionSummary {
  readonly id: string
  readonly login: string
  readonly userId: string
  readonly status: SessionStatus
  /** ISO 8601. */
  readonly createdAt: string
  /** ISO 8601. */
  readonly expiresAt: string
}
