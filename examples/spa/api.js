/** An API for a page on another origin. */
import cors from 'cors'
import express from 'express'

/**
 * @param {object} parts
 * @param {import('express-okta-session').OktaSession} parts.okta Made with `trustedOrigins: origins`, so that
 *   their pages may post to refresh() and logout().
 * @param {[string, ...string[]]} parts.origins The origins whose pages may call this API.
 */
export function createApi({ okta, origins }) {
  const app = express()
  // First: preflights carry no cookie, so that a guard would refuse them, and a page cannot read a refusal
  // without these headers.
  app.use(
    cors({ origin: origins, credentials: true, exposedHeaders: ['Retry-After'], maxAge: 600 }),
  )

  /** @type {Map<string, string>} */
  const notes = new Map()
  app.get('/account', okta.requireSession(), (req, res) => {
    const { userId, login, expiresAt } = okta.session(req)
    res.json({ login, expiresAt, note: notes.get(userId) ?? '' })
  })
  // A browser sends a PUT from another origin only after a preflight has allowed it, but many a POST without one.
  app.put('/note', okta.requireSession(), express.json(), (req, res) => {
    const note = String(req.body?.note ?? '').slice(0, 200)
    notes.set(okta.session(req).userId, note)
    res.json({ note })
  })

  app.post('/session/refresh', okta.refresh())
  app.post('/sign-out', okta.logout())

  // The page comes here to sign in. The guard redirects to Okta, Okta redirects back, and the session passes.
  app.get('/sign-in', okta.requireSession(), (req, res) => {
    const { returnTo } = req.query
    const isListed = origins.some((origin) => String(returnTo).startsWith(`${origin}/`))
    res.redirect(303, isListed ? String(returnTo) : origins[0])
  })
  return app
}
