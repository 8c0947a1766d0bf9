/** Decides whether a request is a user's own action, and not one of a browser, a script or another site. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestLike } from '../public-types.js'
import type { Kit } from './kit.js'
import { header, isPrefetch, parseUrl, wantsPage } from './request.js'

const safeMethods: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

export interface ActivityRules {
  /** Whether a request that changes something was sent by a page of ours. */
  readonly isOurs: Kit['isSameOrigin']
  /** Whether a guard let the request through. */
  readonly wasGuarded: (req: IncomingMessage) => boolean
}

/** Judges a request whose response has ended. Its limits are described at `refreshOnActivity()`. */
export function isActivity(
  req: IncomingMessage,
  res: ServerResponse,
  { isOurs, wasGuarded }: ActivityRules,
): boolean {
  if (isPrefetch(req)) return false
  if (safeMethods.has(req.method)) return isOpenedByPerson(req)
  return isOurs(req) && !isBeacon(req) && wasTaken(res, wasGuarded(req))
}

/**
 * Browsers send `Sec-Fetch-User` with a click, whatever site the link is on. A navigation without it counts
 * only when this site or the browser started it. In a frame only a click on a page of this site counts.
 */
function isOpenedByPerson(req: IncomingMessage): boolean {
  if (req.method !== 'GET' || !wantsPage(req)) return false
  const isClicked = header(req, 'sec-fetch-user') === '?1'
  const site = header(req, 'sec-fetch-site')
  if (isFramed(req)) return isClicked && site === 'same-origin'
  if (isClicked) return true
  const mayBeOurs = site === undefined || site === 'same-origin' || site === 'none'
  return mayBeOurs && !reloadsItself(req)
}

/** True for every destination except the document of a tab: iframe, frame, embed, object, fencedframe. */
function isFramed(req: RequestLike): boolean {
  return (header(req, 'sec-fetch-dest') ?? 'document') !== 'document'
}

/** A reload revalidates in some browsers; a `Refresh` names the page itself as its referrer. */
function reloadsItself(req: RequestLike): boolean {
  if (/\b(?:max-age=0|no-cache)\b/i.test(header(req, 'cache-control') ?? '')) return true
  const referrer = parseUrl(header(req, 'referer') ?? '')
  return (
    referrer !== undefined && referrer.pathname + referrer.search === (req.originalUrl ?? req.url)
  )
}

/** True for `navigator.sendBeacon()`, `<a ping>` and the reports that browsers send about a page. */
function isBeacon(req: RequestLike): boolean {
  return header(req, 'sec-fetch-mode') === 'no-cors' || header(req, 'sec-fetch-dest') === 'report'
}

/** Whether a route handled the request: a guard before all routes also passes requests that match none. */
function wasTaken(res: ServerResponse, isGuarded: boolean): boolean {
  const { statusCode } = res
  if (statusCode === 404 || statusCode === 405) return false
  return isGuarded || (res.headersSent && statusCode < 400)
}
