/** A service app's access token: requested with its key, kept until shortly before it expires, renewed once after a 401, at most every 30 s. */
import type { Clock } from '../contracts.js'
import type { ServiceApp } from '../options/options.js'
import { announced, type Deadline, sendBefore, startDeadline, TIMEOUT, within } from './call.js'
import type { CallResult, OperationSubject } from './call-error.js'
import type { Attempt, Authorization, Authorizer, Target } from './credentials.js'
import type { HttpAnswer, HttpFailure, HttpRequest, Send } from './exchange.js'
import { isObject, oktaErrorCode, own, parseChallenge, readJson, readNonce } from './http-answer.js'
import { errorCodeIn, isErrorStatus, jsonAnswer } from './okta-answer.js'
import { createProver, type Prover, signJwt } from './signing.js'

export interface ServiceAppParts {
  readonly credentials: ServiceApp
  readonly org: string
  readonly orgUrl: string
  readonly timeoutMs: number
  readonly clock: Clock
  readonly send: Send
}

export function serviceAppAuthorizer(parts: ServiceAppParts): Authorizer {
  const { org } = parts
  const prover = createProver(parts.clock)
  const requestToken = createTokenRequest(parts, prover)
  const tokens = keepToken(
    () => announced({ org, operation: 'requestToken' }, requestToken),
    parts.clock,
  )
  const nonces: Nonces = { latest: undefined }
  return {
    begin(target, deadline): Attempt {
      let shown: AccessToken | undefined
      let renewed = false
      let nonceAsked = false
      return {
        async show(): Promise<Authorization> {
          const waited = await within(deadline, tokens.get())
          if (waited.kind !== 'done') return waited
          const { answer } = waited.value
          if (answer.kind !== 'yes')
            return { kind: 'refused', tokenCall: { ...waited.value, answer } }
          shown = answer.value
          return headersFor(shown, target, prover, nonces)
        },
        reconsider(answer) {
          const nonceWanted = learnNonce(answer, nonces)
          if (answer.status !== 401) return false
          if (nonceWanted && !nonceAsked) {
            nonceAsked = true
            return true
          }
          if (renewed) return false
          renewed = true
          return tokens.replace(shown)
        },
      }
    },
  }
}

/** The nonce the org wants in the proofs sent with a token; the org may change it with any answer. */
interface Nonces {
  latest: string | undefined
}

/** Whether the answer asks for a proof with the nonce it names. */
function learnNonce(answer: HttpAnswer, nonces: Nonces): boolean {
  const nonce = readNonce(answer)
  nonces.latest = nonce ?? nonces.latest
  return nonce !== undefined && parseChallenge(answer.headers)?.error === 'use_dpop_nonce'
}

async function headersFor(
  { value, scheme }: AccessToken,
  target: Target,
  prover: Prover,
  nonces: Nonces,
): Promise<Authorization> {
  const authorization = `${scheme} ${value}`
  if (scheme === 'Bearer') return { kind: 'headers', headers: { authorization }, secrets: [value] }
  const dpop = await prover.prove({ ...target, nonce: nonces.latest, accessToken: value })
  return { kind: 'headers', headers: { authorization, dpop }, secrets: [value, dpop] }
}

type RequestToken = () => Promise<CallResult<AccessToken>>

interface TokenKeeper {
  /** The token at hand, or how requesting one ended. Concurrent callers share one request. */
  get: RequestToken
  /**
   * Drops a token that an operation was refused with, unless another has replaced it already. False within the
   * pause after the last one that was dropped: then the token stays.
   */
  replace(token: AccessToken | undefined): boolean
}

/**
 * For so long after a refusal of the credentials no token is requested: the next request would be refused as
 * well. For so long after an operation was refused with a token, no other operation replaces the next token.
 */
const PAUSE_AFTER_REFUSAL_MS = 30_000
/** A token is not used in the last minute of its life, or in the last tenth if that is shorter. */
const MAX_UNUSED_MS = 60_000

function keepToken(request: RequestToken, clock: Clock): TokenKeeper {
  let kept:
    | { readonly token: AccessToken; readonly call: CallResult<AccessToken>; useUntil: number }
    | undefined
  let refused: { readonly call: CallResult<AccessToken>; readonly until: number } | undefined
  let replacedAt = Number.NEGATIVE_INFINITY
  let pending: Promise<CallResult<AccessToken>> | undefined

  async function renew(): Promise<CallResult<AccessToken>> {
    const beganAt = clock.monotonic()
    const call = await request()
    if (call.answer.kind === 'yes') {
      const token = call.answer.value
      const { lifetimeMs } = token
      const useUntil = beganAt + lifetimeMs - Math.min(MAX_UNUSED_MS, lifetimeMs / 10)
      kept = { token, call, useUntil }
    }
    if (isTokenRefusal(call)) refused = { call, until: clock.monotonic() + PAUSE_AFTER_REFUSAL_MS }
    return call
  }

  return {
    async get() {
      if (kept !== undefined && clock.monotonic() < kept.useUntil) return kept.call
      if (refused !== undefined && clock.monotonic() < refused.until) return refused.call
      pending ??= renew().finally(() => {
        pending = undefined
      })
      return pending
    },
    replace(token) {
      if (kept?.token !== token) return true
      const now = clock.monotonic()
      if (now < replacedAt + PAUSE_AFTER_REFUSAL_MS) return false
      replacedAt = now
      kept = undefined
      return true
    },
  }
}

/**
 * Whether the token endpoint refused the credentials or the scopes, and not for now only: in OAuth's error
 * shape or in Okta's, since any other answer may be a proxy's.
 */
export function isTokenRefusal({ subject, result }: CallResult<unknown>): boolean {
  if (subject.operation !== 'requestToken' || result.kind !== 'answered') return false
  const { status } = result
  if (status < 400 || status === 429 || status >= 500) return false
  return typeof oauthError(result) === 'string' || errorCodeIn(result) !== undefined
}

const PATH = '/oauth2/v1/token'
/** One try for each thing a refusal teaches: that a proof is wanted, with which nonce, and that this one has changed. */
const MAX_REPEATS = 3

/** Requests a token: client credentials with private_key_jwt, and DPoP where the org wants it. */
function createTokenRequest(parts: ServiceAppParts, prover: Prover): RequestToken {
  const { credentials, clock, send } = parts
  const url = `${parts.orgUrl}${PATH}`
  let withProof = credentials.dpop === true
  let nonce: string | undefined

  return async function requestToken() {
    const deadline = startDeadline(parts.timeoutMs, undefined, clock)
    let call = await tryOnce(deadline)
    for (let left = MAX_REPEATS; left > 0 && learnFrom(call.result); left -= 1)
      call = await tryOnce(deadline)
    return call
  }

  async function tryOnce(deadline: Deadline): Promise<CallResult<AccessToken>> {
    const assertion = await signAssertion(credentials, url, clock)
    const dpop = withProof ? await prover.prove({ method: 'POST', url, nonce }) : undefined
    const result = await sendBefore(deadline, send, tokenRequest(credentials, assertion, dpop))
    // The deadline has no caller's signal, since one token serves many callers: nothing aborts it.
    const ended = result.kind === 'aborted' ? TIMEOUT : result
    const secrets = dpop === undefined ? [assertion] : [assertion, dpop]
    const subject: OperationSubject = { operation: 'requestToken', secrets }
    return { subject, result: ended, answer: tokenAnswer('requestToken', ended) }
  }

  /** Whether this answer says what to send for the same request to succeed. */
  function learnFrom(result: HttpAnswer | HttpFailure): boolean {
    if (result.kind === 'failed') return false
    const fresh = readNonce(result)
    nonce = fresh ?? nonce
    const error = oauthError(result)
    const proofMissing = error === 'invalid_dpop_proof' && !withProof
    const nonceMissing = error === 'use_dpop_nonce' && fresh !== undefined
    if (credentials.dpop === false || !(proofMissing || nonceMissing)) return false
    withProof = true
    return true
  }
}

/** The `error` of a refusal in OAuth's shape (RFC 6749, 5.2). */
function oauthError(answer: HttpAnswer): unknown {
  if (!isErrorStatus(answer.status)) return undefined
  const body = readJson(answer)
  const usable = body.kind === 'json' && isObject(body.value) && !oktaErrorCode(body.value)
  return usable ? own(body.value, 'error') : undefined
}

/** Okta allows up to an hour; the assertion is used once, immediately. */
const ASSERTION_LIFETIME_S = 300
/** Okta refuses an assertion from the future: this tolerates a clock that is a little ahead. */
const CLOCK_AHEAD_S = 10

function signAssertion(credentials: ServiceApp, audience: string, clock: Clock): Promise<string> {
  const { clientId, privateKey, algorithm, keyId } = credentials
  const now = Math.floor(clock.now() / 1_000)
  const header = { alg: algorithm, typ: 'JWT', ...(keyId !== undefined && { kid: keyId }) }
  const claims = {
    iss: clientId,
    sub: clientId,
    aud: audience,
    iat: now - CLOCK_AHEAD_S,
    exp: now + ASSERTION_LIFETIME_S,
  }
  return signJwt(header, claims, privateKey)
}

function tokenRequest(
  { scopes }: ServiceApp,
  assertion: string,
  dpop: string | undefined,
): HttpRequest {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    scope: scopes.join(' '),
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  })
  return {
    method: 'POST',
    path: PATH,
    headers: dpop === undefined ? {} : { dpop },
    isSingleUse: true,
    body: { type: 'application/x-www-form-urlencoded', text: form.toString() },
  }
}

export interface AccessToken {
  readonly value: string
  /** How it is sent: a DPoP token needs a proof beside it. */
  readonly scheme: 'Bearer' | 'DPoP'
  /** Milliseconds from when it was requested. */
  readonly lifetimeMs: number
}

/** RFC 6749 only recommends `expires_in`: without it a token is used for five minutes. */
const DEFAULT_LIFETIME_S = 300

const tokenAnswer = jsonAnswer(parseAccessToken)

function parseAccessToken(body: unknown): AccessToken | undefined {
  if (!isObject(body)) return undefined
  const value = own(body, 'access_token')
  const scheme = SCHEMES.find((each) => each.toLowerCase() === lowerCase(own(body, 'token_type')))
  if (typeof value !== 'string' || !TOKEN.test(value) || scheme === undefined) return undefined
  const seconds = own(body, 'expires_in')
  const known = typeof seconds === 'number' && seconds > 0 && seconds < 1e9
  return { value, scheme, lifetimeMs: (known ? seconds : DEFAULT_LIFETIME_S) * 1_000 }
}

/** What a header can carry as one word. */
export const TOKEN = /^[\x21-\x7e]{1,16384}$/

const SCHEMES = ['Bearer', 'DPoP'] as const

function lowerCase(value: unknown): string | undefined {
  return typeof value === 'string' ? value.toLowerCase() : undefined
}
