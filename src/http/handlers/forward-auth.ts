/** forwardAuth(): answers a reverse proxy that asks whether a request may pass, and whose it is. */
import type {
  ForwardAuthOptions,
  Handler,
  Reply,
  RequestLike,
  Session,
} from '../../public-types.js'
import { type Denied, Guard } from '../decide.js'
import { checkedOptions, checkedRule, soleArgument } from '../handler-options.js'
import type { Kit } from '../kit.js'
import {
  empty,
  isAnswered,
  orFail,
  PRIVATE,
  problem,
  redirect,
  retryAfter,
  send,
  setHeaders,
} from '../reply.js'
import { header } from '../request.js'
import { type Target, targetOf } from '../return-to.js'
import { createGuarded } from './require-session.js'

/**
 * 204 with `Okta-User-Id`, `Okta-Login` (percent-encoded UTF-8) and `Okta-Amr`; else 401, 403, 429 or
 * 503 with `Retry-After`.
 */
export function createForwardAuth(kit: Kit, given: readonly [ForwardAuthOptions?]): Handler {
  const checked = checkedOptions('forwardAuth', soleArgument('forwardAuth', given))
  const guarded = createGuarded(new Guard(kit, checkedRule('forwardAuth', checked.rule)), {
    pass: (found, _req, res, next) =>
      orFail(res, next, () => send(res, empty({ ...PRIVATE, ...identity(found.session) }))),
    deny: (denied, req, res, next) => orFail(res, next, () => send(res, refused(denied, req))),
  })

  return function forwardAuth(req, res, next) {
    if (isAnswered(res)) return
    setHeaders(res, PRIVATE)
    guarded(req, res, next)
  }

  function refused({ reason, context }: Denied, req: RequestLike): Reply {
    if (checked.redirect === true && context.state === 'anonymous')
      return redirect(302, kit.signInUrl(req, pathAskedFor(req)), PRIVATE)
    const { retryAfterMs, ...rest } = reason
    return problem(rest, { ...PRIVATE, ...retryAfter(retryAfterMs) })
  }
}

function identity(session: Session) {
  return {
    'okta-user-id': encoded(session.userId),
    'okta-login': encoded(session.login),
    'okta-amr': session.amr.map(encoded).join(' '),
  }
}

/** Percent-encoded UTF-8, also where the text holds half a surrogate pair, which Okta's JSON may. */
function encoded(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString())
}

/** The path the client asked the proxy for, as proxies name it. */
function pathAskedFor(req: RequestLike): Target {
  const url = header(req, 'x-forwarded-uri') ?? header(req, 'x-original-uri')
  return url === undefined ? targetOf(req) : { method: 'GET', url }
}
