/** Okta's Session object as JSON. */
import { stableId } from '../org/okta-ids.js'
import { toDateTime } from '../org/org-clock.js'
import { type Engine, expiryOf, type LiveSession } from '../org/sessions.js'

/** How the request named the session, which determines the id and the links of the answer. */
export type SessionName = { readonly kind: 'me' } | { readonly kind: 'id'; readonly id: string }

export function sessionJson(
  orgUrl: string,
  engine: Engine,
  session: LiveSession,
  name: SessionName,
): object {
  return {
    id: name.kind === 'me' ? session.externalId : name.id,
    login: session.user.login,
    userId: session.user.userId,
    createdAt: toDateTime(session.createdAt),
    expiresAt: toDateTime(expiryOf(session)),
    status: session.status,
    lastPasswordVerification: toDateTimeOrNull(session.lastPasswordVerification),
    lastFactorVerification: toDateTimeOrNull(session.lastFactorVerification),
    amr: session.amr,
    // Identity Engine omits `idp`.
    ...(engine === 'classic' && { idp: { id: stableId('00o', 'local org'), type: 'OKTA' } }),
    mfaActive: session.lastFactorVerification !== null,
    _links: linksOf(orgUrl, session, name),
  }
}

function linksOf(orgUrl: string, session: LiveSession, name: SessionName): object {
  const isMe = name.kind === 'me'
  const self = `${orgUrl}/api/v1/sessions/${isMe ? 'me' : session.externalId}`
  return {
    self: { href: self, hints: { allow: ['GET', 'DELETE'] } },
    refresh: { href: `${self}/lifecycle/refresh`, hints: { allow: ['POST'] } },
    user: {
      name: session.user.login,
      href: `${orgUrl}/api/v1/users/${isMe ? 'me' : session.user.userId}`,
      hints: { allow: ['GET'] },
    },
  }
}

function toDateTimeOrNull(epochMs: number | null): string | null {
  return epochMs === null ? null : toDateTime(epochMs)
}
