/** The session cookies as `Set-Cookie` lines: which entry holds the session, how it is set, renewed and expired. */
import type { CookieEntry } from '../contracts.js'
import type { Settings } from '../options/options.js'
import { isCookieValue, MAX_COOKIE_VALUE } from './cookie-header.js'
import { expiredCookie, type OktaCookie, oktaCookies, sessionCookie } from './set-cookie.js'
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
  /** Expires every configured cookie, and `xids`. */
  expireAll(): readonly string[]
  /** Relays the session cookies of an answer of Okta's; `entry` is the one the request came with. */
  relay(entry: CookieEntry, setCookies: readonly string[]): readonly string[]
}

export function createSessionCookies(
  settings: Pick<Settings, 'api' | 'cookies' | 'secrets'>,
  now: () => number = Date.now,
): SessionCookies {
  const { cookies } = settings
  const secure = settings.api.orgUrl.startsWith('https:')
  const signed = createSignedCookies(settings.secrets, settings.api.orgUrl)

  function signInEntry(): CookieEntry {
    const entry = cookies.find(({ as }) => as === 'sid')
    if (entry !== undefined) return entry
    throw new TypeError(
      'login(): createSession makes a `sid`, and no cookie is read as one; ' +
        'add "sid", or { name, as: "sid" }, to the cookies option',
    )
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
    if (name === 'xids') return [sessionCookie(name, value, secure, lifetime)]
    const target = entry.as === name ? entry : cookies.find(({ as }) => as === name)
    const content = target && contentOf(target, value)
    if (target === undefined || content === undefined) return []
    return [sessionCookie(target.name, content, secure, lifetime)]
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
      return [sessionCookie(entry.name, content, secure), ...expire(entry)]
    },

    expireAll: () => expire(),

    relay(entry, setCookies) {
      return oktaCookies(setCookies, now()).flatMap((cookie) => relayed(entry, cookie))
    },
  }
}
