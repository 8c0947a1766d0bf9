/** Starts instances of one app as processes of their own, which share only Okta and Redis. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { OktaSessionOptions } from 'express-okta-session'
import { afterAll } from 'vitest'

const startLimitMs = 10_000
const stopLimitMs = 5_000
const program = fileURLToPath(new URL('./instance-process.js', import.meta.url))

export type ClientLibrary = 'redis' | 'redis4' | 'redis5' | 'ioredis' | 'ioredis5'

/** A line of the instance's logger. The text has the message and all fields, to be searched for secrets. */
export interface LogLine {
  readonly level: 'warn' | 'info'
  readonly message: string
  readonly text: string
}

export interface InstanceOptions {
  readonly orgUrl: string
  /** The Redis that the instances share, or a proxy before it. Default: none. */
  readonly redis?: {
    readonly url: string
    readonly library: ClientLibrary
    readonly prefix?: string
  }
  /** Options of oktaSession() that JSON can carry. They override those of the instance. */
  readonly options?: Partial<OktaSessionOptions>
  /** Mounts eventHook() at /okta/events and sharedSignals() at /okta/signals. Default: neither. */
  readonly pushes?: PushOptions
}

export interface PushOptions {
  /** Of the event hook. */
  readonly secret: string
  /** Of both kinds of signed pushes. */
  readonly audience: string
  /** Of Universal Logout. */
  readonly clientId: string
}

export interface StartInstance {
  readonly kind: 'start'
  readonly name: string
  readonly orgUrl: string
  readonly redis?: InstanceOptions['redis']
  readonly options: Readonly<Record<string, unknown>>
  readonly pushes?: PushOptions
}

export type ToInstance = StartInstance | { readonly kind: 'stop' }

export type FromInstance =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'line'; readonly line: LogLine }

/**
 * Returns a function that starts instances. Call it at the top of a test file or describe(): all its
 * instances end in afterAll(), also after a failed test.
 */
export function useInstances() {
  const all: Instance[] = []
  afterAll(async () => {
    await Promise.all(all.map((instance) => instance.kill()))
  })
  return async function startInstances(
    count: number,
    options: InstanceOptions,
  ): Promise<readonly Instance[]> {
    const instances = Array.from({ length: count }, () => {
      const instance = new Instance(`instance-${all.length + 1}`)
      all.push(instance)
      return instance
    })
    await Promise.all(instances.map((instance) => instance.start(options)))
    return instances
  }
}

export class Instance {
  readonly name: string
  /** The lines of the instance's logger so far. */
  readonly lines: LogLine[] = []
  readonly #child: ChildProcess
  #output = ''
  #url = ''

  constructor(name: string) {
    this.name = name
    this.#child = fork(program, { silent: true, execArgv: [] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (data) => {
        this.#output += data
      })
    }
    this.#child.on('message', (message: FromInstance) => {
      if (message.kind === 'line') this.lines.push(message.line)
    })
  }

  get url(): string {
    return this.#url
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** What the process wrote to its standard output and error. */
  get output(): string {
    return this.#output
  }

  /** Resolves once the instance listens; useInstances() calls this. */
  async start({ orgUrl, redis, options, pushes }: InstanceOptions): Promise<void> {
    const listening = new Promise<number>((resolve, reject) => {
      const fail = () => {
        clearTimeout(timer)
        reject(new Error(`${this.name} did not start:\n${this.#output}`))
      }
      const timer = setTimeout(fail, startLimitMs)
      this.#child.once('close', fail)
      this.#child.on('message', (message: FromInstance) => {
        if (message.kind !== 'listening') return
        clearTimeout(timer)
        resolve(message.port)
      })
    })
    this.#send({
      kind: 'start',
      name: this.name,
      orgUrl,
      ...(redis && { redis }),
      ...(pushes && { pushes }),
      options: { ...options },
    })
    this.#url = `http://127.0.0.1:${await listening}`
  }

  /** Closes oktaSession(), the client and the server, in this order, and resolves once the process ended. */
  async stop(): Promise<void> {
    if (this.#ended) return
    const exited = once(this.#child, 'exit')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopLimitMs)
    this.#send({ kind: 'stop' })
    const [code] = await exited
    clearTimeout(timer)
    if (code !== 0) throw new Error(`${this.name} did not stop by itself:\n${this.#output}`)
  }

  /** Ends the process at once, as a crash does. */
  async kill(): Promise<void> {
    if (this.#ended) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  #send(message: ToInstance): void {
    this.#child.send(message)
  }
}
