/** The page of a visitor whose session cannot be checked now. It reloads itself, with growing pauses. */
import type { Denial, Reply, RequestLike } from '../public-types.js'
import { cookieLine, ownCookies } from './cookies.js'
import { type Page, page } from './pages.js'
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

export interface OutageParts {
  /** Epoch milliseconds. */
  readonly now: number
  /** Whether our cookies are Secure. */
  readonly secure: boolean
  readonly headers: Reply['headers']
}

/**
 * The beginning is in a cookie and not in the page, so that reloads need no script and a reload of one tab
 * does not lengthen the pauses of another. The cookie ends by itself: a request that passes has no work.
 */
export function outagePage(
  content: Page,
  { reason, retryAfterMs = 0 }: Denial,
  req: RequestLike,
  { now, secure, headers }: OutageParts,
): Reply {
  const at = Math.floor(now / 1_000)
  const since = beginning(header(req, 'cookie') ?? '', at)
  const reloadAfter = Math.max(
    pauseAfter(at - since, longestPause(reason)),
    retrySeconds(retryAfterMs),
  )
  const line = cookieLine(NAME, String(since), secure, { maxAge: reloadAfter + GRACE })
  const text = textOf(reason) ?? content.text
  return page(
    { ...content, text, reloadAfter, waiting: { since, seconds: at - since } },
    { ...headers, 'set-cookie': [line] },
  )
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

function textOf(reason: Denial['reason']): string | undefined {
  switch (reason) {
    case 'over_budget':
    case 'queue_full':
      return `Many people are signing in at once, and this app has to wait before it can check your sign-in. ${STAYS}`
    case 'rate_limited':
    case 'concurrency_limited':
      return `Okta limits how often this app may check sign-ins, and the limit is reached. ${STAYS}`
    case 'closed':
      return undefined
    default:
      return `Okta, which checks your sign-in for this app, cannot be reached or does not answer as it should. ${STAYS}`
  }
}

const STAYS = 'You are not signed out.'
