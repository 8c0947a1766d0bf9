/** The org's signing keys, the first generated on first use, and GET /oauth2/v1/keys, which publishes them. */
import { generateKeyPair, type JsonWebKey, type KeyObject, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { type Answer, jsonAnswer } from '../http/answer.js'

interface KeyPair {
  readonly kid: string
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

/** As many earlier keys stay published. */
const MAX_EARLIER_KEYS = 9

export class SigningKey {
  #current: Promise<KeyPair> | undefined
  #earlier: readonly Promise<KeyPair>[] = []

  /** The current key comes first. */
  async publicJwks(): Promise<readonly JsonWebKey[]> {
    const pairs = await Promise.all([this.#pair(), ...this.#earlier])
    return pairs.map(({ kid, publicKey }) => ({
      ...publicKey.export({ format: 'jwk' }),
      kid,
      alg: 'RS256',
      use: 'sig',
    }))
  }

  /** Generates the first key now, so that the first signature need not wait for it. */
  prepare(): void {
    void this.#pair()
  }

  /** Signs a JWT of the type `typ`. Adds no claim. */
  async sign(typ: string, payload: Readonly<Record<string, unknown>>): Promise<string> {
    const { SignJWT } = await import('jose')
    const { kid, privateKey } = await this.#pair()
    return new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid, typ }).sign(privateKey)
  }

  /** Replaces the current key. Earlier keys stay published unless `keepOld` is false. */
  async rotate(keepOld: boolean): Promise<void> {
    const old = this.#pair()
    this.#earlier = keepOld ? [old, ...this.#earlier].slice(0, MAX_EARLIER_KEYS) : []
    this.#current = generatePair()
    await this.#current
  }

  #pair(): Promise<KeyPair> {
    this.#current ??= generatePair()
    return this.#current
  }
}

export async function showKeys(org: { readonly signingKey: SigningKey }): Promise<Answer> {
  return jsonAnswer(200, { keys: await org.signingKey.publicJwks() })
}

async function generatePair(): Promise<KeyPair> {
  const pair = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  return { kid: `local-org-${randomBytes(8).toString('hex')}`, ...pair }
}
