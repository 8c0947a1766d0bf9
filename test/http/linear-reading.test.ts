/** What others send is read in one pass and within bounds: no header, body or answer costs more than its length. */
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { mediaType } from '../../src/http/body.js'
import { CookieReader } from '../../src/http/cookie-header.js'
import { oktaCookies } from '../../src/http/cookies.js'
import { judgePost } from '../../src/http/csrf.js'
import { appOrigin, wantsPage } from '../../src/http/request.js'
import { safeReturnTo } from '../../src/http/return-to.js'
import { countRedirect } from '../../src/http/sign-in-loop.js'
import { cleanerFor } from '../../src/okta/call-error.js'
import { safeCause } from '../../src/okta/exchange.js'
import { parseChallenge, parseOktaTime, readJson } from '../../src/okta/http-answer.js'
import { parseSession } from '../../src/okta/parse-session.js'
import { answer, SESSION } from '../okta/answers.js'
import { growth, type Work } from './growth.js'

/** Node takes 16 KiB of headers. */
const MOST = 16_384

function request(headers: IncomingMessage['headers']): IncomingMessage {
  return Object.assign(new IncomingMessage(new Socket()), { headers, method: 'GET' })
}

/** Characters that all differ, which is what makes punycode slow. */
const distinct = (length: number) =>
  String.fromCharCode(...Array.from({ length }, (_, index) => 0x4e00 + ((index * 7) % 9_000)))

const fill = (text: string, length: number) =>
  text.repeat(Math.ceil(length / text.length)).slice(0, length)

const sid = { name: 'sid', as: 'sid' as const, signed: false }
const reader = new CookieReader([{ name: 'idx', as: 'idx', signed: false }, sid], () => undefined)
const rules = { appOrigin: 'https://app.example.com', trustedOrigins: [] }
const postRules = {
  appUrl: undefined,
  trustedOrigins: [],
  allowNonBrowserClients: false,
  api: { orgUrl: 'https://id.example.com' },
}

const inAccept: Work = (text) => wantsPage(request({ accept: text }))
const inChallenge: Work = (text) => parseChallenge(new Map([['www-authenticate', [text]]]))
const inCookie: Work = (text) => reader.all(text)
const inEachCookie: Work = (text) => reader.valuesOf(sid, text)
const inLoopTo = { returnPath: '/', leavesHost: true, isFromSignIn: false }
const inLoop: Work = (cookie) => countRedirect(request({ cookie }), inLoopTo, 0, false)
const inOrigin: Work = (origin) =>
  judgePost(request({ origin, host: 'app.example.com' }), postRules)
const inHost: Work = (host) => appOrigin(request({ host }), undefined)
const inReturnTo: Work = (text) => safeReturnTo(text, rules)
const inType: Work = (type) => readJson(answer(404, '{}', { 'content-type': type }))

/** Longer than its bound, an input costs the same whatever its length. */
const bounded: [string, Work, (length: number) => string][] = [
  ['an Accept of many ranges', inAccept, (length) => fill('a/b;q=0.1,', length)],
  ['an Accept of one range', inAccept, (length) => fill('a;q=', length)],
  ['an Accept of commas', inAccept, (length) => fill(',', length)],
  ['a challenge that opens many quotations', inChallenge, (length) => fill('a="', length)],
  ['a challenge of escapes', inChallenge, (length) => `Bearer a="${fill('\\"', length)}`],
  ['a challenge of blanks', inChallenge, (length) => fill('a   ', length)],
  ['a challenge of schemes', inChallenge, (length) => fill('a ', length)],
  ['an Origin', inOrigin, (length) => `https://${encodeURIComponent(distinct(length / 9))}`],
  ['a Host', inHost, (length) => encodeURIComponent(distinct(length / 9))],
  [
    'a connection’s failure',
    (text) => safeCause(new Error(text), [fill('cookies8 ', MOST)]),
    (length) => fill('cookies9', length),
  ],
]

/** Twice as long, twice the work at most. */
const linear: [string, Work, (length: number) => string][] = [
  ['a Cookie header of many names', inCookie, (length) => fill('sid', length)],
  ['a Cookie header of equal pairs', inCookie, (length) => fill('sid=a; ', length)],
  ['a Cookie header of blanks', inCookie, (length) => `idx=${fill(' ', length)};`],
  ['a Cookie header of blanks before names', inCookie, (length) => fill('x     sid', length)],
  [
    'a Cookie header of many values',
    inEachCookie,
    (length) => Array.from({ length: length / 10 }, (_, index) => `sid=${index}`).join(';'),
  ],
  ['a Cookie header of many empty values', inEachCookie, (length) => fill('sid=;', length)],
  ['the count of redirects among escapes', inLoop, (length) => fill('x=%;', length)],
  [
    'the count of redirects among names',
    inLoop,
    (length) => fill('okta-sign-in-redirects;', length),
  ],
  ['the count of redirects among blanks', inLoop, (length) => fill(' ', length)],
  ['a return address', inReturnTo, (length) => `https://${distinct(length / 4)}.example/`],
  ['a return path of dots', inReturnTo, (length) => `/${fill('a/../', length / 2)}`],
  ['a content type of an answer', inType, (length) => `application/${fill('a+', length)}`],
  ['a content type of blanks', inType, (length) => `application/json${fill(' ', length)}x`],
  [
    'a content type of a post',
    (text) => mediaType(request({ 'content-type': text })),
    (length) => fill(' ;', length),
  ],
  [
    'a date',
    (text) => parseOktaTime(new Map([['date', [text]]])),
    (length) => fill('Mon, 01 ', length),
  ],
  [
    'a cookie of Okta’s',
    (text) => oktaCookies([text], 0),
    (length) => `sid=a; expires=${fill('(1) ', length)}`,
  ],
  [
    'attributes of a cookie of Okta’s',
    (text) => oktaCookies([text], 0),
    (length) => `sid=a${fill('; x', length)}`,
  ],
  [
    'a session’s dates',
    (text) => parseSession({ ...SESSION, createdAt: text }),
    (length) => fill('2026-11-24T', length),
  ],
  [
    'an error’s text',
    cleanerFor({ operation: 'getSession', sessionId: 'a-b-c-d-e', secrets: ['b'.repeat(64)] }),
    (length) => fill('b', length),
  ],
]

describe('inputs with a bound', () => {
  it.each(bounded)('%s is read within a bound', (_, work, input) => {
    // Eight times the input: read as a whole it would cost eight times as much, or more.
    expect(growth(work, input(MOST / 8), input(MOST), 4)).toBeLessThan(4)
  })
})

describe('inputs without a bound', () => {
  it.each(linear)('%s is read in one pass', (_, work, input) => {
    // Three doublings: 8 where the work follows the length, 64 where it follows its square.
    expect(growth(work, input(MOST / 8), input(MOST), 27)).toBeLessThan(27)
  })
})

it('preferring HTML reads the first kilobyte of an Accept header, and no range that is cut there', () => {
  const filler = fill('a/b,', 1_000)
  expect(wantsPage(request({ accept: `${filler}text/html` }))).toBe(true)
  expect(wantsPage(request({ accept: `${filler}application/json,text/html` }))).toBe(false)
  expect(wantsPage(request({ accept: `text/html,${filler}application/json` }))).toBe(true)
  expect(wantsPage(request({ accept: `${fill('a', 2_000)},text/html` }))).toBe(false)
})
