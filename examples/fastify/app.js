/** A Fastify app with a page for everybody, one for users, and one for users with a second factor. */
import fastify from 'fastify'
import { oktaRoutes, requireSession, sessionOf } from './adapter.js'

/** @param {import('express-okta-session').OktaSession} okta */
export function createApp(okta) {
  const app = fastify()
  app.register(
    oktaRoutes({
      '/logout': okta.logout(),
      '/session/refresh': okta.refresh(),
      '/session': okta.sessionInfo(),
    }),
  )
  app.get('/', async () => 'Hello')
  app.get('/account', { onRequest: requireSession(okta) }, async (request) => {
    return { login: sessionOf(request).login }
  })
  app.get('/admin', { onRequest: requireSession(okta, { mfa: true }) }, async (request) => {
    return { administrator: sessionOf(request).login }
  })
  return app
}
