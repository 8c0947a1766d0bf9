/** Starts the services of compose.yaml by hand: the same commands and settings, on free ports of loopback. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { proxyPorts } from '../proxies/programs.js'
import { serverProgram } from '../redis/redis-server.js'
import { inStartOrder, readContainerFile, readServices, type Service } from './compose.js'
import type { Image } from './image.js'

const run = promisify(execFile)
const startLimitMs = 20_000

export interface Running {
  readonly child: ChildProcess
  readonly output: () => string
  /** Sends the signal of the service, and SIGKILL after its grace, as Docker does. */
  stop(): Promise<readonly [code: number | null, signal: string | null]>
}

export interface Site {
  /** What a browser opens. */
  readonly url: string
  readonly orgUrl: string
  /** The instances, past nginx. */
  readonly appUrls: readonly string[]
  readonly services: ReadonlyMap<string, Running>
}

/** Where each service listens here. */
interface Ports {
  readonly 'app-1': number
  readonly 'app-2': number
  readonly 'local-org': number
  readonly redis: number
  readonly nginx: number
}

/** Starts all services, each when those it depends on are healthy; ends them with the test. */
export async function startSite(image: Image): Promise<Site> {
  const ports = await choosePorts()
  const dir = await mkdtemp(join(tmpdir(), 'containers-test-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  await writeFile(
    join(dir, 'nginx.conf'),
    onThisMachine(readContainerFile('nginx.conf'), ports, dir),
  )
  const services = readServices()
  const started = new Map<string, Running>()
  for (const name of inStartOrder(services)) {
    const service = services[name]
    if (service === undefined) throw new Error(`No service ${name}`)
    const parts = { name, service, image, ports, dir }
    const running = start(parts)
    started.set(name, running)
    await untilHealthy(parts, running)
  }
  return {
    url: `http://localhost:${ports.nginx}`,
    orgUrl: `http://127.0.0.1:${ports['local-org']}`,
    appUrls: [ports['app-1'], ports['app-2']].map((port) => `http://127.0.0.1:${port}`),
    services: started,
  }
}

async function choosePorts(): Promise<Ports> {
  const [first, second, third] = [await proxyPorts(), await proxyPorts(), await proxyPorts()]
  return {
    ...{ 'app-1': first.http, 'app-2': first.https, redis: second.http, 'local-org': second.https },
    nginx: third.http,
  }
}

/** Replaces the addresses in the networks of the containers. */
function onThisMachine(text: string, ports: Ports, dir: string): string {
  return text
    .replaceAll(/\b(app-1:3000|app-2:3000|redis:6379|local-org:8080)\b/g, (address) => {
      const name = address.split(':')[0] as keyof Ports
      return `127.0.0.1:${ports[name]}`
    })
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${ports['local-org']}`)
    .replaceAll('localhost:8080', `localhost:${ports.nginx}`)
    .replaceAll(/(?<=127\.0\.0\.1:)8000\b/g, String(ports.nginx))
    .replaceAll('listen 8000;', `listen 127.0.0.1:${ports.nginx};`)
    .replaceAll('0.0.0.0', '127.0.0.1')
    .replaceAll('/tmp/', `${dir}/`)
}

interface Parts {
  readonly name: string
  readonly service: Service
  readonly image: Image
  readonly ports: Ports
  readonly dir: string
}

/** The command of a service, or one of its health check, and where it runs. */
function here(command: readonly string[], { name, service, image, ports, dir }: Parts) {
  const [program = '', ...given] = command.map((each) => onThisMachine(each, ports, dir))
  const port = String(ports[name as keyof Ports])
  const args = given.map((each) => (name === 'local-org' && each === '8080' ? port : each))
  const added: Readonly<Record<string, readonly string[]>> = {
    'redis-server': ['--port', port, '--bind', '127.0.0.1', '--dir', dir],
    nginx: ['-p', dir, '-c', `${dir}/nginx.conf`],
  }
  const own = { ...image.env, ...service.environment, PORT: port }
  const settings: Readonly<Record<string, string>> = service.build === undefined ? {} : own
  const env: Record<string, string> = { PATH: process.env.PATH ?? '' }
  for (const [key, value] of Object.entries(settings)) env[key] = onThisMachine(value, ports, dir)
  return {
    program: programs[program] ?? program,
    args: program === 'redis-cli' ? ['-p', port, ...args] : [...args, ...(added[program] ?? [])],
    options: { env, cwd: service.build === undefined ? dir : image.dir },
  }
}

const programs: Readonly<Record<string, string>> = {
  node: process.execPath,
  'redis-server': serverProgram ?? 'redis-server',
  'redis-cli': serverProgram?.replace('server', 'cli') ?? 'redis-cli',
}

function start(parts: Parts): Running {
  const { service, image } = parts
  const { program, args, options } = here(service.command ?? image.command, parts)
  // A process group of its own, as nginx has worker processes.
  const child = spawn(program, args, {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const chunks: string[] = []
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => chunks.push(String(data)))
  child.on('error', (error) => chunks.push(String(error)))
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>
  exited.catch(() => {}) // The program is missing: the health check fails.
  const kill = () => {
    if (child.pid !== undefined && isRunning(child)) process.kill(-child.pid, 'SIGKILL')
  }
  process.once('exit', kill)
  const output = () => chunks.join('')
  onTestFinished(async ({ task }) => {
    process.off('exit', kill)
    if (task.result?.state === 'fail') console.error(`${parts.name}:\n${output().slice(-4_000)}`)
    if (!isRunning(child)) return
    kill()
    await exited
  })
  return {
    child,
    output,
    async stop() {
      child.kill(service.stop_signal ?? 'SIGTERM')
      const grace = Number.parseInt(service.stop_grace_period ?? '10s', 10) * 1_000
      const limit = setTimeout(kill, grace)
      const end = await exited
      clearTimeout(limit)
      return end
    },
  }
}

/** Runs the health check until it ends with 0. */
async function untilHealthy(parts: Parts, { child, output }: Running): Promise<void> {
  const command = parts.service.healthcheck?.test.slice(1) ?? parts.image.healthCheck
  const { program, args, options } = here(command, parts)
  const deadline = performance.now() + startLimitMs
  let failure: unknown
  while (isRunning(child) && performance.now() < deadline) {
    try {
      await run(program, args, options)
      return
    } catch (error) {
      failure = error
      await delay(20)
    }
  }
  throw new Error(`${parts.name} is not healthy:\n${output()}`, { cause: failure })
}

export function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}
