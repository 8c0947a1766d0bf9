/** Connects the middleware to one org: the four calls it makes itself, and the public SessionApi, over one exchange. */
import type { Clock, Credential, OktaAnswer, Outcome } from '../contracts.js'
import type { ApiSettings } from '../options/options.js'
import type { Session } from '../public-types.js'
import { createOperations, type OperationOptions, type Operations } from './operations.js'
import { answerTo } from './responses.js'
import { type SessionApi, sessionApiOver } from './session-api.js'

/** What a call may be told besides its subject. */
export interface AskOptions {
  readonly signal?: AbortSignal | undefined
  /** The user's address, for orgs that list this server as a trusted proxy. */
  readonly clientIp?: string | undefined
}

/** Calls to one org; none of them rejects for the wire's reasons. */
export interface Org {
  readonly api: SessionApi
  fetchSession(credential: Credential, options: AskOptions): Promise<OktaAnswer<Session>>
  refreshSession(credential: Credential, options: AskOptions): Promise<OktaAnswer<Session>>
  closeSession(credential: Credential, options: AskOptions): Promise<OktaAnswer<void>>
  createSession(sessionToken: string, options: AskOptions): Promise<OktaAnswer<Session>>
  close(): Promise<void>
}

/** `onChanged` hears of each session, by id or cookie value, that the public API ended or renewed. */
export function connect(
  settings: ApiSettings,
  clock: Clock,
  onChanged: (sessionId: string) => Promise<void>,
): Org {
  const operations = createOperations(settings, clock)
  return {
    api: sessionApiOver(announcing(operations, onChanged)),

    fetchSession: (credential, options) =>
      answerTo('getCurrentSession', () =>
        operations.getCurrentSession(cookieOf(credential), told(options)),
      ),

    refreshSession: (credential, options) =>
      answerTo('refreshCurrentSession', () =>
        operations.refreshCurrentSession(cookieOf(credential), told(options)),
      ),

    closeSession: (credential, options) =>
      answerTo('closeCurrentSession', () =>
        operations.closeCurrentSession(cookieOf(credential), told(options)),
      ),

    createSession: (sessionToken, options) =>
      answerTo('createSession', () => operations.createSession({ sessionToken }, told(options))),

    close: operations.close,
  }
}

/** A session that is ended or renewed through the public API is forgotten by the middleware. */
function announcing(
  operations: Operations,
  onChanged: (sessionId: string) => Promise<void>,
): Operations {
  async function announce<T>(
    id: string | undefined,
    options: OperationOptions | undefined,
    call: Promise<Outcome<T>>,
  ): Promise<Outcome<T>> {
    const tell = async () => {
      if (typeof id === 'string') await onChanged(id)
    }
    // The caller gave up, and Okta may have heard all the same. Anything else was never sent.
    const outcome = await call.catch(async (reason) => {
      if (options?.signal?.aborted) await tell()
      throw reason
    })
    // Also after a 404 or no answer: the session may be cached here as active.
    await tell()
    return outcome
  }
  return {
    ...operations,
    refreshSession: (id, options) => announce(id, options, operations.refreshSession(id, options)),
    revokeSession: (id, options) => announce(id, options, operations.revokeSession(id, options)),
    refreshCurrentSession: (cookie, options) =>
      announce(cookieValue(cookie), options, operations.refreshCurrentSession(cookie, options)),
    closeCurrentSession: (cookie, options) =>
      announce(cookieValue(cookie), options, operations.closeCurrentSession(cookie, options)),
  }
}

function cookieOf({ as, value }: Credential): string {
  return `${as}=${value}`
}

/** Before the cookie is checked: what is none has no value. */
function cookieValue(cookie: unknown): string | undefined {
  return typeof cookie === 'string' ? cookie.slice(cookie.indexOf('=') + 1) : undefined
}

function told({ signal, clientIp }: AskOptions): OperationOptions {
  return {
    ...(signal !== undefined && { signal }),
    ...(clientIp !== undefined && { headers: { 'x-forwarded-for': clientIp } }),
  }
}
