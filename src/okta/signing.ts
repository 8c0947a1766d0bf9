/** Signs for a service app: JWTs and DPoP proofs (RFC 9449). */
import { createHash, generateKeyPair, type KeyObject, randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import type { Clock } from '../contracts.js'
import type { Target } from './credentials.js'

export interface Proof extends Target {
  readonly nonce?: string | undefined
  /** The access token sent with it; the proof contains its digest. */
  readonly accessToken?: string | undefined
}

export interface Prover {
  /** A proof for one request; each request needs its own. */
  prove(proof: Proof): Promise<string>
}

/** A prover with a key pair of its own, generated at the first proof. The private key never leaves it. */
export function createProver(clock: Clock): Prover {
  let pending: Promise<ProofKey> | undefined
  return {
    async prove({ method, url, nonce, accessToken }) {
      pending ??= generateProofKey()
      const { key, jwk } = await pending
      const claims = {
        htm: method,
        htu: url,
        iat: Math.floor(clock.now() / 1_000),
        ...(nonce !== undefined && { nonce }),
        ...(accessToken !== undefined && { ath: digest(accessToken) }),
      }
      return signJwt({ alg: 'ES256', typ: 'dpop+jwt', jwk }, claims, key)
    },
  }
}

interface ProofKey {
  readonly key: KeyObject
  readonly jwk: Readonly<Record<string, unknown>>
}

async function generateProofKey(): Promise<ProofKey> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
  return { key: privateKey, jwk: { kty, crv, x, y } }
}

function digest(accessToken: string): string {
  return createHash('sha256').update(accessToken).digest('base64url')
}

export interface JwtHeader {
  readonly alg: string
  readonly [parameter: string]: unknown
}

/** A signed JWT with a unique `jti`. Times are in epoch seconds. Loads jose at the first call. */
export async function signJwt(
  header: JwtHeader,
  claims: Readonly<Record<string, string | number>>,
  key: KeyObject,
): Promise<string> {
  const { SignJWT } = await import('jose')
  return new SignJWT({ ...claims, jti: randomUUID() }).setProtectedHeader(header).sign(key)
}
