/** What an Express app may write, compiled against the types of Express 4 and of Express 5. */
import type { IncomingMessage } from 'node:http'
import express, { type Request, type Response } from 'express'
import {
  type AppRequest,
  oktaSession,
  type Session,
  type SessionContext,
} from 'express-okta-session'

// An instance with another property says so to Express's types as the package does.
declare global {
  namespace Express {
    interface Request {
      partners?: SessionContext
    }
  }
}
const partners = oktaSession({ orgUrl: 'https://partners.example.com', property: 'partners' })

// The app's callbacks know Express's request and response without being told.
oktaSession({
  signInUrl: (returnTo, req) => `/sign-in?for=${req.hostname}&returnTo=${returnTo}`,
  onDenied(denial, req, res, next) {
    if (req.path === '/elsewhere') next()
    else res.status(denial.status).json({ code: denial.code, reason: denial.reason })
  },
})

// A sign-in URL may be a URL object, and may have to be looked up.
oktaSession({ signInUrl: new URL('https://sign-in.example.com/') })
oktaSession({ signInUrl: () => new URL('https://sign-in.example.com/') })
oktaSession({ signInUrl: async (returnTo, req) => `/sign-in/${req.hostname}?to=${returnTo}` })
oktaSession({
  async signInUrl(returnTo, req: Request) {
    return req.hostname === 'a.example' ? `/sign-in?to=${returnTo}` : new URL('https://b.example/')
  },
})
// @ts-expect-error: nothing is no URL.
oktaSession({ signInUrl: async () => undefined })

// Annotations do no harm, Express's or Node's.
const okta = oktaSession({
  orgUrl: 'https://id.example.com',
  signInUrl: (returnTo, req: Request) => `/sign-in?for=${req.hostname}&returnTo=${returnTo}`,
  onDenied(denial, req: Request, res: Response, next) {
    if (req.path === '/elsewhere') next()
    else res.status(denial.status).json({ code: denial.code, reason: denial.reason })
  },
})

const app = express()
app.use(okta.attachSession())
app.use(
  okta.refreshOnActivity({ everyMs: 300_000, counts: (req: Request) => req.path !== '/poll' }),
)

// What lands on the request narrows, and says which of three it is.
app.get('/', (req, res) => {
  const context: SessionContext | undefined = req.okta
  if (req.okta?.session) {
    const session: Session = req.okta.session
    const source: 'memory' | 'shared' | 'okta' | 'stale' = req.okta.source
    res.json({ login: session.login, source })
    return
  }
  // @ts-expect-error: without a session there is none to read.
  res.json({ login: context?.session.login })
})

app.get('/without', (req, res) => {
  // @ts-expect-error: attachSession() may not have run.
  res.send(req.okta.state)
})

app.get('/partners', partners.attachSession(), (req, res) => {
  res.json({ login: req.partners?.session?.login })
})

app.get('/states', (req, res) => {
  if (req.okta === undefined) return
  switch (req.okta.state) {
    case 'active':
      return void res.send(req.okta.session.userId)
    case 'incomplete':
      return void res.send(req.okta.incompleteSession.status)
    case 'anonymous':
      return void res.send(req.okta.reason)
    case 'unavailable':
      return void res.send(String(req.okta.retryAfterMs))
    default:
      return void res.send(req.okta satisfies never)
  }
})

// Behind the guard the session is defined, and the route's parameters stay known.
app.get('/orders/:orderId', okta.requireSession({ mfa: true }), (req, res) => {
  const session: Session = okta.session(req)
  const orderId: string = req.params.orderId
  // @ts-expect-error: the path names no such parameter, so Express's inference is still at work.
  const other: string = req.params.customerId
  res.json({ login: session.login, orderId, other })
})

// The app's own check knows the route's parameters; a check that is named may be annotated.
app.get(
  '/users/:userId',
  okta.requireSession({ allow: (session, req) => req.params.userId === session.userId }),
  (req, res) => void res.send(req.params.userId),
)
okta.requireSession({ allow: (_session, req: IncomingMessage) => req.url === '/' })
const mayRead = (session: Session, req: AppRequest) => session.userId === req.query.of
app.use('/reports', okta.requireSession({ allow: mayRead }))
app.use(okta.refreshOnActivity({ counts: (req) => req.path !== '/poll' }))
// @ts-expect-error: Express's request has no such property.
okta.requireSession({ allow: (_session, req) => req.parameters.userId === '' })

// A check may name Express's Request, and may be asynchronous.
const isOwner = (session: Session, req: Request) => req.path.startsWith(`/of/${session.userId}/`)
app.use('/of', okta.requireSession({ allow: isOwner }))
app.use('/later', okta.requireSession({ allow: async (session) => session.amr.includes('hwk') }))

// Every handler fits where Express takes one, alone and in a list.
app.post('/session', okta.login({ returnTo: '/account' }))
app.post('/session/refresh', okta.refresh({ everyMs: 60_000 }))
app.post('/sign-out', [okta.requireSession(), okta.logout({ returnTo: '/' })])
app.get('/session', okta.sessionInfo({ maxStalenessMs: 60_000 }))
app.all('/auth', okta.forwardAuth({ rule: { mfa: true }, redirect: true }))
express.Router().use(okta.attachSession(), okta.requireSession())

// An Express request is anything with headers, too.
app.get('/looked-up', async (req, res) => {
  const context = await okta.authenticate(req)
  const unwatch: () => void = okta.watch(req, (reason) => res.end(reason))
  res.on('close', unwatch)
  res.write(context.state)
})

// @ts-expect-error: a rule's check answers yes or no, not a name.
okta.requireSession({ allow: (session) => session.login })
// @ts-expect-error: a factory is not a handler.
app.get('/', okta.requireSession, (_req, res) => void res.end())
