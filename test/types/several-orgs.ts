/** Two orgs in one app: their properties of a request are declared, and a name that is not is an error. */
/// <reference path="../../examples/recipes/request-properties.d.ts" />
import express from 'express'
import { oktaSession, type SessionContext } from 'express-okta-session'

const customers = oktaSession({ orgUrl: 'https://one.example.com', property: 'customerSession' })
const employees = oktaSession({ orgUrl: 'https://two.example.com', property: 'employeeSession' })

const app = express()
app.use(customers.attachSession(), employees.attachSession())

app.get('/', (req, res) => {
  const context: SessionContext | undefined = req.customerSession
  res.json({ state: context?.state, employee: req.employeeSession?.session?.login })
})

app.get('/wrong', (req, res) => {
  // @ts-expect-error: no property has this name.
  res.json({ login: req.employeSession?.session?.login })
  // @ts-expect-error: attachSession() may not have run.
  res.json({ state: req.employeeSession.state })
})

// Behind a guard no property is needed: each instance returns its own session.
app.get('/staff', employees.requireSession(), (req, res) => {
  const login: string = employees.session(req).login
  res.json({ login })
})
