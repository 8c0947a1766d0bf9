/** The same handlers without Express: Connect, node:http, and everything that has headers. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import connect from 'connect'
import { type Handler, oktaSession, type RequestLike, type Session } from 'express-okta-session'

const okta = oktaSession({ orgUrl: 'https://id.example.com' })

const app = connect()
app.use(okta.attachSession())
app.use('/account', okta.requireSession())
app.use('/account', (req, res) => res.end(okta.session(req).login))

// Where Express's types are installed as well, the callbacks name Node's.
const isLocal = (_session: Session, req: IncomingMessage) => req.socket.remoteAddress === '::1'
const guard: Handler = okta.requireSession({ allow: isLocal })
oktaSession({
  onDenied(denial, _req: IncomingMessage, res: ServerResponse) {
    res.writeHead(denial.status).end(denial.code)
  },
})
createServer((req, res) => {
  guard(req, res, (error) => {
    if (error) throw error
    const session: Session = okta.session(req)
    res.end(session.login)
  })
})

export async function anythingWithHeaders(
  incoming: IncomingMessage,
  http2: Http2ServerRequest,
  fetched: Request,
): Promise<RequestLike[]> {
  await okta.authenticate(fetched, { signal: AbortSignal.timeout(1_000) })
  okta.watch(
    incoming,
    (reason: 'signed_out' | 'not_found' | 'expired' | 'unavailable' | 'closed') =>
      console.log(reason),
  )
  // @ts-expect-error: without headers there is nothing to authenticate.
  await okta.authenticate({ url: '/' })
  return [incoming, http2, fetched, { headers: { cookie: 'sid=102example' } }]
}
