/** Breaks the loop of a browser that returns from signing in without a session, again and again. */
import { createHash } from 'node:crypto'
import type { RequestLike } from '../public-types.js'
import { cookieLine } from './cookies.js'
import { header, isPrefetch } from './request.js'

/** This many returns without a session, within a minute of the first redirect, are a loop. */
const MAX_RETURNS = 4
/**
 * The same for requests that may as well be tabs restored or a link clicked again. Browsers follow 20
 * redirects, two for each round trip.
 */
const MAX_POSSIBLE_RETURNS = 10
const WITHIN_MS = 60_000
const MAX_PAGES = 16
const NAME = 'okta-sign-in-redirects'

/** A redirect to sign in that is about to be answered. */
export interface SignInRedirect {
  /** Where sign-in returns to. */
  readonly returnPath: string
  /** Whether the sign-in page is on another host than this app. */
  readonly leavesHost: boolean
}

interface RoundTrips {
  readonly returns: number
  /** Epoch milliseconds of the first redirect. */
  readonly since: number
  readonly possibleReturns: number
  /** Digests of the pages that were redirected: a request for one of them may be a return. */
  readonly pages: readonly string[]
}

/**
 * Counts the round trip that this request ends, if it does: the `Set-Cookie` lines that do it, or undefined
 * when it is one too many. Redirects alone are not counted: tabs restored at once, frames and quick clicks
 * cause many. Prefetches are redirected and not counted.
 */
export function countRedirect(
  req: RequestLike,
  { returnPath, leavesHost }: SignInRedirect,
  now: number,
  secure: boolean,
): readonly string[] | undefined {
  if (isPrefetch(req)) return []
  const soFar = roundTripsSoFar(header(req, 'cookie'), now)
  const page = digestOf(returnPath)
  const kind = soFar.pages.includes(page) ? kindOfReturn(req, leavesHost) : 'none'
  const returns = soFar.returns + (kind === 'certain' ? 1 : 0)
  const possibleReturns = soFar.possibleReturns + (kind === 'possible' ? 1 : 0)
  if (returns >= MAX_RETURNS || possibleReturns >= MAX_POSSIBLE_RETURNS) return undefined
  const pages = [...soFar.pages.filter((other) => other !== page), page].slice(-MAX_PAGES)
  const value = [returns, soFar.since, possibleReturns, ...pages].join('.')
  const maxAge = Math.ceil((soFar.since + WITHIN_MS - now) / 1_000)
  return [cookieLine(NAME, value, secure, { maxAge })]
}

/**
 * Whether a request for a page that was redirected before is its return. A navigation that has passed
 * another host is never `same-origin`; one that a browser began itself stays `none`, redirected or not.
 */
function kindOfReturn(req: RequestLike, leavesHost: boolean): 'certain' | 'possible' | 'none' {
  const site = header(req, 'sec-fetch-site')
  if (site === 'same-origin') return leavesHost ? 'none' : 'possible'
  return site === 'none' ? 'possible' : 'certain'
}

function digestOf(path: string): string {
  return createHash('sha256').update(path).digest('base64url').slice(0, 6)
}

/** Ends the count once a session has been let through; no line where there is no count. */
export function endRedirects(req: RequestLike, secure: boolean): readonly string[] {
  return header(req, 'cookie')?.includes(NAME) === true
    ? [cookieLine(NAME, '', secure, { maxAge: 0 })]
    : []
}

/** A count that is older than a minute, or from the future, is ignored: another host may have planted it. */
function roundTripsSoFar(cookieHeader: string | undefined, now: number): RoundTrips {
  const [first, second, third, ...pages] = ownCookie(cookieHeader ?? '').split('.')
  const [returns, since, possibleReturns] = [first || 'none', second, third ?? 0].map(Number)
  const isOurs = isCount(returns) && isCount(possibleReturns) && isWithin(since, now)
  return isOurs
    ? { returns, since, possibleReturns, pages }
    : { returns: 0, since: now, possibleReturns: 0, pages: [] }
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isInteger(value) && value >= 0
}

function isWithin(since: number | undefined, now: number): since is number {
  return since !== undefined && since <= now && now - since < WITHIN_MS
}

/** Two counts, a time and the digests; a longer value is not ours. */
const MAX_VALUE = 160

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
