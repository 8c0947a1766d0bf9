/** Asks the org for a service app's access token: client credentials with private_key_jwt, and DPoP where the org wants it. */
import type { Clock, Outcome } from '../contracts.js'
import type { PrivateKeyCredentials } from '../options/options.js'
import { type AccessToken, parseAccessToken } from './access-token.js'
import { announced } from './announce-call.js'
import { type Deadline, startDeadline } from './deadline.js'
import { createProver, type Prover, readNonce } from './dpop.js'
import type { Ended, ExchangeRequest, Send } from './exchange.js'
import { signJwt } from './jwt.js'
import { importSigningKey } from './private-key.js'
import type { OperationSubject } from './question.js'
import { parsedOutcome } from './responses.js'

const PATH = '/oauth2/v1/token'
const DEFAULT_SCOPES = ['okta.sessions.read', 'okta.sessions.manage']
/** Okta takes up to an hour; the assertion is used once, at once. */
const ASSERTION_LIFETIME_S = 300
/** Okta refuses an assertion from the future: a clock that is a little ahead must not matter. */
const CLOCK_AHEAD_S = 10
/** Once to hear that a proof is wanted, once to hear with which nonce, once for a nonce that has changed since. */
const MOST_REPEATS = 3

export interface TokenEndpointParts {
  readonly credentials: PrivateKeyCredentials
  readonly orgUrl: string
  readonly timeoutMs: number
  readonly clock: Clock
  readonly send: Send
}

export interface TokenEndpoint {
  /** A new token, or how asking for it ended; never rejects for the wire's reasons. */
  request(): Promise<Outcome<AccessToken>>
  /** For the proofs that go with the token: they must be of the key it was issued to. */
  readonly prover: Prover
}

/** @throws TypeError for a key that cannot sign. */
export function createTokenEndpoint(parts: TokenEndpointParts): TokenEndpoint {
  const { credentials, clock, send } = parts
  const { key, algorithm, keyId } = importSigningKey(credentials)
  const url = `${parts.orgUrl}${PATH}`
  const prover = createProver(clock)
  const scope = (credentials.scopes ?? DEFAULT_SCOPES).join(' ')
  let withProof = credentials.dpop === true
  let nonce: string | undefined

  async function signAssertion(): Promise<string> {
    const now = Math.floor(clock.now() / 1_000)
    const header = { alg: algorithm, typ: 'JWT', ...(keyId !== undefined && { kid: keyId }) }
    const claims = {
      iss: credentials.clientId,
      sub: credentials.clientId,
      aud: url,
      iat: now - CLOCK_AHEAD_S,
      exp: now + ASSERTION_LIFETIME_S,
    }
    return signJwt(header, claims, key)
  }

  async function tryOnce(deadline: Deadline): Promise<Tried> {
    const assertion = await signAssertion()
    const dpop = withProof ? await prover.prove({ method: 'POST', url, nonce }) : undefined
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      scope,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    })
    const request = {
      method: 'POST',
      path: PATH,
      headers: dpop === undefined ? {} : { dpop },
      body: { type: 'application/x-www-form-urlencoded', text: form.toString() },
    } as const
    const ended = await sendBefore(deadline, request)
    const secrets = dpop === undefined ? [assertion] : [assertion, dpop]
    const question: OperationSubject = { operation: 'requestToken', secrets }
    return { ended, outcome: parsedOutcome(question, ended, parseAccessToken) }
  }

  async function sendBefore(deadline: Deadline, request: ExchangeRequest): Promise<Ended> {
    const timeoutMs = deadline.remainingMs()
    const result = timeoutMs > 0 ? await send(request, { timeoutMs }) : TIMEOUT
    // No signal of a caller's goes along: one token serves many.
    return result.kind === 'aborted' ? TIMEOUT : result
  }

  /** Whether this answer taught something that lets the same request succeed. */
  function learnFrom({ ended, outcome }: Tried): boolean {
    const fresh = ended.kind === 'answered' ? readNonce(ended) : undefined
    nonce = fresh ?? nonce
    const errorCode = outcome.kind === 'error' ? outcome.error.errorCode : undefined
    const proofMissing = errorCode === 'invalid_dpop_proof' && !withProof
    const nonceMissing = errorCode === 'use_dpop_nonce' && fresh !== undefined
    if (credentials.dpop === false || !(proofMissing || nonceMissing)) return false
    withProof = true
    return true
  }

  async function requestToken(): Promise<Outcome<AccessToken>> {
    const deadline = startDeadline(parts.timeoutMs, undefined, clock)
    let tried = await tryOnce(deadline)
    for (let left = MOST_REPEATS; left > 0 && learnFrom(tried); left -= 1)
      tried = await tryOnce(deadline)
    return tried.outcome
  }

  return { prover, request: () => announced('requestToken', requestToken) }
}

interface Tried {
  readonly ended: Ended
  readonly outcome: Outcome<AccessToken>
}

const TIMEOUT: Ended = { kind: 'failed', code: 'timeout' }
