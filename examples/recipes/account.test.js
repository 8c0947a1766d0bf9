import { test } from 'node:test'
import express from 'express'
import { oktaSession } from 'express-okta-session'
import { createLocalOrg } from 'express-okta-session/local-org'
import request from 'supertest'

test('the account page requires a session, and refuses one that was revoked', async (t) => {
  const org = await createLocalOrg()
  const okta = oktaSession({ orgUrl: org.url, credentials: { apiToken: org.apiToken } })
  t.after(() => Promise.all([okta.close(), org.close()]))

  const app = express()
  app.get('/account', okta.requireSession(), (req, res) => {
    res.json({ login: okta.session(req).login })
  })

  const cookie = org.signIn('alice@example.com')
  await request(app)
    .get('/account')
    .set('Cookie', cookie)
    .expect(200, { login: 'alice@example.com' })

  const { id } = await okta.api.getCurrentSession(cookie)
  await okta.api.revokeSession(id)
  await request(app).get('/account').set('Cookie', cookie).expect(401)
})
