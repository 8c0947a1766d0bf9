/** The revocation log that all instances share: a stream in Redis, which each reads from where it left off. */
import { setTimeout as pause } from 'node:timers/promises'
import type { SharedListener } from '../session/shared-cache.js'
import { CommandError } from './bounded-commands.js'
import type { Reader } from './commands.js'
import { LivingInstances } from './living-instances.js'
import {
  entryOf,
  messageOf,
  msOf,
  type StreamEntry,
  type StreamMessage,
} from './stream-messages.js'
import { StreamWriter, type StreamWriterOptions } from './stream-writer.js'

export interface RevocationStreamOptions extends StreamWriterOptions {
  readonly reader: Reader
  /** 0 to 1. */
  readonly random: () => number
  /** Default 10,000. */
  readonly heartbeatMs?: number | undefined
}

const HEARTBEAT_MS = 10_000
const BATCH = 500
const BLOCK_MS = 500
/** A blocked read that takes longer has lost its connection. */
const BLOCK_TIMEOUT_MS = 1_500
const RETRY_MS = 200
/** The clocks of two instances may differ by this much. */
const SKEW_MS = 2_000

export class RevocationStream {
  readonly #options: RevocationStreamOptions
  readonly #writer: StreamWriter
  readonly #instances = new LivingInstances()
  readonly #stopped = new AbortController()
  #listener: SharedListener | undefined
  /** The id of the last entry read: the next read begins with it, or records were lost. */
  #anchor: string | undefined
  /** Whether the stream was read to its end once. */
  #hasRead = false
  /** Monotonic milliseconds. */
  #readAt: number | undefined
  #heartbeat: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #hasWarned = false
  readonly #counts = { recordsRead: 0, rejected: 0, gaps: 0 }

  constructor(options: RevocationStreamOptions) {
    this.#options = options
    this.#writer = new StreamWriter(options)
    options.commands.onChange((isUp) => {
      if (isUp) void this.#writer.flush()
    })
  }

  /** Begins to read: a store has one listener, the revocation log of its instance. */
  subscribe(listener: SharedListener): () => void {
    this.#listener = listener
    this.#running = this.#run()
    this.#beat()
    return () => {
      this.#listener = undefined
    }
  }

  append(message: StreamMessage): Promise<string> {
    return this.#writer.append(message)
  }

  onInstances(listener: (count: number) => void): void {
    this.#instances.onChange(listener)
  }

  stats() {
    const { clock } = this.#options
    return {
      ...this.#counts,
      recordsWaiting: this.#writer.waiting,
      failedAppends: this.#writer.failures,
      instances: this.#instances.count,
      logLagMs: this.#readAt === undefined ? undefined : clock.monotonic() - this.#readAt,
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#heartbeat)
    this.#stopped.abort()
    const said = this.#writer.tryToAppend({ kind: 'bye' })
    await Promise.all([this.#options.reader.close(), this.#running, said])
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      try {
        if (!this.#hasRead) await this.#writer.tryToAppend({ kind: 'hello' })
        await this.#readToEnd()
        await this.#awaitMore()
      } catch {
        await pause(RETRY_MS, undefined, { signal, ref: false }).catch(() => {})
      }
    }
  }

  /** Resolves when there may be more to read. The reply itself is not used: a read must begin at the anchor. */
  async #awaitMore(): Promise<void> {
    const { reader, key } = this.#options
    const args = ['XREAD', 'BLOCK', String(BLOCK_MS), 'STREAMS', key, this.#anchor ?? '0-0']
    await reader.send(key, args, BLOCK_TIMEOUT_MS)
  }

  async #readToEnd(): Promise<void> {
    for (;;) {
      const entries = await this.#range()
      const anchored = this.#anchor === undefined ? entries : this.#afterAnchor(entries)
      if (anchored === undefined) {
        await this.#onGap()
        continue
      }
      for (const entry of anchored) this.#read(entry)
      if (entries.length < BATCH) break
    }
    this.#onEnd()
  }

  async #range(): Promise<readonly unknown[]> {
    const { commands, key } = this.#options
    const args = ['XRANGE', key, this.#anchor ?? '-', '+', 'COUNT', String(BATCH)]
    try {
      const reply = await commands.send(key, args)
      return Array.isArray(reply) ? reply : []
    } catch (error) {
      if (!(error instanceof CommandError) || error.reply !== 'WRONGTYPE') throw error
      // Something else has taken the stream's place; the next append replaces it.
      if (this.#anchor === undefined) await this.#writer.tryToAppend({ kind: 'hello' })
      return []
    }
  }

  /** The entries behind the anchor; undefined when the anchor is gone, and with it perhaps others. */
  #afterAnchor(entries: readonly unknown[]): readonly unknown[] | undefined {
    const [first, ...rest] = entries
    return entryOf(first)?.id === this.#anchor ? rest : undefined
  }

  /** The stream was trimmed, flushed, evicted, or failed over to a copy: read all of what is there now. */
  async #onGap(): Promise<void> {
    this.#anchor = undefined
    this.#counts.gaps += 1
    const voidUpTo = this.#options.clock.now() + SKEW_MS
    this.#listener?.onGap(voidUpTo, true)
    await this.#writer.tryToAppend({ kind: 'gap', voidUpTo, forAll: false })
  }

  #read(reply: unknown): void {
    const entry = entryOf(reply)
    if (entry === undefined) {
      this.#counts.rejected += 1
      return
    }
    const { id, fields } = entry
    const { sealer, key, instance } = this.#options
    this.#anchor = id
    if (fields.get('i') === instance) return
    const read = messageOf(sealer, key, fields)
    if (read === undefined) this.#reject()
    else this.#take({ id, ...read })
  }

  #take({ id, instance, message }: StreamEntry): void {
    const ageMs = Math.max(0, Math.max(this.#writer.newestMs, msOf(id)) - msOf(id))
    this.#instances.hear(instance, this.#now() - ageMs, message.kind === 'bye')
    if (message.kind === 'record') {
      this.#counts.recordsRead += 1
      this.#listener?.onRecord(message.record, id, ageMs)
    } else if (message.kind === 'gap') {
      // What was lost to all has not been read here either.
      this.#listener?.onGap(message.voidUpTo + SKEW_MS, message.forAll && this.#hasRead)
    }
  }

  #reject(): void {
    this.#counts.rejected += 1
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#options.logger?.warn(
      'The store has revocations that this instance can not read: give all instances the same `secret`, ' +
        'or [current, previous] while it changes',
    )
  }

  #onEnd(): void {
    this.#hasRead = true
    this.#readAt = this.#now()
    this.#instances.readUpTo(this.#readAt)
    // An empty stream has a position as well: before everything that will be appended.
    this.#listener?.onRead(this.#anchor ?? '0-0')
  }

  #beat(): void {
    const { heartbeatMs = HEARTBEAT_MS, random } = this.#options
    this.#heartbeat = setTimeout(
      () => {
        void this.#writer.tryToAppend({ kind: 'heartbeat' })
        this.#beat()
      },
      heartbeatMs * (1 - random() / 5),
    )
    this.#heartbeat.unref()
  }

  #now(): number {
    return this.#options.clock.monotonic()
  }
}
