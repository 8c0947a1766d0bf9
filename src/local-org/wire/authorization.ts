/** Authenticates the caller of an operation by its Authorization header. */
import { timingSafeEqual } from 'node:crypto'
import type { Answer, Header } from '../http/answer.js'
import type { OrgRequest } from '../http/request.js'
import { checkProof } from '../oauth/dpop-proof.js'
import type { AccessGrant } from '../org/access-tokens.js'
import type { OrgParts } from '../org/org-parts.js'
import { EXPIRED_CLASSIC } from '../org/session-cookies.js'
import { oktaError } from './okta-error.js'

export type Caller =
  | { readonly kind: 'api_token' }
  | { readonly kind: 'service_app' }
  | { readonly kind: 'unauthenticated' }
  | { readonly kind: 'refused'; readonly answer: Answer }

/** `scope` is the scope that an access token needs; undefined for an operation that accepts no access token. */
export function readCaller(
  org: OrgParts,
  request: OrgRequest,
  scope: string | undefined,
): Caller | Promise<Caller> {
  const { authorization } = request.headers
  if (authorization === undefined) return { kind: 'unauthenticated' }
  const [, scheme = '', token = ''] = AUTHORIZATION.exec(authorization) ?? []
  switch (scheme.toLowerCase()) {
    case 'ssws':
      return isSame(token, org.apiToken) ? { kind: 'api_token' } : refused(oktaError('E0000011'))
    case 'bearer':
      return bearer(org, token, scope)
    case 'dpop':
      return proofOfPossession(org, request, token, scope)
    default:
      return refused(oktaError('E0000005'))
  }
}

export function isApiToken(org: OrgParts, request: OrgRequest): boolean {
  const [, scheme = '', token = ''] = AUTHORIZATION.exec(request.headers.authorization ?? '') ?? []
  return scheme.toLowerCase() === 'ssws' && isSame(token, org.apiToken)
}

/** As at Okta, every answer to an API token expires the browser's session cookies and starts a servlet session. */
export function apiTokenCookies(): readonly Header[] {
  return [...EXPIRED_CLASSIC, SERVLET_SESSION]
}

export const SERVLET_SESSION: Header = [
  'set-cookie',
  'JSESSIONID=00000000000000000000000000000000; Path=/; HttpOnly',
]

const AUTHORIZATION = /^(SSWS|Bearer|DPoP) +([\x21-\x7e]+)$/i

function bearer(org: OrgParts, token: string, scope: string | undefined): Caller {
  const grant = org.accessTokens.find(token)
  // A token that is bound to a key is invalid without a proof of the key.
  if (grant === undefined || grant.jkt !== undefined) return invalidToken(org, 'Bearer', scope)
  return byScope(org, 'Bearer', grant, scope)
}

async function proofOfPossession(
  org: OrgParts,
  request: OrgRequest,
  token: string,
  scope: string | undefined,
): Promise<Caller> {
  const grant = org.accessTokens.find(token)
  if (grant?.jkt === undefined) return invalidToken(org, 'DPoP', scope)
  const proof = await checkProof(org, request, { nonce: 'not_needed', accessToken: token })
  if (proof.kind === 'refused') {
    return challenged(org, 'E0000011', 'DPoP', scope, proof.error, proof.description)
  }
  if (proof.jkt !== grant.jkt) return invalidToken(org, 'DPoP', scope)
  return byScope(org, 'DPoP', grant, scope)
}

function byScope(
  org: OrgParts,
  scheme: 'Bearer' | 'DPoP',
  grant: AccessGrant,
  scope: string | undefined,
): Caller {
  if (scope !== undefined && grant.scopes.includes(scope)) return { kind: 'service_app' }
  const description = 'The access token provided does not contain the required scopes.'
  return challenged(org, 'E0000006', scheme, scope, 'insufficient_scope', description)
}

function invalidToken(org: OrgParts, scheme: 'Bearer' | 'DPoP', scope: string | undefined): Caller {
  return challenged(org, 'E0000011', scheme, scope, 'invalid_token', 'The access token is invalid.')
}

function challenged(
  org: OrgParts,
  code: 'E0000006' | 'E0000011',
  scheme: 'Bearer' | 'DPoP',
  scope: string | undefined,
  error: string,
  description: string,
): Caller {
  const parameters = [
    `authorization_uri="${org.url}/oauth2/v1/authorize"`,
    `realm="${org.url}"`,
    ...(scope === undefined ? [] : [`scope="${scope}"`]),
    `error="${error}"`,
    `error_description="${description}"`,
  ]
  const challenge: Header = ['www-authenticate', `${scheme} ${parameters.join(', ')}`]
  return refused(oktaError(code, { headers: [challenge] }))
}

function refused(answer: Answer): Caller {
  return { kind: 'refused', answer }
}

function isSame(given: string, expected: string): boolean {
  const a = Buffer.from(given)
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}
