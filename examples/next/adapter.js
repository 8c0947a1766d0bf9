/**
 * Okta's session in Next 16: the guard for proxy.js, for route handlers and for pages, each over check(), and the
 * handlers over Node's own request and response, which API routes of pages/api lend.
 */
import { headers } from 'next/headers'
import { redirect } from 'next/navigation'
import { NextResponse } from 'next/server'

/**
 * For proxy.js: answers a denied request, and lets any other pass with the guard's headers.
 * @param {() => import('express-okta-session').OktaSession} okta
 * @param {import('next/server').NextRequest} request
 * @param {import('express-okta-session').SessionRule} [rule]
 */
export async function guard(okta, request, rule) {
  const decision = await check(okta(), request, rule)
  return decision.ok
    ? NextResponse.next({ headers: new Headers(linesOf(decision.headers)) })
    : responseOf(decision.reply)
}

/**
 * A route handler that answers a denied request, whether or not proxy.js has guarded it.
 * @param {() => import('express-okta-session').OktaSession} okta
 * @param {(session: import('express-okta-session').Session, request: Request) => Response | Promise<Response>} handler
 * @param {import('express-okta-session').SessionRule} [rule]
 * @returns {(request: Request) => Promise<Response>}
 */
export function withSession(okta, handler, rule) {
  return async function guarded(request) {
    const decision = await check(okta(), request, rule)
    if (!decision.ok) return responseOf(decision.reply)
    const response = await handler(decision.session, request)
    for (const [name, value] of linesOf(decision.headers))
      if (name === 'vary' || name === 'set-cookie') response.headers.append(name, value)
      else if (!response.headers.has(name)) response.headers.set(name, value)
    return response
  }
}

/**
 * For a page, which can set no status and no headers: the session, or a redirect to sign in that returns to
 * `path`. proxy.js answers all other denials before the page is rendered; without it they are errors.
 * @param {() => import('express-okta-session').OktaSession} okta
 * @param {string} path
 * @param {import('express-okta-session').SessionRule} [rule]
 * @returns {Promise<import('express-okta-session').Session>}
 */
export async function sessionOf(okta, path, rule) {
  // First headers(): Next prerenders a page that does not ask for them.
  const request = { headers: await headers(), url: path }
  const decision = await check(okta(), request, rule)
  if (decision.ok) return decision.session
  if (decision.denial.signInUrl !== undefined) redirect(decision.denial.signInUrl)
  throw new Error(`${path} is denied (${decision.denial.code}): add it to the matcher of proxy.js`)
}

/**
 * An API route for a handler such as logout(), which reads Node's request and writes to its response. The route
 * needs `config = { api: { bodyParser: false, externalResolver: true } }`. An error goes to Next.
 * @param {() => import('express-okta-session').Handler} handlerOf Called at the first request.
 * @returns {import('next').NextApiHandler}
 */
export function lend(handlerOf) {
  /** @type {import('express-okta-session').Handler | undefined} */
  let handler
  return function lent(req, res) {
    handler ??= handlerOf()
    // Without a reverse proxy Next itself writes the peer's address there.
    if (req.headers['x-forwarded-for'] === req.socket.remoteAddress)
      delete req.headers['x-forwarded-for']
    Object.assign(req, addressOf(req.headers['x-forwarded-for']))
    return new Promise((resolve, reject) => {
      res.once('close', resolve)
      handler?.(req, res, (error) => {
        if (error) reject(error)
        else resolve(res.status(404).end())
      })
    })
  }
}

/**
 * Any Fetch API takes this answer.
 * @param {import('express-okta-session').Reply} reply
 */
function responseOf({ status, headers, body }) {
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
 * check() with a rule that may be undefined, and the client's address where it is known.
 * @param {import('express-okta-session').OktaSession} okta
 * @param {{ headers: Headers, method?: string, url: string }} request
 * @param {import('express-okta-session').SessionRule} [rule]
 */
async function check(okta, { headers, method, url }, rule) {
  const asked = { headers, method, url, ...addressOf(headers.get('x-forwarded-for')) }
  return rule ? okta.check(asked, rule) : okta.check(asked)
}

/**
 * Next lends proxy.js no socket. A client may send X-Forwarded-For by itself, so that its last address counts
 * only where a reverse proxy in front of Next sets it: `TRUST_PROXY=1` says so.
 * @param {string | string[] | null | undefined} forwardedFor
 */
function addressOf(forwardedFor) {
  const last =
    process.env.TRUST_PROXY === '1' &&
    String(forwardedFor ?? '')
      .split(',')
      .at(-1)
      ?.trim()
  return last ? { ip: last } : {}
}
