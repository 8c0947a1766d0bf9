/** Answers as data, and the only code that writes them to a ServerResponse. */
import type { ServerResponse } from 'node:http'
import type { Reply } from '../public-types.js'
import { isAnswered } from './later.js'
import { endLingering } from './lingering-close.js'

export type ReplyHeaders = Reply['headers']

type Headers = Pick<ServerResponse, 'getHeader' | 'setHeader'>

/** An RFC 9457 problem, `type` and `title` apart. */
export interface Problem {
  readonly status: number
  readonly code: string
  readonly [member: string]: unknown
}

/** For an answer that depends on who is signed in. */
export const PRIVATE: ReplyHeaders = Object.freeze({
  'cache-control': 'private, no-store',
  vary: 'Cookie',
})

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
}

/** `application/problem+json`; never a stack, an upstream text or a cookie. */
export function problem({ status, code, ...members }: Problem, headers: ReplyHeaders = {}): Reply {
  const body = { type: 'about:blank', title: TITLES[status] ?? 'Error', status, code, ...members }
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

export function methodNotAllowed(allow: string, headers: ReplyHeaders = {}): Reply {
  return problem({ status: 405, code: 'method_not_allowed' }, { ...headers, allow })
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

/** Sets headers on an answer that is the app's to give: `vary` and `set-cookie` join what the app has set. */
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
