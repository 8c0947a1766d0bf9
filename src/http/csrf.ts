/** Judges whether a post was sent by a page of ours: the defence against cross-site request forgery. */

import type { ApiSettings, Settings } from '../options/options.js'
import { isLoopback } from '../options/urls.js'
import type { RequestLike } from '../public-types.js'
import { header, MAX_AUTHORITY, parseUrl, requestHost, requestScheme } from './request.js'

/** The settings the judgement depends on. */
export interface PostRules
  extends Pick<Settings, 'appUrl' | 'trustedOrigins' | 'allowNonBrowserClients'> {
  readonly api: Pick<ApiSettings, 'orgUrl'>
}

/** `cross_site` covers everything that cannot be shown to be ours. */
export type PostJudgement = 'ours' | 'cross_site'

/** Returns {@link judgePost} under fixed rules, as a predicate. */
export function createIsSameOrigin(rules: PostRules): (req: RequestLike) => boolean {
  return function isOurs(req) {
    return judgePost(req, rules) === 'ours'
  }
}

/**
 * `Origin`, where present, decides alone: browsers send it with every post, and no page can forge it. Only
 * its `null`, which a same-origin form sends under `Referrer-Policy: no-referrer`, needs
 * `Sec-Fetch-Site: same-origin` beside it; a sandboxed frame's `null` comes with `cross-site`.
 *
 * Without `Origin`, `Sec-Fetch-Site` decides. A request with neither comes from no current browser: it is
 * `cross_site`, unless `allowNonBrowserClients` is set and it carries `X-Requested-By`, which a form of
 * another site cannot send.
 */
export function judgePost(req: RequestLike, rules: PostRules): PostJudgement {
  return isOurs(req, rules) ? 'ours' : 'cross_site'
}

function isOurs(req: RequestLike, rules: PostRules): boolean {
  const origin = header(req, 'origin')
  const site = header(req, 'sec-fetch-site')
  if (origin === 'null') return site === 'same-origin'
  if (origin !== undefined) return isOurOrigin(origin, req, rules)
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  return rules.allowNonBrowserClients && Boolean(header(req, 'x-requested-by'))
}

function isOurOrigin(text: string, req: RequestLike, rules: PostRules): boolean {
  const origin = webOrigin(text)
  if (origin === undefined) return false
  if (rules.trustedOrigins.includes(origin.origin)) return true
  if (rules.appUrl !== undefined) return origin.origin === rules.appUrl
  if (!isRequestHost(origin, requestHost(req))) return false
  return origin.protocol === 'https:' || mayBeHttp(origin, req, rules)
}

/** An origin as browsers write it: nothing behind the host, no user info. */
function webOrigin(text: string): URL | undefined {
  if (text.length > MAX_AUTHORITY + 'https://'.length) return undefined
  return /^https?:\/\/[^/?#@\\\s]+$/i.test(text) ? parseUrl(text) : undefined
}

/** Compares hosts alone, default ports left out. The scheme is judged apart: Host does not tell it. */
function isRequestHost(origin: URL, host: string | undefined): boolean {
  if (host === undefined) return false
  return webOrigin(`${origin.protocol}//${host}`)?.host === origin.host
}

/**
 * Whether our own pages may come over plain http, which an attacker on the network can forge. Not where this
 * request came over https. Where it seems to come over http, a proxy may have ended TLS; but with an https
 * org our cookies are `Secure`, and browsers send those over plain http to loopback alone.
 */
function mayBeHttp(origin: URL, req: RequestLike, { api }: PostRules): boolean {
  if (requestScheme(req) === 'https') return false
  return api.orgUrl.startsWith('http:') || isLoopback(origin.hostname)
}
