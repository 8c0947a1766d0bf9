/** Commands over the app's client, each bounded in time, and suspended while Redis fails. */
import { type StoreCommandMessage, type TracedEnd, trace, tracers } from '../channels.js'
import type { Clock } from '../contracts.js'
import type { RedisClient } from './client.js'
import { CommandCircuit } from './command-circuit.js'
import { CommandError, commandError, failureOf } from './command-error.js'
import type { Commands, Script } from './commands.js'

export { CommandError } from './command-error.js'

/** A command is given up after four such times. */
const QUARTER_MS = 25
/** How often the state of a client without events is read. */
const POLL_MS = 1_000

export interface BoundedCommandsOptions {
  /** The host of the org, for messages. */
  readonly org: string
  readonly client: RedisClient
  readonly clock: Clock
  /** From 0 to 1, for jitter. */
  readonly random: () => number
}

/** The commands of a store. Closing them leaves the app's client as it is. */
export class BoundedCommands implements Commands {
  readonly #org: string
  readonly #clock: Clock
  readonly #client: RedisClient
  readonly #circuit: CommandCircuit
  readonly #listeners: ((isUp: boolean) => void)[] = []
  readonly #pending = new Set<() => void>()
  readonly #counts = { commands: 0, failures: 0 }
  readonly #unsubscribe: () => void
  readonly #poll: NodeJS.Timeout | undefined
  #trialTimer: NodeJS.Timeout | undefined
  #trialKey = ''
  #isTrying = false
  #wasReady: boolean
  #wasUp: boolean
  #isClosed = false

  constructor({ org, client, clock, random }: BoundedCommandsOptions) {
    this.#org = org
    this.#clock = clock
    this.#client = client
    this.#circuit = new CommandCircuit(() => clock.monotonic(), random)
    this.#wasReady = client.isReady()
    this.#wasUp = this.isUp
    this.#unsubscribe = client.onChange(() => this.#readState())
    if (!client.hasEvents) this.#poll = setInterval(() => this.#readState(), POLL_MS).unref()
  }

  get isUp(): boolean {
    return !this.#isClosed && this.#circuit.trial === undefined && this.#client.isReady()
  }

  get counts(): Commands['counts'] {
    return this.#counts
  }

  onChange(listener: (isUp: boolean) => void): void {
    this.#listeners.push(listener)
  }

  send(key: string, args: readonly string[]): Promise<unknown> {
    return tracers.storeCommand.hasSubscribers ? this.#traced(key, args) : this.#send(key, args)
  }

  #traced(key: string, args: readonly string[]): Promise<unknown> {
    const message: StoreCommandMessage = { org: this.#org, command: args[0] ?? '' }
    const began = this.#clock.monotonic()
    return trace(
      tracers.storeCommand,
      message,
      () => this.#send(key, args),
      (end): TracedEnd<StoreCommandMessage> => {
        const durationMs = this.#clock.monotonic() - began
        if ('result' in end) return { fields: { outcome: 'ok', durationMs } }
        const error = commandError(end.thrown)
        const fields = { outcome: error.code, durationMs }
        // A script that Redis has not cached is sent in full next.
        return error.code === 'NOSCRIPT' ? { fields } : { fields, error }
      },
    )
  }

  async #send(key: string, args: readonly string[]): Promise<unknown> {
    this.#readState()
    if (this.#isClosed) throw new CommandError('closed')
    if (!this.#client.isReady()) throw new CommandError('not_ready')
    if (this.#circuit.trial !== undefined) throw new CommandError('circuit_open')
    this.#counts.commands += 1
    try {
      const reply = await this.#bounded(key, args)
      this.#circuit.succeeded()
      return reply
    } catch (thrown) {
      throw this.#failed(key, commandError(thrown))
    }
  }

  async run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const key = keys[0] ?? ''
    const rest = [String(keys.length), ...keys, ...args]
    try {
      return await this.send(key, ['EVALSHA', script.sha1, ...rest])
    } catch (error) {
      if (commandError(error).code !== 'NOSCRIPT') throw error
      return this.send(key, ['EVAL', script.source, ...rest])
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#unsubscribe()
    clearInterval(this.#poll)
    clearTimeout(this.#trialTimer)
    for (const giveUp of [...this.#pending]) giveUp()
    this.#listeners.length = 0
  }

  #failed(key: string, error: CommandError): CommandError {
    if (error.code === 'timeout' || error.code === 'redis') this.#counts.failures += 1
    // A command that close() gave up says nothing about Redis.
    if (!this.#isClosed && this.#circuit.failed(failureOf(error))) {
      this.#trialKey = key
      this.#scheduleTrial()
      this.#readState()
    }
    return error
  }

  /** One command, given up after 100 ms. What the client does with it later has no effect here. */
  #bounded(key: string, args: readonly string[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer)
        this.#pending.delete(close)
      }
      const giveUp = () => {
        end()
        reject(new CommandError('timeout'))
      }
      const close = () => {
        end()
        reject(new CommandError('closed'))
      }
      // Four timers in a row: while a task blocks the event loop only one of them ends, so that a reply that has
      // arrived is read, and a command that was written late gets its time.
      let quarters = 4
      const wait = () => setTimeout(quarterIsOver, QUARTER_MS).unref()
      const quarterIsOver = () => {
        quarters -= 1
        if (quarters === 0) giveUp()
        else timer = wait()
      }
      let timer = wait()
      this.#pending.add(close)
      this.#client.send(key, args).then(
        (reply) => {
          end()
          resolve(reply)
        },
        (thrown: unknown) => {
          end()
          reject(commandError(thrown))
        },
      )
    })
  }

  /** Calls the listeners once for each change, and tries at once when the client has reconnected. */
  #readState(): void {
    if (this.#isClosed) return
    const isReady = this.#client.isReady()
    const hasConnected = isReady && !this.#wasReady
    this.#wasReady = isReady
    if (hasConnected && this.#circuit.trial !== undefined) void this.#try()
    const { isUp } = this
    if (isUp === this.#wasUp) return
    this.#wasUp = isUp
    for (const listener of this.#listeners) listener(isUp)
  }

  #scheduleTrial(): void {
    clearTimeout(this.#trialTimer)
    if (this.#isClosed) return
    this.#trialTimer = setTimeout(() => void this.#try(), this.#circuit.nextDelayMs()).unref()
  }

  /** The half-open trial: one command that changes nothing. */
  async #try(): Promise<void> {
    const { trial } = this.#circuit
    if (this.#isTrying || this.#isClosed || trial === undefined) return
    if (this.#client.isReady()) {
      this.#isTrying = true
      this.#counts.commands += 1
      this.#circuit.tried(await this.#trialResult(trial))
      this.#isTrying = false
    }
    if (this.#circuit.trial !== undefined) this.#scheduleTrial()
    this.#readState()
  }

  async #trialResult(trial: 'ping' | 'write'): Promise<ReturnType<typeof failureOf>> {
    // An empty SETRANGE creates and changes nothing, and a server that rejects writes rejects it.
    const args = trial === 'ping' ? ['PING'] : ['SETRANGE', this.#trialKey, '0', '']
    try {
      await this.#bounded(this.#trialKey, args)
      return 'none'
    } catch (thrown) {
      const error = commandError(thrown)
      if (error.code === 'timeout' || error.code === 'redis') this.#counts.failures += 1
      return error.reply === 'NOPERM' ? 'none' : failureOf(error)
    }
  }
}
