/** Servers that answer what a test tells them to. They share no code with the code under test. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createNetServer, type Server, type Socket } from 'node:net'

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface RawServer {
  readonly url: string
  /** The requests so far, in order. */
  readonly seen: readonly Seen[]
  readonly connections: () => number
  /** Resolves once no connection is open. */
  noConnection(): Promise<void>
  close(): Promise<void>
}

/** An HTTP server; `answer` is called once the whole request is read. */
export async function httpServer(
  answer: (req: Seen, res: ServerResponse) => void,
): Promise<RawServer> {
  const seen: Seen[] = []
  const server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const { method = '', url = '', headers } = req
      const one = { method, url, headers, body: Buffer.concat(chunks).toString() }
      seen.push(one)
      answer(one, res)
    })
  })
  return listen(server, seen)
}

/** A TCP server; `answer` is called with the first bytes of each connection. */
export async function tcpServer(
  answer: (socket: Socket, head: string) => void,
): Promise<RawServer> {
  const server = createNetServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (head) => answer(socket, head.toString()))
  })
  return listen(server, [])
}

/** Answers every connection with these bytes, then closes it. */
export function bytes(...lines: readonly string[]): (socket: Socket) => void {
  return (socket) => socket.end(lines.join('\r\n'))
}

/** A promise and the function that resolves it. */
export function latch(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((open) => {
    resolve = open
  })
  return { promise, resolve }
}

async function listen(server: Server, seen: readonly Seen[]): Promise<RawServer> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    connections: () => connections,
    noConnection: async () => {
      for (const socket of sockets) await new Promise((resolve) => socket.once('close', resolve))
    },
    close: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}
