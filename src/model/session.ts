/** What a session is: the fields of Okta's Session object this package vouches for, and nothing else. */

/** Okta's own statuses; a status this package does not know yet reads as any other string. */
export type SessionStatus = 'ACTIVE' | 'MFA_REQUIRED' | 'MFA_ENROLL' | (string & {})

/** The identity provider that signed the user in. Identity Engine may leave it out. */
export interface SessionIdentityProvider {
  readonly id?: string
  /** `OKTA`, `ACTIVE_DIRECTORY`, `LDAP`, `FEDERATION`, `SOCIAL`, or a later one. */
  readonly type?: string
}

/**
 * A user's session at Okta: a frozen plain object, shared by every request it serves.
 *
 * Dates are ISO 8601 strings as they came over the wire. Fields Okta sends beyond these are dropped.
 *
 * `id` is the session's *external* id where GetCurrentSession gave it. From `createSession` (and from
 * `getSession` and `refreshSession` when they were asked with it) it is the **value of the `sid`
 * cookie, a live credential**: `util.inspect` and `console.log` hide it there, `JSON.stringify` does not.
 *
 * @see https://developer.okta.com/docs/api/openapi/okta-management/management/tag/Session/
 */
export interface Session {
  readonly id: string
  /** The user name, usually an e-mail address. */
  readonly login: string
  /** The user's id at Okta (`00u...`). */
  readonly userId: string
  readonly status: SessionStatus
  /** ISO 8601. The earlier of the idle end and the end of the session's lifetime, as of the answer. */
  readonly expiresAt: string
  /** ISO 8601. */
  readonly createdAt?: string
  /** ISO 8601, or null when no password was used. */
  readonly lastPasswordVerification?: string | null
  /** ISO 8601, or null when no second factor was used. */
  readonly lastFactorVerification?: string | null
  /** How the user proved who they are (RFC 8176 values such as `pwd`, `otp`, `mfa`); `[]` when Okta sent none. */
  readonly amr: readonly string[]
  readonly idp?: SessionIdentityProvider
  /** Deprecated by Okta, still sent. */
  readonly mfaActive?: boolean
}
