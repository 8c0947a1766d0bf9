/** POST /oauth2/v1/token: issues an access token for the service app's client assertion. */
import { type Answer, type Header, jsonAnswer } from '../http/answer.js'
import { type OrgRequest, readForm } from '../http/request.js'
import { ACCESS_TOKEN_MS, SCOPES } from '../org/access-tokens.js'
import type { OrgParts } from '../org/org-parts.js'
import { flawOfAssertion } from './client-assertion.js'
import { checkProof, newDpopNonce, type ProofOutcome } from './dpop-proof.js'

export const TOKEN_PATH = '/oauth2/v1/token'

export async function issueAccessToken(org: OrgParts, request: OrgRequest): Promise<Answer> {
  const form = await readForm(request)
  if (form === undefined) {
    return oauthError(400, 'invalid_request', 'The request body must be a form.')
  }
  if (form.get('grant_type') !== 'client_credentials') {
    return oauthError(400, 'unsupported_grant_type', 'The grant_type must be client_credentials.')
  }
  // Checked before the assertion is marked as used: the client repeats it with the nonce.
  const proof = org.dpop === 'required' ? await proofFor(org, request) : undefined
  if (proof?.kind === 'refused') return refusedProof(org, proof)
  const flaw = await clientFlaw(org, form)
  if (flaw !== undefined) return oauthError(401, 'invalid_client', flaw)
  const scopes = (form.get('scope') ?? '').split(' ').filter((scope) => scope !== '')
  if (scopes.length === 0 || scopes.some((scope) => !isKnownScope(scope))) {
    return oauthError(400, 'invalid_scope', 'One or more scopes are not granted to this app.')
  }
  return jsonAnswer(200, {
    token_type: proof === undefined ? 'Bearer' : 'DPoP',
    expires_in: ACCESS_TOKEN_MS / 1_000,
    access_token: org.accessTokens.issue({ scopes, ...(proof && { jkt: proof.jkt }) }),
    scope: scopes.join(' '),
  })
}

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

function proofFor(org: OrgParts, request: OrgRequest): Promise<ProofOutcome> {
  return checkProof(org, request, { nonce: 'required' })
}

function refusedProof(org: OrgParts, refused: Extract<ProofOutcome, { kind: 'refused' }>): Answer {
  const nonce: readonly Header[] =
    refused.error === 'use_dpop_nonce' ? [['dpop-nonce', newDpopNonce(org)]] : []
  return oauthError(400, refused.error, refused.description, nonce)
}

async function clientFlaw(org: OrgParts, form: URLSearchParams): Promise<string | undefined> {
  const assertion = form.get('client_assertion')
  if (assertion === null) return 'Client authentication failed: a client_assertion is missing.'
  if (form.get('client_assertion_type') !== ASSERTION_TYPE) {
    return 'The client_assertion_type is invalid.'
  }
  const clientId = form.get('client_id')
  if (clientId !== null && clientId !== org.serviceApp.clientId) {
    return 'The client_id is not that of the client_assertion.'
  }
  return flawOfAssertion(org, assertion, org.url + TOKEN_PATH)
}

function isKnownScope(scope: string): boolean {
  return SCOPES.some((known) => known === scope)
}

/** The token endpoint answers errors as OAuth does, not in Okta's envelope. */
function oauthError(
  status: 400 | 401,
  error: string,
  description: string,
  headers: readonly Header[] = [],
): Answer {
  return jsonAnswer(status, { error, error_description: description }, headers)
}
