import express from 'express'
import { oktaSession } from 'express-okta-session'
import { createLocalOrg } from 'express-okta-session/local-org'
import request from 'supertest'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'

const org = await createLocalOrg()
const okta = oktaSession({ orgUrl: org.url, logger: false })
const app = express()

beforeAll(() => {
  app.get('/account', okta.requireSession(), (req, res) => {
    res.json({ login: okta.session(req).login })
  })
  app.post('/payment', okta.requireSession({ mfa: true, maxStalenessMs: 0 }), (_req, res) => {
    res.sendStatus(204)
  })
})

afterEach(() => org.clearFaults())

afterAll(() => Promise.all([okta.close(), org.close()]))

test('an app under test shows the account to a session, with one call to Okta', async () => {
  const cookie = org.signIn('alice@example.com')
  const before = org.calls.getCurrentSession
  for (let visit = 1; visit <= 3; visit += 1) {
    await request(app)
      .get('/account')
      .set('Cookie', cookie)
      .expect(200, { login: 'alice@example.com' })
  }
  expect(org.calls.getCurrentSession - before).toBe(1)
})

test('an app under test redirects a request without a session', async () => {
  await request(app).get('/account').expect(401)
  await request(app).get('/account').set('Cookie', 'idx=made.up').expect(401)
})

test('an app under test takes a payment only after a second factor', async () => {
  const cookie = org.signIn('alice@example.com')
  await request(app).post('/payment').set('Cookie', cookie).expect(403)
  org.stepUp(cookie)
  await request(app).post('/payment').set('Cookie', cookie).expect(204)
})

test('an app under test takes no payment once the session was revoked, or its user suspended', async () => {
  const alices = org.signIn('alice@example.com', { mfa: true })
  const carols = org.signIn('carol@example.com')
  await request(app).post('/payment').set('Cookie', alices).expect(204)
  await request(app).post('/payment').set('Cookie', carols).expect(204)

  org.endSession(alices)
  const carol = org.users.find((user) => user.login === 'carol@example.com')
  org.suspendUser(carol?.userId ?? '')
  await request(app).post('/payment').set('Cookie', alices).expect(401)
  await request(app).post('/payment').set('Cookie', carols).expect(401)
})

test('an app under test takes no payment two hours later', async () => {
  const cookie = org.signIn('alice@example.com', { mfa: true })
  org.clock.advance(2 * 60 * 60_000)
  await request(app).post('/payment').set('Cookie', cookie).expect(401)
})

test('an app under test signs nobody out while Okta is down', async () => {
  const cookie = org.signIn('alice@example.com', { mfa: true })
  const repair = org.fail({ kind: 'status', status: 500 })
  await request(app).post('/payment').set('Cookie', cookie).expect(503)
  repair()
  await request(app).post('/payment').set('Cookie', cookie).expect(204)
})
