/** `npm start -- --instances 2` as a person runs it: two processes over a real Redis, and none left afterwards. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createClient } from 'redis'
import { afterEach, describe, expect, it } from 'vitest'
import { freePorts } from '../redis/free-ports.js'
import { describeRedis, startRedis } from '../redis/redis-server.js'
import { Browser } from './browser.js'
import { openStream } from './event-source.js'

const program = fileURLToPath(new URL('../../examples/app/server.js', import.meta.url))
const started: ChildProcess[] = []

/** SIGTERM, which lets the example end its processes; SIGKILL after a bound. */
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    const limit = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await exited
    clearTimeout(limit)
  }
})

describeRedis('the example as two instances', () => {
  it('shares the sign-in, and refuses at one instance after a sign-out at the other', async () => {
    const { first, second } = await start()
    const browser = new Browser()
    await signIn(browser, first)
    await browser.go(`${first.url}/account`)
    expect(browser.page.body).toContain(`Instance 1 (process ${first.pid})`)
    expect(browser.page.body).toContain('<dd>ready</dd>')

    await browser.go(`${second.url}/account`)
    expect(browser.page.body).toContain(`Instance 2 (process ${second.pid})`)
    expect(browser.page.body).toContain('shared (cached in Redis by another instance)')
    expect(browser.page.body).toContain(`href="${first.url}/account"`)
    await browser.go('/account')
    expect(browser.page.body).toContain('memory (cached in this instance)')

    // The cookie as it was before the sign-out, which expires it in the browser that signs out.
    const thief = new Browser()
    for (const [name, value] of browser.cookies) thief.cookies.set(name, value)
    await browser.go(`${first.url}/account`)
    await browser.submit('/sign-out')
    expect(browser.page.body).toContain('You are signed out')
    await until('Instance 2 refuses the cookie', async () => {
      await thief.go(`${second.url}/account`)
      return thief.page.url.includes('/login/login.htm')
    })
  })

  it('tells an open page of the other instance that its session was revoked in the console', async () => {
    const { orgUrl, first, second } = await start()
    const pages = await Promise.all([openPage(first), openPage(second)])
    await revokeAll(orgUrl)
    for (const { ended } of pages)
      expect(await ended).toEqual([{ event: 'ended', data: 'not_found' }])
  })

  it('tells an open page so when the instance that received the pushes has ended', async () => {
    const { orgUrl, first, second, errors } = await start()
    process.kill(first.pid, 'SIGKILL')
    await until('Instance 2 receives the pushes', async () => {
      const { receivers } = await stateOf(orgUrl)
      return receivers.filter(({ url }) => url.startsWith(`${second.url}/`)).length === 3
    })
    const { ended } = await openPage(second)
    await revokeAll(orgUrl)
    expect(await ended).toEqual([{ event: 'ended', data: 'not_found' }])
    expect(errors()).not.toContain('not verified')
  })

  it('counts both instances as alive', async () => {
    const { first, second } = await start()
    for (const { url } of [first, second])
      await until(`${url} counts two instances`, async () => {
        const page = await new Browser().go(`${url}/`)
        return page.body.includes('<dt>Instances alive</dt><dd>2</dd>')
      })
  })

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'ends its instances and the Redis it started at %s',
    async (signal) => {
      const { child, first, second, redisPort } = await start()
      const redisId = await processIdOfRedis(redisPort)
      child.kill(signal)
      expect(await once(child, 'exit')).toEqual([0, null])
      for (const id of [first.pid, second.pid, redisId]) expect(isAlive(id)).toBe(false)
    },
  )

  it('reports an instance that ends, and goes on with the other', async () => {
    const { child, first, second, errors } = await start()
    process.kill(second.pid, 'SIGKILL')
    await until('the end is reported', async () => errors().includes('has ended'))
    expect(errors()).toContain(
      `Instance 2 (process ${second.pid}) has ended (SIGKILL). Still running: Instance 1.`,
    )
    await until('Instance 1 links to no other', async () => {
      const page = await new Browser().go(`${first.url}/`)
      return page.body.includes('no other instance')
    })
    process.kill(first.pid, 'SIGKILL')
    expect(await once(child, 'exit')).toEqual([1, null])
  })

  it('uses the Redis of REDIS_URL, and leaves it running', async () => {
    const redis = await startRedis()
    try {
      const { child, first, redisPort } = await start({ REDIS_URL: redis.url })
      expect(redisPort).toBe(redis.port)
      await signIn(new Browser(), first)
      expect(await redis.command('DBSIZE')).toBeGreaterThan(0)
      child.kill('SIGTERM')
      await once(child, 'exit')
      expect(await redis.command('PING')).toBe('PONG')
    } finally {
      await redis.stop()
    }
  })

  it('listens on PORT and the port after it', async () => {
    const port = await twoPorts()
    const { first, second } = await start({ PORT: String(port) })
    expect(first.url).toBe(`http://localhost:${port}`)
    expect(second.url).toBe(`http://localhost:${port + 1}`)
  })
})

describe('the example’s option --instances', () => {
  it.each(['0', '1', '9', '99', '1.5', 'two', ''])('rejects the number "%s"', async (value) => {
    expect(await fail(['--instances', value])).toEqual({
      code: 1,
      stderr: `--instances is a whole number from 2 to 8, not "${value}".\n`,
    })
  })

  it.each([[['--instances']], [['--processes', '2']], [['2']]])('rejects %j', async (args) => {
    expect(await fail(args)).toEqual({
      code: 1,
      stderr: `The example has one option, npm start -- --instances 2, and cannot read "${args.join(' ')}".\n`,
    })
  })

  it('says what to install where there is no Redis server', async () => {
    const { code, stderr } = await fail(['--instances', '2'], { PATH: dirname(program) })
    expect(code).toBe(1)
    expect(stderr).toBe(
      'Instances share sessions over Redis: install redis-server or valkey-server, or set REDIS_URL.\n',
    )
  })

  it('names an unreachable Redis without its password', async () => {
    const [port = 0] = await freePorts(1)
    const REDIS_URL = `redis://user:hidden@127.0.0.1:${port}`
    expect(await fail(['--instances', '2'], { REDIS_URL })).toEqual({
      code: 1,
      stderr: `The Redis of REDIS_URL at 127.0.0.1:${port} cannot be used: ECONNREFUSED.\n`,
    })
  })

  it('needs ports for all instances', async () => {
    expect(await fail(['--instances', '2'], { PORT: '65535' })).toEqual({
      code: 1,
      stderr: 'PORT is a number from 0 to 65534, not "65535".\n',
    })
  })
})

interface Instance {
  readonly url: string
  readonly pid: number
}

async function start(env: NodeJS.ProcessEnv = {}) {
  const child = run(['--instances', '2'], env)
  let printed = ''
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    errors += chunk
  })
  for await (const chunk of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    printed += chunk
    if (printed.includes('Ctrl-C')) break
  }
  child.stdout.resume()
  const [first, second] = await Promise.all(
    [...printed.matchAll(/Instance \d +(\S+)/g)].map(([, url = '']) => instanceAt(url)),
  )
  const orgUrl = /Its Okta +(\S+)/.exec(printed)?.[1] ?? ''
  const redisPort = Number(/Its Redis +127\.0\.0\.1:(\d+)/.exec(printed)?.[1])
  if (first === undefined || second === undefined)
    throw new Error(`no two instances in what it printed: ${printed}${errors}`)
  return { child, orgUrl, first, second, redisPort, errors: () => errors }
}

async function instanceAt(url: string): Promise<Instance> {
  const { body } = await new Browser().go(`${url}/`)
  return { url, pid: Number(/\(process (\d+)\)/.exec(body)?.[1]) }
}

async function fail(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = run(args, env)
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  return { code, stderr }
}

/** Without what the developer's own environment says about an org and a Redis. */
function run(args: readonly string[], env: NodeJS.ProcessEnv) {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(OKTA_|APP_BASE_URL|PORT$|REDIS_URL$)/.test(name),
  )
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...Object.fromEntries(inherited), PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  return child
}

async function signIn(browser: Browser, { url }: Instance): Promise<void> {
  await browser.go(`${url}/account`)
  const username = 'alice@example.com'
  await browser.submit('/login/login.htm', { username, password: 'local-password' })
  expect(browser.page.url).toBe(`${url}/account`)
  expect(browser.page.body).toContain(username)
}

/** The events of an account page at this instance, for a user who has signed in there. */
async function openPage(instance: Instance) {
  const browser = new Browser()
  await signIn(browser, instance)
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const stream = await openStream(`${instance.url}/session/events`, cookie)
  expect(stream.response.statusCode).toBe(200)
  return stream
}

/** What the console's buttons Revoke do. */
async function revokeAll(orgUrl: string): Promise<void> {
  const { sessions } = await stateOf(orgUrl)
  expect(sessions).not.toEqual([])
  for (const { id } of sessions) {
    const response = await fetch(`${orgUrl}/console/revoke`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ session: id }),
    })
    expect(response.status).toBe(200)
  }
}

interface OrgState {
  readonly sessions: readonly { readonly id: string }[]
  readonly receivers: readonly { readonly url: string }[]
}

async function stateOf(orgUrl: string): Promise<OrgState> {
  return JSON.parse((await new Browser().go(`${orgUrl}/console/state`)).body)
}

/** Polls, as other processes have no event to await here. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000
  while (performance.now() < deadline) {
    if (await holds()) return
    await delay(20)
  }
  throw new Error(`not so within the bound: ${what}`)
}

async function processIdOfRedis(port: number): Promise<number> {
  const client = createClient({ url: `redis://127.0.0.1:${port}` })
  client.on('error', () => {}) // The command that failed rejects.
  await client.connect()
  const info = await client.info('server')
  client.destroy()
  return Number(/process_id:(\d+)/.exec(info)?.[1])
}

function isAlive(pid: number): boolean {
  expect(pid).toBeGreaterThan(0)
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Finds a free port whose successor is free too. */
async function twoPorts(): Promise<number> {
  for (const port of await freePorts(20)) {
    const server = createServer().listen(port + 1, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    server.close()
    if (isFree) return port
  }
  throw new Error('no two free ports in a row')
}
