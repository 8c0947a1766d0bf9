/** Starts the Fastify example with a local org: node examples/fastify/server.js */
import { oktaSession } from 'express-okta-session'
import { createLocalOrg } from 'express-okta-session/local-org'
import { createApp } from './app.js'

const org = await createLocalOrg()
const okta = oktaSession({ orgUrl: org.url })
const app = createApp(okta)
await app.listen({ port: Number(process.env.PORT ?? 3_000), host: '127.0.0.1' })
const address = app.server.address()
const port = typeof address === 'object' && address !== null ? address.port : 0
const [user] = org.users
console.log(`http://localhost:${port}/account   sign in as ${user?.login}, ${user?.password}`)

process.once('SIGINT', async () => {
  await app.close()
  await okta.close()
  await org.close()
})
