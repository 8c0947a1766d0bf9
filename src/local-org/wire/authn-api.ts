/** Primary authentication: exchanges a login, a password and, where required, a passcode for a session token. */
import { type Answer, jsonAnswer } from '../http/answer.js'
import { type OrgRequest, readJsonObject } from '../http/request.js'
import { newSessionToken } from '../org/okta-ids.js'
import { toDateTime } from '../org/org-clock.js'
import { type OrgParts, SESSION_TOKEN_MS, type SignedIn } from '../org/org-parts.js'
import { awaitSecondFactor, verifySecondFactor } from '../org/second-factor.js'
import { PASSWORD_ONLY } from '../org/sessions.js'
import { factorOf, type LocalUser } from '../org/users.js'
import { oktaError } from './okta-error.js'

export const AUTHN_PATH = '/api/v1/authn'

/** POST /api/v1/authn */
export async function authenticate(org: OrgParts, request: OrgRequest): Promise<Answer> {
  const body = await readJsonObject(request)
  if (body === undefined) return oktaError('E0000003')
  const { username, password } = body
  if (typeof username !== 'string' || typeof password !== 'string') return oktaError('E0000004')
  const user = org.users.authenticate(username, password)
  if (user === undefined) return oktaError('E0000004')
  if (user.mfa !== undefined) return jsonAnswer(200, mfaRequired(org, user))
  return jsonAnswer(200, success(org, { user, proof: PASSWORD_ONLY }))
}

/** POST /api/v1/authn/factors/{factorId}/verify */
export async function verifyFactor(
  org: OrgParts,
  factorId: string,
  request: OrgRequest,
): Promise<Answer> {
  const body = await readJsonObject(request)
  const stateToken = body?.stateToken
  if (typeof stateToken !== 'string') return oktaError('E0000003')
  const user = org.stateTokens.get(stateToken)
  if (user === undefined) return oktaError('E0000011')
  if (factorOf(user).factorId !== factorId) return oktaError('E0000007', { what: factorId })
  const outcome = verifySecondFactor(org, stateToken, body?.passCode)
  if (outcome === 'unknown_token') return oktaError('E0000011')
  if (outcome === 'wrong_passcode') return oktaError('E0000068', { causes: [WRONG_PASSCODE] })
  return jsonAnswer(200, success(org, outcome))
}

/** POST /api/v1/authn/cancel: cancels a sign-in that waits for its second factor. */
export async function cancelAuthentication(org: OrgParts, request: OrgRequest): Promise<Answer> {
  const body = await readJsonObject(request)
  const stateToken = body?.stateToken
  if (typeof stateToken !== 'string') return oktaError('E0000003')
  if (org.stateTokens.take(stateToken) === undefined) return oktaError('E0000011')
  return jsonAnswer(200, {})
}

/** Issues a session token for an authenticated user. */
export function issueSessionToken(org: OrgParts, signedIn: SignedIn): string {
  const token = newSessionToken()
  org.sessionTokens.set(token, signedIn)
  return token
}

const WRONG_PASSCODE = "Your token doesn't match our records. Please try again."

function success(org: OrgParts, signedIn: SignedIn): object {
  return {
    expiresAt: toDateTime(org.clock.now() + SESSION_TOKEN_MS),
    status: 'SUCCESS',
    sessionToken: issueSessionToken(org, signedIn),
    _embedded: { user: userJson(signedIn.user) },
  }
}

function mfaRequired(org: OrgParts, user: LocalUser): object {
  const { factorId } = factorOf(user)
  const verify = `${org.url}${AUTHN_PATH}/factors/${factorId}/verify`
  return {
    stateToken: awaitSecondFactor(org, user),
    expiresAt: toDateTime(org.clock.now() + SESSION_TOKEN_MS),
    status: 'MFA_REQUIRED',
    _embedded: {
      user: userJson(user),
      factors: [
        {
          id: factorId,
          factorType: 'token:software:totp',
          provider: 'OKTA',
          vendorName: 'OKTA',
          profile: { credentialId: user.login },
          _links: { verify: { href: verify, hints: { allow: ['POST'] } } },
        },
      ],
    },
    _links: { cancel: { href: `${org.url}${AUTHN_PATH}/cancel`, hints: { allow: ['POST'] } } },
  }
}

function userJson(user: LocalUser): object {
  const [firstName = user.login] = user.login.split('@')
  return {
    id: user.userId,
    profile: { login: user.login, firstName, lastName: 'Local', locale: 'en', timeZone: 'UTC' },
  }
}
