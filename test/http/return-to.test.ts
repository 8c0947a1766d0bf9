import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { safeReturnTo } from '../../src/http/return-to.js'
import { runs } from '../deep.js'

const app = 'https://app.example'
const trusted = [
  'https://www.example.com',
  'http://localhost:3000',
  'https://xn--bcher-kva.example',
]
const rules = { appOrigin: app, trustedOrigins: trusted }

describe('safeReturnTo', () => {
  test.each<[string, string]>([
    ['/', '/'],
    ['/account', '/account'],
    ['/account?tab=2&x=%2F#top', '/account?tab=2&x=%2F#top'],
    ['/?next=https://evil.example/', '/?next=https://evil.example/'],
    ['/search?q=//evil.example', '/search?q=//evil.example'],
    ['/a//b', '/a//b'],
    ['/a/../b', '/b'],
    ['/./b', '/b'],
    ['/käse?ß#ü', '/k%C3%A4se?%C3%9F#%C3%BC'],
    ['/@evil.example', '/@evil.example'],
    ['/:80', '/:80'],
    ['/%09/evil.example', '/%09/evil.example'],
    ['/%0d%0aSet-Cookie:a=b', '/%0d%0aSet-Cookie:a=b'],
    ['/%5cevil.example', '/%5cevil.example'],
    ['/%2f%2fevil.example', '/%2f%2fevil.example'],
    // Slashes of other scripts are letters to a URL parser.
    ['/\uff0fevil.example', '/%EF%BC%8Fevil.example'],
    ['/\u2044evil.example', '/%E2%81%84evil.example'],
    ['/\ud800', '/%EF%BF%BD'],
    ['/javascript:alert(1)', '/javascript:alert(1)'],
  ])('safeReturnTo answers the path %j with %j', (input, path) => {
    expect(safeReturnTo(input, rules)).toBe(path)
  })

  test.each<[string, string]>([
    ['https://app.example', '/'],
    ['https://app.example/account?a#b', '/account?a#b'],
    ['HTTPS://APP.EXAMPLE:443/account', '/account'],
    ['https://app.example/a/../b', '/b'],
  ])('safeReturnTo answers the app’s own URL %j with the path %j', (input, path) => {
    expect(safeReturnTo(input, rules)).toBe(path)
  })

  test.each<[string, string]>([
    ['https://www.example.com/x?y#z', 'https://www.example.com/x?y#z'],
    ['https://www.example.com', 'https://www.example.com/'],
    ['https://WWW.example.com:443/', 'https://www.example.com/'],
    ['http://localhost:3000/a', 'http://localhost:3000/a'],
    ['https://bücher.example/', 'https://xn--bcher-kva.example/'],
    ['https://www。example.com/', 'https://www.example.com/'],
  ])('safeReturnTo answers the trusted URL %j with %j', (input, url) => {
    expect(safeReturnTo(input, rules)).toBe(url)
  })

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['an empty string', ''],
    ['a number', 7],
    ['an array', ['/account']],
    ['an object', { toString: () => '/account' }],
    ['a relative path', 'account'],
    ['a query alone', '?a=b'],
    ['dots', '../x'],
    ['two slashes', '//evil.example'],
    ['two slashes and our host', '//app.example/x'],
    ['three slashes', '///evil.example'],
    ['slash and backslash', '/\\evil.example'],
    ['backslash and slash', '\\/evil.example'],
    ['two backslashes', '\\\\evil.example'],
    ['a backslash later', '/a\\..\\..\\\\evil.example'],
    ['a backslash in a query', '/a?b=\\'],
    ['dots that make two slashes', '/..//evil.example'],
    ['a dot that makes two slashes', '/.//evil.example'],
    ['encoded dots that make two slashes', '/%2e//evil.example'],
    ['dots further on that make two slashes', '/a/..//evil.example'],
    ['a tab between slashes', '/\t/evil.example'],
    ['a line end between slashes', '/\n/evil.example'],
    ['a carriage return between slashes', '/\r/evil.example'],
    ['a leading blank', ' //evil.example'],
    ['a leading blank before a path', ' /account'],
    ['a leading control character', '\x01//evil.example'],
    ['a null byte', '/a\0b'],
    ['DEL', '/a\x7f'],
    ['a C1 control character', '/a\x85'],
    ['a line separator', '/a\u2028b'],
    ['a byte order mark', '\ufeff//evil.example'],
    ['a blank in a path', '/a b'],
    ['another origin', 'https://evil.example'],
    ['another origin with our name in front', 'https://app.example.evil.example/'],
    ['another origin with our name behind', 'https://evil.example/https://app.example'],
    ['another scheme of ours', 'http://app.example/'],
    ['another port of ours', 'https://app.example:8443/'],
    ['another port of a trusted one', 'http://localhost:3001/'],
    ['another scheme of a trusted one', 'http://www.example.com/'],
    ['a subdomain', 'https://x.www.example.com/'],
    ['a host with a dot behind', 'https://app.example./'],
    ['user info', 'https://app.example@evil.example/'],
    ['user info before our host', 'https://evil.example@app.example/'],
    ['a user before a trusted host', 'https://user:pw@www.example.com/'],
    ['a user without a password before a trusted host', 'https://user@www.example.com/'],
    ['a password without a user before a trusted host', 'https://:pw@www.example.com/'],
    ['an empty user', 'https://:@evil.example/'],
    ['our origin with two slashes', 'https://app.example//evil.example'],
    ['our origin, dots and two slashes', 'https://app.example/.//evil.example'],
    ['a scheme without slashes', 'https:evil.example'],
    ['a scheme with one slash', 'https:/evil.example'],
    ['a scheme with three slashes', 'https:///evil.example'],
    ['our scheme without slashes', 'https:app.example/x'],
    ['a scheme and backslashes', 'https:\\\\evil.example'],
    ['a tab inside the scheme', 'ht\ttps://evil.example'],
    ['javascript', 'javascript:alert(1)'],
    ['javascript with slashes', 'javascript://app.example/%0aalert(1)'],
    ['data', 'data:text/html,x'],
    ['blob', 'blob:https://app.example/x'],
    ['ftp', 'ftp://app.example/'],
    ['ws', 'wss://app.example/'],
    ['a fullwidth slash in the host', 'https://app.example\uff0f@evil.example/'],
    ['a fullwidth colon', 'https\uff1a//evil.example'],
    ['the stand-in for an unknown origin', 'https://app.invalid/x'],
    ['a malformed host', 'https://[/'],
    ['a malformed port', 'https://app.example:99999/'],
    ['more than 8 KB', `/${'a'.repeat(8192)}`],
  ])('safeReturnTo answers the default for %s', (_, input) => {
    expect(safeReturnTo(input, rules)).toBe('/')
  })

  it('safeReturnTo answers a trusted URL with a letter beyond ASCII the same each time', () => {
    const answers = Array.from({ length: 10_000 }, () =>
      safeReturnTo('https://bücher.example/', rules),
    )
    expect(new Set(answers)).toEqual(new Set(['https://xn--bcher-kva.example/']))
  })

  it('safeReturnTo takes 8 KB', () => {
    const path = `/${'a'.repeat(8191)}`
    expect(safeReturnTo(path, rules)).toBe(path)
  })

  it('safeReturnTo answers the default its caller names', () => {
    expect(safeReturnTo('//evil.example', { ...rules, fallback: '/home' })).toBe('/home')
  })

  it('safeReturnTo accepts paths alone where the app’s origin is unknown', () => {
    const unknown = { appOrigin: undefined, trustedOrigins: [] }
    expect(safeReturnTo('/account', unknown)).toBe('/account')
    expect(safeReturnTo('https://app.example/account', unknown)).toBe('/')
  })

  it('safeReturnTo leads only to the app or a trusted origin', () => {
    const allowed = [app, ...trusted]
    fc.assert(
      fc.property(hostile(), (input) => {
        const result = safeReturnTo(input, rules)
        expect(allowed).toContain(new URL(result, app).origin)
        expect(allowed).toContain(new URL(result, 'https://app.example/deep/page?q').origin)
        expect(result).toMatch(/^[\x21-\x7e]+$/)
        if (!result.startsWith('http')) expect(result).toMatch(/^\/(?![/\\])/)
      }),
      { numRuns: runs(2_000, 10_000) },
    )
  })

  it('safeReturnTo answers its own answer with the same', () => {
    fc.assert(
      fc.property(hostile(), (input) => {
        const result = safeReturnTo(input, rules)
        fc.pre(result.length <= 8192)
        expect(safeReturnTo(result, rules)).toBe(result)
      }),
      { numRuns: runs(500, 2_000) },
    )
  })
})

/** Any text, and texts made of the pieces open redirects are made of. */
function hostile(): fc.Arbitrary<string> {
  const piece = fc.oneof(
    fc.constantFrom('/', '//', '\\', '.', '..', '@', ':', '?', '#', '%2f', '%5c', '%2e', '%09'),
    fc.constantFrom('\t', '\n', '\r', ' ', '\0', '\u2028', '\uff0f', '\u3002', '\ufeff'),
    fc.constantFrom('http:', 'https:', 'https://', 'javascript:', 'data:'),
    fc.constantFrom('evil.example', 'app.example', 'www.example.com', 'localhost:3000', ':443'),
    fc.string({ unit: 'binary', maxLength: 3 }),
  )
  const pieces = fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(''))
  const path = pieces.map((text) => `/${text}`)
  return fc.oneof(pieces, path, fc.webUrl(), fc.string({ unit: 'binary' }))
}
