import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { BlockingReader } from '../../src/redis/blocking-reader.js'
import { type AppClient, adapt, clusters, singles, until } from './clients-world.js'
import { type RedisCluster, startCluster } from './redis-cluster.js'
import { describeRedis, type RedisServer, startRedis } from './redis-server.js'
import { startProxy } from './tcp-proxy.js'

const clients: AppClient[] = []
function opened(client: AppClient): AppClient {
  clients.push(client)
  return client
}

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
})

const connected = async (server: RedisServer) =>
  String(await server.command('CLIENT', 'LIST'))
    .split('\n')
    .filter((line) => line.includes('id=')).length

describeRedis('single clients', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  for (const [name, create] of Object.entries(singles)) {
    test(`${name}: commands are ready once the app connects, and replies arrive`, async () => {
      const { client, connect } = opened(create(server.url))
      const adapter = adapt({ client })
      expect(adapter.isReady()).toBe(false)
      await connect()
      await until(() => adapter.isReady())
      expect(adapter.kind).toBe(name.split(' ')[0])
      expect(await adapter.send('k', ['SET', 'k', 'v'])).toBe('OK')
      expect(await adapter.send('k', ['GET', 'k'])).toBe('v')
      expect(await adapter.send('none', ['GET', 'none'])).toBeNull()
    })

    test(`${name}: a reader blocks on a connection of its own and leaves none when closed`, async () => {
      const { client, connect } = opened(create(server.url))
      await connect()
      const adapter = adapt({ client })
      await until(() => adapter.isReady())
      const before = await connected(server)
      const reader = new BlockingReader(adapter)
      const key = `stream ${name}`
      const blocked = reader.send(key, ['XREAD', 'BLOCK', '5000', 'STREAMS', key, '$'], 6_000)
      await until(async () => /cmd=xread/.test(String(await server.command('CLIENT', 'LIST'))))
      expect(await adapter.send('k', ['PING'])).toBe('PONG')
      await adapter.send(key, ['XADD', key, '*', 'a', 'b'])
      expect(JSON.stringify(await blocked)).toContain('["a","b"]')
      expect(await connected(server)).toBe(before + 1)
      await reader.close()
      await until(async () => (await connected(server)) === before)
      await expect(reader.send(key, ['PING'], 100)).rejects.toMatchObject({ code: 'closed' })
    })

    test(`${name}: a reader that is closed while it blocks or connects leaves no connection`, async () => {
      const proxy = await startProxy(server.port)
      const { client, connect } = opened(create(proxy.url))
      await connect()
      const adapter = adapt({ client })
      await until(() => adapter.isReady())
      const blocking = new BlockingReader(adapter)
      const args = ['XREAD', 'BLOCK', '0', 'STREAMS', 'nothing', '$']
      const blocked = expect(blocking.send('nothing', args, 60_000)).rejects.toMatchObject({
        code: 'closed',
      })
      await until(async () => /cmd=xread/.test(String(await server.command('CLIENT', 'LIST'))))
      await blocking.close()
      await blocked
      await until(() => proxy.connections === 1)
      proxy.pause()
      const connecting = new BlockingReader(adapter)
      const opening = expect(connecting.send('nothing', args, 60_000)).rejects.toMatchObject({
        code: 'closed',
      })
      await until(() => proxy.connections === 2)
      await connecting.close()
      await opening
      // The ends of connections pass the proxy only after the pause.
      proxy.resume()
      await until(() => proxy.connections === 1)
      await proxy.close()
    })

    test(`${name}: a reader gives up at its time, and opens another connection after a cut`, async () => {
      const proxy = await startProxy(server.port)
      const { client, connect } = opened(create(proxy.url))
      await connect()
      const adapter = adapt({ client })
      await until(() => adapter.isReady())
      const reader = new BlockingReader(adapter)
      expect(await reader.send('k', ['PING'], 2_000)).toBe('PONG')
      const args = ['XREAD', 'BLOCK', '0', 'STREAMS', 'nothing', '$']
      await expect(reader.send('k', args, 50)).rejects.toMatchObject({ code: 'timeout' })
      expect(await reader.send('k', ['PING'], 2_000)).toBe('PONG')
      await proxy.cut()
      await expect(reader.send('k', ['PING'], 2_000)).rejects.toMatchObject({ code: 'redis' })
      await proxy.restore()
      await until(() => reader.send('k', ['PING'], 2_000).catch(() => undefined))
      await reader.close()
      await until(() => adapter.isReady())
      await until(() => proxy.connections === 1)
      await proxy.close()
    })
  }

  test('a pair of command() and reader() serves in place of a client', async () => {
    const keys: string[] = []
    const closes: string[] = []
    const command = async (args: string[], key: string) => {
      keys.push(key)
      return server.command(...args)
    }
    const reader = async () => ({ command, close: () => closes.push('r') })
    const adapter = adapt({ command, reader })
    expect(await adapter.send('k', ['ECHO', 'x'])).toBe('x')
    const blocking = new BlockingReader(adapter)
    expect(await blocking.send('r', ['ECHO', 'y'], 1_000)).toBe('y')
    await blocking.close()
    expect(keys).toEqual(['k', 'r'])
    expect(closes).toEqual(['r'])
  })

  test('a reader waits longer after each failure', async () => {
    let opens = 0
    const reader = async () => {
      opens += 1
      throw new Error('refused')
    }
    const blocking = new BlockingReader(adapt({ command: async () => null, reader }))
    const ends = performance.now() + 600
    while (performance.now() < ends) await blocking.send('k', ['PING'], 1_000).catch(() => {})
    await blocking.close()
    expect(opens).toBeGreaterThan(1)
    expect(opens).toBeLessThan(8)
  })
})

describeRedis('cluster clients', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster.stop())

  for (const [name, create] of Object.entries(clusters)) {
    test(`${name}: commands and a reader reach the node of each key`, async () => {
      const { client, connect } = opened(create(cluster.ports))
      const adapter = adapt({ client })
      expect(adapter.isReady()).toBe(false)
      await connect()
      await until(() => adapter.isReady())
      expect(adapter.kind).toBe(name.replace(/ \d/, ''))
      const reader = new BlockingReader(adapter)
      // These three keys are in the slots of three nodes.
      for (const key of ['{a}', '{b}', '{c}']) {
        expect(await adapter.send(key, ['SET', key, key])).toBe('OK')
        expect(await reader.send(key, ['GET', key], 2_000)).toBe(key)
      }
      await reader.close()
    })
  }
})

test('a value that is no supported client is a TypeError that lists the supported ones', () => {
  for (const client of [{}, 1, 'redis://localhost', null, { sendCommand() {}, on() {} }])
    expect(() => adapt({ client })).toThrow(/node-redis.*createCluster.*ioredis/)
  expect(() => adapt({ command: async () => null })).toThrow(/command.*reader/)
})
