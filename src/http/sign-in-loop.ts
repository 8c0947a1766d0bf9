/** Breaks the circle of a browser that comes back from signing in without a session, again and again. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { stringifySetCookie } from 'cookie'
import { isPrefetch } from './headers.js'
import { appendSetCookie } from './set-cookie.js'

/** So many redirects to sign-in within a minute are a circle. */
const MOST_REDIRECTS = 4
const WITHIN_MS = 60_000
const NAME = 'okta-sign-in-redirects'

/** So many redirects since then, epoch milliseconds. */
interface Redirects {
  readonly count: number
  readonly since: number
}

/**
 * Counts one redirect in a short-lived cookie; false when it would be one too many within a minute of the
 * first. What a browser loads on a guess is redirected and not counted: nobody has been sent anywhere.
 */
export function mayRedirectAgain(
  req: IncomingMessage,
  res: ServerResponse,
  now: number,
  secure: boolean,
): boolean {
  if (isPrefetch(req)) return true
  const { count, since } = redirectsSoFar(req.headers.cookie, now)
  if (count >= MOST_REDIRECTS) return false
  setCookie(res, `${count + 1}.${since}`, Math.ceil((since + WITHIN_MS - now) / 1_000), secure)
  return true
}

/** A session has come of it: the count begins anew. */
export function endOfLoop(req: IncomingMessage, res: ServerResponse, secure: boolean): void {
  if (req.headers.cookie?.includes(NAME) === true) setCookie(res, '', 0, secure)
}

function setCookie(res: ServerResponse, value: string, maxAge: number, secure: boolean): void {
  const attributes = { httpOnly: true, sameSite: 'lax', path: '/', secure } as const
  appendSetCookie(res, stringifySetCookie({ name: NAME, value, maxAge, ...attributes }))
}

/** A count that is older than it can be, or from the future, is none: somebody else may have planted it. */
function redirectsSoFar(cookieHeader: string | undefined, now: number): Redirects {
  const [count = Number.NaN, since = Number.NaN] = ownCookie(cookieHeader ?? '')
    .split('.')
    .map(Number)
  const isOurs = Number.isInteger(count) && count > 0 && since <= now && now - since < WITHIN_MS
  return isOurs ? { count, since } : { count: 0, since: now }
}

/** A count, a dot and a time; a longer value is none of ours. */
const LONGEST_VALUE = 32

/** The value of the first cookie of our name. No other cookie is decoded or kept, however many there are. */
function ownCookie(cookieHeader: string): string {
  for (let at = 0; at < cookieHeader.length; ) {
    const semicolon = cookieHeader.indexOf(';', at)
    const end = semicolon === -1 ? cookieHeader.length : semicolon
    while (cookieHeader[at] === ' ' || cookieHeader[at] === '\t') at += 1
    if (cookieHeader.startsWith(`${NAME}=`, at)) {
      const value = cookieHeader.slice(at + NAME.length + 1, end).trim()
      return value.length <= LONGEST_VALUE ? value : ''
    }
    at = end + 1
  }
  return ''
}
