import express from 'express'
import request from 'supertest'
import { beforeEach, describe, expect, it } from 'vitest'
import type { OktaSession } from '../../src/okta-session-types.js'
import { serve, startOkta } from '../front-door/door.js'
import { sessionFor, TestClock } from '../session/lookup-world.js'

/** An org that answers everything well, or with a 429; it counts who is with it at once. */
const org = { limited: false, takesMs: 0, received: [] as string[], inside: 0, most: 0 }
let clock: TestClock
let okta: OktaSession
let app: express.Express

beforeEach(async () => {
  Object.assign(org, { limited: false, takesMs: 0, received: [], inside: 0, most: 0 })
  clock = new TestClock()
  const orgUrl = await serve((req, res) => {
    org.received.push(`${req.method} ${req.url}`)
    org.inside += 1
    org.most = Math.max(org.most, org.inside)
    const date = { Date: new Date(clock.wall).toUTCString(), 'Content-Type': 'application/json' }
    setTimeout(() => {
      org.inside -= 1
      const session = sessionFor(`${req.headers.cookie}`, clock.wall + 7_200_000)
      if (org.limited) res.writeHead(429, date).end('{}')
      else if (req.method === 'DELETE') res.writeHead(204, date).end()
      else res.writeHead(200, date).end(JSON.stringify({ ...session, id: 'newcookie' }))
    }, org.takesMs)
  })
  okta = startOkta({ orgUrl, upstream: { maxQueueMs: 10_000 } }, clock)
  app = express()
  app.get('/', okta.requireSession(), (_req, res) => {
    res.end()
  })
  app.get('/fresh', okta.requireSession({ maxStalenessMs: 0 }), (_req, res) => {
    res.end()
  })
  app.get('/info', okta.sessionInfo())
  app.get('/auth', okta.forwardAuth())
  app.post('/login', okta.login())
  app.post('/refresh', okta.refresh({ everyMs: 0 }))
  app.post('/logout', okta.logout())
  const activity = okta.refreshOnActivity({ everyMs: 0, counts: () => true })
  app.get('/active', activity, okta.requireSession(), (_req, res) => {
    res.end()
  })
})

const get = (path: string, cookie: string) =>
  request(app).get(path).set('Cookie', `sid=${cookie}`).set('Accept', '*/*')
const post = (path: string, cookie: string) =>
  request(app).post(path).set('Cookie', `sid=${cookie}`).set('Sec-Fetch-Site', 'same-origin')

/** Everything that can make a call to Okta, and what it is answered while none may be made. */
const ways = [
  ['a guard, for an unseen cookie', () => get('/', 'new'), 503],
  ['a guard, for who wants it fresh', () => get('/fresh', 'seen'), 503],
  ['sessionInfo()', () => get('/info', 'new'), 200],
  ['forwardAuth()', () => get('/auth', 'new'), 503],
  ['login()', () => post('/login', 'seen').send({ sessionToken: '20111abcdefgh' }), 503],
  ['refresh()', () => post('/refresh', 'seen'), 503],
  ['refreshOnActivity()', () => get('/active', 'seen'), 200],
  ['logout()', () => post('/logout', 'seen'), 200],
  ['logout(), for an unseen cookie', () => post('/logout', 'new'), 200],
] as const

describe('every call to Okta needs admission', () => {
  it.each(ways)('a call is rejected while the circuit is open: %s', async (_what, way, status) => {
    expect((await get('/', 'seen')).status).toBe(200)
    org.limited = true
    expect((await get('/', 'somebody')).status).toBe(503)
    const { length } = org.received
    const refused = () => okta.stats().refused.rate_limited ?? 0
    const before = refused()
    expect((await way()).status).toBe(status)
    await expect.poll(refused).toBeGreaterThan(before)
    expect(org.received).toHaveLength(length)
    expect(okta.stats().calls).toBe(length)
  })

  it('a call is rejected while the circuit is open: watch()', async () => {
    const req = { headers: { cookie: 'sid=known' } }
    await okta.authenticate(req)
    org.limited = true
    await okta.authenticate({ headers: { cookie: 'sid=somebody' } })
    const { length } = org.received
    const ends: string[] = []
    const unwatch = okta.watch(req, (reason) => ends.push(reason))
    await okta.forget({ sessionId: 'newcookie' })
    await expect.poll(() => okta.stats().refused).toEqual({ rate_limited: 1 })
    expect([org.received.length, okta.stats().calls, ends]).toEqual([length, length, []])
    unwatch()
  })

  it('no more calls are in flight at once than maxConcurrent, whichever handler makes them', async () => {
    await get('/', 'seen')
    org.takesMs = 60
    const answers = await Promise.all([
      ...Array.from({ length: 10 }, (_, i) => get('/', `new${i}`)),
      ...Array.from({ length: 10 }, () => get('/fresh', 'seen')),
      ...Array.from({ length: 10 }, () => post('/login', '').send({ sessionToken: '20111abcde' })),
      ...Array.from({ length: 10 }, () => post('/refresh', 'seen')),
      ...Array.from({ length: 10 }, (_, i) => post('/logout', `signing-out${i}`)),
    ])
    expect(answers.map(({ status }) => status).filter((status) => status >= 300)).toEqual([])
    expect(org.most).toBe(5)
    expect(new Set(org.received)).toEqual(
      new Set([
        'GET /api/v1/sessions/me',
        'POST /api/v1/sessions',
        'POST /api/v1/sessions/me/lifecycle/refresh',
        'DELETE /api/v1/sessions/me',
      ]),
    )
    expect(okta.stats().calls).toBe(org.received.length)
  })
})
