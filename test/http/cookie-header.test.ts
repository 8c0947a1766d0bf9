import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import type { CookieEntry } from '../../src/contracts.js'
import { CookieReader, isCookieValue } from '../../src/http/cookie-header.js'
import { runs } from '../deep.js'
import { growth } from './growth.js'

const entry = (name: string, as: 'idx' | 'sid' = 'sid'): CookieEntry => ({
  name,
  as,
  signed: false,
})
const entries = [entry('idx', 'idx'), entry('sid')]
const long = 'a'.repeat(4096)

/** What a Cookie header has of the first configured cookie that is present. */
type CookieReading =
  | { readonly kind: 'none' }
  | { readonly kind: 'invalid' | 'ambiguous'; readonly index: number }
  | { readonly kind: 'found'; readonly index: number; readonly value: string }

const none: CookieReading = { kind: 'none' }
const invalid = (index: number): CookieReading => ({ kind: 'invalid', index })
const ambiguous = (index: number): CookieReading => ({ kind: 'ambiguous', index })
const found = (index: number, value: string): CookieReading => ({ kind: 'found', index, value })

/** The selected cookie, once it is checked. */
function readCookie(
  header: string | undefined,
  list: readonly CookieEntry[],
  from = 0,
): CookieReading {
  const reader = new CookieReader(list, () => undefined)
  const selected = reader.select(header ?? '', from)
  if (selected === undefined) return none
  const cookie = reader.check(selected)
  return 'fault' in cookie
    ? { kind: cookie.fault, index: selected.index }
    : found(selected.index, cookie.credential.value)
}

describe('the values of one cookie', () => {
  test.each<[string, string, string[]]>([
    ['no cookie of that name', 'asid=a; sid; sid =b', []],
    ['one', 'a=1; sid=b; c=2', ['sid=b']],
    ['several, in their order', 'sid=c;sid=b ;\tsid=a', ['sid=c', 'sid=b', 'sid=a']],
    ['the same twice', 'sid=b; sid=c; sid=b', ['sid=b', 'sid=c']],
    ['empty and too long ones', `sid=; sid=${long}a; sid=${long}`, [`sid=${long}`]],
    ['one in another’s value', 'a=sid=b; sid=sid=c', ['sid=sid=c']],
  ])('are found each: %s', (_, header, pairs) => {
    const reader = new CookieReader(entries, () => undefined)
    const { cookies } = reader.valuesOf(entry('sid'), header)
    expect(cookies.map(({ credential }) => `sid=${credential.value}`)).toEqual(pairs)
  })
})

describe('every cookie of a sign-out', () => {
  it('reads as many values as a browser may send, and says where there are more', () => {
    const opened: string[] = []
    const signed = { ...entry('__Host-okta'), signed: true }
    const reader = new CookieReader([entry('sid'), signed], (envelope) => {
      opened.push(envelope)
      return envelope
    })
    const header = (name: string, count: number) =>
      Array.from({ length: count }, (_, index) => `${name}=value-${index}`).join('; ')
    const looked: string[] = []
    const every = (text: string) =>
      reader.every(text, (key) => {
        looked.push(key)
        return looked.length > 40
      })
    expect(every(header('sid', 2_600))).toMatchObject({ isComplete: false })
    expect(looked.length).toBe(64)
    expect(every(header('__Host-okta', 700))).toMatchObject({ isComplete: false })
    expect(opened.length).toBe(4)
    expect(every(header('__Host-okta', 4)).isComplete).toBe(true)
    expect(every(header('sid', 4)).isComplete).toBe(true)
    expect(every(`${header('sid', 4)}; sid="`).isComplete).toBe(true)
  })
})

describe('a selected cookie', () => {
  test.each<[string, string | undefined, CookieReading]>([
    ['no header', undefined, none],
    ['an empty header', '', none],
    ['other cookies only', 'a=1; b=2', none],
    ['the second entry alone', 'a=1; sid=102abc', found(1, '102abc')],
    [
      'the first entry, wherever it stands',
      'sid=102abc; x=y; idx=eyJ.abc_-',
      found(0, 'eyJ.abc_-'),
    ],
    ['no space behind the semicolon', 'a=1;sid=b', found(1, 'b')],
    ['tabs and spaces around a pair', 'a=1;\t  sid=b \t; c=2', found(1, 'b')],
    ['an equals sign in the value', 'sid=YQ==', found(1, 'YQ==')],
    ['the last pair, with a semicolon behind', 'sid=b;', found(1, 'b')],
    ['the same value twice', 'sid=b; a=1; sid=b', found(1, 'b')],
    ['the longest value', `sid=${long}`, found(1, long)],
    ['one octet more', `sid=${long}a`, invalid(1)],
    ['an empty value', 'sid=; a=1', invalid(1)],
    ['an empty value at the end', 'sid=', invalid(1)],
    ['a quoted value', 'sid="b"', invalid(1)],
    ['one quote', 'sid=b"', invalid(1)],
    ['an encoded semicolon', 'sid=b%3B%20idx=c', invalid(1)],
    ['a bare per cent sign', 'sid=100%', invalid(1)],
    ['a comma', 'sid=b,c', invalid(1)],
    ['a backslash', 'sid=b\\c', invalid(1)],
    ['a space inside', 'sid=b c', invalid(1)],
    ['a space before the value', 'sid= b', invalid(1)],
    ['a null byte', 'sid=b\0', invalid(1)],
    ['a line end', 'sid=b\r\nx', invalid(1)],
    ['a byte above ASCII', 'sid=b\xe9', invalid(1)],
    ['a character beyond a byte', 'sid=b\u0141', invalid(1)],
    ['DEL', 'sid=b\x7f', invalid(1)],
    ['two values', 'sid=b; sid=c', ambiguous(1)],
    ['two values, one a beginning of the other', 'sid=b; sid=bb', ambiguous(1)],
    ['two values, one empty', 'sid=b; sid=', ambiguous(1)],
    ['two values, one malformed', 'sid=b; sid=b"', ambiguous(1)],
    ['a third value', 'sid=b; sid=b; sid=c', ambiguous(1)],
    ['the same malformed value twice', 'sid="; sid="', invalid(1)],
    ['an invalid first entry decides', 'idx="; sid=b', invalid(0)],
    ['an ambiguous first entry decides', 'idx=a; idx=b; sid=b', ambiguous(0)],
    ['another case', 'SID=b; Idx=a', none],
    ['a longer name', 'xsid=b; sidx=c; my-sid=d', none],
    ['a space behind the name', 'sid =b', none],
    ['a name without a value', 'sid; a=1', none],
    ['a nameless cookie', '=sid=b', none],
    ['the name inside another value', 'a=sid=b; c=x sid=d', none],
    ['a pair behind a comma', 'a=1, sid=b', none],
    ['headers joined by a comma', 'sid=b, idx=c', invalid(1)],
    ['a pair inside quotes is a pair', 'a="; sid=b; "', found(1, 'b')],
    ['nothing but separators', ';;; ; ;\t;', none],
  ])('readCookie reads %s', (_, header, reading) => {
    expect(readCookie(header, entries)).toEqual(reading)
  })

  it('readCookie goes on behind an entry whose answer was a no', () => {
    const header = 'idx=a; sid=b'
    expect(readCookie(header, entries, 0)).toEqual(found(0, 'a'))
    expect(readCookie(header, entries, 1)).toEqual(found(1, 'b'))
    expect(readCookie(header, entries, 2)).toEqual(none)
  })

  it('readCookie takes names with characters that are special in a regular expression', () => {
    expect(readCookie('axb=1; a.b=2', [entry('a.b')])).toEqual(found(0, '2'))
    expect(readCookie('__Host-okta$=x.y', [entry('__Host-okta$')])).toEqual(found(0, 'x.y'))
  })

  it('readCookie agrees with a reference reading of hostile headers', () => {
    const piece = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('sid', 'idx', 'sid=', 'idx=', '; ', ';', '=') },
      {
        weight: 3,
        arbitrary: fc.constantFrom(' ', '\t', ',', '"', '%', '\\', 'a', 'b', '\xe9', '\0'),
      },
      { weight: 1, arbitrary: fc.string({ maxLength: 6 }) },
    )
    const header = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(header, fc.integer({ min: 0, max: 2 }), (text, from) => {
        expect(readCookie(text, entries, from)).toEqual(plainReading(text, entries, from))
      }),
      { numRuns: runs(5_000, 100_000) },
    )
  })

  test.each([
    ['values of that name', '; sid=b'],
    ['names without a value', 'sid'],
    ['names and equals signs', 'sid='],
    ['blanks before a name', ' '],
    ['semicolons', ';'],
    ['pairs that only look alike', '; xsid=b'],
    ['one long value', 'a'],
  ])('readCookie takes about ten times as long for ten times as many %s', (_, unit) => {
    const headerOf = (bytes: number) =>
      `sid=b${unit === 'a' ? '' : '; '}${unit.repeat(bytes / unit.length)}sid=b`
    const [small, large] = [headerOf(100_000), headerOf(1_000_000)]
    // Quadratic would be a hundred times.
    expect(growth((header) => readCookie(header, entries), small, large, 50)).toBeLessThan(50)
  })
})

describe('isCookieValue', () => {
  test.each([
    ['102abc_-.~', true],
    [long, true],
    [`${long}a`, false],
    ['', false],
    ['a b', false],
    ['a%3B', false],
    ['a;b', false],
    ['"a"', false],
  ])('isCookieValue judges %j', (text, expected) => {
    expect(isCookieValue(text)).toBe(expected)
  })
})

/** The same rules, written to be read. */
function plainReading(text: string, list: readonly CookieEntry[], from: number): CookieReading {
  const pairs = text.split(';').map((pair) => pair.replace(/^[ \t]+|[ \t]+$/g, ''))
  for (const [index, { name }] of list.entries()) {
    if (index < from) continue
    const values = pairs.flatMap((pair) =>
      pair.startsWith(`${name}=`) ? [pair.slice(name.length + 1)] : [],
    )
    const [value] = values
    if (value === undefined) continue
    if (new Set(values).size > 1) return ambiguous(index)
    const isValid = /^[\x21\x23\x24\x26-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,4096}$/.test(value)
    return isValid ? found(index, value) : invalid(index)
  }
  return none
}
