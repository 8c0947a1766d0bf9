/** login(): exchanges a session token for a session, and gives the browser its cookie. */

import { hash } from 'node:crypto'
import type { ProblemCode } from '../../codes.js'
import type { LimitedAnswer } from '../../limiter/limiter.js'
import type { Handler, LoginOptions, Reply, RequestLike, Session } from '../../public-types.js'
import { credentialKey } from '../../session/cache.js'
import { sessionEndsAt } from '../../session/contexts.js'
import { isFormPost, readFields } from '../body.js'
import { checkedOptions } from '../handler-options.js'
import type { Kit } from '../kit.js'
import type { Page } from '../pages.js'
import { json, problem, redirect, retryAfter } from '../reply.js'
import { returnToOf } from '../return-to.js'
import { createPostHandler } from './post-handler.js'

/** A refused sign-in, as it is answered. */
interface SignInFailure {
  readonly status: 400 | 401 | 413 | 415 | 429 | 503
  readonly code: ProblemCode
  readonly detail?: string
  readonly retryAfterMs?: number
}

export function createLogin(kit: Kit, options: LoginOptions | undefined): Handler {
  const { limiter, lookup, authenticator, cookies, createSession, settings } = kit
  const checked = checkedOptions('login', options)
  const entry = cookies.signInEntry()
  /** Under way, by a digest of their session token. */
  const exchanges = new Map<string, Promise<LimitedAnswer<Session>>>()
  // Another host's cookie must not outrank the one this handler sets.
  authenticator.prefer(entry)

  return createPostHandler(kit, 'login', async (req) => {
    const read = await readFields(req, ['sessionToken', 'returnTo'])
    if ('fault' in read) return misused(kit, read.fault, req)
    const sessionToken = read.fields.get('sessionToken')
    if (sessionToken === undefined || sessionToken === '') return misused(kit, MISSING_TOKEN, req)
    if (sessionToken.length > MAX_SESSION_TOKEN) return misused(kit, LONG_TOKEN, req)
    const answer = await exchange(sessionToken, req)
    if (answer.kind !== 'yes') return failed(kit, failureOf(answer), req)
    const oktaNow = lookup.oktaTimeAt(answer.head.oktaTime)
    const hasEnded = sessionEndsAt(answer.value) <= oktaNow
    if (hasEnded || !cookies.canHold(answer.value.id)) return failed(kit, UNUSABLE, req)
    return signedIn(answer.value, req, read.fields.get('returnTo'))
  })

  /** A token works once: a form that is posted twice, by a double click, waits for one answer. */
  function exchange(sessionToken: string, req: RequestLike): Promise<LimitedAnswer<Session>> {
    const key = hash('sha256', sessionToken, 'base64')
    const underWay = exchanges.get(key)
    if (underWay !== undefined) return underWay
    const client = kit.clientAddress(req)
    const answer = limiter.call({ kind: 'unseen', client, operation: 'sign_in' }, () =>
      createSession(sessionToken, { clientIp: kit.clientIp(req) }),
    )
    if (exchanges.size >= MAX_EXCHANGES) return answer
    exchanges.set(key, answer)
    const remove = () => exchanges.delete(key)
    answer.then(remove, remove)
    return answer
  }

  function signedIn(session: Session, req: RequestLike, returnToField: string | undefined): Reply {
    // The browser's previous session is forgotten. An instance that the record does not reach asks Okta again
    // within its maxTtlMs.
    for (const { key } of authenticator.everyCookie(req).cookies)
      lookup.forgetCredential(key).catch(() => {})
    lookup.dropNegative(credentialKey(entry.as, session.id))
    const headers = { 'set-cookie': cookies.begin(entry, session.id) }
    const returnTo = returnToOf(returnToField, req, settings, checked.returnTo)
    return isFormPost(req)
      ? redirect(303, returnTo, headers)
      : json(200, { expiresAt: session.expiresAt, returnTo }, headers)
  }
}

const MISSING_TOKEN: SignInFailure = {
  status: 400,
  code: 'invalid_request',
  detail: 'sessionToken is missing: send { sessionToken, returnTo? } as JSON or as a form.',
}

/** createSession() takes no longer one. */
const MAX_SESSION_TOKEN = 4_096

const LONG_TOKEN: SignInFailure = {
  status: 400,
  code: 'invalid_request',
  detail: `sessionToken has ${MAX_SESSION_TOKEN} characters at most.`,
}

/** Beyond this many at once a token that is posted twice is exchanged twice. */
const MAX_EXCHANGES = 1_000

/** The session has ended already, or its id does not fit into a cookie. */
const UNUSABLE: SignInFailure = { status: 503, code: 'okta_unavailable', retryAfterMs: 1_000 }

function failureOf(answer: Exclude<LimitedAnswer<Session>, { kind: 'yes' }>): SignInFailure {
  if (answer.kind === 'no') return { status: 401, code: 'sign_in_failed' }
  const retryAfterMs = answer.retryAfterMs ?? 1_000
  return answer.code === 'too_many_attempts'
    ? { status: 429, code: 'too_many_attempts', retryAfterMs }
    : { status: 503, code: 'okta_unavailable', retryAfterMs }
}

/** What the page of a failure is about. */
const PAGES: Readonly<Record<SignInFailure['status'], Page['code']>> = {
  400: 'invalid_request',
  401: 'sign_in_failed',
  413: 'invalid_request',
  415: 'invalid_request',
  429: 'too_many_attempts',
  503: 'sign_in_unavailable',
}

/** A page or a client of the app's own sends what login() does not take. */
function misused(kit: Kit, failure: SignInFailure, req: RequestLike): Reply {
  const { code, detail = '' } = failure
  kit.logMisuse({ code, detail }, { handler: 'login' })
  return failed(kit, failure, req)
}

function failed(kit: Kit, { retryAfterMs, ...failure }: SignInFailure, req: RequestLike): Reply {
  const headers = retryAfter(retryAfterMs)
  if (!isFormPost(req)) return problem(failure, headers)
  const { status } = failure
  const page = { status, code: PAGES[status], ...(retryAfterMs !== undefined && { retryAfterMs }) }
  return kit.answerWithPage(page, req, headers)
}
