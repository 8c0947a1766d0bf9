import express from 'express'
import type { LocalOrg } from 'express-okta-session/local-org'
import request from 'supertest'
import { beforeEach, describe, expect, it } from 'vitest'
import type { OktaSession } from '../../src/okta-session-types.js'
import { startParts } from './door.js'

let org: LocalOrg
let okta: OktaSession
let cookie: string

beforeEach(async () => {
  ;({ org, okta } = await startParts({ okta: { allowNonBrowserClients: true } }))
  cookie = org.signIn('alice@example.com')
})

/** Signs out in the middle of another request. */
async function signOut(): Promise<boolean> {
  const app = express().post('/sign-out', okta.logout())
  await request(app)
    .post('/sign-out')
    .set('X-Requested-By', 'test')
    .set('Cookie', cookie)
    .expect(204)
  return true
}

describe('a sign-out in the middle of a request', () => {
  it('the guard sees a sign-out between attachSession() and itself', async () => {
    const app = express()
    app.use(okta.attachSession())
    app.use((_req, _res, next) => {
      signOut().then(() => next(), next)
    })
    app.get('/', okta.requireSession(), (_req, res) => {
      res.send('let through')
    })
    const { body } = await request(app).get('/').set('Cookie', cookie).expect(401)
    expect(body).toMatchObject({ code: 'session_required', reason: 'signed_out' })
  })

  it('the guard sees a sign-out that happens while allow() runs', async () => {
    const app = express()
    app.get('/', okta.requireSession({ allow: signOut }), (_req, res) => {
      res.send('let through')
    })
    await request(app).get('/').set('Cookie', cookie).expect(401)
  })

  it('a sign-out of another user causes no call for this request', async () => {
    const app = express()
    app.get(
      '/',
      okta.requireSession({
        allow: async () => {
          await okta.forget({ userId: 'somebody else' })
          return true
        },
      }),
      (_req, res) => {
        res.send('let through')
      },
    )
    await request(app).get('/').set('Cookie', cookie).expect(200)
    expect(org.calls.getCurrentSession).toBe(1)
  })
})

describe('a revocation between the answer of Okta and its use', () => {
  /** Ends the session at Okta and forgets it here, in the turn of the event loop in which Okta's answer came. */
  function endInTheSameTurn(req: express.Request): Promise<void> {
    return okta.authenticate(req).then(async (context) => {
      expect(context.state).toBe('active')
      if (context.session === undefined) return
      org.endSession(context.session.id)
      await okta.forget({ userId: context.session.userId })
    })
  }

  it('a guard behind attachSession() and a slow middleware sees a revocation after the answer', async () => {
    const app = express()
    app.use((req, _res, next) => {
      next()
      void endInTheSameTurn(req)
    })
    app.use(okta.attachSession())
    app.use((_req, _res, next) => void setImmediate(next))
    app.get('/', okta.requireSession(), (_req, res) => void res.send('let through'))
    await request(app).get('/').set('Cookie', cookie).expect(401)
  })

  it('a guard without attachSession() sees a revocation after the answer of Okta', async () => {
    const app = express()
    app.use((req, _res, next) => {
      next()
      void endInTheSameTurn(req)
    })
    app.get('/', okta.requireSession(), (_req, res) => void res.send('let through'))
    await request(app).get('/').set('Cookie', cookie).expect(401)
  })

  it('a guard whose allow() is synchronous sees a revocation after the answer of Okta', async () => {
    const app = express()
    app.use((req, _res, next) => {
      next()
      void endInTheSameTurn(req)
    })
    app.get('/', okta.requireSession({ allow: () => true }), (_req, res) => void res.send('in'))
    await request(app).get('/').set('Cookie', cookie).expect(401)
  })

  it('forwardAuth() sees a revocation after the answer of Okta', async () => {
    const app = express()
    app.use((req, _res, next) => {
      next()
      void endInTheSameTurn(req)
    })
    app.get('/', okta.forwardAuth())
    await request(app).get('/').set('Cookie', cookie).expect(401)
  })
})
