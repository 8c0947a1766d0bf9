/** The error an application sees when a call fails, without the secrets that were sent, should the answer repeat them. */
import { linked } from '../codes.js'
import type { OktaAnswer } from '../contracts.js'
import {
  type Challenge,
  OktaApiError,
  type OktaApiErrorDetails,
  OktaUnavailableError,
  type Operation,
  type UnavailableCode,
} from '../errors.js'
import type { HttpAnswer, HttpFailure } from './exchange.js'
import {
  isObject,
  type JsonObject,
  oktaErrorCode,
  own,
  parseChallenge,
  parseRateLimit,
  readJson,
  soleValue,
} from './http-answer.js'
import { isErrorStatus } from './okta-answer.js'

export interface OperationSubject {
  readonly operation: Operation
  /** The id that a by-id operation was given. It may be a live credential, and Okta's texts quote it. */
  readonly sessionId?: string | undefined
  /** What was sent in confidence: cookie value, session token, credentials. */
  readonly secrets: readonly string[]
}

/** How a call ended: the answer, and what an error about it is built from when one is needed. */
export interface CallResult<T> {
  readonly subject: OperationSubject
  /** How the last exchange ended. */
  readonly result: HttpAnswer | HttpFailure
  readonly answer: OktaAnswer<T>
}

/** The error of a call that ended in anything but a yes: an OktaApiError for a 4xx or 5xx, else an OktaUnavailableError. */
export function errorOf(call: CallResult<never>): OktaApiError | OktaUnavailableError {
  const { subject, result, answer } = call
  if (result.kind === 'answered' && isErrorStatus(result.status)) return apiError(subject, result)
  const cause = result.kind === 'failed' ? result.cause : undefined
  return unavailableError(subject, answer, cause)
}

function apiError(subject: OperationSubject, answer: HttpAnswer): OktaApiError {
  const clean = cleanerFor(subject)
  const body = readJson(answer)
  const texts = body.kind === 'json' ? textsIn(subject, body.value, clean) : {}
  const challenge = cleanChallenge(parseChallenge(answer.headers), clean)
  return new OktaApiError(messageOf(subject, answer.status, texts, challenge), {
    ...texts,
    operation: subject.operation,
    status: answer.status,
    requestId: requestIdOf(subject, answer),
    rateLimit: parseRateLimit(answer.headers),
    challenge,
  })
}

/** Okta's `x-okta-request-id`; undefined when it could break a log line, fill one, or repeats what was sent. */
export function requestIdOf(
  subject: OperationSubject,
  { headers }: HttpAnswer,
): string | undefined {
  const given = soleValue(headers, 'x-okta-request-id')
  if (given === undefined || !REQUEST_ID.test(given)) return undefined
  // No spelling is shorter than the secret itself: a longer secret is not in it.
  const { secrets, sessionId } = subject
  const sent = sessionId === undefined ? secrets : [sessionId, ...secrets]
  if (sent.every((text) => text.length > given.length)) return given
  return cleanerFor(subject)(given) === given ? given : undefined
}

const REQUEST_ID = /^[\w.=+/@-]{1,128}$/

type Texts = Omit<OktaApiErrorDetails, 'operation' | 'status'>

function textsIn({ operation }: OperationSubject, body: unknown, clean: Clean): Texts {
  if (!isObject(body)) return {}
  const errorCode = oktaErrorCode(body)
  if (errorCode !== undefined)
    return {
      errorCode,
      errorSummary: text(body, 'errorSummary', clean),
      errorLink: text(body, 'errorLink', clean),
      errorId: text(body, 'errorId', clean),
      errorCauses: readCauses(body, clean),
    }
  if (operation !== 'requestToken') return {}
  // The token endpoint's errors are OAuth's (RFC 6749, 5.2).
  return {
    errorCode: text(body, 'error', clean),
    errorSummary: text(body, 'error_description', clean),
  }
}

function readCauses(body: JsonObject, clean: Clean): { readonly errorSummary: string }[] {
  const causes = own(body, 'errorCauses')
  if (!Array.isArray(causes)) return []
  return causes
    .map((cause: unknown) => (isObject(cause) ? text(cause, 'errorSummary', clean) : undefined))
    .filter((summary) => summary !== undefined)
    .map((errorSummary) => Object.freeze({ errorSummary }))
}

function text(from: JsonObject, key: string, clean: Clean): string | undefined {
  const value = own(from, key)
  return typeof value === 'string' && value !== '' ? clean(value) : undefined
}

function cleanChallenge(challenge: Challenge | undefined, clean: Clean): Challenge | undefined {
  if (challenge === undefined) return undefined
  const { error, scope } = challenge
  return Object.freeze({ error: clean(error), ...(scope !== undefined && { scope: clean(scope) }) })
}

function messageOf(
  { operation }: OperationSubject,
  status: number,
  { errorCode, errorSummary }: Texts,
  challenge: Challenge | undefined,
): string {
  const parts = [errorCode, errorSummary].filter((part) => part !== undefined)
  if (parts.length === 0) parts.push("an answer without Okta's error body")
  if (challenge !== undefined) parts.push(`(${Object.values(challenge).join(': ')})`)
  return `${operation}: ${status} ${parts.join(' ')}`
}

function unavailableError(
  { operation }: OperationSubject,
  answer: OktaAnswer<never>,
  cause: Error | undefined,
): OktaUnavailableError {
  const { code, retryAfterMs } =
    answer.kind === 'unavailable'
      ? answer
      : { code: 'unexpected_status' as const, retryAfterMs: undefined }
  const why = EXPLANATIONS[code] ?? 'no call was made'
  const text = `${operation}: no usable answer from Okta: ${code} (${why})`
  const message = linked('unavailable', code, text)
  const retryable = RETRYABLE.has(code)
  return new OktaUnavailableError(message, { operation, code, retryable, retryAfterMs, cause })
}

/** What may succeed the next time without a change on this side. */
const RETRYABLE: ReadonlySet<UnavailableCode> = new Set([
  'timeout',
  'dns',
  'connect',
  'reset',
  'over_budget',
  'queue_full',
  'breaker_open',
  'rate_limited',
  'concurrency_limited',
])

const EXPLANATIONS: { readonly [code in UnavailableCode]?: string } = {
  timeout: 'none within the deadline',
  dns: 'the host name was not resolved',
  connect: 'no connection',
  reset: 'the connection was lost before the answer was complete',
  tls: 'no trusted TLS connection',
  redirect: 'a redirect, which the Sessions API never sends',
  content_type: 'a body that is not JSON',
  encoding: 'a compressed body, though none was asked for',
  malformed: 'not well-formed',
  schema: 'JSON that lacks what it must hold',
  too_large: 'more than 64 KiB',
  unexpected_status: 'a status this operation does not have',
  over_budget: 'no call was made: users need what is left of the rate limit',
  queue_full: 'no call was made: too many are waiting',
  breaker_open: 'no call was made: the last ones failed',
  rate_limited: 'the rate limit is used up',
  concurrency_limited: 'too many calls at once',
  closed: 'closed by this application',
}

/** A shorter text is no secret, and replacing it would destroy the text around it. */
const MIN_SECRET_LENGTH = 8

/** Longer than any text of Okta's; the rest is cut, which bounds the work on a hostile answer. */
const MAX_TEXT_LENGTH = 8_192

/** Makes a text of an answer fit to be shown. */
export type Clean = (text: string) => string

/**
 * Replaces what was sent in confidence, in every spelling in which an answer may repeat it, by `{secret}`,
 * and the session id, which may be the value of a `sid` cookie, by `{sessionId}`. Computing the spellings
 * is slow: only where a text is shown.
 */
export function cleanerFor({ secrets, sessionId }: OperationSubject): Clean {
  const hidden = [
    ...secrets.flatMap((secret) => spelled(secret, '{secret}')),
    ...(sessionId === undefined ? [] : spelled(sessionId, '{sessionId}')),
  ]
  const short =
    sessionId !== undefined && sessionId.length < MIN_SECRET_LENGTH ? sessionId : undefined
  const longest = Math.max(0, ...hidden.map(([spelling]) => spelling.length))

  return function clean(text) {
    let shown = text.slice(0, MAX_TEXT_LENGTH)
    for (const [spelling, name] of hidden) shown = shown.replaceAll(spelling, name)
    if (short !== undefined) shown = withoutShort(shown, short)
    // The cut may have split a secret, whose beginning is then the end of the text.
    return text.length > MAX_TEXT_LENGTH
      ? shown.slice(0, Math.max(0, shown.length - longest))
      : shown
  }
}

function spelled(secret: string, name: string): (readonly [spelling: string, name: string])[] {
  if (secret.length < MIN_SECRET_LENGTH) return []
  return spellings(secret).map((spelling) => [spelling, name] as const)
}

/** As it is, percent-encoded once or twice, as HTML, as JSON, as base64, as hex. */
function spellings(secret: string): string[] {
  // A lone surrogate has no encoding; it arrives as its replacement.
  const bytes = Buffer.from(secret)
  const encoded = encodeURIComponent(bytes.toString())
  const everyByte = bytes.toString('hex').replaceAll(/../g, '%$&')
  const percent = [encoded, everyByte, everyByte.toUpperCase()].flatMap((text) => [
    text,
    text.replaceAll(/%../g, (octet) => octet.toLowerCase()),
    text.replaceAll('%', '%25'),
  ])
  const json = JSON.stringify(secret).slice(1, -1)
  const base64 = bytes.toString('base64')
  const unpadded = base64.replace(/={1,2}$/, '')
  const all = [secret, ...percent, escapeHtml(secret), json, base64, unpadded]
  all.push(bytes.toString('base64url'), bytes.toString('hex'))
  // The longest first: another may be its beginning.
  return [...new Set(all)].sort((a, b) => b.length - a.length)
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Only as a whole word: the id `e` must not be replaced inside others. */
function withoutShort(text: string, id: string): string {
  const inPath = encodeURIComponent(id)
  const either = [...new Set([id, inPath])].map(literal).join('|')
  return text.replaceAll(new RegExp(`(?<![\\w-])(?:${either})(?![\\w-])`, 'gi'), '{sessionId}')
}

function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|-]/g, '\\$&')
}
