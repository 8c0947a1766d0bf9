/** Starts the WebSocket example with a local org: node examples/websocket/server.js */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { oktaSession } from 'express-okta-session'
import { createLocalOrg } from 'express-okta-session/local-org'
import { createAppServer, EVENTS_PATH } from './app.js'

const org = await createLocalOrg()
const okta = oktaSession({ orgUrl: org.url, credentials: { apiToken: org.apiToken } })
const hookSecret = randomBytes(32).toString('base64url')
const server = createAppServer({ okta, hookSecret }).listen(
  Number(process.env.PORT ?? 3_001),
  '127.0.0.1',
)
await once(server, 'listening')
const address = server.address()
const port = typeof address === 'object' && address !== null ? address.port : 0
// Revoke the session in the org's console: the page's socket closes.
await org.addEventHook({
  url: `http://localhost:${port}${EVENTS_PATH}`,
  authorization: hookSecret,
})
const [user] = org.users
console.log(`http://localhost:${port}   sign in as ${user?.login}, ${user?.password}`)
console.log(`${org.url}/console   revoke the session here`)

process.once('SIGINT', async () => {
  server.close()
  // This also closes the watched sockets.
  await okta.close()
  await org.close()
  server.closeAllConnections()
})
