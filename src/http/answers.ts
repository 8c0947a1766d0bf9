/** What our handlers answer with: problem documents, plain pages, redirects, and the headers that keep them private. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { header } from './headers.js'

/** An RFC 9457 problem, `type` and `title` apart. */
export interface Problem {
  readonly status: number
  readonly code: string
  readonly [member: string]: unknown
}

const titles: Readonly<Record<number, string>> = {
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
export function problem(res: ServerResponse, { status, code, ...members }: Problem): void {
  const body = { type: 'about:blank', title: titles[status] ?? 'Error', status, code, ...members }
  send(res, status, 'application/problem+json', JSON.stringify(body))
}

export function json(res: ServerResponse, status: number, body: object): void {
  send(res, status, 'application/json', JSON.stringify(body))
}

export function empty(res: ServerResponse, status = 204): void {
  res.statusCode = status
  res.end()
}

export function redirect(res: ServerResponse, status: 302 | 303, location: string): void {
  res.statusCode = status
  res.setHeader('Location', location)
  res.end()
}

export function methodNotAllowed(res: ServerResponse, allow: string): void {
  res.setHeader('Allow', allow)
  problem(res, { status: 405, code: 'method_not_allowed' })
}

/** `Retry-After` in whole seconds, rounded up, at least 1. */
export function retryAfter(res: ServerResponse, ms: number): number {
  const seconds = Math.max(1, Math.ceil(ms / 1_000))
  res.setHeader('Retry-After', String(seconds))
  return seconds
}

/** For a response that depends on who is signed in; a Cache-Control of the app's own stands. */
export function keepPrivate(res: ServerResponse): void {
  // In lower case, as Node keeps them: it would make them so at each request.
  const cacheControl = res.getHeader('cache-control')
  const vary = res.getHeader('vary')
  if (cacheControl === undefined) res.setHeader('Cache-Control', 'private, no-store')
  addCookieTo(vary, res)
}

export function varyByCookie(res: ServerResponse): void {
  addCookieTo(res.getHeader('vary'), res)
}

function addCookieTo(vary: number | string | string[] | undefined, res: ServerResponse): void {
  if (vary === undefined) res.setHeader('Vary', 'Cookie')
  else if (!/(^|,)\s*(cookie|\*)\s*(,|$)/i.test(String(vary)))
    res.setHeader('Vary', `${String(vary)}, Cookie`)
}

/** For our own handlers' answers. */
export function noStore(res: ServerResponse): void {
  res.setHeader('Cache-Control', 'no-store')
}

/** Whether a person is looking at the answer: a navigation, or (where browsers don't say) a taste for HTML. */
export function wantsPage(req: IncomingMessage): boolean {
  const mode = header(req, 'sec-fetch-mode')
  if (mode !== undefined) return mode === 'navigate'
  return prefersHtml(header(req, 'accept') ?? '')
}

export function isGetOrHead(req: IncomingMessage): boolean {
  return req.method === 'GET' || req.method === 'HEAD'
}

/** No browser's Accept is longer; what stands behind it is not read. */
const LONGEST_ACCEPT = 1_024

/** HTML named as such, and not less wanted than any kind of JSON. */
function prefersHtml(accept: string): boolean {
  let html = 0
  let json = 0
  for (const range of beginningOf(accept).toLowerCase().split(',')) {
    const [name = '', ...parameters] = range.split(';')
    const type = name.trim()
    if (type === 'text/html' || type === 'application/xhtml+xml')
      html = Math.max(html, quality(parameters))
    else if (type.endsWith('/json') || type.endsWith('+json'))
      json = Math.max(json, quality(parameters))
  }
  return html > 0 && html >= json
}

/** The ranges that stand whole in the first kilobyte. */
function beginningOf(accept: string): string {
  if (accept.length <= LONGEST_ACCEPT) return accept
  return accept.slice(0, Math.max(0, accept.lastIndexOf(',', LONGEST_ACCEPT)))
}

/** How much a type is wanted, 0 to 1. */
function quality(parameters: readonly string[]): number {
  const q = parameters.map((part) => part.trim()).find((part) => part.startsWith('q='))
  return q === undefined ? 1 : Number(q.slice(2)) || 0
}

/** Sends a body with its length; HEAD gets the headers alone (Node drops the body). */
export function send(res: ServerResponse, status: number, type: string, body: string): void {
  res.statusCode = status
  res.setHeader('Content-Type', `${type}; charset=utf-8`)
  res.setHeader('Content-Length', Buffer.byteLength(body))
  res.setHeader('X-Content-Type-Options', 'nosniff')
  res.end(body)
}
