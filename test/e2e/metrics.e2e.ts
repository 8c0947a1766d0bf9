/** The example of metrics under a real Prometheus: its dashboard has data, an outage raises the alert, and a picture of it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { root } from '../docs/compile.js'
import {
  changeAnswers,
  type MetricsWorld,
  type Panel,
  panelsOfTheDashboard,
  startMetrics,
  visit,
} from '../examples/metrics-world.js'
import { freePorts } from '../redis/free-ports.js'
import { serverProgram } from '../redis/redis-server.js'
import { hasChromium, launch, screenshot } from './chromium.js'
import { drawPanels, type Series } from './draw-panels.js'

const missing = "Prometheus or Redis was not found: install Debian's prometheus and redis-server."
const canRun = (() => {
  const found = spawnSync('prometheus', ['--version'], { timeout: 5_000 }).status === 0
  if (found && serverProgram !== undefined && hasChromium()) return true
  if (process.env.CI === 'true') throw new Error(missing)
  process.stderr.write(`The test with Prometheus is skipped. ${missing}\n`)
  return false
})()

/** Scrapes, of a second each; for the picture there are more. */
const PHASE = process.env.SCREENSHOTS === '1' ? 15 : 1

describe.skipIf(!canRun)('a real Prometheus', () => {
  it('has data for each panel of the dashboard, and an alert while Okta is down', async () => {
    const world = await startMetrics()
    const prometheus = await startPrometheus(world.metricsUrl)
    const startedAt = Date.now()
    // It ends the newest session, which has to be its own.
    await visit(world)
    await changeAnswers(world)
    const traffic = startTraffic(world)
    onTestFinished(traffic.stop)
    await prometheus.until('sum(rate(okta_session_requests_total[5s])) > 0')
    await prometheus.scraped(1 * PHASE)

    world.org.fail({ kind: 'status', status: 503 })
    await prometheus.until('ALERTS{alertname="OktaDown"}')
    await prometheus.until('max(okta_session_circuit_open) == 1')
    await prometheus.scraped(2 * PHASE)
    world.org.clearFaults()
    await prometheus.until('max(okta_session_circuit_open) == 0')
    await prometheus.until('absent(ALERTS{alertname="OktaDown"})')
    await prometheus.scraped(4 * PHASE)
    await traffic.stop()
    await visit(world)
    await prometheus.until('sum(increase(okta_session_refreshes_total[5s])) > 0')

    const panels = await Promise.all(
      panelsOfTheDashboard().map(async (panel) => ({
        ...panel,
        series: await prometheus.range(panel, startedAt, Date.now()),
      })),
    )
    expect(prometheus.withoutData()).toEqual([])
    const browser = await launch()
    onTestFinished(() => browser.close())
    const page = await browser.newPage({ viewport: { width: 1200, height: 800 } })
    await page.setContent(drawPanels(panels))
    expect(await page.locator('path').count()).toBeGreaterThan(panels.length)
    await screenshot(page, 'metrics')
  }, 120_000)
})

/** Users that come back, and new ones; what they get depends on Okta. */
function startTraffic({ org, get, post }: MetricsWorld) {
  let isStopped = false
  const known = ['alice', 'bob', 'carol'].map((name) => org.signIn(`${name}@example.com`))
  const browse = async () => {
    while (!isStopped) {
      for (const cookie of known) await get('/account', cookie)
      await get('/account', org.signIn('alice@example.com'))
      await post('/session/refresh', known[0] ?? '')
      // A turn of pause, so that a second holds some dozens of requests.
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const running = browse()
  return {
    async stop() {
      isStopped = true
      await running
    },
  }
}

async function startPrometheus(metricsUrl: string) {
  const [port = 0] = await freePorts(1)
  const folder = await mkdtemp(join(tmpdir(), 'prometheus-'))
  const config = `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [${JSON.stringify(join(root, 'examples/metrics/alerts.yml'))}]
scrape_configs:
  - job_name: app
    static_configs: [{ targets: [${JSON.stringify(new URL(metricsUrl).host)}] }]
`
  await writeFile(join(folder, 'prometheus.yml'), config)
  const child = spawn('prometheus', [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=error',
  ])
  onTestFinished(() => end(child, folder))
  const url = `http://127.0.0.1:${port}`
  const isReady = () =>
    fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  await expect.poll(isReady, { timeout: 20_000 }).toBe(true)
  const ask = async (path: string, query: Record<string, string>) => {
    const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(query)}`)
    const { data } = (await answer.json()) as { data: { result: readonly Answered[] } }
    return data.result
  }
  /** Resolves when the expression has a result. */
  const until = (expression: string) =>
    expect
      .poll(async () => (await ask('query', { query: expression })).length, {
        timeout: 60_000,
        interval: 250,
        message: expression,
      })
      .toBeGreaterThan(0)
  const withoutData: string[] = []
  return {
    until,
    /** The expressions that had no series. */
    withoutData: () => withoutData,
    /** Resolves after so many scrapes in all. */
    scraped: (times: number) => until(`sum(count_over_time(up[10m])) >= ${times}`),

    async range({ targets }: Panel, from: number, to: number): Promise<Series[]> {
      const answers = targets.map(async ({ expr, legendFormat }) => {
        const query = expr.replaceAll('$__rate_interval', '5s')
        const span = { start: String(from / 1_000), end: String(to / 1_000), step: '1' }
        const results = await ask('query_range', { query, ...span })
        if (results.length === 0) withoutData.push(expr)
        return results.map(({ metric, values }) => ({
          name: legendFormat.replace(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? ''),
          points: values.map(([at, value]) => [at, Number(value)] as const),
        }))
      })
      return (await Promise.all(answers)).flat()
    },
  }
}

interface Answered {
  readonly metric: Readonly<Record<string, string>>
  readonly values: readonly (readonly [at: number, value: string])[]
}

async function end(child: ChildProcess, folder: string): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
  await rm(folder, { recursive: true })
}
