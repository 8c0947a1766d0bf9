/** The signed envelope of a cookie of this app: a forged value is rejected without a call to Okta. */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { isCookieValue } from './cookie-header.js'

/** What the key is for: the same secret seals other things under other labels. */
const PURPOSE = 'express-okta-session signed cookie v1'
const KEY_BYTES = 32

/** One org's envelope under one secret or two. Values are cookie values: see {@link isCookieValue}. */
export interface SignedCookies {
  /** `<base64url(value)>.<base64url HMAC-SHA-256>`, with the current secret. */
  sign(value: string): string
  /** The value inside; undefined when the envelope is not ours, or for another org. */
  open(raw: string): string | undefined
}

/** Keys are derived once. `secrets` are current and previous: both open, the first signs. */
export function createSignedCookies(secrets: readonly string[], orgOrigin: string): SignedCookies {
  const keys = secrets.map(deriveKey)
  return {
    sign(value) {
      const [current] = keys
      if (current === undefined) throw new TypeError('a signed cookie needs a secret')
      return envelope(current, orgOrigin, value)
    },
    open(raw) {
      const value = valueIn(raw)
      if (value === undefined) return undefined
      const given = Buffer.from(raw)
      // The whole text is compared, so that exactly one text stands for a value under a key.
      const isOurs = keys.some((key) => isSame(given, Buffer.from(envelope(key, orgOrigin, value))))
      return isOurs ? value : undefined
    },
  }
}

function envelope(key: Buffer, orgOrigin: string, value: string): string {
  return `${encode(Buffer.from(value))}.${encode(mac(key, orgOrigin, value))}`
}

/** The decoded value. Node's decoder accepts malformed base64url: only the comparison of the MAC makes it ours. */
function valueIn(raw: string): string | undefined {
  const dot = raw.indexOf('.')
  if (dot === -1) return undefined
  const value = Buffer.from(raw.slice(0, dot), 'base64url').toString()
  return isCookieValue(value) ? value : undefined
}

function isSame(given: Buffer, expected: Buffer): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected)
}

function deriveKey(secret: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', PURPOSE, KEY_BYTES))
}

/** Writes the length before each part: different parts never give the same input. */
function mac(key: Buffer, ...parts: readonly string[]): Buffer {
  const hmac = createHmac('sha256', key)
  for (const part of parts) hmac.update(`${Buffer.byteLength(part)}:`).update(part)
  return hmac.digest()
}

function encode(bytes: Buffer): string {
  return bytes.toString('base64url')
}
