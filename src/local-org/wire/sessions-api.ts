/** Answers the seven operations of the Sessions API as Okta does. */
import { type Answer, emptyAnswer, jsonAnswer } from '../http/answer.js'
import { isContentType, type OrgRequest, readJsonObject } from '../http/request.js'
import type { SessionOperation } from '../org/calls.js'
import { revokeSession, signOutOf, startSession } from '../org/org-actions.js'
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
  request: OrgRequest,
): Answer | Promise<Answer> {
  switch (operation) {
    case 'getCurrentSession':
      return getCurrentSession(org, request)
    case 'refreshCurrentSession':
      return refreshCurrentSession(org, request)
    case 'closeCurrentSession':
      return closeCurrentSession(org, request)
    case 'createSession':
      return createSession(org, request)
    case 'getSession':
    case 'refreshSession':
    case 'revokeSession':
      return byId(org, operation, id, request)
  }
}

/** Operations on `me` ignore the Authorization header. */
function getCurrentSession(org: OrgParts, request: OrgRequest): Answer {
  const session = org.sessions.byCookies(readSessionCookies(request.headers.cookie))
  if (session === undefined) return notFound('me (Session)')
  return jsonAnswer(200, sessionJson(org.url, org.engine, session, { kind: 'me' }))
}

function refreshCurrentSession(org: OrgParts, request: OrgRequest): Answer {
  const cookies = readSessionCookies(request.headers.cookie)
  const session = org.sessions.byCookies(cookies)
  if (session === undefined) return notFound('me (Session)')
  org.sessions.refresh(session)
  const setCookie = sameCookies(cookies, session)
  if (prefersMinimal(request)) return emptyAnswer(204, setCookie)
  return jsonAnswer(200, sessionJson(org.url, org.engine, session, { kind: 'me' }), setCookie)
}

/** Ends both sessions when `idx` and `sid` belong to two. */
function closeCurrentSession(org: OrgParts, request: OrgRequest): Answer {
  const sessions = org.sessions.allByCookies(readSessionCookies(request.headers.cookie))
  if (sessions.length === 0) return notFound('me (Session)')
  for (const session of sessions) signOutOf(org, session)
  return emptyAnswer(204, expiredCookies(org.engine))
}

/** Accepts requests with and without an API token: the specification requires one, but clients in use send none. */
async function createSession(org: OrgParts, request: OrgRequest): Promise<Answer> {
  const caller = await readCaller(org, request, undefined)
  if (caller.kind === 'refused') return caller.answer
  const answer = await redeem(org, request)
  return caller.kind === 'api_token' ? withTokenCookies(answer) : answer
}

async function redeem(org: OrgParts, request: OrgRequest): Promise<Answer> {
  const body = await readJsonObject(request)
  const token = body?.sessionToken
  if (typeof token !== 'string') return oktaError('E0000003')
  if (!isContentType(request, 'application/json')) return oktaError('E0000021')
  const signedIn = org.sessionTokens.take(token)
  if (signedIn === undefined || org.users.isSuspended(signedIn.user)) return oktaError('E0000004')
  const session = startSession(org, signedIn)
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
  request: OrgRequest,
): Answer | Promise<Answer> {
  const caller = readCaller(org, request, SCOPE_OF[operation])
  if (caller instanceof Promise) return caller.then((ready) => byIdFor(org, ready, operation, id))
  return byIdFor(org, caller, operation, id)
}

function byIdFor(org: OrgParts, caller: Caller, operation: ByIdOperation, id: string): Answer {
  switch (caller.kind) {
    case 'refused':
      return caller.answer
    case 'unauthenticated':
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
    revokeSession(org, session)
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

/** A refresh keeps the session cookies it sets; other answers to an API token expire them. */
function withTokenCookies(answer: Answer): Answer {
  const isRefresh = answer.headers.some(([name]) => name === 'set-cookie')
  const cookies = isRefresh ? [SERVLET_SESSION] : apiTokenCookies()
  return { ...answer, headers: [...answer.headers, ...cookies] }
}

/** The cookies of the request, which a refresh sets again. */
function sameCookies(cookies: SessionCookies, session: LiveSession) {
  if (cookies.sid === session.internalId) return classicCookies(session)
  return cookies.idx === undefined ? [] : [idxCookie(cookies.idx)]
}

function prefersMinimal(request: OrgRequest): boolean {
  const { prefer } = request.headers
  const value = Array.isArray(prefer) ? prefer.join(',') : prefer
  return value?.includes('return=minimal') === true
}
