/** Checks a service app's private key before the first token is wanted, and never repeats a word of it. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { type Faults, givenSecret } from './faults.js'
import type { PrivateKeyCredentials } from './options.js'
import { isRecord } from './values.js'

/** What a key can sign with, by its curve or else its type. */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  rsa: ['RS256', 'RS384', 'RS512'],
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
}

/** A JWK (JSON becomes an object) or a PEM, of a kind Okta takes. */
export function readPrivateKey(
  faults: Faults,
  value: unknown,
  name: string,
): PrivateKeyCredentials['privateKey'] | undefined {
  const material = typeof value === 'string' ? (parseJson(value) ?? value) : value
  const flaw = keyFlaw(material)
  if (flaw === undefined && (typeof material === 'string' || isRecord(material))) return material
  const advice =
    'must be a private JWK or PEM, RSA of 2,048 bits or more, or EC on P-256, P-384 or P-521'
  faults.add(name, `${givenSecret(value)}${flaw ?? ''}`, advice)
  return undefined
}

function parseJson(text: string): unknown {
  if (!text.trimStart().startsWith('{')) return undefined
  try {
    return JSON.parse(text)
  } catch {
    // Not JSON: the text itself is judged, and fails as a key.
    return undefined
  }
}

/** What is wrong with a key, without a word of the key itself. */
function keyFlaw(material: unknown): string | undefined {
  if (typeof material === 'string' && material.includes('ENCRYPTED')) return ', an encrypted key'
  if (typeof material === 'string' && material.includes('PUBLIC KEY')) return ', a public key'
  if (material instanceof Uint8Array) return ' of bytes: read the file as text'
  if (isRecord(material) && material.d === undefined) return ' without the private part `d`'
  const key = importKey(material)
  if (key === undefined) return ' that cannot be read as a key'
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa' && modulusLength < 2048)
    return `, RSA of ${modulusLength} bits`
  const algorithms = ALGORITHMS[namedCurve ?? key.asymmetricKeyType ?? '']
  if (algorithms === undefined)
    return `, a key of type ${key.asymmetricKeyType} ${namedCurve ?? ''}`.trimEnd()
  const alg = isRecord(material) ? material.alg : undefined
  if (alg === undefined || (typeof alg === 'string' && algorithms.includes(alg))) return undefined
  return `, whose alg is none of ${algorithms.join(', ')}`
}

function importKey(material: unknown): KeyObject | undefined {
  try {
    if (typeof material === 'string') return createPrivateKey(material)
    if (isRecord(material)) return createPrivateKey({ key: { ...material }, format: 'jwk' })
    return undefined
  } catch {
    // OpenSSL's own words say nothing more to a caller, and could repeat what was given.
    return undefined
  }
}
