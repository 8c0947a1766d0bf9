/** The example of metrics in this process, with a local org and a Redis, and what happens to it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { oktaSession } from 'express-okta-session'
import { redisStore } from 'express-okta-session/redis'
import { createClient } from 'redis'
import { expect, onTestFinished } from 'vitest'
import { createApp, createMetricsApp, measure } from '../../examples/metrics/app.js'
import { root } from '../docs/compile.js'
import { startRedis } from '../redis/redis-server.js'
import { serve, startOrg } from './recipe-world.js'

const hookSecret = 'a-hook-secret-of-the-tests-of-32-bytes'

export async function startMetrics() {
  const { exporter, stop } = measure()
  onTestFinished(stop)
  const server = await startRedis()
  onTestFinished(() => server.stop())
  const client = createClient({ url: server.url, disableOfflineQueue: true })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.destroy())
  const org = await startOrg({ rateLimitPerMinute: 10_000 })
  const okta = oktaSession({
    orgUrl: org.url,
    logger: false,
    secret: 'a secret of the tests, of more than 32 characters',
    cache: { store: redisStore({ client }) },
  })
  onTestFinished(() => okta.close())
  const url = await serve(createApp(okta, hookSecret))
  const metricsUrl = `${await serve(createMetricsApp(exporter))}/metrics`
  await org.addEventHook({ url: `${url}/okta/events`, authorization: hookSecret })
  const get = async (path: string, cookie = '') =>
    (await fetch(url + path, { headers: { cookie }, redirect: 'manual' })).status
  const post = async (path: string, cookie: string) =>
    (await fetch(url + path, { method: 'POST', headers: { cookie, origin: url } })).status
  const read = async () => (await fetch(metricsUrl)).text()
  return { server, org, okta, url, metricsUrl, get, post, read }
}

export type MetricsWorld = Awaited<ReturnType<typeof startMetrics>>

/** A user who comes back, a made-up cookie, a refresh, a sign-out, and a session that Okta revokes. */
export async function visit({ org, get, post }: MetricsWorld): Promise<void> {
  const cookie = org.signIn('alice@example.com')
  for (let count = 0; count < 5; count += 1) expect(await get('/account', cookie)).toBe(200)
  expect(await get('/account', 'idx=made-up')).toBe(401)
  expect(await post('/session/refresh', cookie)).toBe(200)
  expect(await post('/sign-out', cookie)).toBe(204)
  const revoked = org.signIn('bob@example.com')
  expect(await get('/account', revoked)).toBe(200)
  const session = org.sessions.at(-1)
  expect(org.endSession(session?.id ?? '')).toBe(true)
  await org.pushesSettled()
  expect(await get('/account', revoked)).toBe(401)
}

/** An answer of Okta's with a field that the package does not know. */
export async function changeAnswers({ org, get }: MetricsWorld): Promise<void> {
  org.failNext({ kind: 'fields', set: { somethingNew: true } })
  expect(await get('/account', org.signIn('alice@example.com'))).toBe(200)
}

/** Okta answers 503 to users that come for the first time, until its circuit is open. */
export async function failOkta({ org, okta, get }: MetricsWorld): Promise<void> {
  org.fail({ kind: 'status', status: 503 })
  for (let count = 0; count < 8; count += 1)
    expect(await get('/account', org.signIn('alice@example.com'))).toBe(503)
  expect(okta.stats().heldOff).toBeDefined()
}

/** The names in the text that Prometheus gets, those of the parts of histograms included. */
export function namesIn(text: string): ReadonlySet<string> {
  return new Set(text.match(/^\w+(?=[{ ])/gm) ?? [])
}

export interface Panel {
  readonly title: string
  readonly fieldConfig: { readonly defaults: { readonly unit: string } }
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
}

export function panelsOfTheDashboard(): readonly Panel[] {
  return JSON.parse(fileOfTheExample('grafana-dashboard.json')).panels
}

export function fileOfTheExample(name: string): string {
  return readFileSync(join(root, 'examples/metrics', name), 'utf8')
}
