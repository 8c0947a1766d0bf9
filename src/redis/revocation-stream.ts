/** The revocation log that all instances share: a stream in Redis, which each reads from where it left off. */
import { setTimeout as pause } from 'node:timers/promises'
import type { SharedListener } from '../session/shared-cache.js'
import { CommandError } from './bounded-commands.js'
import type { Reader } from './commands.js'
import { LivingInstances } from './living-instances.js'
import {
  entryOf,
  isAfter,
  isSameEntry,
  messageOf,
  msOf,
  type RawEntry,
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
  /** The last entry read: the next read begins with it, or records were lost. */
  #anchor: RawEntry | undefined
  /** Before the first end: no record takes effect until all have been read. */
  #backlog: RawEntry[] = []
  /** The id of the anchor that was missing, until the gap is recorded. */
  #lost: string | undefined
  #isGapTold = false
  /** The id of the own record of that gap. */
  #gapId: string | undefined
  /** The id with which reading went on after the last gap. */
  #recoveredAt: string | undefined
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

  settled(): Promise<void> {
    return this.#writer.settled()
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
    const said = this.#writer.close({ kind: 'bye' })
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
        // The stream has not been read from its start: the gap is told again when it has been.
        if (this.#lost !== undefined && this.#anchor === undefined && !this.#isGapTold)
          this.#tellGap()
        await pause(RETRY_MS, undefined, { signal, ref: false }).catch(() => {})
      }
    }
  }

  /** Resolves when there may be more to read. The reply itself is not used: a read must begin at the anchor. */
  async #awaitMore(): Promise<void> {
    const { reader, key } = this.#options
    const args = ['XREAD', 'BLOCK', String(BLOCK_MS), 'STREAMS', key, this.#anchor?.id ?? '0-0']
    await reader.send(key, args, BLOCK_TIMEOUT_MS)
  }

  async #readToEnd(): Promise<void> {
    for (;;) {
      const entries = await this.#range()
      const anchor = this.#anchor
      if (anchor === undefined && entries.length === 0) {
        await this.#appendFirst()
        continue
      }
      const unread = anchor === undefined ? entries : this.#afterAnchor(entries, anchor)
      if (unread === undefined) {
        this.#lose()
        continue
      }
      // Not before this reply: until then records may have been appended and lost again.
      if (anchor === undefined && this.#lost !== undefined) this.#tellGap()
      for (const entry of unread) this.#read(entry)
      if (entries.length < BATCH) break
    }
    await this.#onEnd()
  }

  /** An empty stream has no entry to begin the next read with: what is appended and lost would go unnoticed. */
  async #appendFirst(): Promise<void> {
    const isGap = this.#lost !== undefined
    const id = await this.#writer.tryToAppend(isGap ? this.#gapMessage() : { kind: 'hello' })
    if (id === undefined) throw new CommandError('not_ready')
    if (isGap) this.#gapId = id
  }

  async #range(): Promise<readonly unknown[]> {
    const { commands, key } = this.#options
    const args = ['XRANGE', key, this.#anchor?.id ?? '-', '+', 'COUNT', String(BATCH)]
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
  #afterAnchor(entries: readonly unknown[], anchor: RawEntry): readonly unknown[] | undefined {
    const [first, ...rest] = entries
    const found = entryOf(first)
    return found !== undefined && isSameEntry(found, anchor) ? rest : undefined
  }

  /** The stream was trimmed, flushed, evicted, or failed over to a copy: all of what is there now is read. */
  #lose(): void {
    if (this.#hasRead) this.#lost ??= this.#anchor?.id
    this.#anchor = undefined
    this.#isGapTold = false
    this.#backlog = []
  }

  #tellGap(): void {
    if (!this.#isGapTold) this.#counts.gaps += 1
    this.#isGapTold = true
    this.#recoveredAt = undefined
    this.#listener?.onGap(this.#options.clock.now() + SKEW_MS, true)
  }

  #gapMessage(): StreamMessage {
    return { kind: 'gap', voidUpTo: this.#options.clock.now(), forAll: false, lost: this.#lost }
  }

  #read(reply: unknown): void {
    const entry = entryOf(reply)
    if (entry === undefined) {
      this.#counts.rejected += 1
      return
    }
    this.#anchor = entry
    if (this.#hasRead) this.#open(entry)
    else this.#backlog.push(entry)
  }

  #open({ id, fields }: RawEntry): void {
    const { sealer, key, instance } = this.#options
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
      const isMissing = message.forAll || !this.#isOwnGap(message.lost, id)
      this.#listener?.onGap(message.voidUpTo + SKEW_MS, isMissing && this.#hasRead)
    }
  }

  /**
   * Whether another instance's gap is the one that was found here: what it lost comes before the id with which
   * reading went on here, or from a stream with higher ids. Another one counts here as well: after a failover
   * the last record read may be there, and a later one that only the other instance had read may not.
   */
  #isOwnGap(lost: string | undefined, id: string): boolean {
    if (this.#lost !== undefined && this.#recoveredAt === undefined) return true
    if (lost === undefined || this.#recoveredAt === undefined) return false
    return isAfter(this.#recoveredAt, lost) || isAfter(lost, id)
  }

  #reject(): void {
    this.#counts.rejected += 1
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#options.logger?.warn(
      'EOS125',
      'The store has revocations that this instance can not read: give all instances the same `secret`, ' +
        'or [current, previous] while it changes',
    )
  }

  async #onEnd(): Promise<void> {
    const backlog = this.#backlog
    this.#backlog = []
    for (const entry of backlog) this.#open(entry)
    this.#hasRead = true
    this.#readAt = this.#now()
    this.#instances.readUpTo(this.#readAt)
    if (this.#anchor !== undefined) this.#listener?.onRead(this.#anchor.id)
    if (this.#lost === undefined) return
    // For instances that start later. Where it fails, the next round tries again.
    this.#gapId ??= await this.#writer.tryToAppend(this.#gapMessage())
    this.#recoveredAt = this.#gapId ?? this.#anchor?.id
    if (this.#gapId === undefined) return
    this.#lost = undefined
    this.#gapId = undefined
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
