/** What an HTTP answer says: its headers, Okta's clock and rate limit, the challenge, and the body as JSON. */
import type { AnswerHead } from '../contracts.js'
import type { Challenge, RateLimit, UnavailableCode } from '../errors.js'
import type { HttpAnswer } from './exchange.js'

export function readHead({ status, headers }: HttpAnswer): AnswerHead {
  const rateLimit = parseRateLimit(headers)
  const oktaTime = parseOktaTime(headers)
  return {
    status,
    ...(rateLimit !== undefined && { rateLimit }),
    ...(oktaTime !== undefined && { oktaTime }),
    setCookies: headers.get('set-cookie') ?? [],
  }
}

export interface AnswerHeaders {
  /** The values of a header, given its name in lower case. */
  get(name: string): readonly string[] | undefined
}

/**
 * Reads Node's raw headers: Node's own object joins or drops repeated headers and fails on one named
 * `constructor`. Only a few names are read, so no index is built.
 */
export function readHeaders(rawHeaders: readonly string[]): AnswerHeaders {
  return {
    get(name) {
      let values: string[] | undefined
      for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
        const given = rawHeaders[i] ?? ''
        if (given.length !== name.length || given.toLowerCase() !== name) continue
        values ??= []
        values.push(rawHeaders[i + 1] ?? '')
      }
      return values
    },
  }
}

/** The value of a header sent exactly once. */
export function soleValue(headers: AnswerHeaders, name: string): string | undefined {
  const values = headers.get(name)
  return values?.length === 1 ? values[0] : undefined
}

/** The nonce a server wants in the next DPoP proof; undefined when it named none. */
export function readNonce({ headers }: HttpAnswer): string | undefined {
  const nonce = soleValue(headers, 'dpop-nonce')
  return nonce !== undefined && NONCE.test(nonce) ? nonce : undefined
}

/** RFC 9449, 8.1. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]{1,512}$/

const MIN_WAIT_MS = 1_000
const MAX_WAIT_MS = 60_000
/** When the answer does not say, or says something impossible. */
const DEFAULT_WAIT_MS = 5_000
/** The concurrency limit is free again as soon as some calls have ended; its reset is only a guess. */
const CONCURRENCY_WAIT_MS = 1_000
/** A rate-limit window lasts a minute: a reset further away than two of them is wrong. */
const MAX_PLAUSIBLE_WAIT_MS = 120_000

/** The `x-rate-limit-*` headers; undefined when one is missing, malformed or repeated: then none is trusted. */
export function parseRateLimit(headers: AnswerHeaders): RateLimit | undefined {
  const limit = wholeNumber(headers, 'x-rate-limit-limit')
  const remaining = wholeNumber(headers, 'x-rate-limit-remaining')
  const reset = wholeNumber(headers, 'x-rate-limit-reset')
  if (limit === undefined || remaining === undefined || reset === undefined) return undefined
  return Object.freeze({ limit, remaining, resetAt: reset * 1_000 })
}

/** Okta's `Date` in epoch milliseconds; undefined when missing, repeated or not an HTTP date (RFC 9110, 5.6.7). */
export function parseOktaTime(headers: AnswerHeaders): number | undefined {
  const date = soleValue(headers, 'date')
  if (date === undefined || !HTTP_DATE.test(date)) return undefined
  const time = Date.parse(date)
  return Number.isNaN(time) ? undefined : time
}

const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/**
 * Milliseconds to wait after a 429: until the reset by Okta's own clock and a second more, between 1 and
 * 60 s; 5 s when the reset is missing, past or implausible. Okta sends no Retry-After; one that a proxy
 * adds counts only where Okta's own figures are unusable, and only from 1 to 60 s.
 */
export function waitAfter429(headers: AnswerHeaders): number {
  const rateLimit = parseRateLimit(headers)
  if (isConcurrencyLimit(rateLimit)) return CONCURRENCY_WAIT_MS
  const resetAt = rateLimit?.resetAt
  const oktaTime = parseOktaTime(headers)
  const untilReset = resetAt === undefined || oktaTime === undefined ? -1 : resetAt - oktaTime
  if (untilReset < 0 || untilReset > MAX_PLAUSIBLE_WAIT_MS)
    return retryAfter(headers) ?? DEFAULT_WAIT_MS
  return Math.min(Math.max(untilReset + 1_000, MIN_WAIT_MS), MAX_WAIT_MS)
}

/** Okta's other 429: too many requests at once. Its limit is 0 and its reset only a guess. */
export function isConcurrencyLimit(rateLimit: RateLimit | undefined): boolean {
  return rateLimit?.limit === 0
}

function wholeNumber(headers: AnswerHeaders, name: string): number | undefined {
  const value = soleValue(headers, name)
  return value !== undefined && /^\d{1,12}$/.test(value) ? Number(value) : undefined
}

function retryAfter(headers: AnswerHeaders): number | undefined {
  const seconds = wholeNumber(headers, 'retry-after')
  if (seconds === undefined || seconds < 1 || seconds > MAX_WAIT_MS / 1_000) return undefined
  return seconds * 1_000
}

export type JsonBody =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'unusable'; readonly code: UnavailableCode }

/** The whole body as JSON: not encoded, called JSON by its one content type, UTF-8, and at most 64 KiB. */
export function readJson(answer: HttpAnswer): JsonBody {
  if (isEncoded(answer)) return { kind: 'unusable', code: 'encoding' }
  if (answer.body === undefined) return { kind: 'unusable', code: 'too_large' }
  if (!JSON_TYPE.test(soleValue(answer.headers, 'content-type') ?? ''))
    return { kind: 'unusable', code: 'content_type' }
  try {
    return { kind: 'json', value: JSON.parse(UTF_8.decode(answer.body)) }
  } catch {
    // The parser's message quotes the body, so it is dropped.
    return { kind: 'unusable', code: 'malformed' }
  }
}

const JSON_TYPE = /^application\/(json|[\w.-]+\+json)\s*(;|$)/i
const UTF_8 = new TextDecoder('utf-8', { fatal: true })

/** The request asked for identity; any other encoding is not decoded, however small the body looks. */
function isEncoded({ headers }: HttpAnswer): boolean {
  const encodings = headers.get('content-encoding') ?? []
  return encodings.some((encoding) => encoding.trim().toLowerCase() !== 'identity')
}

export type JsonObject = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Reads no inherited property, also where a library has extended Object.prototype. */
export function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

/** The `errorCode` of a body in Okta's error shape: a JSON object whose `errorCode` is E and seven digits. */
export function oktaErrorCode(body: unknown): string | undefined {
  const code = isObject(body) ? own(body, 'errorCode') : undefined
  return typeof code === 'string' && ERROR_CODE.test(code) ? code : undefined
}

const ERROR_CODE = /^E\d{7}$/

/** Longer than any challenge of Okta's; the rest of the line is not read. */
const MAX_CHALLENGE_LENGTH = 4_096

/** The first challenge in `WWW-Authenticate` that names an error; undefined when none does. */
export function parseChallenge(headers: AnswerHeaders): Challenge | undefined {
  for (const line of headers.get('www-authenticate') ?? []) {
    const found = challengeIn(line.slice(0, MAX_CHALLENGE_LENGTH))
    if (found !== undefined) return found
  }
  return undefined
}

function challengeIn(line: string): Challenge | undefined {
  let error: string | undefined
  let scope: string | undefined
  for (const { name, value } of partsOf(line)) {
    if (value === undefined) {
      // Without a value this is a scheme: the next challenge begins.
      if (error !== undefined) break
      scope = undefined
    } else if (name === 'error') error ??= value
    else if (name === 'scope') scope ??= value
  }
  if (error === undefined || error === '') return undefined
  return Object.freeze({ error, ...(scope !== undefined && scope !== '' && { scope }) })
}

/** A scheme (without a value) or a parameter of one. */
interface ChallengePart {
  readonly name: string
  readonly value?: string | undefined
}

const NAME = /[\w!#$%&'*+.^`|~-]+/y
const EQUALS = /[ \t]*=[ \t]*/y
const QUOTED = /"((?:[^"\\]|\\.)*)"/y
const BARE = /[^\s,"]*/y

/** Reads from left to right without backtracking, and stops at a quoted text without an end. */
function* partsOf(line: string): Generator<ChallengePart> {
  let at = 0
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at
    const found = pattern.exec(line)
    if (found !== null) at = pattern.lastIndex
    return found
  }
  while (at < line.length) {
    const name = take(NAME)?.[0].toLowerCase()
    if (name === undefined) at += 1
    else if (take(EQUALS) === null) yield { name }
    else if (line[at] === '"') {
      const quoted = take(QUOTED)?.[1]
      if (quoted === undefined) return
      yield { name, value: quoted.replaceAll(/\\(.)/g, '$1') }
    } else yield { name, value: take(BARE)?.[0] ?? '' }
  }
}
