/** Blocking commands on a connection of their own, which is reopened after a failure. */
import type { ReaderConnection, RedisClient } from './client.js'
import { CommandError, commandError } from './command-error.js'
import type { Reader } from './commands.js'

const FIRST_BACKOFF_MS = 100
const LONGEST_BACKOFF_MS = 5_000

/** Connects on its first command. The caller sends one command at a time. */
export class BlockingReader implements Reader {
  readonly #client: RedisClient
  readonly #random: () => number
  readonly #closing = new AbortController()
  #connection: ReaderConnection | undefined
  #backoffMs = 0

  constructor(client: RedisClient, random: () => number = Math.random) {
    this.#client = client
    this.#random = random
  }

  /**
   * After a failure it waits before it sends, at most `timeoutMs`: a caller that repeats at once does not
   * load Redis or the processor.
   */
  async send(key: string, args: readonly string[], timeoutMs: number): Promise<unknown> {
    const call = new AbortController()
    const close = () => call.abort()
    if (this.#closing.signal.aborted) throw new CommandError('closed')
    this.#closing.signal.addEventListener('abort', close, { once: true })
    const timer = setTimeout(() => setImmediate(close), timeoutMs).unref()
    try {
      const reply = await untilAborted(this.#execute(key, args, call.signal), call.signal)
      this.#backoffMs = 0
      return reply
    } catch (thrown) {
      throw this.#failed(thrown)
    } finally {
      clearTimeout(timer)
      this.#closing.signal.removeEventListener('abort', close)
      call.abort()
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#drop()
  }

  async #execute(key: string, args: readonly string[], signal: AbortSignal): Promise<unknown> {
    if (this.#backoffMs > 0) await pause(this.#backoffMs * (0.75 + this.#random() * 0.5), signal)
    const connection = this.#connection ?? (await this.#open(signal))
    return connection.send(key, args)
  }

  async #open(signal: AbortSignal): Promise<ReaderConnection> {
    const connection = await this.#client.openReader(signal)
    if (signal.aborted) {
      connection.destroy()
      throw new CommandError('timeout')
    }
    this.#connection = connection
    return connection
  }

  /** A reply about the command alone keeps the connection; the next command waits after every failure. */
  #failed(thrown: unknown): CommandError {
    if (this.#closing.signal.aborted) return new CommandError('closed')
    const error = commandError(thrown)
    this.#backoffMs = Math.min(Math.max(FIRST_BACKOFF_MS, this.#backoffMs * 2), LONGEST_BACKOFF_MS)
    if (error.reply === undefined) this.#drop()
    return error
  }

  #drop(): void {
    this.#connection?.destroy()
    this.#connection = undefined
  }
}

/** Rejects with `timeout` at the abort. A later rejection of `work` is handled, too. */
function untilAborted(work: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new CommandError('timeout'))
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject)
  })
}

/** Waits, and rejects at the abort so that nothing is sent after it. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer)
      reject(new CommandError('timeout'))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort)
      resolve()
    }, ms).unref()
    signal.addEventListener('abort', abort, { once: true })
  })
}
