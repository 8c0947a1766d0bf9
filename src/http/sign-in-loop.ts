/** Breaks the circle of a browser that comes back from signing in without a session, again and again. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { parseCookie, stringifySetCookie } from 'cookie'
import { appendSetCookie } from './set-cookie.js'

/** So many redirects to sign-in within a minute are a circle. */
const MOST_REDIRECTS = 4
const WITHIN_SECONDS = 60
const NAME = 'okta-sign-in-redirects'

/** Counts one redirect in a short-lived cookie; false when it would be one too many. */
export function mayRedirectAgain(
  req: IncomingMessage,
  res: ServerResponse,
  secure: boolean,
): boolean {
  const count = redirectsSoFar(req.headers.cookie)
  if (count >= MOST_REDIRECTS) return false
  setCount(res, count + 1, secure)
  return true
}

/** A session has come of it: the count begins anew. */
export function endOfLoop(req: IncomingMessage, res: ServerResponse, secure: boolean): void {
  if (req.headers.cookie?.includes(NAME) === true) setCount(res, 0, secure)
}

/** A count of 0 takes the cookie away. */
function setCount(res: ServerResponse, count: number, secure: boolean): void {
  const line = stringifySetCookie({
    name: NAME,
    value: count === 0 ? '' : String(count),
    maxAge: count === 0 ? 0 : WITHIN_SECONDS,
    httpOnly: true,
    sameSite: 'lax',
    path: '/',
    secure,
  })
  appendSetCookie(res, line)
}

function redirectsSoFar(cookieHeader: string | undefined): number {
  const count = Number(parseCookie(cookieHeader ?? '')[NAME])
  return Number.isInteger(count) && count > 0 ? count : 0
}
