/** The same requests to the same app in each framework: the answers of the table, and the same in all of them. */
import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { text } from 'node:stream/consumers'
import { oktaSession } from 'express-okta-session'
import { createLocalOrg, type LocalOrg } from 'express-okta-session/local-org'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Framework, frameworks } from './frameworks.js'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const APP = 'http://app.example.com'
const page = { 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'none', accept: 'text/html' }
const api = { 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin', accept: '*/*' }
const form = {
  ...page,
  'sec-fetch-site': 'same-origin',
  origin: APP,
  'content-type': 'application/x-www-form-urlencoded',
}
const script = { ...api, origin: APP, 'content-type': 'application/json' }

/** The cookie that a request brings. */
const COOKIES = {
  none: () => undefined,
  active: (org: LocalOrg) => org.signIn('alice@example.com'),
  junk: () => `idx=${Math.random().toString(36).slice(2).padEnd(30, 'x')}`,
  malformed: () => 'idx="a b"',
  ambiguous: () => 'idx=one; idx=two',
  ended(org: LocalOrg) {
    const cookie = org.signIn('alice@example.com')
    org.endSession(cookie)
    return cookie
  },
  incomplete: (org: LocalOrg) => org.signIn('carol@example.com', { status: 'MFA_REQUIRED' }),
  twice(org: LocalOrg) {
    const cookie = org.signIn('alice@example.com')
    return `${cookie}; ${cookie}`
  },
} as const

interface Row {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly cookie?: keyof typeof COOKIES
  readonly body?: string | ((org: LocalOrg) => string)
  /** Okta's answers fail with this status. */
  readonly fault?: number
  readonly status: number
  /** Expected headers; null: absent. */
  readonly expected?: Readonly<Record<string, string | RegExp | null>>
  /** A part of the body. */
  readonly says?: string
}

const PROBLEM = { 'content-type': /^application\/problem\+json/, 'cache-control': /no-store/ }
const HTML = { 'content-type': /^text\/html/, 'cache-control': /no-store/ }
const TO_SIGN_IN = { location: /\/login\/login\.htm\?fromURI=/, 'cache-control': /no-store/ }
const PRIVATE = { 'cache-control': 'private, no-store', vary: /cookie/i }

const ROWS: readonly Row[] = [
  {
    method: 'GET',
    path: '/account',
    headers: api,
    cookie: 'active',
    status: 200,
    says: 'passed',
    expected: PRIVATE,
  },
  {
    method: 'GET',
    path: '/account',
    headers: page,
    cookie: 'active',
    status: 200,
    says: 'passed',
    expected: PRIVATE,
  },
  {
    method: 'HEAD',
    path: '/account',
    headers: api,
    cookie: 'active',
    status: 200,
    expected: PRIVATE,
  },
  {
    method: 'POST',
    path: '/account',
    headers: script,
    cookie: 'active',
    body: '{}',
    status: 200,
    says: 'passed',
  },
  {
    method: 'PUT',
    path: '/account',
    headers: script,
    cookie: 'active',
    body: '{}',
    status: 200,
    says: 'passed',
  },
  { method: 'GET', path: '/account', headers: api, cookie: 'twice', status: 200, says: 'passed' },
  {
    method: 'GET',
    path: '/account?a=1&b=%20',
    headers: api,
    cookie: 'active',
    status: 200,
    says: 'passed',
  },
  {
    method: 'GET',
    path: '/account',
    headers: api,
    status: 401,
    says: 'no_cookie',
    expected: { ...PROBLEM, vary: /cookie/i },
  },
  { method: 'HEAD', path: '/account', headers: api, status: 401, expected: PROBLEM },
  {
    method: 'POST',
    path: '/account',
    headers: script,
    body: '{"a":1}',
    status: 401,
    says: 'session_required',
    expected: PROBLEM,
  },
  { method: 'GET', path: '/account', headers: page, status: 302, expected: TO_SIGN_IN },
  { method: 'HEAD', path: '/account', headers: page, status: 302, expected: TO_SIGN_IN },
  {
    method: 'GET',
    path: '/account?tab=2',
    headers: page,
    status: 302,
    expected: { location: /account%3Ftab%3D2/ },
  },
  { method: 'POST', path: '/account', headers: form, body: 'a=1', status: 401, expected: HTML },
  {
    method: 'GET',
    path: '/account',
    headers: api,
    cookie: 'junk',
    status: 401,
    says: 'not_found',
    expected: PROBLEM,
  },
  {
    method: 'GET',
    path: '/account',
    headers: page,
    cookie: 'junk',
    status: 302,
    expected: TO_SIGN_IN,
  },
  {
    method: 'GET',
    path: '/account',
    headers: api,
    cookie: 'ended',
    status: 401,
    says: 'not_found',
  },
  {
    method: 'GET',
    path: '/account',
    headers: api,
    cookie: 'malformed',
    status: 401,
    says: 'invalid_cookie',
  },
  {
    method: 'GET',
    path: '/account',
    headers: api,
    cookie: 'ambiguous',
    status: 401,
    says: 'ambiguous_cookie',
  },
  {
    method: 'GET',
    path: '/account',
    headers: api,
    cookie: 'incomplete',
    status: 403,
    says: 'mfa_required',
    expected: PROBLEM,
  },
  {
    method: 'GET',
    path: '/account',
    headers: page,
    cookie: 'incomplete',
    status: 302,
    expected: TO_SIGN_IN,
  },
  {
    method: 'GET',
    path: '/admin',
    headers: api,
    cookie: 'active',
    status: 403,
    says: 'mfa_required',
    expected: PROBLEM,
  },
  { method: 'GET', path: '/admin', headers: page, cookie: 'active', status: 403, expected: HTML },
  {
    method: 'GET',
    path: '/never',
    headers: api,
    cookie: 'active',
    status: 403,
    says: 'forbidden',
    expected: PROBLEM,
  },
  { method: 'GET', path: '/never', headers: page, cookie: 'active', status: 403, expected: HTML },
  {
    method: 'GET',
    path: '/account',
    headers: api,
    cookie: 'active',
    fault: 503,
    status: 503,
    says: 'okta_unavailable',
    expected: { ...PROBLEM, 'retry-after': /^\d+$/ },
  },
  {
    method: 'GET',
    path: '/account',
    headers: page,
    cookie: 'active',
    fault: 503,
    status: 503,
    expected: { ...HTML, 'retry-after': /^\d+$/, location: null },
  },
  { method: 'OPTIONS', path: '/account', headers: api, status: 401, says: 'session_required' },
  {
    method: 'GET',
    path: '/session',
    headers: api,
    cookie: 'active',
    status: 200,
    says: '"state":"active"',
    expected: PRIVATE,
  },
  {
    method: 'GET',
    path: '/session',
    headers: api,
    status: 200,
    says: 'no_cookie',
    expected: PRIVATE,
  },
  {
    method: 'POST',
    path: '/session',
    headers: script,
    body: '{}',
    status: 405,
    says: 'method_not_allowed',
    expected: { allow: 'GET, HEAD' },
  },
  {
    method: 'POST',
    path: '/refresh',
    headers: script,
    cookie: 'active',
    body: '{}',
    status: 200,
    says: 'expiresAt',
    expected: { 'cache-control': 'no-store' },
  },
  {
    method: 'POST',
    path: '/refresh',
    headers: script,
    cookie: 'ended',
    body: '{}',
    status: 401,
    says: 'session_required',
  },
  {
    method: 'GET',
    path: '/refresh',
    headers: api,
    cookie: 'active',
    status: 405,
    expected: { allow: 'POST' },
  },
  {
    method: 'POST',
    path: '/refresh',
    headers: { ...script, origin: 'https://evil.example' },
    cookie: 'active',
    body: '{}',
    status: 403,
    says: 'cross_site',
  },
  {
    method: 'POST',
    path: '/logout',
    headers: form,
    cookie: 'active',
    body: 'returnTo=%2Fbye',
    status: 303,
    expected: { location: '/bye', 'set-cookie': /^idx=;/ },
  },
  {
    method: 'POST',
    path: '/logout',
    headers: script,
    cookie: 'active',
    body: '{}',
    status: 204,
    expected: { 'set-cookie': /^idx=;/ },
  },
  {
    method: 'POST',
    path: '/logout',
    headers: { ...form, origin: 'null', 'sec-fetch-site': 'cross-site' },
    cookie: 'active',
    body: '',
    status: 403,
  },
  {
    method: 'GET',
    path: '/logout',
    headers: page,
    cookie: 'active',
    status: 405,
    expected: { ...HTML, allow: 'POST' },
  },
  {
    method: 'POST',
    path: '/login',
    headers: form,
    body: (org) => `sessionToken=${org.sessionToken('alice@example.com')}&returnTo=%2Fhome`,
    status: 303,
    expected: { location: '/home', 'set-cookie': /^sid=/ },
  },
  {
    method: 'POST',
    path: '/login',
    headers: script,
    body: (org) => JSON.stringify({ sessionToken: org.sessionToken('alice@example.com') }),
    status: 200,
    says: '"returnTo":"/"',
  },
  {
    method: 'POST',
    path: '/login',
    headers: script,
    body: '{"sessionToken":"wrong"}',
    status: 401,
    says: 'sign_in_failed',
  },
  {
    method: 'POST',
    path: '/login',
    headers: script,
    body: '{',
    status: 400,
    says: 'invalid_request',
  },
  {
    method: 'POST',
    path: '/login',
    headers: { ...script, 'content-type': 'text/plain' },
    body: 'x',
    status: 415,
  },
]

/** The headers that all frameworks must agree on. */
const COMPARED = [
  'location',
  'cache-control',
  'vary',
  'retry-after',
  'allow',
  'www-authenticate',
  'content-type',
  'okta-closed',
]

const servers: {
  readonly name: string
  readonly framework: Framework
  readonly port: number
  readonly close: () => Promise<void>
}[] = []
let org: LocalOrg

beforeAll(async () => {
  org = await createLocalOrg()
  for (const [name, start] of Object.entries(frameworks)) {
    const okta = oktaSession({
      orgUrl: org.url,
      appUrl: APP,
      cookies: ['idx', 'sid'],
      logger: false,
    })
    const framework = await start(okta)
    const { server } = framework
    if (!server.listening) {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
    }
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const close = async () => {
      server.close()
      if ('closeAllConnections' in server) server.closeAllConnections()
      await okta.close()
    }
    servers.push({ name, framework, port, close })
  }
})
afterAll(async () => {
  await Promise.all(servers.map(({ close }) => close()))
  await org.close()
})

describe('the conformance suite', () => {
  it('has at least forty requests and nine frameworks', () => {
    expect(ROWS.length).toBeGreaterThanOrEqual(40)
    expect(servers.length).toBe(9)
  })

  it.each(
    ROWS.map(
      (row, at) => [`${at + 1} ${row.method} ${row.path} ${row.cookie ?? 'none'}`, row] as const,
    ),
  )('%s', async (_name, row) => {
    const answers: Record<string, object> = {}
    for (const { name, framework, port } of servers) {
      const recover =
        row.fault === undefined ? undefined : org.fail({ kind: 'status', status: row.fault })
      const answer = await send(row, framework.http2 === true, port)
      recover?.()
      expect(answer.status, `${name}: ${answer.body.slice(0, 200)}`).toBe(row.status)
      for (const [header, value] of Object.entries(row.expected ?? {})) {
        const given = answer.headers[header]
        const line = Array.isArray(given) ? given.join('\n') : given
        if (value === null) expect(line, `${name} ${header}`).toBeUndefined()
        else expect(line, `${name} ${header}`).toMatch(value)
      }
      if (row.says !== undefined) expect(answer.body, name).toContain(row.says)
      answers[name] = comparable(answer, row)
    }
    const [[, first] = ['', {}], ...others] = Object.entries(answers)
    for (const [name, answer] of others) expect(answer, name).toEqual(first)
  })
})

/** The answer without what may differ: values of cookies, times, and the content type of the app's own answer. */
function comparable({ status, headers, body }: Answer, { says }: Row) {
  const compared = COMPARED.map((name) => [name, headers[name]] as const)
  const isOwn = says === 'passed' || (status === 200 && body === '')
  const cookies = (headers['set-cookie'] ?? []).map((line) => line.replace(/=[^;]+/, '=value'))
  return {
    status,
    ...Object.fromEntries(compared.filter(([name]) => !isOwn || name !== 'content-type')),
    cookies: cookies.map(withoutTimes).toSorted(),
    body: withoutTimes(body).replaceAll(/nonce(-|=")[\w+/=-]+/g, 'nonce'),
  }
}

function withoutTimes(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'time')
    .replaceAll(/\d\d:\d\d:\d\d UTC/g, 'time')
}

async function send(
  { method, path, headers = {}, cookie = 'none', body }: Row,
  http2: boolean,
  port: number,
): Promise<Answer> {
  const brought = COOKIES[cookie](org)
  const payload = typeof body === 'function' ? body(org) : body
  const all = {
    ...headers,
    ...(brought !== undefined && { cookie: brought }),
    ...(payload !== undefined && { 'content-length': String(Buffer.byteLength(payload)) }),
  }
  return http2
    ? sendHttp2(method, path, all, payload, port)
    : sendHttp(method, path, all, payload, port)
}

async function sendHttp(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  payload: string | undefined,
  port: number,
): Promise<Answer> {
  const req = request({
    port,
    host: '127.0.0.1',
    method,
    path,
    headers: { ...headers, host: 'app.example.com' },
    agent: false,
  })
  req.end(payload)
  const [res] = await once(req, 'response')
  return { status: res.statusCode ?? 0, headers: res.headers, body: await text(res) }
}

async function sendHttp2(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  payload: string | undefined,
  port: number,
): Promise<Answer> {
  const client = connectHttp2(`http://127.0.0.1:${port}`)
  const stream = client.request({
    ':method': method,
    ':path': path,
    ':authority': 'app.example.com',
    ...headers,
  })
  stream.end(payload)
  const [answered] = await once(stream, 'response')
  const body = await text(stream)
  client.close()
  return { status: Number(answered[':status']), headers: answered, body }
}
