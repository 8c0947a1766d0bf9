/** Whether a DPoP proof (RFC 9449) shows that the caller holds a key. */
import { hash } from 'node:crypto'
import type { Ask } from '../http/ask.js'
import { newStateToken } from '../org/okta-ids.js'
import type { OrgParts } from '../org/org-parts.js'

export type ProofOutcome =
  /** `jkt` is the thumbprint of the key. */
  | { readonly kind: 'proved'; readonly jkt: string }
  | {
      readonly kind: 'refused'
      readonly error: 'invalid_dpop_proof' | 'use_dpop_nonce'
      readonly description: string
    }

export interface ProofExpectation {
  /** Whether the proof must carry a nonce of the org's. */
  readonly nonce: 'required' | 'not_needed'
  /** The access token the proof must name, where one is shown. */
  readonly accessToken?: string
}

const FRESH_FOR_S = 300

export async function checkProof(
  org: OrgParts,
  ask: Ask,
  expected: ProofExpectation,
): Promise<ProofOutcome> {
  const { dpop } = ask.headers
  if (typeof dpop !== 'string') return invalid('The DPoP proof JWT header is missing.')
  const { EmbeddedJWK, calculateJwkThumbprint, errors, jwtVerify } = await import('jose')
  try {
    const { payload, protectedHeader } = await jwtVerify(dpop, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: ALGORITHMS,
      requiredClaims: ['jti', 'iat', 'htm', 'htu'],
      maxTokenAge: FRESH_FOR_S,
      clockTolerance: 5,
      currentDate: new Date(org.clock.now()),
    })
    const flaw = claimFlaw(org, ask, payload, expected)
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

/** A nonce for the client's next proof: good for a day, as Okta's are. */
export function newDpopNonce(org: OrgParts): string {
  const nonce = newStateToken()
  org.dpopNonces.set(nonce, true)
  return nonce
}

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'EdDSA']

function claimFlaw(
  org: OrgParts,
  ask: Ask,
  claims: Readonly<Record<string, unknown>>,
  expected: ProofExpectation,
): ProofOutcome | undefined {
  if (claims.htm !== ask.method) return invalid('The htm of the DPoP proof is not the method used.')
  if (claims.htu !== org.url + ask.path) {
    return invalid('The htu of the DPoP proof is not the address asked.')
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
