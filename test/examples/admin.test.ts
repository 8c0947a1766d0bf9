/** The administrator's example, as a person runs it and piece by piece. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { SessionApi } from 'express-okta-session'
import { createLocalOrg, type LocalOrg, type LocalOrgOptions } from 'express-okta-session/local-org'
import { afterEach, describe, expect, it } from 'vitest'
import { administer } from '../../examples/admin/administer.js'
import { credentialKinds } from '../../examples/admin/credential-kinds.js'

const program = fileURLToPath(new URL('../../examples/admin/admin.js', import.meta.url))
const ALICE = 'alice@example.com'
const TIME = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.000Z'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function orgWith(options: LocalOrgOptions = {}): Promise<LocalOrg> {
  const org = await createLocalOrg({ serviceApp: { alg: 'ES256' }, ...options })
  open.push(org)
  return org
}

function idOf(org: LocalOrg): string {
  org.signIn(ALICE)
  return org.sessions.at(-1)?.id ?? ''
}

async function linesOf(api: SessionApi, id: string): Promise<string[]> {
  open.push(api)
  const lines: string[] = []
  for await (const line of administer(api, id)) lines.push(line)
  return lines
}

describe('node examples/admin/admin.js', () => {
  it('admin.js works with each kind of credentials, and prints no secret', async () => {
    const { code, stdout, stderr } = await run([])
    expect([code, stderr]).toEqual([0, ''])
    const blocks = stdout.trim().split('\n\n')
    expect(blocks.map((block) => block.split('\n')[0])).toEqual(
      credentialKinds.map(({ title }) => title),
    )
    for (const block of blocks.slice(0, -1)) {
      const [, found, refreshed, ...rest] = block.split('\n')
      expect(found).toMatch(new RegExp(`^  find     ${ALICE}, ACTIVE, .* pwd, until ${TIME}$`))
      expect(refreshed).toMatch(new RegExp(`^  refresh  until ${TIME}$`))
      expect(endOf(refreshed)).toBeGreaterThan(endOf(found))
      expect(rest).toEqual([
        '  revoke   it has ended, wherever it was open',
        '  find     there is no such session',
      ])
    }
    expect(blocks.at(-1)).toMatch(/refresh .*lack the scope okta\.sessions\.manage\n/)
    // Neither an API token nor a JWT nor a key, in whatever form.
    expect(stdout).not.toMatch(/00[\w-]{40}|eyJ|PRIVATE|[\w-]{43}/)
  })

  it('admin.js uses the org and the session named in the environment', async () => {
    const org = await orgWith()
    const { code, stdout } = await run([idOf(org)], {
      OKTA_CLIENT_ORGURL: org.url,
      OKTA_CLIENT_TOKEN: org.apiToken,
    })
    expect(code).toBe(0)
    expect(stdout.trim().split('\n')).toHaveLength(4)
    expect(org.sessions).toEqual([])
  })

  it.each([
    [['102abc'], {}, /^SessionApi: an option is wrong\n {2}orgUrl: missing; .*OKTA_CLIENT_ORGURL/],
    [['me'], { OKTA_CLIENT_ORGURL: 'http://localhost:1' }, /^getSession: sessionId must be/],
  ])(
    'admin.js says what is wrong with the arguments %j and the environment %j',
    async (args, env, said) => {
      const { code, stderr } = await run(args, env)
      expect(code).toBe(1)
      expect(stderr).toMatch(said)
      expect(stderr).not.toContain('    at ')
    },
  )
})

describe('the administrator’s operations', () => {
  it('the administrator’s operations print no secret of any kind of credentials', async () => {
    for (const { dpop, credentials } of credentialKinds) {
      const org = await orgWith({ dpop })
      const issued: string[] = []
      const watched = { ...org, accessToken: () => remember(org.accessToken(), issued) }
      const api = new SessionApi({ orgUrl: org.url, credentials: credentials(watched) })
      const lines = (await linesOf(api, idOf(org))).join()
      for (const secret of [org.apiToken, String(org.serviceApp.privateKey.d), ...issued])
        expect(lines).not.toContain(secret)
    }
  })

  it('the administrator’s operations tell an error of Okta’s from no answer', async () => {
    const org = await orgWith()
    const wrong = new SessionApi({ orgUrl: org.url, credentials: { apiToken: 'wrong-token' } })
    for (const line of await linesOf(wrong, idOf(org))) {
      expect(line).toMatch(/refused: \w+: 401 E0000011 .*request [0-9a-f]{32}/)
      expect(line).not.toContain('wrong-token')
    }
    const unreachable = { orgUrl: 'http://127.0.0.1:1', credentials: { apiToken: 'a' } }
    for (const line of await linesOf(new SessionApi(unreachable), '102abc'))
      expect(line).toMatch(/no answer: connect, try again$/)
  })
})

function endOf(line = ''): number {
  return Date.parse(new RegExp(`${TIME}$`).exec(line)?.[0] ?? '')
}

function remember(token: string, issued: string[]): string {
  issued.push(token)
  return token
}

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Without what the developer's own environment says about an org. */
function run(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('OKTA_'))
  const env = { ...Object.fromEntries(inherited), ...more }
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}
