/** The Redis client of the user's own project, node-redis or ioredis, as one function that sends a command. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

export interface Connection {
  /** Rejects with the client's own error, which may hold the arguments: show its first word alone. */
  send(...args: readonly string[]): Promise<unknown>
  close(): void
}

/** Undefined: neither package is installed in that directory's project. */
export type Connect = (url: URL, timeoutMs: number) => Promise<Connection>

type Callable = (...args: readonly unknown[]) => unknown

export async function findClient(cwd: string): Promise<Connect | undefined> {
  const require = createRequire(join(cwd, 'package.json'))
  for (const [name, connectWith] of [
    ['redis', connectNodeRedis],
    ['ioredis', connectIoredis],
  ] as const) {
    try {
      const module: unknown = await import(pathToFileURL(require.resolve(name)).href)
      return (url, timeoutMs) => connectWith(module, url, timeoutMs)
    } catch {
      // Not installed in the project: the other one may be.
    }
  }
  return undefined
}

async function connectNodeRedis(module: unknown, url: URL, timeoutMs: number): Promise<Connection> {
  const client = call(module, 'createClient', {
    url: url.href,
    socket: { reconnectStrategy: false, connectTimeout: timeoutMs },
    disableOfflineQueue: true,
  })
  call(client, 'on', 'error', () => {}) // The command that fails rejects.
  await call(client, 'connect')
  return {
    send: async (...args) => call(client, 'sendCommand', [...args]),
    close() {
      // Version 4 has no destroy().
      const name = has(client, 'destroy') ? 'destroy' : 'disconnect'
      void Promise.resolve(call(client, name)).catch(() => {})
    },
  }
}

async function connectIoredis(module: unknown, url: URL, timeoutMs: number): Promise<Connection> {
  const Redis = Reflect.get(Object(module), 'default') as new (...args: unknown[]) => object
  const client = new Redis(url.href, {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
  })
  let reason: unknown
  call(client, 'on', 'error', (error: unknown) => {
    reason ??= error
  })
  try {
    await call(client, 'connect')
  } catch (error) {
    // Without a retry it rejects with "Connection is closed", and the reason is the event's.
    throw reason ?? error
  }
  return {
    send: async (...args) => call(client, 'call', ...args),
    close: () => void call(client, 'disconnect'),
  }
}

function has(object: unknown, name: string): boolean {
  return typeof Reflect.get(Object(object), name) === 'function'
}

function call(object: unknown, name: string, ...args: readonly unknown[]): unknown {
  return Reflect.apply(Reflect.get(Object(object), name) as Callable, object, args)
}
