/** Starts the Hono example with a local org: node examples/hono/server.js */
import { once } from 'node:events'
import { serve } from '@hono/node-server'
import { oktaSession } from 'express-okta-session'
import { createLocalOrg } from 'express-okta-session/local-org'
import { createApp } from './app.js'

const org = await createLocalOrg()
const okta = oktaSession({ orgUrl: org.url })
const server = serve({
  fetch: createApp(okta).fetch,
  port: Number(process.env.PORT ?? 3_000),
  hostname: '127.0.0.1',
})
await once(server, 'listening')
const address = server.address()
const port = typeof address === 'object' && address !== null ? address.port : 0
const [user] = org.users
console.log(`http://localhost:${port}/account   sign in as ${user?.login}, ${user?.password}`)

process.once('SIGINT', async () => {
  server.close()
  await okta.close()
  await org.close()
})
