/** The page of a visitor whose session cannot be checked now reloads itself, with growing pauses. */
import type { Denial, RequestLike } from '../public-types.js'
import { cookieLine, ownCookies } from './cookies.js'
import type { PageFacts } from './page-texts.js'
import { retrySeconds } from './reply.js'
import { header } from './request.js'

/** Holds the epoch seconds at which this browser got the page first. */
const NAME = 'okta-unavailable-since'
const VALUE = /^\d{1,12}$/
/** An earlier beginning is of another outage. Seconds. */
const MAX_AGE = 60 * 60
const LONGEST_PAUSE = 30
const LONGEST_PAUSE_FOR_A_SLOT = 4
/** How long after its reload a page still belongs to the same outage. Seconds. */
const GRACE = 60

export interface Outage {
  readonly facts: Required<Pick<PageFacts, 'reloadMs' | 'waitingSince' | 'waitingMs'>>
  /** The `Set-Cookie` line that keeps its beginning. */
  readonly line: string
}

/**
 * The beginning is in a cookie and not in the page, so that reloads need no script and a reload of one tab
 * does not lengthen the pauses of another. The cookie ends by itself: a request that passes has no work.
 * `now`: epoch milliseconds; `secure`: whether our cookies are Secure.
 */
export function outageOf(
  { reason, retryAfterMs = 0 }: Denial,
  req: RequestLike,
  { now, secure }: { readonly now: number; readonly secure: boolean },
): Outage {
  const at = Math.floor(now / 1_000)
  const since = beginning(header(req, 'cookie') ?? '', at)
  const reloadAfter = Math.max(
    pauseAfter(at - since, longestPause(reason)),
    retrySeconds(retryAfterMs),
  )
  return {
    facts: {
      reloadMs: reloadAfter * 1_000,
      waitingSince: since * 1_000,
      waitingMs: (at - since) * 1_000,
    },
    line: cookieLine(NAME, String(since), secure, { maxAge: reloadAfter + GRACE }),
  }
}

/** 1, 2, 4 ... seconds: about as long as the outage has lasted. */
function pauseAfter(elapsed: number, longest: number): number {
  return Math.min(longest, 2 ** Math.floor(Math.log2(elapsed + 1)))
}

/** Over budget, Retry-After names a slot of the retry schedule: a longer pause would miss it. */
function longestPause(reason: Denial['reason']): number {
  return reason === 'over_budget' ? LONGEST_PAUSE_FOR_A_SLOT : LONGEST_PAUSE
}

/** The cookie's time; now where it is not ours, too old or in the future: another host may have planted it. */
function beginning(cookieHeader: string, at: number): number {
  const [value = ''] = ownCookies(cookieHeader, NAME)
  const since = VALUE.test(value) ? Number(value) : at
  return since <= at && at - since <= MAX_AGE ? since : at
}
