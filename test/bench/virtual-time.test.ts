import { describe, expect, it } from 'vitest'
import { VirtualTime } from '../../bench/sim/virtual-time.js'

describe('the clock of a simulation', () => {
  it('virtual time runs events in the order of their times, and those of one time in the order they were scheduled', async () => {
    const time = new VirtualTime()
    const seen: string[] = []
    const at = (ms: number, name: string) => time.after(ms, () => seen.push(`${name}@${time.now}`))
    for (const [ms, name] of [
      [300, 'd'],
      [100, 'a'],
      [200, 'b'],
      [200, 'c'],
      [900, 'late'],
    ] as const)
      at(ms, name)
    await time.runUntil(500)
    expect(seen).toEqual(['a@100', 'b@200', 'c@200', 'd@300'])
    expect(time.now).toBe(500)
  })

  it('virtual time waits for pending promises before it advances', async () => {
    const time = new VirtualTime()
    const seen: number[] = []
    const sleeper = async () => {
      await time.sleep(10)
      await Promise.resolve()
      await time.sleep(10)
      seen.push(time.now)
    }
    void sleeper()
    time.after(15, () => seen.push(time.now))
    time.after(25, () => seen.push(time.now))
    await time.runUntil(100)
    expect(seen).toEqual([15, 20, 25])
  })

  it('virtual time replaces the global timers while it runs, and restores them', async () => {
    const real = globalThis.setTimeout
    const time = new VirtualTime()
    const seen: string[] = []
    time.after(1, () => {
      setTimeout(() => seen.push(`fired@${time.now}`), 3_600_000)
      clearTimeout(setTimeout(() => seen.push('cleared'), 10))
    })
    await time.runUntil(3_600_001)
    expect(seen).toEqual(['fired@3600001'])
    expect(globalThis.setTimeout).toBe(real)
  })

  it('virtual time keeps thousands of events in order', async () => {
    const time = new VirtualTime()
    const seen: number[] = []
    for (let i = 0; i < 5_000; i += 1) time.after((i * 7_919) % 5_000, () => seen.push(time.now))
    await time.runUntil(5_000)
    expect(seen).toHaveLength(5_000)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  })
})
