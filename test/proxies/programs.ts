/** Runs nginx and Caddy for a test: on free ports, with every file in a directory of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, onTestFinished, test } from 'vitest'
import { exampleHost } from '../okta/certificates.js'
import { planOf } from '../redis/redis-server.js'

const startLimitMs = 10_000

export type ProxyName = 'nginx' | 'caddy'
export type Recipe = 'one-host' | 'forward-auth'

interface Program {
  readonly debianPackage: string
  readonly versionFlag: string
  readonly file: (recipe: Recipe) => string
  /** Writes the main configuration, which includes the recipe's, and returns the arguments. */
  readonly main: (dir: string, ports: Ports) => { readonly text: string; readonly args: string[] }
}

export interface Ports {
  readonly http: number
  readonly https: number
}

const programs: Readonly<Record<ProxyName, Program>> = {
  nginx: {
    debianPackage: 'nginx-light',
    versionFlag: '-v',
    file: (recipe) => `nginx/${recipe}.conf`,
    main: (dir) => ({
      text: `daemon off; master_process off; pid ${dir}/pid; error_log stderr;
        events {}
        http {
          access_log off;
          client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/fastcgi;
          uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;
          include ${dir}/recipe;
        }`,
      args: ['-p', dir, '-e', 'stderr', '-c', `${dir}/main`],
    }),
  },
  caddy: {
    debianPackage: 'caddy',
    versionFlag: 'version',
    file: (recipe) => `caddy/${recipe}.Caddyfile`,
    main: (dir, { http, https }) => ({
      text: `{
        admin off
        http_port ${http}
        https_port ${https}
        default_bind 127.0.0.1
      }
      import ${dir}/recipe\n`,
      args: ['run', '--adapter', 'caddyfile', '--config', `${dir}/main`],
    }),
  },
}

/** A describe() of tests that need this proxy. With CI=true a missing program fails, as a skip would hide it. */
export function describeProxy(proxy: ProxyName, fn: () => void): void {
  const { debianPackage, versionFlag } = programs[proxy]
  const found = spawnSync(proxy, [versionFlag], { timeout: 5_000 }).status === 0
  const plan = planOf(found ? proxy : undefined, process.env.CI)
  if (plan === 'run') {
    describe(`behind ${proxy}`, fn)
    return
  }
  describe(`behind ${proxy}`, () => {
    test(`${proxy} is installed`, (context) => {
      const missing = `${proxy} was not found: install Debian's ${debianPackage}.`
      if (plan === 'fail') throw new Error(missing)
      context.skip(missing)
    })
  })
}

/** The file of a recipe, as it is published. */
export function recipeFile(proxy: ProxyName, recipe: Recipe): string {
  const path = `../../examples/proxies/${programs[proxy].file(recipe)}`
  return fileURLToPath(new URL(path, import.meta.url))
}

export interface ProxyChoices {
  readonly recipe: Recipe
  readonly ports: Ports
  /** Values of the file and what stands for them here, such as the port of an upstream. Each must occur. */
  readonly values: Readonly<Record<string, string>>
  /** Lines of the file that a test breaks: each must occur. */
  readonly breaks?: Readonly<Record<string, string>>
}

/** Starts the proxy with the published file, in which only the values to change are changed. */
export async function startProxy(proxy: ProxyName, choices: ProxyChoices): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'proxy-test-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  const { http, https } = choices.ports
  await writeFile(join(dir, 'cert.pem'), exampleHost.cert)
  await writeFile(join(dir, 'key.pem'), exampleHost.key)
  let text = await readFile(recipeFile(proxy, choices.recipe), 'utf8')
  const ofThisMachine = {
    '/etc/ssl/certs/www.example.com.pem': join(dir, 'cert.pem'),
    '/etc/ssl/private/www.example.com.key': join(dir, 'key.pem'),
    ...(proxy === 'nginx' && {
      '/etc/ssl/certs/ca-certificates.crt': join(dir, 'cert.pem'),
      'listen 80;': `listen 127.0.0.1:${http};`,
      'listen 443 ': `listen 127.0.0.1:${https} `,
    }),
  }
  for (const [from, to] of Object.entries({
    ...choices.breaks,
    ...ofThisMachine,
    ...choices.values,
  })) {
    if (!text.includes(from)) throw new Error(`${choices.recipe} of ${proxy} has no ${from}`)
    text = text.replaceAll(from, to)
  }
  await writeFile(join(dir, 'recipe'), text)
  const { text: main, args } = programs[proxy].main(dir, { http, https })
  await writeFile(join(dir, 'main'), main)
  const env = { PATH: process.env.PATH, HOME: dir, SSL_CERT_FILE: join(dir, 'cert.pem') }
  await run(proxy, args, env, https)
}

/**
 * Free ports below those that the system gives to connections and to servers on port 0: no other server of the
 * tests takes them before the proxy does.
 */
export async function proxyPorts(): Promise<Ports> {
  return { http: await freeLowPort(), https: await freeLowPort() }
}

async function freeLowPort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (isFree) return port
  }
}

/** Starts a program and resolves once it accepts connections; ends it with the test. */
async function run(name: string, args: string[], env: NodeJS.ProcessEnv, port: number) {
  const child = spawn(name, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: string[] = []
  child.stdout.on('data', (data) => output.push(String(data)))
  child.stderr.on('data', (data) => output.push(String(data)))
  child.on('error', (error) => output.push(String(error)))
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  onTestFinished(async ({ task }) => {
    process.off('exit', killAtExit)
    await stop(child)
    if (task.result?.state === 'fail') console.error(output.join('').slice(-4_000))
  })
  const deadline = performance.now() + startLimitMs
  while (!(await accepts(port))) {
    if (!isRunning(child) || performance.now() > deadline)
      throw new Error(`${name} does not listen:\n${output.join('')}`)
    await delay(10)
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}

async function stop(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return
  const exited = once(child, 'exit')
  // Open streams would delay a graceful end.
  child.kill('SIGKILL')
  await exited
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => socket.destroy())
    socket.once('connect', () => socket.destroy())
  })
}
