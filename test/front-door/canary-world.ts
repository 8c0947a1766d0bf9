/** Runs the app of canary-process.js, and searches what it said for secrets in every spelling. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { OktaSessionOptions } from 'express-okta-session'
import { onTestFinished } from 'vitest'

export interface CanaryStart {
  readonly options: OktaSessionOptions
  readonly redis: { readonly url: string; readonly library: 'redis' | 'ioredis' }
  readonly hookSecret: string
  readonly audience: string
  readonly clientId: string
}

export interface Canary {
  readonly url: string
  /** The ids of sessions that createSession() of the app made. */
  readonly created: readonly string[]
  /** Ends the app, and returns all that it wrote to its outputs. */
  end(): Promise<string>
}

/** With its own debug output ioredis prints each command that it sends, also the one with the password. */
const DEBUG = '*,-ioredis:redis'

const program = fileURLToPath(new URL('./canary-process.js', import.meta.url))

export async function startCanary(start: CanaryStart): Promise<Canary> {
  const child = fork(program, { env: { ...process.env, DEBUG }, silent: true })
  onTestFinished(() => void child.kill('SIGKILL'))
  const output: Buffer[] = []
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (data: Buffer) => output.push(data))
  const created: string[] = []
  const listening = portOf(child, created, output)
  child.send(start)
  const url = `http://localhost:${await listening}`
  return {
    url,
    created,
    async end() {
      const closed = once(child, 'close')
      child.kill('SIGTERM')
      const [code] = await closed
      const text = Buffer.concat(output).toString()
      if (code !== 0) throw new Error(`The app ended with ${code}:\n${text.slice(-4_000)}`)
      return text
    },
  }
}

function portOf(child: ChildProcess, created: string[], output: readonly Buffer[]) {
  return new Promise<number>((resolve, reject) => {
    child.on('message', (message: { port?: number; created?: string }) => {
      if (message.port !== undefined) resolve(message.port)
      if (message.created !== undefined) created.push(message.created)
    })
    child.once('exit', () => reject(new Error(`The app ended:\n${Buffer.concat(output)}`)))
  })
}

/**
 * The spellings under which a text may hold this secret. Of a long one its middle is enough, so that a part of a
 * secret is found too.
 */
export function spellingsOf(secret: string): ReadonlyMap<string, string> {
  const quarter = Math.floor(secret.length / 4)
  const part = secret.length < 32 ? secret : secret.slice(quarter, secret.length - quarter)
  const bytes = Buffer.from(part)
  const found = new Map([
    ['raw', part],
    ['percent-encoded', encodeURIComponent(part)],
    ['form-encoded', new URLSearchParams([['', part]]).toString().slice(1)],
    ['JSON', JSON.stringify(part).slice(1, -1)],
    ['hex', bytes.toString('hex')],
    ['hex in capitals', bytes.toString('hex').toUpperCase()],
    ['hex of a buffer', [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')],
    ['numbers', [...bytes].join(', ')],
    ['characters', [...part].map((character) => `'${character}'`).join(', ')],
  ])
  // Where a text begins within three bytes decides its base64.
  for (const offset of [0, 1, 2])
    for (const encoding of ['base64', 'base64url'] as const) {
      const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString(encoding)
      const whole = encoded.slice(offset === 0 ? 0 : 4, -4)
      found.set(`${encoding} from byte ${offset}`, whole)
    }
  return found
}

/** Where the texts hold a secret: its name, the spelling and what stands around it, without the secret. */
export function leaksIn(
  texts: Readonly<Record<string, string>>,
  secrets: ReadonlyMap<string, string>,
): readonly string[] {
  const leaks: string[] = []
  // inspect() breaks lists of numbers into aligned lines.
  const flat = Object.entries(texts).map(([where, text]) => [where, text.replace(/\s+/g, ' ')])
  for (const [where = '', text = ''] of flat)
    for (const [secret, name] of secrets) {
      const found = [...spellingsOf(secret)].find(([, spelled]) => text.includes(spelled))
      if (found === undefined) continue
      const [spelling, spelled] = found
      const at = text.indexOf(spelled)
      leaks.push(`${name} (${spelling}) in ${where}: ${text.slice(Math.max(0, at - 150), at)}***`)
    }
  return leaks
}
