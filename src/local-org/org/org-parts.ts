/** The parts of one org that its endpoints share. */
import type { AccessTokens } from './access-tokens.js'
import type { CallLog } from './call-log.js'
import type { CountedCall } from './calls.js'
import type { ExpiringMap } from './expiring-map.js'
import type { Faults } from './faults.js'
import type { OrgClock } from './org-clock.js'
import type { OrgEvents } from './org-events.js'
import type { RateLimits } from './rate-limits.js'
import type { ServiceAppKeys } from './service-app.js'
import type { Engine, Proof, Sessions } from './sessions.js'
import type { SigningKey } from './signing-key.js'
import type { LocalUser, Users } from './users.js'

export interface OrgParts {
  /** `http://localhost:<port>`. */
  readonly url: string
  readonly engine: Engine
  readonly clock: OrgClock
  readonly users: Users
  readonly sessions: Sessions
  readonly events: OrgEvents
  /** The user and proof of each unused session token. */
  readonly sessionTokens: ExpiringMap<SignedIn>
  /** Sign-ins that wait for their second factor. */
  readonly stateTokens: ExpiringMap<LocalUser>
  readonly apiToken: string
  readonly trustedOrigins: ReadonlySet<string>
  readonly serviceApp: ServiceAppKeys
  readonly signingKey: SigningKey
  readonly accessTokens: AccessTokens
  /** The ids of used assertions and proofs. */
  readonly usedTokenIds: ExpiringMap<true>
  readonly dpopNonces: ExpiringMap<true>
  readonly dpop: 'off' | 'required'
  readonly faults: Faults
  readonly rateLimits: RateLimits
  readonly callLog: CallLog
  readonly calls: Record<CountedCall, number>
}

/** An authenticated user, and the proof given. */
export interface SignedIn {
  readonly user: LocalUser
  readonly proof: Proof
}

/** Session tokens, and sign-ins that wait for a second factor, expire after five minutes, as at Okta. */
export const SESSION_TOKEN_MS = 5 * 60_000
