/** WebSockets that require a session and close when it ends. */
import { STATUS_CODES } from 'node:http'
import { WebSocketServer } from 'ws'

/**
 * Accepts an upgrade only with an active session, and closes the socket when that session ends: by
 * sign-out, by revocation, or at its expiry.
 *
 * @param {import('node:http').Server} server
 * @param {import('express-okta-session').OktaSession} okta
 * @param {(socket: import('ws').WebSocket, session: import('express-okta-session').Session) => void} onSocket
 */
export function acceptSockets(server, okta, onSocket) {
  const sockets = new WebSocketServer({ noServer: true })

  server.on('upgrade', (req, socket, head) => {
    socket.on('error', () => socket.destroy())
    upgrade(req, socket, head).catch(() => refuse(socket, 500))
  })

  /**
   * @param {import('node:http').IncomingMessage} req
   * @param {import('node:stream').Duplex} socket
   * @param {Buffer} head
   */
  async function upgrade(req, socket, head) {
    // CORS does not apply to WebSockets: a browser sends cookies even when a page of another site opens one.
    if (!isSameOrigin(req)) return refuse(socket, 403)
    const context = await okta.authenticate(req)
    if (context.state === 'unavailable') return refuse(socket, 503, context.retryAfterMs)
    if (context.state !== 'active') return refuse(socket, 401)
    sockets.handleUpgrade(req, socket, head, (accepted) => {
      const unwatch = okta.watch(req, (reason) => accepted.close(closeCodes[reason], reason))
      accepted.on('close', unwatch)
      onSocket(accepted, context.session)
    })
  }
}

/** 1008: policy violation; 1001: going away; 1013: try again later (RFC 6455 and its registry). */
const closeCodes = {
  signed_out: 1008,
  not_found: 1008,
  expired: 1008,
  closed: 1001,
  unavailable: 1013,
}

/** @param {import('node:http').IncomingMessage} req */
function isSameOrigin({ headers: { origin, host } }) {
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host
}

/**
 * Answers with HTTP, which the socket still speaks before the upgrade.
 *
 * @param {import('node:stream').Duplex} socket
 * @param {401 | 403 | 500 | 503} status
 * @param {number} [retryAfterMs]
 */
function refuse(socket, status, retryAfterMs) {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Length: 0',
  ]
  if (retryAfterMs !== undefined) lines.push(`Retry-After: ${Math.ceil(retryAfterMs / 1_000)}`)
  socket.end(`${lines.join('\r\n')}\r\n\r\n`)
}
