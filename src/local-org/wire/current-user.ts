/** GET /api/v1/users/me with a session cookie, which okta-auth-js calls for `session.user()`. */
import { type Answer, jsonAnswer } from '../http/answer.js'
import type { OrgRequest } from '../http/request.js'
import type { OrgParts } from '../org/org-parts.js'
import { readSessionCookies } from '../org/session-cookies.js'
import { oktaError } from './okta-error.js'

export const CURRENT_USER_PATH = '/api/v1/users/me'

/** Without an active session: 403 E0000005, as Okta answers calls that need one. */
export function showCurrentUser(org: OrgParts, request: OrgRequest): Answer {
  const session = org.sessions.byCookies(readSessionCookies(request.headers.cookie))
  if (session === undefined || session.status !== 'ACTIVE') return oktaError('E0000005')
  const { login, userId } = session.user
  const [first = login] = login.split('@')
  return jsonAnswer(200, {
    id: userId,
    status: 'ACTIVE',
    profile: {
      login,
      email: login,
      firstName: first.charAt(0).toUpperCase() + first.slice(1),
      lastName: 'Example',
    },
    _links: { self: { href: `${org.url}/api/v1/users/${userId}` } },
  })
}
