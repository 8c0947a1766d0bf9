/** A service app's private key, from the forms people keep one in to one that signs. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { PrivateKeyCredentials } from '../options/options.js'

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
    // OpenSSL's reason helps nobody and may quote; the advice below does not.
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
