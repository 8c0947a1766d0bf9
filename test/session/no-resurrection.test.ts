import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SessionContext } from '../../src/public-types.js'
import { runs } from '../deep.js'
import { LookupWorld } from './lookup-world.js'

const MAX_TTL_MS = 300_000
const values = ['alice', 'bob', 'carol'] as const
type Value = (typeof values)[number]

/** The reference: for each cookie, since when it must not be accepted any more, and why. */
interface Reference {
  /** Signed out here: never active again, whatever Okta answers. */
  readonly signedOut: Set<Value>
  /** Ended at Okta and forgotten here since: must not be active. */
  readonly forgotten: Set<Value>
  /** Ended at Okta at this time: may be active for maxTtlMs more, and no longer. */
  readonly endedAt: Map<Value, number>
}

class World {
  readonly reference: Reference = {
    signedOut: new Set(),
    forgotten: new Set(),
    endedAt: new Map(),
  }
  readonly faults: string[] = []
  readonly pending = new Set<Promise<void>>()
  readonly aborts: AbortController[] = []
  readonly real: LookupWorld
  readonly scheduler: fc.Scheduler

  constructor(scheduler: fc.Scheduler) {
    this.scheduler = scheduler
    this.real = new LookupWorld({
      upstream: { maxConcurrent: 1_000 },
      deliver: async (value) => {
        await scheduler.schedule(Promise.resolve())
        return value()
      },
    })
    for (const value of values) this.real.begin(value)
  }

  lookUp(value: Value, maxStalenessMs: number | undefined): void {
    const abort = new AbortController()
    this.aborts.push(abort)
    const aborted = () => abort.signal.aborted
    const answer = this.real.lookUp(value, { maxStalenessMs, signal: abort.signal })
    if (!(answer instanceof Promise)) {
      this.judge(value, answer)
      return
    }
    const heard = answer.then(
      (context) => this.judge(value, context),
      (error: unknown) => {
        if (!aborted()) this.faults.push(`${value}: rejected without an abort: ${String(error)}`)
      },
    )
    this.pending.add(heard)
    void heard.finally(() => this.pending.delete(heard))
  }

  /** Called when a request gets its context. */
  judge(value: Value, context: SessionContext): void {
    if (context.state !== 'active') return
    const { signedOut, forgotten, endedAt } = this.reference
    const { now } = this.real.clock
    if (context.session.login !== `${value}@example.com`)
      this.faults.push(`${value} was taken for ${context.session.login}`)
    if (signedOut.has(value)) this.faults.push(`${value} came back after signing out`)
    if (forgotten.has(value)) this.faults.push(`${value} came back after being forgotten`)
    const ended = endedAt.get(value)
    if (ended !== undefined && now() - ended > MAX_TTL_MS)
      this.faults.push(`${value} was accepted ${now() - ended} ms after its end`)
    if (Date.parse(context.session.expiresAt) <= now())
      this.faults.push(`${value} was accepted after its own end`)
  }
}

type Command = fc.AsyncCommand<object, World>

const command = (name: string, run: (world: World) => void | Promise<void>): Command => ({
  check: () => true,
  run: async (_model, world) => run(world),
  toString: () => name,
})

/** A request gets its context one microtask after it was made; a revocation in between is no fault of the lookup. */
const afterAnswersGiven = queueMicrotask

const anyValue = fc.constantFrom(...values)

const commands = [
  fc
    .tuple(anyValue, fc.constantFrom(undefined, undefined, 0, 30_000))
    .map(([value, age]) =>
      command(`lookUp(${value}, ${age})`, (world) => world.lookUp(value, age)),
    ),
  anyValue.map((value) =>
    command(`signOut(${value})`, (world) => {
      void world.real.leave(value)
      afterAnswersGiven(() => world.reference.signedOut.add(value))
    }),
  ),
  anyValue.map((value) =>
    command(`end(${value})`, ({ real, reference }) => {
      const side = real.okta.get(value)
      if (side) side.ended = true
      if (!reference.endedAt.has(value)) reference.endedAt.set(value, real.clock.now())
    }),
  ),
  fc.tuple(anyValue, fc.constantFrom('user', 'session', 'cookie')).map(([value, by]) =>
    command(`forget(${value} by ${by})`, ({ real, reference }) => {
      if (by === 'user') void real.lookup.forget({ userId: `user-${value}` })
      else void real.lookup.forget({ sessionId: by === 'session' ? `ext-${value}` : value })
      if (real.okta.get(value)?.ended) afterAnswersGiven(() => reference.forgotten.add(value))
    }),
  ),
  anyValue.map((value) =>
    command(`endAndForget(${value})`, ({ real, reference }) => {
      const side = real.okta.get(value)
      if (side) side.ended = true
      if (!reference.endedAt.has(value)) reference.endedAt.set(value, real.clock.now())
      void real.lookup.forget({ userId: `user-${value}` })
      afterAnswersGiven(() => reference.forgotten.add(value))
    }),
  ),
  fc.constantFrom(500, 20_000, 70_000, 290_000, 7_100_000).map((ms) =>
    command(`advance(${ms})`, async ({ real }) => {
      // Time passes between iterations of the event loop, never within one.
      for (let tick = 0; tick < 20; tick += 1) await Promise.resolve()
      real.clock.advance(ms)
    }),
  ),
  fc.boolean().map((up) =>
    command(up ? 'oktaUp' : 'oktaDown', ({ real }) => {
      real.up = up
    }),
  ),
  fc.nat({ max: 9 }).map((index) =>
    command(`abort(${index})`, ({ aborts }) => {
      aborts[index]?.abort(new Error('the client went away'))
    }),
  ),
  fc.integer({ min: 1, max: 4 }).map((count) =>
    command(`land(${count})`, async ({ scheduler }) => {
      for (let step = 0; step < count && scheduler.count() > 0; step += 1) await scheduler.waitOne()
    }),
  ),
]

describe('operations in any order', () => {
  it('operations in any order bring no session back, serve none too long, and none of another user', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.commands(commands, { maxCommands: 40, size: 'max' }),
        async (scheduler, script) => {
          const world = new World(scheduler)
          await fc.asyncModelRun(() => ({ model: {}, real: world }), script)
          while (world.pending.size > 0) await scheduler.waitIdle()
          world.real.signOut.close()
          expect(world.faults).toEqual([])
        },
      ),
      { numRuns: Number(process.env.LOOKUP_RUNS ?? runs(400, 20_000)) },
    )
  }, 600_000)
})
