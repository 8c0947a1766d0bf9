/** The access tokens issued to the service app, with their scopes and key bindings. */
import { hash, randomBytes } from 'node:crypto'
import { ExpiringMap } from './expiring-map.js'
import type { Clock } from './org-clock.js'

export interface AccessGrant {
  readonly scopes: readonly string[]
  /** The thumbprint of the key that a DPoP-bound token is bound to. */
  readonly jkt?: string
}

export const SCOPES = ['okta.sessions.read', 'okta.sessions.manage'] as const
export const ACCESS_TOKEN_MS = 3_600_000

export class AccessTokens {
  readonly #grants: ExpiringMap<AccessGrant>

  constructor(clock: Clock) {
    this.#grants = new ExpiringMap(clock, ACCESS_TOKEN_MS)
  }

  /** Issues an opaque token in three dotted parts, as Okta's have. */
  issue(grant: AccessGrant): string {
    const token = [60, 300, 256].map((bytes) => randomBytes(bytes).toString('base64url')).join('.')
    this.#grants.set(digestOf(token), grant)
    return token
  }

  find(token: string): AccessGrant | undefined {
    return this.#grants.get(digestOf(token))
  }

  revoke(token: string): boolean {
    return this.#grants.take(digestOf(token)) !== undefined
  }
}

function digestOf(token: string): string {
  return hash('sha256', token, 'base64url')
}
