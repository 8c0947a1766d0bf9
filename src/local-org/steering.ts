/** What tests do to an org by hand, without a page or a request. */
import type { SessionSummary, SignInOptions } from './local-org.js'
import { toDateTime } from './org-clock.js'
import type { OrgParts, SignedIn } from './org-parts.js'
import { expiryOf, PASSWORD_ONLY } from './sessions.js'
import type { LocalUser } from './users.js'

export function signInWithoutPage(
  org: OrgParts,
  login: string,
  options: SignInOptions = {},
): string {
  const { status = 'ACTIVE', cookie = org.engine === 'classic' ? 'sid' : 'idx' } = options
  if (cookie === 'idx' && org.engine === 'classic') {
    throw new TypeError(`signIn(): the classic engine has no 'idx' cookie`)
  }
  const { user, proof } = signedInUser(org, login)
  const session = org.sessions.create(user, { ...proof, status })
  return cookie === 'sid' ? `sid=${session.internalId}` : `idx=${org.sessions.issueIdx(session)}`
}

/** The user of that login, as if they had given their password. */
export function signedInUser(org: OrgParts, login: string): SignedIn {
  const user = org.users.find(login)
  if (user === undefined) throw new TypeError(`The local org has no user ${login}`)
  if (org.users.isSuspended(user)) throw new TypeError(`The user ${login} is suspended`)
  return { user, proof: PASSWORD_ONLY }
}

export function userCalled(org: OrgParts, userId: string): LocalUser {
  const user = org.users.byId(userId)
  if (user === undefined) throw new TypeError(`The local org has no user with the id ${userId}`)
  return user
}

export function endById(org: OrgParts, id: string): boolean {
  const session = org.sessions.byId(id)
  if (session === undefined) return false
  org.sessions.end(session)
  return true
}

export function listSessions(org: OrgParts): readonly SessionSummary[] {
  return Array.from(org.sessions.live(), (session) => ({
    id: session.externalId,
    login: session.user.login,
    userId: session.user.userId,
    status: session.status,
    createdAt: toDateTime(session.createdAt),
    expiresAt: toDateTime(expiryOf(session)),
  }))
}
