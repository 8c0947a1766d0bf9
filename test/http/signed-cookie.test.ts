import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { isCookieValue } from '../../src/http/cookie-header.js'
import { createSignedCookies } from '../../src/http/signed-cookie.js'
import { sampleOf } from '../deep.js'

const org = 'https://id.example.com'
const current = 'a'.repeat(32)
const previous = 'b'.repeat(32)
const value = '102aBcDeFgHiJkLmNoPqRsTuVw'
const cookies = createSignedCookies([current], org)
const envelope = cookies.sign(value)
const [valueText = '', macText = ''] = envelope.split('.')

describe('a signed cookie', () => {
  it('a signed cookie opens to what was signed, whatever the cookie value', () => {
    const octets = fc.string({ unit: fc.constantFrom(...cookieOctets()), minLength: 1 })
    fc.assert(
      fc.property(octets, (text) => {
        expect(cookies.open(cookies.sign(text))).toBe(text)
      }),
    )
  })

  it('a signed cookie is itself a cookie value, and shows the value under base64url only', () => {
    expect(isCookieValue(envelope)).toBe(true)
    expect(Buffer.from(valueText, 'base64url').toString()).toBe(value)
    expect(macText).toHaveLength(43)
  })

  it('a signed cookie opens under the previous secret, and is signed with the current one', () => {
    const rotated = createSignedCookies([previous, current], org)
    expect(rotated.open(envelope)).toBe(value)
    expect(createSignedCookies([previous], org).open(rotated.sign(value))).toBe(value)
    expect(cookies.open(rotated.sign(value))).toBeUndefined()
  })

  it('a signed cookie does not open under another secret, for another org, or without a secret', () => {
    expect(createSignedCookies([previous], org).open(envelope)).toBeUndefined()
    expect(createSignedCookies([current], 'https://id.example.org').open(envelope)).toBeUndefined()
    expect(createSignedCookies([], org).open(envelope)).toBeUndefined()
  })

  it('a signed cookie does not use the secret itself as its key', () => {
    for (const message of [value, `${org}${value}`, `22:${org}26:${value}`]) {
      const mac = createHmac('sha256', current).update(message).digest('base64url')
      expect(cookies.open(`${valueText}.${mac}`)).toBeUndefined()
    }
  })

  it('a signed cookie keeps org and value apart', () => {
    const joined = createSignedCookies([current], `${org}1`)
    expect(macOf(joined.sign('02x'))).not.toBe(macOf(cookies.sign('102x')))
  })

  test.each<[string, string]>([
    ['nothing', ''],
    ['a bare value', value],
    ['no MAC', `${valueText}.`],
    ['no value', `.${macText}`],
    ['a dot only', '.'],
    ['a third part', `${envelope}.${macText}`],
    ['a dot behind', `${envelope}.`],
    ['a MAC cut short', envelope.slice(0, -1)],
    ['a MAC with an octet more', `${envelope}A`],
    ['another value', `${Buffer.from('102other').toString('base64url')}.${macText}`],
    ['padding', `${valueText}=.${macText}`],
    ['padding of the MAC', `${envelope}=`],
    [
      'the other base64 alphabet',
      `${valueText}.${Buffer.from(macText, 'base64url').toString('base64')}`,
    ],
    ['white space', ` ${envelope}`],
    ['a part swap', `${macText}.${valueText}`],
  ])('a signed cookie does not open with %s', (_, raw) => {
    expect(cookies.open(raw)).toBeUndefined()
  })

  it('a signed cookie has one spelling: spare bits of the last character are not ignored', () => {
    const spellings = [...alphabet].map((last) => envelope.slice(0, -1) + last)
    expect(spellings.filter((raw) => cookies.open(raw) !== undefined)).toEqual([envelope])
    const values = [...alphabet].map((last) => `${valueText.slice(0, -1)}${last}.${macText}`)
    expect(values.filter((raw) => cookies.open(raw) !== undefined)).toEqual([envelope])
  })

  it.each([value, '1', '12', '123', '!#~'])(
    'a signed cookie opens from no text but its own: %s',
    (text) => {
      const both = createSignedCookies([current, previous], org)
      for (const own of [both.sign(text), createSignedCookies([previous], org).sign(text)]) {
        expect(both.open(own)).toBe(text)
        const opened = sampleOf(tampered(own), 2_000).filter(
          (raw) => raw !== own && both.open(raw) !== undefined,
        )
        expect(opened).toEqual([])
      }
    },
  )

  it('a signed cookie opens to nothing that could not be sent to Okta', () => {
    for (const text of ['a; b=c', 'a%3B', '', 'é'])
      expect(cookies.open(cookies.sign(text))).toBeUndefined()
  })

  it('a signed cookie never throws at junk', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (raw) => {
        expect(cookies.open(raw)).toBeUndefined()
      }),
    )
  })

  it('a cookie cannot be signed without a secret', () => {
    expect(() => createSignedCookies([], org).sign(value)).toThrow(TypeError)
  })
})

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Every Latin character, the other dots, and what decoders replace or skip. */
const strange = [
  ...Array.from({ length: 0x180 }, (_, code) => String.fromCharCode(code)),
  ...['\u2024', '\uff0e', '\u3002', '\ufeff', '\ufffd', '\u2028', '\ud800', '😀', '%2E', '%3D'],
]

/** Every text that is one substitution, insertion, deletion, swap or cut away, and the likely larger steps. */
function tampered(own: string): string[] {
  const [head = '', tail = ''] = own.split('.')
  const texts = [head, tail, `${tail}.${head}`, `${head}..${tail}`, `${head}.${tail}.`, `.${own}`]
  texts.push(
    own.toUpperCase(),
    own.toLowerCase(),
    `${own}.${own}`,
    `${own}.${tail}.${tail}`,
    own + own,
  )
  for (let count = 1; count <= 4; count += 1)
    texts.push(`${head}${'='.repeat(count)}.${tail}`, `${own}${'='.repeat(count)}`)
  for (let at = 0; at <= own.length; at += 1) {
    const [before, rest] = [own.slice(0, at), own.slice(at)]
    texts.push(
      before,
      rest,
      before + rest.slice(1),
      before + (rest[1] ?? '') + rest[0] + rest.slice(2),
    )
    for (const other of strange) texts.push(before + other + rest, before + other + rest.slice(1))
  }
  return texts
}

function macOf(raw: string): string | undefined {
  return raw.split('.')[1]
}

function cookieOctets(): readonly string[] {
  const ascii = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code))
  return ascii.filter((character) => isCookieValue(character))
}
