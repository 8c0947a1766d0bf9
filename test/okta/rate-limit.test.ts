import { describe, expect, it } from 'vitest'
import {
  isConcurrencyLimit,
  parseOktaTime,
  parseRateLimit,
  waitAfter429,
} from '../../src/okta/http-answer.js'
import { answer } from './answers.js'

const DATE = 'Tue, 24 Nov 2026 10:00:00 GMT'
const NOW = Date.parse(DATE) / 1_000

type Fields = Readonly<Record<string, string | readonly string[]>>
const headers = (fields: Fields) => answer(429, '', fields).headers
const limits = (limit: string, remaining: string, reset: string | readonly string[]): Fields => ({
  date: DATE,
  'x-rate-limit-limit': limit,
  'x-rate-limit-remaining': remaining,
  'x-rate-limit-reset': reset,
})

describe('the figures of the minute', () => {
  it('rate-limit headers are read as numbers, the reset in milliseconds', () => {
    const parsed = parseRateLimit(headers(limits('600', '599', String(NOW + 30))))
    expect(parsed).toEqual({ limit: 600, remaining: 599, resetAt: (NOW + 30) * 1_000 })
  })

  it.each([
    ['missing', { 'x-rate-limit-limit': '600', 'x-rate-limit-remaining': '5' }],
    ['empty', limits('600', '5', '')],
    ['negative', limits('600', '-1', '1')],
    ['fractional', limits('600', '1.5', '1')],
    ['padded with words', limits('600 a minute', '5', '1')],
    ['hexadecimal', limits('0x10', '5', '1')],
    ['longer than any number', limits('600', '5', '9'.repeat(40))],
    ['repeated', limits('600', '5', ['1', '2'])],
    ['repeated with the same value', limits('600', '5', ['1', '1'])],
    ['joined by a proxy', limits('600', '5', '1, 1')],
  ] as const)('rate-limit headers are ignored when %s', (_what, fields) => {
    expect(parseRateLimit(headers(fields))).toBeUndefined()
  })
})

describe("Okta's date", () => {
  it('Okta’s Date is read in milliseconds', () => {
    expect(parseOktaTime(headers({ date: DATE }))).toBe(NOW * 1_000)
  })

  it.each([
    [undefined],
    [''],
    ['2026-11-24T10:00:00Z'],
    ['Tue, 24 Nov 2026 10:00:00'],
    ['Tue, 24 Nov 2026 10:00:00 PST'],
    ['Tue, 99 Nov 2026 10:00:00 GMT'],
    ['1795000000'],
    [[DATE, DATE]],
  ])('Okta’s Date is not read from %j', (date) => {
    expect(parseOktaTime(headers(date === undefined ? {} : { date }))).toBeUndefined()
  })
})

describe('the wait after a 429', () => {
  it.each([
    ['until the reset and a second more', limits('600', '0', String(NOW + 30)), 31_000],
    ['a second for too many at once', limits('0', '0', String(NOW + 30)), 1_000],
    ['a second when the reset is now', limits('600', '0', String(NOW)), 1_000],
    ['60 s at most', limits('600', '0', String(NOW + 90)), 60_000],
    ['5 s when the reset is past', limits('600', '0', String(NOW - 1)), 5_000],
    ['5 s when the reset is absurd', limits('600', '0', String(NOW + 121)), 5_000],
    ['5 s when the reset is in milliseconds', limits('600', '0', String(NOW * 1_000)), 5_000],
    ['5 s when the reset is missing', { date: DATE }, 5_000],
    ['5 s when the date is missing', { ...limits('1', '0', String(NOW + 9)), date: [] }, 5_000],
    ['5 s when the reset is repeated', limits('600', '0', [String(NOW + 9), '1']), 5_000],
    ['what Retry-After says, failing that', { 'retry-after': '7' }, 7_000],
    ['5 s when Retry-After is no help either', { 'retry-after': '86400' }, 5_000],
    ['5 s when Retry-After is a date', { 'retry-after': DATE }, 5_000],
    [
      'not what Retry-After says, when Okta says more',
      { ...limits('600', '0', String(NOW + 9)), 'retry-after': '50' },
      10_000,
    ],
  ] as const)('the wait after a 429 is %s', (_what, fields, expected) => {
    expect(waitAfter429(headers(fields))).toBe(expected)
  })

  it('a 429 is of the concurrency kind when the limit is 0', () => {
    const kind = (limit: string) =>
      isConcurrencyLimit(parseRateLimit(headers(limits(limit, '0', String(NOW)))))
    expect([kind('0'), kind('600'), isConcurrencyLimit(undefined)]).toEqual([true, false, false])
  })
})
