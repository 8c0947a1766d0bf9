/** What Okta could answer and is not known to: whose session it is, and whose credential, must come out right either way. */
import express from 'express'
import request from 'supertest'
import { expect, it } from 'vitest'
import { api, type Choices, cookiesOf, ownPage, serve, startParts } from './door.js'

const script = { ...api, ...ownPage }

async function open(choices: Choices = {}) {
  const parts = await startParts(choices)
  const app = express()
  app.post('/login', parts.okta.login())
  app.post('/refresh', parts.okta.refresh())
  app.get('/account', parts.okta.requireSession(), (req, res) => {
    res.json(parts.okta.session(req))
  })
  const url = await serve(app)
  const account = (cookie: string) => request(url).get('/account').set('Cookie', cookie)
  const refresh = (cookie: string) =>
    request(url).post('/refresh').set(script).set('Cookie', cookie)
  const login = (fields: object) => request(url).post('/login').set(script).send(fields)
  return { ...parts, url, account, refresh, login }
}

it('a session keeps the id of GetCurrentSession when a refresh answers with the credential itself', async () => {
  const { org, account, refresh } = await open({ org: { engine: 'classic' } })
  const cookie = org.signIn('alice@example.com')
  const { body: before } = await account(cookie).expect(200)
  const credential = cookie.slice('sid='.length)
  org.failNext({ kind: 'fields', set: { id: credential } }, { operation: 'refreshCurrentSession' })
  expect((await refresh(cookie).expect(200)).body).toMatchObject({ refreshed: true })
  const { body: after } = await account(cookie).expect(200)
  expect(after.id).toBe(before.id)
  expect(JSON.stringify(after)).not.toContain(credential)
})

it('a refresh that answers with another user changes nothing', async () => {
  const { org, account, refresh } = await open()
  const cookie = org.signIn('alice@example.com')
  await account(cookie).expect(200)
  org.failNext(
    { kind: 'fields', set: { userId: '00uSomebodyElse', login: 'eve@example.com' } },
    { operation: 'refreshCurrentSession' },
  )
  await refresh(cookie).expect(503)
  expect((await account(cookie).expect(200)).body.login).toBe('alice@example.com')
})

it('login() refuses a session that has ended already', async () => {
  const { org, login } = await open()
  org.failNext(
    { kind: 'fields', set: { expiresAt: '2020-01-01T00:00:00.000Z' } },
    { operation: 'createSession' },
  )
  const answer = await login({ sessionToken: org.sessionToken('alice@example.com') }).expect(503)
  expect(cookiesOf(answer)).toEqual({})
})

it('a refresh clears no cookie while another session cookie is good', async () => {
  const { org, account, refresh } = await open()
  const idx = org.signIn('alice@example.com')
  // The one that decides here, where login() is mounted.
  const sid = org.signIn('alice@example.com', { cookie: 'sid' })
  await account(sid).expect(200)
  org.endSession(sid)
  const both = `${idx}; ${sid}`
  const answer = await refresh(both).expect(200)
  expect(answer.body).toMatchObject({ refreshed: false })
  expect(cookiesOf(answer)).toEqual({})
  expect((await account(both).expect(200)).body.login).toBe('alice@example.com')
})

it('a cookie value that looks like a property name is read as a value', async () => {
  const { org, login } = await open()
  const sessionToken = org.sessionToken('alice@example.com')
  await login({ sessionToken, returnTo: 'sessionToken' }).expect(200)
})

it.each([
  ['headers in capitals', { headers: { Cookie: 'idx=a' } }, 'lower case'],
  ['headers in an array', { headers: [] }, 'no headers to read'],
  ['nothing', undefined, 'no headers to read'],
])('authenticate() says what is wrong with %s', async (_, req, words) => {
  const { okta } = await open()
  const lookUp = async () => okta.authenticate(req as never)
  await expect(lookUp()).rejects.toThrow(words)
})
