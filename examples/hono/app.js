/** A Hono app with a page for everybody, one for users, and one for users with a second factor. */
import { Hono } from 'hono'
import { lend, requireSession } from './adapter.js'

/** @param {import('express-okta-session').OktaSession} okta */
export function createApp(okta) {
  /** @type {Hono<import('./adapter.js').OktaEnv>} */
  const app = new Hono()
  app.get('/', (c) => c.text('Hello'))
  app.get('/account', requireSession(okta), (c) => c.json({ login: c.get('session').login }))
  app.get('/admin', requireSession(okta, { mfa: true }), (c) =>
    c.json({ administrator: c.get('session').login }),
  )
  app.all('/logout', lend(okta.logout()))
  app.all('/session/refresh', lend(okta.refresh()))
  app.all('/session', lend(okta.sessionInfo()))
  return app
}
