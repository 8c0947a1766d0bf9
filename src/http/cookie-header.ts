/** Finds the session cookie in a raw Cookie header: nothing is decoded, and what Okta may not see never leaves here. */
import type { CookieEntry } from '../contracts.js'

/** What a Cookie header says of the first configured cookie that it holds. */
export type CookieReading =
  | { readonly kind: 'none' }
  /** Present, but its value is nothing that could be sent to Okta. */
  | { readonly kind: 'invalid'; readonly index: number }
  /** Present more than once, with different values: a neighbouring host may have planted one. */
  | { readonly kind: 'ambiguous'; readonly index: number }
  /** `value` is raw, a signed entry's envelope included. A secret. */
  | { readonly kind: 'found'; readonly index: number; readonly value: string }

/** Why a cookie that is present can't be used. */
export interface CookieFault {
  readonly fault: 'invalid' | 'ambiguous'
}

/** Browsers keep no cookie whose name and value are longer together. */
export const MAX_COOKIE_VALUE = 4096

/** One class, so there is nothing to backtrack; three times as fast as a loop over char codes. */
const NO_OCTET = /[^\x21\x23\x24\x26-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]/

const NONE: CookieReading = Object.freeze({ kind: 'none' })
const INVALID: CookieFault = Object.freeze({ fault: 'invalid' })
const AMBIGUOUS: CookieFault = Object.freeze({ fault: 'ambiguous' })

/**
 * Reads the first of `entries[from...]` that is present; `index` says which, so that a caller whose answer
 * is a no goes on with `from = index + 1`.
 *
 * Pairs are parted by `;` alone (RFC 6265 section 5.4), with spaces or tabs around them; names match
 * exactly. A comma parts nothing: other cookies' values may hold one, and a pair smuggled in behind it
 * must not count. Where a runtime joins several Cookie headers with `, ` the value before the comma
 * therefore reads as invalid, never as another user's. (Node and its Fetch `Headers` join with `; `.)
 *
 * One pass without backtracking, and no allocation but the answer.
 */
export function readCookie(
  header: string | undefined,
  entries: readonly CookieEntry[],
  from = 0,
): CookieReading {
  if (header === undefined) return NONE
  for (let index = from; index < entries.length; index += 1) {
    const entry = entries[index]
    const spotted = entry && spotCookie(header, entry.name)
    if (spotted !== undefined) return readPair(spotted, index)
  }
  return NONE
}

/**
 * One cookie as the header has it, `name=value`. Its octets are not checked, which takes longer than all the
 * rest: a cached pair was checked before. Check them before the value is sent to Okta.
 * Undefined where there is no cookie of that name.
 */
export function spotCookie(header: string, name: string): string | CookieFault | undefined {
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
  return start < end && end - start <= MAX_COOKIE_VALUE ? pair : INVALID
}

/**
 * Each different `name=value` of that name, in the order of the header. A browser sends several where a
 * neighbouring host has planted one beside its own (Domain or Path cookies). The octets are not looked at.
 */
export function spotEach(header: string, name: string): readonly string[] {
  const pairs = new Set<string>()
  for (let start = findValue(header, name, 0); start !== -1; ) {
    const end = endOfValue(header, start)
    if (start < end && end - start <= MAX_COOKIE_VALUE)
      pairs.add(header.slice(start - name.length - 1, end))
    start = findValue(header, name, end)
  }
  return [...pairs]
}

/** The value of a pair: a cookie's name holds no `=`. */
export function cookieValueOf(pair: string): string {
  return pair.slice(pair.indexOf('=') + 1)
}

/** Whether a text can be a session cookie: 1 to 4,096 cookie-octets (RFC 6265 section 4.1.1), and no `%`. */
export function isCookieValue(text: string): boolean {
  return text.length > 0 && text.length <= MAX_COOKIE_VALUE && !NO_OCTET.test(text)
}

function readPair(spotted: string | CookieFault, index: number): CookieReading {
  if (typeof spotted !== 'string') return { kind: spotted.fault, index }
  const value = cookieValueOf(spotted)
  return isCookieValue(value) ? { kind: 'found', index, value } : { kind: 'invalid', index }
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
