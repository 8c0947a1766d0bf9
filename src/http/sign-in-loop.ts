/** Breaks the redirect loop of a browser that repeatedly returns from sign-in without a session. */
import { createHash } from 'node:crypto'
import type { RequestLike } from '../public-types.js'
import { cookieLine, ownCookies } from './cookies.js'
import { header, isPrefetch } from './request.js'

/** This many returns from the sign-in page in a row are a loop. */
const MAX_RETURNS = 4
/**
 * The same, for one page, of requests that may as well be a person's: tabs restored, reloads, a link on
 * another site clicked again. Browsers follow 20 redirects, two for each round trip.
 */
const MAX_POSSIBLE_RETURNS = 10
/** Redirects further apart than this are not in a row. */
const WITHIN_MS = 60_000
/** A round trip without a person takes less. */
const QUICK_MS = 3_000
const MAX_PAGES = 16
const NAME = 'okta-sign-in-redirects'

/** A redirect to sign in that is about to be answered. */
export interface SignInRedirect {
  /** Where sign-in returns to. */
  readonly returnPath: string
  /** Whether the sign-in page is on another host than this app. */
  readonly leavesHost: boolean
  /** Whether the request's `Referer` shows that it comes from signing in. */
  readonly isFromSignIn: boolean
}

interface RoundTrips {
  readonly returns: number
  /** Epoch milliseconds of the last redirect; undefined before the first. */
  readonly at: number | undefined
  /** By the digest of each page that was redirected, how many times in a row it may have been a return. */
  readonly pages: ReadonlyMap<string, number>
}

/**
 * Counts the round trip that this request ends, if it does: the `Set-Cookie` lines that do it, or undefined
 * when it is one too many. Redirects alone are not counted: tabs restored at once, frames and quick clicks
 * cause many. Prefetches are redirected and not counted.
 */
export function countRedirect(
  req: RequestLike,
  redirect: SignInRedirect,
  now: number,
  secure: boolean,
): readonly string[] | undefined {
  if (isPrefetch(req)) return []
  const soFar = roundTripsSoFar(header(req, 'cookie') ?? '', now)
  const page = digestOf(redirect.returnPath)
  const before = soFar.pages.get(page)
  const isQuick = soFar.at !== undefined && now - soFar.at < QUICK_MS
  const kind = before === undefined ? 'none' : kindOfReturn(req, redirect, isQuick)
  const returns = soFar.returns + (kind === 'certain' ? 1 : 0)
  const possibleReturns = kind === 'possible' ? (before ?? 0) + 1 : 0
  if (returns >= MAX_RETURNS || possibleReturns >= MAX_POSSIBLE_RETURNS) return undefined
  const others = [...soFar.pages].filter(([other]) => other !== page)
  const pages = [...others, [page, possibleReturns] as const].slice(-MAX_PAGES)
  const value = [returns, now, ...pages.map(([digest, count]) => `${digest}${count}`)].join('.')
  return [cookieLine(NAME, value, secure, { maxAge: WITHIN_MS / 1_000 })]
}

/**
 * Whether a request for a page that was redirected before is its return. A navigation that has passed
 * another host is never `same-origin`; one that a browser began itself stays `none`, redirected or not. A
 * person who clicks a link on another site again looks like a return whose page sends no `Referer`.
 */
function kindOfReturn(
  req: RequestLike,
  { leavesHost, isFromSignIn }: SignInRedirect,
  isQuick: boolean,
): 'certain' | 'possible' | 'none' {
  const site = header(req, 'sec-fetch-site')
  if (site === 'same-origin' && leavesHost) return 'none'
  if (isFromSignIn) return 'certain'
  return isQuick || site === 'cross-site' || site === 'same-site' ? 'possible' : 'none'
}

/** Without the query: an app or a sign-in page may change it on each round trip. */
function digestOf(returnPath: string): string {
  const [path = ''] = returnPath.split(/[?#]/, 1)
  return createHash('sha256').update(path).digest('base64url').slice(0, 6)
}

/** Ends the count once a session has been let through; no line where there is no count. */
export function endRedirects(req: RequestLike, secure: boolean): readonly string[] {
  return header(req, 'cookie')?.includes(NAME) === true
    ? [cookieLine(NAME, '', secure, { maxAge: 0 })]
    : []
}

/**
 * Merges all cookies of our name: another host of the domain may have planted one, which must not hide ours.
 * A count that is older than a minute, or from the future, is ignored.
 */
function roundTripsSoFar(cookieHeader: string, now: number): RoundTrips {
  let returns = 0
  let at: number | undefined
  const pages = new Map<string, number>()
  for (const value of ownCookies(cookieHeader, NAME)) {
    const [, count, time, listed = ''] = VALUE.exec(value) ?? []
    const redirectedAt = Number(time)
    if (!(redirectedAt <= now && now - redirectedAt < WITHIN_MS)) continue
    returns = Math.max(returns, Number(count))
    at = Math.max(at ?? 0, redirectedAt)
    for (const page of listed.split('.').slice(1)) {
      const digest = page.slice(0, 6)
      pages.set(digest, Math.max(pages.get(digest) ?? 0, Number(page[6])))
    }
  }
  return { returns, at, pages }
}

/** A count, the time of the last redirect, and pages: digests of six characters, a digit behind each. */
const VALUE = /^(\d{1,2})\.(\d{1,16})((?:\.[\w-]{6}\d){0,16})$/
