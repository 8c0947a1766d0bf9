/** What the token endpoint gives: a token, its kind, and how long it lasts (RFC 6749, 5.1). */
import { isObject, own } from './json-object.js'

export interface AccessToken {
  readonly value: string
  /** How it is shown: a DPoP token needs a proof beside it. */
  readonly scheme: 'Bearer' | 'DPoP'
  /** Milliseconds from when it was asked for. */
  readonly lifetimeMs: number
}

/** What RFC 6749 only recommends to send: without it a token is used for five minutes. */
const UNKNOWN_LIFETIME_S = 300

export function parseAccessToken(body: unknown): AccessToken | undefined {
  if (!isObject(body)) return undefined
  const value = own(body, 'access_token')
  const scheme = SCHEMES.find((each) => each.toLowerCase() === lowerCase(own(body, 'token_type')))
  if (typeof value !== 'string' || !TOKEN.test(value) || scheme === undefined) return undefined
  const seconds = own(body, 'expires_in')
  const known = typeof seconds === 'number' && seconds > 0 && seconds < 1e9
  return { value, scheme, lifetimeMs: (known ? seconds : UNKNOWN_LIFETIME_S) * 1_000 }
}

/** What a header can carry as one word. */
export const TOKEN = /^[\x21-\x7e]{1,16384}$/

const SCHEMES = ['Bearer', 'DPoP'] as const

function lowerCase(value: unknown): string | undefined {
  return typeof value === 'string' ? value.toLowerCase() : undefined
}
