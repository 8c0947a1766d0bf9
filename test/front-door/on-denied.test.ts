/** What the app may do about a refusal itself, and what becomes of its mistakes. */
import express from 'express'
import type { OktaSessionOptions } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { serve, startParts } from './door.js'
import { openGuarded } from './guarded-app.js'

describe('onDenied', () => {
  const withOnDenied = (onDenied: NonNullable<OktaSessionOptions['onDenied']>) =>
    openGuarded({ okta: { onDenied } })

  it('onDenied receives what the guard would answer, and answers in its place', async () => {
    const denials: object[] = []
    const { org, url, visit } = await withOnDenied((denial, _req, res) => {
      denials.push(denial)
      res.statusCode = 418
      res.end('mine')
    })
    await visit.page().expect(418, 'mine')
    org.fail({ kind: 'html' })
    await visit.script('idx=one').expect(418)
    const back = encodeURIComponent(`${url}/account?tab=1`)
    expect(denials).toEqual([
      {
        status: 401,
        code: 'session_required',
        reason: 'no_cookie',
        context: { state: 'anonymous', reason: 'no_cookie' },
        signInUrl: `${org.url}/login/login.htm?fromURI=${back}`,
      },
      {
        status: 503,
        code: 'okta_unavailable',
        reason: 'content_type',
        retryAfterMs: 1_000,
        context: { state: 'unavailable', reason: 'content_type', retryAfterMs: 1_000 },
      },
    ])
  })

  it('onDenied may call next(), and the next handler has no session', async () => {
    const { okta } = await startParts({
      okta: { onDenied: (_denial, _req, _res, next) => next() },
    })
    const app = express().get('/', okta.requireSession(), (req, res) => {
      res.json({ state: req.okta?.state })
    })
    const { body } = await request(await serve(app))
      .get('/')
      .expect(200)
    expect(body).toEqual({ state: 'anonymous' })
  })

  it.each([
    ['false', () => false],
    ['a promise of false', async () => false],
  ])('onDenied leaves the answer to the guard with %s', async (_, onDenied) => {
    const { visit } = await withOnDenied(onDenied)
    expect((await visit.script().expect(401)).body.code).toBe('session_required')
    await visit.script('idx=unknown').expect(401)
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('boom')
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('boom')
      },
    ],
    ['rejects with nothing', () => Promise.reject()],
  ])('an onDenied that %s fails its request, and no other', async (_, onDenied) => {
    const { okta } = await startParts({ okta: { onDenied } })
    const app = express().use(okta.requireSession())
    app.use(((_error, _req, res, _next) => {
      res.status(500).end('failed')
    }) as express.ErrorRequestHandler)
    const url = await serve(app)
    await request(url).get('/').expect(500, 'failed')
    // The same where Okta had to be called first, so that no caller of the guard could catch it.
    await request(url).get('/').set('Cookie', 'idx=unknown').expect(500, 'failed')
  })
})

describe('a sign-in URL of the app’s that throws', () => {
  it('a signInUrl() that throws fails its request, and no other', async () => {
    const signInUrl = () => {
      throw new Error('boom')
    }
    const { visit } = await openGuarded({ okta: { signInUrl } })
    await visit.page().expect(500)
    await visit.page('idx=unknown').expect(500)
  })
})
