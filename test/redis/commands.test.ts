import { afterEach, beforeEach, expect, test } from 'vitest'
import { BoundedCommands } from '../../src/redis/bounded-commands.js'
import { type AppClient, adapt, sampledSingles, singles, until } from './clients-world.js'
import { describeRedis, type RedisServer, startRedis } from './redis-server.js'
import { startProxy, type TcpProxy } from './tcp-proxy.js'

const clock = { now: Date.now, monotonic: () => performance.now() }

describeRedis('commands to Redis', () => {
  let server: RedisServer
  let proxy: TcpProxy
  const closes: (() => Promise<void>)[] = []
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown) => unhandled.push(reason)

  beforeEach(async () => {
    server = await startRedis()
    proxy = await startProxy(server.port)
    process.on('unhandledRejection', onUnhandled)
  })
  afterEach(async () => {
    for (const close of closes.splice(0)) await close()
    await proxy.close()
    await server.stop()
    process.off('unhandledRejection', onUnhandled)
    expect(unhandled.splice(0)).toEqual([])
  })

  function open(app: AppClient) {
    const commands = new BoundedCommands({
      org: 'org.test',
      client: adapt({ client: app.client }),
      clock,
      random: () => 0,
    })
    const changes: boolean[] = []
    commands.onChange((isUp) => changes.push(isUp))
    closes.push(
      () => commands.close(),
      () => app.close(),
    )
    return { commands, changes }
  }

  async function connected(create: (url: string) => AppClient) {
    const app = create(proxy.url)
    await app.connect()
    const opened = open(app)
    await until(() => opened.commands.isUp)
    return opened
  }

  const failures = async (commands: BoundedCommands, args: readonly string[], count = 5) => {
    const errors: { code?: string; reply?: string; message: string }[] = []
    for (let i = 0; i < count; i++)
      await commands.send('k', args).catch((error) => errors.push(error))
    return errors
  }

  for (const [name, create] of sampledSingles) {
    test(`${name}: a command is not given up while the event loop of this process is blocked`, async () => {
      const { commands } = await connected(create)
      const reply = commands.send('k', ['PING'])
      const end = performance.now() + 400
      while (performance.now() < end);
      expect(await reply).toBe('PONG')
      expect(commands.counts.failures).toBe(0)
    })
  }

  for (const [name, create] of sampledSingles) {
    test(`${name}: commands of a paused server are given up, and sent again after it`, async () => {
      const { commands, changes } = await connected(create)
      proxy.pause()
      const errors = await failures(commands, ['SET', 'k', 'secret-value'])
      expect(errors.map(({ code }) => code)).toEqual(Array(5).fill('timeout'))
      expect(JSON.stringify(errors.map(({ message }) => message))).not.toContain('secret-value')
      expect(commands.isUp).toBe(false)
      await expect(commands.send('k', ['PING'])).rejects.toMatchObject({ code: 'circuit_open' })
      expect(commands.counts).toEqual({ commands: 5, failures: 5 })
      proxy.resume()
      await until(() => commands.isUp)
      expect(await commands.send('k', ['PING'])).toBe('PONG')
      expect(changes).toEqual([false, true])
    })

    test(`${name}: a cut is told once, commands wait for no connection, and a restore is told once`, async () => {
      const { commands, changes } = await connected(create)
      await proxy.cut()
      await until(() => !commands.isUp)
      await expect(commands.send('k', ['PING'])).rejects.toMatchObject({ code: 'not_ready' })
      await proxy.restore()
      await until(() => commands.isUp)
      expect(await commands.send('k', ['PING'])).toBe('PONG')
      expect(changes).toEqual([false, true])
    })

    test(`${name}: a cut during a paused command rejects it without an unhandled rejection`, async () => {
      const { commands } = await connected(create)
      proxy.pause()
      const [error] = await failures(commands, ['GET', 'k'], 1)
      expect(error?.code).toBe('timeout')
      await proxy.cut()
      await until(() => !commands.isUp)
    })

    test(`${name}: a client without a listener for errors outlives a server that is killed and restarted`, async () => {
      const { commands, changes } = await connected(create)
      await server.kill()
      await until(() => !commands.isUp)
      await server.restart()
      await until(() => commands.isUp)
      expect(await commands.send('k', ['GET', 'k'])).toBeNull()
      expect(changes).toEqual([false, true])
    })

    test(`${name}: a client that connects later is told when it is ready`, async () => {
      const app = create(proxy.url)
      const { commands, changes } = open(app)
      await expect(commands.send('k', ['PING'])).rejects.toMatchObject({ code: 'not_ready' })
      await app.connect()
      await until(() => commands.isUp)
      expect(changes).toEqual([true])
    })

    test(`${name}: a script is sent by its hash, and whole when Redis does not know it`, async () => {
      const { commands } = await connected(create)
      const source = 'return {KEYS[1], ARGV[1]}'
      const sha1 = String(await server.command('SCRIPT', 'LOAD', source))
      await server.command('SCRIPT', 'FLUSH')
      expect(await commands.run({ sha1, source }, ['k'], ['a'])).toEqual(['k', 'a'])
      expect(commands.counts).toEqual({ commands: 2, failures: 0 })
      expect(await commands.run({ sha1, source }, ['k'], ['a'])).toEqual(['k', 'a'])
      expect(commands.counts.commands).toBe(3)
    })

    test(`${name}: a wrong type is told by its code, and opens no circuit`, async () => {
      const { commands } = await connected(create)
      await server.command('SET', 'k', 'v')
      const errors = await failures(commands, ['LPUSH', 'k', 'secret-value'], 6)
      expect(errors.map(({ code }) => code)).toEqual(Array(6).fill('WRONGTYPE'))
      expect(Object.values(errors[0] ?? {}).join()).not.toContain('secret-value')
      expect(commands.isUp).toBe(true)
      expect(commands.counts.failures).toBe(0)
    })

    test(`${name}: a server out of memory is down, also while reads succeed, until it accepts writes`, async () => {
      const { commands, changes } = await connected(create)
      await server.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
      await server.command('CONFIG', 'SET', 'maxmemory', '1')
      for (let i = 0; i < 5; i++) {
        expect(await commands.send('k', ['GET', 'k'])).toBeNull()
        const [error] = await failures(commands, ['SET', 'k', 'v'], 1)
        expect(error).toMatchObject({ code: 'redis', reply: 'OOM' })
      }
      expect(commands.isUp).toBe(false)
      // The first trial fails, since it is a write.
      await until(() => commands.counts.failures >= 6)
      expect(commands.isUp).toBe(false)
      await server.command('CONFIG', 'SET', 'maxmemory', '0')
      await until(() => commands.isUp)
      expect(changes).toEqual([false, true])
      expect(await commands.send('k', ['EXISTS', 'k'])).toBe(0)
    })
  }

  const create = singles['node-redis 6'] as (url: string) => AppClient

  test('a read-only replica is down until it is a master', async () => {
    const { commands, changes } = await connected(create)
    await server.command('REPLICAOF', '127.0.0.1', '1')
    const errors = await failures(commands, ['SET', 'k', 'v'])
    expect(errors.map(({ reply }) => reply)).toEqual(Array(5).fill('READONLY'))
    await until(() => commands.counts.failures >= 6)
    expect(commands.isUp).toBe(false)
    await server.command('REPLICAOF', 'NO', 'ONE')
    await until(() => commands.isUp)
    expect(changes).toEqual([false, true])
  })

  test('error replies of a server that cannot serve open the circuit of command(), and a trial closes it', async () => {
    for (const word of ['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'NOAUTH', 'TRYAGAIN']) {
      let isServing = false
      const command = async () => {
        if (isServing) return 'PONG'
        throw new Error(`${word} text with secret-value`)
      }
      const client = adapt({ command, reader: async () => ({ command, close: () => undefined }) })
      const commands = new BoundedCommands({ org: 'org.test', client, clock, random: () => 0 })
      closes.push(() => commands.close())
      const errors = await failures(commands, ['GET', 'k'])
      expect(errors[4]).toMatchObject({ code: 'redis', reply: word })
      expect(errors[4]?.message).not.toContain('secret-value')
      expect(commands.isUp).toBe(false)
      isServing = true
      await until(() => commands.isUp)
    }
  })

  test('close() ends commands that have no reply, and leaves the client of the app open', async () => {
    const { commands } = await connected(create)
    proxy.pause()
    const pending = expect(commands.send('k', ['PING'])).rejects.toMatchObject({ code: 'closed' })
    await commands.close()
    await pending
    await expect(commands.send('k', ['PING'])).rejects.toMatchObject({ code: 'closed' })
    expect(proxy.connections).toBe(1)
    proxy.resume()
  })
})
