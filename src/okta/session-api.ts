/** The Sessions API for applications: the seven operations as promises that give the value or reject. */
import type { CallOptions, Outcome } from '../contracts.js'
import type { SessionApiOptions } from '../options/options.js'
import { parseApiOptions } from '../options/parse-options.js'
import type { Session } from '../public-types.js'
import { systemClock } from './deadline.js'
import { createOperations, type Operations } from './operations.js'

/** Operations to stand on instead of new ones, by the options object that asks for it. */
const premade = new WeakMap<SessionApiOptions, Operations>()

/**
 * The seven operations of Okta's Sessions API, named as in every Okta SDK.
 *
 * An answer of 4xx or 5xx rejects with an OktaApiError, a 404 included. A redirect, an answer that
 * cannot be used and no answer at all reject with an OktaUnavailableError. An argument that cannot be
 * sent rejects with a TypeError, without a call. A fired `signal` rejects with the signal's reason.
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

  /** Options fall back to the environment Okta's SDKs read. All faults are thrown together in one TypeError. */
  constructor(options?: SessionApiOptions) {
    const given = options === undefined ? undefined : premade.get(options)
    this.#operations = given ?? createOperations(parseApiOptions(options, process.env), systemClock)
  }

  /**
   * The session of a user's cookie, `'idx=...'` or `'sid=...'`. Without one no Cookie header is sent, and
   * Okta answers 404. No credentials go along: Okta takes the cookie alone.
   *
   * `GET /api/v1/sessions/me`
   */
  async getCurrentSession(cookie?: string, options?: CallOptions): Promise<Session> {
    return valueIn(await this.#operations.getCurrentSession(cookie, only(options)))
  }

  /**
   * Extends the session of a user's cookie, as the user's own activity does.
   *
   * `POST /api/v1/sessions/me/lifecycle/refresh`
   */
  async refreshCurrentSession(cookie?: string, options?: CallOptions): Promise<Session> {
    return valueIn(await this.#operations.refreshCurrentSession(cookie, only(options)))
  }

  /**
   * Ends the session of a user's cookie. Once it has ended Okta answers 404.
   *
   * `DELETE /api/v1/sessions/me`
   */
  async closeCurrentSession(cookie?: string, options?: CallOptions): Promise<void> {
    return valueIn(await this.#operations.closeCurrentSession(cookie, only(options)))
  }

  /**
   * Exchanges a session token, single use and five minutes old at most, for a session. Sends the API token
   * when there is one; OAuth has no scope for this. Never sent twice.
   *
   * The session's `id` is the value of the `sid` cookie, **a live credential**: util.inspect hides it,
   * JSON.stringify does not.
   *
   * `POST /api/v1/sessions`
   */
  async createSession(
    request: { readonly sessionToken: string },
    options?: CallOptions,
  ): Promise<Session> {
    return valueIn(await this.#operations.createSession(request, only(options)))
  }

  /**
   * A session by its id, the one /me gives or the value of a `sid` cookie. Doesn't extend it. Needs
   * credentials; a service app the scope `okta.sessions.read`.
   *
   * `GET /api/v1/sessions/{sessionId}`
   */
  async getSession(sessionId: string, options?: CallOptions): Promise<Session> {
    return valueIn(await this.#operations.getSession(sessionId, only(options)))
  }

  /**
   * Extends a session by its id. Needs credentials; a service app the scope `okta.sessions.manage`.
   *
   * `POST /api/v1/sessions/{sessionId}/lifecycle/refresh`
   */
  async refreshSession(sessionId: string, options?: CallOptions): Promise<Session> {
    return valueIn(await this.#operations.refreshSession(sessionId, only(options)))
  }

  /**
   * Ends a session by its id. Once it has ended Okta answers 404. Needs credentials; a service app the
   * scope `okta.sessions.manage`.
   *
   * `DELETE /api/v1/sessions/{sessionId}`
   */
  async revokeSession(sessionId: string, options?: CallOptions): Promise<void> {
    return valueIn(await this.#operations.revokeSession(sessionId, only(options)))
  }

  /** Ends the kept-alive connections. Later calls reject as `closed`; resolves when those under way have ended. */
  async close(): Promise<void> {
    await this.#operations.close()
  }
}

/** A SessionApi over operations that exist already: the middleware's, which its own lookups use too. */
export function sessionApiOver(operations: Operations): SessionApi {
  const options: SessionApiOptions = {}
  premade.set(options, operations)
  return new SessionApi(options)
}

/** What an application may say about a call, and nothing besides. */
function only(options: CallOptions | undefined): CallOptions {
  return { signal: options?.signal }
}

function valueIn<T>(outcome: Outcome<T>): T {
  if (outcome.kind === 'ok') return outcome.value
  throw outcome.error
}
