import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/okta/call.js'
import type { CallResult } from '../../src/okta/call-error.js'
import { createOperations, type Operations } from '../../src/okta/operations.js'
import type { CheckedCredentials } from '../../src/options/options.js'
import { ENVELOPE, type Ending, endingOf, SESSION } from './answers.js'
import { httpServer, type RawServer, type Seen } from './raw-server.js'

type Reply = readonly [status: number, body?: unknown, headers?: Record<string, string>]

let server: RawServer
let reply: (req: Seen) => Reply

beforeAll(async () => {
  server = await httpServer((req, res) => {
    const [status, body, headers] = reply(req)
    res.writeHead(status, { 'content-type': 'application/json', ...headers })
    res.end(body === undefined ? '' : JSON.stringify(body))
  })
})
afterAll(() => server.close())
beforeEach(() => {
  reply = ({ method }) => (method === 'DELETE' ? [204] : [200, SESSION])
})

const NO_AUTHORIZATION = expect.not.objectContaining({ authorization: expect.anything() })

/** Runs one call and returns how it ended with the requests it made. */
async function run(
  call: (operations: Operations) => Promise<CallResult<unknown>>,
  credentials?: CheckedCredentials,
): Promise<{ outcome: Ending; requests: readonly Seen[] }> {
  const operations = createOperations(
    { orgUrl: server.url, credentials, timeoutMs: 2_000, agent: undefined },
    systemClock,
  )
  const before = server.seen.length
  try {
    const outcome = endingOf(await call(operations))
    return { outcome, requests: server.seen.slice(before) }
  } finally {
    await operations.close()
  }
}

const API_TOKEN: CheckedCredentials = { apiToken: '00apitoken' }

describe('the requests', () => {
  const COOKIE = 'idx=eyJ.abc_-1'
  it.each([
    ['getCurrentSession', 'GET', '/api/v1/sessions/me'],
    ['refreshCurrentSession', 'POST', '/api/v1/sessions/me/lifecycle/refresh'],
    ['closeCurrentSession', 'DELETE', '/api/v1/sessions/me'],
  ] as const)('%s is %s %s with the cookie alone', async (operation, method, path) => {
    const { outcome, requests } = await run((api) => api[operation](COOKIE), API_TOKEN)
    expect(outcome.kind).toBe('ok')
    expect(requests).toMatchObject([{ method, url: path, headers: { cookie: COOKIE }, body: '' }])
    expect(requests[0]?.headers).toEqual(NO_AUTHORIZATION)
  })

  it('cookie operations send no Cookie header without a cookie', async () => {
    const { requests } = await run((api) => api.getCurrentSession())
    expect(requests[0]?.headers).not.toHaveProperty('cookie')
  })

  it.each([
    ['getSession', 'GET', '/api/v1/sessions/102a-B_c'],
    ['refreshSession', 'POST', '/api/v1/sessions/102a-B_c/lifecycle/refresh'],
    ['revokeSession', 'DELETE', '/api/v1/sessions/102a-B_c'],
  ] as const)('%s is %s %s with the credentials', async (operation, method, path) => {
    const { outcome, requests } = await run((api) => api[operation]('102a-B_c'), API_TOKEN)
    expect(outcome.kind).toBe('ok')
    const headers = { authorization: 'SSWS 00apitoken' }
    expect(requests).toMatchObject([{ method, url: path, headers, body: '' }])
    expect(requests[0]?.headers).not.toHaveProperty('cookie')
  })

  it('createSession posts the session token as JSON, with the API token when there is one', async () => {
    const create = (api: Operations) => api.createSession({ sessionToken: '20111"tok' })
    const { requests } = await run(create, API_TOKEN)
    expect(requests).toMatchObject([
      {
        method: 'POST',
        url: '/api/v1/sessions',
        body: '{"sessionToken":"20111\\"tok"}',
        headers: { authorization: 'SSWS 00apitoken', 'content-type': 'application/json' },
      },
    ])
    for (const other of [undefined, { accessToken: 'access-token' }])
      expect((await run(create, other)).requests[0]?.headers).toEqual(NO_AUTHORIZATION)
  })

  it('a request carries the headers given for its call, but never another Authorization', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.9', authorization: 'other' }
    const { requests } = await run((api) => api.getSession('abc', { headers }), API_TOKEN)
    expect(requests[0]?.headers).toMatchObject({
      'x-forwarded-for': '203.0.113.9',
      authorization: 'SSWS 00apitoken',
    })
  })

  it('a request encodes the id as one path segment', async () => {
    const { requests } = await run((api) => api.getSession('a?b#c;ü'), API_TOKEN)
    expect(requests[0]?.url).toBe('/api/v1/sessions/a%3Fb%23c%3B%C3%BC')
  })
})

describe('arguments that cannot be sent', () => {
  async function refusal(call: (api: Operations) => Promise<unknown>): Promise<unknown> {
    const before = server.seen.length
    const operations = createOperations(
      { orgUrl: server.url, credentials: API_TOKEN, timeoutMs: 2_000, agent: undefined },
      systemClock,
    )
    const error = await call(operations).then(
      () => 'no refusal',
      (reason: unknown) => reason,
    )
    expect(server.seen.length).toBe(before)
    return error
  }

  it.each([
    'sid',
    'sid=',
    'SID=abcdefgh1',
    'xid=abcdefgh1',
    'sid=abcdefgh1; idx=abcdefgh1',
    'sid=abcdefgh1;',
    'sid=abcdefgh1 ',
    ' sid=abcdefgh1',
    'sid="abcdefgh1"',
    'sid=abcdefgh1%3B',
    'sid=abcdefgh1,b',
    'sid=abcdefgh1\\',
    'sid=abcdefgh1\n',
    'sid=abcdefgh1\r\nx: y',
    'sid=abcdefgh1é',
    `sid=${'a'.repeat(4_097)}`,
    '',
    null,
    5,
    {},
    ['sid=abcdefgh1'],
  ])('an operation refuses the cookie %j', async (cookie) => {
    for (const operation of [
      'getCurrentSession',
      'refreshCurrentSession',
      'closeCurrentSession',
    ] as const) {
      const error = await refusal((api) => Reflect.apply(api[operation], api, [cookie]))
      expect(error).toBeInstanceOf(TypeError)
      expect(String(error)).toContain(`${operation}: cookie must be`)
      expect(String(error)).not.toContain('abcdefgh1')
    }
  })

  it.each([
    'me',
    'Me',
    '.',
    '..',
    '',
    '../users/me',
    'a/b-secret',
    'a\\b-secret',
    'a%2Fb-secret',
    'a b-secret',
    'a\nb-secret',
    'a\u0000b-secret',
    '\ud800',
    `${'a'.repeat(4_097)}`,
    undefined,
    null,
    7,
    {},
  ])('an operation refuses the session id %j', async (sessionId) => {
    for (const operation of ['getSession', 'refreshSession', 'revokeSession'] as const) {
      const error = await refusal((api) => Reflect.apply(api[operation], api, [sessionId]))
      expect(error).toBeInstanceOf(TypeError)
      expect(String(error)).toContain(`${operation}: sessionId must be`)
      expect(String(error)).not.toContain('secret')
    }
  })

  it.each([
    undefined,
    null,
    'tok-secret',
    {},
    { sessionToken: '' },
    { sessionToken: 5 },
    { sessionToken: `tok-secret${'a'.repeat(5_000)}` },
  ])('createSession refuses %j', async (request) => {
    const error = await refusal((api) => Reflect.apply(api.createSession, api, [request]))
    expect(error).toBeInstanceOf(TypeError)
    expect(String(error)).toContain('createSession: give it { sessionToken }')
    expect(String(error)).not.toContain('tok-secret')
  })

  it('an operation refuses a signal that is no AbortSignal', async () => {
    const options = { signal: 'now' }
    const error = await refusal((api) => Reflect.apply(api.getSession, api, ['abc', options]))
    expect(String(error)).toContain('getSession: signal must be an AbortSignal')
  })
})

describe('an access token', () => {
  it('an access token is sent as Bearer, once', async () => {
    reply = () => [401, { ...ENVELOPE, errorCode: 'E0000011', errorSummary: 'Invalid token' }]
    const { outcome, requests } = await run((api) => api.getSession('abc'), {
      accessToken: 'tok-1',
    })
    expect(requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer tok-1'])
    expect(outcome).toMatchObject({ kind: 'error', error: { status: 401, errorCode: 'E0000011' } })
  })

  it('an access token from a function is fetched for each call', async () => {
    let count = 0
    const credentials = { accessToken: () => `tok-${++count}` }
    const { requests } = await run(async (api) => {
      await api.getSession('abc')
      return api.refreshSession('abc')
    }, credentials)
    expect(requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer tok-1',
      'Bearer tok-2',
    ])
  })

  it('an access token from a function is fetched once more after a 401, and then the answer stands', async () => {
    reply = ({ headers }) =>
      headers.authorization === 'Bearer tok-2' ? [200, SESSION] : [401, ENVELOPE]
    let count = 0
    const accessToken = vi.fn(async () => `tok-${++count}`)
    const good = await run((api) => api.getSession('abc'), { accessToken })
    expect(good.outcome.kind).toBe('ok')
    expect(accessToken).toHaveBeenCalledTimes(2)
    reply = () => [401, ENVELOPE]
    const bad = await run((api) => api.getSession('abc'), { accessToken })
    expect(bad.outcome).toMatchObject({ kind: 'error', error: { status: 401 } })
    expect(bad.requests).toHaveLength(2)
  })

  it('an access token is not fetched again after any other error', async () => {
    reply = () => [403, ENVELOPE]
    const accessToken = vi.fn(async () => 'tok')
    await run((api) => api.getSession('abc'), { accessToken })
    expect(accessToken).toHaveBeenCalledTimes(1)
  })

  it.each([undefined, null, '', 'a b-secret', 'a\nb-secret', 7, { token: 'b-secret' }])(
    'an access token that a function gives as %j is a TypeError that names the option and no value',
    async (token) => {
      const accessToken = (() => token) as () => string
      const error = await run((api) => api.getSession('abc'), { accessToken }).catch(
        (e: unknown) => e,
      )
      expect(error).toBeInstanceOf(TypeError)
      expect(String(error)).toContain('credentials.accessToken')
      expect(String(error)).not.toContain('secret')
    },
  )

  it('a token function that rejects rejects the call with its own error', async () => {
    const own = new Error('vault is sealed')
    const accessToken = () => Promise.reject(own)
    await expect(run((api) => api.getSession('abc'), { accessToken })).rejects.toBe(own)
  })

  it('a token function that never resolves ends with the deadline', async () => {
    const accessToken = () => new Promise<string>(() => {})
    const operations = createOperations(
      { orgUrl: server.url, credentials: { accessToken }, timeoutMs: 50, agent: undefined },
      systemClock,
    )
    const outcome = endingOf(await operations.getSession('abc'))
    expect(outcome).toMatchObject({ kind: 'unavailable', error: { code: 'timeout' } })
  })
})

describe("the caller's signal", () => {
  it('a signal rejects with its own reason, while waiting for a token or for Okta', async () => {
    const controller = new AbortController()
    const reason = new Error('user left')
    const accessToken = () => {
      controller.abort(reason)
      return new Promise<string>(() => {})
    }
    const { signal } = controller
    await expect(run((api) => api.getSession('abc', { signal }), { accessToken })).rejects.toBe(
      reason,
    )
    await expect(run((api) => api.getCurrentSession('sid=abc', { signal }))).rejects.toBe(reason)
  })
})
