/** The session cookies as `Set-Cookie` lines: which entry holds the session, how it is set, renewed and expired, and which of Okta's cookies a browser may get. */

import { parseSetCookie, type SetCookie, stringifySetCookie } from 'cookie'
import { misuse } from '../codes.js'
import type { CookieEntry } from '../contracts.js'
import type { Settings } from '../options/options.js'
import { isCookieValue, MAX_COOKIE_VALUE } from './cookie-header.js'
import { createSignedCookies } from './signed-cookie.js'

export interface SessionCookies {
  /** Whether cookies are `Secure`: everywhere but with an http org on loopback. */
  readonly secure: boolean
  /** The entry login() writes: the first that is read as `sid`. TypeError when there is none. */
  signInEntry(): CookieEntry
  /** Opens a signed entry's envelope; undefined when it is not ours. */
  open(raw: string): string | undefined
  /** Whether a browser would keep this value in the sign-in entry, envelope included. */
  canHold(value: string): boolean
  /** Sets the session's cookie and expires every other session cookie in the same answer. */
  begin(entry: CookieEntry, value: string): readonly string[]
  /** Expires every configured cookie, and `xids`; `planted` ones wherever this host can. */
  expireAll(planted?: Planted): readonly string[]
  /** Relays the session cookies of an answer of Okta's; `entry` is the one the request came with. */
  relay(entry: CookieEntry, setCookies: readonly string[]): readonly string[]
}

const NO_SID =
  'login(): createSession makes a `sid`, and no cookie is read as one; add "sid", or { name, as: "sid" }, to the cookies option'

export function createSessionCookies(
  settings: Pick<Settings, 'api' | 'cookies' | 'secrets' | 'appUrl' | 'allowInsecureOrg'>,
  now: () => number = Date.now,
): SessionCookies {
  const { cookies } = settings
  const secure = isSecure(settings)
  const signed = createSignedCookies(settings.secrets, settings.api.orgUrl)

  function signInEntry(): CookieEntry {
    const entry = cookies.find(({ as }) => as === 'sid')
    if (entry === undefined) throw misuse('EOS313', NO_SID)
    return entry
  }

  /** The cookie's content; undefined where a browser would drop it. */
  function contentOf(entry: CookieEntry, value: string): string | undefined {
    if (!isCookieValue(value)) return undefined
    const content = entry.signed ? signed.sign(value) : value
    return entry.name.length + content.length <= MAX_COOKIE_VALUE ? content : undefined
  }

  function expire(except?: CookieEntry): readonly string[] {
    const names = cookies.filter((entry) => entry !== except).map(({ name }) => name)
    return [...names, 'xids'].map((name) => expiredCookie(name, secure))
  }

  /** `xids` keeps its name; `idx` and `sid` go under the entry that is read as such, or nowhere. */
  function relayed(entry: CookieEntry, { name, value, lifetime }: OktaCookie): readonly string[] {
    if (name === 'xids') return [cookieLine(name, value, secure, lifetime)]
    const target = entry.as === name ? entry : cookies.find(({ as }) => as === name)
    const content = target && contentOf(target, value)
    if (target === undefined || content === undefined) return []
    return [cookieLine(target.name, content, secure, lifetime)]
  }

  return {
    secure,
    signInEntry,
    open: signed.open,

    canHold(value) {
      return contentOf(signInEntry(), value) !== undefined
    },

    begin(entry, value) {
      const content = contentOf(entry, value)
      if (content === undefined) throw new TypeError('the session does not fit into a cookie')
      return [cookieLine(entry.name, content, secure), ...expire(entry)]
    },

    expireAll: (planted) => [...expire(), ...(planted ? expireWherever(planted, secure) : [])],

    relay(entry, setCookies) {
      return oktaCookies(setCookies, now()).flatMap((cookie) => relayed(entry, cookie))
    },
  }
}

/** Cookies that another host of the domain may have set beside ours, and the request that brought them. */
export interface Planted {
  readonly names: readonly string[]
  /** The value of `Host`. */
  readonly host: string | undefined
  readonly path: string
}

/** An org on http is on this machine, or in a container whose app browsers may still reach over https. */
function isSecure({
  api,
  appUrl,
  allowInsecureOrg,
}: Pick<Settings, 'api' | 'appUrl' | 'allowInsecureOrg'>): boolean {
  if (api.orgUrl.startsWith('https:')) return true
  return allowInsecureOrg && appUrl?.startsWith('https:') === true
}

/** Each name with two domains of the host's and two paths is four lines: the header stays small. */
const MAX_DOMAINS = 4
const MAX_PATHS = 4

/**
 * A browser replaces a cookie only by one of the same domain and path. A host can expire cookies of each of
 * its parent domains at any path, but no header tells which domain and path a cookie has. The caller expires
 * the host-only cookie at `/`.
 */
function expireWherever({ names, host, path }: Planted, secure: boolean): readonly string[] {
  const domains = [{}, ...domainsOf(host).map((domain) => ({ domain }))]
  const places = domains.flatMap((domain) => pathsOf(path).map((at) => ({ ...domain, path: at })))
  // A `__Host-` cookie has no domain and the path `/`.
  const ours = names.filter((name) => !name.startsWith('__Host-'))
  return ours.flatMap((name) => places.slice(1).map((place) => expiredCookie(name, secure, place)))
}

/** The host and its parent domains of two labels or more; none of an address or of `localhost`. */
function domainsOf(host = ''): readonly string[] {
  const labels = host.replace(/:\d+$/, '').toLowerCase().split('.')
  if (!labels.every((label) => LABEL.test(label)) || /^\d+$/.test(labels.at(-1) ?? '')) return []
  const domains = labels.slice(0, -1).map((_, index) => labels.slice(index).join('.'))
  return domains.slice(-MAX_DOMAINS)
}

/** A label of a host name (RFC 1123 section 2.1). The cookie library throws for any other domain. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/** What a path attribute may hold; the cookie library throws for `;` and `<`. */
const COOKIE_PATH = /^[\x21-\x3a\x3d-\x7e]+$/

/** `/` and the beginnings of the path, as far as a cookie's attribute can hold them. */
function pathsOf(path: string): readonly string[] {
  const [, ...segments] = path.split(/[?#]/, 1)[0]?.split('/') ?? []
  const beginnings = segments.map((_, index) => `/${segments.slice(0, index + 1).join('/')}`)
  const usable = beginnings.filter((each) => each.length > 1 && COOKIE_PATH.test(each))
  return ['/', ...usable.slice(0, MAX_PATHS - 1)]
}

/** Okta's cookies that concern a session; `xids` is its external id. */
export type OktaCookieName = 'idx' | 'sid' | 'xids'

/** How long a browser keeps a cookie; neither: until it is closed. */
export interface Lifetime {
  /** Seconds. Wins over `expires` (RFC 6265 section 5.3). */
  readonly maxAge?: number
  readonly expires?: Date
}

/** A cookie Okta set, without Okta's attributes. `value` is a secret. */
export interface OktaCookie {
  readonly name: OktaCookieName
  readonly value: string
  readonly lifetime: Lifetime
}

/** The longest lifetime a browser grants (400 days), in seconds. */
const LONGEST_LIFE = 34_560_000

const NAMES: readonly string[] = ['idx', 'sid', 'xids'] satisfies OktaCookieName[]

/** Sets a cookie: HttpOnly, SameSite=Lax, Path=/, for this host alone; `secure` but on http loopback. The value is not encoded. */
export function cookieLine(
  name: string,
  value: string,
  secure: boolean,
  lifetime: Lifetime = {},
): string {
  const attributes = { ...OWN_ATTRIBUTES, secure }
  return stringifySetCookie({ ...lifetime, ...attributes, name, value }, { encode: (raw) => raw })
}

/** The attributes of each cookie of this package, `Secure` aside. */
const OWN_ATTRIBUTES = { path: '/', httpOnly: true, sameSite: 'lax' } as const

/** A longer value is not ours. */
const MAX_OWN_VALUE = 160

/** The values of the cookies of this name: ours, and what another host planted. No other cookie is decoded or kept, however many there are. */
export function* ownCookies(cookieHeader: string, ownName: string): Generator<string> {
  for (let at = 0; at < cookieHeader.length; ) {
    const semicolon = cookieHeader.indexOf(';', at)
    const end = semicolon === -1 ? cookieHeader.length : semicolon
    while (cookieHeader[at] === ' ' || cookieHeader[at] === '\t') at += 1
    if (cookieHeader.startsWith(`${ownName}=`, at)) {
      const value = cookieHeader.slice(at + ownName.length + 1, end).trim()
      if (value.length <= MAX_OWN_VALUE) yield value
    }
    at = end + 1
  }
}

/** Expires a cookie. Its attributes, domain and path must be those it was set with, or the browser keeps it. */
export function expiredCookie(
  name: string,
  secure: boolean,
  place: Pick<SetCookie, 'domain' | 'path'> = {},
): string {
  const attributes = { ...OWN_ATTRIBUTES, ...place, secure }
  return stringifySetCookie({ maxAge: 0, expires: new Date(0), ...attributes, name, value: '' })
}

/**
 * What of Okta's `Set-Cookie` lines a browser may get: `idx`, `sid` and `xids` with their value and
 * lifetime. The last line of a name decides, as in a browser.
 *
 * Deletions are left out: Okta sends them with successful answers too. Only a sign-out, or Okta's answer that
 * there is no session, may remove a user's cookie, and the code for those expires it.
 */
export function oktaCookies(setCookies: readonly string[], now: number): readonly OktaCookie[] {
  const last = new Map<string, OktaCookie | undefined>()
  for (const line of setCookies) {
    const { name, value, ...attributes } = parseSetCookie(line, { decode: (raw) => raw })
    if (!isOktaCookieName(name)) continue
    const lifetime = lifetimeOf(attributes)
    const isUsable = value !== undefined && isCookieValue(value) && !isOver(lifetime, now)
    last.set(name, isUsable ? { name, value, lifetime } : undefined)
  }
  return [...last.values()].filter((cookie) => cookie !== undefined)
}

function isOktaCookieName(name: string): name is OktaCookieName {
  return NAMES.includes(name)
}

function lifetimeOf({ maxAge, expires }: { maxAge?: number; expires?: Date }): Lifetime {
  return {
    ...(maxAge !== undefined && { maxAge: Math.min(maxAge, LONGEST_LIFE) }),
    ...(expires !== undefined && { expires }),
  }
}

function isOver({ maxAge, expires }: Lifetime, now: number): boolean {
  if (maxAge !== undefined) return maxAge <= 0
  return expires !== undefined && expires.getTime() <= now
}
