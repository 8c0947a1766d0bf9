/** A judge that never says no is none: sound exchanges, each spoilt in every way at hand, and each refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SessionApi } from '../../src/okta/session-api.js'
import { judgeRequest, operationOf } from './judge-request.js'
import { judgeResponse } from './judge-response.js'
import { checkDocument, type Operation, readDocument } from './openapi-document.js'
import {
  type Exchange,
  type HeaderLine,
  type RecordedOrg,
  recordedOrg,
  type SentRequest,
  type SentResponse,
} from './recorded-org.js'

const ALICE = 'alice@example.com'
const document = checkDocument(readDocument())
let recorded: RecordedOrg

beforeAll(async () => {
  // Classic sends all there is in a session.
  recorded = await recordedOrg({
    engine: 'classic',
    serviceApp: { alg: 'ES256' },
    dpop: 'required',
  })
  const { org, agent } = recorded
  const { clientId, privateKey } = org.serviceApp
  const bound = { clientId, privateKey: { ...privateKey } }
  for (const credentials of [bound, { apiToken: org.apiToken }]) {
    const api = new SessionApi({ orgUrl: org.url, agent, credentials })
    const cookie = org.signIn(ALICE)
    const id = org.sessions.at(-1)?.id ?? ''
    await api.createSession({ sessionToken: org.sessionToken(ALICE) })
    await api.getCurrentSession(cookie)
    await api.refreshCurrentSession(cookie)
    await api.getSession(id)
    await api.refreshSession(id)
    await api.revokeSession(id)
    await api.closeCurrentSession(cookie).catch(() => {})
    await api.closeCurrentSession(org.signIn(ALICE))
    await api.createSession({ sessionToken: 'used' }).catch(() => {})
    await api.close()
  }
})
afterAll(() => recorded.close())

/** Says no to each variant, and names those that passed. */
function passed<T>(variants: readonly Variant<T>[], judge: (it: T) => readonly string[]): string[] {
  return variants.filter(({ it }) => judge(it).length === 0).map(({ what }) => what)
}

interface Variant<T> {
  readonly what: string
  readonly it: T
}

function exchangesWithOperation(): readonly (readonly [Operation, Exchange])[] {
  return recorded.exchanges.map((exchange) => {
    const operation = operationOf(document, exchange.request)
    if (operation === undefined) throw new Error('an operation the document does not have')
    return [operation, exchange]
  })
}

describe('the judge of answers', () => {
  it('the judge of answers accepts them as they came', () => {
    for (const [operation, { response }] of exchangesWithOperation())
      expect(judgeResponse(operation, response)).toEqual([])
  })

  it('the judge of answers refuses each of them with any one fault', () => {
    let refused = 0
    for (const [operation, { response }] of exchangesWithOperation()) {
      const variants = [...spoiltAnswers(response), ...spoiltBodies(response)]
      expect(passed(variants, (each) => judgeResponse(operation, each))).toEqual([])
      refused += variants.length
    }
    expect(refused).toBeGreaterThan(1_000)
  })

  it.each([
    ['a time with fractions', '.000Z"', '.123Z"'],
    ['a time without a zone', '.000Z"', '.000"'],
    ['a day that does not exist', /"expiresAt":"\d{4}-\d\d-\d\d/, '"expiresAt":"2026-02-30'],
    ['a status that is none', '"ACTIVE"', '"EXPIRED"'],
    ['an unknown method', '"pwd"', '"password"'],
    ['a user id of another kind', '"00u', '"00g'],
  ])('the judge of answers refuses %s', (_what, from, to) => {
    const ofMe = exchangesWithOperation().find(
      ([{ operationId }]) => operationId === 'getCurrentSession',
    )
    if (ofMe === undefined) throw new Error('no session was requested')
    const [operation, { response }] = ofMe
    const body = response.body.replace(from, to)
    expect(body).not.toBe(response.body)
    expect(judgeResponse(operation, { ...response, body })).not.toEqual([])
  })
})

describe('the judge of requests', () => {
  it('the judge of requests accepts them as they were sent', () => {
    for (const [, { request }] of exchangesWithOperation())
      expect(judgeRequest(document, request)).toEqual([])
  })

  it('the judge of requests refuses each of them with any one fault', () => {
    let refused = 0
    for (const [operation, { request }] of exchangesWithOperation()) {
      const variants = [...spoiltRequests(request), ...spoiltFor(operation, request)]
      expect(passed(variants, (each) => judgeRequest(document, each))).toEqual([])
      refused += variants.length
    }
    expect(refused).toBeGreaterThan(200)
  })
})

function spoiltAnswers(answer: SentResponse): readonly Variant<SentResponse>[] {
  const { headers, body } = answer
  const described = headers.filter(([name]) => /^(x-|cache-control)/.test(name))
  return [
    ...[201, 302, 418].map((status) => ({ what: `status ${status}`, it: { ...answer, status } })),
    ...[...described, ...headers.filter(([name]) => name === 'date')].flatMap(([name, value]) => [
      { what: `no ${name}`, it: { ...answer, headers: without(headers, name) } },
      { what: `${name} twice`, it: { ...answer, headers: [...headers, [name, value] as const] } },
      { what: `${name} empty`, it: { ...answer, headers: withHeader(headers, name, '') } },
    ]),
    ...['x-more', 'set-cookie2', 'content-encoding', 'location'].map((name) => ({
      what: `with ${name}`,
      it: { ...answer, headers: [...headers, [name, 'a'] as const] },
    })),
    ...['text/html', 'application/json; charset=x', 'application/problem+json'].map((type) => ({
      what: `of type ${type}`,
      it: { ...answer, headers: withHeader(headers, 'content-type', type) },
    })),
    {
      what: 'with a cookie that is none',
      it: { ...answer, headers: [...headers, ['set-cookie', 'a b']] },
    },
    body === ''
      ? { what: 'with a body', it: { ...answer, body: '{}' } }
      : { what: 'without a body', it: { ...answer, body: '' } },
    ...(body === '' ? [] : [{ what: 'half a body', it: { ...answer, body: body.slice(0, -9) } }]),
  ]
}

/** One field less, one field of another type, one field more, at any depth. */
function spoiltBodies(answer: SentResponse): readonly Variant<SentResponse>[] {
  if (answer.body === '') return []
  const whole: unknown = JSON.parse(answer.body)
  return variantsOf(whole).map(({ what, it }) => ({
    what,
    it: { ...answer, body: JSON.stringify(it) },
  }))
}

/** Identity Engine leaves it out. */
const OPTIONAL = ['idp']

function variantsOf(value: unknown): readonly Variant<unknown>[] {
  const other = typeof value === 'string' ? 7 : 'text'
  const retyped = { what: `${JSON.stringify(value)} as ${other}`, it: other }
  if (Array.isArray(value)) return [retyped, { what: 'one item more', it: [...value, 7] }]
  if (typeof value !== 'object' || value === null) return [retyped]
  const entries = Object.entries(value)
  return [
    retyped,
    { what: 'one field more', it: { ...value, more: 1 } },
    ...entries
      .filter(([name]) => !OPTIONAL.includes(name))
      .map(([name]) => ({
        what: `no ${name}`,
        it: Object.fromEntries(entries.filter(([its]) => its !== name)),
      })),
    ...entries.flatMap(([name, inner]) =>
      variantsOf(inner).map(({ what, it }) => ({
        what: `${name}: ${what}`,
        it: { ...value, [name]: it },
      })),
    ),
  ]
}

function spoiltRequests(request: SentRequest): readonly Variant<SentRequest>[] {
  const { target, headers } = request
  const extra = (...line: HeaderLine) => ({ ...request, headers: [...headers, line] })
  return [
    { what: 'another method', it: { ...request, method: 'PUT' } },
    { what: 'a longer path', it: { ...request, target: `${target}/` } },
    { what: 'a query', it: { ...request, target: `${target}?a=b` } },
    { what: 'an unknown header', it: extra('x-forwarded-host', 'a') },
    { what: 'a second Accept', it: extra('accept', '*/*') },
    { what: 'no Accept', it: { ...request, headers: without(headers, 'accept') } },
    {
      what: 'HTML, please',
      it: { ...request, headers: withHeader(headers, 'accept', 'text/html') },
    },
    {
      what: 'a nameless agent',
      it: { ...request, headers: withHeader(headers, 'user-agent', '') },
    },
    { what: 'a forged address', it: extra('x-forwarded-for', '203.0.113.9, evil') },
  ]
}

function spoiltFor(operation: Operation, request: SentRequest): readonly Variant<SentRequest>[] {
  return [
    ...spoiltAuthorization(operation, request),
    ...(operation.requestBody === undefined ? uninvitedBodies(request) : spoiltContents(request)),
    ...(operation.template.includes('/me') ? spoiltCookies(request) : []),
    ...(operation.template.includes('{') ? spoiltIds(operation, request) : []),
  ]
}

function spoiltAuthorization({ security }: Operation, request: SentRequest) {
  const { headers } = request
  const authorized = (value: string) => ({
    ...request,
    headers: withHeader(headers, 'authorization', value),
  })
  const isNeeded = security.length > 0 && security.every((each) => Object.keys(each).length > 0)
  const shown = new Map(headers).get('authorization') ?? ''
  return [
    { what: 'Basic', it: authorized('Basic YTpi') },
    { what: 'a bare token', it: authorized('abc') },
    { what: 'two words', it: authorized('SSWS a b') },
    ...(security.length === 0 ? [{ what: 'uninvited', it: authorized('SSWS abc') }] : []),
    ...(isNeeded
      ? [{ what: 'nothing shown', it: { ...request, headers: without(headers, 'authorization') } }]
      : []),
    ...(shown.startsWith('DPoP ')
      ? [
          { what: 'no proof', it: { ...request, headers: without(headers, 'dpop') } },
          { what: 'a needless proof', it: authorized(shown.replace('DPoP', 'Bearer')) },
          {
            what: 'a proof that is none',
            it: { ...request, headers: withHeader(headers, 'dpop', 'a.b') },
          },
        ]
      : []),
  ]
}

function uninvitedBodies(request: SentRequest): readonly Variant<SentRequest>[] {
  const headers = withHeader(request.headers, 'content-type', 'application/json')
  return [
    { what: 'a body', it: { ...request, body: '{}' } },
    { what: 'the type of a body', it: { ...request, headers } },
  ]
}

function spoiltContents(request: SentRequest): readonly Variant<SentRequest>[] {
  const { headers, body } = request
  const isForm = !body.startsWith('{')
  const fields = isForm ? [...new URLSearchParams(body).keys()] : ['sessionToken']
  const less = (name: string) => {
    const form = new URLSearchParams(body)
    form.delete(name)
    return form.toString()
  }
  return [
    {
      what: 'text',
      it: { ...request, headers: withHeader(headers, 'content-type', 'text/plain') },
    },
    { what: 'no type', it: { ...request, headers: without(headers, 'content-type') } },
    { what: 'nothing', it: { ...request, body: '' } },
    {
      what: 'one more',
      it: { ...request, body: isForm ? `${body}&a=b` : '{"sessionToken":"a","b":1}' },
    },
    ...fields.map((name) => ({
      what: `no ${name}`,
      it: { ...request, body: isForm ? less(name) : '{}' },
    })),
    ...(isForm ? [] : [{ what: 'a number', it: { ...request, body: '{"sessionToken":1}' } }]),
  ]
}

function spoiltCookies(request: SentRequest): readonly Variant<SentRequest>[] {
  const { headers } = request
  const sent = new Map(headers).get('cookie') ?? ''
  return [
    `${sent}; theme=dark`,
    'JSESSIONID=1',
    'sid=',
    'sid="a"',
    'sid=a%20b',
    'sid=a b',
    'sid',
    '',
  ].map((cookie) => ({
    what: `the cookie ${cookie}`,
    it: { ...request, headers: withHeader(headers, 'cookie', cookie) },
  }))
}

function spoiltIds({ template }: Operation, request: SentRequest): readonly Variant<SentRequest>[] {
  return ['..', '%2E%2E', '.', 'a%2Fb', 'a%5Cb', 'a%20b', '%2500', 'x'.repeat(4_097), ''].map(
    (id) => ({
      what: `the id ${id}`,
      it: { ...request, target: template.replace('{sessionId}', id) },
    }),
  )
}

function without(headers: readonly HeaderLine[], name: string): readonly HeaderLine[] {
  return headers.filter(([its]) => its !== name)
}

function withHeader(
  headers: readonly HeaderLine[],
  name: string,
  value: string,
): readonly HeaderLine[] {
  return [...without(headers, name), [name, value]]
}
