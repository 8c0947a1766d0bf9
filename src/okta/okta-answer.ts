/** What the result of a call means: yes, no, or unavailable. Pure functions, and the only ones that decide it. */
import type { OktaAnswer, OktaUnavailable } from '../contracts.js'
import type { Operation, RateLimit, UnavailableCode } from '../errors.js'
import type { Session } from '../public-types.js'
import type { HttpAnswer, HttpFailure } from './exchange.js'
import {
  isConcurrencyLimit,
  oktaErrorCode,
  readHead,
  readJson,
  waitAfter429,
} from './http-answer.js'
import { parseSession, parseSessionWithSecretId } from './parse-session.js'

/** Makes the answer of how the last exchange of a call ended. */
export type ReadAnswer<T> = (
  operation: Operation,
  result: HttpAnswer | HttpFailure,
) => OktaAnswer<T>

/** The session in a 200. Any other 2xx, a 204 included, is unusable: it says nothing about the session. */
export const sessionAnswer: ReadAnswer<Session> = jsonAnswer(parseSession)

/** The same for operations whose session may carry the `sid` cookie's value as its id: util.inspect hides it. */
export const secretSessionAnswer: ReadAnswer<Session> = jsonAnswer(parseSessionWithSecretId)

/** The same for any JSON in a 200; `parse` returns undefined for a body that lacks what it must hold. */
export function jsonAnswer<T>(parse: (body: unknown) => T | undefined): ReadAnswer<T> {
  return function readJsonAnswer(operation, result) {
    return answerOf<T>(operation, result, (answer) => {
      if (answer.status !== 200) return unusable(answer, 'unexpected_status')
      const body = readJson(answer)
      if (body.kind === 'unusable') return unusable(answer, body.code)
      const value = parse(body.value)
      if (value === undefined) return unusable(answer, 'schema')
      return { kind: 'yes', value, head: readHead(answer) }
    })
  }
}

/** A 204. Any other 2xx is unusable: a proxy's page does not mean that Okta ended a session. */
export const emptyAnswer: ReadAnswer<void> = (operation, result) =>
  answerOf<void>(operation, result, (answer) =>
    answer.status === 204
      ? { kind: 'yes', value: undefined, head: readHead(answer) }
      : unusable(answer, 'unexpected_status'),
  )

/** Whether an answer rejects as an OktaApiError, and not as an OktaUnavailableError. */
export function isErrorStatus(status: number): boolean {
  return status >= 400 && status <= 599
}

/** What is the same for every operation; `onSuccess` reads a 2xx. */
function answerOf<T>(
  operation: Operation,
  result: HttpAnswer | HttpFailure,
  onSuccess: (answer: HttpAnswer) => OktaAnswer<T>,
): OktaAnswer<T> {
  if (result.kind === 'failed') return { kind: 'unavailable', code: result.code }
  const { status } = result
  if (status >= 200 && status <= 299) return onSuccess(result)
  if (status >= 300 && status <= 399) return unusable(result, 'redirect')
  if (!isErrorStatus(status)) return unusable(result, 'unexpected_status')
  const head = readHead(result)
  const code = codeOf(status, head.rateLimit)
  if (status === 429)
    return { kind: 'unavailable', code, head, retryAfterMs: waitAfter429(result.headers) }
  const errorCode = status < 500 ? errorCodeIn(result) : undefined
  if (errorCode === undefined) return { kind: 'unavailable', code, head }
  if (NO[operation].includes(`${status} ${errorCode}`)) return { kind: 'no', head }
  return { kind: 'unavailable', code, head, errorCode }
}

function unusable(answer: HttpAnswer, code: UnavailableCode): OktaUnavailable {
  return { kind: 'unavailable', code, head: readHead(answer) }
}

/** The code of an answer in Okta's error shape; undefined for any other answer, which may be a proxy's. */
export function errorCodeIn(answer: HttpAnswer): string | undefined {
  const body = readJson(answer)
  return body.kind === 'json' ? oktaErrorCode(body.value) : undefined
}

function codeOf(status: number, rateLimit: RateLimit | undefined): UnavailableCode {
  if (status === 403) return 'forbidden'
  if (status === 429) return isConcurrencyLimit(rateLimit) ? 'concurrency_limited' : 'rate_limited'
  return status >= 500 ? 'server_error' : 'unexpected_status'
}

/** No such session: the cookie is all there was to refuse. */
const COOKIE_REFUSED = ['404 E0000007', '401 E0000004', '401 E0000005', '401 E0000011']
/** No such session: a 401 would be about the credentials. */
const ID_UNKNOWN = ['404 E0000007']

/**
 * Which statuses and codes are a no. Okta's other errors are about the org, the app's credentials or the
 * request (E0000015: a feature that is off), and say nothing about the session.
 */
const NO: Readonly<Record<Operation, readonly string[]>> = {
  getCurrentSession: COOKIE_REFUSED,
  refreshCurrentSession: COOKIE_REFUSED,
  closeCurrentSession: COOKIE_REFUSED,
  /** A session token that is unknown, used or expired. */
  createSession: ['401 E0000004'],
  getSession: ID_UNKNOWN,
  refreshSession: ID_UNKNOWN,
  revokeSession: ID_UNKNOWN,
  requestToken: [],
  getKeys: [],
}

/** Errors about the Authorization header of a sign-in; a policy about the user may give E0000006 as well. */
export const TOKEN_REFUSED: ReadonlySet<string> = new Set([
  'E0000011',
  'E0000005',
  'E0000006',
  'E0000015',
])
