/** The parts of one org that its endpoints share. */
import type { ExpiringMap } from './expiring-map.js'
import type { OrgClock } from './org-clock.js'
import type { Engine, Proof, Sessions } from './sessions.js'
import type { LocalUser, Users } from './users.js'

export interface OrgParts {
  /** `http://localhost:<port>`. */
  readonly url: string
  readonly engine: Engine
  readonly clock: OrgClock
  readonly users: Users
  readonly sessions: Sessions
  /** One-time tokens and whose they are. */
  readonly sessionTokens: ExpiringMap<SignedIn>
  readonly apiToken: string
  readonly trustedOrigins: ReadonlySet<string>
}

/** A user who has proved who they are, and how. */
export interface SignedIn {
  readonly user: LocalUser
  readonly proof: Proof
}

/** Okta's session tokens are good for five minutes. */
export const SESSION_TOKEN_MS = 5 * 60_000
