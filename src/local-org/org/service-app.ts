/** The org's service app: an OAuth client that authenticates with a private key (private_key_jwt). */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto'
import { stableId } from './okta-ids.js'

/** A private key as a JWK (RFC 7517): RSA, or EC on P-256, P-384 or P-521. */
export interface PrivateJwk extends JsonWebKey {
  /** The id of the key. */
  readonly kid: string
  /** The JWS algorithm that it signs with, for example `RS256`. */
  readonly alg: string
}

/** The service app of an org: pass its fields as the credentials of the client. */
export interface ServiceApp {
  /** `0oa...`, the same at every start. */
  readonly clientId: string
  /** The private key of the client: a secret. */
  readonly privateKey: PrivateJwk
  /** The `kid` of the key. */
  readonly keyId: string
}

/** The `serviceApp` option of createLocalOrg(). */
export interface ServiceAppOption {
  /** Default: an id that is the same at every start. */
  readonly clientId?: string
  /** The type of the generated key. Generating an RSA key takes about 0.2 s, on first use. Default `RS256`. */
  readonly alg?: ServiceAppAlg
  /** A private key to use instead of a generated one, so that it is the same at every start. */
  readonly privateKey?: JsonWebKey
  /** Default: the `kid` of `privateKey`, else `local-org-key`. */
  readonly keyId?: string
}

/** The algorithms for which a key can be generated. */
export type ServiceAppAlg = 'RS256' | 'ES256'

/** The signing algorithms that Okta accepts, by a key's curve or else its type. */
const ALGS: Readonly<Record<string, string>> = {
  rsa: 'RS256',
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
}

export class ServiceAppKeys implements ServiceApp {
  readonly clientId: string
  readonly keyId: string
  readonly #option: ServiceAppOption
  #key: KeyObject | undefined

  constructor(option: ServiceAppOption) {
    this.clientId = option.clientId ?? stableId('0oa', 'service app')
    this.keyId = option.keyId ?? kidOf(option.privateKey) ?? 'local-org-key'
    this.#option = option
  }

  get privateKey(): PrivateJwk {
    const key = this.#privateKey()
    return { ...key.export({ format: 'jwk' }), kid: this.keyId, alg: algOf(key), use: 'sig' }
  }

  publicKey(): KeyObject {
    return createPublicKey(this.#privateKey())
  }

  #privateKey(): KeyObject {
    this.#key ??= readOrMakeKey(this.#option)
    return this.#key
  }
}

/** @throws TypeError for a JWK that is not a private key of a type that Okta accepts. */
export function readPrivateJwk(jwk: JsonWebKey): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey({ key: jwk, format: 'jwk' })
  } catch {
    // Replaces the error of node:crypto, which may quote parts of the key.
    throw new TypeError('serviceApp.privateKey must be a private JWK')
  }
  if (algOf(key) === '') {
    throw new TypeError('serviceApp.privateKey must be RSA, or EC on P-256, P-384 or P-521')
  }
  return key
}

function readOrMakeKey({ privateKey, alg = 'RS256' }: ServiceAppOption): KeyObject {
  if (privateKey !== undefined) return readPrivateJwk(privateKey)
  return alg === 'RS256'
    ? generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    : generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}

function algOf(key: KeyObject): string {
  return ALGS[key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? ''] ?? ''
}

function kidOf(jwk: JsonWebKey | undefined): string | undefined {
  return typeof jwk?.kid === 'string' ? jwk.kid : undefined
}
