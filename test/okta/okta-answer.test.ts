import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { OperationSubject } from '../../src/okta/call-error.js'
import type { HttpAnswer, HttpFailure } from '../../src/okta/exchange.js'
import {
  emptyAnswer,
  type ReadAnswer,
  secretSessionAnswer,
  sessionAnswer,
} from '../../src/okta/okta-answer.js'
import { answer, ENVELOPE, type Ending, endingOf, longAnswer, SESSION } from './answers.js'

const ME: OperationSubject = { operation: 'getCurrentSession', secrets: [] }
const JSON_TYPE = { 'content-type': 'application/json' }

/** How a call about `subject` ends whose last exchange ended so. */
function ending(
  read: ReadAnswer<unknown>,
  subject: OperationSubject,
  result: HttpAnswer | HttpFailure,
): Ending {
  return endingOf({ subject, result, answer: read(subject.operation, result) })
}

const inSession = (given: HttpAnswer) => ending(sessionAnswer, ME, given)

/** What an ending says, in a word. */
function verdict(read: ReadAnswer<unknown>, subject: OperationSubject, given: HttpAnswer): string {
  const found = read(subject.operation, given)
  const shown = ending(read, subject, given)
  if (shown.kind === 'ok') return 'ok'
  const word = found.kind === 'unavailable' ? found.code : found.kind
  if (shown.kind === 'unavailable') return word
  return `error ${/^E\d{7}$/.test(shown.error.errorCode ?? '') ? 'okta' : 'other'} ${word}`
}

describe('a session operation', () => {
  it.each([
    ['a session', answer(200, SESSION), 'ok'],
    [
      'a session with a charset',
      answer(200, SESSION, { 'content-type': 'application/json; charset=utf-8' }),
      'ok',
    ],
    ['a session as HAL', answer(200, SESSION, { 'content-type': 'application/hal+json' }), 'ok'],
    [
      'a session said to be identity',
      answer(200, SESSION, { ...JSON_TYPE, 'content-encoding': 'identity' }),
      'ok',
    ],
    [
      'a session after a byte order mark',
      answer(200, Buffer.from(`\ufeff${JSON.stringify(SESSION)}`)),
      'ok',
    ],
    ['html', answer(200, '<html>', { 'content-type': 'text/html' }), 'content_type'],
    [
      'a session called text',
      answer(200, SESSION, { 'content-type': 'text/plain' }),
      'content_type',
    ],
    ['a session of no type', answer(200, SESSION, {}), 'content_type'],
    [
      'a session of two types',
      answer(200, SESSION, { 'content-type': ['application/json', 'text/html'] }),
      'content_type',
    ],
    [
      'JavaScript',
      answer(200, SESSION, { 'content-type': 'application/javascript' }),
      'content_type',
    ],
    ['a gzip body', answer(200, SESSION, { ...JSON_TYPE, 'content-encoding': 'gzip' }), 'encoding'],
    [
      'an unknown encoding',
      answer(200, SESSION, { ...JSON_TYPE, 'content-encoding': 'x' }),
      'encoding',
    ],
    ['an empty body', answer(200, ''), 'malformed'],
    ['half a session', answer(200, JSON.stringify(SESSION).slice(0, -9)), 'malformed'],
    ['bytes that are no UTF-8', answer(200, Buffer.from([0x22, 0xff, 0x22])), 'malformed'],
    ['a body over the cap', longAnswer(200), 'too_large'],
    ['null', answer(200, 'null'), 'schema'],
    ['an array of a session', answer(200, [SESSION]), 'schema'],
    ['an error body under a 200', answer(200, ENVELOPE), 'schema'],
    ['a session without end', answer(200, { ...SESSION, expiresAt: undefined }), 'schema'],
    ['a 204', answer(204), 'unexpected_status'],
    ['a session under a 201', answer(201, SESSION), 'unexpected_status'],
    ['a session under a 206', answer(206, SESSION), 'unexpected_status'],
    ['a 301', answer(301, SESSION), 'redirect'],
    ['a 302', answer(302, SESSION), 'redirect'],
    ['a 304', answer(304), 'redirect'],
    ['a 308', answer(308, SESSION), 'redirect'],
    ['a status beyond HTTP', answer(799, SESSION), 'unexpected_status'],
  ] as const)('a session operation makes of %s: %s', (_what, given, expected) => {
    expect(verdict(sessionAnswer, ME, given)).toBe(expected)
  })

  it.each([
    [400, 'unexpected_status'],
    // The envelope's E0000007 means no session with a 404 alone.
    [401, 'unexpected_status'],
    [403, 'forbidden'],
    [404, 'unexpected_status', 'no'],
    [405, 'unexpected_status'],
    [429, 'rate_limited'],
    [500, 'server_error'],
    [502, 'server_error'],
    [503, 'server_error'],
    [504, 'server_error'],
    [599, 'server_error'],
  ])(
    'a session operation makes of a %i an error, in Okta’s shape or not',
    (status, code, inShape = code) => {
      expect(verdict(sessionAnswer, ME, answer(status, ENVELOPE))).toBe(`error okta ${inShape}`)
      const others = [
        answer(status),
        answer(status, '<html>', { 'content-type': 'text/html' }),
        answer(status, ENVELOPE, { 'content-type': 'text/html' }),
        answer(status, ENVELOPE, { ...JSON_TYPE, 'content-encoding': 'gzip' }),
        answer(status, { error: 'not_found' }),
        answer(status, [ENVELOPE]),
        answer(status, { ...ENVELOPE, errorCode: 'E7' }),
        answer(status, { ...ENVELOPE, errorCode: 'E00000071' }),
        answer(status, { ...ENVELOPE, errorCode: 7 }),
        longAnswer(status),
      ]
      for (const other of others)
        expect(verdict(sessionAnswer, ME, other), inspect(other)).toBe(`error other ${code}`)
    },
  )

  it('a 429 tells its kind and how long to wait', () => {
    const limited = (limit: number) =>
      answer(
        429,
        { ...ENVELOPE, errorCode: 'E0000047' },
        {
          ...JSON_TYPE,
          date: 'Tue, 24 Nov 2026 10:00:00 GMT',
          'x-rate-limit-limit': String(limit),
          'x-rate-limit-remaining': '0',
          'x-rate-limit-reset': String(Date.UTC(2026, 10, 24, 10, 0, 20) / 1_000),
        },
      )
    expect(verdict(sessionAnswer, ME, limited(600))).toBe('error okta rate_limited')
    expect(verdict(sessionAnswer, ME, limited(0))).toBe('error okta concurrency_limited')
    expect(inSession(limited(600))).toMatchObject({ retryAfterMs: 21_000 })
    expect(inSession(answer(503, ENVELOPE))).not.toHaveProperty('retryAfterMs')
  })

  it('a 429 without usable headers means a wait of 5 s', () => {
    expect(inSession(answer(429))).toMatchObject({ retryAfterMs: 5_000 })
  })

  it('an answer keeps what it said besides its body', () => {
    const ended = inSession(
      answer(200, SESSION, {
        ...JSON_TYPE,
        'x-okta-request-id': 'aBcD-123',
        date: 'Tue, 24 Nov 2026 10:00:00 GMT',
        'x-rate-limit-limit': '600',
        'x-rate-limit-remaining': '599',
        'x-rate-limit-reset': '1795000000',
        'set-cookie': ['a=1', 'b=2'],
      }),
    )
    expect(ended).toMatchObject({
      head: {
        status: 200,
        requestId: 'aBcD-123',
        oktaTime: Date.UTC(2026, 10, 24, 10),
        rateLimit: { limit: 600, remaining: 599, resetAt: 1_795_000_000_000 },
        setCookies: ['a=1', 'b=2'],
      },
    })
  })

  it('a request id that could forge a log line is left out', () => {
    const ended = inSession(answer(200, SESSION, { ...JSON_TYPE, 'x-okta-request-id': 'a\tb c' }))
    expect(ended.head).not.toHaveProperty('requestId')
  })

  it('an answer hides the session id from inspection where it may be the cookie itself', () => {
    const ended = secretSessionAnswer('getSession', answer(200, { ...SESSION, id: '102secretsid' }))
    expect(inspect(ended, { depth: Infinity })).not.toContain('102secretsid')
  })
})

describe('an operation without an answer body', () => {
  it.each([
    ['a 204', answer(204, '', {}), 'ok'],
    ['a 200', answer(200, SESSION), 'unexpected_status'],
    [
      'a portal’s page',
      answer(200, '<html>', { 'content-type': 'text/html' }),
      'unexpected_status',
    ],
    ['a 302', answer(302), 'redirect'],
    ['a 404 of Okta’s', answer(404, ENVELOPE), 'error okta no'],
  ] as const)('an operation without an answer body makes of %s: %s', (_what, given, expected) => {
    const subject: OperationSubject = { operation: 'revokeSession', secrets: [] }
    expect(verdict(emptyAnswer, subject, given)).toBe(expected)
  })
})

describe('no answer', () => {
  it('a missing answer becomes an error with code, operation and the client’s reason', () => {
    const cause = new Error('connect ECONNREFUSED 127.0.0.1:1')
    const ended = ending(sessionAnswer, ME, { kind: 'failed', code: 'connect', cause })
    expect(ended).toMatchObject({
      kind: 'unavailable',
      error: {
        name: 'OktaUnavailableError',
        operation: 'getCurrentSession',
        code: 'connect',
        retryable: true,
        cause,
      },
    })
    expect(ended).toMatchObject({
      error: {
        message:
          'getCurrentSession: no usable answer from Okta: connect (no connection) (express-okta-session/docs/errors.md#unavailable-connect)',
      },
    })
  })

  it.each([
    ['timeout', true],
    ['dns', true],
    ['reset', true],
    ['tls', false],
    ['malformed', false],
    ['closed', false],
  ] as const)('a missing answer by %s: retryable %s', (code, retryable) => {
    const ended = ending(sessionAnswer, ME, { kind: 'failed', code })
    expect(ended).toMatchObject({ error: { code, retryable } })
  })
})

describe('an OktaApiError', () => {
  const failure = (subject: OperationSubject, given: HttpAnswer) => {
    const ended = ending(sessionAnswer, subject, given)
    if (ended.kind !== 'error') throw new Error(ended.kind)
    return ended.error
  }

  it('an OktaApiError carries every field of the envelope as it came', () => {
    const causes = [{ errorSummary: 'first' }, { other: 1 }, 'text', { errorSummary: 2 }]
    const error = failure(
      ME,
      answer(
        404,
        { ...ENVELOPE, errorCauses: causes },
        { ...JSON_TYPE, 'x-okta-request-id': 'rq1' },
      ),
    )
    expect(error).toMatchObject({
      ...ENVELOPE,
      name: 'OktaApiError',
      operation: 'getCurrentSession',
      status: 404,
      requestId: 'rq1',
      errorCauses: [{ errorSummary: 'first' }],
      message: 'getCurrentSession: 404 E0000007 Not found: Resource not found: me (Session)',
    })
  })

  it('an OktaApiError carries nothing where the body is not Okta’s', () => {
    const error = failure(ME, answer(404, { errorCode: 'nope', errorSummary: 'text' }))
    expect(error.message).toBe("getCurrentSession: 404 an answer without Okta's error body")
    const { errorCode, errorSummary, errorLink, errorId, errorCauses, challenge } = error
    expect([errorCode, errorSummary, errorLink, errorId, challenge]).toEqual(
      Array(5).fill(undefined),
    )
    expect(errorCauses).toEqual([])
  })

  it.each(['102lUq-Ls_3RQ2abcdefghijk', 'e', 'a b', 'ü', 'x.y'])(
    'an OktaApiError writes the id of the call, %j, as {sessionId}',
    (sessionId) => {
      const errorSummary = `Not found: Resource not found: ${sessionId} (AppSession)`
      const error = failure(
        { operation: 'getSession', sessionId, secrets: [] },
        answer(404, { ...ENVELOPE, errorSummary }),
      )
      const told = 'Not found: Resource not found: {sessionId} (AppSession)'
      expect(error.message).toBe(`getSession: 404 E0000007 ${told}`)
      expect(error).toMatchObject({ ...ENVELOPE, errorSummary: told })
    },
  )

  const original = '102lU"q-Ls_3R&Q2+abcdef=ü~x'
  const bytes = Buffer.from(original)
  const everyByte = bytes.toString('hex').replaceAll(/../g, '%$&')
  it.each([
    ['as it is', original],
    ['percent-encoded', encodeURIComponent(original)],
    [
      'percent-encoded in lower case',
      encodeURIComponent(original)
        .toLowerCase()
        .replace('lu', 'lU')
        .replace('ls_3r', 'Ls_3R')
        .replace('q2', 'Q2'),
    ],
    ['percent-encoded twice', encodeURIComponent(encodeURIComponent(original))],
    ['each byte percent-encoded', everyByte],
    ['as HTML', original.replace('"', '&quot;').replace('&Q', '&amp;Q')],
    ['as JSON', original.replace('"', '\\"')],
    ['as base64', bytes.toString('base64')],
    ['as base64url', bytes.toString('base64url')],
    ['as hex', bytes.toString('hex')],
  ])(
    'an OktaApiError hides the id of the call in every text, and a secret too: %s',
    (_, echoed) => {
      const given = answer(
        403,
        {
          ...ENVELOPE,
          errorSummary: `for ${echoed}`,
          errorLink: `/api/v1/sessions/${echoed}/x`,
          errorId: echoed,
          errorCauses: [{ errorSummary: `${echoed}!` }],
        },
        {
          ...JSON_TYPE,
          'www-authenticate': `Bearer error="${echoed.replaceAll(/["\\]/g, '\\$&')}", scope="a ${echoed.replaceAll(/["\\]/g, '\\$&')} b"`,
        },
      )
      for (const [subject, name] of [
        [{ operation: 'getSession', sessionId: original, secrets: [] }, '{sessionId}'],
        [{ operation: 'getSession', secrets: [original] }, '{secret}'],
      ] as const) {
        const error = failure(subject, given)
        expect(error).toMatchObject({
          errorCode: ENVELOPE.errorCode,
          errorSummary: `for ${name}`,
          errorLink: `/api/v1/sessions/${name}/x`,
          errorId: name,
          errorCauses: [{ errorSummary: `${name}!` }],
          challenge: { error: name, scope: `a ${name} b` },
        })
        expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(echoed)
      }
    },
  )

  it('an OktaApiError cuts a text longer than any of Okta’s, and shows no part of the id at the cut', () => {
    const sessionId = '102lUq-Ls_3RQ2abcdefghijk'
    for (let before = 8_150; before < 8_200; before += 1) {
      const errorSummary = 'x'.repeat(before) + sessionId + 'y'.repeat(30_000)
      const error = failure(
        { operation: 'getSession', sessionId, secrets: [] },
        answer(404, { ...ENVELOPE, errorSummary }),
      )
      expect(error.errorSummary?.length).toBeLessThanOrEqual(8_192)
      expect(error.errorSummary).toMatch(/^x{8000,}(\{|\{s\w*|\{sessionId\}y*)?$/)
    }
  })

  it.each([
    ['the requested id', { sessionId: '102lUq-Ls_3RQ2abcdefghijk' }, '102lUq-Ls_3RQ2abcdefghijk'],
    ['a short id', { sessionId: 'abc' }, 'abc'],
    ['a secret', { secrets: ['102lUq-Ls_3RQ2abcdefghijk'] }, 'rq.102lUq-Ls_3RQ2abcdefghijk'],
    ['a secret as base64', { secrets: ['102lUq-Ls'] }, Buffer.from('102lUq-Ls').toString('base64')],
    ['more than 128 characters', {}, 'r'.repeat(129)],
    ['another alphabet', {}, 'rq 1'],
    ['a letter no log needs', {}, 'rqé'],
  ])(
    'an OktaApiError has no request id that is %s, nor has the head the call channel reads',
    (_, more, requestId) => {
      const headers = { ...JSON_TYPE, 'x-okta-request-id': requestId }
      const subject: OperationSubject = { operation: 'getSession', secrets: [], ...more }
      for (const given of [
        answer(404, ENVELOPE, headers),
        answer(200, SESSION, headers),
        answer(302, '', headers),
      ]) {
        const ended = ending(sessionAnswer, subject, given)
        expect(ended.head).not.toHaveProperty('requestId')
        if (ended.kind === 'error') expect(ended.error).not.toHaveProperty('requestId')
      }
    },
  )

  it('an OktaApiError holds no secret that an answer echoes', () => {
    const secret = 'very-secret-value'
    const echo = { ...ENVELOPE, errorSummary: `for ${secret}`, errorId: secret, errorLink: secret }
    const error = failure(
      { ...ME, secrets: [secret] },
      answer(
        400,
        { ...echo, errorCauses: [{ errorSummary: `${secret}!` }] },
        {
          ...JSON_TYPE,
          'www-authenticate': `Bearer error="${secret}", scope="${secret}"`,
          'x-okta-request-id': secret,
        },
      ),
    )
    const shown = inspect(error, { depth: Infinity, showHidden: true }) + JSON.stringify(error)
    expect(shown).not.toContain(secret)
    expect(error.errorSummary).toBe('for {secret}')
  })

  it('an OktaApiError says which scope was missing', () => {
    const error = failure(
      { operation: 'getSession', sessionId: 'abc', secrets: [] },
      answer(
        403,
        { ...ENVELOPE, errorCode: 'E0000006', errorSummary: 'No permission' },
        {
          ...JSON_TYPE,
          'www-authenticate': [
            'Basic realm="a, b"',
            'Bearer authorization_uri="http://x/?a=b", error="insufficient_scope", error_description="say \\"please\\"", scope="okta.sessions.read"',
          ],
        },
      ),
    )
    expect(error.challenge).toEqual({ error: 'insufficient_scope', scope: 'okta.sessions.read' })
    expect(error.message).toBe(
      'getSession: 403 E0000006 No permission (insufficient_scope: okta.sessions.read)',
    )
  })

  it.each([
    ['Bearer', undefined],
    ['Bearer realm="x"', undefined],
    ['Bearer error=""', undefined],
    ['DPoP error=use_dpop_nonce', { error: 'use_dpop_nonce' }],
    ['Bearer realm="error=fake", ERROR = "invalid_token"', { error: 'invalid_token' }],
    ['Bearer scope="a", DPoP error="x", scope="b"', { error: 'x', scope: 'b' }],
    ['Bearer error="x", Basic realm="y", scope="b"', { error: 'x' }],
    ['"', undefined],
    [`Bearer ${'a="'.repeat(20_000)}`, undefined],
  ])('an OktaApiError reads the challenge %s', (line, expected) => {
    const headers = { ...JSON_TYPE, 'www-authenticate': line }
    expect(failure(ME, answer(401, ENVELOPE, headers)).challenge).toEqual(expected)
  })

  it('an OktaApiError has OAuth’s error texts from the token endpoint, and only from there', () => {
    const body = { error: 'invalid_client', error_description: 'The client secret is invalid.' }
    const token = failure({ operation: 'requestToken', secrets: [] }, answer(401, body))
    expect(token).toMatchObject({
      errorCode: 'invalid_client',
      errorSummary: 'The client secret is invalid.',
      message: 'requestToken: 401 invalid_client The client secret is invalid.',
    })
    expect(failure(ME, answer(401, body)).errorCode).toBeUndefined()
  })
})
