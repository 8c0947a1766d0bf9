/** Starts the WebSocket example with a local org: node examples/websocket/server.js */
import { oktaSession } from 'express-okta-session'
import { createLocalOrg } from 'express-okta-session/local-org'
import { createAppServer } from './app.js'

const org = await createLocalOrg()
const okta = oktaSession({ orgUrl: org.url, credentials: { apiToken: org.apiToken } })
const port = Number(process.env.PORT ?? 3_001)
const server = createAppServer({ okta }).listen(port, '127.0.0.1', () => {
  const [user] = org.users
  console.log(`http://localhost:${port}   sign in as ${user?.login}, ${user?.password}`)
})

process.once('SIGINT', async () => {
  server.close()
  // This also closes the watched sockets.
  await okta.close()
  await org.close()
  server.closeAllConnections()
})
