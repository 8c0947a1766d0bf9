/** login(): exchanges a session token for a session, and gives the browser its cookie. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CookieEntry, OktaAnswer } from '../../contracts.js'
import type { LimitedAnswer, Limiter } from '../../limiter/limiter.js'
import type { Handler, RequestLike, Session } from '../../public-types.js'
import { credentialKey } from '../../session/cache-key.js'
import { sessionEndsAt } from '../../session/contexts.js'
import type { Lookup } from '../../session/lookup.js'
import { isAnswered } from '../answered.js'
import { json, problem, redirect, retryAfter } from '../answers.js'
import type { Authenticator } from '../authenticate.js'
import { readFields } from '../body.js'
import type { SessionCookies } from '../cookies.js'
import { isFormPost, type ReturnTo, returnToOf } from '../form-post.js'
import { type IsSameOrigin, sameOriginPost } from '../own-post.js'
import { page } from '../pages.js'

/** CreateSession. Never rejects. */
export type CreateSession = (
  sessionToken: string,
  options: { readonly clientIp?: string | undefined },
) => Promise<OktaAnswer<Session>>

export interface LoginOptions {
  /** Where a sign-in leads that names no (safe) `returnTo`. Default `/`. */
  readonly returnTo?: string | undefined
}

export interface LoginParts {
  readonly isOurs: IsSameOrigin
  readonly limiter: Limiter
  readonly lookup: Lookup
  readonly authenticator: Authenticator
  readonly cookies: SessionCookies
  readonly createSession: CreateSession
  readonly clientAddress: (req: RequestLike) => string | undefined
  readonly clientIp: (req: RequestLike) => string | undefined
  readonly returnTo: ReturnTo
  /** The cookie the session is kept in. */
  readonly entry: CookieEntry
}

/** A refused sign-in, as it is answered. */
interface SignInRefusal {
  readonly status: 400 | 401 | 413 | 415 | 429 | 503
  readonly code: string
  readonly detail?: string
  readonly retryAfterMs?: number
}

export function createLogin(parts: LoginParts): Handler {
  const { limiter, lookup, authenticator, cookies, createSession, entry } = parts

  return sameOriginPost('login', parts.isOurs, async (req, res) => {
    const read = await readFields(req, ['sessionToken', 'returnTo'])
    if (isAnswered(res)) return
    if ('fault' in read) return refuse(read.fault, req, res)
    const sessionToken = read.fields.get('sessionToken')
    if (sessionToken === undefined || sessionToken === '') return refuse(missingToken, req, res)
    const client = parts.clientAddress(req)
    const answer = await limiter.call({ kind: 'unseen', client, account: 'sign_in' }, () =>
      createSession(sessionToken, { clientIp: parts.clientIp(req) }),
    )
    if (isAnswered(res)) return
    if (answer.kind !== 'yes') return refuse(refusalOf(answer), req, res)
    const oktaNow = answer.head.oktaTime ?? lookup.oktaNow()
    const isOver = sessionEndsAt(answer.value) <= oktaNow
    if (isOver || !cookies.canHold(answer.value.id)) return refuse(unusable, req, res)
    welcome(answer.value, req, res, read.fields.get('returnTo'))
  })

  function welcome(
    session: Session,
    req: IncomingMessage,
    res: ServerResponse,
    returnToField: string | undefined,
  ): void {
    // Whoever this browser was before, nothing learned of that counts from now on.
    for (const { key } of authenticator.everyCandidate(req).candidates) {
      // Here at once; an instance that can't be told asks Okta again within its maxTtlMs.
      lookup.forgetCredential(key).catch(() => {})
    }
    lookup.dropNegative(credentialKey(entry.as, session.id))
    cookies.begin(res, entry, session.id)
    const returnTo = returnToOf(returnToField, req, parts.returnTo)
    if (isFormPost(req)) redirect(res, 303, returnTo)
    else json(res, 200, { expiresAt: session.expiresAt, returnTo })
  }
}

const missingToken: SignInRefusal = {
  status: 400,
  code: 'invalid_request',
  detail: 'sessionToken is missing: send { sessionToken, returnTo? } as JSON or as a form.',
}

/** A session that has ended already, or whose id would not survive as a cookie: nobody is signed in by half. */
const unusable: SignInRefusal = { status: 503, code: 'okta_unavailable', retryAfterMs: 1_000 }

function refusalOf(answer: Exclude<LimitedAnswer<Session>, { kind: 'yes' }>): SignInRefusal {
  if (answer.kind === 'no') return { status: 401, code: 'sign_in_failed' }
  const retryAfterMs = answer.retryAfterMs ?? 1_000
  return answer.code === 'too_many_attempts'
    ? { status: 429, code: 'too_many_attempts', retryAfterMs }
    : { status: 503, code: 'okta_unavailable', retryAfterMs }
}

const pages: Readonly<Record<SignInRefusal['status'], readonly [title: string, text: string]>> = {
  400: ['Signing in did not work', 'The form was not complete. Please go back and try again.'],
  401: [
    'Signing in did not work',
    'The sign-in was not accepted, or took too long. Please try again.',
  ],
  413: ['Signing in did not work', 'The form was too large.'],
  415: ['Signing in did not work', 'The form was sent in a way this app does not read.'],
  429: ['Too many attempts', 'Please wait a moment and try again.'],
  503: ['One moment, please', 'Signing in is not possible right now. Please try again shortly.'],
}

function refuse(
  { retryAfterMs, ...refusal }: SignInRefusal,
  req: IncomingMessage,
  res: ServerResponse,
): void {
  if (retryAfterMs !== undefined) retryAfter(res, retryAfterMs)
  const [title, text] = pages[refusal.status]
  if (isFormPost(req)) page(res, { status: refusal.status, title, text })
  else problem(res, refusal)
}
