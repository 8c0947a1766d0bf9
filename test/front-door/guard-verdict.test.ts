/** A guard goes by what its own instance has found out about this very request, and by nothing else. */
import express from 'express'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { serve, startOkta, startParts } from './door.js'

describe('a guard behind attachSession()', () => {
  it('a guard behind attachSession() makes no second call, whatever the answer was', async () => {
    const { okta, org } = await startParts()
    const app = express()
    app.use(okta.attachSession())
    app.get('/', okta.requireSession(), okta.requireSession({ amr: ['pwd'] }), (req, res) => {
      res.json({ source: req.okta?.session && okta.session(req).login })
    })
    const url = await serve(app)
    await request(url).get('/').set('Cookie', org.signIn('alice@example.com')).expect(200)
    expect(org.calls.getCurrentSession).toBe(1)
    await request(url).get('/').set('Cookie', 'idx=unknown').expect(401)
    expect(org.calls.getCurrentSession).toBe(2)
    org.fail({ kind: 'html' })
    await request(url).get('/').set('Cookie', 'idx=other').expect(503)
    expect(org.calls.getCurrentSession).toBe(3)
  })

  it('a guard calls Okta again when the answer on the request is too old for its rule', async () => {
    const { okta, org, clock } = await startParts()
    const app = express()
    app.use(okta.attachSession())
    app.get('/', okta.requireSession({ maxStalenessMs: 10_000 }), (req, res) => {
      res.json(req.okta?.state)
    })
    const url = await serve(app)
    const cookie = org.signIn('alice@example.com')
    const visit = () => request(url).get('/').set('Cookie', cookie)
    await visit().expect(200)
    clock.advance(10_000)
    await visit().expect(200)
    expect(org.calls.getCurrentSession).toBe(1)
    clock.advance(1)
    org.endSession(cookie)
    await visit().expect(401)
    expect(org.calls.getCurrentSession).toBe(2)
  })

  it('a guard ignores a context that other code wrote to the request', async () => {
    const { okta, org } = await startParts()
    const app = express()
    app.use(okta.attachSession())
    app.use((req, _res, next) => {
      const session = { id: 'x', login: 'mallory', userId: '00u', status: 'ACTIVE', amr: [] }
      Object.assign(req, {
        okta: { state: 'active', session, source: 'okta', askedAt: Date.now() },
      })
      next()
    })
    app.get('/', okta.requireSession(), (req, res) => void res.json(okta.session(req).login))
    const url = await serve(app)
    await request(url).get('/').expect(401)
    const { body } = await request(url).get('/').set('Cookie', org.signIn('alice@example.com'))
    expect(body).toBe('alice@example.com')
  })

  it('a guard of another instance calls its own org', async () => {
    const one = await startParts()
    const other = await startParts({ okta: { property: 'partner' } })
    const app = express()
    app.use(one.okta.attachSession(), other.okta.attachSession())
    app.get('/one', one.okta.requireSession(), (req, res) => {
      const { okta, partner } = req as express.Request & { partner: { state: string } }
      res.json([okta?.state, partner.state, one.okta.session(req).login])
    })
    app.get('/other', other.okta.requireSession(), (_req, res) => void res.end())
    const url = await serve(app)
    const cookie = one.org.signIn('alice@example.com')
    const { body } = await request(url).get('/one').set('Cookie', cookie).expect(200)
    expect(body).toEqual(['active', 'anonymous', 'alice@example.com'])
    await request(url).get('/other').set('Cookie', cookie).expect(401)
  })

  it('a guard of another instance trusts only its own contexts, under the same property as well', async () => {
    const one = await startParts()
    const other = startOkta({ orgUrl: (await startParts()).org.url }, one.clock)
    const app = express()
    app.use(one.okta.attachSession())
    app.get('/', other.requireSession(), (_req, res) => void res.end())
    const url = await serve(app)
    await request(url).get('/').set('Cookie', one.org.signIn('alice@example.com')).expect(401)
  })
})
