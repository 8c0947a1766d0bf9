/** Two orgs in one app: customers of one org and employees of another, each with a session of their own. */
import express from 'express'
import { oktaSession } from 'express-okta-session'

/**
 * A cookie's name does not say which org has set it, so each org gets a cookie of its own, and a property of
 * the request. `request-properties.d.ts` declares the two properties for TypeScript.
 *
 * @param {{ customers: string, employees: string }} orgUrls
 * @param {import('express-okta-session').OktaSessionOptions} [options] Of both.
 */
export function openOrgs({ customers, employees }, options) {
  return {
    customers: oktaSession({
      signInUrl: '/sign-in',
      ...options,
      orgUrl: customers,
      cookies: [{ name: cookieName('customer', customers), as: 'sid' }],
      property: 'customerSession',
    }),
    employees: oktaSession({
      signInUrl: '/staff/sign-in',
      ...options,
      orgUrl: employees,
      cookies: [{ name: cookieName('employee', employees), as: 'sid' }],
      property: 'employeeSession',
    }),
  }
}

/**
 * No neighbouring host can plant a cookie with `__Host-`. It needs https, which a local org does not have.
 *
 * @param {string} name
 * @param {string} orgUrl
 */
function cookieName(name, orgUrl) {
  return orgUrl.startsWith('https:') ? `__Host-${name}` : name
}

/** @param {ReturnType<typeof openOrgs>} orgs */
export function createApp({ customers, employees }) {
  const app = express()

  app.post('/session', customers.login())
  app.post('/sign-out', customers.logout())
  app.get('/orders', customers.requireSession(), (req, res) => {
    res.json({ ordersOf: customers.session(req).login })
  })

  app.post('/staff/session', employees.login({ returnTo: '/staff' }))
  app.post('/staff/sign-out', employees.logout({ returnTo: '/staff' }))
  app.use('/staff', employees.requireSession())
  app.get('/staff', (req, res) => {
    res.json({ employee: employees.session(req).login })
  })

  // A page for all: each property is there, whichever of the two sessions the browser has.
  app.get('/', customers.attachSession(), employees.attachSession(), (req, res) => {
    res.json({
      customer: req.customerSession?.session?.login,
      employee: req.employeeSession?.session?.login,
    })
  })
  return app
}
