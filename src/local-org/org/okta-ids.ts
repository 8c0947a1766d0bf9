/** Generates identifiers and secrets in Okta's formats. */
import { createHash, randomBytes, randomInt, randomUUID } from 'node:crypto'

/** A session id in Classic's format; an internal id is the value of the `sid` cookie. */
export function newClassicId(): string {
  return `102${random22()}`
}

/** The external id of an Identity Engine session. */
export function newIdentityId(): string {
  return `idx${random22()}`
}

export function newErrorId(): string {
  return `oae${random22()}`
}

/** The `x-okta-request-id` of one answer. A UUID, because Node prefetches its random bytes: ten times cheaper. */
export function newRequestId(): string {
  return randomUUID().replaceAll('-', '')
}

/** A one-time session token. */
export function newSessionToken(): string {
  return `20111${randomBytes(36).toString('base64url')}`
}

/** The token of a sign-in that waits for its second factor. */
export function newStateToken(): string {
  return `00${randomBytes(30).toString('base64url')}`
}

export function newApiToken(): string {
  return `00${randomBytes(30).toString('base64url')}`
}

/** An opaque `idx` value of 1.2 to 1.6 KB: the five dotted parts of a compact JWE, the second one empty. */
export function newIdxValue(): string {
  const parts = [12, 850 + randomInt(300), 16].map((bytes) =>
    randomBytes(bytes).toString('base64url'),
  )
  return `${IDX_HEADER}..${parts.join('.')}`
}

const IDX_HEADER = Buffer.from('{"zip":"DEF","ver":"1","enc":"A256GCM","alg":"dir"}').toString(
  'base64url',
)

/** An id such as `00u...` that depends on `seed` alone, so that it is the same at every start. */
export function stableId(prefix: string, seed: string): string {
  const letters = createHash('sha256').update(`${prefix} ${seed}`).digest('base64')
  return prefix + letters.replaceAll(/[^A-Za-z0-9]/g, '').slice(0, 17)
}

function random22(): string {
  return randomBytes(16).toString('base64url')
}
