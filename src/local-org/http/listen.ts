/** Listens on `localhost`, over IPv4 and, where available, IPv6 (browsers and Node differ in which they try first), or on another host. */
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Listening {
  readonly port: number
  onRequest(listener: RequestListener): void
  /** Ends every connection; idempotent. */
  close(): Promise<void>
}

/** Listens on one address: `0.0.0.0`, for example, in a container. */
export async function listenOn(host: string, port: number): Promise<Listening> {
  const server = await listen(host, port)
  return toListening([server], portOf(server))
}

const ATTEMPTS = 5

export async function listenOnLocalhost(port: number): Promise<Listening> {
  for (let attempt = 1; ; attempt += 1) {
    const first = await listen('127.0.0.1', port)
    const chosen = portOf(first)
    try {
      return toListening([first, await listen('::1', chosen)], chosen)
    } catch (error) {
      const code = codeOf(error)
      if (NO_IPV6.has(code)) return toListening([first], chosen)
      await close(first)
      // A port that is free on IPv4 may be in use on IPv6. Retries with another one unless the caller chose it.
      if (code !== 'EADDRINUSE' || port !== 0 || attempt === ATTEMPTS) throw error
    }
  }
}

const NO_IPV6 = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'])

/** Longer than clients keep idle connections, so that the org never closes one while a request is sent on it. */
const KEEP_ALIVE_MS = 65_000

function listen(host: string, port: number): Promise<Server> {
  // serve.ts answers 421 to a request without Host, as to one with another host name.
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requireHostHeader: false })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}

function toListening(servers: readonly Server[], port: number): Listening {
  let closing: Promise<void> | undefined
  return {
    port,
    onRequest(listener) {
      for (const server of servers) server.on('request', listener)
    },
    close() {
      closing ??= Promise.all(servers.map(close)).then(() => undefined)
      return closing
    },
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

function portOf(server: Server): number {
  const address: string | AddressInfo | null = server.address()
  if (address === null || typeof address === 'string') throw new Error('The org has no port')
  return address.port
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
