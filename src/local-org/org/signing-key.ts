/** The org's signing key, generated on first use, and GET /oauth2/v1/keys, which publishes it. */
import { generateKeyPair, type JsonWebKey, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { type Answer, jsonAnswer } from '../http/answer.js'

export class SigningKey {
  #pair: Promise<{ publicKey: KeyObject }> | undefined

  async publicJwk(): Promise<JsonWebKey> {
    this.#pair ??= promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
    const { publicKey } = await this.#pair
    return { ...publicKey.export({ format: 'jwk' }), kid: 'local-org', alg: 'RS256', use: 'sig' }
  }
}

export async function showKeys(org: { readonly signingKey: SigningKey }): Promise<Answer> {
  return jsonAnswer(200, { keys: [await org.signingKey.publicJwk()] })
}
