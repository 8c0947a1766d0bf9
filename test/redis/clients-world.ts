/** The Redis clients of an app, of each supported kind and version, for tests. */
import { setTimeout as delay } from 'node:timers/promises'
import * as ioredis6 from 'ioredis'
import * as ioredis5 from 'ioredis5'
import * as redis6 from 'redis'
import * as redis4 from 'redis4'
import * as redis5 from 'redis5'
import type { RedisClient } from '../../src/redis/client.js'
import { readRedisStoreOptions } from '../../src/redis/options.js'
import { runs } from '../deep.js'

export interface AppClient {
  readonly client: object
  connect(): Promise<unknown>
  close(): Promise<void>
}

const reconnectMs = 20

function node(create: (options: object) => object): (url: string) => AppClient {
  return (url) => appClient(create({ url, socket: { reconnectStrategy: reconnectMs } }))
}

function io(Client: new (url: string, options: object) => object): (url: string) => AppClient {
  return (url) =>
    appClient(new Client(url, { lazyConnect: true, retryStrategy: () => reconnectMs }))
}

interface Connectable {
  connect(): Promise<unknown>
  destroy?(): unknown
  disconnect(): unknown
}

function appClient(created: object): AppClient {
  const client = created as Connectable
  return {
    client,
    connect: () => client.connect(),
    close: async () => {
      try {
        await (client.destroy ?? client.disconnect).call(client)
      } catch {
        // A client that is not open has nothing to close.
      }
    },
  }
}

/** Single clients by their name. */
export const singles: Readonly<Record<string, (url: string) => AppClient>> = {
  'node-redis 4': node((options) => redis4.createClient(options)),
  'node-redis 5': node((options) => redis5.createClient(options)),
  'node-redis 5 with RESP3': node((options) => redis5.createClient({ ...options, RESP: 3 })),
  'node-redis 6': node((options) => redis6.createClient(options)),
  'node-redis 6 with RESP2': node((options) => redis6.createClient({ ...options, RESP: 2 })),
  'ioredis 5': io(ioredis5.Redis),
  'ioredis 6': io(ioredis6.Redis),
}

const rootNodes = (ports: readonly number[]) =>
  ports.map((port) => ({ url: `redis://127.0.0.1:${port}` }))
const ioNodes = (ports: readonly number[]) => ports.map((port) => ({ host: '127.0.0.1', port }))

/** Each single client in the deep run; else the newest of both packages. */
export const sampledSingles = runs(
  Object.entries(singles).filter(([name]) => name.endsWith(' 6')),
  Object.entries(singles),
)

/** Cluster clients by their name. */
export const clusters: Readonly<Record<string, (ports: readonly number[]) => AppClient>> = {
  'node-redis 4 cluster': (ports) =>
    appClient(redis4.createCluster({ rootNodes: rootNodes(ports) })),
  'node-redis 5 cluster': (ports) =>
    appClient(redis5.createCluster({ rootNodes: rootNodes(ports) })),
  'node-redis 6 cluster': (ports) =>
    appClient(redis6.createCluster({ rootNodes: rootNodes(ports) })),
  'ioredis 5 cluster': (ports) =>
    appClient(new ioredis5.Cluster(ioNodes(ports), { lazyConnect: true })),
  'ioredis 6 cluster': (ports) =>
    appClient(new ioredis6.Cluster(ioNodes(ports), { lazyConnect: true })),
}

/** The adapter of a client, as redisStore() makes it. */
export function adapt(options: object): RedisClient {
  return readRedisStoreOptions(options).client
}

/** Resolves when the condition holds; the test's own limit ends the wait. */
export async function until(condition: () => unknown): Promise<void> {
  const deadline = performance.now() + 8_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Not within 8 s: ${condition}`)
    await delay(5)
  }
}
