/** The example: an ordinary server-rendered Express app whose session is Okta's. */
import { fileURLToPath } from 'node:url'
import cookieParser from 'cookie-parser'
import express from 'express'
import helmet from 'helmet'
import { ownPath } from './own-path.js'
import { rememberTheme } from './theme.js'
import { viewOf } from './view.js'
import { accountPage } from './views/account.js'
import { adminPage } from './views/admin.js'
import { homePage } from './views/home.js'
import { messagePage } from './views/message.js'
import { signInPage } from './views/sign-in.js'
import { continuePage } from './views/step-up.js'

const publicFiles = fileURLToPath(new URL('./public', import.meta.url))
const aQuarterOfAnHour = 15 * 60_000

/**
 * @param {object} parts
 * @param {import('express-okta-session').OktaSession} parts.okta
 * @param {string} [parts.signInFormFor] The org that a sign-in form of the app's own asks; left out, people
 *   sign in on Okta's page.
 * @param {boolean} [parts.onlyLocalhost] Send http://127.0.0.1 to http://localhost: the two share no cookies.
 */
export function createApp({ okta, signInFormFor, onlyLocalhost = false }) {
  const app = express()
  app.disable('x-powered-by')
  if (onlyLocalhost) app.use(toLocalhost)
  app.use(helmet())
  app.use(express.static(publicFiles))
  // In front of attachSession(): a page that asks how long it has left must not have Okta asked.
  app.get('/session', okta.sessionInfo())
  app.use(cookieParser())
  app.use(okta.attachSession())

  app.get('/', (req, res) => {
    res.send(homePage(viewOf(req)))
  })
  app.get('/account', okta.requireSession(), (req, res) => {
    res.send(accountPage(viewOf(req), okta.session(req)))
  })
  const secondFactorRecently = { mfa: true, signedInWithinMs: aQuarterOfAnHour }
  app.get('/admin', okta.requireSession(secondFactorRecently), (req, res) => {
    res.send(adminPage(viewOf(req), okta.session(req), okta.stats()))
  })

  app.post('/session/refresh', okta.refresh())
  app.post('/sign-out', okta.logout({ returnTo: '/?signed-out' }))
  app.get('/continue', (req, res) => {
    res.send(continuePage(viewOf(req), ownPath(req.query.to)))
  })
  if (signInFormFor !== undefined) mountSignInForm(app, okta, new URL(signInFormFor).origin)

  app.post('/theme', express.urlencoded({ extended: false }), rememberTheme)
  app.use(notFound)
  app.use(failed)
  return app
}

/**
 * The password goes from the browser straight to Okta, which answers with a session token for login():
 * this app never sees it, and Okta sees the person's own address. The browser must be allowed to ask,
 * here by the page's own policy, at Okta by naming this app's origin a Trusted Origin.
 *
 * @param {import('express').Express} app
 * @param {import('express-okta-session').OktaSession} okta
 * @param {string} orgOrigin
 */
function mountSignInForm(app, okta, orgOrigin) {
  const mayAskOkta = helmet.contentSecurityPolicy({
    directives: { connectSrc: ["'self'", orgOrigin] },
  })
  app.get('/sign-in', mayAskOkta, (req, res) => {
    const { returnTo } = req.query
    res.send(
      signInPage(viewOf(req), orgOrigin, typeof returnTo === 'string' ? returnTo : '/account'),
    )
  })
  app.post('/sign-in', okta.login({ returnTo: '/account' }))
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
const failed = (error, req, res, next) => {
  if (res.headersSent) {
    next(error)
    return
  }
  console.error(error)
  res.status(500).send(messagePage(viewOf(req), 'Something went wrong', 'It is not your fault.'))
}
