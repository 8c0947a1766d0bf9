/** What a request says of itself: its headers, from Node's record or a Fetch `Headers`, and who reads the answer. */
import type { IncomingHttpHeaders } from 'node:http'
import type { RequestLike } from '../public-types.js'

/** One header's value; Node's arrays are joined as HTTP allows. TypeError when `req` has no headers. */
export function header(req: RequestLike, name: string): string | undefined {
  const headers = req?.headers
  if (isFetchHeaders(headers)) return fetchHeader(headers, name)
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) throw noHeaders()
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** Whether a person looks at the answer: a navigation, or an `Accept` that prefers HTML where browsers send no mode. */
export function wantsPage(req: RequestLike): boolean {
  const mode = header(req, 'sec-fetch-mode')
  if (mode !== undefined) return mode === 'navigate'
  return prefersHtml(header(req, 'accept') ?? '')
}

export function isGetOrHead(req: RequestLike): boolean {
  return req.method === 'GET' || req.method === 'HEAD'
}

/** Fetch knows no pseudo-headers such as `:authority`, and throws when asked for one. */
function fetchHeader(headers: Headers, name: string): string | undefined {
  return name.startsWith(':') ? undefined : (headers.get(name) ?? undefined)
}

/** Whether the browser prefetches, before its user has asked for the page: the current header, and older ones. */
export function isPrefetch(req: RequestLike): boolean {
  return ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'].some((name) =>
    /prefetch|prerender|preview/i.test(header(req, name) ?? ''),
  )
}

function isFetchHeaders(headers: IncomingHttpHeaders | Headers): headers is Headers {
  return typeof headers?.get === 'function'
}

function noHeaders(): TypeError {
  return new TypeError(
    'this request has no headers to read: pass an IncomingMessage, a Fetch Request, or { headers }',
  )
}

/** No browser's Accept is longer; the rest is not read. */
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

/** The ranges that lie within the first kilobyte. */
function beginningOf(accept: string): string {
  if (accept.length <= LONGEST_ACCEPT) return accept
  return accept.slice(0, Math.max(0, accept.lastIndexOf(',', LONGEST_ACCEPT)))
}

/** How much a type is wanted, 0 to 1. */
function quality(parameters: readonly string[]): number {
  const q = parameters.map((part) => part.trim()).find((part) => part.startsWith('q='))
  return q === undefined ? 1 : Number(q.slice(2)) || 0
}
