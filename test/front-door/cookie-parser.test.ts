/** cookie-parser beside the middleware, before it or behind it: neither disturbs the other. */
import cookieParser from 'cookie-parser'
import express from 'express'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { serve, startParts } from './door.js'

const secret = 'an-app-secret'

/** An app with cookie-parser mounted on one side of attachSession(). */
async function open(side: 'before' | 'behind') {
  const parts = await startParts()
  const parse = cookieParser(secret)
  const attach = parts.okta.attachSession()
  const app = express()
  app.use(...(side === 'before' ? [parse, attach] : [attach, parse]))
  app.get('/', (req, res) => {
    res.json({ okta: req.okta, cookies: req.cookies, signed: req.signedCookies })
  })
  app.get('/account', parts.okta.requireSession(), (_req, res) => void res.json('let in'))
  const url = await serve(app)
  const get = (cookie: string, path = '/') => request(url).get(path).set('Cookie', cookie)
  return { ...parts, get }
}

describe.each(['before', 'behind'] as const)('cookie-parser mounted %s', (side) => {
  it('cookie-parser reads its own cookies, and the guard reads the session cookie', async () => {
    const { org, get } = await open(side)
    const idx = org.signIn('alice@example.com')
    const { body } = await get(`theme=dark%20blue; ${idx}; basket=j:[1]`).expect(200)
    expect(body.okta).toMatchObject({ state: 'active', session: { login: 'alice@example.com' } })
    expect(body.cookies).toMatchObject({ theme: 'dark blue', basket: [1] })
    await get(`${idx}; theme=x`, '/account').expect(200)
  })

  it.each([
    ['a second cookie, encoded', 'idx=abc%3B%20sid%3Dvictim'],
    ['a line end, encoded', 'idx=abc%0D%0ACookie:%20sid=victim'],
    ['an encoded letter', 'idx=%61bc'],
    ['quotes', 'idx="abc"'],
    ['what cookie-parser signs', 'idx=s:abc.def%2F'],
  ])('a cookie value that cookie-parser decodes never reaches Okta: %s', async (_, cookie) => {
    const { org, get } = await open(side)
    const { body } = await get(cookie).expect(200)
    expect(body.okta).toEqual({ state: 'anonymous', reason: 'invalid_cookie' })
    await get(cookie, '/account').expect(401)
    expect(org.calls.getCurrentSession).toBe(0)
  })

  it('cookie-parser takes the first of two session cookies, and the guard takes neither', async () => {
    const { org, get } = await open(side)
    const idx = org.signIn('alice@example.com')
    const { body } = await get(`${idx}; idx=planted`).expect(200)
    expect(body.cookies.idx).toBe(idx.slice('idx='.length))
    expect(body.okta.reason).toBe('ambiguous_cookie')
  })
})

it('the guard does not read req.cookies', async () => {
  const { okta, org } = await startParts()
  const idx = org.signIn('alice@example.com').slice('idx='.length)
  const app = express()
  app.use((req, _res, next) => {
    req.cookies = { idx }
    req.signedCookies = { idx }
    next()
  })
  app.get('/', okta.requireSession(), (_req, res) => void res.end())
  const { body } = await request(await serve(app))
    .get('/')
    .expect(401)
  expect(body.reason).toBe('no_cookie')
})
