import type { IncomingMessage, ServerResponse } from 'node:http'
import type { OktaSession, SessionRule } from 'express-okta-session'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OktaAnswer } from '../../src/contracts.js'
import type { Org } from '../../src/okta/connect.js'
import { composeOktaSession } from '../../src/okta-session.js'
import { parseOptions } from '../../src/options/parse-options.js'
import type { Session } from '../../src/public-types.js'
import { runs } from '../deep.js'
import { sessionFor, TestClock } from '../session/lookup-world.js'

const RUNS = Number(process.env.GUARD_RUNS ?? runs(60, 10_000))
const MAX_TTL_MS = 300_000
const values = ['alice', 'bob'] as const
type Value = (typeof values)[number]

/** What stands in a request's way besides the last guard. */
type Step = 'attach' | 'guard' | 'slow' | 'slower' | 'hours' | 'sleep' | 'early'

/** Okta, the wire and the apps middleware, all on one clock; every wait ends when the scheduler says so. */
class World {
  readonly clock = new TestClock()
  readonly faults: string[] = []
  readonly okta: OktaSession
  readonly scheduler: fc.Scheduler
  /** Time as it really passes: the machine's own clocks may step, or sleep. */
  realNow = this.clock.wall
  readonly #sessions = new Map<string, Session>()
  /** Since when nothing may be let through, for each reason. */
  readonly signedOut = new Set<Value>()
  readonly forgotten = new Set<Value>()
  readonly endedAt = new Map<Value, number>()

  constructor(scheduler: fc.Scheduler) {
    this.scheduler = scheduler
    for (const value of values) this.#sessions.set(value, sessionFor(value, this.realNow + 600_000))
    const settings = parseOptions(
      {
        orgUrl: 'https://id.example.com',
        logger: false,
        cookies: ['sid'],
        upstream: { maxConcurrent: 1_000 },
      },
      {},
    )
    const { clock } = this
    this.okta = composeOktaSession(settings, { clock, random: () => 0, connect: () => this.#org() })
  }

  end(value: Value): void {
    if (this.#sessions.delete(value)) this.endedAt.set(value, this.realNow)
  }

  forget(value: Value): void {
    void this.okta.forget({ userId: `user-${value}` })
    if (!this.#sessions.has(value)) this.forgotten.add(value)
  }

  signOut(value: Value): void {
    const req = requestOf(value, { 'sec-fetch-site': 'same-origin' }, 'POST')
    this.okta.logout()(req, new FakeResponse(this).asResponse(), () => {})
    this.signedOut.add(value)
  }

  advance(ms: number): void {
    this.clock.advance(ms)
    this.realNow += ms
  }

  sleep(ms: number): void {
    this.clock.wall += ms
    this.realNow += ms
  }

  /** One request through the steps and a guard at their end. */
  send(value: Value, steps: readonly Step[], rule: SessionRule): void {
    const req = requestOf(value, {}, 'GET')
    const response = new FakeResponse(this)
    const res = response.asResponse()
    const last = this.okta.requireSession(rule)
    const run = (index: number) => {
      const step = steps[index]
      if (step === undefined) {
        const answered = res.headersSent
        last(req, res, (error) => {
          if (error === undefined) this.#passed(value, answered || response.early)
        })
      } else this.#take(step, req, response, () => run(index + 1))
    }
    run(0)
  }

  /** A step of the scheduler's, after which the event loop runs. */
  async soon(): Promise<void> {
    await this.scheduler.schedule(Promise.resolve())
  }

  #take(step: Step, req: IncomingMessage, response: FakeResponse, next: () => void): void {
    const res = response.asResponse()
    switch (step) {
      case 'attach':
        this.okta.attachSession()(req, res, next)
        return
      case 'guard':
        this.okta.requireSession()(req, res, next)
        return
      case 'slow':
        void this.soon().then(next)
        return
      case 'slower':
        void this.soon()
          .then(() => this.soon())
          .then(next)
        return
      case 'hours':
        void this.soon().then(() => {
          this.advance(601_000)
          next()
        })
        return
      case 'sleep':
        void this.soon().then(() => {
          this.sleep(601_000)
          next()
        })
        return
      case 'early':
        // A time limit in front: it answers by itself, whatever the request is doing.
        void this.soon().then(() => response.answerEarly())
        next()
    }
  }

  /** Called at the very moment a guard lets a request through. */
  #passed(value: Value, wasAnswered: boolean): void {
    if (wasAnswered) this.faults.push(`${value} was let through after the answer`)
    if (this.signedOut.has(value)) this.faults.push(`${value} came back after signing out`)
    if (this.forgotten.has(value)) this.faults.push(`${value} came back after being forgotten`)
    const ended = this.endedAt.get(value)
    if (ended !== undefined && this.realNow - ended > MAX_TTL_MS)
      this.faults.push(`${value} was let through ${this.realNow - ended} ms after the end`)
    if (this.#ends(value) <= this.realNow)
      this.faults.push(`${value} was let through after the session's own end`)
  }

  #ends(value: Value): number {
    return Date.parse(this.#sessions.get(value)?.expiresAt ?? '9999-01-01T00:00:00Z')
  }

  #org(): Org {
    const callOkta = async <T>(
      value: string,
      answer: (session: Session) => T,
    ): Promise<OktaAnswer<T>> => {
      await this.soon()
      const session = this.#sessions.get(value)
      const alive = session !== undefined && Date.parse(session.expiresAt) > this.realNow
      const head = { status: alive ? 200 : 404, setCookies: [], oktaTime: this.realNow }
      const decided: OktaAnswer<T> = alive
        ? { kind: 'yes', value: answer(session), head }
        : { kind: 'no', head }
      await this.soon()
      return decided
    }
    const never = () => Promise.reject(new Error('no request calls this'))
    return {
      api: undefined as never,
      fetchSession: ({ value }) => callOkta(value, (session) => session),
      closeSession: ({ value }) =>
        callOkta(value, () => {
          this.#sessions.delete(value)
        }),
      refreshSession: never,
      createSession: never,
      check: never,
      pushes: undefined as never,
      close: async () => {},
    }
  }
}

function requestOf(value: Value, headers: object, method: string): IncomingMessage {
  const all = { host: 'app.example.com', cookie: `sid=${value}`, ...headers }
  return { method, url: '/', headers: all, socket: {} } as unknown as IncomingMessage
}

/** As much of a response as the middleware uses; it refuses to be written once it has been answered. */
class FakeResponse {
  statusCode = 200
  headersSent = false
  writableEnded = false
  destroyed = false
  /** Answered by the time limit in front. */
  early = false
  readonly #world: World
  readonly #headers = new Map<string, unknown>()

  constructor(world: World) {
    this.#world = world
  }

  asResponse(): ServerResponse {
    return this as unknown as ServerResponse
  }

  getHeader(name: string): unknown {
    return this.#headers.get(name.toLowerCase())
  }

  setHeader(name: string, value: unknown): this {
    if (this.headersSent) this.#world.faults.push(`${name} was set after the answer`)
    this.#headers.set(name.toLowerCase(), value)
    return this
  }

  removeHeader(name: string): void {
    this.#headers.delete(name.toLowerCase())
  }

  end(): void {
    if (this.headersSent) this.#world.faults.push('answered twice')
    this.headersSent = true
    this.writableEnded = true
  }

  answerEarly(): void {
    if (this.headersSent) return
    this.early = true
    this.headersSent = true
    this.writableEnded = true
  }
}

type Command = fc.AsyncCommand<object, World>

function command(name: string, run: (world: World) => void | Promise<void>): Command {
  return {
    check: () => true,
    run: async (_model, world) => run(world),
    toString: () => name,
  }
}

const anyValue = fc.constantFrom(...values)
const anyStep = fc.constantFrom<Step>(
  ...(['attach', 'attach', 'guard', 'slow', 'slower', 'hours', 'sleep', 'early'] as const),
)
const anySteps = fc.array(anyStep, { maxLength: 5 })
const anyRule = fc.constantFrom('none', 'at_once', 'slow', 'fresh', 'fresh_slow')

function ruleFor(name: string, world: World): SessionRule {
  const slow = async () => {
    await world.soon()
    return true
  }
  switch (name) {
    case 'at_once':
      return { allow: () => true }
    case 'slow':
      return { allow: slow }
    case 'fresh':
      return { maxStalenessMs: 0 }
    case 'fresh_slow':
      return { maxStalenessMs: 1_000, allow: slow }
    default:
      return {}
  }
}

/** What happens between iterations of the event loop happens when no callback of ours is pending. */
async function iteration(): Promise<void> {
  await new Promise((done) => setImmediate(done))
}

const send = fc
  .tuple(anyValue, anySteps, anyRule)
  .map(([value, steps, rule]) =>
    command(`send(${value}, [${steps.join(' ')}], ${rule})`, (world) =>
      world.send(value, steps, ruleFor(rule, world)),
    ),
  )

const commands = [
  send,
  send,
  send,
  anyValue.map((value) => command(`end(${value})`, (world) => world.end(value))),
  anyValue.map((value) => command(`forget(${value})`, (world) => world.forget(value))),
  anyValue.map((value) =>
    command(`endAndForget(${value})`, (world) => {
      world.end(value)
      world.forget(value)
    }),
  ),
  anyValue.map((value) => command(`signOut(${value})`, (world) => world.signOut(value))),
  fc.constantFrom(500, 20_000, 70_000, 299_000, 601_000).map((ms) =>
    command(`advance(${ms})`, async (world) => {
      await iteration()
      world.advance(ms)
    }),
  ),
  fc.constantFrom(-4_000, -3_000, 3_000).map((ms) =>
    command(`step(${ms})`, async (world) => {
      await iteration()
      world.clock.wall += ms
    }),
  ),
  fc.constantFrom(60_000, 700_000).map((ms) =>
    command(`sleep(${ms})`, async (world) => {
      await iteration()
      world.sleep(ms)
    }),
  ),
  // A revocation in the same iteration as an answer of Okta's.
  anyValue.map((value) =>
    command(`endAndForgetOnAnswer(${value})`, (world) => {
      const end = () => {
        world.end(value)
        world.forget(value)
      }
      void world.okta.authenticate(requestOf(value, {}, 'GET')).then(end)
    }),
  ),
  // Often: a script of waits alone lets nothing arrive.
  ...[1, 2, 3, 4].map((most) =>
    fc.integer({ min: 1, max: most }).map((count) =>
      command(`land(${count})`, async ({ scheduler }) => {
        for (let step = 0; step < count && scheduler.count() > 0; step += 1) {
          await scheduler.waitOne()
          await iteration()
        }
      }),
    ),
  ),
  fc.integer({ min: 1, max: 3 }).map((count) =>
    command(`landInOneTurn(${count})`, async ({ scheduler }) => {
      for (let step = 0; step < count && scheduler.count() > 0; step += 1) await scheduler.waitOne()
    }),
  ),
]

describe('guards under random schedules', () => {
  it('no guard lets a request through whose session was revoked or had ended before', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.commands(commands, { maxCommands: 25, size: 'max' }),
        async (scheduler, script) => {
          const world = new World(scheduler)
          await fc.asyncModelRun(() => ({ model: {}, real: world }), script)
          for (let idle = 0; idle < 3; idle += 1) {
            while (scheduler.count() > 0) await scheduler.waitOne()
            await iteration()
          }
          await world.okta.close()
          expect(world.faults).toEqual([])
        },
      ),
      { numRuns: RUNS },
    )
  }, 1_200_000)
})
