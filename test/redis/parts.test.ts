import { once } from 'node:events'
import { connect } from 'node:net'
import { createClient, createCluster } from 'redis'
import { afterEach, expect, test } from 'vitest'
import { startCluster } from './redis-cluster.js'
import { describeRedis, planOf, startRedis } from './redis-server.js'
import { startProxy } from './tcp-proxy.js'

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function redis(config: readonly string[] = []) {
  const server = await startRedis({ config })
  cleanups.push(() => server.stop())
  return server
}

async function proxied() {
  const server = await redis()
  const chunks: Buffer[] = []
  const proxy = await startProxy(server.port, (chunk) => chunks.push(chunk))
  cleanups.push(() => proxy.close())
  const client = createClient({ url: proxy.url, socket: { reconnectStrategy: false } })
  client.on('error', () => {})
  await client.connect()
  cleanups.push(() => client.isOpen && client.destroy())
  return { server, proxy, client, wire: () => Buffer.concat(chunks).toString() }
}

test('tests of Redis run with a server program, are skipped without, and fail without where CI=true', () => {
  expect(planOf('valkey-server', 'true')).toBe('run')
  expect(planOf(undefined, undefined)).toBe('skip')
  expect(planOf(undefined, 'true')).toBe('fail')
})

describeRedis('the Redis server of the tests', () => {
  test('a started server keeps nothing on disk and takes further lines of configuration', async () => {
    const server = await redis(['maxmemory 3mb'])
    expect(await server.command('SET', 'a', '1')).toBe('OK')
    expect(await server.command('GET', 'a')).toBe('1')
    expect(JSON.stringify(await server.command('CONFIG', 'GET', 'maxmemory'))).toContain('3145728')
    expect(JSON.stringify(await server.command('CONFIG', 'GET', 'save'))).toContain('""')
  })

  test('a server with a wrong line of configuration fails to start and says why', async () => {
    await expect(startRedis({ config: ['no-such-line 1'] })).rejects.toThrow('no-such-line')
  })

  test('a killed server refuses connections, and restarts empty on the same port', async () => {
    const server = await redis()
    await server.command('SET', 'a', '1')
    await server.kill()
    await expect(server.command('PING')).rejects.toThrow()
    await server.restart()
    expect(await server.command('GET', 'a')).toBeNull()
  })

  test('a paused server answers nothing until it is resumed', async () => {
    const server = await redis()
    server.pause()
    let answered = false
    const reply = server.command('PING').then((pong) => {
      answered = true
      return pong
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(answered).toBe(false)
    server.resume()
    expect(await reply).toBe('PONG')
  })
})

describeRedis('the TCP proxy of the tests', () => {
  test('the proxy forwards both ways, and its tap has all bytes', async () => {
    const { client, wire } = await proxied()
    await client.set('key', 'a-value-on-the-wire')
    expect(wire()).toContain('a-value-on-the-wire')
    expect(wire()).toContain('+OK')
  })

  test('a cut proxy destroys connections and refuses new ones until it is restored', async () => {
    const { proxy, client } = await proxied()
    const ended = once(client, 'error')
    await proxy.cut()
    await ended
    expect(proxy.connections).toBe(0)
    const refused = connect({ port: proxy.port, host: '127.0.0.1' })
    const [error] = await once(refused, 'error')
    expect(error.code).toBe('ECONNREFUSED')
    const { port } = proxy
    await proxy.restore()
    expect(proxy.port).toBe(port)
    if (client.isOpen) client.destroy()
    await client.connect()
    expect(await client.ping()).toBe('PONG')
  })

  test('a paused proxy keeps connections and forwards nothing until it is resumed', async () => {
    const { server, proxy, client } = await proxied()
    proxy.pause()
    const reply = client.set('a', '1')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await server.command('GET', 'a')).toBeNull()
    expect(proxy.connections).toBe(1)
    proxy.resume()
    expect(await reply).toBe('OK')
    expect(await server.command('GET', 'a')).toBe('1')
  })

  test('a slow proxy delays each chunk and keeps their order', async () => {
    const { proxy, client } = await proxied()
    proxy.slow(40)
    const startedAt = performance.now()
    const first = client.rPush('list', 'a')
    await new Promise((resolve) => setTimeout(resolve, 5))
    proxy.slow(0)
    await Promise.all([first, client.rPush('list', 'b')])
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(40)
    expect(await client.lRange('list', 0, -1)).toEqual(['a', 'b'])
  })
})

describeRedis('the Redis Cluster of the tests', () => {
  test('three masters serve all slots to a cluster client', async () => {
    const started = await startCluster()
    cleanups.push(() => started.stop())
    expect(new Set(started.ports).size).toBe(3)
    const client = createCluster({
      rootNodes: started.ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })),
    })
    client.on('error', () => {})
    await client.connect()
    cleanups.push(() => client.destroy())
    for (let each = 0; each < 30; each += 1) await client.set(`key-${each}`, String(each))
    expect(await client.get('key-29')).toBe('29')
    const sizes = await Promise.all(started.servers.map((server) => server.command('DBSIZE')))
    expect(sizes.every((size) => Number(size) > 0)).toBe(true)
  })
})
