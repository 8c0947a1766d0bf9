/** Why a command has no usable reply, as an error that quotes nothing of the command. */
import type { CommandFailure } from '../channels.js'

/**
 * A command without a usable reply. It carries Redis's error word alone: the client's own error objects hold
 * the arguments of the command, and messages of Redis can quote them.
 */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly code: CommandFailure
  /** The first word of Redis's error reply, such as `OOM`. Absent when Redis did not answer. */
  readonly reply: string | undefined

  constructor(code: CommandFailure, reply?: string) {
    super(messageOf(code, reply))
    this.code = code
    this.reply = reply
  }
}

/** A fresh error in place of what a client rejected with. */
export function commandError(thrown: unknown): CommandError {
  if (thrown instanceof CommandError) return thrown
  const word = errorWord(thrown)
  if (word === 'NOSCRIPT' || word === 'WRONGTYPE') return new CommandError(word, word)
  return new CommandError('redis', word)
}

/** Error replies of a server that can execute no command, or none of ours. */
const CANNOT_SERVE: ReadonlySet<string> = new Set([
  ...['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'BUSY', 'MOVED', 'ASK'],
  ...['NOAUTH', 'WRONGPASS', 'NOPERM'],
])

/** Error replies of a server that executes reads and rejects writes. */
const CANNOT_WRITE: ReadonlySet<string> = new Set(['OOM', 'READONLY', 'MISCONF', 'NOREPLICAS'])

export type Failure = 'unavailable' | 'write-rejected' | 'none'

/** What an error says about the server: `none` for a reply about this command alone. */
export function failureOf({ code, reply: word }: CommandError): Failure {
  if (code === 'timeout') return 'unavailable'
  if (code !== 'redis') return 'none'
  if (word === undefined || CANNOT_SERVE.has(word)) return 'unavailable'
  return CANNOT_WRITE.has(word) ? 'write-rejected' : 'none'
}

const WORD = /^-?([A-Z][A-Z0-9]{1,19})(?: |$)/
/** Redis 6 wraps the error of a command inside a script: `ERR Error running script ... -OOM command not ...` */
const WRAPPED = /^ERR Error running script .*@user_script[^-]*-([A-Z][A-Z0-9]{1,19}) /

function errorWord(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || typeof thrown.message !== 'string') return undefined
  return (WRAPPED.exec(thrown.message) ?? WORD.exec(thrown.message))?.[1]
}

function messageOf(code: CommandFailure, word: string | undefined): string {
  if (word !== undefined) return `Redis answered with the error ${word}`
  switch (code) {
    case 'timeout':
      return 'Redis did not answer in time'
    case 'not_ready':
      return 'The Redis client is not ready'
    case 'closed':
      return 'The store is closed'
    case 'circuit_open':
      return 'Commands to Redis are suspended after failures'
    default:
      return 'The Redis client failed without an answer of Redis'
  }
}
