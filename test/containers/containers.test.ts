/** The Dockerfile and compose.yaml, performed by hand: the image in a folder, its services on loopback. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { Browser } from '../examples/browser.js'
import { openStream } from '../examples/event-source.js'
import { describeProxy } from '../proxies/programs.js'
import { freePorts } from '../redis/free-ports.js'
import { describeRedis } from '../redis/redis-server.js'
import { inStartOrder, readServices } from './compose.js'
import { buildImage, decoys, type Image } from './image.js'
import { isRunning, startSite } from './running.js'

let image: Image

beforeAll(async () => {
  image = await buildImage()
}, 180_000)

afterAll(() => image?.remove())

describe('the image', () => {
  it('contains the app and its packages, and nothing else', async () => {
    const files = await readdir(image.dir, { recursive: true })
    const own = files.filter((name) => !name.startsWith('node_modules/'))
    const folders = new Set(own.map((name) => name.split('/').slice(0, 2).join('/')))
    for (const name of folders)
      expect(name).toMatch(
        /^(package\.json|node_modules|dist(\/.*)?|examples(\/(app|containers))?)$/,
      )
    for (const decoy of decoys) expect(files).not.toContain(decoy)
    expect(own.filter((name) => /\.env|\.git|\.npmrc|\.key|\.pem|\.test\./.test(name))).toEqual([])
    for (const name of ['dist/index.js', 'examples/app/app.js', 'examples/app/public/style.css'])
      expect(files).toContain(name)
  })

  it('has the packages that run the app, in the versions of the lock, and none that build or test', async () => {
    const lock = JSON.parse(
      await readFile(new URL('../../package-lock.json', import.meta.url), 'utf8'),
    )
    const names = await readdir(`${image.dir}/node_modules`)
    expect(names).toEqual(expect.arrayContaining(['express', 'got', 'helmet', 'redis']))
    for (const name of ['typescript', 'vitest', 'esbuild', 'fastify', 'ioredis', 'js-yaml'])
      expect(names).not.toContain(name)
    for (const name of ['express', 'got', 'redis']) {
      const manifest = await readFile(`${image.dir}/node_modules/${name}/package.json`, 'utf8')
      expect(JSON.parse(manifest).version).toBe(lock.packages[`node_modules/${name}`].version)
    }
  })

  it('refuses an org on http, as its NODE_ENV is production', async () => {
    const child = run(image.command, { ...settings, OKTA_CLIENT_ORGURL: 'http://local-org:8080' })
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
    expect(code).toBe(1)
    expect(stderr).toContain('must be left out where NODE_ENV is production')
  })

  it('reads the secret from a file, and refuses two secrets', async () => {
    const file = join(image.dir, '..', 'secret')
    await writeFile(file, `${settings.SESSION_SECRET}\n`)
    const both = run(image.command, { ...development, SESSION_SECRET_FILE: file })
    const [stderr, [code]] = await Promise.all([text(both.stderr), once(both, 'exit')])
    expect([stderr, code]).toEqual(['Set SESSION_SECRET or SESSION_SECRET_FILE, not both.\n', 1])
    const child = run(image.command, {
      ...development,
      SESSION_SECRET: '',
      SESSION_SECRET_FILE: file,
    })
    await untilPrinted(child, 'listens on port')
  })

  it('has a health check that fails where nothing listens', async () => {
    const [port = 0] = await freePorts(1)
    const child = run(image.healthCheck, { PORT: String(port) })
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
    expect(code).toBe(1)
    expect(stderr).toContain(`http://127.0.0.1:${port}/health`)
  })

  it.for([
    ['the app, without its Redis and its org', () => image.command, 'listens on port'],
    ['the local org', () => (readServices()['local-org']?.command ?? []).map(onLoopback), 'Ctrl-C'],
  ] as const)('ends at SIGTERM as process 1: %s', async ([, command, printed], context) => {
    if (spawnSync('unshare', [...ownPidNamespace.slice(1), 'true']).status !== 0)
      context.skip('This machine permits no PID namespaces')
    const child = run([...ownPidNamespace, process.execPath, ...command().slice(1)], development)
    await untilPrinted(child, printed)
    const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
    // The kernel drops a signal for which process 1 has no listener.
    process.kill(Number(children), 'SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })
})

describeRedis('the containers', () => {
  describeProxy('nginx', () => {
    it('serve the app and the local org on one host: sign-in, both instances, sign-out', async () => {
      const { url, appUrls } = await startSite(image)
      const browser = new Browser()
      expect((await browser.go(url)).body).toContain('You are not signed in')
      await signIn(browser, url)
      expect(browser.page).toMatchObject({ status: 200, url: `${url}/account` })
      expect(browser.page.body).toContain('<dd>ready</dd>')
      const cookie = cookieOf(browser)
      for (const appUrl of appUrls) expect(await statusAt(appUrl, cookie)).toBe(200)
      await until('both instances are counted', async () => {
        return (await browser.go(`${url}/account`)).body.includes(
          '<dt>Instances alive</dt><dd>2</dd>',
        )
      })

      await browser.submit('/sign-out')
      expect(browser.page.url).toBe(`${url}/?signed-out`)
      expect(browser.page.body).toContain('You are signed out')
      for (const appUrl of appUrls)
        await until(`${appUrl} refuses the cookie`, async () => {
          return (await statusAt(appUrl, cookie)) === 401
        })
    })

    it('show the admin page after a second factor', async () => {
      const { url } = await startSite(image)
      const browser = new Browser()
      await signIn(browser, url)
      expect((await browser.go('/admin')).status).toBe(403)
      const { sessions } = await stateOf(url)
      expect(await post(`${url}/console/step-up`, { session: sessions[0]?.id })).toBe(200)
      await until(
        'the second factor counts',
        async () => (await browser.go('/admin')).status === 200,
      )
    })

    it('tell the open pages of both instances that a session was revoked', async () => {
      const { url, appUrls } = await startSite(image)
      await until('the org has registered its event hook', async () => {
        return (await stateOf(url)).receivers.length === 1
      })
      const browser = new Browser()
      await signIn(browser, url)
      const cookie = cookieOf(browser)
      const pages = await Promise.all(
        [url, ...appUrls].map((each) => openStream(`${each}/session/events`, cookie)),
      )
      for (const { response } of pages) expect(response.statusCode).toBe(200)
      const { sessions } = await stateOf(url)
      expect(sessions).toHaveLength(1)
      expect(await post(`${url}/console/revoke`, { session: sessions[0]?.id })).toBe(200)
      for (const { ended } of pages)
        expect(await ended).toEqual([{ event: 'ended', data: 'not_found' }])
    })

    it('keep the health of an instance and of nginx apart', async () => {
      const { url, appUrls } = await startSite(image)
      expect((await fetch(`${url}/health`)).status).toBe(404)
      expect((await fetch(`${url}/health/proxy`)).status).toBe(200)
      for (const appUrl of appUrls) expect((await fetch(`${appUrl}/health`)).status).toBe(200)
    })

    it('stay healthy and serve sessions when the org and Redis have ended', async () => {
      const { url, appUrls, services } = await startSite(image)
      const browser = new Browser()
      await signIn(browser, url)
      for (const appUrl of appUrls) expect(await statusAt(appUrl, cookieOf(browser))).toBe(200)
      await services.get('local-org')?.stop()
      await services.get('redis')?.stop()
      for (const appUrl of appUrls) {
        expect((await fetch(`${appUrl}/health`)).status).toBe(200)
        expect(await statusAt(appUrl, cookieOf(browser))).toBe(200)
      }
    })

    it('pass on to the other instance when one has ended', async () => {
      const { url, services } = await startSite(image)
      const browser = new Browser()
      await signIn(browser, url)
      expect(await services.get('app-1')?.stop()).toEqual([0, null])
      for (let times = 0; times < 4; times += 1)
        expect((await browser.go(`${url}/account`)).status).toBe(200)
    })

    it('end with 0 within their grace, although a page is open', async () => {
      const { url, services } = await startSite(image)
      const browser = new Browser()
      await signIn(browser, url)
      const page = await openStream(`${url}/session/events`, cookieOf(browser))
      expect(page.response.statusCode).toBe(200)
      for (const name of inStartOrder(readServices()).reverse())
        expect([name, await services.get(name)?.stop()]).toEqual([name, [0, null]])
    })
  })
})

/** What the app needs to start; its NODE_ENV is that of the image. */
const settings = {
  REDIS_URL: 'redis://127.0.0.1:9',
  SESSION_SECRET: 'a-secret-of-the-tests-of-containers',
  ALLOW_INSECURE_ORG: 'true',
  HOST: '127.0.0.1',
  PORT: '0',
}

const development = {
  ...settings,
  NODE_ENV: 'development',
  OKTA_CLIENT_ORGURL: 'http://127.0.0.1:9',
}

/** Runs a program as process 1 of a namespace, as in a container. */
const ownPidNamespace = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--kill-child']

/** The arguments of the local org, on a free port, without the hook of an app that does not run here. */
function onLoopback(argument: string): string {
  return argument
    .replace('0.0.0.0', '127.0.0.1')
    .replace(/^8080$/, '0')
    .replace(':8000/', ':9/')
}

/** Runs a command in the image's folder, and ends it with the test. */
function run([program = '', ...args]: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(program === 'node' ? process.execPath : program, args, {
    cwd: image.dir,
    env: { PATH: process.env.PATH, ...image.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(async () => {
    if (!isRunning(child)) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  })
  return child
}

async function untilPrinted(child: ReturnType<typeof run>, wanted: string): Promise<void> {
  const errors = text(child.stderr)
  let printed = ''
  for await (const chunk of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    printed += chunk
    if (printed.includes(wanted)) {
      child.stdout.resume()
      return
    }
  }
  throw new Error(`It did not print "${wanted}":\n${printed}${await errors}`)
}

async function signIn(browser: Browser, url: string): Promise<void> {
  await browser.go(`${url}/account`)
  expect(new URL(browser.page.url)).toMatchObject({ origin: url, pathname: '/login/login.htm' })
  const username = 'alice@example.com'
  await browser.submit('/login/login.htm', { username, password: 'local-password' })
  expect(browser.page.body).toContain(username)
}

function cookieOf({ cookies }: Browser): string {
  return [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
}

async function statusAt(appUrl: string, cookie: string): Promise<number> {
  const headers = { cookie, accept: 'application/json' }
  const answer = await fetch(`${appUrl}/account`, { headers, redirect: 'manual' })
  await answer.text()
  return answer.status
}

async function post(url: string, body: object): Promise<number> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  await answer.text()
  return answer.status
}

interface OrgState {
  readonly sessions: readonly { readonly id: string }[]
  readonly receivers: readonly { readonly url: string }[]
}

async function stateOf(url: string): Promise<OrgState> {
  return JSON.parse((await new Browser().go(`${url}/console/state`)).body)
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
