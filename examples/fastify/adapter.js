/** Okta's session in Fastify: a preHandler over check(), and the handlers over Node's own request and response. */

/**
 * A preHandler that answers a denied request. A route behind it gets it from {@link sessionOf}.
 * @param {import('express-okta-session').OktaSession} okta
 * @param {import('express-okta-session').SessionRule} [rule]
 * @returns {import('fastify').preHandlerAsyncHookHandler}
 */
export function requireSession(okta, rule) {
  return async function guard(request, reply) {
    const decision = await (rule
      ? okta.check(requestOf(request), rule)
      : okta.check(requestOf(request)))
    if (decision.ok) {
      reply.headers(headersOf(decision))
      sessions.set(request, decision.session)
      return
    }
    const { status, body } = decision.reply
    return reply
      .code(status)
      .headers(headersOf(decision.reply))
      .send(body || undefined)
  }
}

/** @type {WeakMap<object, import('express-okta-session').Session>} */
const sessions = new WeakMap()

/**
 * The session that the guard let through.
 * @param {import('fastify').FastifyRequest} request
 */
export function sessionOf(request) {
  const session = sessions.get(request)
  if (session === undefined) throw new TypeError('Put requireSession() in front of this route')
  return session
}

/**
 * A plugin with the routes of login(), logout(), refresh() and the like, by path. In it no parser reads bodies:
 * the handlers read them themselves.
 * @param {Readonly<Record<string, import('express-okta-session').Handler>>} handlers
 * @returns {import('fastify').FastifyPluginCallback}
 */
export function oktaRoutes(handlers) {
  return function plugin(app, _options, done) {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null))
    for (const [path, handler] of Object.entries(handlers))
      app.all(path, (request, reply) => {
        reply.hijack()
        handler(request.raw, reply.raw, (error) => {
          reply.raw.writeHead(error ? 500 : 404).end()
        })
      })
    done()
  }
}

/**
 * With `trustProxy`, Fastify knows the client's address behind a proxy.
 * @param {import('fastify').FastifyRequest} request
 * @returns {import('express-okta-session').RequestLike}
 */
function requestOf({ headers, method, url, ip, socket }) {
  return { headers, method, url, ip, socket }
}

/**
 * Fastify wants lists that it may change.
 * @param {Pick<import('express-okta-session').Reply, 'headers'>} answer
 */
function headersOf({ headers }) {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : [...value],
    ]),
  )
}
