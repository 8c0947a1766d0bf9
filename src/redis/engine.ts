/** The store over Redis: entries, leases and refreshes for each credential, and one revocation log. */
import { hash, randomBytes } from 'node:crypto'
import { publishers } from '../channels.js'
import type { StoreStats } from '../public-types.js'
import type {
  Claim,
  RefreshClaim,
  RefreshEnd,
  ReleaseReason,
  SharedEntry,
  SharedListener,
  SharedRecord,
  SharedSessions,
  StoreContext,
} from '../session/shared-cache.js'
import { BlockingReader } from './blocking-reader.js'
import { BoundedCommands } from './bounded-commands.js'
import { Entries } from './entries.js'
import type { CheckedRedisStoreOptions } from './options.js'
import { RevocationStream } from './revocation-stream.js'
import { createSealer } from './seal.js'
import { isAfter, type StreamMessage } from './stream-messages.js'

/** How long the log goes back at least. */
const MIN_RETENTION_MS = 15 * 60_000
/** A client may need so long for its first connection before its absence is logged. */
const FIRST_CONNECTION_MS = 1_000

export class RedisEngine implements SharedSessions {
  readonly #context: StoreContext
  readonly #kind: string
  readonly #commands: BoundedCommands
  readonly #entries: Entries
  readonly #stream: RevocationStream
  readonly #firstConnection: NodeJS.Timeout
  #isDown = false

  constructor({ client, prefix }: CheckedRedisStoreOptions, context: StoreContext) {
    const { secrets, orgOrigin, maxTtlMs } = context
    this.#context = context
    this.#kind = client.kind
    this.#commands = new BoundedCommands({ client, ...context })
    const parts = { ...context, commands: this.#commands, sealer: createSealer(secrets, orgOrigin) }
    this.#entries = new Entries({ ...parts, prefix })
    this.#stream = new RevocationStream({
      ...parts,
      // Two orgs have a log each. The name of an org is no secret.
      key: `${prefix}:{log:${hash('sha256', orgOrigin, 'base64url').slice(0, 22)}}`,
      instance: randomBytes(9).toString('base64url'),
      reader: new BlockingReader(client),
      retentionMs: Math.max(MIN_RETENTION_MS, maxTtlMs + 60_000),
      onAppend: (message) => this.#voidCredentials(message),
    })
    this.#commands.onChange((isUp) => this.#tell(isUp))
    this.#firstConnection = setTimeout(() => this.#tell(this.#commands.isUp), FIRST_CONNECTION_MS)
    this.#firstConnection.unref()
  }

  claim(names: readonly string[], since: number): Promise<Claim> {
    return this.#entries.claim(names, since)
  }

  peek(names: readonly string[]): Promise<SharedEntry | undefined> {
    return this.#entries.peek(names)
  }

  fill(names: readonly string[], entry: SharedEntry, lease?: string): void {
    this.#entries.fill(names, entry, lease)
  }

  release(names: readonly string[], lease: string | undefined, why?: ReleaseReason): void {
    this.#entries.release(names, lease, why)
  }

  claimRefresh(names: readonly string[], everyMs: number): Promise<RefreshClaim> {
    return this.#entries.claimRefresh(names, everyMs)
  }

  endRefresh(names: readonly string[], lease: string, end: RefreshEnd): void {
    this.#entries.endRefresh(names, lease, end)
  }

  record(record: SharedRecord): Promise<string> {
    return this.#stream.append({ kind: 'record', record })
  }

  isAfter(a: string, b: string): boolean {
    return isAfter(a, b)
  }

  subscribe(listener: SharedListener): () => void {
    return this.#stream.subscribe(listener)
  }

  onInstances(listener: (count: number) => void): void {
    this.#stream.onInstances(listener)
  }

  stats(): StoreStats {
    const { failedAppends, rejected, ...log } = this.#stream.stats()
    const { commands, failures } = this.#commands.counts
    const entries = this.#entries.counts
    return {
      state: this.#commands.isUp ? 'ready' : 'unavailable',
      commands,
      failures: failures + failedAppends,
      ...entries,
      ...log,
      rejected: rejected + entries.rejected,
    }
  }

  async settled(): Promise<void> {
    await Promise.all([this.#stream.settled(), this.#entries.settled()])
  }

  async close(): Promise<void> {
    clearTimeout(this.#firstConnection)
    this.#entries.close()
    await Promise.all([this.#stream.close(), this.#entries.settled()])
    await this.#commands.close()
  }

  /** With each attempt to append a record: its entries go, and claims find the sign-out before they read the log. */
  #voidCredentials(message: StreamMessage): void {
    if (message.kind !== 'record') return
    const { record } = message
    for (const name of record.subjects)
      if (name.startsWith('c:')) void this.#entries.voidCredential(name, record)
  }

  /** One line per change of state. */
  #tell(isUp: boolean): void {
    if (isUp !== this.#isDown) return
    this.#isDown = !isUp
    const { org, logger } = this.#context
    if (publishers.store.hasSubscribers)
      publishers.store.publish({ org, state: isUp ? 'ready' : 'unavailable' })
    if (isUp)
      logger?.info('EOS122', 'Redis answers again: this instance shares sessions with the others')
    else
      logger?.warn(
        'EOS121',
        'Redis can not be used: this instance works alone, from its own memory and with its own calls to Okta',
        { client: this.#kind },
      )
  }
}
