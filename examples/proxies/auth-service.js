/** The service that a reverse proxy asks about each request to a program that knows nothing of Okta. */
import express from 'express'

/**
 * Its paths are those of the proxy configurations beside it: `/okta/check` for the proxy alone, the others for
 * browsers, and `/okta/events` for Okta's event hook.
 *
 * @param {object} parts
 * @param {import('express-okta-session').OktaSession} parts.okta Set `appUrl`: the redirect to sign-in returns to it.
 * @param {string} [parts.hookSecret] The secret of an event hook at Okta.
 */
export function createAuthService({ okta, hookSecret }) {
  const app = express()
  app.disable('x-powered-by')
  // The proxy runs on this machine. Elsewhere: its address.
  app.set('trust proxy', 'loopback')
  app.use('/okta/check', okta.forwardAuth({ redirect: true }))
  app.post('/okta/refresh', okta.refresh())
  app.all('/okta/sign-out', okta.logout())
  if (hookSecret !== undefined) app.use('/okta/events', okta.eventHook({ secret: hookSecret }))
  return app
}
