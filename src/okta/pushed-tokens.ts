/** Verifies the tokens that Okta pushes: Security Event Tokens (RFC 8417) and those of Universal Logout. */
import type { JWSHeaderParameters, JWTPayload } from 'jose'
import type {
  CheckedToken,
  ExpectedToken,
  LogoutToken,
  RefusedToken,
  SecurityEvent,
  TokenFault,
} from '../contracts.js'
import { idIn } from './hook-events.js'
import { isObject, type JsonObject, own } from './http-answer.js'
import type { OrgKeys } from './org-keys.js'
import { subjectsIn } from './pushed-subjects.js'

/** Signatures by a private key alone: with a secret the public key would be one. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512']
const CLOCK_TOLERANCE_S = 60
/** Longer than any token of Okta's. */
const MAX_TOKEN_LENGTH = 64 * 1024

const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/'

/** The events after which Okta is called at the next request of the user. */
const REVOKING: ReadonlySet<string> = new Set([
  `${CAEP}session-revoked`,
  `${CAEP}credential-change`,
])

export function createTokenReaders(keys: Pick<OrgKeys, 'find'>) {
  return {
    async securityEvent(
      token: string,
      expected: ExpectedToken,
    ): Promise<CheckedToken<SecurityEvent>> {
      const checked = await verify(token, 'secevent+jwt', expected, keys)
      return checked.kind === 'valid' ? eventIn(checked.claims, expected) : checked
    },

    async logoutToken(token: string, expected: ExpectedToken): Promise<CheckedToken<LogoutToken>> {
      const checked = await verify(token, 'global-token-revocation+jwt', expected, keys)
      if (checked.kind !== 'valid') return checked
      const { jti, sub, exp } = checked.claims
      if (jti === undefined || exp === undefined || typeof sub !== 'string')
        return refused('invalid_request', 'The token needs exp, jti and sub.')
      return { kind: 'valid', id: jti, clientId: sub }
    },
  }
}

/** The claims of a token of this type with a signature of the org's. What needs no key is checked first. */
async function verify(
  token: string,
  type: string,
  expected: ExpectedToken,
  keys: Pick<OrgKeys, 'find'>,
): Promise<CheckedToken<{ readonly claims: JWTPayload }>> {
  const { decodeJwt, decodeProtectedHeader, errors, jwtVerify } = await import('jose')
  let header: JWSHeaderParameters
  let claims: JWTPayload
  try {
    if (token.length > MAX_TOKEN_LENGTH) throw new RangeError('too long')
    header = decodeProtectedHeader(token)
    claims = decodeJwt(token)
  } catch {
    return refused('invalid_request', 'The body is no signed JWT.')
  }
  const fault = headerFault(header, type) ?? claimsFault(claims, expected)
  if (fault !== undefined) return fault
  const found = await keys.find(header)
  if (found.kind === 'unavailable') return found
  if (found.kind === 'unknown') return refused('invalid_key', 'The org has no such key.')
  try {
    const verified = await jwtVerify(token, found.key, {
      algorithms: ALGORITHMS,
      issuer: [...expected.issuers],
      audience: [...expected.audiences],
      typ: type,
      currentDate: new Date(expected.now),
      clockTolerance: CLOCK_TOLERANCE_S,
    })
    return { kind: 'valid', claims: verified.payload }
  } catch (error) {
    // jose's message may quote a claim.
    return error instanceof errors.JWSSignatureVerificationFailed
      ? refused('authentication_failed', 'The signature does not verify.')
      : refused('invalid_request', 'A header or claim of the token is not as it must be.')
  }
}

function headerFault(header: JWSHeaderParameters, type: string): RefusedToken | undefined {
  // What stands in the header is not verified yet, nor of the type that jose declares.
  const { typ, alg, crit }: Readonly<Record<string, unknown>> = header
  const given = typeof typ === 'string' ? typ.toLowerCase() : ''
  if (given !== type && given !== `application/${type}`)
    return refused('invalid_request', `The typ of the token must be ${type}.`)
  if (typeof alg !== 'string' || !ALGORITHMS.includes(alg))
    return refused('invalid_key', `The alg of the token must be one of ${ALGORITHMS.join(' ')}.`)
  if (crit !== undefined)
    return refused('invalid_request', 'The token has crit, and no extension is supported.')
  return undefined
}

function claimsFault(claims: JWTPayload, expected: ExpectedToken): RefusedToken | undefined {
  const { iss, aud, exp, nbf, jti } = claims
  if (!expected.issuers.includes(iss ?? ''))
    return refused('invalid_issuer', 'The iss of the token is not the org.')
  const audiences = Array.isArray(aud) ? aud : [aud]
  if (!audiences.some((one) => expected.audiences.includes(one ?? '')))
    return refused('invalid_audience', 'The aud of the token is not this receiver.')
  const now = expected.now / 1_000
  if (!isTime(exp) || (exp !== undefined && exp <= now - CLOCK_TOLERANCE_S))
    return refused('invalid_request', 'The token has expired.')
  if (!isTime(nbf) || (nbf !== undefined && nbf > now + CLOCK_TOLERANCE_S))
    return refused('invalid_request', 'The token is not valid yet.')
  if (jti !== undefined && (typeof jti !== 'string' || jti === '' || jti.length > 1_024))
    return refused('invalid_request', 'The jti of the token is no id.')
  return undefined
}

/** Seconds since the epoch, or nothing. */
function isTime(claim: unknown): boolean {
  return claim === undefined || (typeof claim === 'number' && Number.isFinite(claim))
}

function eventIn(claims: JWTPayload, { issuers }: ExpectedToken): CheckedToken<SecurityEvent> {
  const { events, jti } = claims
  if (jti === undefined) return refused('invalid_request', 'The token has no jti.')
  if (!isObject(events) || Object.keys(events).length === 0)
    return refused('invalid_request', 'The token has no events.')
  const types = Object.keys(events)
  const revoking = types.filter((type) => REVOKING.has(type))
  const found = revoking.map((type) => subjectsIn(subjectOf(claims, own(events, type)), issuers))
  if (found.includes('malformed'))
    return refused('invalid_request', 'An event has no subject, or one without its members.')
  return {
    kind: 'valid',
    id: jti,
    types,
    subjects: found.flatMap((subjects) => (typeof subjects === 'string' ? [] : subjects)),
    hasUnmapped: found.includes('unmapped'),
  }
}

/** The subject of the token, or of the event, where older transmitters put it. */
function subjectOf(claims: JsonObject, event: unknown): unknown {
  const inEvent = isObject(event) ? (own(event, 'subject') ?? own(event, 'sub_id')) : undefined
  const subject = own(claims, 'sub_id') ?? inEvent
  if (subject !== undefined) return subject
  // A plain JWT subject of this issuer: Okta's user id.
  const sub = idIn(claims, 'sub')
  return sub === undefined ? undefined : { format: 'iss_sub', iss: own(claims, 'iss'), sub }
}

function refused(fault: TokenFault, description: string): RefusedToken {
  return { kind: 'refused', fault, description }
}
