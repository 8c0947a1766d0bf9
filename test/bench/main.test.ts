import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { benchmarks } from '../../bench/benchmarks.js'

const main = fileURLToPath(new URL('../../bench/main.js', import.meta.url))

function bench(...args: readonly string[]) {
  return benchIn(process.env, ...args)
}

function benchIn(env: NodeJS.ProcessEnv, ...args: readonly string[]) {
  return promisify(execFile)(process.execPath, [main, ...args], { env })
}

type Rows = readonly Readonly<Record<string, string | number>>[]

describe('npm run bench', () => {
  it('npm run bench names the benchmarks when the given name is unknown', async () => {
    await expect(bench('speed')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining(benchmarks.map(({ name }) => name).join(', ')),
    })
  })

  it('npm run bench prints its counts as JSON: one call for a stampede, few for junk, no seen user rejected', async () => {
    const { stdout } = await bench('stampede', 'junk', '--tiny', '--json')
    const { date, machine, versions, reports } = JSON.parse(stdout)
    expect(date).toMatch(/^\d{4}-\d\d-\d\d$/)
    expect(machine).toMatch(/^\d+ x /)
    expect(versions).toMatchObject({ node: process.versions.node })
    const stampede: Rows = reports.stampede.rows
    expect(stampede.map(({ calls }) => calls)).toEqual([1, 1])
    const junk: Rows = reports.junk.rows
    expect(junk).toHaveLength(6)
    for (const { calls = 0 } of junk) expect(calls).toBeLessThanOrEqual(300)
    for (const { name, served } of junk)
      if (String(name).startsWith('seen')) expect(served).toBeGreaterThanOrEqual(0.999)
  })
  it('npm run bench says that the benchmark redis needs redis-server where it is not installed', async () => {
    const { stdout } = await benchIn({ PATH: '' }, 'redis', '--tiny', '--json')
    const { reports } = JSON.parse(stdout)
    expect(reports.redis.rows).toEqual([])
    expect(reports.redis.notes).toEqual([expect.stringContaining('no redis-server')])
  })

  it('npm run bench measures what a push costs its receiver also where no redis-server is installed', async () => {
    const { stdout } = await benchIn({ PATH: '' }, 'push', '--tiny', '--json')
    const { reports } = JSON.parse(stdout)
    const rows: Rows = reports.push.rows
    expect(rows).toHaveLength(4)
    for (const { name } of rows) expect(name).toMatch(/^blocked by \d+ of \d+ sessions/)
    expect(reports.push.notes).toContainEqual(expect.stringContaining('no redis-server'))
  })
})
