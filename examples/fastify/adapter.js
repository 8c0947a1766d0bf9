/** Okta's session in Fastify: a hook over check(), and the handlers over Node's own request and response. */

/**
 * An onRequest hook that answers a denied request before its body is read. A route behind it gets the session
 * from {@link sessionOf}.
 * @param {import('express-okta-session').OktaSession} okta
 * @param {import('express-okta-session').SessionRule} [rule]
 * @returns {import('fastify').onRequestAsyncHookHandler}
 */
export function requireSession(okta, rule) {
  return async function guard(request, reply) {
    const asked = requestOf(request)
    const decision = await (rule ? okta.check(asked, rule) : okta.check(asked))
    if (!decision.ok) {
      const { status, headers, body } = decision.reply
      setHeaders(reply, headers)
      return reply.code(status).send(body || undefined)
    }
    setHeaders(reply, decision.headers)
    sessions.set(request, decision.session)
    return undefined
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
      app.all(path, (request, reply) => lend(handler, request, reply))
    done()
  }
}

/**
 * Resolves when the handler has answered, or has left the request to Fastify.
 * @param {import('express-okta-session').Handler} handler
 * @param {import('fastify').FastifyRequest} request
 * @param {import('fastify').FastifyReply} reply
 * @returns {Promise<void>}
 */
function lend(handler, request, reply) {
  return new Promise((resolve, reject) => {
    reply.raw.once('close', () => {
      reply.hijack()
      resolve()
    })
    handler(request.raw, reply.raw, (error) => {
      if (error) reject(error)
      else reply.callNotFound()
    })
  })
}

/**
 * Adds to what the app has set: Fastify collects `Set-Cookie` by itself.
 * @param {import('fastify').FastifyReply} reply
 * @param {import('express-okta-session').Reply['headers']} headers
 */
function setHeaders(reply, headers) {
  for (const [name, value] of Object.entries(headers)) {
    const before = reply.getHeader(name)
    if (name === 'vary' && before !== undefined) reply.header(name, `${before}, ${value}`)
    else reply.header(name, typeof value === 'string' ? value : [...value])
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
