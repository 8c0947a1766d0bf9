/** Where a browser is sent: to sign in, and back to a path of this app or a page of an origin it trusts. */
import type { Settings, SignInUrl } from '../options/options.js'
import { checkedSignInUrl } from '../options/urls.js'
import type { AppRequest, RequestLike } from '../public-types.js'
import { isThenable } from './reply.js'
import {
  appOrigin,
  header,
  isGetOrHead,
  MAX_AUTHORITY,
  parseUrl,
  requestHost,
  requestPath,
} from './request.js'

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

/** Replaces an origin that is not known; the name can't be registered (RFC 2606). */
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
  return text.startsWith('//') ? undefined : parseUrl(text, SOME_ORIGIN)
}

function parseAbsolute(text: string): URL | undefined {
  // `https:evil.example` and `https:/evil.example` are URLs to a browser, and paths to others.
  const authority = /^https?:\/\/([^/?#]+)/i.exec(text)?.[1]
  if (authority === undefined || authority.length > MAX_AUTHORITY) return undefined
  const url = parseUrl(text)
  if (url === undefined) return undefined
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

/** What the client asks for. A proxy's sub-request tells it in headers. */
export interface Target {
  readonly method: string | undefined
  readonly url: string | undefined
}

export function targetOf(req: RequestLike): Target {
  return { method: req.method, url: requestPath(req) }
}

/**
 * The sign-in page. `target` is what the client asks for where that is not the request itself. A promise, and
 * what rejects, come of the app's own function only; it never throws.
 */
export type SignInUrlFor = (req: RequestLike, target?: Target) => string | Promise<string>

export function createSignInUrl(settings: Settings): SignInUrlFor {
  const { signInUrl, appUrl, api } = settings
  if (typeof signInUrl === 'function') return createAppSignInUrl(signInUrl, settings)
  if (typeof signInUrl === 'string')
    return (req, target) => withReturnTo(signInUrl, returnPath(req, appUrl, target))
  return function oktaSignInUrl(req, target) {
    const origin = appOrigin(req, appUrl)
    if (origin === undefined) return `${api.orgUrl}/login/login.htm`
    const from = encodeURIComponent(origin + returnPath(req, appUrl, target))
    return `${api.orgUrl}/login/login.htm?fromURI=${from}`
  }
}

function createAppSignInUrl(
  signInUrl: SignInUrl['call'],
  { appUrl, api: { timeoutMs } }: Settings,
): SignInUrlFor {
  return function appSignInUrl(req, target) {
    try {
      const given: unknown = signInUrl(returnPath(req, appUrl, target), req as AppRequest)
      return isThenable(given)
        ? inTime(given, timeoutMs).then(checkedSignInUrl)
        : checkedSignInUrl(given)
    } catch (error) {
      return Promise.reject(error)
    }
  }
}

/** A request must not wait forever for the app's promise. */
function inTime(given: PromiseLike<unknown>, timeoutMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const message = `signInUrl(returnTo, req) gave a promise that has not settled within upstream.timeoutMs (${timeoutMs} ms)`
    const timer = setTimeout(() => reject(new DOMException(message, 'TimeoutError')), timeoutMs)
    const end = () => clearTimeout(timer)
    Promise.resolve(given).finally(end).then(resolve, reject)
  })
}

/**
 * The page to come back to after signing in: the one asked for. An address that was posted to may take posts
 * alone, so that a refused post leads back to the page that sent it: a same-origin `Referer`'s path, else `/`.
 */
export function returnPath(
  req: RequestLike,
  appUrl: string | undefined,
  target: Target = targetOf(req),
): string {
  if (target.method === undefined || isGetOrHead(target)) {
    const url = target.url?.replace(SIGN_OUT, '')
    return safeReturnTo(url, { appOrigin: appOrigin(req, appUrl), trustedOrigins: [] })
  }
  const referer = header(req, 'referer') ?? ''
  const url = referer.length <= LONGEST ? parseUrl(referer) : undefined
  if (url === undefined || !isOwnPage(url, req, appUrl)) return '/'
  return safeReturnTo(url.href, { appOrigin: url.origin, trustedOrigins: [] })
}

/** What the sign-out link of a page of ours appends to the page's own address. */
const SIGN_OUT = /[?&]okta-sign-out=1$/

/** Whether the link was followed. */
export function asksForSignOut({ url }: Target): boolean {
  return url !== undefined && SIGN_OUT.test(url)
}

export function signOutLink(returnPath: string): string {
  return `${returnPath}${returnPath.includes('?') ? '&' : '?'}okta-sign-out=1`
}

/**
 * Whether the `Referer` shows that a request comes from signing in: it is the sign-in page, or a page of this
 * app whose link the browser followed over another site.
 */
export function isFromSignIn(url: string, req: RequestLike, appUrl: string | undefined): boolean {
  const referer = header(req, 'referer') ?? ''
  const from = referer.length <= LONGEST ? parseUrl(referer) : undefined
  const own = appOrigin(req, appUrl)
  const signIn = parseUrl(url, own)
  if (from === undefined || signIn === undefined) return false
  if (!leavesHost(url, req, appUrl))
    return from.host === signIn.host && from.pathname === signIn.pathname
  const site = header(req, 'sec-fetch-site')
  const hasPassedAnotherSite = site === 'cross-site' || site === 'same-site'
  return from.host === signIn.host || (hasPassedAnotherSite && from.origin === own)
}

/** Whether a URL, or a path, is on another host than this app; the scheme may be hidden by a proxy. */
export function leavesHost(url: string, req: RequestLike, appUrl: string | undefined): boolean {
  const own = appOrigin(req, appUrl)
  return own !== undefined && parseUrl(url, own)?.host !== parseUrl(own)?.host
}

/** Without `appUrl` the host decides: a proxy that ends TLS hides the scheme, and the path alone is used. */
function isOwnPage(url: URL, req: RequestLike, appUrl: string | undefined): boolean {
  if (appUrl !== undefined) return url.origin === appUrl
  const host = requestHost(req)
  return host !== undefined && parseUrl(`${url.protocol}//${host}`)?.host === url.host
}

/**
 * For a user who is signed in and must sign in again: Okta's sign-in page would redirect them straight back,
 * so the URL is that of its sign-out. An app's own `signInUrl` is the app's to decide.
 */
export function createSignInAgainUrl({ signInUrl, api }: Settings): (url: string) => string {
  if (signInUrl !== undefined) return (url) => url
  return (url) => `${api.orgUrl}/login/signout?fromURI=${encodeURIComponent(url)}`
}

function withReturnTo(signInUrl: string, returnTo: string): string {
  const [beforeHash = '', hash] = signInUrl.split('#', 2)
  const separator = beforeHash.includes('?') ? '&' : '?'
  const target = `${beforeHash}${separator}returnTo=${encodeURIComponent(returnTo)}`
  return hash === undefined ? target : `${target}#${hash}`
}
