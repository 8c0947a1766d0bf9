/** Verifies DPoP proofs (RFC 9449) and issues nonces for them. */
import { hash } from 'node:crypto'
import type { OrgRequest } from '../http/request.js'
import { newStateToken } from '../org/okta-ids.js'
import type { OrgParts } from '../org/org-parts.js'

export type ProofOutcome =
  /** `jkt` is the thumbprint of the proof's key. */
  | { readonly kind: 'proved'; readonly jkt: string }
  | {
      readonly kind: 'refused'
      readonly error: 'invalid_dpop_proof' | 'use_dpop_nonce'
      readonly description: string
    }

export interface ProofExpectation {
  /** Whether the proof must carry a nonce that the org issued. */
  readonly nonce: 'required' | 'not_needed'
  /** The access token whose hash the proof must carry, when the request has one. */
  readonly accessToken?: string
}

const MAX_PROOF_AGE_S = 300

export async function checkProof(
  org: OrgParts,
  request: OrgRequest,
  expected: ProofExpectation,
): Promise<ProofOutcome> {
  const { dpop } = request.headers
  if (typeof dpop !== 'string') return invalid('The DPoP proof JWT header is missing.')
  const { EmbeddedJWK, calculateJwkThumbprint, errors, jwtVerify } = await import('jose')
  try {
    const { payload, protectedHeader } = await jwtVerify(dpop, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: ALGORITHMS,
      requiredClaims: ['jti', 'iat', 'htm', 'htu'],
      maxTokenAge: MAX_PROOF_AGE_S,
      clockTolerance: 5,
      currentDate: new Date(org.clock.now()),
    })
    const flaw = claimFlaw(org, request, payload, expected)
    if (flaw !== undefined) return flaw
    org.usedTokenIds.set(`proof ${payload.jti}`, true)
    const { jwk } = protectedHeader
    if (jwk === undefined) return invalid('The DPoP proof JWT has no jwk.')
    return { kind: 'proved', jkt: await calculateJwkThumbprint(jwk) }
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) {
      return invalid('The DPoP proof JWT is invalid.')
    }
    throw error
  }
}

/** Issues a nonce for the client's next proof: valid for a day, as Okta's are. */
export function newDpopNonce(org: OrgParts): string {
  const nonce = newStateToken()
  org.dpopNonces.set(nonce, true)
  return nonce
}

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'EdDSA']

function claimFlaw(
  org: OrgParts,
  request: OrgRequest,
  claims: Readonly<Record<string, unknown>>,
  expected: ProofExpectation,
): ProofOutcome | undefined {
  if (claims.htm !== request.method)
    return invalid('The htm of the DPoP proof is not the request method.')
  if (claims.htu !== org.url + request.path) {
    return invalid('The htu of the DPoP proof is not the request URL.')
  }
  if (org.usedTokenIds.get(`proof ${String(claims.jti)}`)) {
    return invalid('The DPoP proof has been used before: its jti must be unique.')
  }
  if (expected.accessToken !== undefined && claims.ath !== hashOf(expected.accessToken)) {
    return invalid('The ath of the DPoP proof is not the hash of the access token.')
  }
  const { nonce } = claims
  if (expected.nonce === 'not_needed') return undefined
  if (typeof nonce === 'string' && org.dpopNonces.get(nonce)) return undefined
  return {
    kind: 'refused',
    error: 'use_dpop_nonce',
    description: 'Authorization server requires nonce in DPoP proof.',
  }
}

function hashOf(accessToken: string): string {
  return hash('sha256', accessToken, 'base64url')
}

function invalid(description: string): ProofOutcome {
  return { kind: 'refused', error: 'invalid_dpop_proof', description }
}
