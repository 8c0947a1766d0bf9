/** A connection for commands that block, opened when it is first needed and again after a failure. */
import { CommandError } from './bounded-commands.js'
import type { ReaderConnection, RedisClient } from './client.js'
import type { Reader } from './commands.js'

const OPEN_TIMEOUT_MS = 2_000

export class BlockingReader implements Reader {
  readonly #client: RedisClient
  #connection: ReaderConnection | undefined
  /** Ends the command or the opening that is under way. */
  #abort: ((error: Error) => void) | undefined
  #isClosed = false

  constructor(client: RedisClient) {
    this.#client = client
  }

  /** One command at a time. */
  async send(key: string, args: readonly string[], timeoutMs: number): Promise<unknown> {
    try {
      this.#connection ??= await this.#open()
      return await this.#within(timeoutMs, this.#connection.send(key, args))
    } catch {
      this.#drop()
      // The client's error may hold the command.
      throw new CommandError(this.#isClosed ? 'closed' : 'failed')
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#drop()
    this.#abort?.(new CommandError('closed'))
  }

  async #open(): Promise<ReaderConnection> {
    if (this.#isClosed) throw new CommandError('closed')
    const opening = this.#client.openReader()
    // One that opens after it was given up has no other owner.
    const destroyLate = () => opening.then((connection) => connection.destroy()).catch(() => {})
    try {
      return await this.#within(OPEN_TIMEOUT_MS, opening)
    } catch (error) {
      void destroyLate()
      throw error
    }
  }

  #within<T>(ms: number, pending: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new CommandError('timeout')), ms)
      this.#abort = reject
      pending.then(resolve, reject).finally(() => clearTimeout(timer))
    })
  }

  #drop(): void {
    this.#connection?.destroy()
    this.#connection = undefined
  }
}
