/** The examples of other frameworks, started as a user would, each with its local org. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { get } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const started: ChildProcess[] = []
afterAll(async () => {
  await Promise.all(
    started.map((child) => {
      if (child.exitCode !== null) return undefined
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      return ended
    }),
  )
})

describe.each(['fastify', 'koa', 'hono'])('examples/%s', (name) => {
  it('serves its page, refuses without a session, and ends on SIGINT', async () => {
    const child = spawn(process.execPath, [join(root, `examples/${name}/server.js`)], {
      env: { PATH: process.env.PATH, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    started.push(child)
    const line = await firstLine(child)
    const [, origin = ''] = /^(http:\/\/localhost:\d+)\/account {3}sign in as /.exec(line) ?? []
    expect(await (await fetch(`${origin}/`)).text()).toBe('Hello')
    const refused = await fetch(`${origin}/account`)
    expect([refused.status, await refused.json()]).toMatchObject([401, { reason: 'no_cookie' }])
    // fetch() would set Sec-Fetch-Mode by itself.
    const page = get(`${origin}/account`, {
      headers: { 'sec-fetch-mode': 'navigate', accept: 'text/html' },
    })
    const [answer] = await once(page, 'response')
    answer.resume()
    expect([answer.statusCode, answer.headers.location]).toMatchObject([
      302,
      expect.stringContaining('/login/login.htm'),
    ])
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGINT')
    expect(await ended).toBe(0)
  })
})

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) return ''
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  return String(line)
}
