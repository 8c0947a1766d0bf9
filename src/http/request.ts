/** Reads facts from a request: headers (Node's record or a Fetch `Headers`), origin, and whether a person sees the answer. */

import type { IncomingHttpHeaders } from 'node:http'
import { misuse } from '../codes.js'
import type { RequestLike } from '../public-types.js'

/** One header's value; Node's arrays are joined as HTTP allows. TypeError when `req` has no headers. */
export function header(req: RequestLike, name: string): string | undefined {
  const headers = req?.headers
  if (isFetchHeaders(headers)) return fetchHeader(headers, name)
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) throw noHeaders()
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** Whether a person sees the answer: true for a navigation, or, without `Sec-Fetch-Mode`, an `Accept` that prefers HTML. */
export function wantsPage(req: RequestLike): boolean {
  const mode = header(req, 'sec-fetch-mode')
  if (mode !== undefined) return mode === 'navigate'
  return prefersHtml(header(req, 'accept') ?? '')
}

export function isGetOrHead({ method }: { readonly method?: string | undefined }): boolean {
  return method === 'GET' || method === 'HEAD'
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
  return misuse(
    'EOS306',
    'this request has no headers to read: pass an IncomingMessage, a Fetch Request, or { headers }',
  )
}

/** No browser's Accept is longer; the rest is not read. */
const LONGEST_ACCEPT = 1_024

/** HTML is named, with a quality value not below that of any JSON type. */
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

/** The quality value of a type, 0 to 1 (RFC 9110 section 12.4.2). */
function quality(parameters: readonly string[]): number {
  const q = parameters.map((part) => part.trim()).find((part) => part.startsWith('q='))
  return q === undefined ? 1 : Number(q.slice(2)) || 0
}

/** A host name has 253 characters at most (RFC 1035), a port 5: parsing a longer one could take arbitrarily long. */
export const MAX_AUTHORITY = 300

/** The host a request came to; never X-Forwarded-Host, which any client can send. */
export function requestHost(req: RequestLike): string | undefined {
  const host = header(req, ':authority') ?? header(req, 'host') ?? fetchUrl(req)?.host
  return host !== undefined && host.length <= MAX_AUTHORITY ? host : undefined
}

/** `appUrl`, or the Host the request came to under the scheme it came over. */
export function appOrigin(req: RequestLike, appUrl: string | undefined): string | undefined {
  if (appUrl !== undefined) return appUrl
  const host = requestHost(req)
  if (host === undefined) return undefined
  const url = parseUrl(`${requestScheme(req)}://${host}`)
  return url?.username === '' && url.pathname === '/' ? url.origin : undefined
}

/** `req.protocol` where Express gives one (it knows which proxies to believe), else the socket's. */
export function requestScheme(req: RequestLike): 'http' | 'https' {
  if ('protocol' in req && (req.protocol === 'https' || req.protocol === 'http'))
    return req.protocol
  if (fetchUrl(req)?.protocol === 'https:') return 'https'
  const { socket } = req
  return socket !== undefined && 'encrypted' in socket && socket.encrypted === true
    ? 'https'
    : 'http'
}

/** Node 20's `URL.canParse` answers false for text beyond ASCII once V8 has optimized its caller. */
export function parseUrl(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base)
  } catch {
    // Text that is no URL is not read.
    return undefined
  }
}

/**
 * The path and query asked for: Express's `originalUrl` where a router has shortened `url`. A Fetch request
 * has an absolute address, whose origin behind a proxy is not the app's.
 */
export function requestPath(req: RequestLike): string | undefined {
  const url = fetchUrl(req)
  return url === undefined ? (req.originalUrl ?? req.url) : url.pathname + url.search + url.hash
}

/** A Fetch request has no Host header: its address is absolute. */
function fetchUrl({ url, headers }: RequestLike): URL | undefined {
  const isFetch = typeof headers?.get === 'function'
  if (!isFetch || url === undefined || url.length > MAX_FETCH_URL) return undefined
  return parseUrl(url)
}

/** A longer address is not parsed. */
const MAX_FETCH_URL = 8_192
