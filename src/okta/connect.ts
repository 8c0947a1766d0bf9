/** Connects the middleware to one org: the four calls it makes itself, and the public SessionApi, over one exchange. */
import type { JSONWebKeySet } from 'jose'
import type { Clock, Credential, Log, OktaAnswer, PushReaders } from '../contracts.js'
import type { ApiSettings } from '../options/options.js'
import type { Finding, Session } from '../public-types.js'
import type { LimitCall, OperationOptions } from './call.js'
import type { CallResult } from './call-error.js'
import { createErrorWarnings, type WarnOfError } from './error-warnings.js'
import { findingsOf, probeOrg } from './health.js'
import { readHookEvents } from './hook-events.js'
import { createOperations, type Operations } from './operations.js'
import { OrgKeys } from './org-keys.js'
import { subjectInBody } from './pushed-subjects.js'
import { createTokenReaders } from './pushed-tokens.js'
import { isTokenRefusal } from './service-app.js'
import { SessionApi } from './session-api.js'

/** What the middleware passes along with a call. */
export interface OrgCallOptions {
  readonly signal?: AbortSignal | undefined
  /** The user's address, for orgs that list this server as a trusted proxy. */
  readonly clientIp?: string | undefined
}

/** Calls to one org; none of them rejects for what Okta or the network did. */
export interface Org {
  readonly api: SessionApi
  fetchSession(credential: Credential, options: OrgCallOptions): Promise<OktaAnswer<Session>>
  refreshSession(credential: Credential, options: OrgCallOptions): Promise<OktaAnswer<Session>>
  closeSession(credential: Credential, options: OrgCallOptions): Promise<OktaAnswer<void>>
  createSession(sessionToken: string, options: OrgCallOptions): Promise<OktaAnswer<Session>>
  /** Judges the org by one GetCurrentSession without a cookie. It does not pass the limiter, and is not logged. */
  check(): Promise<readonly Finding[]>
  /** Reads what Okta pushes. */
  readonly pushes: PushReaders
  close(): Promise<void>
}

/**
 * `limit` admits the calls of the public API, whose operations are told apart by what they are sent with: a
 * cookie alone or credentials. `onChanged` is called with each session, by id or cookie value, that the public API ended or renewed. */
export function connect(
  settings: ApiSettings,
  clock: Clock,
  limit: LimitCall,
  onChanged: (sessionId: string) => Promise<void>,
  logger?: Log,
): Org {
  const unwatched = createOperations(settings, clock)
  const operations = warning(unwatched, createErrorWarnings(logger))
  return {
    api: new SessionApi(undefined, reporting(limiting(operations, limit), onChanged)),

    fetchSession: (credential, options) =>
      answerOf(operations.getCurrentSession(cookieOf(credential), callOptions(options))),

    refreshSession: (credential, options) =>
      answerOf(operations.refreshCurrentSession(cookieOf(credential), callOptions(options))),

    closeSession: (credential, options) =>
      answerOf(operations.closeCurrentSession(cookieOf(credential), callOptions(options))),

    createSession: (sessionToken, options) =>
      answerOf(operations.createSession({ sessionToken }, callOptions(options))),

    check: async () => findingsOf(await probeOrg(() => unwatched.getCurrentSession(), clock)),

    pushes: createPushReaders(() => answerOf(operations.getKeys()), clock),

    close: operations.close,
  }
}

function createPushReaders(
  fetchKeys: () => Promise<OktaAnswer<JSONWebKeySet>>,
  clock: Clock,
): PushReaders {
  return {
    hookEvents: readHookEvents,
    logoutSubject: subjectInBody,
    ...createTokenReaders(new OrgKeys(fetchKeys, clock)),
  }
}

/** The middleware aborts a call at its own deadline alone: an abort is a timeout. */
async function answerOf<T>(call: Promise<CallResult<T>>): Promise<OktaAnswer<T>> {
  try {
    return (await call).answer
  } catch (error) {
    if (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError'))
      return { kind: 'unavailable', code: 'timeout' }
    throw error
  }
}

/** Hands Okta's errors that are not about a session or a sign-in to `warn`. */
function warning(operations: Operations, warn: WarnOfError): Operations {
  function warned<A extends unknown[], T>(operation: (...args: A) => Promise<CallResult<T>>) {
    return async (...args: A): Promise<CallResult<T>> => {
      const call = await operation(...args)
      const { answer } = call
      if (answer.kind !== 'unavailable') return call
      if (answer.errorCode !== undefined || isTokenRefusal(call)) warn({ ...call, answer })
      return call
    }
  }
  return {
    getCurrentSession: warned(operations.getCurrentSession),
    refreshCurrentSession: warned(operations.refreshCurrentSession),
    closeCurrentSession: warned(operations.closeCurrentSession),
    createSession: warned(operations.createSession),
    getSession: warned(operations.getSession),
    refreshSession: warned(operations.refreshSession),
    revokeSession: warned(operations.revokeSession),
    getKeys: operations.getKeys,
    close: operations.close,
  }
}

/** The calls of the app pass the same limiter as those of its users, whose rate limit they share. */
function limiting(operations: Operations, limit: LimitCall): Operations {
  function limited<A, T>(
    operation: (given: A, options?: OperationOptions) => Promise<CallResult<T>>,
  ) {
    return (given: A, options?: OperationOptions) => operation(given, { ...options, limit })
  }
  return {
    getCurrentSession: limited(operations.getCurrentSession),
    refreshCurrentSession: limited(operations.refreshCurrentSession),
    closeCurrentSession: limited(operations.closeCurrentSession),
    createSession: limited(operations.createSession),
    getSession: limited(operations.getSession),
    refreshSession: limited(operations.refreshSession),
    revokeSession: limited(operations.revokeSession),
    getKeys: operations.getKeys,
    close: operations.close,
  }
}

/** The middleware forgets a session that is ended or renewed through the public API. */
function reporting(
  operations: Operations,
  onChanged: (sessionId: string) => Promise<void>,
): Operations {
  async function report<T>(
    id: string | undefined,
    options: OperationOptions | undefined,
    call: Promise<CallResult<T>>,
  ): Promise<CallResult<T>> {
    const changed = async () => {
      if (typeof id === 'string') await onChanged(id)
    }
    // An aborted call may have reached Okta. Any other rejection means that nothing was sent.
    const ended = await call.catch(async (reason) => {
      if (options?.signal?.aborted) await changed()
      throw reason
    })
    // Also after a 404 or no answer: the session may be cached here as active.
    await changed()
    return ended
  }
  return {
    ...operations,
    refreshSession: (id, options) => report(id, options, operations.refreshSession(id, options)),
    revokeSession: (id, options) => report(id, options, operations.revokeSession(id, options)),
    refreshCurrentSession: (cookie, options) =>
      report(cookieValue(cookie), options, operations.refreshCurrentSession(cookie, options)),
    closeCurrentSession: (cookie, options) =>
      report(cookieValue(cookie), options, operations.closeCurrentSession(cookie, options)),
  }
}

function cookieOf({ as, value }: Credential): string {
  return `${as}=${value}`
}

/** The argument is not checked yet: it may be of any type. */
function cookieValue(cookie: unknown): string | undefined {
  return typeof cookie === 'string' ? cookie.slice(cookie.indexOf('=') + 1) : undefined
}

function callOptions({ signal, clientIp }: OrgCallOptions): OperationOptions {
  return {
    ...(signal !== undefined && { signal }),
    ...(clientIp !== undefined && { headers: { 'x-forwarded-for': clientIp } }),
  }
}
