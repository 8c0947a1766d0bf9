/** Reads the private key of a service app, and chooses the algorithm it signs with. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { type Faults, givenSecret } from './faults.js'
import { isRecord } from './group.js'
import type { ServiceApp } from './options.js'

/** The algorithms a key can sign with, by its curve or type; the first is the default. */
const ALGORITHMS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  rsa: ['RS256', 'RS384', 'RS512'],
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
}

type SigningKey = Pick<ServiceApp, 'privateKey' | 'algorithm' | 'keyId'>

/**
 * A JWK (an object or its JSON) or a PEM (PKCS #8, PKCS #1, SEC 1). RSA signs with RS256, a curve with
 * its own ES algorithm, unless the JWK's `alg` names another of its family.
 */
export function readPrivateKey(
  faults: Faults,
  value: unknown,
  name: string,
): SigningKey | undefined {
  const key = parseKey(typeof value === 'string' ? (parseJson(value) ?? value) : value)
  if (typeof key !== 'string') return key
  const advice =
    'must be a private JWK or PEM, RSA of 2,048 bits or more, or EC on P-256, P-384 or P-521'
  return faults.add('EOS209', name, `${givenSecret(value)}${key}`, advice)
}

function parseJson(text: string): unknown {
  if (!text.trimStart().startsWith('{')) return undefined
  try {
    return JSON.parse(text)
  } catch {
    // The text is then read as a PEM, whose fault does not quote it.
    return undefined
  }
}

/** The key, or a text that says what is wrong with it. */
function parseKey(material: unknown): SigningKey | string {
  if (typeof material === 'string' && material.includes('ENCRYPTED')) return ', an encrypted key'
  if (typeof material === 'string' && material.includes('PUBLIC KEY')) return ', a public key'
  if (material instanceof Uint8Array) return ' of bytes: read the file as text'
  const jwk = isRecord(material) ? material : undefined
  if (jwk !== undefined && jwk.d === undefined) return ' without the private part `d`'
  const privateKey = importKey(material)
  if (privateKey === undefined) return ' that cannot be read as a key'
  const { asymmetricKeyType: type, asymmetricKeyDetails = {} } = privateKey
  const { modulusLength = 0, namedCurve = '' } = asymmetricKeyDetails
  if (type === 'rsa' && modulusLength < 2048) return `, RSA of ${modulusLength} bits`
  const algorithms = ALGORITHMS[namedCurve || `${type}`]
  if (algorithms === undefined) return `, a key of type ${type} ${namedCurve}`.trimEnd()
  const [usual] = algorithms
  const algorithm = algorithms.find((each) => each === (jwk?.alg ?? usual))
  if (algorithm === undefined) return `, whose alg is none of ${algorithms.join(', ')}`
  return { privateKey, algorithm, keyId: typeof jwk?.kid === 'string' ? jwk.kid : undefined }
}

function importKey(material: unknown): KeyObject | undefined {
  try {
    if (typeof material === 'string') return createPrivateKey(material)
    if (isRecord(material)) return createPrivateKey({ key: { ...material }, format: 'jwk' })
    return undefined
  } catch {
    // OpenSSL's reason could quote the key.
    return undefined
  }
}
