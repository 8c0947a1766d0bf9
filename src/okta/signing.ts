/** Signs for a service app: JWTs and DPoP proofs (RFC 9449). */
import { createHash, generateKeyPair, type KeyObject, randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import type { Clock } from '../contracts.js'
import { soleValue } from './answer-head.js'
import type { Target } from './credentials.js'
import type { Answered } from './exchange.js'

export interface Proof extends Target {
  readonly nonce?: string | undefined
  /** The access token that goes along; its digest stands in the proof. */
  readonly accessToken?: string | undefined
}

export interface Prover {
  /** A proof for one request: it has to be made anew for each. */
  prove(proof: Proof): Promise<string>
}

/** A prover with a key pair of its own, made at the first proof. The private half never leaves it. */
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

/** The nonce a server wants in the next proof; undefined when it named none. */
export function readNonce(answer: Answered): string | undefined {
  const nonce = soleValue(answer.headers, 'dpop-nonce')
  return nonce !== undefined && NONCE.test(nonce) ? nonce : undefined
}

/** RFC 9449, 8.1. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]{1,512}$/

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

/** A signed JWT with a `jti` of its own. Times are in epoch seconds. */
export async function signJwt(
  header: JwtHeader,
  claims: Readonly<Record<string, string | number>>,
  key: KeyObject,
): Promise<string> {
  const { SignJWT } = await import('jose')
  return new SignJWT({ ...claims, jti: randomUUID() }).setProtectedHeader(header).sign(key)
}
