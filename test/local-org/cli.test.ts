import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import type { LocalOrg } from '../../src/local-org/index.js'
import { VERSION } from '../../src/version.js'
import { bodyOf, postJson } from './orgs.js'
import { rawExchange } from './raw-exchange.js'
import { receivers } from './receiver.js'
import { askToken, assertion } from './service-app.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
/** What `--json` prints. */
type Said = Pick<LocalOrg, 'url' | 'apiToken' | 'users' | 'serviceApp'>

const receive = receivers()
const running = new Set<ChildProcess>()

afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
  running.clear()
})

function run(...args: readonly string[]) {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  const ended = once(child, 'close').then(([code]) => ({ code: Number(code), out, err }))
  return {
    ended,
    /** The first line it prints; it has printed nothing before. */
    async firstLine(): Promise<string> {
      while (!out.includes('\n')) await once(child.stdout, 'data')
      return out.split('\n')[0] ?? ''
    },
    interrupt: () => child.kill('SIGINT'),
  }
}

describe('express-okta-session local-org', () => {
  it('the command prints one line of JSON once it listens, and ends cleanly on Ctrl-C', async () => {
    const command = run('local-org', '--json', '--engine', 'classic', '--port', '0')
    const said: Said = JSON.parse(await command.firstLine())
    expect(said).toEqual({
      url: expect.stringMatching(/^http:\/\/localhost:\d+$/),
      apiToken: expect.stringMatching(/^00/),
      users: expect.arrayContaining([
        { login: 'alice@example.com', password: expect.any(String), userId: expect.any(String) },
      ]),
      serviceApp: {
        clientId: expect.any(String),
        keyId: expect.any(String),
        privateKey: expect.objectContaining({ kty: 'RSA', d: expect.any(String) }),
      },
    })
    // A connection that stays open must not keep it from ending.
    expect((await fetch(`${said.url}/api/v1/sessions/me`)).status).toBe(404)
    command.interrupt()
    const { code, out, err } = await command.ended
    expect({ code, err, lines: out.trimEnd().split('\n').length }).toEqual({
      code: 0,
      err: '',
      lines: 1,
    })
  })

  it('the command prints credentials that work at the org it started', async () => {
    const command = run('local-org', '--json')
    const said: Said = JSON.parse(await command.firstLine())
    const { url, apiToken, users } = said
    expect(users).toMatchObject([
      { login: 'alice@example.com' },
      { login: 'bob@example.com' },
      {
        login: 'carol@example.com',
        mfa: { sharedSecret: expect.stringMatching(/^[A-Z2-7]{32}$/) },
      },
    ])

    const [alice] = users
    const authn = await postJson(`${url}/api/v1/authn`, {
      username: alice?.login,
      password: alice?.password,
    })
    const { sessionToken } = await bodyOf(authn)
    const session = await bodyOf(await postJson(`${url}/api/v1/sessions`, { sessionToken }))
    expect(session).toMatchObject({ login: alice?.login, userId: alice?.userId })
    const { access_token } = await bodyOf(
      await askToken(said, await assertion({ ...said, clock: Date })),
    )
    for (const authorization of [`SSWS ${apiToken}`, `Bearer ${String(access_token)}`]) {
      const byId = await fetch(`${url}/api/v1/sessions/${String(session.id)}`, {
        headers: { authorization },
      })
      expect(byId.status).toBe(200)
    }
  })

  it('the command’s org answers to the names given with --allow-hosts, and to no others', async () => {
    const command = run('local-org', '--json', '--allow-hosts', 'org.test, id.test')
    const { url }: Said = JSON.parse(await command.firstLine())
    const statuses = await Promise.all(
      ['org.test', 'id.test:1', 'localhost', 'evil.example'].map(async (host) => {
        const lines = ['GET /api/v1/sessions/me HTTP/1.1', `Host: ${host}`, 'Connection: close']
        const { head } = await rawExchange(url, `${lines.join('\r\n')}\r\n\r\n`, 2_000)
        return head.split(' ')[1]
      }),
    )
    expect(statuses).toEqual(['404', '404', '404', '421'])
  })

  it('the command’s org verifies the hook given with --hook, and delivers events to it', async () => {
    const receiver = await receive()
    const hook = ['--hook', receiver.url, '--hook-secret', 'hook-secret']
    const command = run('local-org', '--json', ...hook)
    const { url, users }: Said = JSON.parse(await command.firstLine())
    const state = async () => bodyOf(await fetch(`${url}/console/state`))
    await expect.poll(state).toMatchObject({ receivers: [{ verified: true }] })
    await postJson(`${url}/console/suspend`, { userId: users[0]?.userId })
    await expect
      .poll(() => receiver.events())
      .toMatchObject([{ eventType: 'user.lifecycle.suspend' }])
    expect(receiver.posts[0]?.headers.authorization).toBe('hook-secret')
  })

  it('the command ends on Ctrl-C also while its hook does not answer', async () => {
    const receiver = await receive()
    const asked = new Promise<void>((resolve) => {
      receiver.handshake = () => resolve()
    })
    const command = run('local-org', '--hook', receiver.url, '--hook-secret', 'hook-secret')
    await Promise.all([command.firstLine(), asked])
    command.interrupt()
    expect(await command.ended).toMatchObject({ code: 0, err: '' })
  })

  it('the command prints the org’s address and a user to sign in as', async () => {
    const command = run('local-org')
    expect(await command.firstLine()).toMatch(/^Local org at http:\/\/localhost:\d+ \(identity/)
    command.interrupt()
    const { out } = await command.ended
    expect(out).toContain('alice@example.com  local-password')
    expect(out).toContain('/console')
  })

  it.each([
    [['local-org', '--port', '65536'], '--port must be a whole number from 0 to 65535, not 65536'],
    [['local-org', '--port', 'http'], '--port'],
    [['local-org', '--engine', 'oie'], '--engine must be identity or classic, not oie'],
    [['local-org', '--allow-hosts', 'org.test:80'], '--allow-hosts'],
    [['local-org', '--allow-hosts', ''], '--allow-hosts'],
    [['local-org', '--hook', 'http://localhost:3000/'], '--hook-secret'],
    [['local-org', '--hook-secret', 'secret'], '--hook'],
    [['local-org', '--hook', 'http://example.com/', '--hook-secret', 'x'], 'url must be an https'],
    [['local-org', '--speed', '9'], '--speed'],
    [['local-org', 'here'], 'here'],
    [['serve'], 'There is no command serve.'],
    [[], 'A command is missing.'],
  ])('the command refuses %j with exit code 2 and its usage', async (args, message) => {
    const { code, out, err } = await run(...args).ended
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(err).toContain(message)
    expect(err).toContain('Usage:')
  })

  it.each([[['--help']], [['local-org', '--help']]])(
    'the command prints its help for %j',
    async (args) => {
      const { code, out } = await run(...args).ended
      expect(code).toBe(0)
      expect(out).toContain('Usage:')
    },
  )

  it.each(['--version', '-v'])('the command prints its version for %s', async (flag) => {
    expect(await run(flag).ended).toEqual({ code: 0, out: `${VERSION}\n`, err: '' })
  })

  it('the command says in one line that its port is in use', async () => {
    const first = run('local-org', '--json')
    const { port } = new URL(JSON.parse(await first.firstLine()).url)
    const second = await run('local-org', '--port', port).ended
    expect(second).toEqual({ code: 1, out: '', err: `Port ${port} is in use.\n` })
  })
})
