import type { ServerResponse } from 'node:http'
import express from 'express'
import request from 'supertest'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { OktaSession } from '../../src/okta-session-types.js'
import type { OktaSessionOptions } from '../../src/options/options.js'
import { startOkta, startParts } from '../front-door/door.js'
import { httpServer, type RawServer, type Seen } from '../okta/raw-server.js'
import { sessionFor, TestClock } from '../session/lookup-world.js'

type Answer = (req: Seen, res: ServerResponse) => void

const clock = new TestClock()
let org: RawServer
let okta: OktaSession
let answer: Answer

beforeEach(async () => {
  answer = session
  org = await httpServer((req, res) => answer(req, res))
  onTestFinished(() => org.close())
  okta = middleware()
})

function middleware(upstream: OktaSessionOptions['upstream'] = {}): OktaSession {
  return startOkta({ orgUrl: org.url, upstream }, clock)
}

const ask = (value: string, on = okta) =>
  on.authenticate({ headers: { cookie: `idx=${value}` }, ip: '198.51.100.1' })

function reply(res: ServerResponse, status: number, body: unknown, headers = {}): void {
  res.writeHead(status, {
    'Content-Type': 'application/json',
    Date: new Date(clock.wall).toUTCString(),
    ...headers,
  })
  res.end(JSON.stringify(body))
}

const session: Answer = ({ headers }, res) => {
  reply(res, 200, sessionFor(`${headers.cookie}`, clock.wall + 7_200_000))
}
const nobody: Answer = (_req, res) => {
  reply(res, 404, { errorCode: 'E0000007', errorSummary: 'Not found' })
}
const limits = (limit: number, remaining: number, inSeconds: number) => ({
  'X-Rate-Limit-Limit': `${limit}`,
  'X-Rate-Limit-Remaining': `${remaining}`,
  'X-Rate-Limit-Reset': `${Math.floor(clock.wall / 1_000) + inSeconds}`,
})

describe('stats()', () => {
  it('stats() begins with zeros', () => {
    const { calls, failures, refused, inFlight, queued, maxConcurrent, ...rest } = okta.stats()
    expect({ calls, failures, refused, inFlight, queued, maxConcurrent }).toEqual({
      calls: 0,
      failures: {},
      refused: {},
      inFlight: 0,
      queued: 0,
      maxConcurrent: 5,
    })
    expect(rest).not.toHaveProperty('heldOff')
    expect(rest).not.toHaveProperty('quota')
  })

  it('stats() counts calls in flight and queued', async () => {
    const held: (() => void)[] = []
    answer = (req, res) => held.push(() => session(req, res))
    const asked = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((value) => ask(value))
    await expect.poll(() => held.length).toBe(5)
    expect(okta.stats()).toMatchObject({ calls: 5, inFlight: 5, queued: 2 })
    answer = session
    for (const release of held) release()
    await Promise.all(asked)
    expect(okta.stats()).toMatchObject({ calls: 7, inFlight: 0, queued: 0, refused: {} })
  })

  it('stats() tells what is left of the rate-limit window, until its end', async () => {
    answer = ({ headers }, res) => {
      const body = sessionFor(`${headers.cookie}`, clock.wall + 7_200_000)
      reply(res, 200, body, limits(600, 450, 30))
    }
    await ask('a')
    expect(okta.stats().quota).toEqual({ limit: 600, remaining: 450, resetsInMs: 31_000 })
    clock.advance(1_000)
    expect(okta.stats().quota).toEqual({ limit: 600, remaining: 450, resetsInMs: 30_000 })
    clock.advance(30_000)
    expect(okta.stats()).not.toHaveProperty('quota')
  })

  it('stats() never tells less than zero left', async () => {
    answer = ({ headers }, res) => {
      const body = sessionFor(`${headers.cookie}`, clock.wall + 7_200_000)
      reply(res, 200, body, limits(600, 0, 30))
    }
    await Promise.all([ask('a'), ask('b'), ask('c')])
    expect(okta.stats().quota?.remaining).toBe(0)
  })

  it('stats() tells until when calls are rejected, and why', async () => {
    answer = (_req, res) => reply(res, 429, { errorCode: 'E0000047' }, limits(600, 0, 20))
    await ask('a')
    expect(okta.stats()).toMatchObject({
      heldOff: { who: 'everybody', code: 'rate_limited', forMs: 21_000 },
      failures: { rate_limited: 1 },
    })
    clock.advance(20_000)
    expect(okta.stats().heldOff?.forMs).toBe(1_000)
    clock.advance(5_000)
    expect(okta.stats().heldOff?.forMs).toBe(0)
    answer = session
    await ask('a')
    expect(okta.stats()).not.toHaveProperty('heldOff')
  })

  it('stats() counts rejections by reason', async () => {
    answer = nobody
    for (let i = 0; i < 22; i += 1) await ask(`junk${i}`)
    const elsewhere = (i: number) =>
      okta.authenticate({ headers: { cookie: `idx=more${i}` }, ip: `203.0.113.${i}` })
    for (let i = 0; i < 33; i += 1) await elsewhere(i)
    expect(okta.stats().refused).toEqual({ too_many_attempts: 2, over_budget: 3 })

    const slow = middleware({ maxConcurrent: 1, maxQueueMs: 20 })
    let release = () => {}
    const arrived = new Promise<void>((resolve) => {
      answer = (req, res) => {
        release = () => session(req, res)
        resolve()
      }
    })
    const first = ask('a', slow)
    await arrived
    expect(await ask('b', slow)).toMatchObject({ reason: 'queue_full' })
    release()
    await first
    answer = (_req, res) => reply(res, 500, {})
    for (let i = 0; i < 7; i += 1) await ask(`c${i}`, slow)
    await slow.close()
    expect(slow.stats()).toMatchObject({
      refused: { queue_full: 1, breaker_open: 2 },
      failures: { server_error: 5 },
      heldOff: { who: 'newcomers', code: 'breaker_open' },
    })
  })

  it('stats() counts the sessions that may be served, and none that is signed out, forgotten or over', async () => {
    const { okta, org, clock } = await startParts()
    const app = express().post('/sign-out', okta.logout())
    const find = async () => {
      const cookie = org.signIn('alice@example.com')
      const { session } = await okta.authenticate({ headers: { cookie } })
      return { cookie, ...session }
    }
    const [first, second] = [await find(), await find(), await find()]
    expect(okta.stats().sessions).toBe(3)
    const leave = request(app).post('/sign-out').set('Sec-Fetch-Site', 'same-origin')
    await leave.set('Cookie', first.cookie).expect(204)
    expect(okta.stats().sessions).toBe(2)
    await okta.forget({ sessionId: second.id ?? '' })
    org.endSession(second.id ?? '')
    await okta.authenticate({ headers: { cookie: second.cookie } })
    expect(okta.stats().sessions).toBe(1)
    clock.advance(300_000)
    expect(okta.stats().sessions).toBe(0)
    await find()
    expect(okta.stats().sessions).toBe(1)
  })

  it('stats() holds numbers and codes alone', async () => {
    await ask('secret-cookie-value')
    const text = JSON.stringify(okta.stats())
    expect(text).not.toContain('secret')
    expect(JSON.parse(text)).toEqual(okta.stats())
  })
})
