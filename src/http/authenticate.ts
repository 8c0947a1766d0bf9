/** From a request's Cookie header to its session context: which cookie decides, and what the lookup finds for it. */

import { publishers } from '../channels.js'
import type { CookieEntry, Credential } from '../contracts.js'
import type { RequestLike, Session } from '../public-types.js'
import { credentialKey, pairKey } from '../session/cache.js'
import { anonymous, type FoundContext, type FoundSession } from '../session/contexts.js'
import type { Lookup, LookupRequest } from '../session/lookup.js'
import {
  type CookieFault,
  cookieValueOf,
  isCookieValue,
  readCookie,
  spotCookie,
  spotEach,
} from './cookie-header.js'
import { header } from './headers.js'
import { createOtherCookies } from './other-cookies.js'

/** What a caller needs beyond the usual. */
export interface Demand {
  /** Only an answer asked for at most this long ago; 0 is a lookup of its own. */
  readonly maxStalenessMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** A cookie of the request's that could be a session, under its configured entry. */
export interface SessionCookie {
  readonly entry: CookieEntry
  readonly key: string
  readonly credential: Credential
}

/** What a sign-out has to close. */
export interface EveryCookie {
  readonly cookies: readonly SessionCookie[]
  /** Whether the request brought no more than these. */
  readonly isComplete: boolean
}

/** A sign-out asks Okta about each value, and what others plant must not cost more than a few calls. */
export const MAX_VALUES_OF_A_NAME = 4

export interface Authenticator {
  /** Has this entry asked first: it is the one login() sets, and what others plant must not outrank it. */
  prefer(entry: CookieEntry): void
  /** Synchronous where nothing has to be asked. */
  find(req: RequestLike, demand?: Demand): FoundContext | Promise<FoundContext>
  /** What find() would say from what is known here; undefined where Okta would have to be asked. */
  known(req: RequestLike): FoundContext | undefined
  /** Every well-formed session cookie of the request, in the order in which they are asked. */
  sessionCookies(req: RequestLike): readonly SessionCookie[]
  /** The cookie a session came from, the first in order: the one to refresh, or to watch. */
  cookieOf(req: RequestLike, session: Session): SessionCookie | undefined
  /** The same with each of several values of one name, as far as {@link MAX_VALUES_OF_A_NAME}. */
  everyCookie(req: RequestLike): EveryCookie
}

export interface AuthenticatorOptions {
  readonly lookup: Lookup
  readonly cookies: readonly CookieEntry[]
  /** Opens a signed entry's envelope; undefined when it is not ours. */
  readonly open: (raw: string) => string | undefined
  readonly clientAddress: (req: RequestLike) => string | undefined
  /** The address Okta may be told; undefined when it is not to be told any. */
  readonly clientIp: (req: RequestLike) => string | undefined
  /** The monotonic clock: ages are measured by no other. */
  readonly monotonic: () => number
}

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { lookup, monotonic } = options
  const others = createOtherCookies(lookup, monotonic)
  let cookies = options.cookies
  let beginnings = beginningsOf(cookies)

  function prefer(first: CookieEntry): void {
    cookies = [first, ...cookies.filter((entry) => entry !== first)]
    beginnings = beginningsOf(cookies)
  }

  function find(req: RequestLike, demand?: Demand): FoundContext | Promise<FoundContext> {
    const context = findFrom(0, header(req, 'cookie'), req, demand)
    if (publishers.verdict.hasSubscribers) announce(context)
    return context
  }

  function findFrom(
    start: number,
    cookieHeader: string | undefined,
    req: RequestLike,
    demand: Demand | undefined,
  ): FoundContext | Promise<FoundContext> {
    if (cookieHeader === undefined) return anonymous.no_cookie
    for (let index = start; index < cookies.length; index += 1) {
      const entry = cookies[index]
      const spotted = entry && spotCookie(cookieHeader, entry.name)
      if (spotted !== undefined && entry !== undefined)
        return decide(entry, spotted, index + 1, cookieHeader, req, demand)
    }
    return anonymous.no_cookie
  }

  /** `next` is the entry whose turn it is where this one's session is over. */
  function decide(
    entry: CookieEntry,
    spotted: string | CookieFault,
    next: number,
    cookieHeader: string,
    req: RequestLike,
    demand: Demand | undefined,
  ): FoundContext | Promise<FoundContext> {
    if (typeof spotted !== 'string') return anonymous[`${spotted.fault}_cookie`]
    const pair = pairToSend(entry, spotted)
    if (pair === undefined) return anonymous.invalid_cookie
    const key = pairKey(pair)
    // What is remembered was found fit to be sent when it was asked about: its octets need no second look.
    const hit = lookup.hitAndPrefetch(key, entry.as, pair, options.clientIp(req))
    if (hit !== undefined && isRecentEnough(hit.startedMono, demand))
      return mayHoldAnother(cookieHeader, next)
        ? unlessContradicted(hit, key, next, cookieHeader, req, demand)
        : hit
    const credential = { as: entry.as, value: cookieValueOf(pair) }
    if (!isCookieValue(credential.value)) return anonymous.invalid_cookie
    return ask(key, credential, next, cookieHeader, req, demand)
  }

  function ask(
    key: string,
    credential: Credential,
    next: number,
    cookieHeader: string,
    req: RequestLike,
    demand: Demand | undefined,
  ): FoundContext | Promise<FoundContext> {
    const context = lookup.lookUp(key, credential, askerOf(req, demand))
    // Browsers that moved from Classic keep both cookies: where the first one's session is over, the next is asked.
    const orNext = (first: FoundContext) => {
      if (!mayHoldAnother(cookieHeader, next)) return first
      if (first.state === 'active')
        return unlessContradicted(first, key, next, cookieHeader, req, demand)
      return first.state === 'anonymous' && readCookie(cookieHeader, cookies, next).kind !== 'none'
        ? findFrom(next, cookieHeader, req, demand)
        : first
    }
    return context instanceof Promise ? context.then(orNext) : orNext(context)
  }

  /** Whether a later entry's cookie may be there too: all that a request with one cookie pays for it. */
  function mayHoldAnother(cookieHeader: string, from: number): boolean {
    for (let index = from; index < beginnings.length; index += 1)
      if (cookieHeader.includes(beginnings[index] ?? '')) return true
    return false
  }

  /**
   * The first cookie's session, unless a later entry's cookie is a live one of another user: then it can't be
   * told whose request it is. A cookie that has no session, can't be used or can't be looked up now takes
   * nothing away: it would let others sign the visitor out, and an outage would.
   */
  function unlessContradicted(
    yes: FoundSession,
    key: string,
    from: number,
    cookieHeader: string,
    req: RequestLike,
    demand: Demand | undefined,
  ): FoundContext | Promise<FoundContext> {
    const { session } = yes
    for (let index = from; index < cookies.length; index += 1) {
      const other = cookieAt(index, cookieHeader)
      if (other === undefined) continue
      const user = others.userOf(other.key, other.credential, () => otherAskerOf(req, demand))
      if (user instanceof Promise)
        return user.then((userId) => {
          if (userId !== undefined && userId !== session.userId) return anonymous.ambiguous_cookie
          // Meanwhile the first one's session may have been revoked.
          return lookup.isOvertaken(key, yes)
            ? findFrom(0, cookieHeader, req, demand)
            : unlessContradicted(yes, key, index + 1, cookieHeader, req, demand)
        })
      if (user !== undefined && user !== session.userId) return anonymous.ambiguous_cookie
    }
    return yes
  }

  /** The cookie of this entry, where there is one that could be sent to Okta. */
  function cookieAt(index: number, cookieHeader: string): SessionCookie | undefined {
    const entry = cookies[index]
    const spotted = entry && spotCookie(cookieHeader, entry.name)
    const pair = entry && typeof spotted === 'string' ? pairToSend(entry, spotted) : undefined
    if (entry === undefined || pair === undefined) return undefined
    const value = cookieValueOf(pair)
    if (!isCookieValue(value)) return undefined
    return { entry, key: pairKey(pair), credential: { as: entry.as, value } }
  }

  function known(req: RequestLike): FoundContext | undefined {
    let last: FoundContext | undefined
    for (const candidate of all(header(req, 'cookie'))) {
      if (last?.state === 'active') {
        const other = candidate && lookup.cached(candidate.key)?.session
        if (other !== undefined && other.userId !== last.session.userId)
          return anonymous.ambiguous_cookie
        continue
      }
      // A malformed cookie decides without a lookup: find() says how.
      if (candidate === undefined) return undefined
      last = lookup.cached(candidate.key)
      if (last?.state !== 'anonymous' && last?.state !== 'active') return last
    }
    return last
  }

  function cookieOf(req: RequestLike, session: Session): SessionCookie | undefined {
    const brought = sessionCookies(req)
    if (brought.length === 1) return brought[0]
    return brought.find(({ key }) => lookup.cached(key)?.session?.id === session.id)
  }

  function sessionCookies(req: RequestLike): readonly SessionCookie[] {
    return [...all(header(req, 'cookie'))]
      .filter((candidate) => candidate !== undefined)
      .map(({ credential, ...rest }) => ({ ...rest, credential: detached(credential) }))
  }

  function everyCookie(req: RequestLike): EveryCookie {
    const cookieHeader = header(req, 'cookie')
    if (cookieHeader === undefined) return { cookies: [], isComplete: true }
    const byName = cookies.map((entry) => cookiesOf(entry, cookieHeader))
    return {
      cookies: byName.flatMap((values) => values.slice(0, MAX_VALUES_OF_A_NAME)),
      isComplete: byName.every(({ length }) => length <= MAX_VALUES_OF_A_NAME),
    }
  }

  /** The well-formed values under one name; those with a session seen here come first. */
  function cookiesOf(entry: CookieEntry, cookieHeader: string): readonly SessionCookie[] {
    const candidates = spotEach(cookieHeader, entry.name).flatMap((pair) => {
      const value = opened(entry, cookieValueOf(pair))
      return value === undefined || !isCookieValue(value)
        ? []
        : { entry, key: credentialKey(entry.as, value), credential: { as: entry.as, value } }
    })
    if (candidates.length <= 1) return candidates
    const isSeen = ({ key }: SessionCookie) => lookup.hasSeen(key)
    return [...candidates.filter(isSeen), ...candidates.filter((each) => !isSeen(each))]
  }

  /** The configured cookies that are present, in order; undefined for one that can't be used. */
  function* all(cookieHeader: string | undefined): Generator<SessionCookie | undefined> {
    let reading = readCookie(cookieHeader, cookies, 0)
    while (reading.kind !== 'none') {
      const entry = cookies[reading.index]
      const value = entry && reading.kind === 'found' ? opened(entry, reading.value) : undefined
      yield entry && value !== undefined
        ? { entry, key: credentialKey(entry.as, value), credential: { as: entry.as, value } }
        : undefined
      reading = readCookie(cookieHeader, cookies, reading.index + 1)
    }
  }

  function opened(entry: CookieEntry, raw: string): string | undefined {
    return entry.signed ? options.open(raw) : raw
  }

  /** The pair under Okta's name for it; undefined for an envelope that is not ours. */
  function pairToSend(entry: CookieEntry, pair: string): string | undefined {
    if (!entry.signed && entry.name === entry.as) return pair
    const value = opened(entry, cookieValueOf(pair))
    return value === undefined ? undefined : `${entry.as}=${value}`
  }

  function askerOf(req: RequestLike, demand: Demand | undefined): LookupRequest {
    return {
      client: options.clientAddress(req),
      clientIp: options.clientIp(req),
      navigation: header(req, 'sec-fetch-mode') === 'navigate',
      maxStalenessMs: demand?.maxStalenessMs,
      signal: demand?.signal,
    }
  }

  /** Any age will do: the first cookie's session passes anyway. */
  function otherAskerOf(req: RequestLike, demand: Demand | undefined): LookupRequest {
    return { ...askerOf(req, demand), navigation: false, maxStalenessMs: undefined }
  }

  function isRecentEnough(startedMono: number, demand: Demand | undefined): boolean {
    const limit = demand?.maxStalenessMs
    return limit === undefined || (limit > 0 && monotonic() - startedMono <= limit)
  }

  return { prefer, find, known, sessionCookies, cookieOf, everyCookie }
}

/** What a cookie of each entry begins with in the header. */
function beginningsOf(cookies: readonly CookieEntry[]): readonly string[] {
  return cookies.map(({ name }) => `${name}=`)
}

/** In memory of its own: a slice would keep its whole Cookie header alive for as long as somebody watches. */
function detached({ as, value }: Credential): Credential {
  return { as, value: Buffer.from(value, 'latin1').toString('latin1') }
}

function announce(found: FoundContext | Promise<FoundContext>): void {
  if (found instanceof Promise) {
    // The caller gets the rejection; the channel gets outcomes only.
    found.then(announce, () => {})
    return
  }
  publishers.verdict.publish({
    state: found.state,
    ...(found.state === 'active' ? { source: found.source } : { reason: found.reason }),
  })
}
