/** Replies as data, and the only code that writes to a ServerResponse. After a wait it first checks that no other handler has answered. */
import type { ServerResponse } from 'node:http'
import { linked, type ProblemCode } from '../codes.js'
import type { Reply } from '../public-types.js'

export type ReplyHeaders = Reply['headers']

type Headers = Pick<ServerResponse, 'getHeader' | 'setHeader'>

/** An RFC 9457 problem, `type` and `title` apart. */
export interface Problem {
  readonly status: number
  readonly code: ProblemCode
  /** What a developer can do about it. The link to the section of the code is appended. */
  readonly detail?: string
  readonly [member: string]: unknown
}

/** Caching headers of an answer that depends on the user. */
export const PRIVATE: ReplyHeaders = Object.freeze({
  'cache-control': 'private, no-store',
  vary: 'Cookie',
})

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
}

/** `application/problem+json`; never a stack, an upstream text or a cookie. */
export function problem(
  { status, code, detail, ...members }: Problem,
  headers: ReplyHeaders = {},
): Reply {
  const head = { type: 'about:blank', title: TITLES[status] ?? 'Error', status, code }
  const advice = detail === undefined ? {} : { detail: linked('problem', code, detail) }
  const body = { ...head, ...members, ...advice }
  return withBody(status, 'application/problem+json', JSON.stringify(body), headers)
}

export function json(status: number, body: object, headers: ReplyHeaders = {}): Reply {
  return withBody(status, 'application/json', JSON.stringify(body), headers)
}

export function empty(headers: ReplyHeaders = {}): Reply {
  return { status: 204, headers, body: '' }
}

export function redirect(status: 302 | 303, location: string, headers: ReplyHeaders = {}): Reply {
  return { status, headers: { ...headers, location }, body: '' }
}

export function methodNotAllowed(allow: string, detail: string, headers: ReplyHeaders = {}): Reply {
  return problem({ status: 405, code: 'method_not_allowed', detail }, { ...headers, allow })
}

export function withBody(status: number, type: string, body: string, headers: ReplyHeaders): Reply {
  return {
    status,
    headers: {
      ...headers,
      'content-type': `${type}; charset=utf-8`,
      'content-length': String(Buffer.byteLength(body)),
      'x-content-type-options': 'nosniff',
    },
    body,
  }
}

/** `Retry-After` in whole seconds, rounded up, at least 1; nothing for undefined. */
export function retryAfter(ms: number | undefined): ReplyHeaders {
  if (ms === undefined) return {}
  return { 'retry-after': String(retrySeconds(ms)) }
}

export function retrySeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000))
}

/** Writes an answer, unless another handler has begun one or the client is gone. HEAD gets the headers alone. */
export function send(res: ServerResponse, { status, headers, body }: Reply): void {
  if (isAnswered(res)) return
  res.statusCode = status
  setHeaders(res, headers)
  if (body === '') res.end()
  else res.end(body)
}

/** The same where the client is still sending and the connection ends with the answer. */
export function sendAndClose(res: ServerResponse, { status, headers, body }: Reply): void {
  if (isAnswered(res)) return
  res.statusCode = status
  setHeaders(res, { ...headers, connection: 'close' })
  endLingering(res, body)
}

/** Sets headers on the app's own answer: `vary` and `set-cookie` are added to what the app has set. */
export function setHeaders(res: Headers, headers: ReplyHeaders): void {
  for (const [name, value] of Object.entries(headers)) {
    if (name === 'vary') addVary(res, res.getHeader('vary'))
    else if (name === 'set-cookie') addCookies(res, value)
    else res.setHeader(name, String(value))
  }
}

/** Marks the app's answer as private, on the hit path: a Cache-Control of the app's own is kept. */
export function keepPrivate(res: ServerResponse): void {
  // Lower case, as Node stores them: other spellings are converted at each request.
  const cacheControl = res.getHeader('cache-control')
  const vary = res.getHeader('vary')
  if (cacheControl === undefined) res.setHeader('Cache-Control', 'private, no-store')
  addVary(res, vary)
}

export function varyByCookie(res: ServerResponse): void {
  addVary(res, res.getHeader('vary'))
}

function addVary(res: Headers, vary: number | string | string[] | undefined): void {
  if (vary === undefined) res.setHeader('Vary', 'Cookie')
  else if (!/(^|,)\s*(cookie|\*)\s*(,|$)/i.test(String(vary)))
    res.setHeader('Vary', `${String(vary)}, Cookie`)
}

function addCookies(res: Headers, lines: string | readonly string[]): void {
  if (lines.length === 0) return
  const before = res.getHeader('set-cookie') ?? []
  const kept = Array.isArray(before) ? before : [String(before)]
  res.setHeader('Set-Cookie', kept.concat(lines))
}

/** Bytes read and discarded after the answer, so that the client reads the answer before the connection is reset. */
const MAX_DISCARDED_BYTES = 64 * 1_024
/** The longest wait for a client that neither reads the answer nor continues to send. */
const MAX_WAIT_MS = 1_000

/**
 * Writes the whole answer, then ends it when the client has stopped sending, when enough bytes have been
 * discarded, or after a second. A connection that is closed at once, with bytes unread, is reset: a client
 * that sends first and reads afterwards would see the reset alone.
 */
function endLingering(res: ServerResponse, body: string): void {
  const { req } = res
  let left = MAX_DISCARDED_BYTES
  const end = () => {
    clearTimeout(timer)
    req.off('data', discard).pause()
    if (!res.writableEnded) res.end()
  }
  const discard = (chunk: Buffer | string) => {
    left -= chunk.length
    if (left < 0) end()
  }
  const timer = setTimeout(end, MAX_WAIT_MS).unref()
  if (body === '') res.flushHeaders()
  else res.write(body)
  req.once('end', end).once('close', end).on('data', discard).resume()
}

export type Next = (error?: unknown) => void

/**
 * Whether the response must not be written any more: another handler has begun an answer (a time limit, for
 * example), or the client is gone. Setting a header would then throw outside every `try` of the app and end
 * the process.
 */
export function isAnswered(res: ServerResponse): boolean {
  return res.headersSent || res.writableEnded || res.destroyed || isStreamGone(res)
}

/** Node's HTTP/2 response has no `destroyed` of its own; its stream has. */
function isStreamGone(res: ServerResponse): boolean {
  const stream: unknown = 'stream' in res ? res.stream : undefined
  return (
    typeof stream === 'object' &&
    stream !== null &&
    'destroyed' in stream &&
    stream.destroyed === true
  )
}

/**
 * Calls `then` with the value, or `next` with the error, outside the promise: an exception in the app's
 * own handlers must not come back as this promise's rejection, and must not call `next` twice.
 *
 * Calls neither when another handler has answered meanwhile, or when the client is gone.
 */
export function later<T>(
  promise: Promise<T>,
  res: ServerResponse,
  next: Next,
  then: (value: T) => void,
): void {
  promise.then(
    (value) => process.nextTick(unlessAnswered, () => then(value)),
    (error: unknown) => process.nextTick(unlessAnswered, () => next(failure(error))),
  )

  function unlessAnswered(act: () => void): void {
    if (!isAnswered(res)) act()
  }
}

/**
 * Calls what may run the app's own code, and passes what it throws to `next`, also where nothing would
 * catch it. Does nothing if the response must not be written any more.
 */
export function orFail(res: ServerResponse, next: Next, act: () => void): void {
  if (isAnswered(res)) return
  try {
    act()
  } catch (error) {
    next(failure(error))
  }
}

/**
 * Converts a thrown value to one that `next()` treats as an error. Express and Connect ignore falsy values, and
 * Express treats 'route' and 'router' as commands to skip handlers. An app's own check may throw any of them.
 */
export function failure(thrown: unknown): unknown {
  if (thrown && thrown !== 'route' && thrown !== 'router') return thrown
  return new Error(`failed with ${String(thrown)} in place of an error`, { cause: thrown })
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}
