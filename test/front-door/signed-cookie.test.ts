/** A signed cookie of our own, as an https org allows it: junk in it costs Okta nothing. */

import { request as requestHttp } from 'node:http'
import { createServer, Agent as HttpsAgent } from 'node:https'
import express from 'express'
import type { OktaSessionOptions } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createSignedCookies } from '../../src/http/signed-cookie.js'
import { trustworthy } from '../okta/certificates.js'
import {
  api,
  cookiesOf,
  listen,
  ownPage,
  page,
  type SetCookie,
  serve,
  startOkta,
  startOrg,
  TestClock,
  taken,
} from './door.js'

const secret = 'a-secret-of-at-least-thirty-two-bytes'
const entry = { name: '__Host-okta', as: 'sid', signed: true } as const
const ours = ['HttpOnly', 'Path=/', 'SameSite=Lax', 'Secure']
const takenSecurely: SetCookie = { ...taken, attributes: [...taken.attributes, 'Secure'].sort() }

/** An org behind TLS, and an app whose session cookie is our own. */
async function open(options: OktaSessionOptions = {}) {
  const clock = new TestClock()
  const org = await startOrg({ clock })
  const front = createServer(trustworthy, (req, res) => {
    const onward = requestHttp(
      org.url + req.url,
      { method: req.method ?? '', headers: req.headers },
      (answer) => {
        res.writeHead(answer.statusCode ?? 0, answer.rawHeaders)
        answer.pipe(res)
      },
    )
    req.pipe(onward)
  })
  const orgUrl = await listen(front, 'https')
  const agent = new HttpsAgent({ ca: trustworthy.cert, keepAlive: true })
  onTestFinished(() => agent.destroy())
  const okta = startOkta(
    { orgUrl, cookies: [entry, 'idx'], secret, upstream: { agent }, ...options },
    clock,
  )
  const app = express()
  app.post('/sign-in', okta.login())
  app.post('/refresh', okta.refresh())
  app.post('/sign-out', okta.logout())
  app.get('/account', okta.requireSession(), (req, res) => void res.json(okta.session(req).login))
  const url = await serve(app)
  const post = (path: string, cookie?: string) =>
    request(url)
      .post(path)
      .set({ ...api, ...ownPage, ...(cookie !== undefined && { Cookie: cookie }) })
  const account = (cookie: string) => request(url).get('/account').set('Cookie', cookie)
  /** Signs alice in; answers her cookie. */
  const signIn = async () => {
    const sessionToken = org.sessionToken('alice@example.com')
    const answer = await post('/sign-in').send({ sessionToken }).expect(200)
    return `__Host-okta=${cookiesOf(answer)['__Host-okta']?.value}`
  }
  return { org, okta, clock, orgUrl, url, post, account, signIn }
}

describe('login()', () => {
  it('login() writes a signed cookie for this host alone, and clears the other cookies', async () => {
    const { org, orgUrl, post, account } = await open()
    const sessionToken = org.sessionToken('alice@example.com')
    const answer = await post('/sign-in').send({ sessionToken }).expect(200)
    const { '__Host-okta': envelope, ...others } = cookiesOf(answer)
    expect(envelope).toEqual({
      value: expect.stringMatching(/^[\w-]+\.[\w-]{43}$/),
      attributes: ours,
    })
    expect(others).toEqual({ idx: takenSecurely, xids: takenSecurely })
    const value = createSignedCookies([secret], orgUrl).open(envelope?.value ?? '')
    expect(value).toMatch(/^102/)
    expect(envelope?.value).not.toContain(value)
    const { body } = await account(`__Host-okta=${envelope?.value}`).expect(200)
    expect(body).toBe('alice@example.com')
  })

  it('login() refuses a session that does not fit into a signed cookie', async () => {
    const { org, post } = await open()
    org.failNext({ kind: 'fields', set: { id: 'a'.repeat(3_100) } })
    const sessionToken = org.sessionToken('alice@example.com')
    const { headers } = await post('/sign-in').send({ sessionToken }).expect(503)
    expect(headers).not.toHaveProperty('set-cookie')
  })
})

describe('a cookie that is not ours', () => {
  it('a cookie with a bad signature is refused without a call to Okta', async () => {
    const { org, orgUrl, account, signIn } = await open()
    const good = await signIn()
    const [value = '', mac = ''] = good.slice('__Host-okta='.length).split('.')
    const sid = Buffer.from(value, 'base64url').toString()
    const sign = (by: string, org: string) => createSignedCookies([by], org).sign(sid)
    for (const forged of [
      sid,
      value,
      `${value}.`,
      `.${mac}`,
      `${value}.${mac}.${mac}`,
      `${value}.${mac.slice(0, -1)}`,
      `${value}.${'A'.repeat(43)}`,
      `${Buffer.from(`${sid}x`).toString('base64url')}.${mac}`,
      `${value}=.${mac}`,
      sign('another-secret-of-thirty-two-bytes', orgUrl),
      sign(secret, 'https://other.example.com'),
    ]) {
      const { body } = await account(`__Host-okta=${forged}`).expect(401)
      expect([forged, body.reason]).toEqual([forged, 'invalid_cookie'])
    }
    expect(org.calls.getCurrentSession).toBe(0)
    await account(good).expect(200)
  })

  it('a cookie with a bad signature is charged to no failure budget', async () => {
    const { okta, account, signIn } = await open({
      upstream: {
        failedLookupsPerClient: { perSecond: 0.1, burst: 1 },
        agent: new HttpsAgent({ ca: trustworthy.cert }),
      },
    })
    for (let times = 0; times < 50; times += 1)
      await account(`__Host-okta=junk-${times}`).expect(401)
    expect(okta.stats()).toMatchObject({ calls: 0, negativeEntries: 0 })
    await account(await signIn()).expect(200)
  })

  it('a plain sid is ignored where only the signed cookie is configured', async () => {
    const { org, account } = await open()
    const sid = org.signIn('alice@example.com', { cookie: 'sid' })
    expect((await account(sid).expect(401)).body.reason).toBe('no_cookie')
  })
})

describe('a secret that changes', () => {
  it('a changed secret verifies what the previous one has signed, and signs anew at the next refresh', async () => {
    const previous = 'a-previous-secret-of-thirty-two-bytes'
    const { org, orgUrl, post, account } = await open({ secret: [secret, previous] })
    const value = org.signIn('alice@example.com', { cookie: 'sid' }).slice('sid='.length)
    const old = `__Host-okta=${createSignedCookies([previous], orgUrl).sign(value)}`
    await account(old).expect(200)
    const { '__Host-okta': renewed, ...others } = cookiesOf(await post('/refresh', old).expect(200))
    expect(renewed).toEqual({
      value: createSignedCookies([secret], orgUrl).sign(value),
      attributes: ours,
    })
    expect(Object.keys(others)).toEqual(['xids'])
  })
})

describe('logout()', () => {
  it('logout() closes the session inside a signed cookie, and clears the cookie', async () => {
    const { org, post, account, signIn } = await open()
    const cookie = await signIn()
    const answer = await post('/sign-out', cookie).expect(204)
    expect(cookiesOf(answer)).toEqual({
      '__Host-okta': takenSecurely,
      idx: takenSecurely,
      xids: takenSecurely,
    })
    expect(org.sessions).toEqual([])
    expect((await account(cookie).expect(401)).body.reason).toBe('signed_out')
  })
})

describe('where the org is on https', () => {
  it('every cookie of the package is Secure where the org is on https', async () => {
    const { url, org, okta, post } = await open({ cookies: ['sid'] })
    const sessionToken = org.sessionToken('alice@example.com')
    const signedIn = cookiesOf(await post('/sign-in').send({ sessionToken }).expect(200))
    expect(signedIn.sid?.attributes).toEqual(ours)
    const sent = await request(url).get('/account').set(page).expect(302)
    expect(cookiesOf(sent)['okta-sign-in-redirects']?.attributes).toContain('Secure')
    expect(okta.stats().failures).toEqual({})
  })
})
