/** HTTP answers built by hand for the pure functions that read them, and a call's end with its error beside it. */
import type { AnswerHead } from '../../src/contracts.js'
import { OktaApiError, type OktaUnavailableError } from '../../src/errors.js'
import { type CallResult, errorOf, requestIdOf } from '../../src/okta/call-error.js'
import type { HttpAnswer } from '../../src/okta/exchange.js'

export const SESSION = {
  id: 'l7FbDVqS8zHSy65uJD85',
  login: 'user@example.com',
  userId: '00u0abcdefghijklmnop',
  status: 'ACTIVE',
  createdAt: '2026-11-24T08:00:00.000Z',
  expiresAt: '2026-11-24T10:00:00.000Z',
  lastPasswordVerification: '2026-11-24T08:00:00.000Z',
  lastFactorVerification: null,
  amr: ['pwd'],
  idp: { id: '00o0abcdefghijklmnop', type: 'OKTA' },
  mfaActive: false,
  _links: { self: { href: 'https://id.example.com/api/v1/sessions/me' } },
} as const

export const ENVELOPE = {
  errorCode: 'E0000007',
  errorSummary: 'Not found: Resource not found: me (Session)',
  errorLink: 'E0000007',
  errorId: 'oaeAbCdEfGhIjKlMnOpQrStUv',
  errorCauses: [],
} as const

type HeaderFields = Readonly<Record<string, string | readonly string[]>>

const JSON_HEADERS = { 'content-type': 'application/json' }

/** `body`: text as it is, bytes as they are, anything else as JSON. */
export function answer(
  status: number,
  body: unknown = '',
  headers: HeaderFields = JSON_HEADERS,
): HttpAnswer {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(textOf(body))
  const lines = Object.entries(headers).map(([name, value]) => [name, [value].flat()] as const)
  return { kind: 'answered', status, headers: new Map(lines), body: bytes }
}

/** The same, with a body longer than the cap. */
export function longAnswer(status: number): HttpAnswer {
  return { ...answer(status), body: undefined }
}

/** What a call came to for the middleware (the answer) and for an application (the value or the error). */
export type Ending =
  | { readonly kind: 'ok'; readonly value: unknown; readonly head: AnswerHead }
  | {
      readonly kind: 'error'
      readonly error: OktaApiError
      readonly answer: 'no' | 'unavailable'
      readonly head: AnswerHead
    }
  | {
      readonly kind: 'unavailable'
      readonly error: OktaUnavailableError
      readonly head?: AnswerHead | undefined
    }

/** The head holds the request id as well, as the call channel publishes it. */
export function endingOf<T>(call: CallResult<T>): Ending {
  const { answer, result, subject } = call
  const requestId = result.kind === 'answered' ? requestIdOf(subject, result) : undefined
  const more = requestId === undefined ? {} : { requestId }
  if (answer.kind === 'yes')
    return { kind: 'ok', value: answer.value, head: { ...answer.head, ...more } }
  const error = errorOf({ ...call, answer })
  const head = answer.head && { ...answer.head, ...more }
  if (!(error instanceof OktaApiError)) return { kind: 'unavailable', error, head }
  if (head === undefined) throw new Error('an error of Okta without an answer')
  return { ...answer, kind: 'error', error, answer: answer.kind, head }
}

function textOf(body: unknown): string {
  return typeof body === 'string' ? body : JSON.stringify(body)
}
