/** Roles of your own database, found by the user's id at Okta. */
import express from 'express'

/**
 * A role that is taken away counts from the next request on: `allow` is called for each.
 *
 * @param {import('express-okta-session').OktaSession} okta
 * @param {(userId: string) => Promise<readonly string[]>} findRoles
 */
export function createApp(okta, findRoles) {
  /** @param {string} role */
  const requireRole = (role) =>
    okta.requireSession({ allow: async ({ userId }) => (await findRoles(userId)).includes(role) })

  const app = express()
  app.get('/reports', requireRole('auditor'), (req, res) => {
    res.json({ reportsFor: okta.session(req).login })
  })
  return app
}
