/** The functions behind the LocalOrg object, which change and read an org without a request. */
import { startSession } from './org-actions.js'
import { toDateTime } from './org-clock.js'
import type { OrgParts, SignedIn } from './org-parts.js'
import { PASSWORD_AND_PASSCODE } from './second-factor.js'
import { readSessionCookies } from './session-cookies.js'
import {
  expiryOf,
  type LiveSession,
  PASSWORD_ONLY,
  type Proof,
  type SessionStatus,
} from './sessions.js'
import type { LocalUser } from './users.js'

/** The options of `org.signIn()`. */
export interface SignInOptions {
  /** The status of the session. Default `ACTIVE`. */
  readonly status?: SessionStatus
  /** Whether a second factor was used; ignored unless `status` is `ACTIVE`. Default: the user's `mfa`. */
  readonly mfa?: boolean
  /** The cookie to return; createSession makes a `sid`. Default: the engine's own. */
  readonly cookie?: 'idx' | 'sid'
}

/** A live session as `org.sessions` lists it, with its external id. */
export interface SessionSummary {
  /** The external id. */
  readonly id: string
  /** The user name. */
  readonly login: string
  /** `00u...` */
  readonly userId: string
  /** `ACTIVE` where the sign-in is complete. */
  readonly status: SessionStatus
  /** The authentication methods (RFC 8176). */
  readonly amr: readonly string[]
  /** ISO 8601. */
  readonly createdAt: string
  /** ISO 8601. */
  readonly expiresAt: string
}

export function signInWithoutPage(
  org: OrgParts,
  login: string,
  options: SignInOptions = {},
): string {
  const { cookie = org.engine === 'classic' ? 'sid' : 'idx' } = options
  if (cookie === 'idx' && org.engine === 'classic') {
    throw new TypeError(`signIn(): the classic engine has no 'idx' cookie`)
  }
  const user = activeUser(org, login)
  const session = startSession(org, { user, proof: proofOf(user, options) })
  return cookie === 'sid' ? `sid=${session.internalId}` : `idx=${org.sessions.issueIdx(session)}`
}

/** The user of a login, as authenticated with the password and, for users with `mfa`, a passcode. */
export function signedInUser(org: OrgParts, login: string): SignedIn {
  const user = activeUser(org, login)
  return { user, proof: proofOf(user, {}) }
}

export function userByLogin(org: OrgParts, login: string): LocalUser {
  const user = org.users.find(login)
  if (user === undefined) throw new TypeError(`The local org has no user ${login}`)
  return user
}

export function userById(org: OrgParts, userId: string): LocalUser {
  const user = org.users.byId(userId)
  if (user === undefined) throw new TypeError(`The local org has no user with the id ${userId}`)
  return user
}

/** Calls `act` with the session of an id or a Cookie header. Returns false when there is none. */
export function withSession(
  org: OrgParts,
  idOrCookie: string,
  act: (session: LiveSession) => void,
): boolean {
  const session = sessionNamed(org, idOrCookie)
  if (session === undefined) return false
  act(session)
  return true
}

/** The live session of an id or a Cookie header. */
export function sessionNamed(org: OrgParts, idOrCookie: string): LiveSession | undefined {
  return org.sessions.byId(idOrCookie) ?? org.sessions.byCookies(readSessionCookies(idOrCookie))
}

export function listSessions(org: OrgParts): readonly SessionSummary[] {
  return Array.from(org.sessions.live(), summarize)
}

export function summarize(session: LiveSession): SessionSummary {
  return {
    id: session.externalId,
    login: session.user.login,
    userId: session.user.userId,
    status: session.status,
    amr: session.amr,
    createdAt: toDateTime(session.createdAt),
    expiresAt: toDateTime(expiryOf(session)),
  }
}

function activeUser(org: OrgParts, login: string): LocalUser {
  const user = userByLogin(org, login)
  if (org.users.isSuspended(user)) throw new TypeError(`The user ${login} is suspended`)
  return user
}

function proofOf(user: LocalUser, options: SignInOptions): Proof {
  const { status = 'ACTIVE', mfa = user.mfa !== undefined } = options
  if (status !== 'ACTIVE') return { ...PASSWORD_ONLY, status }
  return mfa ? PASSWORD_AND_PASSCODE : PASSWORD_ONLY
}
