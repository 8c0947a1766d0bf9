/** `npm start` as a person runs it: a process that says where it is, and ends when it is told to. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { createLocalOrg } from 'express-okta-session/local-org'
import { afterEach, describe, expect, it } from 'vitest'
import { Browser } from './browser.js'

const program = fileURLToPath(new URL('../../examples/app/server.js', import.meta.url))
const started: ChildProcess[] = []

afterEach(() => {
  for (const child of started.splice(0)) if (child.exitCode === null) child.kill('SIGKILL')
})

describe('the example’s server', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'the example’s server serves until %s, then ends cleanly',
    async (signal) => {
      const { child, url } = await start({ PORT: '0' })
      const browser = new Browser()
      expect((await browser.go(url)).body).toContain('You are not signed in')
      expect((await browser.go('/account')).url).toContain('/login/login.htm?fromURI=')

      child.kill(signal)
      expect(await once(child, 'exit')).toEqual([0, null])
    },
  )

  it('the example’s server ends although a browser keeps its connection open', async () => {
    const { child, url } = await start({ PORT: '0' })
    const response = await fetch(`${url}/`)
    await response.text()
    child.kill('SIGINT')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  it('the example’s server prints a login and a password that work', async () => {
    const { url, output } = await start({ PORT: '0' })
    expect(output()).toMatch(/Sign in as\s+carol@example.com .*second factor/)
    const [, username = '', password = ''] = /Sign in as\s+(\S+)\s+(\S+)/.exec(output()) ?? []
    const browser = new Browser()
    await browser.go(`${url}/account`)
    const account = await browser.submit('/login/login.htm', { username, password })
    expect(account.url).toBe(`${url}/account`)
    expect(account.body).toContain(username)
  })

  it('the example’s server uses the org of the environment, with a sign-in form of its own', async () => {
    const org = await createLocalOrg()
    try {
      const { url, output } = await start({ PORT: '0', OKTA_CLIENT_ORGURL: org.url })
      expect(output()).not.toContain('Sign in as')
      const browser = new Browser()
      await browser.go(`${url}/account`)
      const sessionToken = org.sessionToken('alice@example.com')
      const account = await browser.submit('/sign-in', { sessionToken })
      expect(account.body).toContain('alice@example.com')
    } finally {
      await org.close()
    }
  })

  it('the example’s server says in one line that its port is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    try {
      const { code, stderr } = await fail({ PORT: portOf(taken) })
      expect(code).toBe(1)
      expect(stderr).toMatch(/^Port \d+ is in use: .*PORT=3001 npm start\.\n$/)
    } finally {
      taken.close()
    }
  })

  it.each([
    [{ PORT: 'http' }, 'PORT is a number from 0 to 65535, not "http".\n'],
    [{ PORT: '65536' }, 'PORT is a number from 0 to 65535, not "65536".\n'],
  ])('the example’s server refuses the environment %j', async (env, said) => {
    expect(await fail(env)).toEqual({ code: 1, stderr: said })
  })

  it('the example’s server names what is wrong with the org of the environment, and exits', async () => {
    const { code, stderr } = await fail({ PORT: '0', OKTA_CLIENT_ORGURL: 'http://id.example.com' })
    expect(code).toBe(1)
    expect(stderr).toContain('OKTA_CLIENT_ORGURL')
    expect(stderr).not.toContain('    at ')
  })
})

async function start(env: NodeJS.ProcessEnv) {
  const child = run(env)
  let printed = ''
  for await (const chunk of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    printed += chunk
    if (printed.includes('Ctrl-C')) break
  }
  child.stdout.resume()
  const url = /http:\/\/localhost:\d+/.exec(printed)?.[0]
  if (url === undefined) throw new Error(`no URL in what it printed: ${printed}`)
  return { child, url, output: () => printed }
}

async function fail(env: NodeJS.ProcessEnv) {
  const child = run(env)
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  return { code, stderr }
}

/** Without what the developer's own environment says about an org. */
function run(env: NodeJS.ProcessEnv) {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(OKTA_|APP_BASE_URL|PORT$)/.test(name),
  )
  const child = spawn(process.execPath, [program], {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  return child
}

function portOf(server: Server): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return String(address.port)
}
