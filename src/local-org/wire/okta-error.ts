/** Okta's errors: each code with its status and summary, in Okta's error envelope. */
import { type Answer, type Header, jsonAnswer } from '../http/answer.js'
import { newErrorId } from '../org/okta-ids.js'

const ERRORS = {
  E0000003: [400, 'The request body was not well-formed.'],
  E0000004: [401, 'Authentication failed'],
  E0000005: [403, 'Invalid session'],
  E0000006: [403, 'You do not have permission to perform the requested action'],
  E0000007: [404, 'Not found: Resource not found: {0}'],
  E0000009: [500, 'Internal Server Error'],
  E0000010: [503, 'Service is in read only mode'],
  E0000011: [401, 'Invalid token provided'],
  E0000021: [
    415,
    'Bad request. Accept and/or Content-Type headers likely do not match supported values.',
  ],
  E0000022: [405, 'The endpoint does not support the provided HTTP method'],
  E0000047: [429, 'API call exceeded rate limit due to too many requests.'],
  E0000068: [403, 'Invalid Passcode/Answer'],
} as const satisfies Record<string, readonly [status: number, summary: string]>

export type OktaErrorCode = keyof typeof ERRORS

export function isOktaErrorCode(code: string): code is OktaErrorCode {
  return Object.hasOwn(ERRORS, code)
}

export interface OktaErrorDetails {
  /** The resource that the summary names. */
  readonly what?: string
  readonly causes?: readonly string[]
  readonly headers?: readonly Header[]
}

export function oktaError(code: OktaErrorCode, details: OktaErrorDetails = {}): Answer {
  const [status, summary] = ERRORS[code]
  // A function, because `$` in a replacement string is a pattern, and an id may contain it.
  const errorSummary = summary.replace('{0}', () => details.what ?? '')
  return jsonAnswer(status, envelope(code, errorSummary, details.causes), details.headers)
}

export function envelope(errorCode: string, errorSummary: string, causes: readonly string[] = []) {
  return {
    errorCode,
    errorSummary,
    errorLink: errorCode,
    errorId: newErrorId(),
    errorCauses: causes.map((cause) => ({ errorSummary: cause })),
  }
}
