/** The recipes run, and the README begins with the commands that run them. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import express from 'express'
import { oktaSession } from 'express-okta-session'
import { createLocalOrg } from 'express-okta-session/local-org'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { mountGuards } from '../../examples/recipes/guards.js'
import { revoke } from '../../examples/recipes/revoke.js'
import { startApp } from './running-app.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const recipe = (name: string) => join(root, 'examples/recipes', name)

describe('the README', () => {
  it('the README begins with two commands, each enough on a fresh machine', () => {
    const commands = fences('sh').slice(0, 2)
    expect(commands).toEqual(['npm ci && npm start\n', 'npm ci && npm test\n'])
  })
})

describe('the recipes', () => {
  it('the recipe for a first app starts it in ten lines', async () => {
    const org = await createLocalOrg()
    const port = await freePort()
    const folder = await installQuickStart()
    const child = spawn(process.execPath, [join(folder, 'app.mjs')], {
      env: { ...process.env, OKTA_CLIENT_ORGURL: org.url, PORT: String(port) },
      stdio: 'ignore',
    })
    try {
      const cookie = org.signIn('alice@example.com')
      const response = await untilItListens(child, `http://localhost:${port}/account`, cookie)
      const expiresAt = expect.any(String)
      expect(await response.json()).toEqual({ login: 'alice@example.com', expiresAt })
      const out = await fetch(`http://localhost:${port}/sign-out`, {
        method: 'POST',
        headers: { cookie, origin: `http://localhost:${port}` },
      })
      expect(out.status).toBe(204)
      expect(org.sessions).toEqual([])
    } finally {
      child.kill('SIGKILL')
      await org.close()
      await rm(folder, { recursive: true })
    }
  })

  it('the recipe for tests runs an app against the local org', async () => {
    // Under its own runner, as the reader would; the parent's test settings are not its.
    const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...env } = process.env
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--test', recipe('account.test.js')],
      { env },
    )
    expect(stdout).toMatch(/^# pass 1$/m)
  })

  it('the recipe for rules refuses what a session may not do', async () => {
    const org = await createLocalOrg()
    const okta = oktaSession({ orgUrl: org.url, logger: false })
    const app = express()
    const router = express.Router()
    mountGuards(app, okta, (_req, res) => void res.json('done'))
    mountGuards(router, okta, (_req, res) => void res.json('done'))
    app.use('/mounted', router)
    try {
      const cookie = org.signIn('alice@example.com')
      const { userId } = await okta.api.getCurrentSession(cookie)
      const send = (method: 'get' | 'post', path: string) =>
        request(app)[method](path).set('Cookie', cookie)
      const { body } = await send('get', '/admin').expect(403)
      expect(body).toMatchObject({ code: 'mfa_required' })

      const before = org.calls.getCurrentSession
      await send('post', '/transfers').expect(200)
      await send('post', '/transfers').expect(200)
      expect(org.calls.getCurrentSession - before).toBe(2)

      for (const path of [`/users/${userId}`, `/users/${userId}?tab=1`, `/users/${userId}/`])
        for (const prefix of ['', '/mounted']) await send('get', prefix + path).expect(200)
      await send('get', '/users/00u-somebody-else').expect(403)
      await send('get', `/users/00u-somebody-else?/users/${userId}`).expect(403)
    } finally {
      await okta.close()
      await org.close()
    }
  })

  it('the recipe for revocation tells the failures of a revocation apart', async () => {
    const { okta, org, close } = await startApp({})
    try {
      const { id } = await okta.api.getCurrentSession(org.signIn('alice@example.com'))
      expect(await revoke(okta, id)).toBe('ended')
      expect(await revoke(okta, id)).toBe('was over already')
      await org.close()
      expect(await revoke(okta, id)).toBe('try again')
    } finally {
      await close()
    }
  })
})

/** A folder as README says to make it: `npm init -y` writes a package.json of CommonJS. */
async function installQuickStart(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'quick-start-'))
  const modules = join(folder, 'node_modules')
  await mkdir(modules)
  await writeFile(join(folder, 'package.json'), '{ "name": "app", "type": "commonjs" }')
  await copyFile(recipe('quick-start.js'), join(folder, 'app.mjs'))
  await symlink(root, join(modules, 'express-okta-session'))
  await symlink(join(root, 'node_modules/express'), join(modules, 'express'))
  return folder
}

function fences(language: string): string[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  return [...readme.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, name, code = '']) =>
    name === language ? [code] : [],
  )
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** The recipe says nothing when it is ready, so it is called until it answers. */
async function untilItListens(child: ChildProcess, url: string, cookie: string): Promise<Response> {
  while (child.exitCode === null) {
    const response = await fetch(url, { headers: { cookie } }).catch(() => undefined)
    if (response !== undefined) return response
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`the recipe ended with ${child.exitCode}`)
}
