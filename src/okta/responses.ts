/** Judges how an exchange ended: pure functions, the one place that says what an answer of Okta's means. */
import type { OktaAnswer, Outcome } from '../contracts.js'
import type { Operation } from '../errors.js'
import { OktaUnavailableError, type UnavailableCode } from '../errors.js'
import type { Session } from '../public-types.js'
import { isConcurrencyLimit, readHead, waitAfter429 } from './answer-head.js'
import { readApiError } from './api-error.js'
import type { Answered, Ended } from './exchange.js'
import { readJson } from './json-body.js'
import { parseSession, parseSessionWithSecretId } from './parse-session.js'
import type { OperationSubject } from './redact.js'

/** The session in a 200. Any other 2xx, a 204 included, is no usable answer: it tells nothing of the session. */
export function sessionOutcome(question: OperationSubject, ended: Ended): Outcome<Session> {
  return parsedOutcome(question, ended, parseSession)
}

/** The same for operations whose session may carry the `sid` cookie's value as its id: util.inspect hides it. */
export function secretSessionOutcome(question: OperationSubject, ended: Ended): Outcome<Session> {
  return parsedOutcome(question, ended, parseSessionWithSecretId)
}

/** The same for any JSON a 200 may hold; `parse` gives undefined for what is not what was asked for. */
export function parsedOutcome<T>(
  question: OperationSubject,
  ended: Ended,
  parse: (body: unknown) => T | undefined,
): Outcome<T> {
  return outcome<T>(question, ended, (answer) => {
    if (answer.status !== 200) return unusable(question, answer, 'unexpected_status')
    const body = readJson(answer)
    if (body.kind === 'unusable') return unusable(question, answer, body.code)
    const value = parse(body.value)
    if (value === undefined) return unusable(question, answer, 'schema')
    return { kind: 'ok', value, head: readHead(question, answer) }
  })
}

/** A 204. Any other 2xx is no usable answer: a proxy's page does not mean that Okta ended a session. */
export function emptyOutcome(question: OperationSubject, ended: Ended): Outcome<void> {
  return outcome<void>(question, ended, (answer) =>
    answer.status === 204
      ? { kind: 'ok', value: undefined, head: readHead(question, answer) }
      : unusable(question, answer, 'unexpected_status'),
  )
}

/**
 * The code for an outcome that is neither a yes nor a no. The caller has sorted out the 401 and 404 in
 * Okta's shape, which are a no; in any other shape they say nothing.
 */
export function unavailableCodeOf(
  outcome: Exclude<Outcome<unknown>, { kind: 'ok' }>,
): UnavailableCode {
  if (outcome.kind === 'unavailable') return outcome.error.code
  const { status, rateLimit } = outcome.error
  if (status === 403) return 'forbidden'
  if (status === 429) return isConcurrencyLimit(rateLimit) ? 'concurrency_limited' : 'rate_limited'
  return status >= 500 ? 'server_error' : 'unexpected_status'
}

/** What is the same for every operation; `onSuccess` judges a 2xx. */
function outcome<T>(
  question: OperationSubject,
  ended: Ended,
  onSuccess: (answer: Answered) => Outcome<T>,
): Outcome<T> {
  if (ended.kind === 'failed') return unavailable(question, ended.code, ended.cause)
  const { status } = ended
  if (status >= 200 && status <= 299) return onSuccess(ended)
  if (status >= 300 && status <= 399) return unusable(question, ended, 'redirect')
  if (status >= 400 && status <= 599) return apiError(question, ended)
  return unusable(question, ended, 'unexpected_status')
}

function apiError(question: OperationSubject, answer: Answered): Outcome<never> {
  const head = readHead(question, answer)
  const { error, okta } = readApiError(question, answer, head)
  if (answer.status !== 429) return { kind: 'error', error, head, okta }
  return { kind: 'error', error, head, okta, retryAfterMs: waitAfter429(answer.headers) }
}

function unusable(
  question: OperationSubject,
  answer: Answered,
  code: UnavailableCode,
): Outcome<never> {
  return { ...unavailable(question, code), head: readHead(question, answer) }
}

function unavailable(
  { operation }: OperationSubject,
  code: UnavailableCode,
  cause?: Error,
): Extract<Outcome<never>, { kind: 'unavailable' }> {
  const why = EXPLANATIONS[code] ?? 'no call was made'
  const message = `${operation}: no usable answer from Okta: ${code} (${why})`
  const retryable = PASSING.has(code)
  return {
    kind: 'unavailable',
    error: new OktaUnavailableError(message, { operation, code, retryable, cause }),
  }
}

/** What may be over the next time without a change on this side. */
const PASSING: ReadonlySet<UnavailableCode> = new Set(['timeout', 'dns', 'connect', 'reset'])

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
  closed: 'closed by this application',
}

/** Makes the call, and never rejects for the wire's reasons. */
export async function answerTo<T>(
  operation: Operation,
  call: () => Promise<Outcome<T>>,
): Promise<OktaAnswer<T>> {
  return call().then(
    (outcome) => toAnswer(operation, outcome),
    (error: unknown) => abandoned<T>(error),
  )
}

export function toAnswer<T>(operation: Operation, outcome: Outcome<T>): OktaAnswer<T> {
  switch (outcome.kind) {
    case 'ok':
      return { kind: 'yes', value: outcome.value, head: outcome.head }
    case 'error':
      if (outcome.okta && NO[operation].includes(outcome.head.status))
        return { kind: 'no', head: outcome.head }
      return {
        kind: 'unavailable',
        code: unavailableCodeOf(outcome),
        retryAfterMs: outcome.retryAfterMs,
        head: outcome.head,
      }
    case 'unavailable':
      return {
        kind: 'unavailable',
        code: outcome.error.code,
        retryAfterMs: outcome.error.retryAfterMs,
        head: outcome.head,
      }
  }
}

/** No such session: the cookie is all there was to refuse. */
const COOKIE_REFUSED = [401, 404]
/** No such session: a 401 would speak of the credentials. */
const ID_UNKNOWN = [404]

/**
 * Which statuses are a no when they come in Okta's own error shape. In any other shape they may be a
 * proxy's, and say nothing.
 */
const NO: Readonly<Record<Operation, readonly number[]>> = {
  getCurrentSession: COOKIE_REFUSED,
  refreshCurrentSession: COOKIE_REFUSED,
  closeCurrentSession: COOKIE_REFUSED,
  /** A session token that is malformed, unknown, used or too old. */
  createSession: [400, 401],
  getSession: ID_UNKNOWN,
  refreshSession: ID_UNKNOWN,
  revokeSession: ID_UNKNOWN,
  requestToken: [],
}

/** Our own deadline is the only one who aborts these calls. */
function abandoned<T>(error: unknown): OktaAnswer<T> {
  if (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError'))
    return { kind: 'unavailable', code: 'timeout' }
  throw error
}
