/** The example of metrics: what Prometheus gets from it, and that the dashboard and the alerts ask for nothing else. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { load } from 'js-yaml'
import { describe, expect, it, onTestFinished } from 'vitest'
import { root } from '../docs/compile.js'
import { describeRedis } from '../redis/redis-server.js'
import {
  changeAnswers,
  failOkta,
  fileOfTheExample,
  namesIn,
  panelsOfTheDashboard,
  startMetrics,
  visit,
} from './metrics-world.js'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly annotations: { readonly runbook: string }
}

const { groups } = load(fileOfTheExample('alerts.yml')) as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[]
}
const rules = groups.flatMap((group) => group.rules)
const panels = panelsOfTheDashboard()

describeRedis('the example of metrics', () => {
  it('produces every metric that the dashboard and the alerts ask for', async () => {
    const world = await startMetrics()
    await visit(world)
    await changeAnswers(world)
    await failOkta(world)
    const text = await world.read()
    const { port } = new URL(world.org.url)
    const series = text.split('\n').filter((line) => line.includes(`server_port="${port}"`))
    const produced = namesIn(series.join('\n'))
    for (const [name, labels] of [
      ['requests_total', { okta_session_result: 'hit' }],
      ['call_duration_count', { okta_session_operation: 'closeCurrentSession' }],
      ['call_duration_count', { error_type: 'server_error' }],
      ['refused_total', { error_type: 'breaker_open' }],
      ['refreshes_total', { okta_session_outcome: 'refreshed' }],
      ['pushes_total', { okta_session_result: 'revoked' }],
      ['store_up', {}],
    ] as const) {
      const [found] = series.filter(
        (line) =>
          line.startsWith(`okta_session_${name}{`) &&
          Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)),
      )
      expect(found, `${name} ${JSON.stringify(labels)}`).toMatch(/ [1-9]\d*$/)
    }
    const asked = [
      ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
      ...rules.map(({ expr }) => expr),
    ].flatMap(namesAskedFor)
    expect(asked.length).toBeGreaterThan(40)
    expect(asked.filter((name) => !produced.has(name))).toEqual([])
  })

  it('shows the figures to no client of the pages', async () => {
    const { get } = await startMetrics()
    expect(await get('/metrics')).toBe(404)
  })
})

describe('the example of metrics as a program', () => {
  it('serves its figures, and ends with its signal', async () => {
    const child = spawn(process.execPath, [join(root, 'examples/metrics/server.js')], {
      env: { ...process.env, PORT: '0', METRICS_PORT: '0', REDIS_URL: '', SPANS: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const metricsUrl = await lineOf(child, /^(\S+) {3}for Prometheus/)
    expect(namesIn(await (await fetch(metricsUrl)).text())).toContain('okta_session_sessions')
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })
})

describe('the dashboard', () => {
  it('has a variable for its data source, which every panel uses', () => {
    const { templating, panels } = JSON.parse(fileOfTheExample('grafana-dashboard.json'))
    expect(templating.list).toMatchObject([{ name: 'datasource', type: 'datasource' }])
    for (const { datasource, targets } of panels)
      for (const each of [{ datasource }, ...targets])
        expect(each.datasource.uid).toBe(`\${datasource}`)
  })

  it('places no two panels on one spot, and has no id twice', () => {
    const { panels } = JSON.parse(fileOfTheExample('grafana-dashboard.json'))
    const spots = panels.map(({ gridPos }: { gridPos: { x: number; y: number } }) =>
      [gridPos.x, gridPos.y].join(),
    )
    const ids = panels.map(({ id }: { id: number }) => id)
    for (const each of [spots, ids]) expect(new Set(each).size).toBe(panels.length)
  })
})

/** The names in an expression, without those of labels. */
function namesAskedFor(expr: string): string[] {
  const withoutLabels = expr.replace(/\{[^}]*\}|\b(?:by|on) \([^)]*\)/g, '')
  return withoutLabels.match(/\bokta_session_\w+/g) ?? []
}

/** What a line of the program's output says. */
async function lineOf(child: ChildProcess, pattern: RegExp): Promise<string> {
  if (child.stdout === null) throw new Error('no output')
  for await (const line of createInterface(child.stdout)) {
    const [, found] = pattern.exec(line) ?? []
    if (found !== undefined) {
      child.stdout.resume()
      return found
    }
  }
  throw new Error('the program ended')
}
