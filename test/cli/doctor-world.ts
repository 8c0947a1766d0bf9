/** Runs `express-okta-session doctor`: in this process, or as a program of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Finding } from 'express-okta-session'
import type { LocalOrg } from 'express-okta-session/local-org'
import { onTestFinished } from 'vitest'
import { runDoctor } from '../../src/cli/doctor/doctor.js'
import { listen } from '../front-door/door.js'
import type { Identity } from '../okta/certificates.js'

export const root = fileURLToPath(new URL('../..', import.meta.url))
const main = join(root, 'dist/cli/main.js')

type Env = Readonly<Record<string, string>>

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface Report {
  readonly org: string
  readonly faults: number
  readonly warnings: number
  readonly findings: readonly Finding[]
  readonly headroom?: {
    readonly table: readonly { ttlMs: number; sessions: number }[]
    readonly smallestTtlMs?: number
  }
}

export interface Surroundings {
  readonly env?: Env
  readonly cwd?: string
  readonly timeoutMs?: number
}

/** In this process. A test of a request that is not answered shortens the time for it. */
export async function doctor(
  args: readonly string[],
  { env = {}, cwd = root, timeoutMs = 10_000 }: Surroundings = {},
): Promise<Ran> {
  let [out, err] = ['', '']
  const code = await runDoctor(args, {
    ...{ env, cwd, timeoutMs },
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  return { code, out, err }
}

/** The report of a run in this process. */
export async function examine(args: readonly string[], surroundings?: Surroundings) {
  const { code, out } = await doctor([...args, '--json'], surroundings)
  const report: Report = JSON.parse(out)
  return { ...report, code }
}

/** The built program. */
export async function doctorProgram(args: readonly string[], env: Env = {}): Promise<Ran> {
  const child = spawn(process.execPath, [main, 'doctor', ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  const [code] = await once(child, 'close')
  return { code: Number(code), out, err }
}

/** The findings of one check, as lines. */
export function linesOf({ findings }: Pick<Report, 'findings'>, check: string): readonly string[] {
  return findings
    .filter((finding) => finding.check === check)
    .map(({ level, message, advice = '' }) => `${level}: ${message} -> ${advice}`)
}

/** The environment of a service app of the org. */
export function serviceAppEnv({ serviceApp }: LocalOrg, more: Env = {}): Env {
  return {
    OKTA_CLIENT_CLIENTID: serviceApp.clientId,
    OKTA_CLIENT_PRIVATEKEY: JSON.stringify(serviceApp.privateKey),
    OKTA_CLIENT_KEYID: serviceApp.keyId,
    ...more,
  }
}

/** A file with this certificate, for NODE_EXTRA_CA_CERTS. */
export async function trusting({ cert }: Identity): Promise<Env> {
  const directory = await mkdtemp(join(tmpdir(), 'doctor-test-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const file = join(directory, 'ca.pem')
  await writeFile(file, cert)
  return { NODE_EXTRA_CA_CERTS: file }
}

export interface ProxyChoices {
  /** Ends TLS with this certificate. */
  readonly tls?: Identity
  /** Changes what is passed on. */
  readonly change?: (headers: Record<string, string | string[] | undefined>) => void
  /** Takes away this much of the path's beginning. */
  readonly strip?: string
}

/** A small reverse proxy in front of a server; answers its origin. */
export async function proxyTo(target: string, choices: ProxyChoices = {}): Promise<string> {
  const { tls, change, strip = '' } = choices
  const pass = (req: IncomingMessage, res: ServerResponse) => {
    const headers: Record<string, string | string[] | undefined> = {
      ...req.headers,
      'x-forwarded-proto': tls === undefined ? 'http' : 'https',
    }
    change?.(headers)
    const path = req.url?.replace(strip, '') || '/'
    const { hostname, port } = new URL(target)
    const onward = request(
      { hostname, port, path, method: req.method, headers, setHost: false },
      (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(res)
      },
    )
    onward.on('error', () => res.writeHead(502).end())
    req.pipe(onward)
  }
  return tls === undefined
    ? listen(createServer(pass), 'http')
    : listen(createTlsServer(tls, pass), 'https')
}
