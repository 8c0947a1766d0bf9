/** Reads the session cookies from a raw Cookie header: nothing is decoded, and only values that may be sent to Okta are returned. */
import type { CookieEntry, Credential } from '../contracts.js'
import { pairKey } from '../session/cache.js'

/** Why a cookie that is present can't be used. */
export interface CookieFault {
  /** `ambiguous`: present more than once, with different values; a neighbouring host may have planted one. */
  readonly fault: 'invalid' | 'ambiguous'
}

/** A configured cookie that is present; its octets are not checked. */
export interface SelectedCookie {
  readonly entry: CookieEntry
  /** The index of its entry in the order. */
  readonly index: number
  readonly pair: string | CookieFault
}

/** A cookie that can be sent to Okta, under its configured entry. */
export interface SessionCookie {
  readonly entry: CookieEntry
  /** Its key in the caches. */
  readonly key: string
  readonly credential: Credential
}

/** The cookies whose sessions a sign-out closes. */
export interface EveryCookie {
  readonly cookies: readonly SessionCookie[]
  /** Whether these are all the request's session cookies: their number is limited. */
  readonly isComplete: boolean
}

/** A sign-out calls Okta for each value, and cookies that others plant must not cost more than a few calls. */
const MAX_VALUES_OF_A_NAME = 4

/**
 * Beyond these a value is neither hashed nor opened. A browser tells cookies of one name apart by domain and
 * path alone, so that it sends fewer.
 */
const MAX_VALUES_READ = 64

/** Browsers keep no cookie whose name and value are longer together. */
export const MAX_COOKIE_VALUE = 4096

/** A single character class, which cannot backtrack; three times as fast as a loop over char codes. */
const NO_OCTET = /[^\x21\x23\x24\x26-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]/

const INVALID: CookieFault = Object.freeze({ fault: 'invalid' })
const AMBIGUOUS: CookieFault = Object.freeze({ fault: 'ambiguous' })

/**
 * Reads the configured cookies. The first that is present is selected; where its session is over the caller
 * goes on with the next.
 *
 * `;` alone separates pairs (RFC 6265 section 5.4), with spaces or tabs around them; names match exactly. A
 * comma separates nothing: other cookies' values may contain one, and a pair smuggled in behind it must not
 * count. Where a runtime joins several Cookie headers with `, ` the value before the comma therefore reads as
 * invalid, never as another user's. (Node and its Fetch `Headers` join with `; `.)
 *
 * A header is read in one pass without backtracking.
 */
export class CookieReader {
  readonly #open: (envelope: string) => string | undefined
  #entries: readonly CookieEntry[]
  /** What a cookie of each entry begins with in the header. */
  #beginnings: readonly string[]

  /** `open` returns the content of a signed entry's envelope; undefined where this app did not sign it. */
  constructor(entries: readonly CookieEntry[], open: (envelope: string) => string | undefined) {
    this.#open = open
    this.#entries = entries
    this.#beginnings = beginningsOf(entries)
  }

  /** The configured cookies, in the order in which they are selected. */
  get entries(): readonly CookieEntry[] {
    return this.#entries
  }

  /** Moves this entry to the front. */
  prefer(first: CookieEntry): void {
    this.#entries = [first, ...this.#entries.filter((entry) => entry !== first)]
    this.#beginnings = beginningsOf(this.#entries)
  }

  /**
   * The cookie as it would be sent to Okta, `name=value`, or undefined where it is absent. Allocates only this
   * text. Does not check the octets, which would take longer than the rest: a cached pair was checked before,
   * and {@link check} checks each pair before it is sent.
   */
  pairOf(entry: CookieEntry, header: string): string | CookieFault | undefined {
    const pair = findPair(header, entry.name)
    return typeof pair === 'string' ? this.#toSend(entry, pair) : pair
  }

  /** The first configured cookie that is present, at or after index `from` of the order. */
  select(header: string, from: number): SelectedCookie | undefined {
    for (let index = from; index < this.#entries.length; index += 1) {
      const entry = this.#entries[index]
      const pair = entry && this.pairOf(entry, header)
      if (entry !== undefined && pair !== undefined) return { entry, index, pair }
    }
    return undefined
  }

  /** Whether {@link select} may find a cookie. A cheap test: a request with one cookie is not searched twice. */
  mayHold(header: string, from: number): boolean {
    for (let index = from; index < this.#beginnings.length; index += 1)
      if (header.includes(this.#beginnings[index] ?? '')) return true
    return false
  }

  /** The cookie, or the fault of its octets. `key`: the pair's cache key, where the caller has it. */
  check({ entry, pair }: Omit<SelectedCookie, 'index'>, key?: string): SessionCookie | CookieFault {
    if (typeof pair !== 'string') return pair
    const value = contentOf(pair)
    if (!isCookieValue(value)) return INVALID
    return { entry, key: key ?? pairKey(pair), credential: { as: entry.as, value } }
  }

  /** Each configured cookie that is present, in order. */
  all(header: string): readonly (SessionCookie | CookieFault)[] {
    const cookies: (SessionCookie | CookieFault)[] = []
    for (let selected = this.select(header, 0); selected !== undefined; ) {
      cookies.push(this.check(selected))
      selected = this.select(header, selected.index + 1)
    }
    return cookies
  }

  /**
   * The names of the cookies that may belong to different sessions: the names sent with several values. If
   * there are none and several cookies are present, the names of all.
   */
  contested(header: string): readonly string[] {
    const present = this.#entries.flatMap((entry) => {
      const pair = this.pairOf(entry, header)
      return pair === undefined ? [] : { name: entry.name, isTwice: pair === AMBIGUOUS }
    })
    const twice = present.filter(({ isTwice }) => isTwice)
    if (twice.length > 0) return twice.map(({ name }) => name)
    return present.length > 1 ? present.map(({ name }) => name) : []
  }

  /** Each distinct valid value of one cookie, in the order of the header. */
  valuesOf(entry: CookieEntry, header: string): EveryCookie {
    // No neighbouring host can plant a cookie of a signed entry, whose name begins with `__Host-`.
    const most = entry.signed ? MAX_VALUES_OF_A_NAME : MAX_VALUES_READ
    const pairs = findPairs(header, entry.name, most + 1)
    const cookies = pairs.slice(0, most).flatMap((pair) => {
      const cookie = this.check({ entry, pair: this.#toSend(entry, pair) })
      return 'fault' in cookie ? [] : cookie
    })
    return { cookies, isComplete: pairs.length <= most }
  }

  /** The values of all cookies, at most {@link MAX_VALUES_OF_A_NAME} of a name, seen cookies first. */
  every(header: string, isSeen: (key: string) => boolean): EveryCookie {
    const byName = this.#entries.map((entry) => {
      const { cookies, isComplete } = this.valuesOf(entry, header)
      const seen = cookies.filter(({ key }) => isSeen(key))
      const unseen = cookies.filter((cookie) => !seen.includes(cookie))
      return {
        cookies: [...seen, ...unseen].slice(0, MAX_VALUES_OF_A_NAME),
        isComplete: isComplete && cookies.length <= MAX_VALUES_OF_A_NAME,
      }
    })
    return {
      cookies: byName.flatMap(({ cookies }) => cookies),
      isComplete: byName.every(({ isComplete }) => isComplete),
    }
  }

  /** The pair as it is sent to Okta: without the signed envelope, and with Okta's cookie name. */
  #toSend(entry: CookieEntry, pair: string): string | CookieFault {
    if (!entry.signed && entry.name === entry.as) return pair
    const value = entry.signed ? this.#open(contentOf(pair)) : contentOf(pair)
    return value === undefined ? INVALID : `${entry.as}=${value}`
  }
}

function beginningsOf(entries: readonly CookieEntry[]): readonly string[] {
  return entries.map(({ name }) => `${name}=`)
}

/** The pair `name=value` as the header has it; undefined where there is no cookie of that name. */
function findPair(header: string, name: string): string | CookieFault | undefined {
  const start = findValue(header, name, 0)
  if (start === -1) return undefined
  const end = endOfValue(header, start)
  const pair = header.slice(start - name.length - 1, end)
  for (let next = findValue(header, name, end); next !== -1; ) {
    const nextEnd = endOfValue(header, next)
    const isSame = nextEnd - next === end - start && header.startsWith(pair, next - name.length - 1)
    if (!isSame) return AMBIGUOUS
    next = findValue(header, name, nextEnd)
  }
  return isOfUsableLength(end - start) ? pair : INVALID
}

/** The first different pairs of that name. A neighbouring host can plant a second one, by its Domain or Path. */
function findPairs(header: string, name: string, most: number): readonly string[] {
  const pairs = new Set<string>()
  for (let start = findValue(header, name, 0); start !== -1 && pairs.size < most; ) {
    const end = endOfValue(header, start)
    if (isOfUsableLength(end - start)) pairs.add(header.slice(start - name.length - 1, end))
    start = findValue(header, name, end)
  }
  return [...pairs]
}

/** A cookie's name contains no `=`. */
function contentOf(pair: string): string {
  return pair.slice(pair.indexOf('=') + 1)
}

/** Whether a text can be a session cookie: 1 to 4,096 cookie-octets (RFC 6265 section 4.1.1), and no `%`. */
export function isCookieValue(text: string): boolean {
  return isOfUsableLength(text.length) && !NO_OCTET.test(text)
}

function isOfUsableLength(length: number): boolean {
  return length > 0 && length <= MAX_COOKIE_VALUE
}

/** Where the value of the next pair of that name begins; -1 when there is none. */
function findValue(header: string, name: string, from: number): number {
  let at = header.indexOf(name, from)
  while (at !== -1) {
    const end = at + name.length
    if (header.charCodeAt(end) === 0x3d && beginsPair(header, at)) return end + 1
    // No pair begins inside a name, so the search goes on behind it.
    at = header.indexOf(name, end)
  }
  return -1
}

function beginsPair(header: string, at: number): boolean {
  let before = at - 1
  while (before >= 0 && isBlank(header.charCodeAt(before))) before -= 1
  return before < 0 || header.charCodeAt(before) === 0x3b
}

function endOfValue(header: string, start: number): number {
  const semicolon = header.indexOf(';', start)
  let end = semicolon === -1 ? header.length : semicolon
  while (end > start && isBlank(header.charCodeAt(end - 1))) end -= 1
  return end
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
