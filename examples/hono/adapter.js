/**
 * Okta's session in Hono on @hono/node-server: a middleware over check(), and the handlers over Node's own request
 * and response, which that server lends. On other servers the middleware works alone.
 */
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'

/**
 * A middleware that answers a denied request. What comes after it finds the session in `c.get('session')`.
 * @param {import('express-okta-session').OktaSession} okta
 * @param {import('express-okta-session').SessionRule} [rule]
 * @returns {import('hono').MiddlewareHandler<OktaEnv>}
 */
export function requireSession(okta, rule) {
  return async function guard(c, next) {
    const request = requestOf(c)
    const decision = await (rule ? okta.check(request, rule) : okta.check(request))
    if (!decision.ok) return responseOf(decision.reply)
    c.set('session', decision.session)
    await next()
    for (const [name, value] of linesOf(decision.headers))
      if (name === 'vary' || name === 'set-cookie') c.res.headers.append(name, value)
      else if (!c.res.headers.has(name)) c.res.headers.set(name, value)
    return undefined
  }
}

/**
 * A handler such as logout(), which writes to Node's response by itself. An error goes to `app.onError`.
 * @param {import('express-okta-session').Handler} handler
 * @returns {import('hono').Handler<OktaEnv>}
 */
export function lend(handler) {
  return function lent(c) {
    const { incoming, outgoing } = c.env
    return new Promise((resolve, reject) => {
      outgoing.once('close', () => resolve(RESPONSE_ALREADY_SENT))
      handler(incoming, outgoing, (error) => {
        if (error) reject(error)
        else resolve(c.notFound())
      })
    })
  }
}

/**
 * Any Fetch API takes this answer.
 * @param {import('express-okta-session').Reply} reply
 */
export function responseOf({ status, headers, body }) {
  return new Response(body === '' ? null : body, { status, headers: new Headers(linesOf(headers)) })
}

/**
 * One pair for each line: an answer may set several cookies.
 * @param {import('express-okta-session').Reply['headers']} headers
 * @returns {[name: string, value: string][]}
 */
function linesOf(headers) {
  return Object.entries(headers).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : [...value]).map(
      (line) => /** @type {[string, string]} */ ([name, line]),
    ),
  )
}

/**
 * The socket tells clients apart for their failure budgets.
 * @param {import('hono').Context<OktaEnv>} c
 * @returns {import('express-okta-session').RequestLike}
 */
function requestOf(c) {
  const { headers, method, url } = c.req.raw
  return { headers, method, url, socket: c.env.incoming?.socket }
}

/**
 * @typedef {object} OktaEnv
 * @property {import('@hono/node-server').HttpBindings} Bindings
 * @property {{ session: import('express-okta-session').Session }} Variables
 */
