/** A page that shows the time for as long as its reader is signed in. */
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import express from 'express'
import { acceptSockets } from './sockets.js'

const publicFiles = fileURLToPath(new URL('./public', import.meta.url))

/** @param {{ okta: import('express-okta-session').OktaSession }} parts */
export function createAppServer({ okta }) {
  const app = express()
  // The guard before the files: here the page itself is private.
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
