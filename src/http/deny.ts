/** Carries out a refusal: a redirect or a page for a person, a problem document for a program. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Settings } from '../options/options.js'
import type { Denial, SessionContext } from '../public-types.js'
import { plainContext } from '../session/contexts.js'
import { isGetOrHead, problem, redirect, retryAfter, wantsPage } from './answers.js'
import { orFail } from './failure.js'
import type { RuleRefusal } from './judge.js'
import { isThenable, later } from './later.js'
import { page } from './pages.js'
import { mayRedirectAgain } from './sign-in-loop.js'
import type { SignInUrlFor } from './sign-in-url.js'

type Next = (error?: unknown) => void

/** Answers one refused request. */
export type Deny = (
  refusal: RuleRefusal,
  context: SessionContext,
  req: IncomingMessage,
  res: ServerResponse,
  next: Next,
) => void

export interface DenyOptions {
  readonly onDenied: Settings['onDenied']
  readonly signInUrl: SignInUrlFor
  /** The same for who is signed in and must be again. */
  readonly signInAgainUrl: SignInUrlFor
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Whether our cookies are Secure. */
  readonly secure: boolean
}

export function createDeny(options: DenyOptions): Deny {
  const { onDenied, signInUrl, signInAgainUrl, now, secure } = options

  return function deny(refusal, context, req, res, next) {
    // A guard that had to wait is called where nobody catches what the app's own functions throw.
    orFail(res, next, () => {
      const denial = describe(refusal, context, req)
      const answer = () => orFail(res, next, () => answerItself(denial, req, res))
      const taken = onDenied === undefined ? false : onDenied(denial, req, res, next)
      if (isThenable(taken))
        later(Promise.resolve(taken), res, next, (left) => left === false && answer())
      else if (taken === false) answer()
    })
  }

  function describe(refusal: RuleRefusal, found: SessionContext, req: IncomingMessage): Denial {
    const context = plainContext(found)
    const couldHelp = refusal.status === 401 || refusal.status === 403
    if (!couldHelp || refusal.code === 'forbidden') return { ...refusal, context }
    const url = context.state === 'active' ? signInAgainUrl(req) : signInUrl(req)
    return { ...refusal, context, signInUrl: url }
  }

  function answerItself(denial: Denial, req: IncomingMessage, res: ServerResponse): void {
    // What the app said of its own answer's caching was not said of this one.
    res.setHeader('Cache-Control', 'private, no-store')
    if (denial.retryAfterMs !== undefined) retryAfter(res, denial.retryAfterMs)
    if (!wantsPage(req)) problem(res, problemOf(denial))
    else if (isSignInRedirect(denial, req) && mayRedirectAgain(req, res, now(), secure))
      redirect(res, 302, denial.signInUrl)
    else page(res, pageOf(denial, req))
  }
}

/** Nobody is signed in, or not completely: a person asking for a page is sent to sign in. */
function isSignInRedirect(
  denial: Denial,
  req: IncomingMessage,
): denial is Denial & { readonly signInUrl: string } {
  const { state } = denial.context
  return (
    denial.signInUrl !== undefined &&
    isGetOrHead(req) &&
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

function pageOf(denial: Denial, req: IncomingMessage) {
  const { status, signInUrl, retryAfterMs } = denial
  const wasRedirectable = isSignInRedirect(denial, req)
  const [title, text] = wasRedirectable ? loopWords : words[denial.code]
  return {
    // A circle of redirects is broken by saying 401, whatever the session still lacks.
    status: wasRedirectable ? 401 : status,
    title,
    text,
    signInUrl,
    reloadAfter:
      status === 503 && retryAfterMs !== undefined && isGetOrHead(req)
        ? Math.max(1, Math.ceil(retryAfterMs / 1_000))
        : undefined,
  }
}

const loopWords = [
  'Signing in did not work',
  'You were sent to sign in several times within a minute and came back without a session. Your browser may not be keeping the cookie, or this app and the sign-in page are not on the same host.',
] as const

const words: Readonly<Record<Denial['code'], readonly [title: string, text: string]>> = {
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
