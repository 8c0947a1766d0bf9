/** Answers denied requests: a redirect or a page for a person, a problem document for a program. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Log } from '../contracts.js'
import type { Settings } from '../options/options.js'
import type { Denial, Reply, RequestLike } from '../public-types.js'
import { plainContext } from '../session/contexts.js'
import type { Denied } from './decide.js'
import { once } from './misuse.js'
import { outageOf } from './outage-page.js'
import type { AnswerWithPage, Page } from './pages.js'
import {
  isThenable,
  later,
  type Next,
  orFail,
  PRIVATE,
  problem,
  redirect,
  retryAfter,
  send,
  setHeaders,
} from './reply.js'
import { header, isGetOrHead, wantsPage } from './request.js'
import {
  asksForSignOut,
  isFromSignIn,
  leavesHost,
  returnPath,
  type SignInUrlFor,
  signOutLink,
  type Target,
  targetOf,
} from './return-to.js'
import { countRedirect, endRedirects } from './sign-in-loop.js'

export interface Denials {
  /**
   * The denial as the app sees it; a promise where the app's `signInUrl` gives one, or fails. `target` is what
   * a proxy asks about, where that is not the request itself.
   */
  describe(denied: Denied, req: RequestLike, target?: Target): Denial | Promise<Denial>
  /** What the guard answers. A redirect is counted. */
  reply(denial: Denial, req: RequestLike, target?: Target): Reply
  /** Answers the request, unless the app's `onDenied` does. */
  answer(denied: Denied, req: IncomingMessage, res: ServerResponse, next: Next): void
}

export interface DenialParts {
  readonly onDenied: Settings['onDenied']
  readonly answerWithPage: AnswerWithPage
  readonly signInUrl: SignInUrlFor
  /** Makes of it the URL for a user who is signed in and must sign in again. */
  readonly signInAgainUrl: (signInUrl: string) => string
  readonly appUrl: string | undefined
  /** The names of the cookies that contradict each other. */
  readonly contested: (req: RequestLike) => readonly string[]
  readonly signOutEvery: (
    req: RequestLike,
    path: string | undefined,
  ) => {
    readonly closing: readonly Promise<unknown>[]
    readonly expired: readonly string[]
  }
  readonly logger: Log | undefined
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Whether our cookies are Secure. */
  readonly secure: boolean
}

export function createDenials(parts: DenialParts): Denials {
  const { onDenied, signInUrl, signInAgainUrl, answerWithPage } = parts
  const sendToSignIn = createSendToSignIn(parts)

  function describe({ reason, context: found }: Denied, req: RequestLike, target?: Target) {
    const context = plainContext(found)
    if (!signingInMayHelp(reason, req)) return { ...reason, context }
    const url = signInUrl(req, target)
    return typeof url === 'string' ? denialWith(url) : url.then(denialWith)

    function denialWith(url: string): Denial {
      return {
        ...reason,
        context,
        signInUrl: context.state === 'active' ? signInAgainUrl(url) : url,
      }
    }
  }

  function reply(denial: Denial, req: RequestLike, target: Target = targetOf(req)): Reply {
    // Replaces the app's caching headers, which were meant for the app's own answer.
    const headers = { ...PRIVATE, ...retryAfter(denial.retryAfterMs) }
    if (!wantsPage(req)) return problem(problemOf(denial), headers)
    if (leadsToSignIn(denial, target)) return sendToSignIn(denial, req, target, headers)
    const page = pageOf(denial, () => parts.contested(req))
    if (denial.status !== 503 || !isGetOrHead(target))
      return answerWithPage(page, req, headers, target)
    const { facts, line } = outageOf(denial, req, { now: parts.now(), secure: parts.secure })
    const withCookie = { ...headers, 'set-cookie': [line] }
    return answerWithPage({ ...page, ...facts }, req, withCookie, target)
  }

  function answer(denied: Denied, req: IncomingMessage, res: ServerResponse, next: Next): void {
    orFail(res, next, () => {
      if (denied.headers !== undefined) setHeaders(res, denied.headers)
      const denial = describe(denied, req)
      if (denial instanceof Promise)
        later(denial, res, next, (described) =>
          orFail(res, next, () => answerWith(described, req, res, next)),
        )
      else answerWith(denial, req, res, next)
    })
  }

  function answerWith(denial: Denial, req: IncomingMessage, res: ServerResponse, next: Next): void {
    const answerHere = () => orFail(res, next, () => send(res, reply(denial, req)))
    const taken = onDenied === undefined ? false : onDenied(denial, req, res, next)
    if (isThenable(taken))
      later(Promise.resolve(taken), res, next, (left) => left === false && answerHere())
    else if (taken === false) answerHere()
  }

  return { describe, reply, answer }
}

function pageOf(
  { status, code, reason, signInUrl, retryAfterMs }: Denial,
  contested: () => readonly string[],
): Page {
  return {
    status,
    code,
    ...(reason !== undefined && { reason }),
    ...(reason === 'ambiguous_cookie' && { cookies: contested() }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    signInUrl,
  }
}

/**
 * Over its failure budget a person may have the cookie of an ended session, and the page has a link to sign in.
 * Scripts get no link there: a flood of theirs would call the app's `signInUrl` for each request.
 */
function signingInMayHelp({ status, code }: Denied['reason'], req: RequestLike): boolean {
  if (status === 429) return wantsPage(req)
  return (status === 401 || status === 403) && code !== 'forbidden'
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

type SignInDenial = Denial & { readonly signInUrl: string }

/** Redirects a page request to sign-in; answers with a page instead when sign-in returns without a session again and again. */
function createSendToSignIn(parts: DenialParts) {
  const { signInAgainUrl, answerWithPage, appUrl, now, secure } = parts
  const warnOfLoop = createLoopWarnings(parts.logger)

  return function sendToSignIn(
    denial: SignInDenial,
    req: RequestLike,
    target: Target,
    headers: Reply['headers'],
  ): Reply {
    const { signInUrl, reason } = denial
    const isFromOwnPage = header(req, 'sec-fetch-site') === 'same-origin'
    if (reason === 'ambiguous_cookie' && asksForSignOut(target) && isFromOwnPage)
      return signedOut(signInUrl, req, target, headers)
    const path = returnPath(req, appUrl, target)
    const trip = {
      returnPath: path,
      leavesHost: leavesHost(signInUrl, req, appUrl),
      isFromSignIn: isFromSignIn(signInUrl, req, appUrl),
    }
    const lines = countRedirect(req, trip, now(), secure)
    if (lines !== undefined) return redirect(302, signInUrl, { ...headers, 'set-cookie': lines })
    return answerWithPage(loopPage(denial, path, req), req, headers, target)
  }

  /** Answers the sign-out link of the page about contradicting cookies: signs all of them out, as any may be the user's. */
  function signedOut(
    signInUrl: string,
    req: RequestLike,
    target: Target,
    headers: Reply['headers'],
  ): Reply {
    const { closing, expired } = parts.signOutEvery(req, target.url)
    for (const closed of closing) closed.catch(() => {})
    const lines = [...expired, ...endRedirects(req, secure)]
    return redirect(302, signInAgainUrl(signInUrl), { ...headers, 'set-cookie': lines })
  }

  function loopPage({ signInUrl, reason }: SignInDenial, path: string, req: RequestLike): Page {
    const isContested = reason === 'ambiguous_cookie'
    const cookies = isContested ? parts.contested(req) : []
    warnOfLoop(reason, cookies.join(', '))
    return {
      // 401 even when the session exists and only lacks a factor.
      status: 401,
      code: 'sign_in_loop',
      ...(reason !== undefined && { reason }),
      ...(isContested && { cookies }),
      signInUrl,
      signOutUrl: isContested ? signOutLink(path) : undefined,
    }
  }
}

/** Logs the first loop of each reason that the app's developer or operator can do something about. */
function createLoopWarnings(logger: Log | undefined) {
  const warnContested = once((names: string) =>
    logger?.warn(
      'EOS134',
      'A browser cannot sign in, because it sends session cookies that contradict each other: another host of the domain may have set one. Signing out expires them; a signed cookie with a __Host- name cannot be set by another host',
      { cookies: names },
    ),
  )
  const warnMissing = once(() =>
    logger?.warn(
      'EOS135',
      'A browser came back from sign-in several times without a session cookie. Browsers send the cookie of Okta to this app only where both have the same host, and appUrl or Host names it. If this is one browser, it may be keeping no cookies',
    ),
  )
  return function warnOfLoop(reason: Denial['reason'], names: string) {
    if (reason === 'ambiguous_cookie') warnContested(names)
    if (reason === 'no_cookie') warnMissing()
  }
}
