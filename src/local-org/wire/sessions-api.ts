/** The seven operations of the Sessions API, answered as Okta answers them. */
import { type Answer, emptyAnswer, jsonAnswer } from '../http/answer.js'
import { type Ask, isContentType, readJsonObject } from '../http/ask.js'
import type { SessionOperation } from '../org/calls.js'
import type { OrgParts } from '../org/org-parts.js'
import {
  classicCookies,
  expiredCookies,
  idxCookie,
  readSessionCookies,
  type SessionCookies,
} from '../org/session-cookies.js'
import type { LiveSession } from '../org/sessions.js'
import { apiTokenCookies, type Caller, readCaller, SERVLET_SESSION } from './authorization.js'
import { oktaError } from './okta-error.js'
import { sessionJson } from './session-json.js'

export function answerOperation(
  org: OrgParts,
  operation: SessionOperation,
  id: string,
  ask: Ask,
): Answer | Promise<Answer> {
  switch (operation) {
    case 'getCurrentSession':
      return getCurrentSession(org, ask)
    case 'refreshCurrentSession':
      return refreshCurrentSession(org, ask)
    case 'closeCurrentSession':
      return closeCurrentSession(org, ask)
    case 'createSession':
      return createSession(org, ask)
    case 'getSession':
    case 'refreshSession':
    case 'revokeSession':
      return byId(org, operation, id, ask)
  }
}

/** An Authorization header is neither needed nor looked at for `me`. */
function getCurrentSession(org: OrgParts, ask: Ask): Answer {
  const session = org.sessions.byCookies(readSessionCookies(ask.headers.cookie))
  if (session === undefined) return notFound('me (Session)')
  return jsonAnswer(200, sessionJson(org.url, org.engine, session, { kind: 'me' }))
}

function refreshCurrentSession(org: OrgParts, ask: Ask): Answer {
  const cookies = readSessionCookies(ask.headers.cookie)
  const session = org.sessions.byCookies(cookies)
  if (session === undefined) return notFound('me (Session)')
  org.sessions.refresh(session)
  const setCookie = sameCookies(cookies, session)
  if (prefersMinimal(ask)) return emptyAnswer(204, setCookie)
  return jsonAnswer(200, sessionJson(org.url, org.engine, session, { kind: 'me' }), setCookie)
}

/** With an `idx` and a `sid` of two sessions, both end. */
function closeCurrentSession(org: OrgParts, ask: Ask): Answer {
  const sessions = org.sessions.allByCookies(readSessionCookies(ask.headers.cookie))
  if (sessions.length === 0) return notFound('me (Session)')
  for (const session of sessions) org.sessions.end(session)
  return emptyAnswer(204, expiredCookies(org.engine))
}

/** With an API token and with none: the specification asks for one, clients in the field send none. */
async function createSession(org: OrgParts, ask: Ask): Promise<Answer> {
  const caller = await readCaller(org, ask, undefined)
  if (caller.kind === 'refused') return caller.answer
  const answer = await redeem(org, ask)
  return caller.kind === 'api_token' ? withTokenCookies(answer) : answer
}

async function redeem(org: OrgParts, ask: Ask): Promise<Answer> {
  const body = await readJsonObject(ask)
  const token = body?.sessionToken
  if (typeof token !== 'string') return oktaError('E0000003')
  if (!isContentType(ask, 'application/json')) return oktaError('E0000021')
  const signedIn = org.sessionTokens.take(token)
  if (signedIn === undefined || org.users.isSuspended(signedIn.user)) return oktaError('E0000004')
  const session = org.sessions.create(signedIn.user, signedIn.proof)
  const name = { kind: 'id', id: session.internalId } as const
  return jsonAnswer(200, sessionJson(org.url, org.engine, session, name))
}

type ByIdOperation = 'getSession' | 'refreshSession' | 'revokeSession'

const SCOPE_OF: Readonly<Record<ByIdOperation, string>> = {
  getSession: 'okta.sessions.read',
  refreshSession: 'okta.sessions.manage',
  revokeSession: 'okta.sessions.manage',
}

function byId(
  org: OrgParts,
  operation: ByIdOperation,
  id: string,
  ask: Ask,
): Answer | Promise<Answer> {
  const caller = readCaller(org, ask, SCOPE_OF[operation])
  if (caller instanceof Promise) return caller.then((known) => byIdFor(org, known, operation, id))
  return byIdFor(org, caller, operation, id)
}

function byIdFor(org: OrgParts, caller: Caller, operation: ByIdOperation, id: string): Answer {
  switch (caller.kind) {
    case 'refused':
      return caller.answer
    case 'nobody':
      return oktaError('E0000005')
    case 'service_app':
      return byIdAllowed(org, operation, id)
    case 'api_token':
      return withTokenCookies(byIdAllowed(org, operation, id))
  }
}

function byIdAllowed(org: OrgParts, operation: ByIdOperation, id: string): Answer {
  const session = org.sessions.byId(id)
  if (session === undefined) return notFound(`${id} (AppSession)`)
  if (operation === 'revokeSession') {
    org.sessions.end(session)
    return emptyAnswer(204)
  }
  const isRefresh = operation === 'refreshSession'
  if (isRefresh) org.sessions.refresh(session)
  const body = sessionJson(org.url, org.engine, session, { kind: 'id', id })
  return jsonAnswer(200, body, isRefresh ? classicCookies(session) : [])
}

function notFound(what: string): Answer {
  return oktaError('E0000007', { what })
}

/** A refresh sets the cookies that other answers take away. */
function withTokenCookies(answer: Answer): Answer {
  const isRefresh = answer.headers.some(([name]) => name === 'set-cookie')
  const cookies = isRefresh ? [SERVLET_SESSION] : apiTokenCookies()
  return { ...answer, headers: [...answer.headers, ...cookies] }
}

/** A refresh sends the browser the cookies it came with once more. */
function sameCookies(cookies: SessionCookies, session: LiveSession) {
  if (cookies.sid === session.internalId) return classicCookies(session)
  return cookies.idx === undefined ? [] : [idxCookie(cookies.idx)]
}

function prefersMinimal(ask: Ask): boolean {
  const { prefer } = ask.headers
  const value = Array.isArray(prefer) ? prefer.join(',') : prefer
  return value?.includes('return=minimal') === true
}
