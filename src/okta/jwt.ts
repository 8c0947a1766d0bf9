/** Signs the two JWTs a service app needs. jose is loaded at the first one: who has no service app never pays for it. */
import { type KeyObject, randomUUID } from 'node:crypto'

export interface JwtHeader {
  readonly alg: string
  readonly [parameter: string]: unknown
}

/** A signed JWT with a `jti` of its own. Times are in epoch seconds. */
export async function signJwt(
  header: JwtHeader,
  claims: Readonly<Record<string, string | number>>,
  key: KeyObject,
): Promise<string> {
  const { SignJWT } = await import('jose')
  return new SignJWT({ ...claims, jti: randomUUID() }).setProtectedHeader(header).sign(key)
}
