/** What the rest of the engine needs of Redis: single commands, bounded in time, and one blocking reader. */

/** A Lua script, and the SHA-1 by which Redis caches it. */
export interface Script {
  readonly sha1: string
  readonly source: string
}

export interface Commands {
  /** Whether a command would be sent now. */
  readonly isUp: boolean
  /**
   * Sends one command and resolves with its reply, whose shape depends on the client: strings, numbers, null,
   * lists, maps. Rejects with an Error without secrets when the client is not ready, the circuit is open,
   * Redis answers with an error, or after a tenth of a second. `key` routes it in a cluster.
   */
  send(key: string, args: readonly string[]): Promise<unknown>
  /** The same for a script; all keys are in one slot of a cluster. */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown>
  /** Calls back when commands can be sent again, and when they can't. */
  onChange(listener: (isUp: boolean) => void): void
  readonly counts: { readonly commands: number; readonly failures: number }
  close(): Promise<void>
}

/** A connection of its own, for commands that block. */
export interface Reader {
  /** Rejects after `timeoutMs`; the connection is then closed, and the next call opens another. */
  send(key: string, args: readonly string[], timeoutMs: number): Promise<unknown>
  close(): Promise<void>
}
