/** Verifies a client assertion of the service app: RFC 7523 with Okta's rules for private_key_jwt. */
import type { JWTVerifyOptions } from 'jose'
import type { OrgParts } from '../org/org-parts.js'

const MAX_LIFETIME_S = 3_600

/** Returns undefined for a valid assertion, otherwise Okta's error description. */
export async function flawOfAssertion(
  org: OrgParts,
  assertion: string,
  tokenUrl: string,
): Promise<string | undefined> {
  const { decodeProtectedHeader, errors, jwtVerify } = await import('jose')
  const { clientId, keyId } = org.serviceApp
  try {
    const { kid } = decodeProtectedHeader(assertion)
    if (kid !== undefined && kid !== keyId) return 'The client_assertion JWT kid is invalid.'
    const { payload } = await jwtVerify(assertion, org.serviceApp.publicKey(), rules(org, tokenUrl))
    if (payload.iss !== clientId || payload.sub !== clientId) {
      return 'The issuer and the subject of client_assertion must both be the client ID.'
    }
    if ((payload.exp ?? 0) > org.clock.now() / 1_000 + MAX_LIFETIME_S) {
      return 'The client_assertion token has an expiration too far into the future.'
    }
    const { jti = '' } = payload
    if (org.usedTokenIds.get(`assertion ${jti}`)) {
      return 'The client_assertion token has been used before: its jti must be unique.'
    }
    org.usedTokenIds.set(`assertion ${jti}`, true)
    return undefined
  } catch (error) {
    if (error instanceof errors.JWTExpired) return 'The client_assertion token has expired.'
    if (error instanceof errors.JWTClaimValidationFailed) return claimFlaw(error.claim)
    if (error instanceof errors.JOSEError) return 'The client_assertion signature is invalid.'
    // jose throws a TypeError for a string that is not a JWT.
    if (error instanceof TypeError) return 'The client_assertion is not a valid JWT.'
    throw error
  }
}

function rules(org: OrgParts, tokenUrl: string): JWTVerifyOptions {
  return {
    audience: tokenUrl,
    algorithms: ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'],
    requiredClaims: ['iss', 'sub', 'exp', 'jti'],
    currentDate: new Date(org.clock.now()),
    clockTolerance: 5,
  }
}

function claimFlaw(claim: string): string {
  return claim === 'aud'
    ? 'The audience claim for client_assertion must be the endpoint invoked for the request.'
    : `The client_assertion token lacks a valid ${claim} claim.`
}
