/** The one place for cookie attributes, and the filter on what of Okta's own cookies a browser may get. */
import { parseSetCookie, stringifySetCookie } from 'cookie'
import { isCookieValue } from './cookie-header.js'

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

/** A session cookie: HttpOnly, SameSite=Lax, Path=/, for this host alone; `secure` but on http loopback. */
export function sessionCookie(
  name: string,
  value: string,
  secure: boolean,
  lifetime: Lifetime = {},
): string {
  return stringifySetCookie(
    { ...lifetime, name, value, path: '/', httpOnly: true, secure, sameSite: 'lax' },
    { encode: (raw) => raw },
  )
}

/** Takes a cookie from the browser: the same attributes, or the browser would keep it. */
export function expiredCookie(name: string, secure: boolean): string {
  return sessionCookie(name, '', secure, { maxAge: 0, expires: new Date(0) })
}

/**
 * What of Okta's `Set-Cookie` lines a browser may get: `idx`, `sid` and `xids` with their value and
 * lifetime. The last line of a name decides, as in a browser.
 *
 * Deletions are left out. Okta sends them beside good answers too, and only a sign-out, or Okta's no,
 * may take a user's cookie: those expire it themselves.
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
