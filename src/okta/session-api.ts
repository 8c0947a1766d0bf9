/** The Sessions API for applications: the seven operations as promises that give the value or reject. */
import type { CallOptions } from '../contracts.js'
import type { SessionApiOptions } from '../options/options.js'
import { parseApiOptions } from '../options/parse-options.js'
import type { Session } from '../public-types.js'
import { systemClock } from './call.js'
import { type CallResult, errorOf } from './call-error.js'
import { createOperations, type Operations } from './operations.js'

/**
 * The seven operations of Okta's Sessions API, named as in every Okta SDK.
 *
 * A 4xx or 5xx rejects with an OktaApiError, a 404 included. A redirect, an unusable answer and no answer
 * at all reject with an OktaUnavailableError. An argument that cannot be sent rejects with a TypeError,
 * without a call. A fired `signal` rejects with the signal's reason.
 *
 * @example
 * const api = new SessionApi({ orgUrl: 'https://id.example.com', credentials: { apiToken } })
 * const session = await api.getSession(sessionId)
 * await api.close()
 *
 * @see https://developer.okta.com/docs/api/openapi/okta-management/management/tag/Session/
 */
export class SessionApi {
  readonly #operations: Operations

  /**
   * Options that are left out come from the environment that Okta's SDKs read. All faults are thrown
   * together in one TypeError.
   *
   * @example
   * const api = new SessionApi({ orgUrl: 'https://id.example.com', timeoutMs: 2_000 })
   */
  constructor(options?: SessionApiOptions)
  /** @internal Over operations that exist already: the middleware's, which its lookups use too. */
  constructor(options: undefined, operations: Operations)
  constructor(options?: SessionApiOptions, operations?: Operations) {
    this.#operations =
      operations ?? createOperations(parseApiOptions(options, process.env), systemClock)
  }

  /**
   * The session of a user's cookie, `'idx=...'` or `'sid=...'`. Without one no Cookie header is sent, and
   * Okta answers 404. No credentials are sent: Okta takes the cookie alone.
   *
   * `GET /api/v1/sessions/me`
   *
   * @example
   * const { login, expiresAt } = await api.getCurrentSession(`idx=${req.cookies.idx}`)
   */
  async getCurrentSession(cookie?: string, options?: CallOptions): Promise<Session> {
    return valueIn(await this.#operations.getCurrentSession(cookie, onlySignal(options)))
  }

  /**
   * Extends the session of a user's cookie, as the user's own activity does.
   *
   * `POST /api/v1/sessions/me/lifecycle/refresh`
   *
   * @example
   * const { expiresAt } = await api.refreshCurrentSession(`idx=${req.cookies.idx}`)
   */
  async refreshCurrentSession(cookie?: string, options?: CallOptions): Promise<Session> {
    return valueIn(await this.#operations.refreshCurrentSession(cookie, onlySignal(options)))
  }

  /**
   * Ends the session of a user's cookie. Once it has ended Okta answers 404.
   *
   * `DELETE /api/v1/sessions/me`
   *
   * @example
   * await api.closeCurrentSession(`idx=${req.cookies.idx}`)
   */
  async closeCurrentSession(cookie?: string, options?: CallOptions): Promise<void> {
    return valueIn(await this.#operations.closeCurrentSession(cookie, onlySignal(options)))
  }

  /**
   * Exchanges a session token, which is valid once and for five minutes, for a session. Sends the API token
   * when there is one; OAuth has no scope for this. Never sent twice.
   *
   * The session's `id` is the value of the `sid` cookie, **a live credential**: util.inspect hides it,
   * JSON.stringify does not.
   *
   * `POST /api/v1/sessions`
   *
   * @example
   * const { id, login } = await api.createSession({ sessionToken })
   */
  async createSession(
    request: { readonly sessionToken: string },
    options?: CallOptions,
  ): Promise<Session> {
    return valueIn(await this.#operations.createSession(request, onlySignal(options)))
  }

  /**
   * A session by its id: the one that getCurrentSession gives, or the value of a `sid` cookie. Does not
   * extend the session. Needs credentials; a service app needs the scope `okta.sessions.read`.
   *
   * `GET /api/v1/sessions/{sessionId}`
   *
   * @example
   * const session = await api.getSession(sessionId, { signal: AbortSignal.timeout(1_000) })
   */
  async getSession(sessionId: string, options?: CallOptions): Promise<Session> {
    return valueIn(await this.#operations.getSession(sessionId, onlySignal(options)))
  }

  /**
   * Extends a session by its id. Needs credentials; a service app needs the scope `okta.sessions.manage`.
   *
   * `POST /api/v1/sessions/{sessionId}/lifecycle/refresh`
   *
   * @example
   * const { expiresAt } = await api.refreshSession(sessionId)
   */
  async refreshSession(sessionId: string, options?: CallOptions): Promise<Session> {
    return valueIn(await this.#operations.refreshSession(sessionId, onlySignal(options)))
  }

  /**
   * Ends a session by its id. Once it has ended Okta answers 404. Needs credentials; a service app needs
   * the scope `okta.sessions.manage`.
   *
   * `DELETE /api/v1/sessions/{sessionId}`
   *
   * @example
   * await api.revokeSession(sessionId)
   */
  async revokeSession(sessionId: string, options?: CallOptions): Promise<void> {
    return valueIn(await this.#operations.revokeSession(sessionId, onlySignal(options)))
  }

  /**
   * Closes the kept-alive connections. Later calls reject with the code `closed`; resolves when those in
   * flight have ended.
   *
   * @example
   * process.once('SIGTERM', () => api.close())
   */
  async close(): Promise<void> {
    await this.#operations.close()
  }
}

/** The options that are public: an application sets no headers. */
function onlySignal(options: CallOptions | undefined): CallOptions {
  return { signal: options?.signal }
}

function valueIn<T>(call: CallResult<T>): T {
  const { answer } = call
  if (answer.kind === 'yes') return answer.value
  throw errorOf({ ...call, answer })
}
