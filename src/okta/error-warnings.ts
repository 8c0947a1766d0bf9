/** Warns of Okta's errors that are about the org, this app or its credentials: one line for each code. */
import type { LineCode } from '../codes.js'
import type { Log } from '../contracts.js'
import { OktaApiError, type Operation } from '../errors.js'
import { type CallResult, errorOf } from './call-error.js'
import { TOKEN_REFUSED } from './okta-answer.js'

/** A faulty proxy may make up codes: no more lines than this are written. */
const MAX_WARNINGS = 50

/** These need credentials; the operations with a user's cookie take none. */
const BY_ID: ReadonlySet<Operation> = new Set(['getSession', 'refreshSession', 'revokeSession'])

/** Warns once for each code, whichever operations meet it. */
export type WarnOfError = (call: CallResult<never>) => void

export function createErrorWarnings(logger: Log | undefined): WarnOfError {
  const warned = new Set<string>()
  return function warnOfError(call) {
    const error = errorOf(call)
    if (!(error instanceof OktaApiError)) return
    const { operation, status, errorCode, errorSummary, requestId } = error
    const kind = errorCode ?? `${operation} ${status}`
    if (warned.has(kind) || warned.size >= MAX_WARNINGS) return
    warned.add(kind)
    logger?.warn(...lineFor(operation, errorCode), {
      operation,
      status,
      ...(errorCode !== undefined && { errorCode }),
      ...(errorSummary !== undefined && { errorSummary }),
      ...(requestId !== undefined && { requestId }),
    })
  }
}

function lineFor(operation: Operation, errorCode: string | undefined): readonly [LineCode, string] {
  if (operation === 'requestToken')
    return [
      'EOS104',
      'Okta refused a token to the service app. Operations by session id fail, and another token is requested after 30 s. Check clientId, privateKey, keyId and scopes',
    ]
  if (operation === 'createSession')
    return TOKEN_REFUSED.has(errorCode ?? '')
      ? [
          'EOS105',
          'Okta refused a sign-in because of the API token, or by a policy. login() tries whether sign-ins work without the API token. Check credentials.apiToken',
        ]
      : [
          'EOS106',
          'Okta refused a sign-in for a reason other than its session token. Users get 503',
        ]
  if (BY_ID.has(operation) && TOKEN_REFUSED.has(errorCode ?? ''))
    return [
      'EOS107',
      'Okta refused a call by session id because of its credentials. It needs an API token of an administrator, or a token with the scope of the operation. Check credentials',
    ]
  return [
    'EOS103',
    'Okta answered with an error about the org, this app or its credentials. It says nothing about the session, which stays as it is',
  ]
}
