/**
 * Starts the example with a local org: node examples/metrics/server.js
 * PORT and METRICS_PORT choose its ports, REDIS_URL a store, and SPANS=1 prints spans.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { oktaSession } from 'express-okta-session'
import { createLocalOrg } from 'express-okta-session/local-org'
import { createApp, createMetricsApp, measure } from './app.js'

const { PORT = '3000', METRICS_PORT = '9464', REDIS_URL, SPANS } = process.env

const measuring = measure(SPANS === '1' ? (await import('./spans.js')).printSpans() : undefined)
const org = await createLocalOrg({ rateLimitPerMinute: 600 })
const opened = REDIS_URL ? await (await import('../app/store.js')).openStore(REDIS_URL) : undefined
const okta = oktaSession({
  orgUrl: org.url,
  ...(opened && {
    secret: process.env.SESSION_SECRET ?? randomBytes(32).toString('base64url'),
    cache: { store: opened.store },
  }),
})
const hookSecret = randomBytes(32).toString('base64url')
const servers = [
  createApp(okta, hookSecret).listen(Number(PORT), '127.0.0.1'),
  createMetricsApp(measuring.exporter).listen(Number(METRICS_PORT), '127.0.0.1'),
]
const [url, metricsUrl] = await Promise.all(servers.map(urlOf))
await org.addEventHook({ url: `${url}/okta/events`, authorization: hookSecret })
const [user] = org.users
console.log(`${url}/account   sign in as ${user?.login}, ${user?.password}`)
console.log(`${org.url}/console   switch faults on here, and revoke sessions`)
console.log(`${metricsUrl}/metrics   for Prometheus`)

for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, async () => {
    for (const server of servers) server.close()
    await okta.close()
    opened?.close()
    await org.close()
    await measuring.stop()
    for (const server of servers) server.closeAllConnections()
  })

/** @param {import('node:http').Server} server */
async function urlOf(server) {
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return `http://localhost:${port}`
}
