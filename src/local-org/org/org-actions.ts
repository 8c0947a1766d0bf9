/** Changes of sessions and users that the org announces: endpoints, the console and LocalOrg make them here. */
import type { OrgParts, SignedIn } from './org-parts.js'
import type { LiveSession } from './sessions.js'
import type { LocalUser } from './users.js'

export function startSession(org: OrgParts, { user, proof }: SignedIn): LiveSession {
  const session = org.sessions.create(user, proof)
  org.events.announce({ kind: 'signed_in', session })
  return session
}

/** Ends a session at the request of its own user. */
export function signOutOf(org: OrgParts, session: LiveSession): void {
  org.sessions.end(session)
  org.events.announce({ kind: 'signed_out', session })
}

/** Ends a session as an administrator does. */
export function revokeSession(org: OrgParts, session: LiveSession): void {
  org.sessions.end(session)
  org.events.announce({ kind: 'session_revoked', session })
}

/** Ends all sessions of a user as an administrator does; announced also when there were none. */
export function endUserSessions(org: OrgParts, user: LocalUser): number {
  const ended = org.sessions.endAllOf(user)
  org.events.announce({ kind: 'sessions_cleared', user })
  return ended
}

/** Ends all sessions of a user and refuses new ones. Returns how many ended. */
export function suspendUser(org: OrgParts, user: LocalUser): number {
  const isNews = !org.users.isSuspended(user)
  org.users.suspend(user)
  const ended = org.sessions.endAllOf(user)
  if (isNews) org.events.announce({ kind: 'suspended', user })
  return ended
}

export function unsuspendUser(org: OrgParts, user: LocalUser): void {
  const isNews = org.users.isSuspended(user)
  org.users.unsuspend(user)
  if (isNews) org.events.announce({ kind: 'unsuspended', user })
}
