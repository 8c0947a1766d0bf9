import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import express, { type RequestHandler } from 'express'
import type { OktaSessionOptions, SessionRule } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { deferred } from './deferred.js'
import { machineClock, serve, startOkta, startOrg, startParts, TestClock } from './door.js'

const HOURS = 3_600_000

/** attachSession(), a step that takes its time, a guard. */
async function open(rule: SessionRule, slow: RequestHandler, options: OktaSessionOptions = {}) {
  const parts = await startParts({ okta: options, org: { idleMinutes: 120 } })
  const app = express()
  app.use(parts.okta.attachSession(), slow)
  app.all('/', parts.okta.requireSession(rule), (_req, res) => void res.send('let through'))
  return { ...parts, app, cookie: parts.org.signIn('alice@example.com') }
}

describe('a session that ends while the request is on its way', () => {
  it('the guard refuses a session that expires while a slow middleware runs', async () => {
    const { app, cookie, clock } = await open({}, (_req, _res, next) => {
      clock.advance(2 * HOURS + 1_000)
      next()
    })
    await request(app).get('/').set('Cookie', cookie).expect(401)
  })

  it('the guard refuses a session that expires while allow() runs', async () => {
    const rule: SessionRule = {
      allow: async () => {
        await new Promise((done) => setImmediate(done))
        clock.advance(2 * HOURS + 1_000)
        return true
      },
    }
    const { app, cookie, clock } = await open(rule, (_req, _res, next) => next())
    await request(app).get('/').set('Cookie', cookie).expect(401)
  })

  it('the guard refuses a session whose answer from Okta became older than maxTtlMs', async () => {
    const { app, cookie, clock, org } = await open({}, (req, _res, next) => {
      org.endSession(req.okta?.session?.id ?? '')
      clock.advance(300_001)
      next()
    })
    await request(app).get('/').set('Cookie', cookie).expect(401)
  })

  it('the guard lets a session through without another call within maxTtlMs of the answer', async () => {
    const { app, cookie, clock, org } = await open({}, (_req, _res, next) => {
      clock.advance(299_000)
      next()
    })
    await request(app).get('/').set('Cookie', cookie).expect(200)
    expect(org.calls.getCurrentSession).toBe(1)
  })

  it('the guard refuses a session that expires while the machine sleeps', async () => {
    const { app, cookie, clock } = await open({}, (_req, _res, next) => {
      clock.wall += 3 * HOURS
      next()
    })
    await request(app).get('/').set('Cookie', cookie).expect(401)
  })

  it('the guard refuses a session that ends while the request body arrives slowly', async () => {
    const { okta, org, clock } = await startParts({
      okta: { cache: { ttlMs: 1_000, maxTtlMs: 1_000 } },
    })
    const attached = deferred()
    const app = express()
    app.use(okta.attachSession())
    app.use((_req, _res, next) => {
      attached.resolve()
      next()
    })
    app.use(express.json())
    app.post('/', okta.requireSession(), (_req, res) => void res.send('let through'))
    const url = new URL(await serve(app))
    const cookie = org.signIn('alice@example.com')
    const socket = connectTcp(Number(url.port), '127.0.0.1')
    socket.write(
      `POST / HTTP/1.1\r\nHost: ${url.host}\r\nCookie: ${cookie}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n`,
    )
    await attached.promise
    const { id } = await okta.api.getCurrentSession(cookie)
    org.endSession(id)
    clock.advance(20_000)
    socket.write('{}')
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    await once(socket, 'close')
    expect(answer).toMatch(/^HTTP\/1\.1 401 /)
  })
})

describe('an answer that takes longer than maxTtlMs', () => {
  it('an answer that takes longer than maxTtlMs serves the request that caused the call', async () => {
    const org = await startOrg({})
    // An answer over a socket takes more than a millisecond.
    const options = { orgUrl: org.url, cache: { ttlMs: 1, maxTtlMs: 1 } }
    const okta = startOkta(options, machineClock)
    const app = express()
    app.use(okta.attachSession())
    app.get('/', okta.requireSession(), (_req, res) => void res.send('let through'))
    const cookie = org.signIn('alice@example.com')
    org.fail({ kind: 'delay', delayMs: 20 })
    for (const calls of [1, 2]) {
      await request(app).get('/').set('Cookie', cookie).expect(200)
      expect(org.calls.getCurrentSession).toBe(calls)
    }
  })
})

describe('a rule about time', () => {
  it('the guard judges a rule about time when allow() is done, not when it begins', async () => {
    const rule: SessionRule = {
      signedInWithinMs: 60_000,
      allow: async () => {
        clock.advance(61_000)
        return true
      },
    }
    const { app, cookie, clock } = await open(rule, (_req, _res, next) => next())
    const { body } = await request(app).get('/').set('Cookie', cookie).expect(403)
    expect(body.code).toBe('reauthentication_required')
  })
})

describe('a wall clock that steps back by four seconds at a time', () => {
  /** The app behind this rule, and an org whose own clock is right. */
  async function openBeside(rule: SessionRule, steps: number) {
    const orgClock = new TestClock()
    const parts = await startParts({ org: { clock: orgClock } })
    const app = express()
    app.use(parts.okta.attachSession())
    app.get('/', parts.okta.requireSession(rule), (_req, res) => void res.send('let through'))
    const cookie = parts.org.signIn('alice@example.com')
    const visit = (path: string) => request(app).get(path).set('Cookie', cookie)
    await visit('/').expect(200)
    for (let step = 0; step < steps; step += 1) {
      orgClock.advance(4_000)
      parts.clock.advance(4_000)
      parts.clock.wall -= 4_000
      await visit('/public').expect(404)
    }
    return { ...parts, visit }
  }

  it('a wall clock that steps back makes no sign-in look newer', async () => {
    const { visit } = await openBeside({ signedInWithinMs: 30_000 }, 10)
    await visit('/').expect(403)
  })

  it('a wall clock that steps back makes no answer of Okta look newer', async () => {
    const { visit, org } = await openBeside({ maxStalenessMs: 1_000 }, 1)
    const calls = org.calls.getCurrentSession ?? 0
    await visit('/').expect(200)
    expect(org.calls.getCurrentSession).toBe(calls + 1)
  })

  it('every session is looked up again once the clock steps add up to a suspend', async () => {
    const { okta, org, clock } = await startParts()
    const headers = { cookie: org.signIn('alice@example.com') }
    await okta.authenticate({ headers })
    for (let step = 0; step < 2; step += 1) {
      clock.wall -= 3_000
      await okta.authenticate({ headers })
    }
    expect(org.calls.getCurrentSession).toBe(2)
  })
})
