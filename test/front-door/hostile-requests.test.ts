/** Whatever a client sends, no handler answers 500: an exception would be the app's to explain. */
import { connect } from 'node:net'
import express, { type ErrorRequestHandler } from 'express'
import type { RequestLike } from 'express-okta-session'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { runs } from '../deep.js'
import { type Choices, serve, startParts } from './door.js'

/** All handlers, behind the parsers an app may mount, each with the options a client's words go through. */
async function open(parsers: 'no parsers' | 'parsers', choices: Choices) {
  const parts = await startParts({ org: { rateLimitPerMinute: 100_000 }, ...choices })
  const { okta } = parts
  const app = express()
  app.set('trust proxy', true)
  if (parsers === 'parsers')
    app.use(express.json(), express.urlencoded({ extended: true }), express.text({ type: '*/*' }))
  app.use(okta.refreshOnActivity({ everyMs: 0 }))
  app.use('/page', okta.attachSession(), okta.requireSession(), (_req, res) => void res.send('in'))
  app.use('/admin', okta.requireSession({ mfa: true }), (_req, res) => void res.send('in'))
  app.use('/sign-in', okta.login())
  app.use('/sign-out', okta.logout())
  app.use('/refresh', okta.refresh())
  app.use('/info', okta.sessionInfo())
  app.use('/verify', okta.forwardAuth())
  app.use('/redirected', okta.forwardAuth({ redirect: true }))
  app.use('/checked', async (req, res) => {
    const decision = await okta.check(req)
    if (decision.ok) return void res.send('in')
    const { status, headers, body } = decision.reply
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
    res.status(status).end(body)
  })
  const thrown: unknown[] = []
  const onError: ErrorRequestHandler = (error, _req, res, _next) => {
    // A parser's own refusal brings its status.
    if (!(error.status < 500)) thrown.push(error)
    res.status(error.status ?? 500).end()
  }
  app.use(onError)
  const url = new URL(await serve(app))
  return { ...parts, thrown, port: Number(url.port), host: url.host }
}

const gets = ['/page', '/admin', '/info', '/verify', '/redirected', '/checked']
const posts = ['/page', '/sign-in', '/sign-out', '/refresh']

/** Header values, each sent as every header the package reads. */
const values: readonly string[] = [
  '',
  ',',
  ';',
  '=',
  '%',
  '%00',
  '%ff%fe',
  '%E0%A4%A',
  '//',
  'null',
  '__proto__',
  'constructor',
  '\u00ff\u00fe\u0080',
  '[',
  '[::1',
  'http://[',
  'http://a:99999',
  'https://user:pass@host:1/path?query#hash',
  'javascript:alert(1)',
  '/\\evil.example',
  '/a?returnTo=%',
  '-1',
  '1e999',
  'NaN',
  '::ffff:999.1.1.1',
  'fe80::1%eth0',
  'xn--a'.repeat(50),
  'a'.repeat(8_000),
  ','.repeat(8_000),
  '"\\'.repeat(4_000),
  'text/html;q=x,*/*;q=',
]

const names = [
  'Accept',
  'Cache-Control',
  'Content-Encoding',
  'Content-Type',
  'Cookie',
  'Forwarded',
  'Origin',
  'Purpose',
  'Referer',
  'Sec-Fetch-Dest',
  'Sec-Fetch-Mode',
  'Sec-Fetch-Site',
  'Sec-Fetch-User',
  'User-Agent',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Method',
  'X-Forwarded-Proto',
  'X-Forwarded-Uri',
  'X-Original-URI',
  'X-Requested-By',
]

/** What may stand behind the path, or in place of it. */
const targets: readonly ((path: string) => string)[] = [
  (path) => path,
  (path) => `${path}?returnTo=%`,
  (path) => `${path}?returnTo=//evil.example&returnTo[]=1&__proto__[a]=1`,
  (path) => `${path}?${'a=1&'.repeat(1_500)}`,
  (path) => `${path}/%00/%ff`,
  (path) => `${path}/%2e%2e//..`,
  (path) => `http://evil.example:99999999${path}`,
  (path) => `http://[${path}`,
  (path) => `https://app.example${path}?a#b`,
  (path) => `${path}\\..\\`,
  (path) => `${path}/\u00ff`,
]

const json = (body: string) => ['application/json', body] as const
const asForm = (body: string) => ['application/x-www-form-urlencoded', body] as const

const bodies: readonly (readonly [type: string, body: string])[] = [
  json(''),
  json('null'),
  json('[]'),
  json('"text"'),
  json('1'),
  json('{'),
  json('{"sessionToken":1}'),
  json('{"sessionToken":null,"returnTo":null}'),
  json('{"sessionToken":{"a":1},"returnTo":["/a"]}'),
  json('{"sessionToken":["a","b"]}'),
  json('{"sessionToken":"","returnTo":""}'),
  json(`{"sessionToken":"${'a'.repeat(4_096)}"}`),
  json(`{"sessionToken":"${'a'.repeat(4_097)}"}`),
  json(`{"sessionToken":"${'a'.repeat(16_000)}"}`),
  json(String.raw`{"sessionToken":"\ud800\u0000\u2028\r\n","returnTo":"\ud800"}`),
  json('{"sessionToken":"a","returnTo":"/\u{1f600}\u00ff"}'),
  json('{"sessionToken":"a b\\tc\\u0007"}'),
  json('{"__proto__":{"sessionToken":"a"},"constructor":1,"toString":2}'),
  json('{"sessionToken":"a","toString":null,"hasOwnProperty":1}'),
  json(`${'{"a":'.repeat(2_500)}1${'}'.repeat(2_500)}`),
  json(`{"a":${'['.repeat(7_000)}${']'.repeat(7_000)}}`),
  json('\u00ff\u00fe\u0000'),
  asForm('sessionToken=%'),
  asForm('sessionToken=%ff%00&returnTo=%0d%0aSet-Cookie:a=b'),
  asForm('sessionToken[a]=1&sessionToken[b]=2'),
  asForm('sessionToken=a&sessionToken=b&returnTo=/&returnTo=//'),
  asForm(`sessionToken=${'a'.repeat(16_000)}`),
  asForm('&'.repeat(900)),
  asForm('__proto__[sessionToken]=a&hasOwnProperty=1&returnTo[__proto__]=1'),
  ['text/plain', 'sessionToken=a'],
  ['', '{"sessionToken":"a"}'],
  ['application/json; charset=utf-16', '{"sessionToken":"a"}'],
  ['multipart/form-data; boundary=', '--\r\n'],
  ['application/json', `{"a":"${'a'.repeat(100_000)}"}`],
]

interface Sent {
  readonly line: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

const AT_ONCE = 16

/** The requests that were not answered, or with a fault of the server; each is sent as raw bytes. */
async function failedOf(port: number, requests: readonly Sent[]): Promise<readonly unknown[]> {
  const failed: unknown[] = []
  for (let at = 0; at < requests.length; at += AT_ONCE)
    await Promise.all(
      requests.slice(at, at + AT_ONCE).map(async (sent) => {
        const status = await statusOf(port, sent)
        if (!/^[234]/.test(status))
          failed.push({ status, sent: JSON.stringify(sent).slice(0, 300) })
      }),
    )
  return failed
}

async function statusOf(port: number, { line, headers, body = '' }: Sent): Promise<string> {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const bytes = Buffer.from(body)
  const head = `${line} HTTP/1.1\r\n${lines.join('')}Content-Length: ${bytes.length}\r\nConnection: close\r\n\r\n`
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('data', (data) => {
    answer += data.toString('latin1')
    socket.end()
  })
  socket.on('error', () => {})
  socket.write(Buffer.concat([Buffer.from(head, 'latin1'), bytes]))
  await new Promise((closed) => socket.once('close', closed))
  return /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 'no answer'
}

const plenty = { perSecond: 100_000, burst: 100_000 }
const upstream = { failedLookups: plenty, failedLookupsPerClient: plenty, forwardClientIp: true }
const ours = { 'Sec-Fetch-Site': 'same-origin' } as const
const asPage = { 'Sec-Fetch-Mode': 'navigate', Accept: 'text/html' } as const

it('no handler answers 500 to a header', async () => {
  const { org, thrown, port, host } = await open('no parsers', { okta: { upstream } })
  const Cookie = org.signIn('alice@example.com')
  const requests = names.flatMap((header) =>
    values.flatMap((value, index) => [
      {
        line: `GET ${gets[index % gets.length]}`,
        headers: { Host: host, ...asPage, [header]: value },
      },
      {
        line: `POST ${posts[index % posts.length]}`,
        headers: { Host: host, ...ours, Cookie, [header]: value },
      },
    ]),
  )
  expect(await failedOf(port, requests)).toEqual([])
  expect(thrown).toEqual([])
})

it.each<[string, Choices['okta']]>([
  ['default addresses', {}],
  ['a sign-in page of its own', { signInUrl: '/sign-in?a=1#b' }],
  ['an appUrl', { appUrl: 'https://app.example', trustedOrigins: ['https://www.example.com'] }],
])('no handler answers 500 to an address or a Host, with %s', async (_, more) => {
  const { org, thrown, port, host } = await open('no parsers', { okta: { ...more, upstream } })
  const Cookie = org.signIn('alice@example.com')
  const requests = [...gets, ...posts].flatMap((path, index) => {
    const method = index < gets.length ? 'GET' : 'POST'
    const line = `${method} ${path}`
    return [
      ...targets.map((target) => ({
        line: `${method} ${target(path)}`,
        headers: { Host: host, ...asPage, ...ours },
      })),
      ...values.flatMap((Host) => [
        { line, headers: { Host, ...asPage, ...ours } },
        { line, headers: { Host, Origin: `http://${Host}`, Cookie } },
      ]),
    ]
  })
  expect(await failedOf(port, requests)).toEqual([])
  expect(thrown).toEqual([])
})

it.each(['no parsers', 'parsers'] as const)(
  'no handler answers 500 to a body, with %s',
  async (parsers) => {
    const { thrown, port, host } = await open(parsers, { okta: { upstream } })
    const requests = posts.flatMap((path) =>
      bodies.flatMap(([type, body]) =>
        [{}, asPage].map((mode) => ({
          line: `POST ${path}`,
          headers: {
            Host: host,
            ...ours,
            ...mode,
            ...(type !== '' && { 'Content-Type': type }),
            Cookie: 'idx=made-up',
          },
          body,
        })),
      ),
    )
    expect(await failedOf(port, requests)).toEqual([])
    expect(thrown).toEqual([])
  },
)

it('the link to sign out is followed from every path, also one that no cookie can have', async () => {
  const { thrown, port, host } = await open('no parsers', { okta: { upstream } })
  const marks = Array.from({ length: 0x7f - 0x21 }, (_, index) => String.fromCharCode(0x21 + index))
  const requests = marks.map((mark) => ({
    line: `GET /page/a${mark}b/c?okta-sign-out=1`,
    headers: { Host: host, ...asPage, ...ours, Cookie: 'idx=one; idx=other' },
  }))
  expect(await failedOf(port, requests)).toEqual([])
  expect(thrown).toEqual([])
})

const MARKS = ['.', '-', '/', ';', '=', ' ', '%', '"', '\\', '<', ':', '\t', '\r']

/** Text that a client may put into a header or an address, in its pieces. */
const textOf = (...pieces: readonly string[]) =>
  fc
    .array(
      fc.oneof(
        fc.constantFrom(...pieces, ...MARKS),
        fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
      ),
      { maxLength: 10 },
    )
    .map((chosen) => chosen.join(''))

const label = fc.constantFrom(
  'a',
  'example',
  'com',
  '-a',
  'a-',
  'a'.repeat(63),
  'a'.repeat(64),
  '_',
  '1',
)
const hosts = fc.oneof(
  fc.array(label, { maxLength: 4 }).map((labels) => labels.join('.')),
  textOf('a', 'example.com', ':80', '[::1]', '@'),
)

/** Headers, and what follows the path, of one request; `now` is the time of the app's clock. */
function hostile(now: number) {
  const count = textOf('0', '9', `0.${now}`, `0.${now}.0.a`, `.abcdef1`, 'a b')
  const further = fc.array(
    fc.oneof(
      count.map((value) => `okta-sign-in-redirects=${value}`),
      fc.constantFrom('idx=one', 'idx=other', 'sid=%', ''),
      textOf('idx', 'sid', 'a'),
    ),
    { maxLength: 4 },
  )
  // Two values of one name: the sign-out expires them in the domains of Host and at paths of the address.
  const contested = fc.constantFrom<readonly string[]>(['idx=one', 'idx=other'], [])
  const cookies = fc.tuple(contested, further).map((lists) => lists.flat())
  const place = textOf('/a', '//', '..', '?', '#', 'https://', 'app.example', '?returnTo=')
  const behind = fc.constantFrom('', '/', '?')
  const signOut = fc.constantFrom('', '?okta-sign-out=1', '&okta-sign-out=1')
  return fc.record({
    headers: fc.record(
      {
        Host: hosts,
        Cookie: cookies.map((each) => each.join('; ')),
        Referer: place,
        'X-Forwarded-Host': hosts,
        'X-Forwarded-Uri': place,
        'X-Forwarded-Proto': place,
        'X-Forwarded-Method': place,
        'Sec-Fetch-Site': fc.constantFrom('same-origin', 'same-origin', 'cross-site', 'none'),
        'Sec-Fetch-Mode': fc.constantFrom('navigate', 'cors'),
      },
      { requiredKeys: ['Host', 'Cookie', 'Sec-Fetch-Mode', 'Sec-Fetch-Site'] },
    ),
    behind: fc.tuple(behind, place, signOut).map((parts) => parts.join('')),
    path: fc.constantFrom(...gets, ...posts),
    method: fc.constantFrom('GET', 'POST'),
  })
}

/** Without line ends and other characters with which Node refuses the whole request. */
function sendable(text: string, pattern: RegExp): string {
  return text.replace(pattern, '')
}

it.each<[string, Choices['okta']]>([
  ['default addresses', {}],
  ['a sign-in page of its own', { signInUrl: '/sign-in?a=1#b' }],
])('no handler answers 500 to a request of random pieces, with %s', async (_, more) => {
  const { thrown, port, clock } = await open('no parsers', { okta: { ...more, upstream } })
  const sizes = { minLength: AT_ONCE, maxLength: AT_ONCE }
  await fc.assert(
    fc.asyncProperty(fc.array(hostile(clock.now()), sizes), async (requests) => {
      const sent = requests.map(({ headers, behind, path, method }) => ({
        line: `${method} ${path}${sendable(behind, /[\s\x7f-\xff]/g)}`,
        headers: Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name, sendable(value, /[\r\x7f]/g)]),
        ),
      }))
      expect(await failedOf(port, sent)).toEqual([])
      expect(thrown).toEqual([])
    }),
    { numRuns: runs(40, 400), endOnFailure: true },
  )
})

it('check() decides about any request, whatever its address and headers hold', async () => {
  const { okta, clock } = await open('no parsers', { okta: { upstream } })
  const any = fc.oneof(fc.constant(''), fc.string({ unit: 'binary', maxLength: 12 }))
  const requests = fc.tuple(hostile(clock.now()), any, any).map(
    ([{ headers, behind, path, method }, inUrl, inHeader]): RequestLike => ({
      method,
      url: `${path}${inUrl}${behind}`,
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value + inHeader]),
      ),
    }),
  )
  await fc.assert(
    fc.asyncProperty(requests, async (req) => {
      const decision = await okta.check(req)
      expect(decision.ok).toBe(false)
    }),
    { numRuns: runs(500, 5_000), endOnFailure: true },
  )
})
