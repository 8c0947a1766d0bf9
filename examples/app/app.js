/** The example: a server-rendered Express app that uses Okta's session as its own. */
import { fileURLToPath } from 'node:url'
import cookieParser from 'cookie-parser'
import express from 'express'
import helmet from 'helmet'
import { ownPath } from './own-path.js'
import { mountPushes } from './pushes.js'
import { sessionEvents } from './session-events.js'
import { rememberTheme } from './theme.js'
import { viewOf } from './view.js'
import { accountPage } from './views/account.js'
import { adminPage } from './views/admin.js'
import { homePage } from './views/home.js'
import { messagePage } from './views/message.js'
import { signInPage } from './views/sign-in.js'
import { continuePage } from './views/step-up.js'

const publicFiles = fileURLToPath(new URL('./public', import.meta.url))
const FIFTEEN_MINUTES_MS = 15 * 60_000

/**
 * @param {object} parts
 * @param {import('express-okta-session').OktaSession} parts.okta
 * @param {string} [parts.signInFormFor] The org for the app's own sign-in form. Without it users sign in on
 *   Okta's page.
 * @param {import('./pushes.js').PushSettings} [parts.pushes] What Okta's pushes are verified with.
 * @param {number} [parts.ttlMs] The option `cache.ttlMs` of `okta`, for the account page to tell.
 * @param {boolean} [parts.onlyLocalhost] Redirects http://127.0.0.1 to http://localhost: the two share no cookies.
 */
export function createApp({
  okta,
  signInFormFor,
  pushes = {},
  ttlMs = 60_000,
  onlyLocalhost = false,
}) {
  const app = express()
  app.disable('x-powered-by')
  if (onlyLocalhost) app.use(toLocalhost)
  app.use(helmet())
  app.use(express.static(publicFiles))
  // Mounted before attachSession(), which would call Okta: a page that polls this must not cause calls.
  app.get('/session', okta.sessionInfo())
  mountPushes(app, okta, pushes)
  app.use(cookieParser())
  app.use(okta.attachSession())

  app.get('/', (req, res) => {
    res.send(homePage(viewOf(req)))
  })
  app.get('/account', okta.requireSession(), (req, res) => {
    const freshness = { ...known(req), ttlMs, hasHook: Boolean(pushes.OKTA_HOOK_SECRET) }
    res.send(accountPage(viewOf(req), okta.session(req), freshness))
  })
  const secondFactorRecently = { mfa: true, signedInWithinMs: FIFTEEN_MINUTES_MS }
  app.get('/admin', okta.requireSession(secondFactorRecently), (req, res) => {
    res.send(adminPage(viewOf(req), okta.session(req), okta.stats()))
  })

  // From the org's step-up page: what is cached of the session does not know the new factor yet.
  app.get('/stepped-up', okta.requireSession({ maxStalenessMs: 0 }), (req, res) => {
    res.redirect(ownPath(req.query.to))
  })

  app.get('/session/events', okta.requireSession(), sessionEvents(okta))
  app.post('/session/refresh', okta.refresh())
  app.all('/sign-out', okta.logout({ returnTo: '/?signed-out' }))
  app.get('/continue', (req, res) => {
    res.send(continuePage(viewOf(req), ownPath(req.query.to)))
  })
  if (signInFormFor !== undefined) mountSignInForm(app, okta, new URL(signInFormFor).origin)

  app.post('/theme', express.urlencoded({ extended: false }), rememberTheme)
  app.use(notFound)
  app.use(internalError)
  return app
}

/**
 * The browser sends the password directly to Okta, which answers with a session token for login(). The app
 * never sees the password, and Okta sees the user's own address. Two settings allow the browser to call
 * Okta: connect-src in this page's policy, and this app's origin as a Trusted Origin at Okta.
 *
 * @param {import('express').Express} app
 * @param {import('express-okta-session').OktaSession} okta
 * @param {string} orgOrigin
 */
function mountSignInForm(app, okta, orgOrigin) {
  const allowCallsToOkta = helmet.contentSecurityPolicy({
    directives: { connectSrc: ["'self'", orgOrigin] },
  })
  app.get('/sign-in', allowCallsToOkta, (req, res) => {
    const { returnTo } = req.query
    res.send(
      signInPage(viewOf(req), orgOrigin, typeof returnTo === 'string' ? returnTo : '/account'),
    )
  })
  app.post('/sign-in', okta.login({ returnTo: '/account' }))
}

/** Since when the session behind a guard is known, and from where. @param {import('express').Request} req */
function known({ okta }) {
  if (okta?.state !== 'active') throw new TypeError('There is no guard in front of this page')
  const { source, askedAt } = okta
  return { source, askedAt }
}

/** @satisfies {import('express').RequestHandler} */
const toLocalhost = (req, res, next) => {
  if (req.hostname !== '127.0.0.1') next()
  else res.redirect(307, `http://localhost:${req.socket.localPort}${req.originalUrl}`)
}

/** @satisfies {import('express').RequestHandler} */
const notFound = (req, res) => {
  res.status(404).send(messagePage(viewOf(req), 'Not found', 'There is no such page here.'))
}

/** @satisfies {import('express').ErrorRequestHandler} */
const internalError = (error, req, res, next) => {
  if (res.headersSent) {
    next(error)
    return
  }
  console.error(error)
  res.status(500).send(messagePage(viewOf(req), 'Something went wrong', 'It is not your fault.'))
}
