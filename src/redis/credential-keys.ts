/** The Redis keys of one credential, and the scripts on them. A hash tag keeps them in one slot of a cluster. */
import type { Commands, Script } from './commands.js'
import { scripts } from './scripts.js'

export interface CredentialKeys {
  readonly entry: string
  readonly lease: string
  readonly refusal: string
  /** What a released lease left for the claims that wait. */
  readonly marker: string
  readonly refresh: string
}

/** The keys under one name, which is a keyed digest. */
export function keysOf(prefix: string, name: string): CredentialKeys {
  const key = (kind: string) => `${prefix}:{${name}}:${kind}`
  return {
    entry: key('entry'),
    lease: key('lease'),
    refusal: key('refusal'),
    marker: key('marker'),
    refresh: key('refresh'),
  }
}

/** A script's reply: what it decided, and its values. */
export interface ScriptReply {
  readonly kind: string
  readonly values: readonly string[]
}

/** Runs scripts and counts the values that were ignored. */
export class CredentialScripts {
  readonly #commands: Commands
  #rejected = 0

  constructor(commands: Commands) {
    this.#commands = commands
  }

  /** Values that were ignored: forged, damaged, too old, or of another type. */
  get rejected(): number {
    return this.#rejected
  }

  /** Rejects where the command does, and for a reply that no script gives. */
  async run(
    script: Script,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<ScriptReply> {
    const reply = await this.#commands.run(script, keys, args)
    if (!Array.isArray(reply)) throw new Error('Redis answered a script with no list')
    const [junk = '0', kind = '', ...values] = reply.map(String)
    this.#rejected += Number(junk)
    return { kind, values }
  }

  /** Deletes a value that could not be used, unless another has replaced it. */
  async reject(key: string, value: string): Promise<void> {
    this.#rejected += 1
    await this.run(scripts.removeSame, [key], [value])
  }

  /** The same for refusals: ids and values in pairs. */
  async rejectRefusals(key: string, pairs: readonly string[]): Promise<void> {
    this.#rejected += pairs.length / 2
    await this.removeRefusals(key, pairs)
  }

  /** Deletes refusals that have ended. */
  async removeRefusals(key: string, pairs: readonly string[]): Promise<void> {
    await this.run(scripts.removeRefusals, [key], pairs)
  }
}
