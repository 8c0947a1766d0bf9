/** forwardAuth(): answers a reverse proxy that asks whether a request may pass, and who is behind it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Handler, Session, SessionContext, SessionRule } from '../../public-types.js'
import { isAnswered } from '../answered.js'
import { empty, problem, redirect, retryAfter, varyByCookie } from '../answers.js'
import { orFail } from '../failure.js'
import { createGuard, type GuardParts } from '../guard.js'
import { header } from '../headers.js'
import type { RuleRefusal } from '../judge.js'
import type { SignInUrlFor } from '../sign-in-url.js'

export interface ForwardAuthOptions {
  readonly rule?: SessionRule
  /** Answer 302 to the sign-in page instead of 401, for proxies that hand it on (Traefik, Envoy). Default false. */
  readonly redirect?: boolean | undefined
}

export interface ForwardAuthParts {
  readonly guard: GuardParts
  readonly signInUrl: SignInUrlFor
}

/**
 * 204 with `Okta-User-Id`, `Okta-Login` (percent-encoded UTF-8) and `Okta-Amr`; else 401, 403, 429 or
 * 503 with `Retry-After`.
 */
export function createForwardAuth(
  parts: ForwardAuthParts,
  rule: SessionRule,
  redirects: ForwardAuthOptions['redirect'],
): Handler {
  const guard = createGuard(parts.guard, rule, {
    pass: (context, _req, res, next) => orFail(res, next, () => identify(context.session, res)),
    refuse: (refusal, context, req, res, next) =>
      orFail(res, next, () => refuse(refusal, context, req, res)),
  })

  return function forwardAuth(req, res, next) {
    if (isAnswered(res)) return
    res.setHeader('Cache-Control', 'private, no-store')
    varyByCookie(res)
    guard(req, res, next)
  }

  function refuse(
    refusal: RuleRefusal,
    context: SessionContext,
    req: IncomingMessage,
    res: ServerResponse,
  ): void {
    if (redirects === true && context.state === 'anonymous') {
      redirect(res, 302, parts.signInUrl(req, askedFor(req)))
      return
    }
    const { retryAfterMs, ...rest } = refusal
    if (retryAfterMs !== undefined) retryAfter(res, retryAfterMs)
    problem(res, rest)
  }
}

function identify(session: Session, res: ServerResponse): void {
  res.setHeader('Okta-User-Id', encoded(session.userId))
  res.setHeader('Okta-Login', encoded(session.login))
  res.setHeader('Okta-Amr', session.amr.map(encoded).join(' '))
  empty(res)
}

/** Percent-encoded UTF-8, also where the text holds half a character, which Okta's JSON may. */
function encoded(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString())
}

/** The path the client asked the proxy for, as proxies name it. */
function askedFor(req: IncomingMessage): string | undefined {
  return header(req, 'x-forwarded-uri') ?? header(req, 'x-original-uri')
}
