/** Appends to the stream, in order; what Redis can't take waits until it can. */
import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Clock, Log } from '../contracts.js'
import type { Commands, Script } from './commands.js'
import type { Sealer } from './seal.js'
import { fieldsOf, msOf, type StreamMessage } from './stream-messages.js'

export interface StreamWriterOptions {
  readonly commands: Commands
  readonly sealer: Sealer
  readonly clock: Clock
  readonly logger: Log | undefined
  readonly key: string
  readonly instance: string
  /** How long a record is kept. */
  readonly retentionMs: number
  /** Called with each attempt to append a message. */
  readonly onAppend?: ((message: StreamMessage) => void) | undefined
}

interface Waiting {
  readonly message: StreamMessage
  /** Monotonic milliseconds. */
  readonly since: number
}

const MAX_WAITING = 10_000
const CLOSE_MS = 100
const FIRST_RETRY_MS = 100
const MAX_RETRY_MS = 2_000

/**
 * Trims by Redis's own clock, and lets the stream of an app that has ended expire. A key of another type, and a
 * stream whose ids are at their end or an hour ahead, which would never be trimmed, are replaced: readers see
 * a gap.
 */
const APPEND = scriptOf(`
local time = redis.call('TIME')
local oldest = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1])
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind ~= 'stream' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
local function add()
  return redis.pcall('XADD', KEYS[1], 'MINID', '~', oldest, '*', unpack(ARGV, 2))
end
local function isAtItsEnd(reply)
  if type(reply) ~= 'table' then return tonumber(string.match(reply, '^%d+')) > time[1] * 1000 + 3600000 end
  return string.find(reply.err, 'exhausted') or string.find(reply.err, 'ID specified')
end
local id = add()
if isAtItsEnd(id) then
  redis.call('DEL', KEYS[1])
  id = add()
end
if type(id) == 'table' then return id end
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', ARGV[1] * 2))
return id
`)

export class StreamWriter {
  readonly #options: StreamWriterOptions
  #waiting: Waiting[] = []
  #hasLost = false
  /** Appends follow each other, since a confirmation must not overtake its sign-out. */
  #last: Promise<unknown> = Promise.resolve()
  #failures = 0
  /** Changes with each failure. */
  #attempt = 0
  #retryMs = FIRST_RETRY_MS
  #retry: NodeJS.Timeout | undefined
  #isClosed = false
  #newestMs = 0

  constructor(options: StreamWriterOptions) {
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Appends that failed. */
  get failures(): number {
    return this.#failures
  }

  /** The time of Redis's clock at the last append; 0 before the first. */
  get newestMs(): number {
    return this.#newestMs
  }

  /** Resolves with the id. Rejects when Redis can't take it now; it is then appended later. */
  append(message: StreamMessage): Promise<string> {
    const attempt = this.#attempt
    const appended = this.#last.then(async () => {
      try {
        // The command before it failed: to wait for another would delay the caller twice.
        if (attempt !== this.#attempt) throw new Error('Redis: the record before it failed')
        await this.#appendWaiting()
        return await this.#add(message)
      } catch (error) {
        this.#attempt += 1
        this.#failures += 1
        this.#keep(message)
        throw error
      }
    })
    this.#last = appended.catch(() => {})
    return appended
  }

  /** Appends a message that is worth nothing later. Resolves with undefined when Redis can't take it. */
  tryToAppend(message: StreamMessage): Promise<string | undefined> {
    const appended = this.#last.then(async () => {
      try {
        await this.#appendWaiting()
        return await this.#add(message)
      } catch {
        return undefined
      }
    })
    this.#last = appended
    return appended
  }

  /** Appends what waits, where Redis can take it. */
  async flush(): Promise<void> {
    this.#last = this.#last.then(() => this.#appendWaiting()).catch(() => this.#retryLater())
    await this.#last
  }

  /** Resolves when no message is being appended. */
  async settled(): Promise<void> {
    await this.#last
  }

  /** Appends a last message, as long as that takes a tenth of a second. */
  async close(message: StreamMessage): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#retry)
    const end = new AbortController()
    const timeout = pause(CLOSE_MS, undefined, { signal: end.signal, ref: false }).catch(() => {})
    await Promise.race([this.tryToAppend(message), timeout])
    end.abort()
  }

  /** Also without a change of the circuit: a single command may have failed. */
  #retryLater(): void {
    clearTimeout(this.#retry)
    if (this.#isClosed) return
    this.#retry = setTimeout(() => void this.flush(), this.#retryMs)
    this.#retry.unref()
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS)
  }

  async #appendWaiting(): Promise<void> {
    if (this.#waiting.length === 0 && !this.#hasLost) return
    const { clock, retentionMs, logger } = this.#options
    if (this.#hasLost) {
      await this.#add({ kind: 'gap', voidUpTo: clock.now(), forAll: true })
      this.#hasLost = false
    }
    for (;;) {
      const [next] = this.#waiting
      if (next === undefined) break
      // Nothing that an older record voids can be served any more. A sign-out is of use while it refuses.
      const usefulMs = Math.max(retentionMs, forMsOf(next.message))
      if (clock.monotonic() - next.since < usefulMs) await this.#add(next.message)
      this.#waiting.shift()
    }
    this.#retryMs = FIRST_RETRY_MS
    logger?.info('EOS124', 'Sign-outs and revocations reach the other instances again')
  }

  async #add(message: StreamMessage): Promise<string> {
    const { commands, sealer, key, instance, retentionMs } = this.#options
    this.#options.onAppend?.(message)
    const fields = fieldsOf(sealer, key, instance, message)
    const id = await commands.run(APPEND, [key], [String(retentionMs), ...fields])
    if (typeof id !== 'string') throw new TypeError('Redis: no stream id')
    this.#newestMs = Math.max(this.#newestMs, msOf(id))
    return id
  }

  #keep(message: StreamMessage): void {
    if (this.#waiting.length === 0)
      this.#options.logger?.warn(
        'EOS123',
        'Sign-outs and revocations of this instance reach the others late: Redis can not take them now. ' +
          'Until then the others notice them when they ask Okta again, within cache.maxTtlMs',
      )
    this.#waiting.push({ message, since: this.#options.clock.monotonic() })
    this.#retryLater()
    if (this.#waiting.length <= MAX_WAITING) return
    this.#waiting.shift()
    this.#hasLost = true
  }
}

function forMsOf(message: StreamMessage): number {
  return message.kind === 'record' && 'forMs' in message.record ? message.record.forMs : 0
}

function scriptOf(source: string): Script {
  return { source, sha1: createHash('sha1').update(source).digest('hex') }
}
