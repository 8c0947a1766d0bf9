/** Finds a request's session context: which cookie decides, what the lookup finds for it, and the property of the request that keeps it. */

import { publishers } from '../channels.js'
import type { CookieEntry, Credential } from '../contracts.js'
import { isShortage } from '../limiter/limiter.js'
import type {
  ActiveContext,
  AnonymousContext,
  RequestLike,
  Session,
  UnavailableContext,
} from '../public-types.js'
import { pairKey } from '../session/cache.js'
import { anonymous, type FoundContext, type FoundSession } from '../session/contexts.js'
import type { Lookup, LookupRequest } from '../session/lookup.js'
import type {
  CookieFault,
  CookieReader,
  EveryCookie,
  SelectedCookie,
  SessionCookie,
} from './cookie-header.js'
import { type ComparedUser, OtherCookies } from './other-cookies.js'
import { header } from './request.js'

/** What a caller requires of the lookup. */
export interface Demand {
  /** The oldest start of a lookup whose answer is accepted; 0 always makes a new lookup. */
  readonly maxStalenessMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface AuthenticatorParts {
  /** The host of the org, for messages. */
  readonly org: string
  readonly lookup: Lookup
  readonly reader: CookieReader
  readonly clientAddress: (req: RequestLike) => string | undefined
  /** The client's address that is sent to Okta; undefined where none is sent. */
  readonly clientIp: (req: RequestLike) => string | undefined
  /** The monotonic clock, milliseconds; all ages are measured by it. */
  readonly monotonic: () => number
}

type SearchParts = AuthenticatorParts & { readonly others: OtherCookies }

export class Authenticator {
  readonly #parts: SearchParts
  readonly #others: OtherCookies
  readonly #reader: CookieReader
  readonly #lookup: Lookup

  constructor(parts: AuthenticatorParts) {
    this.#lookup = parts.lookup
    this.#reader = parts.reader
    this.#others = new OtherCookies(parts.lookup, parts.monotonic)
    this.#parts = { ...parts, others: this.#others }
  }

  /** Moves this entry, the one login() sets, to the front: a cookie that another host plants must not outrank it. */
  prefer(entry: CookieEntry): void {
    this.#reader.prefer(entry)
  }

  /** The request's session context. Synchronous where Okta need not be called. */
  find(req: RequestLike, demand?: Demand): FoundContext | Promise<FoundContext> {
    const context = this.#find(req, demand)
    if (publishers.verdict.hasSubscribers) announce(this.#parts.org, context)
    return context
  }

  /** Returns a cached session without an allocation; creates a {@link Search} for everything else. */
  #find(req: RequestLike, demand: Demand | undefined): FoundContext | Promise<FoundContext> {
    const cookieHeader = header(req, 'cookie')
    if (cookieHeader === undefined) return anonymous.no_cookie
    const { entries } = this.#reader
    for (let index = 0; index < entries.length; index += 1) {
      const entry = entries[index]
      const pair = entry && this.#reader.pairOf(entry, cookieHeader)
      if (entry === undefined || pair === undefined) continue
      if (typeof pair !== 'string') return anonymous[`${pair.fault}_cookie`]
      const key = pairKey(pair)
      const hit = this.#lookup.hitAndPrefetch(key, entry.as, pair, this.#parts.clientIp(req))
      const isEnough = hit !== undefined && isRecent(hit, demand, this.#parts.monotonic)
      if (isEnough && !this.#reader.mayHold(cookieHeader, index + 1)) return hit
      const search = new Search(this.#parts, cookieHeader, req, demand)
      return search.decide({ entry, index, pair }, key, hit)
    }
    return anonymous.no_cookie
  }

  /** The context from what is cached here; undefined where Okta would have to be called. */
  cached(req: RequestLike): FoundContext | undefined {
    let last: FoundContext | undefined
    for (const cookie of this.#reader.all(header(req, 'cookie') ?? '')) {
      if (last?.state === 'active') {
        const userId = 'fault' in cookie ? null : this.#others.cached(cookie.key)
        if (userId === undefined) return undefined
        if (userId !== null && userId !== last.session.userId) return anonymous.ambiguous_cookie
        continue
      }
      // A malformed cookie decides without a lookup: find() says how.
      if ('fault' in cookie) return undefined
      last = this.#lookup.cached(cookie.key)
      if (last?.state !== 'anonymous' && last?.state !== 'active') return last
    }
    return last
  }

  /** The cookie a session came from, the first in order: the one to refresh, or to watch. */
  cookieOf(req: RequestLike, session: Session): SessionCookie | undefined {
    const cookies = this.#reader.all(header(req, 'cookie') ?? '').filter(isUsable)
    const cookie =
      cookies.length === 1
        ? cookies[0]
        : cookies.find(({ key }) => this.#lookup.cached(key)?.session?.id === session.id)
    return cookie && { ...cookie, credential: detached(cookie.credential) }
  }

  /** The cookies whose sessions a sign-out closes. */
  everyCookie(req: RequestLike): EveryCookie {
    return this.#reader.every(header(req, 'cookie') ?? '', (key) => this.#lookup.hasSeen(key))
  }
}

/** The search of one request whose first cookie has no cached session, or is not its only one. */
class Search {
  readonly #parts: SearchParts
  readonly #header: string
  readonly #req: RequestLike
  readonly #demand: Demand | undefined
  /** The cookies of this request whose lookups found no session. */
  #ended: readonly EndedCookie[] = NONE

  constructor(
    parts: SearchParts,
    cookieHeader: string,
    req: RequestLike,
    demand: Demand | undefined,
  ) {
    this.#parts = parts
    this.#header = cookieHeader
    this.#req = req
    this.#demand = demand
  }

  /** `hit`: this cookie's session in the session cache. */
  decide(
    selected: SelectedCookie,
    key: string,
    hit: FoundSession | undefined,
  ): FoundContext | Promise<FoundContext> {
    const { lookup, reader, monotonic } = this.#parts
    const next = selected.index + 1
    // The octets of a cached session's cookie were checked when it was looked up.
    if (hit !== undefined && isRecent(hit, this.#demand, monotonic))
      return this.#takeActive(hit, key, next)
    const cookie = reader.check(selected, key)
    if ('fault' in cookie) return anonymous[`${cookie.fault}_cookie`]
    if (!reader.mayHold(this.#header, next) && this.#ended === NONE)
      return lookup.lookUp(key, cookie.credential, this.#lookupRequest())
    // A failed lookup of an unseen cookie is charged to the cached session of a later cookie.
    const beside = lookup.mayBeLive(key) ? undefined : this.#cachedLater(next)
    const context = lookup.lookUp(key, cookie.credential, this.#lookupRequest(beside))
    return context instanceof Promise
      ? context.then((found) => this.#orNext(found, key, next))
      : this.#orNext(context, key, next)
  }

  /** Browsers that moved from Classic keep both cookies: where the first one's session is over, the next decides. */
  #orNext(first: FoundContext, key: string, next: number): FoundContext | Promise<FoundContext> {
    switch (first.state) {
      case 'active':
        return this.#takeActive(first, key, next)
      case 'anonymous':
        this.#ended = [...this.#ended, { key, context: first }]
        return this.#select(next) ?? first
      case 'unavailable':
        return this.#orCachedLater(first, key, next)
      case 'incomplete':
        return first
    }
  }

  /** Charges the failed lookups of earlier cookies to this session, not to the client: a client with a live session does not guess cookies. */
  #takeActive(
    found: FoundSession,
    key: string,
    next: number,
  ): FoundContext | Promise<FoundContext> {
    const { lookup, others } = this.#parts
    for (const ended of this.#ended) {
      lookup.moveFailure(ended.key, key)
      others.rememberEnded(ended.key, ended.context)
    }
    return this.#unlessContradicted(found, key, next)
  }

  /**
   * When Okta gives no usable answer about a cookie that was never active here, a later cookie with a cached
   * session decides. It does not when a shortage prevents the lookup: an attacker could cause the shortage to
   * hide that the two cookies belong to different users.
   */
  #orCachedLater(
    first: UnavailableContext,
    key: string,
    next: number,
  ): FoundContext | Promise<FoundContext> {
    const { lookup, others } = this.#parts
    const isKnownEnded = others.cached(key) === null
    const mayBeOthers = lookup.mayBeLive(key) || isShortage(first.reason)
    if ((mayBeOthers && !isKnownEnded) || this.#cachedLater(next) === undefined) return first
    const later = this.#select(next) ?? first
    return later instanceof Promise
      ? later.then((found) => inPlaceOf(first, found))
      : inPlaceOf(first, later)
  }

  /** The key of the first cookie at or after index `from` whose session is cached. */
  #cachedLater(from: number): string | undefined {
    const { lookup, reader } = this.#parts
    let selected = reader.select(this.#header, from)
    while (selected !== undefined) {
      const { pair, index } = selected
      const key = typeof pair === 'string' ? pairKey(pair) : undefined
      if (key !== undefined && lookup.cached(key)?.state === 'active') return key
      selected = reader.select(this.#header, index + 1)
    }
    return undefined
  }

  /** The context of the first cookie at or after index `from`; undefined where there is none. */
  #select(from: number): FoundContext | Promise<FoundContext> | undefined {
    const { lookup, reader, clientIp } = this.#parts
    const selected = reader.select(this.#header, from)
    if (selected === undefined) return undefined
    const { entry, pair } = selected
    if (typeof pair !== 'string') return anonymous[`${pair.fault}_cookie`]
    const key = pairKey(pair)
    const hit = lookup.hitAndPrefetch(key, entry.as, pair, clientIp(this.#req))
    return this.decide(selected, key, hit)
  }

  /**
   * The first cookie's session, unless a later cookie has a live session of another user: then the request is
   * ambiguous. A later cookie without a session, of a wrong form, or that an outage keeps from being looked up
   * has no effect: otherwise a planted cookie or an outage could sign the user out. When a shortage that
   * clients can cause prevents the comparison, the request is unavailable: otherwise a planted cookie would
   * pass as the only one.
   */
  #unlessContradicted(
    found: FoundSession,
    key: string,
    from: number,
  ): FoundContext | Promise<FoundContext> {
    const { reader } = this.#parts
    let selected = reader.select(this.#header, from)
    while (selected !== undefined) {
      const next = selected.index + 1
      const other = this.#userOf(selected, key)
      if (other instanceof Promise) return this.#unlessContradictedLater(other, found, key, next)
      const contradiction = contradictionOf(other, found)
      if (contradiction !== undefined) return contradiction
      selected = reader.select(this.#header, next)
    }
    return found
  }

  async #unlessContradictedLater(
    pending: Promise<ComparedUser>,
    found: FoundSession,
    key: string,
    next: number,
  ): Promise<FoundContext> {
    const contradiction = contradictionOf(await pending, found)
    if (contradiction !== undefined) return contradiction
    // Meanwhile the first one's session may have been revoked.
    return this.#parts.lookup.isOvertaken(key, found)
      ? (this.#select(0) ?? anonymous.no_cookie)
      : this.#unlessContradicted(found, key, next)
  }

  /** `beside`: the key of the session that the cookie's user is compared with. */
  #userOf(selected: SelectedCookie, beside: string): ComparedUser | Promise<ComparedUser> {
    const { reader, others } = this.#parts
    const cookie = reader.check(selected)
    if ('fault' in cookie) return null
    const cached = others.cached(cookie.key)
    if (cached !== undefined) return cached
    // A cached answer of any age suffices for the comparison.
    const request = this.#lookupRequest(beside)
    return others.lookUp(cookie, { ...request, navigation: false, maxStalenessMs: undefined })
  }

  #lookupRequest(beside?: string): LookupRequest {
    const { clientAddress, clientIp } = this.#parts
    return {
      client: clientAddress(this.#req),
      clientIp: clientIp(this.#req),
      beside,
      navigation: header(this.#req, 'sec-fetch-mode') === 'navigate',
      maxStalenessMs: this.#demand?.maxStalenessMs,
      signal: this.#demand?.signal,
    }
  }
}

/** A cookie without a session, and why it has none. */
interface EndedCookie {
  readonly key: string
  readonly context: AnonymousContext
}

const NONE: readonly EndedCookie[] = Object.freeze([])

/** The later cookie's context where it is active or ambiguous, else the first cookie's. */
function inPlaceOf(first: UnavailableContext, later: FoundContext): FoundContext {
  return later.state === 'active' || later === anonymous.ambiguous_cookie ? later : first
}

/** The context that replaces the session when the other cookie has another user, or could not be compared; else undefined. */
function contradictionOf(other: ComparedUser, { session }: FoundSession): FoundContext | undefined {
  if (other === null || other === session.userId) return undefined
  return typeof other === 'string' ? anonymous.ambiguous_cookie : other
}

function isRecent(
  { startedMono }: FoundSession,
  demand: Demand | undefined,
  monotonic: () => number,
): boolean {
  const limit = demand?.maxStalenessMs
  return limit === undefined || (limit > 0 && monotonic() - startedMono <= limit)
}

function isUsable(cookie: SessionCookie | CookieFault): cookie is SessionCookie {
  return 'key' in cookie
}

/** Copies the value: a slice of the Cookie header would keep the whole header in memory while its session is watched. */
function detached({ as, value }: Credential): Credential {
  return { as, value: Buffer.from(value, 'latin1').toString('latin1') }
}

/** Publishes the context once it is known. A rejection is left to the caller. */
function announce(org: string, found: FoundContext | Promise<FoundContext>): void {
  if (found instanceof Promise) {
    found.then(
      (context) => announce(org, context),
      () => {},
    )
    return
  }
  publishers.verdict.publish({
    org,
    state: found.state,
    ...(found.state === 'active' ? { source: found.source } : { reason: found.reason }),
  })
}

/**
 * The verdicts of one instance. A guard accepts a verdict only if its own instance put it on this request.
 * It ignores verdicts of other instances (of other orgs) and of other requests, values that other code wrote
 * to `req.okta`, and changes that other code made to a verdict.
 */
export interface Verdicts {
  readonly property: string
  of(req: object): FoundContext | undefined
  /** The same, if it is still valid now; see {@link stands}. */
  current(req: object): FoundContext | undefined
  /**
   * Whether a context is still valid. An active session needs another lookup after any revocation since its
   * lookup began (it may concern this session), after the session's end, and when the answer is older than
   * maxTtlMs.
   */
  stands(context: FoundContext): boolean
  put(req: object, context: FoundContext): void
  /** Remembers that a guard let this session through. */
  letThrough(req: object, session: Session): void
  /** The session a guard let through. */
  guarded(req: object): Session | undefined
}

/**
 * Uses one property: Express sets the prototype of each request, and V8 then creates a new hidden class for
 * each property that is added, which costs a microsecond and over a kilobyte every time.
 */
export function createVerdicts(
  property: string,
  isCurrent: (context: FoundSession) => boolean,
): Verdicts {
  function stands(context: FoundContext): boolean {
    return context.state !== 'active' || isCurrent(context)
  }

  // A class per instance: verdicts of other instances do not have its private fields.
  class Verdict {
    readonly #req: object
    readonly #context: FoundContext
    #guarded: Session | undefined

    constructor(req: object, context: FoundContext) {
      this.#req = req
      this.#context = context
    }

    // Static methods: the app cannot call them through `req.okta`.
    static on(req: object): Verdict | undefined {
      const value = carrier(req)[property]
      const isOurs = typeof value === 'object' && value !== null && #req in value
      return isOurs && value.#req === req ? value : undefined
    }

    static context(verdict: Verdict | undefined): FoundContext | undefined {
      return verdict === undefined ? undefined : verdict.#context
    }

    static guarded(verdict: Verdict | undefined): Session | undefined {
      return verdict === undefined ? undefined : verdict.#guarded
    }

    static letThrough(verdict: Verdict | undefined, session: Session): void {
      if (verdict !== undefined) verdict.#guarded = session
    }
  }

  /** The verdict of an active session. The app reads the public fields; a guard reads the private ones only. */
  class ActiveVerdict extends Verdict implements ActiveContext {
    readonly state = 'active'
    readonly session: Session
    readonly source: ActiveContext['source']
    readonly askedAt: number

    constructor(req: object, context: FoundSession) {
      super(req, context)
      this.session = context.session
      this.source = context.source
      this.askedAt = context.askedAt
    }
  }

  return {
    property,
    of: (req) => Verdict.context(Verdict.on(req)),
    current(req) {
      const context = Verdict.context(Verdict.on(req))
      return context !== undefined && stands(context) ? context : undefined
    },
    stands,
    put(req, context) {
      carrier(req)[property] =
        context.state === 'active'
          ? new ActiveVerdict(req, context)
          : Object.assign(new Verdict(req, context), context)
    },
    letThrough(req, session) {
      Verdict.letThrough(Verdict.on(req), session)
    },
    guarded: (req) => Verdict.guarded(Verdict.on(req)),
  }
}

/** The one place where a property is added to a request that Node's types do not know. */
function carrier(req: object): { [property: string]: unknown } {
  return req as { [property: string]: unknown }
}
