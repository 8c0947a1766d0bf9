/** The local org on an address of its own, as in a container. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { createLocalOrg } from 'express-okta-session/local-org'
import { describe, expect, it, onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

async function statusOf(port: string, host: string): Promise<number | undefined> {
  const req = request({ host: '127.0.0.1', port, path: '/console/state', headers: { host } })
  req.end()
  const [res] = await once(req, 'response')
  res.resume()
  return res.statusCode
}

describe('createLocalOrg({ host })', () => {
  it('listens there, names itself by the first of allowedHosts, and refuses other names', async () => {
    const org = await createLocalOrg({ host: '0.0.0.0', allowedHosts: ['local-org', 'other'] })
    onTestFinished(() => org.close())
    const { hostname, port } = new URL(org.url)
    expect(hostname).toBe('local-org')
    for (const name of ['local-org', 'other', 'localhost', '127.0.0.1'])
      expect(await statusOf(port, `${name}:${port}`), name).toBe(200)
    expect(await statusOf(port, 'evil.example')).toBe(421)
  })

  it.each([
    [{ host: '0.0.0.0' }, /host needs allowedHosts/],
    [{ host: '', allowedHosts: ['a'] }, /host must be an address or a name/],
    [{ host: 'a b', allowedHosts: ['a'] }, /host must be an address or a name/],
    [{ host: 7 as never, allowedHosts: ['a'] }, /host must be an address or a name/],
  ])('%j is a fault', async (options, fault) => {
    await expect(createLocalOrg(options)).rejects.toThrow(fault)
  })
})

describe('local-org --host', () => {
  const cli = (...args: string[]) =>
    spawn(process.execPath, [join(root, 'dist/cli/main.js'), 'local-org', ...args])

  it('warns, and prints the URL under its first allowed host', async () => {
    const child = cli('--host', '127.0.0.1', '--allow-hosts', 'local-org', '--json')
    const warning = text(child.stderr)
    const [line] = await once(createInterface({ input: child.stdout }), 'line')
    expect(JSON.parse(line).url).toMatch(/^http:\/\/local-org:\d+$/)
    child.kill('SIGTERM')
    expect(await warning).toContain('The org listens on 127.0.0.1')
  })

  it('without --allow-hosts it says what to add, and does not start', async () => {
    const child = cli('--host', '0.0.0.0')
    const [said] = await Promise.all([text(child.stderr), once(child, 'exit')])
    expect(said).toContain('--host 0.0.0.0 needs --allow-hosts')
    expect(child.exitCode).toBe(2)
  })
})
