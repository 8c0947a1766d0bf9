/** The seven operations of the Sessions API as calls: SessionApi and the middleware both use them. */

import type { JSONWebKeySet } from 'jose'
import { misuse } from '../codes.js'
import type { Clock } from '../contracts.js'
import type { Operation } from '../errors.js'
import type { ApiSettings } from '../options/options.js'
import type { Session } from '../public-types.js'
import { createMakeCall, createRetries, type OperationOptions } from './call.js'
import type { CallResult } from './call-error.js'
import { createAuthorizer, createSignInAuthorizer } from './credentials.js'
import { createExchange, type HttpRequest } from './exchange.js'
import {
  emptyAnswer,
  jsonAnswer,
  type ReadAnswer,
  secretSessionAnswer,
  sessionAnswer,
} from './okta-answer.js'
import { parseKeys } from './org-keys.js'

/**
 * Each resolves with how it ended. It rejects with a TypeError for an argument that cannot be sent, and
 * with the signal's reason when the caller's own signal fired; for nothing that Okta or the network did.
 */
export interface Operations {
  readonly getCurrentSession: ByCookie<Session>
  readonly refreshCurrentSession: ByCookie<Session>
  readonly closeCurrentSession: ByCookie<void>
  createSession(
    request: { readonly sessionToken: string },
    options?: OperationOptions,
  ): Promise<CallResult<Session>>
  readonly getSession: ById<Session>
  readonly refreshSession: ById<Session>
  readonly revokeSession: ById<void>
  /** The org's public keys. Their rate limit is apart from that of the sessions. */
  getKeys(): Promise<CallResult<JSONWebKeySet>>
  /** Later calls end as `closed`; resolves when those in flight have ended and no connection is left. */
  close(): Promise<void>
}

type ByCookie<T> = (cookie?: string, options?: OperationOptions) => Promise<CallResult<T>>
type ById<T> = (sessionId: string, options?: OperationOptions) => Promise<CallResult<T>>
type Method = HttpRequest['method']

const SESSIONS = '/api/v1/sessions'
const ME = `${SESSIONS}/me`
const REFRESH = '/lifecycle/refresh'

const KEYS_CALL = {
  subject: { operation: 'getKeys', secrets: [] },
  request: { method: 'GET', path: '/oauth2/v1/keys' },
  authorizer: undefined,
  read: jsonAnswer(parseKeys),
} as const

export function createOperations(settings: ApiSettings, clock: Clock): Operations {
  const exchange = createExchange(settings)
  const { host: org } = new URL(settings.orgUrl)
  const parts = { ...settings, org, clock, send: exchange.send }
  const makeCall = createMakeCall({ ...parts, retries: createRetries(Math.random) })
  const signIn = createSignInAuthorizer(settings.credentials)
  const authorizer = createAuthorizer(settings.credentials, parts)

  return {
    getCurrentSession: byCookie('getCurrentSession', 'GET', '', sessionAnswer),
    refreshCurrentSession: byCookie('refreshCurrentSession', 'POST', REFRESH, sessionAnswer),
    closeCurrentSession: byCookie('closeCurrentSession', 'DELETE', '', emptyAnswer),
    createSession,
    getSession: byId('getSession', 'GET', '', secretSessionAnswer),
    refreshSession: byId('refreshSession', 'POST', REFRESH, secretSessionAnswer),
    revokeSession: byId('revokeSession', 'DELETE', '', emptyAnswer),
    getKeys: () => makeCall(KEYS_CALL),
    close: exchange.close,
  }

  /** Sends the cookie and no credentials: Okta takes no token here. */
  function byCookie<T>(
    operation: Operation,
    method: Method,
    action: string,
    read: ReadAnswer<T>,
  ): ByCookie<T> {
    return async function callByCookie(cookie, options) {
      const value = checkCookie(operation, cookie)
      const subject = { operation, secrets: value === undefined ? [] : [value] }
      const headers = cookie === undefined ? {} : { cookie }
      const request = { method, path: `${ME}${action}`, headers }
      return makeCall({ subject, request, authorizer: undefined, read }, options)
    }
  }

  function byId<T>(
    operation: Operation,
    method: Method,
    action: string,
    read: ReadAnswer<T>,
  ): ById<T> {
    return async function callById(sessionId, options) {
      const path = `${SESSIONS}/${checkSessionId(operation, sessionId)}${action}`
      const subject = { operation, sessionId, secrets: [] }
      return makeCall({ subject, request: { method, path }, authorizer, read }, options)
    }
  }

  async function createSession(
    given: { readonly sessionToken: string },
    options?: OperationOptions,
  ): Promise<CallResult<Session>> {
    const sessionToken = checkSessionToken(given)
    const body = { type: 'application/json', text: JSON.stringify({ sessionToken }) }
    const subject = { operation: 'createSession', secrets: [sessionToken] } as const
    const request = { method: 'POST', path: SESSIONS, body, isSingleUse: true } as const
    return makeCall({ subject, request, authorizer: signIn, read: secretSessionAnswer }, options)
  }
}

/** The value of exactly one well-formed pair, `idx=...` or `sid=...`; undefined when no cookie is to be sent. */
function checkCookie(operation: Operation, cookie: unknown): string | undefined {
  if (cookie === undefined) return undefined
  const value = typeof cookie === 'string' ? COOKIE.exec(cookie)?.[1] : undefined
  if (value !== undefined) return value
  throw misuse(
    'EOS314',
    `${operation}: cookie must be one pair, 'idx=<value>' or 'sid=<value>', whose value is 1 to 4,096 cookie characters (RFC 6265) without quotes and %; leave it out to send none`,
  )
}

/** Cookie-octets without `%`: no decoder on the way may find a second cookie in one. */
const COOKIE = /^(?:idx|sid)=([\x21\x23\x24\x26-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,4096})$/

/**
 * The id as one encoded path segment. Slashes and `%` are refused rather than encoded: a proxy that
 * decodes paths would make another path of them, and the API token opens more than sessions.
 */
function checkSessionId(operation: Operation, sessionId: unknown): string {
  const fits =
    typeof sessionId === 'string' &&
    sessionId.length <= 4096 &&
    SEGMENT.test(sessionId) &&
    !NOT_AN_ID.test(sessionId)
  if (fits) return encodeURIComponent(sessionId)
  throw misuse(
    'EOS315',
    `${operation}: sessionId must be one path segment: 1 to 4,096 characters without slashes, %, spaces and control characters, and not 'me', '.' or '..'`,
  )
}

const SEGMENT = /^[^\s/\\%\p{Cc}\p{Cs}]+$/u
const NOT_AN_ID = /^(me|\.|\.\.)$/i

/** The session token out of `{ sessionToken }`. */
function checkSessionToken(request: unknown): string {
  const token =
    typeof request === 'object' && request !== null && 'sessionToken' in request
      ? request.sessionToken
      : undefined
  if (typeof token === 'string' && token !== '' && token.length <= 4096) return token
  throw misuse(
    'EOS316',
    'createSession: give it { sessionToken }, the one-time token of 1 to 4,096 characters that primary authentication answered with',
  )
}
