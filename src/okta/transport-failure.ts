/** What a failed connection is called, and how much of the HTTP client's error may be told. */
import type { UnavailableCode } from '../errors.js'

/** The code for an error of the HTTP client; an unknown one counts as a connection that was not to be had. */
export function failureCode(error: unknown): UnavailableCode {
  const code = codeOf(error) ?? ''
  return FAMILIES.find(([pattern]) => pattern.test(code))?.[1] ?? 'connect'
}

const FAMILIES: readonly (readonly [RegExp, UnavailableCode])[] = [
  [/^(ENOTFOUND|EAI_\w+|ENODATA|ESERVFAIL|ENONAME)$/, 'dns'],
  [/^(ETIMEDOUT|ESOCKETTIMEDOUT)$/, 'timeout'],
  [/^(ECONNRESET|EPIPE|ECONNABORTED|ERR_STREAM_PREMATURE_CLOSE)$/, 'reset'],
  [/^(ERR_READING_RESPONSE_STREAM|ERR_HTTP_CONTENT_LENGTH_MISMATCH)$/, 'reset'],
  [/^HPE_HEADER_OVERFLOW$/, 'too_large'],
  [/^HPE_/, 'malformed'],
  [/^(ERR_TLS_|ERR_SSL_|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERROR_IN_)/, 'tls'],
  [/^(EPROTO|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH_EXCEEDED)$/, 'tls'],
]

/** Node's own messages are shorter; a longer one lists what a stranger's certificate holds. */
const LONGEST_MESSAGE = 2_048

/**
 * A fresh Error with the original's name, code and message and nothing else: the original holds the
 * request with its headers. Should its message quote a word of what was sent, or be longer than any of
 * Node's, it is left out as well.
 */
export function safeCause(error: unknown, sent: readonly string[]): Error {
  const code = codeOf(error)
  const message = messageOf(error)
  const isFit = message !== '' && message.length <= LONGEST_MESSAGE && !quotes(message, sent)
  const cause = new Error(isFit ? message : (code ?? 'connection failed'))
  if (error instanceof Error)
    Object.defineProperty(cause, 'name', { value: error.name, enumerable: false })
  return code === undefined ? cause : Object.assign(cause, { code })
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^\w{1,64}$/.test(code) ? code : undefined
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  if (error.message !== '') return error.message
  // Node tries IPv6 and IPv4 and sums up both failures without a message.
  const inner = error.cause instanceof AggregateError ? error.cause.errors : []
  return inner.map((each: unknown) => messageOf(each)).join('; ')
}

function quotes(message: string, sent: readonly string[]): boolean {
  return wordsOf(sent).some((word) => message.includes(word))
}

/** The words that could be secrets: nothing shorter than 8 characters is one. */
function wordsOf(sent: readonly string[]): string[] {
  return sent.flatMap((text) => text.split(/[\s"/?&=;,]+/)).filter((word) => word.length >= 8)
}
