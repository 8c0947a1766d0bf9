/** Adapts the Redis client of the app, by its shape: no Redis package is imported. */

/** A connection of its own, for commands that block. */
export interface ReaderConnection {
  send(key: string, args: readonly string[]): Promise<unknown>
  /** Ends the connection at once. Never throws. */
  destroy(): void
}

/** What the engine needs of a client. */
export interface RedisClient {
  /** For log lines, for example `node-redis cluster`. */
  readonly kind: string
  /** Whether a command would be sent now, and not queued. */
  isReady(): boolean
  /** `key` routes the command in a cluster. */
  send(key: string, args: readonly string[]): Promise<unknown>
  /** Rejects when no connection can be made. */
  openReader(): Promise<ReaderConnection>
  /** Calls back when the connection may have changed its state; returns a function that ends this. */
  onChange(listener: () => void): () => void
}

/** Sends one command with its arguments, and resolves with Redis's reply. `key` routes it in a cluster. */
export type SendCommand = (args: string[], key: string) => Promise<unknown>

/** Opens a connection of its own for commands that block; `close` ends it. */
export type OpenReader = () => Promise<{
  readonly command: SendCommand
  readonly close: () => unknown
}>

const EVENTS = ['ready', 'connect', 'end', 'close', 'error', 'reconnecting']

/** A client of node-redis or ioredis, a cluster or Sentinel of theirs; undefined for anything else. */
export function adaptClient(client: unknown): RedisClient | undefined {
  if (!isObject(client)) return undefined
  if (isFunction(client.sendCommand)) {
    if (isFunction(client.getSentinelNode))
      return nodeRedis(client, 'node-redis Sentinel', SENTINEL)
    if ('masters' in client) return nodeRedis(client, 'node-redis cluster', CLUSTER)
    if (typeof client.isReady === 'boolean') return nodeRedis(client, 'node-redis', SINGLE)
  }
  if (isFunction(client.call) && typeof client.status === 'string') return ioredis(client)
  return undefined
}

/** Functions of the app's own, for a pool or any other client. */
export function adaptFunctions(command: SendCommand, reader: OpenReader): RedisClient {
  return {
    kind: 'command()',
    isReady: () => true,
    send: async (key, args) => command([...args], key),
    async openReader() {
      const { command: send, close } = await reader()
      return {
        send: async (key, args) => send([...args], key),
        destroy: () => quietly(close),
      }
    },
    onChange: () => () => {},
  }
}

type Shape = Record<string, unknown>

/** The arguments of sendCommand() differ by kind. */
type ToArguments = (key: string, args: string[]) => unknown[]

const SINGLE: ToArguments = (_, args) => [args]
const CLUSTER: ToArguments = (key, args) => [key, false, args]
const SENTINEL: ToArguments = (_, args) => [false, args]

function nodeRedis(client: Shape, kind: string, toArguments: ToArguments): RedisClient {
  const send = (to: Shape) => async (key: string, args: readonly string[]) =>
    call(to, 'sendCommand', toArguments(key, [...args]))
  listenForErrors(client, false)
  return {
    kind,
    // Clusters of node-redis 4 and 5 tell only whether they were opened.
    isReady: () => (client.isReady ?? client.isOpen ?? true) === true,
    send: send(client),
    async openReader() {
      const reader = call(client, 'duplicate', [])
      if (!isObject(reader)) throw new TypeError('duplicate() gave no client')
      listenForErrors(reader, true)
      // destroy() is that of node-redis 5 and newer.
      const destroy = () =>
        quietly(() => call(reader, isFunction(reader.destroy) ? 'destroy' : 'disconnect', []))
      try {
        await call(reader, 'connect', [])
      } catch (error) {
        destroy()
        throw error
      }
      return { send: send(reader), destroy }
    },
    onChange: (listener) => onEvents(client, listener),
  }
}

function ioredis(client: Shape): RedisClient {
  const send = (to: Shape) => async (_: string, args: readonly string[]) =>
    call(to, 'call', [...args])
  listenForErrors(client, false)
  return {
    kind: client.isCluster === true ? 'ioredis cluster' : 'ioredis',
    isReady: () => client.status === 'ready',
    send: send(client),
    async openReader() {
      const reader = call(client, 'duplicate', [])
      if (!isObject(reader)) throw new TypeError('duplicate() gave no client')
      listenForErrors(reader, true)
      // A client with lazyConnect connects with its first command.
      return { send: send(reader), destroy: () => quietly(() => call(reader, 'disconnect', [])) }
    },
    onChange: (listener) => onEvents(client, listener),
  }
}

/**
 * A client without a listener for errors ends the process when it loses its connection. An app's own client
 * gets one only where it has none.
 */
function listenForErrors(client: Shape, always: boolean): void {
  if (!isFunction(client.on)) return
  const count = isFunction(client.listenerCount) ? call(client, 'listenerCount', ['error']) : 1
  if (always || count === 0) call(client, 'on', ['error', () => {}])
}

function onEvents(client: Shape, listener: () => void): () => void {
  if (!isFunction(client.on)) return () => {}
  for (const event of EVENTS) call(client, 'on', [event, listener])
  return () => {
    for (const event of EVENTS) call(client, 'off', [event, listener])
  }
}

function call(on: Shape, method: string, args: unknown[]): unknown {
  const called = on[method]
  if (!isFunction(called)) throw new TypeError(`the Redis client has no ${method}()`)
  return Reflect.apply(called, on, args)
}

/** Ignores errors, also those of a promise: the connection is given up. */
function quietly(act: () => unknown): void {
  try {
    Promise.resolve(act()).catch(() => {})
  } catch {}
}

function isObject(value: unknown): value is Shape {
  return (typeof value === 'object' || typeof value === 'function') && value !== null
}

type AnyFunction = (...args: never[]) => unknown

function isFunction(value: unknown): value is AnyFunction {
  return typeof value === 'function'
}
