/** What the headers of an answer say: status, request id, Okta's clock and rate limit, and how long a 429 asks us to wait. */

import type { AnswerHead } from '../contracts.js'
import type { RateLimit } from '../errors.js'
import type { Answered } from './exchange.js'
import { cleanerFor, type OperationSubject } from './redact.js'

export function readHead(question: OperationSubject, answer: Answered): AnswerHead {
  const requestId = requestIdOf(question, answer)
  const rateLimit = parseRateLimit(answer.headers)
  const oktaTime = parseOktaTime(answer.headers)
  return {
    status: answer.status,
    ...(requestId !== undefined && { requestId }),
    ...(rateLimit !== undefined && { rateLimit }),
    ...(oktaTime !== undefined && { oktaTime }),
    setCookies: answer.headers.get('set-cookie') ?? [],
  }
}

/** It goes into logs and metrics: nothing that could break a line or fill one, and nothing that we sent. */
function requestIdOf(question: OperationSubject, answer: Answered): string | undefined {
  const given = soleValue(answer.headers, 'x-okta-request-id')
  if (given === undefined || !REQUEST_ID.test(given)) return undefined
  return cleanerFor(question)(given) === given ? given : undefined
}

const REQUEST_ID = /^[\w.=+/@-]{1,128}$/

export interface AnswerHeaders {
  /** The values of a header, given its name in lower case. */
  get(name: string): readonly string[] | undefined
}

/**
 * Node joins or drops repeated headers, and trips over one named `constructor`; here a repeated one is
 * seen as such. A handful of names is asked for, so nothing is built for all the others.
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

const SHORTEST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 60_000
/** When the answer does not say, or says something that cannot be. */
const UNKNOWN_WAIT_MS = 5_000
/** Too many at once is over as soon as some have been answered; the reset that comes with it is only a guess. */
const CONCURRENCY_WAIT_MS = 1_000
/** A window lasts a minute; a reset further off than two of them is no reset. */
const ABSURD_WAIT_MS = 120_000

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
 * 60 s; 5 s when that is missing, past or absurd. Okta sends no Retry-After; one that a proxy adds
 * counts only where Okta's own figures are unusable, and only from 1 to 60 s.
 */
export function waitAfter429(headers: AnswerHeaders): number {
  const rateLimit = parseRateLimit(headers)
  if (isConcurrencyLimit(rateLimit)) return CONCURRENCY_WAIT_MS
  const resetAt = rateLimit?.resetAt
  const oktaTime = parseOktaTime(headers)
  const untilReset = resetAt === undefined || oktaTime === undefined ? -1 : resetAt - oktaTime
  if (untilReset < 0 || untilReset > ABSURD_WAIT_MS) return retryAfter(headers) ?? UNKNOWN_WAIT_MS
  return Math.min(Math.max(untilReset + 1_000, SHORTEST_WAIT_MS), LONGEST_WAIT_MS)
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
  if (seconds === undefined || seconds < 1 || seconds > LONGEST_WAIT_MS / 1_000) return undefined
  return seconds * 1_000
}
