/** close() and settled(): an instance ends without leaving anything behind. */
import { connect, createServer } from 'node:net'
import { pipeline } from 'node:stream'
import { promisify } from 'node:util'
import express from 'express'
import { OktaUnavailableError } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { deferred } from './deferred.js'
import {
  api,
  type Choices,
  cookiesOf,
  listen,
  ownPage,
  serve,
  startOkta,
  startOrg,
  startParts,
  TestClock,
  taken,
} from './door.js'

async function open(choices: Choices = {}) {
  const parts = await startParts(choices)
  const { okta } = parts
  const app = express()
  app.get('/attached', okta.attachSession(), (req, res) => void res.json(req.okta))
  app.get('/account', okta.requireSession(), (_req, res) => void res.json('let in'))
  app.get('/info', okta.sessionInfo())
  app.get('/auth', okta.forwardAuth())
  app.post('/sign-in', okta.login())
  app.post('/refresh', okta.refresh())
  app.post('/sign-out', okta.logout())
  const url = await serve(app)
  const send = (method: 'get' | 'post') => (path: string, cookie?: string) =>
    request(url)
      [method](path)
      .set({ ...api, ...ownPage, ...(cookie !== undefined && { Cookie: cookie }) })
  return { ...parts, get: send('get'), post: send('post') }
}

describe('after close()', () => {
  it('after close() a request with a session cookie is unavailable, one without is anonymous', async () => {
    const { org, okta, get } = await open()
    const known = org.signIn('alice@example.com')
    await get('/account', known).expect(200)
    await okta.close()
    for (const cookie of [known, org.signIn('bob@example.com')]) {
      const { body } = await get('/attached', cookie).expect(200)
      expect(body).toEqual({ state: 'unavailable', reason: 'closed', retryAfterMs: 1_000 })
      const guarded = await get('/account', cookie).expect(503)
      expect(guarded.body).toMatchObject({ code: 'okta_unavailable', reason: 'closed' })
    }
    const none = { state: 'anonymous', reason: 'no_cookie' }
    expect((await get('/attached').expect(200)).body).toEqual(none)
    await get('/account').expect(401)
    expect((await get('/attached', 'idx="x"')).body.reason).toBe('invalid_cookie')
    expect(org.calls.getCurrentSession).toBe(1)
  })

  it('after close() every handler still answers', async () => {
    const { org, okta, get, post } = await open()
    const cookie = org.signIn('alice@example.com')
    await get('/account', cookie).expect(200)
    await okta.close()
    const before = { ...org.calls }
    expect((await get('/info', cookie).expect(200)).body.state).toBe('unavailable')
    await get('/auth', cookie).expect(503)
    await post('/refresh', cookie).expect(503)
    const signIn = post('/sign-in').send({ sessionToken: org.sessionToken('alice@example.com') })
    expect((await signIn.expect(503)).headers).not.toHaveProperty('set-cookie')
    const left = await post('/sign-out', cookie).expect(200)
    expect(left.body).toEqual({ oktaClosed: false })
    expect(cookiesOf(left)).toEqual({ idx: taken, sid: taken, xids: taken })
    expect(org.calls).toEqual(before)
    // A sign-out that can't be told any more is not waited for.
    await okta.settled()
  })

  it('after close() the API rejects calls', async () => {
    const { org, okta } = await open()
    await okta.close()
    const refused = okta.api.getCurrentSession(org.signIn('alice@example.com'))
    await expect(refused).rejects.toThrow(OktaUnavailableError)
    await expect(refused).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('close()', () => {
  it('close() may be called again, and changes nothing', async () => {
    const { okta } = await open()
    await Promise.all([okta.close(), okta.close()])
    await okta.close()
  })

  it('close() waits for calls in flight, rejects queued ones at once, and takes no longer than timeoutMs', async () => {
    const { org, okta, get } = await open({
      okta: { upstream: { timeoutMs: 500, maxConcurrent: 1 } },
    })
    const told: string[] = []
    const visit = (cookie: string) =>
      get('/attached', cookie).then(({ body }) => told.push(`${body.state} ${body.reason}`))
    org.fail({ kind: 'hang' })
    const hanging = visit('idx=one')
    await expect.poll(() => okta.stats().inFlight).toBe(1)
    const waiting = visit('idx=waits')
    await expect.poll(() => okta.stats().queued).toBe(1)
    const closing = okta.close()
    await waiting
    expect(okta.stats().inFlight).toBe(1)
    await Promise.all([closing, hanging])
    expect(told).toEqual(['unavailable closed', 'unavailable timeout'])
  })

  it('close() waits for an answer that is on its way', async () => {
    const { org, okta, get } = await open()
    org.fail({ kind: 'delay', delayMs: 100 })
    const answered = get('/attached', org.signIn('alice@example.com')).then(({ body }) => body)
    await expect.poll(() => okta.stats().inFlight).toBe(1)
    await okta.close()
    expect(await answered).toMatchObject({ state: 'active' })
  })

  it('close() gives up sign-outs that wait for Okta, and settled() resolves then', async () => {
    const { org, okta, get, post } = await open()
    const cookie = org.signIn('alice@example.com')
    await get('/account', cookie)
    org.fail({ kind: 'html' })
    await post('/sign-out', cookie).expect(200)
    const settled = okta.settled()
    await okta.close()
    await settled
  })

  it('close() leaves no connection to Okta open', async () => {
    const clock = new TestClock()
    const org = await startOrg({ clock })
    const gateway = createServer((socket) => {
      const onward = connect(Number(new URL(org.url).port), '127.0.0.1')
      pipeline(socket, onward, socket, () => {})
    })
    const okta = startOkta({ orgUrl: await listen(gateway, 'http') }, clock)
    const connections = () => promisify(gateway.getConnections).call(gateway)
    const [alice, bob] = ['alice@example.com', 'bob@example.com'].map((login) => ({
      headers: { cookie: org.signIn(login) },
    }))
    await Promise.all([alice, bob].map((req) => okta.authenticate(req ?? { headers: {} })))
    expect(await connections()).toBeGreaterThan(0)
    await okta.close()
    await expect.poll(connections).toBe(0)
  })
})

describe('settled()', () => {
  it('settled() resolves at once when no background work is in progress', async () => {
    const { okta } = await open()
    await okta.settled()
  })

  it('settled() waits for an async counts() of refreshOnActivity(), and for its refresh', async () => {
    const { org, okta } = await startParts()
    const counted = deferred<boolean>()
    const app = express()
    app.use(okta.refreshOnActivity({ counts: () => counted.promise }))
    app.get('/account', okta.requireSession(), (_req, res) => void res.json('let in'))
    const cookie = org.signIn('alice@example.com')
    await request(await serve(app))
      .get('/account')
      .set({ Cookie: cookie })
      .expect(200)
    const settled = okta.settled().then(() => org.calls.refreshCurrentSession)
    counted.resolve(true)
    expect(await settled).toBe(1)
  })

  it('settled() waits for a prefetch', async () => {
    const { org, clock, okta, get } = await open()
    const cookie = org.signIn('alice@example.com')
    await get('/account', cookie).expect(200)
    clock.advance(50_000)
    org.failNext({ kind: 'delay', delayMs: 50 })
    await get('/account', cookie).expect(200)
    const [session] = org.sessions
    await okta.settled()
    expect(okta.stats()).toMatchObject({ refreshedAhead: 1, inFlight: 0, calls: 2 })
    clock.advance(20_000)
    await get('/account', cookie).expect(200)
    expect(org.calls.getCurrentSession).toBe(2)
    expect(session?.login).toBe('alice@example.com')
  })

  it('settled() keeps the process alive until Okta has been told of a sign-out', async () => {
    const timers = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const { org, okta, get, post } = await open()
    const cookie = org.signIn('alice@example.com')
    await get('/account', cookie)
    org.fail({ kind: 'html' })
    await post('/sign-out', cookie).expect(200)
    const before = timers()
    const settled = okta.settled()
    expect(timers()).toBe(before + 1)
    await okta.close()
    await settled
    expect(timers()).toBe(before)
  })
})
