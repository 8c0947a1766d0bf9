/** A plain HTTP receiver of pushes on a free port, which a test inspects and tells what to answer. */
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import { afterEach } from 'vitest'
import type { HookEvent } from '../../src/local-org/index.js'

export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

type Reply = (request: Received, res: ServerResponse) => void

export interface Receiver {
  readonly url: string
  /** The posts, handshakes left out. */
  readonly posts: Received[]
  readonly handshakes: Received[]
  /** Answers the next posts, one each; then 204. */
  readonly replies: Reply[]
  /** Answers handshakes. By default as Okta expects. */
  handshake: Reply
  /** All events of event hooks received, in order. */
  events(): readonly HookEvent[]
  close(): Promise<void>
}

export function receivers(): () => Promise<Receiver> {
  const started: Receiver[] = []
  afterEach(async () => {
    await Promise.all(started.splice(0).map((receiver) => receiver.close()))
  })
  return async () => {
    const receiver = await startReceiver()
    started.push(receiver)
    return receiver
  }
}

export const status =
  (code: number, body = ''): Reply =>
  (_request, res) => {
    res.writeHead(code).end(body)
  }

export const repeatChallenge: Reply = ({ headers }, res) => {
  const verification = headers['x-okta-verification-challenge']
  res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ verification }))
}

async function startReceiver(): Promise<Receiver> {
  const posts: Received[] = []
  const handshakes: Received[] = []
  const replies: Reply[] = []
  const server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const { method = '', url: path = '', headers } = req
      const request = { method, path, headers, body: Buffer.concat(chunks).toString() }
      if (method === 'GET') {
        handshakes.push(request)
        receiver.handshake(request, res)
      } else {
        posts.push(request)
        const reply = replies.shift() ?? status(204)
        reply(request, res)
      }
    })
  })
  const port = await listen(server)
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}/pushes`,
    posts,
    handshakes,
    replies,
    handshake: repeatChallenge,
    events: () => posts.flatMap(eventsOf),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return receiver
}

export function eventsOf({ body }: Received): readonly HookEvent[] {
  return JSON.parse(body).data.events
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
}
