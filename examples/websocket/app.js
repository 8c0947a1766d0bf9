/** A private page that shows the time over a WebSocket for as long as the user's session lasts. */
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import express from 'express'
import { acceptSockets } from './sockets.js'

const publicFiles = fileURLToPath(new URL('./public', import.meta.url))

export const EVENTS_PATH = '/okta/events'

/**
 * @param {object} parts
 * @param {import('express-okta-session').OktaSession} parts.okta
 * @param {string} [parts.hookSecret] The secret of an event hook at Okta: sockets close when Okta pushes the
 *   end of their session.
 */
export function createAppServer({ okta, hookSecret }) {
  const app = express()
  if (hookSecret) app.use(EVENTS_PATH, okta.eventHook({ secret: hookSecret }))
  // The guard comes before the static files, because the page itself is private.
  app.post('/sign-out', okta.logout())
  app.use(okta.requireSession(), express.static(publicFiles))

  const server = createServer(app)
  acceptSockets(server, okta, (socket, session) => {
    socket.send(JSON.stringify({ login: session.login }))
    const ticking = setInterval(() => {
      socket.send(JSON.stringify({ time: new Date().toISOString() }))
    }, 1_000)
    socket.on('close', () => clearInterval(ticking))
  })
  return server
}
