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
  appendSetCookie(
    res,
    stringifySetCookie({
      name: NAME,
      value: String(count + 1),
      maxAge: WITHIN_SECONDS,
      httpOnly: true,
      sameSite: 'lax',
      path: '/',
      secure,
    }),
  )
  return true
}

function redirectsSoFar(cookieHeader: string | undefined): number {
  const count = Number(parseCookie(cookieHeader ?? '')[NAME])
  return Number.isInteger(count) && count > 0 ? count : 0
}
