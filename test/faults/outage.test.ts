import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import express from 'express'
import type { OktaSession, SessionContext } from 'express-okta-session'
import request from 'supertest'
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { runs } from '../deep.js'
import { startOkta } from '../front-door/door.js'
import { sessionFor, TestClock } from '../session/lookup-world.js'

/** How Okta is out of order. */
type Illness =
  | 'refuses connections'
  | 'resets connections'
  | 'answers 503'
  | 'answers 200 with HTML'
  | 'is silent'

/** An org that knows every cookie, on one port, well or ill. */
class Org {
  illness: Illness | undefined
  /** Requests, or connections while none is let through. */
  asked = 0
  posts = 0
  readonly #clock: TestClock
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #port = 0

  constructor(clock: TestClock) {
    this.#clock = clock
    this.#server = createServer((req, res) => {
      this.asked += 1
      if (req.method === 'POST') this.posts += 1
      if (this.illness === undefined) this.#answer(req.headers.cookie ?? 'sid=new', res)
      else this.#fail(this.illness, res)
    })
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve))
  }

  async fallIll(illness: Illness): Promise<void> {
    this.illness = illness
    if (illness === 'refuses connections') await this.stop()
  }

  async recover(): Promise<void> {
    if (this.illness === 'refuses connections') await this.start()
    this.illness = undefined
    for (const socket of this.#sockets) socket.destroy()
  }

  #answer(cookie: string, res: ServerResponse): void {
    res.setHeader('Date', new Date(this.#clock.wall).toUTCString())
    res.setHeader('Content-Type', 'application/json')
    res.end(JSON.stringify(sessionFor(cookie.slice(4), this.#clock.wall + 7_200_000)))
  }

  #fail(illness: Illness, res: ServerResponse): void {
    if (illness === 'resets connections') res.socket?.resetAndDestroy()
    else if (illness === 'answers 503') res.writeHead(503).end()
    else if (illness === 'answers 200 with HTML')
      res.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>Sorry</p>')
  }
}

async function world(timeoutMs = 150) {
  const clock = new TestClock()
  const org = new Org(clock)
  await org.start()
  const info = vi.fn()
  const warn = vi.fn()
  const options = { orgUrl: org.url, upstream: { timeoutMs }, logger: { warn, info } }
  const okta = startOkta(options, clock, () => 0.5)
  onTestFinished(() => org.stop())
  const ask = (value: string) => okta.authenticate({ headers: { cookie: `sid=${value}` } })
  const askAll = (names: readonly string[]) => Promise.all(names.map(ask))
  /** Makes all of these known, however slow this machine is today. */
  async function welcome(users: readonly string[]): Promise<void> {
    for (const user of users) await expect.poll(() => askPatiently(user)).toBe('active')
  }
  /** Lets the time pass that an answer says to wait. */
  async function askPatiently(user: string): Promise<string> {
    const context = await ask(user)
    if (context.state === 'unavailable') clock.advance(context.retryAfterMs)
    return context.state
  }
  return { clock, org, okta, ask, askAll, welcome, warn, info }
}

const names = (what: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${what}${i}`)

function tally(counts: Record<string, number>, contexts: readonly SessionContext[]): void {
  for (const context of contexts) {
    const name = context.state === 'active' ? `active ${context.source}` : context.state
    counts[name] = (counts[name] ?? 0) + 1
  }
}

const figures: Record<string, string | number>[] = []
afterAll(() => {
  console.table(figures)
})

const STEP_MS = 100
const SECOND = 1_000
/** 1,000 requests a second. */
const PER_STEP = 100

const illnesses = runs<Illness[]>(
  ['answers 503'],
  [
    'refuses connections',
    'resets connections',
    'answers 503',
    'answers 200 with HTML',
    'is silent',
  ],
)

describe('an outage of a minute at 1,000 requests a second', { timeout: 60_000 }, () => {
  it.each(illnesses)(
    'cached sessions are served and calls stop when Okta %s for a minute',
    async (illness) => {
      const { clock, org, okta, ask, askAll, welcome, warn, info } = await world()
      // Some were here six minutes ago and have nothing to be served with; most were here just now.
      const away = names('away', 30)
      await welcome(away)
      clock.advance(360 * SECOND)
      const active = names('active', 300)
      await welcome(active)
      const callsBefore = okta.stats().calls
      const askedBefore = org.asked

      await org.fallIll(illness)
      const served: Record<string, number> = {}
      const others: Record<string, number> = {}
      const callsAt: number[] = []
      for (let ms = 0; ms < 60 * SECOND; ms += STEP_MS) {
        clock.advance(STEP_MS)
        const step = ms / STEP_MS
        const some = Array.from(
          { length: PER_STEP - 2 },
          (_, i) => active[(step * 98 + i) % 300] ?? '',
        )
        const [mine, strange] = await Promise.all([
          askAll(some),
          askAll([away[step % 30] ?? '', `new${step}`]),
        ])
        tally(served, mine)
        tally(others, strange)
        await okta.settled()
        callsAt.push(okta.stats().calls - callsBefore)
      }
      // No user is signed out, and a user of the last minutes notices nothing.
      expect(Object.keys(served).sort()).toEqual(['active memory', 'active stale'])
      expect(others).toEqual({ unavailable: 1_200 })
      // The breaker opens after a handful of calls, for strangers and for everybody; then one probe a second.
      const opened = callsAt.findIndex((calls, i) => calls === callsAt[i + 1])
      expect(callsAt[opened]).toBeLessThanOrEqual(10)
      const inASecond = callsAt
        .slice(opened + 10)
        .map((calls, i) => calls - (callsAt[opened + i] ?? 0))
      expect(Math.max(...inASecond)).toBe(1)
      const probes = (callsAt.at(-1) ?? 0) - (callsAt[opened] ?? 0)
      expect(probes).toBeGreaterThan(50)
      // Retries are a tenth on top.
      const calls = callsAt.at(-1) ?? 0
      if (illness !== 'refuses connections')
        expect(org.asked - askedBefore).toBeLessThanOrEqual(calls * 1.1 + 5)
      expect(
        warn.mock.calls.filter(([text]) => String(text).includes('stopped for now')).length,
      ).toBeLessThanOrEqual(2)

      const atTheOrg = org.asked - askedBefore
      await org.recover()
      let recoveredIn = Number.POSITIVE_INFINITY
      for (
        let ms = 0;
        ms <= 5 * SECOND && recoveredIn === Number.POSITIVE_INFINITY;
        ms += STEP_MS
      ) {
        clock.advance(STEP_MS)
        const contexts = await askAll([...away, `late${ms}`])
        if (contexts.every(({ state }) => state === 'active')) recoveredIn = ms
      }
      expect(recoveredIn).toBeLessThanOrEqual(5 * SECOND)
      figures.push({
        'Okta ...': illness,
        'calls until the circuit opened': callsAt[opened] ?? 0,
        'probes after that': probes,
        'requests at the org': atTheOrg,
        'recovered within ms': recoveredIn + STEP_MS,
      })
      expect(await ask('new7')).toMatchObject({ state: 'active', source: 'okta' })
      expect(okta.stats()).not.toHaveProperty('heldOff')
      expect(info).toHaveBeenCalled()
    },
  )
})

describe('what is tried again', () => {
  it.each<Illness>(['resets connections', 'answers 503'])(
    'a lookup is retried once when Okta %s',
    async (illness) => {
      const { clock, org, ask, welcome } = await world(1_000)
      // A healthy stretch saves up more than one retry.
      await welcome(names('user', 100))
      clock.advance(61 * SECOND)
      await org.fallIll(illness)
      const before = org.asked
      await ask('somebody')
      expect(org.asked - before).toBe(2)
    },
  )

  it.each<Illness>(['resets connections', 'answers 503', 'answers 200 with HTML', 'is silent'])(
    'a sign-in is never retried when Okta %s',
    async (illness) => {
      const { org, okta, welcome } = await world(200)
      await welcome(names('user', 100))
      await org.fallIll(illness)
      const before = org.asked
      const { status, headers } = await signIn(okta)
      expect(status).toBe(503)
      expect(headers['set-cookie']).toBeUndefined()
      expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1)
      expect([org.posts, org.asked - before]).toEqual([1, 1])
    },
  )

  it('a sign-out is retried in the background, and the user is signed out meanwhile', async () => {
    const { org, okta, ask, welcome } = await world(200)
    await welcome(['leaver'])
    await org.fallIll('answers 503')
    const { status, body } = await signOut(okta, 'leaver')
    expect([status, body]).toEqual([200, { oktaClosed: false }])
    expect(await ask('leaver')).toMatchObject({ state: 'anonymous', reason: 'signed_out' })
  })
})

function signIn(okta: OktaSession) {
  const app = express()
  app.post('/login', okta.login())
  return request(app)
    .post('/login')
    .set('Sec-Fetch-Site', 'same-origin')
    .send({ sessionToken: '20111abcdefghijklmnopqrstuvwxyz' })
}

function signOut(okta: OktaSession, value: string) {
  const app = express()
  app.post('/logout', okta.logout())
  return request(app)
    .post('/logout')
    .set('Sec-Fetch-Site', 'same-origin')
    .set('Cookie', `sid=${value}`)
}
