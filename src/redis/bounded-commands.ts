/** Commands to Redis that never take longer than a tenth of a second, and a circuit that opens when they fail. */
import type { Clock } from '../contracts.js'
import type { RedisClient } from './client.js'
import type { Commands, Script } from './commands.js'

export interface BoundedCommandsOptions {
  readonly client: RedisClient
  readonly clock: Clock
  /** 0 to 1. */
  readonly random: () => number
}

/** Why a command has no reply: no text of the client's, which may contain its arguments. */
export type CommandFailure = 'not_ready' | 'circuit_open' | 'timeout' | 'failed' | 'closed'

export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly code: CommandFailure
  /** The first word of Redis's error, for example `OOM`. */
  readonly reply: string | undefined

  constructor(code: CommandFailure, reply?: string) {
    super(reply === undefined ? `Redis: ${code}` : `Redis: ${reply}`)
    this.code = code
    this.reply = reply
  }
}

const TIMEOUT_MS = 100
const FAILURES_TO_OPEN = 5
const FIRST_PAUSE_MS = 500
const MAX_PAUSE_MS = 5_000
/** How often the client is looked at where it may not tell of its changes. */
const CHECK_MS = 250
/** These are the caller's mistakes, or ask for another command: Redis itself is well. */
const HARMLESS = ['WRONGTYPE', 'NOSCRIPT', 'ERR', 'BUSYKEY', 'UNKILLABLE']

export class BoundedCommands implements Commands {
  readonly counts = { commands: 0, failures: 0 }
  readonly #options: BoundedCommandsOptions
  readonly #listeners = new Set<(isUp: boolean) => void>()
  readonly #timer: NodeJS.Timeout
  readonly #stop: () => void
  #failuresInARow = 0
  #pauseMs = 0
  /** Monotonic milliseconds until which the circuit stays open; 0: it is closed. */
  #openUntil = 0
  #isTrial = false
  #wasUp = false
  #isClosed = false

  constructor(options: BoundedCommandsOptions) {
    this.#options = options
    this.#stop = options.client.onChange(() => this.#notice())
    this.#timer = setInterval(() => this.#notice(), CHECK_MS)
    this.#timer.unref()
  }

  get isUp(): boolean {
    return this.#obstacle() === undefined && this.#openUntil === 0
  }

  onChange(listener: (isUp: boolean) => void): void {
    this.#listeners.add(listener)
  }

  async send(key: string, args: readonly string[]): Promise<unknown> {
    const obstacle = this.#obstacle()
    if (obstacle !== undefined) throw new CommandError(obstacle)
    const isTrial = this.#openUntil > 0
    this.#isTrial ||= isTrial
    this.counts.commands += 1
    try {
      const reply = await withinTime(this.#options.client.send(key, args))
      this.#succeeded()
      return reply
    } catch (error) {
      const failure = failureOf(error)
      if (failure.reply !== undefined && HARMLESS.includes(failure.reply)) this.#succeeded()
      else this.#failed()
      throw failure
    } finally {
      if (isTrial) this.#isTrial = false
    }
  }

  async run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const [first = ''] = keys
    const rest = [String(keys.length), ...keys, ...args]
    try {
      return await this.send(first, ['EVALSHA', script.sha1, ...rest])
    } catch (error) {
      if (!(error instanceof CommandError) || error.reply !== 'NOSCRIPT') throw error
      return this.send(first, ['EVAL', script.source, ...rest])
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#stop()
    clearInterval(this.#timer)
    this.#listeners.clear()
  }

  /** Why no command would be sent now. While the circuit is open one trial at a time is, after the pause. */
  #obstacle(): CommandFailure | undefined {
    if (this.#isClosed) return 'closed'
    if (!this.#options.client.isReady()) return 'not_ready'
    if (this.#openUntil === 0) return undefined
    const isDue = this.#options.clock.monotonic() >= this.#openUntil
    return isDue && !this.#isTrial ? undefined : 'circuit_open'
  }

  #succeeded(): void {
    this.#failuresInARow = 0
    this.#pauseMs = 0
    this.#openUntil = 0
    this.#notice()
  }

  #failed(): void {
    this.counts.failures += 1
    this.#failuresInARow += 1
    if (this.#failuresInARow < FAILURES_TO_OPEN) return
    const { clock, random } = this.#options
    const now = clock.monotonic()
    // Of the commands that were under way when the circuit opened, none lengthens the pause.
    if (now < this.#openUntil) return
    this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, FIRST_PAUSE_MS), MAX_PAUSE_MS)
    this.#openUntil = now + this.#pauseMs * (1 - random() / 4)
    this.#notice()
  }

  /** Tells the listeners once per change, and tries Redis again when an open circuit's pause is over. */
  #notice(): void {
    const { isUp } = this
    if (isUp !== this.#wasUp) {
      this.#wasUp = isUp
      for (const listener of this.#listeners) listener(isUp)
    }
    if (this.#openUntil > 0 && this.#obstacle() === undefined && !this.#isTrial)
      this.send('', ['PING']).catch(() => {})
  }
}

/** Gives a command up after a tenth of a second; its late end is ignored. */
function withinTime(pending: Promise<unknown>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new CommandError('timeout')), TIMEOUT_MS)
    pending.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** A new error, because the client's own holds the command with its arguments. */
function failureOf(error: unknown): CommandError {
  if (error instanceof CommandError) return error
  const [, reply] = /^(?:ReplyError: )?([A-Z]{3,20})\b/.exec(messageOf(error)) ?? []
  return new CommandError('failed', reply)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}
