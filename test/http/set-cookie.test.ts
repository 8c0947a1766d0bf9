import { describe, expect, it, test } from 'vitest'
import { cookieLine, expiredCookie, oktaCookies } from '../../src/http/cookies.js'
import { setHeaders } from '../../src/http/reply.js'

const now = Date.parse('2026-11-24T10:00:00Z')

describe('cookieLine', () => {
  it('cookieLine is for this host alone, HttpOnly and SameSite', () => {
    expect(cookieLine('sid', '102abc', true)).toBe(
      'sid=102abc; Path=/; HttpOnly; Secure; SameSite=Lax',
    )
  })

  it('cookieLine leaves Secure out on http loopback', () => {
    expect(cookieLine('sid', '102abc', false)).toBe('sid=102abc; Path=/; HttpOnly; SameSite=Lax')
  })

  it('cookieLine writes the value raw, as it is read', () => {
    expect(cookieLine('sid', 'a+/=:.b', true)).toContain('sid=a+/=:.b;')
  })

  it('cookieLine keeps a lifetime', () => {
    const line = cookieLine('sid', 'a', true, { maxAge: 60, expires: new Date(now) })
    expect(line).toContain('; Max-Age=60')
    expect(line).toContain('; Expires=Tue, 24 Nov 2026 10:00:00 GMT')
  })
})

describe('expiredCookie', () => {
  it('expiredCookie differs from cookieLine in value and lifetime only', () => {
    const attributes = (line: string) => line.split('; ').slice(1)
    const expired = expiredCookie('sid', true)
    expect(attributes(expired).filter((part) => !/^(Max-Age|Expires)=/.test(part))).toEqual(
      attributes(cookieLine('sid', 'a', true)),
    )
    expect(expired).toBe(
      'sid=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax',
    )
    expect(expiredCookie('sid', false)).not.toContain('Secure')
  })
})

describe('a reply with cookies', () => {
  test.each<[string, number | string | string[] | undefined, string[]]>([
    ['none', undefined, []],
    ['one', 'theme=dark', ['theme=dark']],
    ['several', ['theme=dark', 'lang=en'], ['theme=dark', 'lang=en']],
  ])('a reply with cookies keeps what the app has set: %s', (_, before, kept) => {
    const res = fakeResponse(before)
    setHeaders(res, { 'set-cookie': ['sid=a', 'xids=b'] })
    expect(res.getHeader('Set-Cookie')).toEqual([...kept, 'sid=a', 'xids=b'])
  })

  it('a reply without cookies adds none', () => {
    const res = fakeResponse(undefined)
    setHeaders(res, { 'set-cookie': [] })
    expect(res.getHeader('Set-Cookie')).toBeUndefined()
  })

  it('a reply with cookies does not change the array the app may still hold', () => {
    const before = ['theme=dark']
    setHeaders(fakeResponse(before), { 'set-cookie': ['sid=a'] })
    expect(before).toEqual(['theme=dark'])
  })
})

describe('oktaCookies', () => {
  const read = (...lines: string[]) => oktaCookies(lines, now)

  it('oktaCookies passes on idx, sid and xids, and nothing else', () => {
    expect(
      read(
        'sid=102abc;Version=1;Path=/;Secure',
        'idx=eyJ.abc; Path=/; Secure; HttpOnly; SameSite=None',
        'xids=102xyz; Path=/; Secure',
        'JSESSIONID=0123; Path=/; Secure; HttpOnly',
        'DT=abc; Path=/; Domain=example.com',
        'SID=102def; Path=/',
        '=sid=102def',
        'sid',
        '',
      ),
    ).toEqual([
      { name: 'sid', value: '102abc', lifetime: {} },
      { name: 'idx', value: 'eyJ.abc', lifetime: {} },
      { name: 'xids', value: '102xyz', lifetime: {} },
    ])
  })

  it('oktaCookies keeps the lifetime Okta gave, and none of its other attributes', () => {
    expect(
      read(
        'sid=a; Max-Age=7200; Expires=Tue, 24 Nov 2026 12:00:00 GMT; Domain=example.com; Path=/x',
      ),
    ).toEqual([
      {
        name: 'sid',
        value: 'a',
        lifetime: { maxAge: 7200, expires: new Date('2026-11-24T12:00:00Z') },
      },
    ])
  })

  test.each([
    ['an empty value', 'sid=; Path=/'],
    ['an empty quoted value', 'sid=""; Expires=Thu, 01-Jan-1970 00:00:10 GMT; Path=/'],
    ['a date in the past', 'sid=DELETED; Expires=Thu, 01-Jan-1970 00:00:10 GMT; Path=/'],
    ['a date that is now', 'sid=a; Expires=Tue, 24 Nov 2026 10:00:00 GMT'],
    ['Max-Age 0', 'sid=a; Max-Age=0; Path=/'],
    ['a negative Max-Age', 'sid=a; Max-Age=-1'],
    ['Max-Age 0 beside a date to come', 'sid=a; Max-Age=0; Expires=Tue, 24 Nov 2026 12:00:00 GMT'],
  ])('oktaCookies never passes on a deletion: %s', (_, line) => {
    expect(read(line)).toEqual([])
  })

  test.each([
    ['a quoted value', 'sid="102abc"'],
    ['an encoded value', 'sid=102%3Babc'],
    ['a comma', 'sid=a,b'],
    ['a blank', 'sid=a b'],
    ['a line end', 'sid=a\r\nSet-Cookie: evil=1'],
    ['too long a value', `sid=${'a'.repeat(4097)}`],
  ])('oktaCookies never passes on what could not be read back: %s', (_, line) => {
    expect(read(line)).toEqual([])
  })

  it('oktaCookies lets the last line of a name decide', () => {
    expect(read('sid=""; Max-Age=0', 'sid=a')).toEqual([{ name: 'sid', value: 'a', lifetime: {} }])
    expect(read('sid=a', 'sid=b')).toEqual([{ name: 'sid', value: 'b', lifetime: {} }])
    expect(read('sid=a', 'sid=""; Max-Age=0')).toEqual([])
  })

  test.each(['9'.repeat(30), '9'.repeat(400)])(
    'oktaCookies caps a lifetime of %s seconds',
    (seconds) => {
      const [cookie] = read(`sid=a; Max-Age=${seconds}`)
      expect(cookie?.lifetime.maxAge).toBe(34_560_000)
      expect(cookieLine('sid', 'a', true, cookie?.lifetime)).toContain('Max-Age=34560000;')
    },
  )

  test.each(['Expires=never', 'Max-Age=soon', 'Max-Age=1.5', 'Expires='])(
    'oktaCookies takes a malformed lifetime for none: %s',
    (attribute) => {
      expect(read(`sid=a; ${attribute}`)).toEqual([{ name: 'sid', value: 'a', lifetime: {} }])
    },
  )
})

function fakeResponse(before: number | string | string[] | undefined) {
  let header = before
  return {
    getHeader: (_name: string) => header,
    setHeader(_name: string, value: number | string | readonly string[]) {
      header = Array.isArray(value) ? [...value] : String(value)
      return this as never
    },
  }
}
