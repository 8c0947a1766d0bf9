/** The origin the browser sees this app under. */
import type { RequestLike } from '../public-types.js'
import { header } from './headers.js'

/** A host name has 253 characters at most (RFC 1035), a port 5: parsing a longer one takes time without end. */
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
  return url !== null && url.username === '' && url.pathname === '/' ? url.origin : undefined
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
export function parseUrl(text: string): URL | null {
  try {
    return new URL(text)
  } catch {
    // Text that is no URL gives null.
    return null
  }
}

/** A Fetch request has no Host header: its address is absolute. */
function fetchUrl({ url, headers }: RequestLike): URL | undefined {
  const isFetch = typeof headers?.get === 'function'
  if (!isFetch || url === undefined || url.length > MAX_FETCH_URL) return undefined
  return parseUrl(url) ?? undefined
}

/** A longer address is not parsed. */
const MAX_FETCH_URL = 8_192
