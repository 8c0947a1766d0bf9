/** Okta's session in Koa: a middleware over check(), and the handlers over Node's own request and response. */

/**
 * A middleware that answers a denied request. What comes after it finds the session in `ctx.state.session`.
 * @param {import('express-okta-session').OktaSession} okta
 * @param {import('express-okta-session').SessionRule} [rule]
 * @returns {import('koa').Middleware}
 */
export function requireSession(okta, rule) {
  return async function guard(ctx, next) {
    const request = requestOf(ctx)
    const decision = await (rule ? okta.check(request, rule) : okta.check(request))
    if (decision.ok) {
      setHeaders(ctx, decision.headers)
      ctx.state.session = decision.session
      return next()
    }
    const { status, headers, body } = decision.reply
    ctx.body = body
    ctx.remove('content-type')
    setHeaders(ctx, headers)
    ctx.status = status
  }
}

/**
 * A middleware for a handler such as logout(), which writes to Node's response by itself. An error goes to the
 * app's own error handling.
 * @param {import('express-okta-session').Handler} handler
 * @returns {import('koa').Middleware}
 */
export function lend(handler) {
  return function lent(ctx) {
    ctx.respond = false
    return new Promise((resolve, reject) => {
      ctx.res.once('close', resolve)
      handler(ctx.req, ctx.res, (error) => {
        ctx.respond = true
        if (error) reject(error)
        else resolve(undefined)
      })
    })
  }
}

/**
 * Adds to what the app has set.
 * @param {import('koa').Context} ctx
 * @param {import('express-okta-session').Reply['headers']} headers
 */
function setHeaders(ctx, headers) {
  for (const [name, value] of Object.entries(headers)) {
    if (name === 'vary') ctx.vary(String(value))
    else if (name === 'set-cookie') ctx.append(name, typeof value === 'string' ? value : [...value])
    else ctx.set(name, String(value))
  }
}

/**
 * With `app.proxy`, Koa knows the client's address behind a proxy.
 * @param {import('koa').Context} ctx
 * @returns {import('express-okta-session').RequestLike}
 */
function requestOf({ headers, method, originalUrl, ip, socket }) {
  return { headers, method, url: originalUrl, ip, socket }
}
