/** Signs for a service app: its private key, JWTs, and DPoP proofs (RFC 9449). */
import {
  createHash,
  createPrivateKey,
  generateKeyPair,
  type KeyObject,
  randomUUID,
} from 'node:crypto'
import { promisify } from 'node:util'
import type { Clock } from '../contracts.js'
import type { PrivateKeyCredentials } from '../options/options.js'
import { soleValue } from './answer-head.js'
import type { Target } from './credentials.js'
import type { Answered } from './exchange.js'

export interface SigningKey {
  readonly key: KeyObject
  readonly algorithm: string
  /** The `kid` under which Okta knows the public half. */
  readonly keyId: string | undefined
}

/**
 * A JWK (an object or its JSON) or a PEM (PKCS #8, PKCS #1, SEC 1). RSA signs with RS256, a curve with
 * the ES algorithm made for it, unless the JWK's `alg` names another of its family.
 * @throws TypeError that names the option, and says nothing of the key.
 */
export function importSigningKey({ privateKey, keyId }: PrivateKeyCredentials): SigningKey {
  const material =
    typeof privateKey === 'string' ? (parseJwk(privateKey) ?? privateKey) : privateKey
  const jwk = typeof material === 'string' ? {} : material
  const key = createKey(material)
  return {
    key,
    algorithm: algorithmFor(key, jwk.alg),
    keyId: keyId ?? (typeof jwk.kid === 'string' ? jwk.kid : undefined),
  }
}

function parseJwk(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!text.trimStart().startsWith('{')) return undefined
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined
  } catch {
    // The parser's message quotes the text. As a PEM it fails without a quotation.
    return undefined
  }
}

function createKey(material: string | Readonly<Record<string, unknown>>): KeyObject {
  try {
    if (typeof material === 'string') return createPrivateKey(material)
    return createPrivateKey({ key: { ...material }, format: 'jwk' })
  } catch {
    // OpenSSL's reason does not help and may quote the key.
    throw fault('cannot be read as a key')
  }
}

function algorithmFor(key: KeyObject, wanted: unknown): string {
  const fitting = algorithmsOf(key)
  const [usual] = fitting
  if (usual === undefined) throw fault('is of a kind or size Okta does not take')
  if (wanted === undefined) return usual
  const chosen = fitting.find((algorithm) => algorithm === wanted)
  if (chosen === undefined) throw fault(`names an alg that is none of ${fitting.join(', ')}`)
  return chosen
}

const BY_CURVE: ReadonlyMap<string, string> = new Map([
  ['prime256v1', 'ES256'],
  ['secp384r1', 'ES384'],
  ['secp521r1', 'ES512'],
])

function algorithmsOf(key: KeyObject): readonly string[] {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa')
    return (modulusLength ?? 0) < 2048 ? [] : ['RS256', 'RS384', 'RS512']
  const algorithm = BY_CURVE.get(namedCurve ?? '')
  return algorithm === undefined ? [] : [algorithm]
}

function fault(what: string): TypeError {
  return new TypeError(
    `credentials.privateKey ${what}: it must be a private JWK or PEM, RSA of 2,048 bits or more, or EC on P-256, P-384 or P-521, unencrypted`,
  )
}

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
