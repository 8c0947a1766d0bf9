/** Primary authentication: login and password for a session token. */
import { type Answer, jsonAnswer } from './answer.js'
import { type Ask, readJsonObject } from './ask.js'
import { oktaError } from './okta-error.js'
import { newSessionToken } from './okta-ids.js'
import { toDateTime } from './org-clock.js'
import { type OrgParts, SESSION_TOKEN_MS, type SignedIn } from './org-parts.js'
import { PASSWORD_ONLY } from './sessions.js'
import type { LocalUser } from './users.js'

/** POST /api/v1/authn */
export async function authenticate(org: OrgParts, ask: Ask): Promise<Answer> {
  const body = await readJsonObject(ask)
  if (body === undefined) return oktaError('E0000003')
  const { username, password } = body
  if (typeof username !== 'string' || typeof password !== 'string') return oktaError('E0000004')
  const user = org.users.authenticate(username, password)
  if (user === undefined) return oktaError('E0000004')
  return jsonAnswer(200, success(org, { user, proof: PASSWORD_ONLY }))
}

/** A fresh session token for a user who has proved who they are. */
export function issueSessionToken(org: OrgParts, signedIn: SignedIn): string {
  const token = newSessionToken()
  org.sessionTokens.set(token, signedIn)
  return token
}

function success(org: OrgParts, signedIn: SignedIn): object {
  return {
    expiresAt: toDateTime(org.clock.now() + SESSION_TOKEN_MS),
    status: 'SUCCESS',
    sessionToken: issueSessionToken(org, signedIn),
    _embedded: { user: userJson(signedIn.user) },
  }
}

function userJson(user: LocalUser): object {
  const [firstName = user.login] = user.login.split('@')
  return {
    id: user.userId,
    profile: { login: user.login, firstName, lastName: 'Local', locale: 'en', timeZone: 'UTC' },
  }
}
