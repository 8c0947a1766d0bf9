/** An org with a token endpoint and sessions by id only. It checks every signature, and fails when a test says so. */
import {
  createHash,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  randomUUID,
} from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { calculateJwkThumbprint, type JWK, jwtVerify } from 'jose'
import { ENVELOPE, SESSION } from './answers.js'
import { httpServer, type RawServer, type Seen } from './raw-server.js'

export const CLIENT_ID = '0oaServiceAppClientId'

export interface TokenOrg extends RawServer {
  /** Every token issued, in order. */
  readonly tokens: readonly string[]
  /** Requests to the token endpoint, and to the API. */
  readonly received: () => { token: readonly Seen[]; api: readonly Seen[] }
  /** Answers the next token request instead. */
  tokenFault: ((res: ServerResponse) => void) | undefined
  /** Answers API requests instead, while it returns true. */
  apiFault: ((req: Seen, res: ServerResponse) => boolean) | undefined
  /** Tokens so far are no longer accepted. */
  expireTokens(): void
  /** Changes the nonce; proofs with older ones are refused. */
  changeNonce(of: 'token' | 'api', nonce: string): void
}

export interface TokenOrgOptions {
  readonly publicKey: KeyObject
  readonly algorithm?: string
  readonly keyId?: string
  readonly dpop?: 'off' | 'required'
  /** Whether the API wants a nonce in proofs as well. */
  readonly apiNonce?: boolean
  readonly scopes?: readonly string[]
  readonly expiresIn?: number
}

interface Grant {
  readonly jkt: string | undefined
  readonly scopes: readonly string[]
  live: boolean
}

type Refusal = readonly [status: number, body: object, headers?: Record<string, string>]

export async function tokenOrg(options: TokenOrgOptions): Promise<TokenOrg> {
  const grants = new Map<string, Grant>()
  const usedJtis = new Set<unknown>()
  const nonces = { token: 'nonce-token-1', api: 'nonce-api-1' }
  const server = await httpServer((req, res) => {
    const isToken = req.url === '/oauth2/v1/token'
    const fault = org.tokenFault
    if (isToken && fault !== undefined) {
      org.tokenFault = undefined
      fault(res)
    } else if (isToken) answerWith(res, grantToken(req))
    else if (!org.apiFault?.(req, res)) answerWith(res, answerApi(req))
  })
  const org: TokenOrg = {
    ...server,
    get tokens() {
      return [...grants.keys()]
    },
    received: () => ({
      token: server.seen.filter(({ url }) => url === '/oauth2/v1/token'),
      api: server.seen.filter(({ url }) => url !== '/oauth2/v1/token'),
    }),
    tokenFault: undefined,
    apiFault: undefined,
    expireTokens() {
      for (const grant of grants.values()) grant.live = false
    },
    changeNonce(of, nonce) {
      nonces[of] = nonce
    },
  }
  return org

  async function grantToken(req: Seen): Promise<Refusal> {
    const form = new URLSearchParams(req.body)
    if (form.get('grant_type') !== 'client_credentials') return oauth('unsupported_grant_type')
    try {
      await checkAssertion(form.get('client_assertion') ?? '')
    } catch {
      return oauth('invalid_client', 'The client_assertion signature is invalid.', 401)
    }
    const scopes = (form.get('scope') ?? '').split(' ')
    const known = options.scopes ?? ['okta.sessions.read', 'okta.sessions.manage']
    if (!scopes.every((scope) => known.includes(scope)))
      return oauth('invalid_scope', 'No such scope.')
    const jkt = await checkProof(req, nonces.token, undefined)
    if (typeof jkt !== 'string' && jkt !== undefined) return jkt
    const token = `token-${grants.size + 1}-${randomUUID()}`
    grants.set(token, { jkt, scopes, live: true })
    const body = {
      access_token: token,
      token_type: jkt === undefined ? 'Bearer' : 'DPoP',
      expires_in: options.expiresIn ?? 3600,
      scope: scopes.join(' '),
    }
    return [200, body]
  }

  async function checkAssertion(assertion: string): Promise<void> {
    const { payload, protectedHeader } = await jwtVerify(assertion, options.publicKey, {
      issuer: CLIENT_ID,
      subject: CLIENT_ID,
      audience: `${server.url}/oauth2/v1/token`,
      algorithms: [options.algorithm ?? 'RS256'],
      requiredClaims: ['exp', 'iat', 'jti'],
    })
    if ((payload.exp ?? 0) > Date.now() / 1_000 + 3_600) throw new Error('exp')
    if ((payload.iat ?? Infinity) > Date.now() / 1_000) throw new Error('iat')
    if (protectedHeader.kid !== options.keyId) throw new Error('kid')
    checkJti(payload.jti)
  }

  /** The thumbprint of the proof's key; undefined when there is no proof and none is needed. */
  async function checkProof(
    req: Seen,
    nonce: string | undefined,
    accessToken: string | undefined,
  ): Promise<string | undefined | Refusal> {
    const proof = req.headers.dpop
    if (proof === undefined && options.dpop !== 'required') return undefined
    if (typeof proof !== 'string')
      return oauth('invalid_dpop_proof', 'The DPoP proof JWT header is missing.')
    let jwk: JWK | undefined
    const { payload } = await jwtVerify(
      proof,
      (header) => {
        jwk = header.jwk
        return createPublicKey({ key: header.jwk as JsonWebKey, format: 'jwk' })
      },
      { typ: 'dpop+jwt', algorithms: ['ES256'], requiredClaims: ['iat', 'jti'] },
    )
    if (jwk === undefined || 'd' in jwk) throw new Error('jwk')
    if (payload.htm !== req.method || payload.htu !== `${server.url}${req.url}`)
      throw new Error('target')
    checkJti(payload.jti)
    if (payload.ath !== digest(accessToken)) return oauth('invalid_dpop_proof', 'ath')
    if (nonce !== undefined && payload.nonce !== nonce) {
      const [status, body] = oauth(
        'use_dpop_nonce',
        'Authorization server requires nonce in DPoP proof.',
      )
      return [status, body, { 'dpop-nonce': nonce }]
    }
    return calculateJwkThumbprint(jwk)
  }

  function checkJti(jti: unknown): void {
    if (typeof jti !== 'string' || usedJtis.has(jti)) throw new Error('jti')
    usedJtis.add(jti)
  }

  async function answerApi(req: Seen): Promise<Refusal> {
    const [scheme, token = ''] = (req.headers.authorization ?? '').split(' ')
    const grant = grants.get(token)
    if (grant === undefined || !grant.live) return invalidToken()
    if (grant.jkt !== undefined) {
      if (scheme !== 'DPoP') return invalidToken()
      const jkt = await checkProof(req, options.apiNonce ? nonces.api : undefined, token)
      if (typeof jkt === 'object') {
        const challenge = `DPoP error="${'error' in jkt[1] ? jkt[1].error : ''}"`
        return [401, {}, { ...jkt[2], 'www-authenticate': challenge }]
      }
      if (jkt !== grant.jkt) return invalidToken()
    } else if (scheme !== 'Bearer') return invalidToken()
    const needed = req.method === 'GET' ? 'okta.sessions.read' : 'okta.sessions.manage'
    if (!grant.scopes.includes(needed)) return insufficientScope(needed)
    return req.method === 'DELETE' ? [204, {}] : [200, SESSION]
  }
}

function oauth(error: string, description = '', status = 400): Refusal {
  return [status, { error, error_description: description }]
}

function invalidToken(): Refusal {
  return [401, { ...ENVELOPE, errorCode: 'E0000011', errorSummary: 'Invalid token provided' }]
}

function insufficientScope(scope: string): Refusal {
  const summary = 'You do not have permission to perform the requested action'
  const challenge = `Bearer error="insufficient_scope", error_description="no", scope="${scope}"`
  const body = { ...ENVELOPE, errorCode: 'E0000006', errorSummary: summary }
  return [403, body, { 'www-authenticate': challenge }]
}

function digest(token: string | undefined): string | undefined {
  return token === undefined ? undefined : createHash('sha256').update(token).digest('base64url')
}

function answerWith(res: ServerResponse, pending: Promise<Refusal>): void {
  pending.then(
    ([status, body, headers]) => {
      res.writeHead(status, { 'content-type': 'application/json', ...headers })
      res.end(status === 204 ? '' : JSON.stringify(body))
    },
    (error: unknown) =>
      res
        .writeHead(400, { 'content-type': 'application/json' })
        .end(JSON.stringify({ error: 'invalid_request', error_description: String(error) })),
  )
}
