/** Where a browser may be sent back to: a path of ours, or a page of an origin the app trusts. */

import type { RequestLike } from '../public-types.js'
import { appOrigin, MAX_AUTHORITY, parseUrl } from './app-origin.js'

export interface ReturnToRules {
  /** The origin browsers see this app under, where it is known. */
  readonly appOrigin: string | undefined
  /** Other origins that may be returned to, as browsers spell them. */
  readonly trustedOrigins: readonly string[]
  /** The answer to everything unsafe. Default `/`. */
  readonly fallback?: string | undefined
}

/** No page's address is longer. */
const LONGEST = 8_192

/** Stands in for an origin that is not known; the name can't be registered (RFC 2606). */
const SOME_ORIGIN = 'https://app.invalid'

/**
 * A safe place to return to: a path with query and fragment, or a trusted origin's absolute URL.
 *
 * What counts is the URL a browser would make of the text, so it is parsed as browsers do and the answer is
 * written from the parsed URL. Refused outright is what parsers read in different ways: control
 * characters and blanks, backslashes, a path that begins with two slashes (also once dots are resolved),
 * user info, anything but http and https.
 */
export function safeReturnTo(input: unknown, rules: ReturnToRules): string {
  const { appOrigin, trustedOrigins, fallback = '/' } = rules
  if (typeof input !== 'string' || !isPlain(input)) return fallback
  const url = input.startsWith('/') ? parsePath(input) : parseAbsolute(input)
  if (url === undefined || url.pathname.startsWith('//')) return fallback
  if (url.origin === SOME_ORIGIN || url.origin === appOrigin)
    return url.pathname + url.search + url.hash
  return trustedOrigins.includes(url.origin) ? url.href : fallback
}

function isPlain(text: string): boolean {
  return text.length <= LONGEST && !/[\p{Cc}\s\\]/u.test(text)
}

function parsePath(text: string): URL | undefined {
  if (text.startsWith('//') || !URL.canParse(text, SOME_ORIGIN)) return undefined
  return new URL(text, SOME_ORIGIN)
}

function parseAbsolute(text: string): URL | undefined {
  // `https:evil.example` and `https:/evil.example` are URLs to a browser, and paths to others.
  const authority = /^https?:\/\/([^/?#]+)/i.exec(text)?.[1]
  if (authority === undefined || authority.length > MAX_AUTHORITY) return undefined
  const url = parseUrl(text)
  if (url === null) return undefined
  return url.username === '' && url.password === '' && url.origin !== SOME_ORIGIN ? url : undefined
}

/** Where a post leads back to: its `returnTo` field, else its query's; a safe path or URL, else the fallback. */
export function returnToOf(
  field: string | undefined,
  req: RequestLike,
  settings: { readonly appUrl: string | undefined; readonly trustedOrigins: readonly string[] },
  fallback: string | undefined,
): string {
  const { appUrl, trustedOrigins } = settings
  return safeReturnTo(field ?? queryField(req), {
    appOrigin: appOrigin(req, appUrl),
    trustedOrigins,
    fallback,
  })
}

/** Two values of `returnTo` are none: neither can be preferred. */
function queryField(req: RequestLike): string | undefined {
  const url = req.url ?? ''
  const query = url.includes('?') ? url.slice(url.indexOf('?') + 1) : ''
  const values = new URLSearchParams(query).getAll('returnTo')
  return values.length === 1 ? values[0] : undefined
}
