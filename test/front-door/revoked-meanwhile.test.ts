import express from 'express'
import type { Session } from 'express-okta-session'
import type { LocalOrg } from 'express-okta-session/local-org'
import request from 'supertest'
import { beforeEach, describe, expect, it } from 'vitest'
import type { OktaSession } from '../../src/okta-session-types.js'
import { startParts, type TestClock } from './door.js'

let org: LocalOrg
let okta: OktaSession
let cookie: string
let clock: TestClock

beforeEach(async () => {
  ;({ org, okta, clock } = await startParts({ okta: { allowNonBrowserClients: true } }))
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

  it.each<
    [string, (okta: OktaSession, session: Session, clock: TestClock) => void, number, string]
  >([
    [
      'a forgotten user',
      (okta, { userId }) => void okta.forget({ userId }),
      401,
      'session_required',
    ],
    ['a session that ends', (_okta, _, clock) => clock.advance(7_200_000), 401, 'session_required'],
    [
      'a sign-in that grows too old',
      (_okta, _, clock) => clock.advance(60_000),
      403,
      'reauthentication_required',
    ],
  ])(
    'a guard sees what happened while a synchronous allow() ran: %s',
    async (_, act, status, code) => {
      let acts = false
      const allow = (session: Session) => {
        if (acts) {
          if (code === 'session_required') org.endSession(session.id)
          act(okta, session, clock)
        }
        return true
      }
      const rule = { signedInWithinMs: code === 'session_required' ? 9e6 : 30_000, allow }
      const app = express()
      app.get('/guarded', okta.requireSession(rule), (_req, res) => void res.send('let through'))
      app.get('/verify', okta.forwardAuth({ rule }))
      for (const visit of [
        async () => request(app).get('/guarded').set('Cookie', cookie),
        async () => request(app).get('/verify').set('Cookie', cookie),
        async () => {
          const decision = await okta.check({ headers: { cookie } }, rule)
          return decision.ok ? { status: 200, body: {} } : decision.reply
        },
      ]) {
        cookie = org.signIn('alice@example.com')
        acts = false
        expect((await visit()).status).toBeLessThan(300)
        const { calls } = okta.stats()
        expect((await visit()).status).toBeLessThan(300)
        expect(okta.stats().calls).toBe(calls)
        acts = true
        const answer = await visit()
        expect(answer.status).toBe(status)
        expect(JSON.stringify(answer.body)).toContain(code)
      }
    },
  )

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
  /** Ends the session at Okta and forgets it here, in the iteration of the event loop in which Okta's answer came. */
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
