import express from 'express'
import type { LocalOrg } from 'express-okta-session/local-org'
import request from 'supertest'
import { beforeEach, describe, expect, it } from 'vitest'
import type { OktaSession } from '../../src/okta-session-types.js'
import { startParts, type TestClock } from './door.js'

const page = { 'Sec-Fetch-Mode': 'navigate' }
let clock: TestClock
let org: LocalOrg
let okta: OktaSession

beforeEach(async () => {
  ;({ clock, org, okta } = await startParts())
})

function app() {
  const app = express()
  app.get('/admin', okta.requireSession({ mfa: true }), (_req, res) => {
    res.send('welcome')
  })
  app.get('/page', okta.requireSession(), (_req, res) => {
    res.send('welcome')
  })
  return app
}

describe('a session that becomes stronger under the same cookie', () => {
  it('the next page sees a stronger session under the same cookie before ttlMs is over', async () => {
    const cookie = await org.signIn('carol@example.com', { mfa: false })
    const get = () => request(app()).get('/admin').set(page).set('Cookie', cookie)
    await get().expect(403)
    org.stepUp(cookie)
    clock.advance(1_500)
    await get().expect(200)
    expect(org.calls.getCurrentSession).toBe(2)
  })

  it('an unmet rule causes no further lookup for a script, or where the answer is new', async () => {
    const cookie = await org.signIn('carol@example.com', { mfa: false })
    const get = () => request(app()).get('/admin').set('Cookie', cookie)
    await get().expect(403)
    await get().set(page).expect(403)
    clock.advance(10_000)
    await get().expect(403)
    expect(org.calls.getCurrentSession).toBe(1)
  })

  it('an unmet rule stays a 403 while Okta is unavailable', async () => {
    const cookie = await org.signIn('carol@example.com', { mfa: false })
    const get = () => request(app()).get('/admin').set(page).set('Cookie', cookie)
    await get().expect(403)
    const stop = org.fail({ kind: 'status', status: 503 })
    clock.advance(1_500)
    await get().expect(403)
    stop()
  })
})

describe('the link to sign in', () => {
  it('the link to sign in leads over Okta’s sign-out for an active session', async () => {
    const cookie = await org.signIn('carol@example.com', { mfa: false })
    const { text } = await request(app()).get('/admin').set(page).set('Cookie', cookie).expect(403)
    expect(text).toContain(`href="${org.url}/login/signout?fromURI=`)
  })
})

describe('the count of redirects to sign-in', () => {
  it('the count of redirects to sign-in starts anew with a session', async () => {
    const bounced = `okta-sign-in-redirects=4.${clock.now()}`
    const answer = await request(app()).get('/page').set(page).set('Cookie', bounced).expect(401)
    expect(answer.text).toContain('several times')
    const cookie = `${await org.signIn('alice@example.com')}; ${bounced}`
    const welcome = await request(app()).get('/page').set(page).set('Cookie', cookie).expect(200)
    expect(welcome.headers['set-cookie']).toEqual([
      'okta-sign-in-redirects=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax',
    ])
  })
})
