/** A service app's side of the wire, for tests: assertions, DPoP proofs and token requests, each of them spoilable. */
import { createHash, randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose'
import type { LocalOrg } from '../../src/local-org/index.js'

/** Undefined takes a claim away. */
export type Claims = Readonly<Record<string, unknown>>

/** What of an org a service app has to know. */
export interface OrgOfApp extends Pick<LocalOrg, 'url' | 'serviceApp'> {
  readonly clock: { now(): number }
}

export const tokenUrl = (org: Pick<LocalOrg, 'url'>) => `${org.url}/oauth2/v1/token`

export async function assertion(
  org: OrgOfApp,
  change: Claims = {},
  header: { readonly kid?: string } = {},
): Promise<string> {
  const { clientId, privateKey, keyId } = org.serviceApp
  const now = Math.floor(org.clock.now() / 1_000)
  return new SignJWT({
    iss: clientId,
    sub: clientId,
    aud: tokenUrl(org),
    jti: randomUUID(),
    iat: now,
    exp: now + 300,
    ...change,
  })
    .setProtectedHeader({ alg: privateKey.alg, kid: keyId, ...header })
    .sign(await importJWK({ ...privateKey }, privateKey.alg))
}

export function askToken(
  org: Pick<LocalOrg, 'url'>,
  clientAssertion: string,
  change: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(tokenUrl(org), {
    method: 'POST',
    headers,
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      scope: 'okta.sessions.read okta.sessions.manage',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: clientAssertion,
      ...change,
    }),
  })
}

export interface DpopKey {
  proof(org: LocalOrg, claims: Claims, typ?: string): Promise<string>
}

export async function dpopKey(): Promise<DpopKey> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = await exportJWK(publicKey)
  return {
    proof(org, claims, typ = 'dpop+jwt') {
      const iat = Math.floor(org.clock.now() / 1_000)
      return new SignJWT({ iat, jti: randomUUID(), ...claims })
        .setProtectedHeader({ alg: 'ES256', typ, jwk })
        .sign(privateKey)
    },
  }
}

export function ath(accessToken: string): string {
  return createHash('sha256').update(accessToken).digest('base64url')
}
