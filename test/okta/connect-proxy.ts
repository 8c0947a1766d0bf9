/** An HTTP proxy as companies run them on the way out, which opens tunnels (CONNECT) and fails as a test tells it to. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, STATUS_CODES } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Identity } from './certificates.js'

/** How the proxy answers: with a tunnel, with a status, not at all, or with a tunnel that it cuts at once. */
export type ProxyMode = 'tunnel' | 407 | 502 | 'silent' | 'cut'

export interface ConnectProxy {
  /** `localhost:<port>`. */
  readonly host: string
  /** The requests so far: what each asked for, and the credentials that it brought. */
  readonly asked: readonly { readonly to: string; readonly credentials: string | undefined }[]
  /** The local ports of its connections to where the tunnels lead. */
  readonly ports: ReadonlySet<number>
  mode: ProxyMode
  /** Closes the tunnels that are open. */
  cutTunnels(): void
}

/** `identity`: the proxy speaks TLS itself, with this certificate. */
export async function startConnectProxy(identity?: Identity): Promise<ConnectProxy> {
  const asked: { to: string; credentials: string | undefined }[] = []
  const ports = new Set<number>()
  const clients = new Set<Socket>()
  const server = identity === undefined ? createServer() : createHttpsServer(identity)
  server.on('connect', (req: IncomingMessage, client: Socket) => {
    asked.push({ to: req.url ?? '', credentials: req.headers['proxy-authorization'] })
    client.on('error', () => {})
    answer(req, client)
  })
  server.on('connection', (socket: Socket) => {
    clients.add(socket)
    socket.once('close', () => clients.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    proxy.cutTunnels()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')

  const proxy: ConnectProxy = {
    host: `localhost:${address.port}`,
    asked,
    ports,
    mode: 'tunnel',
    cutTunnels() {
      for (const client of clients) client.destroy()
    },
  }
  return proxy

  function answer(req: IncomingMessage, client: Socket): void {
    const { mode } = proxy
    if (mode === 'silent') return
    if (mode === 'tunnel') openTunnel(req, client)
    else if (mode === 'cut') client.end('HTTP/1.1 200 Connection established\r\n\r\n')
    else client.end(`HTTP/1.1 ${mode} ${STATUS_CODES[mode]}\r\nContent-Length: 0\r\n\r\n`)
  }

  function openTunnel(req: IncomingMessage, client: Socket): void {
    const [host, port] = (req.url ?? '').split(':')
    const target = connect(Number(port), host)
    target.on('error', () => client.destroy())
    target.on('close', () => client.destroy())
    client.on('close', () => target.destroy())
    target.once('connect', () => {
      ports.add(target.localPort ?? 0)
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      client.pipe(target).pipe(client)
    })
  }
}
