/** An org that answers about every cookie but one: the pages of that user must not repeat the failing call. */
import type { ServerResponse } from 'node:http'
import express from 'express'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { sessionFor } from '../session/lookup-world.js'
import { api, page, serve, startOkta, TestClock } from './door.js'

const failures = {
  'a 500': (res: ServerResponse) => res.writeHead(500).end(),
  'a page': (res: ServerResponse) =>
    res.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>Sorry</p>'),
  'a reset': (res: ServerResponse) => res.socket?.resetAndDestroy(),
}
type Failure = keyof typeof failures

async function open(failure: Failure = 'a 500') {
  const clock = new TestClock()
  const org = { isIll: true, failed: 0 }
  const orgUrl = await serve((req, res) => {
    const value = (req.headers.cookie ?? '').replace(/^\w+=/, '')
    if (org.isIll && value === 'ill') {
      org.failed += 1
      failures[failure](res)
      return
    }
    res.setHeader('Date', new Date(clock.wall).toUTCString())
    res.setHeader('Content-Type', 'application/json')
    res.end(JSON.stringify(sessionFor(value, clock.wall + 7_200_000)))
  })
  const okta = startOkta({ orgUrl }, clock)
  const app = express()
  app.get('/page', okta.requireSession(), (_req, res) => void res.send('welcome'))
  app.get(
    '/now',
    okta.requireSession({ maxStalenessMs: 0 }),
    (_req, res) => void res.send('welcome'),
  )
  app.get('/mfa', okta.requireSession({ mfa: true }), (_req, res) => void res.send('welcome'))
  app.get('/session', okta.sessionInfo({ maxStalenessMs: 0 }))
  app.get('/auth', okta.forwardAuth())
  const url = await serve(app)
  const get = (path: string, cookie = 'sid=ill', headers: Record<string, string> = page) =>
    request(url).get(path).set(headers).set('Cookie', cookie)
  return { clock, org, okta, get }
}

/** The user is known here; a minute and a half later Okta fails for that cookie alone. */
async function openSeen() {
  const door = await open()
  door.org.isIll = false
  await door.get('/page').expect(200)
  door.org.isIll = true
  door.clock.advance(90_000)
  return door
}

describe('while lookups of one cookie fail and those of others are answered', () => {
  it.each(Object.keys(failures) as Failure[])(
    'the pages of its user cost few calls for %s, and those of others are served',
    async (failure) => {
      const { clock, org, okta, get } = await open(failure)
      let lookups = 0
      for (let second = 0; second < 60; second += 1) {
        const before = okta.stats().calls
        const { status, headers } = await get('/page')
        lookups += okta.stats().calls - before
        expect([status, Number(headers['retry-after'])]).toEqual([503, expect.any(Number)])
        expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1)
        expect(Number(headers['retry-after'])).toBeLessThanOrEqual(10)
        await get('/page', `sid=other${second}`).expect(200)
        clock.advance(1_000)
      }
      // Of 60: at 0, 1, 2, 4, 8, 16, 26, 36, 46 and 56 s.
      expect(lookups).toBe(10)
      expect(okta.stats()).not.toHaveProperty('heldOff')
      org.isIll = false
      clock.advance(6_000)
      await get('/page').expect(200)
    },
  )

  it.each([
    ['a guard that demands a new lookup', '/now', page, 503],
    ['a guard whose rule the session does not meet', '/mfa', page, 403],
    ['sessionInfo()', '/session', api, 200],
  ])('%s repeats no failing call', async (_, path, headers, status) => {
    const { org, okta, get } = await openSeen()
    for (let load = 0; load < 5; load += 1) {
      await get(path, 'sid=ill', headers).expect(status)
      await get('/page', `sid=other${load}`).expect(200)
      await okta.settled()
    }
    expect(org.failed).toBe(2)
  })

  it('its stale session is served without a call to forwardAuth() and to pages', async () => {
    const { org, get } = await openSeen()
    for (let load = 0; load < 5; load += 1) {
      await get('/page').expect(200)
      await get('/auth').expect(200)
      await get('/page', `sid=other${load}`).expect(200)
    }
    expect(org.failed).toBe(2)
  })

  it('a second cookie before the good one repeats no failing call', async () => {
    const { org, okta, get } = await open()
    await get('/page', 'sid=good').expect(200)
    for (let load = 0; load < 5; load += 1) {
      await get('/page', 'idx=ill; sid=good').expect(200)
      await get('/page', `sid=other${load}`).expect(200)
      await okta.settled()
    }
    expect(org.failed).toBe(2)
  })

  it('a second cookie behind the good one is looked up once in 20 s', async () => {
    const { clock, org, get } = await open()
    const load = () => get('/page', 'idx=good; sid=ill').expect(200)
    for (let loads = 0; loads < 5; loads += 1) await load()
    expect(org.failed).toBe(1)
    clock.advance(19_999)
    await load()
    expect(org.failed).toBe(1)
    clock.advance(1)
    await load()
    expect(org.failed).toBe(2)
  })

  it('a second cookie behind the good one is not looked up while it rests', async () => {
    const { org, get } = await open()
    for (let load = 0; load < 2; load += 1) {
      await get('/page').expect(503)
      await get('/page', `sid=other${load}`).expect(200)
    }
    await get('/page', 'idx=good; sid=ill').expect(200)
    expect(org.failed).toBe(2)
  })
})
