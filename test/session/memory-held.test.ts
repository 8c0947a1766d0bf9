import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeEach, describe, expect, it } from 'vitest'
import type { OktaSession } from '../../src/okta-session-types.js'
import { TestClock } from './lookup-world.js'
import { middleware, type TinyOrg, tinyOrg } from './tiny-org.js'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const PADDING_BYTES = 7_000
const COUNT = 1_000

let org: TinyOrg
let okta: OktaSession

beforeEach(async () => {
  const clock = new TestClock()
  org = await tinyOrg(clock)
  const cache = { maxSessions: 2 * COUNT, maxNegatives: 2 * COUNT }
  okta = middleware(org, clock, { cache, upstream: { maxQueueMs: 60_000 } })
})

/** A request whose Cookie header is long, each with its own text. */
function longRequest(index: number) {
  const padding = String(index).padEnd(PADDING_BYTES, 'x')
  // As long as Okta's own: V8 copies shorter ones anyway.
  const value = `102${String(index).padStart(22, '0')}`
  return { headers: { cookie: `other=${padding}; sid=${value}; last=1` } }
}

/** Heap bytes each of many calls leaves behind, once the first has warmed everything up. */
async function bytesHeldEach(hold: (index: number) => Promise<unknown>): Promise<number> {
  await hold(0)
  const before = heapAfterCollection()
  for (let index = 1; index <= COUNT; index += 1) await hold(index)
  return (heapAfterCollection() - before) / COUNT
}

function heapAfterCollection(): number {
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().heapUsed
}

describe("a request's Cookie header", () => {
  it('a cached session does not retain the Cookie header of its request', async () => {
    const held = await bytesHeldEach((index) => okta.authenticate(longRequest(index)))
    expect(okta.stats().sessions).toBe(COUNT + 1)
    expect(held).toBeLessThan(PADDING_BYTES / 2)
  })

  it('a watch does not retain the Cookie header of its request', async () => {
    const stops: (() => void)[] = []
    const held = await bytesHeldEach(async (index) => {
      await okta.authenticate(longRequest(index))
      stops.push(okta.watch(longRequest(index), () => {}))
      // The watch begins in a later iteration of the event loop; nothing of the request may be left after that.
      await Promise.resolve()
    })
    expect(okta.stats().watched).toBe(COUNT + 1)
    expect(held).toBeLessThan(PADDING_BYTES / 2)
    for (const stop of stops) stop()
  })
})
