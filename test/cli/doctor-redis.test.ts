/** What doctor says of the shared store, with the Redis clients of the user's project. */
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, test } from 'vitest'
import { listen, startOrg } from '../front-door/door.js'
import { describeRedis, type RedisServerOptions, startRedis } from '../redis/redis-server.js'
import { startProxy } from '../redis/tcp-proxy.js'
import { examine, linesOf, root } from './doctor-world.js'

const manyInstances = readFileSync(join(root, 'docs/many-instances.md'), 'utf8')

async function redis(options?: RedisServerOptions) {
  const server = await startRedis(options)
  onTestFinished(() => server.stop())
  return server
}

/** A project in which one client is installed, or none. */
async function project(client: string | undefined): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'doctor-test-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  await writeFile(join(directory, 'package.json'), '{}')
  await mkdir(join(directory, 'node_modules'))
  if (client !== undefined) {
    const name = client.replace(/\d$/, '')
    await symlink(join(root, 'node_modules', client), join(directory, 'node_modules', name))
  }
  return directory
}

async function redisLines(url: string, cwd: string = root, timeoutMs = 5_000) {
  const org = await startOrg({})
  const report = await examine(['--org', org.url, '--redis', url], { cwd, timeoutMs })
  return { lines: linesOf(report, 'redis'), code: report.code }
}

const healthy = [
  /^ok: (Redis|Valkey) \d+\.\d+/,
  /^ok: maxmemory-policy noeviction/,
  /^ok: 20 PINGs: median \d+\.\d ms, longest \d+\.\d ms/,
  /^ok: Its clock agrees/,
  /^ok: Its user may send/,
].map((line) => expect.stringMatching(line))

test('without a client in the project it says what to install', async () => {
  const { lines, code } = await redisLines('redis://localhost:1', await project(undefined))
  expect(lines).toEqual([
    expect.stringMatching(/^warning: Neither redis nor ioredis .* -> .*npm install redis/),
  ])
  expect(code).toBe(0)
})

test.each(['redis', 'ioredis'])(
  'a port on which no Redis listens is a fault, with %s',
  async (client) => {
    const { lines, code } = await redisLines(
      'redis://:canary-password@localhost:1',
      await project(client),
    )
    expect(lines).toEqual([
      expect.stringMatching(
        /^fault: Redis at localhost:1 can not be used: ECONNREFUSED -> .*works alone/,
      ),
    ])
    expect(code).toBe(1)
  },
)

test('a Redis that accepts and does not answer is a fault in time', async () => {
  const silent = await listen(
    createServer(() => {}),
    'http',
  )
  const { lines } = await redisLines(silent.replace('http', 'redis'), root, 500)
  expect(lines).toEqual([expect.stringMatching(/^fault: .*can not be used/)])
})

describeRedis('doctor at a real Redis', () => {
  it.each(['redis', 'redis4', 'redis5', 'ioredis', 'ioredis5'])(
    'a healthy one is ok with %s, and no key is left',
    async (client) => {
      const server = await redis()
      const { lines, code } = await redisLines(server.url, await project(client))
      expect(lines).toEqual(healthy)
      expect(code).toBe(0)
      expect(await server.command('DBSIZE')).toBe(0)
    },
  )

  it('an eviction policy that removes revocations is a warning', async () => {
    const server = await redis({ config: ['maxmemory 100mb', 'maxmemory-policy allkeys-lru'] })
    const { lines } = await redisLines(server.url)
    expect(lines[1]).toMatch(
      /^warning: maxmemory-policy allkeys-lru: .*silently -> Set maxmemory-policy noeviction/,
    )
  })

  it('a wrong password is a fault that does not quote it', async () => {
    const server = await redis()
    await server.command('CONFIG', 'SET', 'requirepass', 'right-password')
    const url = server.url.replace('//', '//:canary-password@')
    const { lines } = await redisLines(url)
    expect(lines).toEqual([expect.stringMatching(/^fault: .*WRONGPASS -> .*user and password/)])
    expect(lines.join()).not.toContain('canary-password')
    expect((await redisLines(server.url)).lines).toEqual([
      expect.stringMatching(/^fault: .*NOAUTH/),
    ])
    const right = server.url.replace('//', '//:right-password@')
    expect((await redisLines(right)).lines).toEqual(healthy)
  })

  it('a user without some commands is a fault that names them, and the documented user is ok', async () => {
    const [, user = ''] = /^ACL SETUSER (.+)$/m.exec(manyInstances) ?? []
    const documented = `user ${user.replace('>password', '>app-password')}`
    const less = documented
      .replace('user app', 'user less')
      .replace(' +xadd', '')
      .replace(' +eval ', ' ')
    const server = await redis({ config: [documented, less] })
    const urlOf = (user: string) => server.url.replace('//', `//${user}:app-password@`)
    expect((await redisLines(urlOf('app'))).lines).toEqual(healthy)
    const { lines } = await redisLines(urlOf('less'))
    expect(lines.at(-1)).toMatch(
      /^fault: Its user may not send XADD, EVAL on keys .* -> .*ACL SETUSER/,
    )
  })

  it.each([
    [
      0,
      /redis_version:\d\.\d/,
      'redis_version:6.0',
      /^fault: Redis 6\.0\S* is too old -> Use Redis 6\.2/,
    ],
    [
      3,
      /(?<=\*2\r\n\$10\r\n\d{4})\d/,
      '',
      /^warning: Its clock is \d+ s (ahead of|behind) this machine's -> .*NTP/,
    ],
  ])(
    'line %i of a Redis that is too old, or whose clock is wrong',
    async (index, found, shown, line) => {
      const server = await redis()
      const proxy = await startProxy(server.port, (chunk, direction) => {
        // A digit of its time is replaced by the next one; the length stays.
        const change = (text: string) => shown || String((Number(text) + 1) % 10)
        if (direction === 'to-client')
          chunk.write(chunk.toString('latin1').replace(found, change), 'latin1')
      })
      onTestFinished(() => proxy.close())
      const { lines } = await redisLines(proxy.url)
      expect(lines).toEqual(
        healthy.map((each, at) => (at === index ? expect.stringMatching(line) : each)),
      )
    },
  )

  it('a Redis that is far away is a warning, and one beyond the limit of a command a fault', async () => {
    const server = await redis()
    const proxy = await startProxy(server.port)
    onTestFinished(() => proxy.close())
    for (const [delayMs, level] of [
      [30, 'warning'],
      [110, 'fault'],
    ] as const) {
      proxy.slow(delayMs)
      const { lines } = await redisLines(proxy.url)
      expect(lines[2]).toMatch(new RegExp(`^${level}: \\d+ PINGs: .* -> .*100 ms`))
    }
  })

  it('a Redis that is paused is a fault in time', async () => {
    const server = await redis()
    server.pause()
    const { lines } = await redisLines(server.url, root, 500)
    server.resume()
    expect(lines).toEqual([expect.stringMatching(/^fault: .*can not be used/)])
  })
})
