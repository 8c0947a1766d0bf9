/** The cookies a browser keeps for us: which entry holds the session, how it is written, renewed and taken away. */
import type { ServerResponse } from 'node:http'
import type { CookieEntry } from '../contracts.js'
import type { Settings } from '../options/options.js'
import { isCookieValue, LONGEST_VALUE } from './cookie-header.js'
import {
  appendSetCookie,
  expiredCookie,
  type OktaCookie,
  oktaCookies,
  sessionCookie,
} from './set-cookie.js'
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
  /** Gives the browser its session, and takes every other session cookie in the same answer. */
  begin(res: ServerResponse, entry: CookieEntry, value: string): void
  /** Takes every configured cookie, and `xids`. */
  expireAll(res: ServerResponse): void
  /** Hands on the session cookies of an answer of Okta's; `entry` is the one the request was known by. */
  relay(res: ServerResponse, entry: CookieEntry, setCookies: readonly string[]): void
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

  /** What stands in the cookie; undefined where a browser would drop it. */
  function contentOf(entry: CookieEntry, value: string): string | undefined {
    if (!isCookieValue(value)) return undefined
    const content = entry.signed ? signed.sign(value) : value
    return entry.name.length + content.length <= LONGEST_VALUE ? content : undefined
  }

  function expire(res: ServerResponse, except?: CookieEntry): void {
    const names = cookies.filter((entry) => entry !== except).map(({ name }) => name)
    appendSetCookie(res, ...[...names, 'xids'].map((name) => expiredCookie(name, secure)))
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

    begin(res, entry, value) {
      const content = contentOf(entry, value)
      if (content === undefined) throw new TypeError('the session does not fit into a cookie')
      appendSetCookie(res, sessionCookie(entry.name, content, secure))
      expire(res, entry)
    },

    expireAll(res) {
      expire(res)
    },

    relay(res, entry, setCookies) {
      const lines = oktaCookies(setCookies, now()).flatMap((cookie) => relayed(entry, cookie))
      appendSetCookie(res, ...lines)
    },
  }
}
