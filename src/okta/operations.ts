/** The seven operations of the Sessions API as requests and outcomes: what SessionApi and the middleware both stand on. */
import type { Clock, Outcome } from '../contracts.js'
import type { Operation } from '../errors.js'
import type { ApiSettings } from '../options/options.js'
import type { Session } from '../public-types.js'
import { checkCookie, checkSessionId, checkSessionToken } from './arguments.js'
import { type Call, createAsk, type OperationOptions } from './ask.js'
import type { Authorizer } from './credentials.js'
import { createAuthorizer, createSignInAuthorizer, noAuthorizer } from './credentials.js'
import { createExchange, type ExchangeRequest } from './exchange.js'
import { emptyOutcome, secretSessionOutcome, sessionOutcome } from './responses.js'
import { createRetries } from './retry.js'

export type { OperationOptions }

/**
 * Each returns how it ended. It rejects with a TypeError for an argument that cannot be sent, and with
 * the signal's reason when the caller's own signal fired; for nothing that Okta or the network did.
 */
export interface Operations {
  getCurrentSession(cookie?: string, options?: OperationOptions): Promise<Outcome<Session>>
  refreshCurrentSession(cookie?: string, options?: OperationOptions): Promise<Outcome<Session>>
  closeCurrentSession(cookie?: string, options?: OperationOptions): Promise<Outcome<void>>
  createSession(
    request: { readonly sessionToken: string },
    options?: OperationOptions,
  ): Promise<Outcome<Session>>
  getSession(sessionId: string, options?: OperationOptions): Promise<Outcome<Session>>
  refreshSession(sessionId: string, options?: OperationOptions): Promise<Outcome<Session>>
  revokeSession(sessionId: string, options?: OperationOptions): Promise<Outcome<void>>
  /** Later calls end as `closed`; resolves when those under way have ended and no connection is left. */
  close(): Promise<void>
}

const SESSIONS = '/api/v1/sessions'
const ME = `${SESSIONS}/me`
const REFRESH = '/lifecycle/refresh'

export function createOperations(settings: ApiSettings, clock: Clock): Operations {
  const exchange = createExchange(settings)
  const parts = { ...settings, clock, send: exchange.send }
  const ask = createAsk({ ...parts, retries: createRetries(Math.random) })
  const byId = createAuthorizer(settings.credentials, parts)
  const signIn = createSignInAuthorizer(settings.credentials)

  return {
    async getCurrentSession(cookie, options) {
      const call = ofCookie('getCurrentSession', 'GET', ME, cookie)
      return ask({ ...call, judge: sessionOutcome }, options)
    },

    async refreshCurrentSession(cookie, options) {
      const call = ofCookie('refreshCurrentSession', 'POST', `${ME}${REFRESH}`, cookie)
      return ask({ ...call, judge: sessionOutcome }, options)
    },

    async closeCurrentSession(cookie, options) {
      const call = ofCookie('closeCurrentSession', 'DELETE', ME, cookie)
      return ask({ ...call, judge: emptyOutcome }, options)
    },

    async createSession(request, options) {
      const sessionToken = checkSessionToken(request)
      const body = { type: 'application/json', text: JSON.stringify({ sessionToken }) }
      const call = {
        question: { operation: 'createSession', secrets: [sessionToken] },
        request: { method: 'POST', path: SESSIONS, body },
        authorizer: signIn,
        judge: secretSessionOutcome,
      } as const
      return ask(call, options)
    },

    async getSession(sessionId, options) {
      const call = ofId('getSession', 'GET', sessionId, '', byId)
      return ask({ ...call, judge: secretSessionOutcome }, options)
    },

    async refreshSession(sessionId, options) {
      const call = ofId('refreshSession', 'POST', sessionId, REFRESH, byId)
      return ask({ ...call, judge: secretSessionOutcome }, options)
    },

    async revokeSession(sessionId, options) {
      const call = ofId('revokeSession', 'DELETE', sessionId, '', byId)
      return ask({ ...call, judge: emptyOutcome }, options)
    },

    close: exchange.close,
  }
}

type Method = ExchangeRequest['method']
type Prepared = Pick<Call<never>, 'question' | 'request' | 'authorizer'>

/** A cookie operation shows the cookie and nothing else: Okta takes no token here. */
function ofCookie(
  operation: Operation,
  method: Method,
  path: string,
  cookie: string | undefined,
): Prepared {
  const value = checkCookie(operation, cookie)
  return {
    question: { operation, secrets: value === undefined ? [] : [value] },
    request: { method, path, headers: cookie === undefined ? {} : { cookie } },
    authorizer: noAuthorizer,
  }
}

function ofId(
  operation: Operation,
  method: Method,
  sessionId: string,
  action: string,
  authorizer: Authorizer,
): Prepared {
  const path = `${SESSIONS}/${checkSessionId(operation, sessionId)}${action}`
  return {
    question: { operation, sessionId, secrets: [] },
    request: { method, path },
    authorizer,
  }
}
