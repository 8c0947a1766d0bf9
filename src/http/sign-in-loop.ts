/** Breaks the loop of a browser that returns from signing in without a session, again and again. */
import { stringifySetCookie } from 'cookie'
import type { RequestLike } from '../public-types.js'
import { header, isPrefetch } from './request.js'

/** More redirects to sign-in than this within a minute are a loop. */
const MAX_REDIRECTS = 4
const WITHIN_MS = 60_000
const NAME = 'okta-sign-in-redirects'

/** `since`: epoch milliseconds of the first. */
interface Redirects {
  readonly count: number
  readonly since: number
}

/**
 * Counts one redirect: the `Set-Cookie` lines that do it, or undefined when it would be one too many within
 * a minute of the first. A prefetch is redirected and not counted: no person has been sent anywhere.
 */
export function countRedirect(
  req: RequestLike,
  now: number,
  secure: boolean,
): readonly string[] | undefined {
  if (isPrefetch(req)) return []
  const { count, since } = redirectsSoFar(header(req, 'cookie'), now)
  if (count >= MAX_REDIRECTS) return undefined
  const maxAge = Math.ceil((since + WITHIN_MS - now) / 1_000)
  return [cookieLine(`${count + 1}.${since}`, maxAge, secure)]
}

/** Ends the count once a session has been let through; no line where there is no count. */
export function endRedirects(req: RequestLike, secure: boolean): readonly string[] {
  return header(req, 'cookie')?.includes(NAME) === true ? [cookieLine('', 0, secure)] : []
}

function cookieLine(value: string, maxAge: number, secure: boolean): string {
  const attributes = { httpOnly: true, sameSite: 'lax', path: '/', secure } as const
  return stringifySetCookie({ name: NAME, value, maxAge, ...attributes })
}

/** A count that is older than a minute, or from the future, is ignored: another host may have planted it. */
function redirectsSoFar(cookieHeader: string | undefined, now: number): Redirects {
  const [count = Number.NaN, since = Number.NaN] = ownCookie(cookieHeader ?? '')
    .split('.')
    .map(Number)
  const isOurs = Number.isInteger(count) && count > 0 && since <= now && now - since < WITHIN_MS
  return isOurs ? { count, since } : { count: 0, since: now }
}

/** A count, a dot and a time; a longer value is not ours. */
const MAX_VALUE = 32

/** The value of the first cookie of our name. No other cookie is decoded or kept, however many there are. */
function ownCookie(cookieHeader: string): string {
  for (let at = 0; at < cookieHeader.length; ) {
    const semicolon = cookieHeader.indexOf(';', at)
    const end = semicolon === -1 ? cookieHeader.length : semicolon
    while (cookieHeader[at] === ' ' || cookieHeader[at] === '\t') at += 1
    if (cookieHeader.startsWith(`${NAME}=`, at)) {
      const value = cookieHeader.slice(at + NAME.length + 1, end).trim()
      return value.length <= MAX_VALUE ? value : ''
    }
    at = end + 1
  }
  return ''
}
