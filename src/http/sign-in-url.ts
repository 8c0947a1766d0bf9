/** Where a browser goes to sign in, and how it finds its way back. */
import type { IncomingMessage } from 'node:http'
import type { Settings } from '../options/options.js'
import type { RequestLike } from '../public-types.js'
import { appOrigin } from './app-origin.js'
import { safeReturnTo } from './return-to.js'

/** The sign-in page; `asked` is the path to come back to where the request's own is not it. */
export type SignInUrlFor = (req: RequestLike, asked?: string) => string

export function createSignInUrl(settings: Settings): SignInUrlFor {
  const { signInUrl } = settings
  if (typeof signInUrl === 'function')
    return (req, asked) => signInUrl(returnPath(req, asked), req as IncomingMessage)
  if (typeof signInUrl === 'string')
    return (req, asked) => withReturnTo(signInUrl, returnPath(req, asked))
  return function oktaSignInUrl(req, asked) {
    const origin = appOrigin(req, settings.appUrl)
    const from =
      origin === undefined ? '' : `?fromURI=${encodeURIComponent(origin + returnPath(req, asked))}`
    return `${settings.api.orgUrl}/login/login.htm${from}`
  }

  /** The page asked for; Express's `originalUrl` where a router has shortened `url`. */
  function returnPath(req: RequestLike, asked: string | undefined): string {
    return safeReturnTo(asked ?? req.originalUrl ?? req.url, {
      appOrigin: appOrigin(req, settings.appUrl),
      trustedOrigins: [],
    })
  }
}

/**
 * For who is signed in and must be again: Okta's sign-in page would send them straight back, so the way
 * leads over its sign-out. An app's own `signInUrl` is the app's to decide.
 */
export function createSignInAgainUrl(settings: Settings, signInUrl: SignInUrlFor): SignInUrlFor {
  if (settings.signInUrl !== undefined) return signInUrl
  return (req, asked) =>
    `${settings.api.orgUrl}/login/signout?fromURI=${encodeURIComponent(signInUrl(req, asked))}`
}

function withReturnTo(signInUrl: string, returnTo: string): string {
  const [beforeHash = '', hash] = signInUrl.split('#', 2)
  const separator = beforeHash.includes('?') ? '&' : '?'
  const target = `${beforeHash}${separator}returnTo=${encodeURIComponent(returnTo)}`
  return hash === undefined ? target : `${target}#${hash}`
}
