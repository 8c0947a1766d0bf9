/** Large batches of pushes leave the event loop to requests. */
import { beforeEach, describe, expect, it } from 'vitest'
import { PushedRevocations } from '../../src/session/pushed-revocations.js'
import { LookupWorld } from './lookup-world.js'

let world: LookupWorld
beforeEach(() => {
  world = new LookupWorld()
})

const pushesOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    id: `event ${index}`,
    subjects: [{ kind: 'user', id: `00u${index}` }] as const,
  }))

/** The turns of the event loop until the work has ended. */
async function turnsOf(work: Promise<unknown>): Promise<number> {
  let turns = 0
  let isOver = false
  const count = () => {
    turns += 1
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  await work
  isOver = true
  return turns
}

describe('a batch of pushes', () => {
  it('is applied in several turns of the event loop where it is large, and is then all in force', async () => {
    const pushed = new PushedRevocations(world.lookup)
    expect(await turnsOf(pushed.apply(pushesOf(5_000)))).toBeGreaterThan(4)
    expect(pushed.stats()).toMatchObject({ events: 5_000, revocations: 5_000 })
  })

  it('settled() waits for all of it', async () => {
    const pushed = new PushedRevocations(world.lookup)
    void pushed.apply(pushesOf(2_000))
    await pushed.settled()
    expect(pushed.stats().revocations).toBe(2_000)
  })

  it('a second delivery meanwhile revokes nothing twice', async () => {
    const pushed = new PushedRevocations(world.lookup)
    await Promise.all([pushed.apply(pushesOf(2_000)), pushed.apply(pushesOf(2_000))])
    expect(pushed.stats()).toMatchObject({ events: 4_000, revocations: 2_000 })
  })
})
