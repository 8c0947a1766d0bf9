/** Adapts the Redis client of an app. It imports no Redis package: clients are told apart by their methods. */

/** A connection of its own, for commands that block. */
export interface ReaderConnection {
  send(key: string, args: readonly string[]): Promise<unknown>
  /** Ends the connection at once. Never throws. */
  destroy(): void
}

/** One interface for all supported clients. */
export interface RedisClient {
  /** For log lines, for example `node-redis cluster`. */
  readonly kind: string
  /** False when `isReady()` can change without a call of the listener given to `onChange`. */
  readonly hasEvents: boolean
  /** Whether a command would be sent now, and not queued. */
  isReady(): boolean
  /** `key` routes the command in a cluster. */
  send(key: string, args: readonly string[]): Promise<unknown>
  /** Rejects when no connection can be made. An abort while it connects closes it. */
  openReader(signal: AbortSignal): Promise<ReaderConnection>
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

/** A client of node-redis or ioredis, a cluster or Sentinel of theirs; undefined for anything else. */
export function adaptClient(client: unknown): RedisClient | undefined {
  if (!isMethods(client)) return undefined
  if (has(client, 'call') && typeof client.status === 'string') return ioredis(client)
  if (!has(client, 'sendCommand') || !has(client, 'on')) return undefined
  if (has(client, 'getSentinelNode')) return nodeRedis(client, SENTINEL)
  if ('masters' in client) return nodeRedis(client, CLUSTER)
  // In the legacy mode of node-redis 4, sendCommand takes a callback.
  const isLegacy = isMethods(client.options) && client.options.legacyMode === true
  return typeof client.isReady === 'boolean' && !isLegacy ? nodeRedis(client, SINGLE) : undefined
}

/** Functions of the app's own, for a pool or any other client. */
export function adaptFunctions(command: SendCommand, reader: OpenReader): RedisClient {
  return {
    kind: 'command()',
    // There is nothing to tell: the circuit finds out by commands whether Redis can be reached.
    hasEvents: true,
    isReady: () => true,
    send: async (key, args) => textsIn(await command([...args], key)),
    onChange: () => () => undefined,
    openReader: async () => {
      const connection = await reader()
      return {
        send: async (key, args) => textsIn(await connection.command([...args], key)),
        destroy: () => quietly(() => connection.close()),
      }
    },
  }
}

/** An object of unknown class. Its methods are called on it, since they use private fields. */
type Methods = Readonly<Record<string, unknown>>

function isMethods(value: unknown): value is Methods {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function has(object: Methods, name: string): boolean {
  return typeof object[name] === 'function'
}

function invoke(object: Methods, name: string, args: readonly unknown[] = []): unknown {
  const method = object[name]
  if (typeof method !== 'function') throw new TypeError(`The Redis client has no method ${name}`)
  return Reflect.apply(method, object, args)
}

/** `invoke`, with what it throws as a rejection. */
async function invokeAsync(
  object: Methods,
  name: string,
  args: readonly unknown[] = [],
): Promise<unknown> {
  return invoke(object, name, args)
}

function subscribe(client: Methods, events: readonly string[], listener: () => void): () => void {
  // Some clients emit before they change their state, so the listener also runs after that.
  const twice = () => {
    listener()
    setImmediate(listener)
  }
  for (const event of events) invoke(client, 'on', [event, twice])
  return () => {
    for (const event of events) invoke(client, 'off', [event, twice])
  }
}

const ignoreError = () => {
  // The command that fails tells of the failure.
}

interface NodeRedisVariant {
  readonly kind: string
  readonly hasEvents: boolean
  isReady(client: Methods): boolean
  argumentsOf(key: string, args: readonly string[]): readonly unknown[]
  /** Options of a duplicate that fails instead of reconnecting, and lets commands block. */
  overrides(options: Methods): Methods | undefined
}

const SINGLE: NodeRedisVariant = {
  kind: 'node-redis',
  hasEvents: true,
  isReady: (client) => client.isReady === true,
  argumentsOf: (_key, args) => [[...args]],
  overrides: (options) => ({
    socket: { ...partOf(options, 'socket'), reconnectStrategy: false, socketTimeout: undefined },
    commandOptions: { ...partOf(options, 'commandOptions'), timeout: undefined },
  }),
}

const CLUSTER: NodeRedisVariant = {
  kind: 'node-redis cluster',
  hasEvents: false,
  // Only version 6 has isReady; before, a cluster without a known master is still connecting.
  isReady: (client) => {
    if (typeof client.isReady === 'boolean') return client.isReady
    const masters = client.masters
    return client.isOpen === true && Array.isArray(masters) && masters.length > 0
  },
  argumentsOf: (key, args) => [key, false, [...args]],
  overrides: () => undefined,
}

const SENTINEL: NodeRedisVariant = {
  kind: 'node-redis sentinel',
  hasEvents: false,
  isReady: (client) => client.isReady === true,
  argumentsOf: (_key, args) => [false, [...args]],
  overrides: () => undefined,
}

function partOf(options: Methods, name: string): Methods {
  const part = options[name]
  return isMethods(part) ? part : {}
}

const NODE_REDIS_EVENTS = [
  ...['connect', 'ready', 'reconnecting', 'error', 'end', 'disconnect'],
  ...['node-ready', 'node-error', 'node-disconnect'],
]

function nodeRedis(client: Methods, variant: NodeRedisVariant): RedisClient {
  // Without a listener, node-redis ends the process when it loses its connection.
  if (invoke(client, 'listenerCount', ['error']) === 0) invoke(client, 'on', ['error', ignoreError])
  return {
    kind: variant.kind,
    hasEvents: variant.hasEvents,
    isReady: () => variant.isReady(client),
    send: async (key, args) =>
      textsIn(await invokeAsync(client, 'sendCommand', variant.argumentsOf(key, args))),
    onChange: (listener) => subscribe(client, NODE_REDIS_EVENTS, listener),
    openReader: async (signal) => {
      const overrides = variant.overrides(partOf(client, 'options'))
      const duplicate = invoke(client, 'duplicate', overrides === undefined ? [] : [overrides])
      if (!isMethods(duplicate))
        throw new TypeError('duplicate() of the Redis client returned no client')
      invoke(duplicate, 'on', ['error', ignoreError])
      return connected(duplicate, ['destroy', 'disconnect'], signal, {
        send: async (key, args) =>
          textsIn(await invokeAsync(duplicate, 'sendCommand', variant.argumentsOf(key, args))),
      })
    },
  }
}

const IOREDIS_EVENTS = ['connect', 'ready', 'close', 'reconnecting', 'end']

function ioredis(client: Methods): RedisClient {
  const isCluster = client.isCluster === true
  return {
    kind: isCluster ? 'ioredis cluster' : 'ioredis',
    hasEvents: true,
    isReady: () => client.status === 'ready',
    send: (_key, args) => invokeAsync(client, 'call', args),
    onChange: (listener) => subscribe(client, IOREDIS_EVENTS, listener),
    openReader: async (signal) => {
      const duplicate = invoke(
        client,
        'duplicate',
        isCluster ? [[], CLUSTER_READER] : [IOREDIS_READER],
      )
      if (!isMethods(duplicate))
        throw new TypeError('duplicate() of the Redis client returned no client')
      invoke(duplicate, 'on', ['error', ignoreError])
      return connected(duplicate, ['disconnect'], signal, {
        send: (_key, args) => invokeAsync(duplicate, 'call', args),
      })
    },
  }
}

/** Options of a duplicate that fails instead of reconnecting, and lets commands block. */
const IOREDIS_READER = {
  lazyConnect: true,
  retryStrategy: () => null,
  commandTimeout: undefined,
  socketTimeout: undefined,
}

const CLUSTER_READER = {
  lazyConnect: true,
  clusterRetryStrategy: () => null,
  redisOptions: { commandTimeout: undefined, socketTimeout: undefined },
}

/** Connects a duplicate, and closes it with the first of these methods that this version has. */
async function connected(
  duplicate: Methods,
  closers: readonly string[],
  signal: AbortSignal,
  { send }: Pick<ReaderConnection, 'send'>,
): Promise<ReaderConnection> {
  const closer = closers.find((name) => has(duplicate, name)) ?? 'disconnect'
  // A client that is not open rejects here, and there is nothing to close then.
  const destroy = () => quietly(() => invoke(duplicate, closer))
  signal.addEventListener('abort', destroy, { once: true })
  try {
    await invoke(duplicate, 'connect')
  } catch (error) {
    destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', destroy)
  }
  return { send, destroy }
}

/** A reply with texts in place of Buffers, which a client may be configured to give. */
function textsIn(reply: unknown): unknown {
  if (Buffer.isBuffer(reply)) return reply.toString('utf8')
  if (Array.isArray(reply)) return reply.map(textsIn)
  if (reply instanceof Map)
    return new Map([...reply].map(([name, value]) => [textsIn(name), textsIn(value)]))
  return reply
}

/** Drops errors, also those of a promise: the connection is given up. */
function quietly(act: () => unknown): void {
  void new Promise((resolve) => resolve(act())).catch(ignoreError)
}
