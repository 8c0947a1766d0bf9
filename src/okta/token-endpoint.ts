/** Requests a service app's access token: client credentials with private_key_jwt, and DPoP where the org wants it. */

import type { Clock, Outcome } from '../contracts.js'
import type { ServiceApp } from '../options/options.js'
import { announced } from './ask.js'
import { type Deadline, startDeadline } from './deadline.js'
import type { Ended, ExchangeRequest, Send } from './exchange.js'
import { isObject, own } from './json-body.js'
import type { OperationSubject } from './redact.js'
import { parsedOutcome } from './responses.js'
import { createProver, type Prover, readNonce, signJwt } from './signing.js'

const PATH = '/oauth2/v1/token'
/** Okta takes up to an hour; the assertion is used once, at once. */
const ASSERTION_LIFETIME_S = 300
/** Okta refuses an assertion from the future: a clock that is a little ahead must not matter. */
const CLOCK_AHEAD_S = 10
/** Once to hear that a proof is wanted, once to hear with which nonce, once for a nonce that has changed since. */
const MOST_REPEATS = 3

export interface TokenEndpointParts {
  readonly credentials: ServiceApp
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

export function createTokenEndpoint(parts: TokenEndpointParts): TokenEndpoint {
  const { credentials, clock, send } = parts
  const { privateKey, algorithm, keyId } = credentials
  const url = `${parts.orgUrl}${PATH}`
  const prover = createProver(clock)
  const scope = credentials.scopes.join(' ')
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
    return signJwt(header, claims, privateKey)
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

export interface AccessToken {
  readonly value: string
  /** How it is shown: a DPoP token needs a proof beside it. */
  readonly scheme: 'Bearer' | 'DPoP'
  /** Milliseconds from when it was asked for. */
  readonly lifetimeMs: number
}

/** What RFC 6749 only recommends to send: without it a token is used for five minutes. */
const UNKNOWN_LIFETIME_S = 300

export function parseAccessToken(body: unknown): AccessToken | undefined {
  if (!isObject(body)) return undefined
  const value = own(body, 'access_token')
  const scheme = SCHEMES.find((each) => each.toLowerCase() === lowerCase(own(body, 'token_type')))
  if (typeof value !== 'string' || !TOKEN.test(value) || scheme === undefined) return undefined
  const seconds = own(body, 'expires_in')
  const known = typeof seconds === 'number' && seconds > 0 && seconds < 1e9
  return { value, scheme, lifetimeMs: (known ? seconds : UNKNOWN_LIFETIME_S) * 1_000 }
}

/** What a header can carry as one word. */
export const TOKEN = /^[\x21-\x7e]{1,16384}$/

const SCHEMES = ['Bearer', 'DPoP'] as const

function lowerCase(value: unknown): string | undefined {
  return typeof value === 'string' ? value.toLowerCase() : undefined
}
