/** Reads a header from anything with headers: Node's lower-cased record, or a Fetch `Headers`. */
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

/** Fetch knows no pseudo-headers such as `:authority`, and throws when asked for one. */
function fetchHeader(headers: Headers, name: string): string | undefined {
  return name.startsWith(':') ? undefined : (headers.get(name) ?? undefined)
}

/** Whether the browser loads this on a guess, before its user has asked for it: today's header, and older ones. */
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
