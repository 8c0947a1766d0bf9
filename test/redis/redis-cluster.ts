/** Starts a Redis Cluster of three masters for a test. */
import { setTimeout as delay } from 'node:timers/promises'
import { freePorts } from './free-ports.js'
import { type RedisServer, startRedis } from './redis-server.js'

const slotRanges = [
  ['0', '5460'],
  ['5461', '10922'],
  ['10923', '16383'],
] as const

const joinLimitMs = 10_000

export interface RedisCluster {
  readonly ports: readonly number[]
  readonly servers: readonly RedisServer[]
  stop(): Promise<void>
}

/** Starts the masters and resolves once each says that the cluster serves all slots. */
export async function startCluster(): Promise<RedisCluster> {
  // The default bus port is the port + 10000, which may be in use or above 65535.
  const ports = await freePorts(2 * slotRanges.length)
  const started = await Promise.allSettled(
    slotRanges.map((_range, index) =>
      startRedis({
        port: ports[2 * index] ?? 0,
        config: [
          'cluster-enabled yes',
          `cluster-port ${ports[2 * index + 1]}`,
          'cluster-node-timeout 2000',
        ],
      }),
    ),
  )
  const servers = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()))
  }
  try {
    for (const each of started) if (each.status === 'rejected') throw each.reason
    await join(servers, ports)
  } catch (error) {
    await stop()
    throw error
  }
  return { ports: servers.map((server) => server.port), servers, stop }
}

async function join(servers: readonly RedisServer[], ports: readonly number[]): Promise<void> {
  for (const [index, server] of servers.entries()) {
    await server.command('CLUSTER', 'ADDSLOTSRANGE', ...(slotRanges[index] ?? []))
    await server.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
  }
  for (const [index, server] of servers.entries()) {
    if (index === 0) continue
    const [port, busPort] = [String(ports[0]), String(ports[1])]
    await server.command('CLUSTER', 'MEET', '127.0.0.1', port, busPort)
  }
  const deadline = performance.now() + joinLimitMs
  while (performance.now() < deadline) {
    const infos = await Promise.all(servers.map((server) => server.command('CLUSTER', 'INFO')))
    if (infos.every((info) => serves(String(info)))) return
    await delay(20)
  }
  throw new Error(`The Redis Cluster did not reach cluster_state:ok in ${joinLimitMs} ms.`)
}

function serves(info: string): boolean {
  return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3')
}
