/** A TCP proxy on loopback that cuts, pauses and delays connections to a server, and records their bytes. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export type Direction = 'to-server' | 'to-client'

/** Receives each chunk as it arrives, before any delay. */
export type Tap = (chunk: Buffer, direction: Direction) => void

/** Starts a proxy on a free port before `targetPort`. */
export async function startProxy(targetPort: number, tap?: Tap): Promise<TcpProxy> {
  const proxy = new TcpProxy(targetPort, tap)
  await proxy.restore()
  return proxy
}

export class TcpProxy {
  readonly #targetPort: number
  readonly #tap: Tap | undefined
  readonly #pipes = new Set<Pipe>()
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #port = 0
  #paused = false
  #delayMs = 0

  constructor(targetPort: number, tap?: Tap) {
    this.#targetPort = targetPort
    this.#tap = tap
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`
  }

  /** The number of open client connections. */
  get connections(): number {
    return this.#sockets.size / 2
  }

  /** Destroys all connections and refuses new ones until restore(). */
  async cut(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    const closed = server && once(server, 'close')
    server?.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  /** Listens again on the same port. */
  async restore(): Promise<void> {
    if (this.#server !== undefined) return
    const server = createServer((client) => this.#join(client))
    this.#server = server
    await once(server.listen({ port: this.#port, host: '127.0.0.1' }), 'listening')
    this.#port = (server.address() as AddressInfo).port
  }

  /** Keeps connections, and accepts new ones, but forwards nothing until resume(). */
  pause(): void {
    this.#paused = true
  }

  /** Forwards what arrived during the pause, in order, and all that follows. */
  resume(): void {
    this.#paused = false
    for (const pipe of this.#pipes) pipe.flush()
  }

  /** Forwards each later chunk `ms` after it arrived, in order. 0 ends the delay. */
  slow(ms: number): void {
    this.#delayMs = ms
  }

  async close(): Promise<void> {
    await this.cut()
  }

  #join(client: Socket): void {
    const server = connect({ port: this.#targetPort, host: '127.0.0.1' })
    const state = { paused: () => this.#paused, delayMs: () => this.#delayMs }
    const pipes = [
      new Pipe(client, server, state, (chunk) => this.#tap?.(chunk, 'to-server')),
      new Pipe(server, client, state, (chunk) => this.#tap?.(chunk, 'to-client')),
    ]
    for (const pipe of pipes) this.#pipes.add(pipe)
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {}) // 'close' follows and destroys the other side.
      socket.on('close', () => {
        for (const pipe of pipes) this.#pipes.delete(pipe)
        this.#sockets.delete(socket)
        client.destroy()
        server.destroy()
      })
    }
  }
}

interface ProxyState {
  readonly paused: () => boolean
  readonly delayMs: () => number
}

/** One direction of one connection. An end of stream is queued like a chunk, so that it overtakes none. */
class Pipe {
  readonly #to: Socket
  readonly #state: ProxyState
  readonly #queue: { readonly chunk: Buffer | 'end'; readonly dueAt: number }[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, state: ProxyState, tap: (chunk: Buffer) => void) {
    this.#to = to
    this.#state = state
    from.on('data', (chunk) => {
      tap(chunk)
      this.#add(chunk)
    })
    from.on('end', () => this.#add('end'))
  }

  #add(chunk: Buffer | 'end'): void {
    this.#queue.push({ chunk, dueAt: performance.now() + this.#state.delayMs() })
    this.flush()
  }

  /** Forwards every chunk that is due, and plans the next one. */
  flush(): void {
    clearTimeout(this.#timer)
    while (!this.#state.paused()) {
      const next = this.#queue[0]
      if (next === undefined) return
      const waitMs = next.dueAt - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.flush(), Math.ceil(waitMs))
        return
      }
      this.#queue.shift()
      if (this.#to.destroyed) continue
      if (next.chunk === 'end') this.#to.end()
      else this.#to.write(next.chunk)
    }
  }
}
