/** What a denied request is answered: a redirect or a page for a person, a problem document for a program. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Settings } from '../options/options.js'
import type { Denial, Reply, RequestLike } from '../public-types.js'
import { plainContext } from '../session/contexts.js'
import type { Denied } from './decide.js'
import { page } from './pages.js'
import {
  isThenable,
  later,
  type Next,
  orFail,
  PRIVATE,
  problem,
  redirect,
  retryAfter,
  retrySeconds,
  send,
  setHeaders,
} from './reply.js'
import { isGetOrHead, wantsPage } from './request.js'
import { type SignInUrlFor, type Target, targetOf } from './return-to.js'
import { countRedirect } from './sign-in-loop.js'

export interface Denials {
  /** The denial as the app sees it. `target` is what a proxy asks about, where that is not the request itself. */
  describe(denied: Denied, req: RequestLike, target?: Target): Denial
  /** What the guard answers. A redirect is counted. */
  reply(denial: Denial, req: RequestLike, target?: Target): Reply
  /** Answers the request, unless the app's `onDenied` does. */
  answer(denied: Denied, req: IncomingMessage, res: ServerResponse, next: Next): void
}

export interface DenialParts {
  readonly onDenied: Settings['onDenied']
  readonly signInUrl: SignInUrlFor
  /** The same for a user who is signed in and must sign in again. */
  readonly signInAgainUrl: SignInUrlFor
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Whether our cookies are Secure. */
  readonly secure: boolean
}

export function createDenials(parts: DenialParts): Denials {
  const { onDenied, signInUrl, signInAgainUrl, now, secure } = parts

  function describe({ reason, context: found }: Denied, req: RequestLike, target?: Target): Denial {
    const context = plainContext(found)
    const mayHelp = reason.status === 401 || reason.status === 403
    if (!mayHelp || reason.code === 'forbidden') return { ...reason, context }
    const url = context.state === 'active' ? signInAgainUrl(req, target) : signInUrl(req, target)
    return { ...reason, context, signInUrl: url }
  }

  function reply(denial: Denial, req: RequestLike, target: Target = targetOf(req)): Reply {
    // It replaces what the app said of caching: that was said of the app's own answer.
    const headers = { ...PRIVATE, ...retryAfter(denial.retryAfterMs) }
    if (!wantsPage(req)) return problem(problemOf(denial), headers)
    if (leadsToSignIn(denial, target)) {
      const lines = countRedirect(req, now(), secure)
      if (lines !== undefined)
        return redirect(302, denial.signInUrl, { ...headers, 'set-cookie': lines })
    }
    return page(pageOf(denial, target), headers)
  }

  function answer(denied: Denied, req: IncomingMessage, res: ServerResponse, next: Next): void {
    orFail(res, next, () => {
      if (denied.headers !== undefined) setHeaders(res, denied.headers)
      const denial = describe(denied, req)
      const answerHere = () => orFail(res, next, () => send(res, reply(denial, req)))
      const taken = onDenied === undefined ? false : onDenied(denial, req, res, next)
      if (isThenable(taken))
        later(Promise.resolve(taken), res, next, (left) => left === false && answerHere())
      else if (taken === false) answerHere()
    })
  }

  return { describe, reply, answer }
}

/** Not signed in, or not completely: a person asking for a page is sent to sign in. */
function leadsToSignIn(
  denial: Denial,
  target: Target,
): denial is Denial & { readonly signInUrl: string } {
  const { state } = denial.context
  return (
    denial.signInUrl !== undefined &&
    isGetOrHead(target) &&
    (state === 'anonymous' || state === 'incomplete')
  )
}

function problemOf({ status, code, reason, amr, maxAgeSeconds }: Denial) {
  return {
    status,
    code,
    ...(reason !== undefined && { reason }),
    ...(amr !== undefined && { amr }),
    ...(maxAgeSeconds !== undefined && { maxAgeSeconds }),
  }
}

function pageOf(denial: Denial, target: Target) {
  const { status, signInUrl, retryAfterMs } = denial
  const isLoop = leadsToSignIn(denial, target)
  const [title, text] = isLoop ? LOOP_TEXTS : TEXTS[denial.code]
  return {
    // A loop of redirects ends with a 401, whatever the session still lacks.
    status: isLoop ? 401 : status,
    title,
    text,
    signInUrl,
    reloadAfter:
      status === 503 && retryAfterMs !== undefined && isGetOrHead(target)
        ? retrySeconds(retryAfterMs)
        : undefined,
  }
}

const LOOP_TEXTS = [
  'Signing in did not work',
  'You were sent to sign in several times within a minute and came back without a session. Your browser may not be keeping the cookie, or this app and the sign-in page are not on the same host.',
] as const

const TEXTS: Readonly<Record<Denial['code'], readonly [title: string, text: string]>> = {
  session_required: ['Please sign in', 'You need to be signed in to do this.'],
  mfa_required: ['A second factor is needed', 'Please sign in with a second factor to continue.'],
  mfa_enroll_required: [
    'A second factor is needed',
    'Please set up a second factor at sign-in to continue.',
  ],
  session_incomplete: ['Signing in is not finished', 'Please finish signing in to continue.'],
  reauthentication_required: [
    'Please sign in again',
    'This page asks that you have signed in a short while ago.',
  ],
  forbidden: ['Not allowed', 'You are signed in, but this is not open to you.'],
  okta_unavailable: [
    'One moment, please',
    'We cannot check your sign-in right now. You are not signed out; please try again shortly.',
  ],
  too_many_attempts: ['Too many attempts', 'Please wait a moment and try again.'],
}
