/** forwardAuth(): tells a reverse proxy whether a request may pass, and which user sent it. */
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
  later,
  orFail,
  PRIVATE,
  problem,
  retryAfter,
  send,
  setHeaders,
} from '../reply.js'
import { header, isGetOrHead } from '../request.js'
import type { Target } from '../return-to.js'
import { endRedirects } from '../sign-in-loop.js'
import { createGuarded } from './require-session.js'

/**
 * 200 with `Okta-User-Id`, `Okta-Login` (percent-encoded UTF-8) and `Okta-Amr`; else a problem with 401, 403,
 * 429 or 503, or, with `redirect`, what the guard answers to the request the proxy asks about.
 */
export function createForwardAuth(kit: Kit, given: readonly [ForwardAuthOptions?]): Handler {
  const checked = checkedOptions('forwardAuth', soleArgument('forwardAuth', given))
  const { cookies, denials } = kit
  const guarded = createGuarded(new Guard(kit, checkedRule('forwardAuth', checked.rule)), {
    pass: (found, req, res, next) =>
      orFail(res, next, () => {
        const lines = found.source === 'okta' ? endRedirects(req, cookies.secure) : []
        send(res, passed({ ...identity(found.session), 'set-cookie': lines }))
      }),
    deny: (denied, req, res, next) =>
      orFail(res, next, () => {
        const reply = refused(denied, req)
        if (reply instanceof Promise)
          later(reply, res, next, (settled) => orFail(res, next, () => send(res, settled)))
        else send(res, reply)
      }),
  })

  return function forwardAuth(req, res, next) {
    if (isAnswered(res)) return
    setHeaders(res, PRIVATE)
    if (checked.allowPreflight && isPreflight(req)) send(res, passed())
    else guarded(req, res, next)
  }

  function passed(headers: Reply['headers'] = {}): Reply {
    return { ...empty({ ...PRIVATE, ...headers }), status: checked.status }
  }

  function refused(denied: Denied, req: RequestLike): Reply | Promise<Reply> {
    if (checked.redirect) {
      const target = askedAbout(req)
      const denial = denials.describe(denied, req, target)
      return denial instanceof Promise
        ? denial.then((described) => denials.reply(described, req, target))
        : denials.reply(denial, req, target)
    }
    const { retryAfterMs, ...rest } = denied.reason
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

/**
 * The request the proxy asks about, as proxies name it. Envoy names nothing: it sends the method as it is,
 * and the path behind the path this handler is mounted at, which Express takes off `url`.
 */
function askedAbout(req: RequestLike): Target {
  const url = header(req, 'x-forwarded-uri') ?? header(req, 'x-original-uri') ?? req.url
  return { method: methodsNamed(req)[0] ?? req.method, url }
}

function methodsNamed(req: RequestLike): readonly string[] {
  return ['x-forwarded-method', 'x-original-method'].flatMap((name) => header(req, name) ?? [])
}

/**
 * By the Fetch standard: a browser asks with OPTIONS, sends no cookie, and names what it means to send. Every
 * header that names a method must agree: a proxy may set one of them and hand on the other as a client sent it.
 */
function isPreflight(req: RequestLike): boolean {
  const named = methodsNamed(req)
  const isOptions =
    named.length === 0
      ? req.method === 'OPTIONS'
      : named.every((method) => method === 'OPTIONS') &&
        (isGetOrHead(req) || req.method === 'OPTIONS')
  return (
    isOptions &&
    header(req, 'origin') !== undefined &&
    header(req, 'access-control-request-method') !== undefined
  )
}
