/** What can be wrong with an answer that arrives whole: its status, its type, its fields, its dates, its company. */
import { errorJson, type Fault, json, sessionJson, sessionObject, UPSTREAM } from './faulty-org.js'
import type { Beyond, Row, Verdict } from './row.js'

/** A 200 with this for a body; not text: as JSON. */
const body = (text: unknown, headers = {}): Fault => ({
  over: 'http',
  answer: json(200, typeof text === 'string' ? text : JSON.stringify(text), headers),
})
const status = (code: number, text = UPSTREAM, headers = {}): Fault => ({
  over: 'http',
  answer: json(code, text, headers),
})
const session = (fields: Readonly<Record<string, unknown>>, headers = {}): Fault =>
  body(sessionJson(fields), headers)

const HTML = { 'Content-Type': 'text/html' }
const html = `<!doctype html><title>${UPSTREAM}</title>`

const redirects = [301, 302, 303, 304, 307, 308].map(
  (code): Row => [
    `a ${code} to where a session is`,
    {
      over: 'http',
      answer: (req, res, org) =>
        json(code, sessionJson(), { Location: `${org.url}/elsewhere` })(req, res),
    },
    'redirect',
  ],
)

const bodies: readonly Row[] = [
  ['HTML', body(html, HTML), 'content_type'],
  ['HTML called JSON', body(html), 'malformed'],
  ['a session called HTML', body(sessionJson(), HTML), 'content_type'],
  ['a session called text', body(sessionJson(), { 'Content-Type': 'text/plain' }), 'content_type'],
  ['a session called nothing', body(sessionJson(), { 'Content-Type': undefined }), 'content_type'],
  [
    'a session with a charset',
    body(sessionJson(), { 'Content-Type': 'application/json;charset=UTF-8' }),
    'active',
  ],
  ['nothing at all', body(''), 'malformed'],
  ['a 201 with a session', status(201, sessionJson()), 'unexpected_status'],
  ['a 202 with a session', status(202, sessionJson()), 'unexpected_status'],
  ['a 204', status(204, ''), 'unexpected_status'],
  ['a 206 with a session', status(206, sessionJson()), 'unexpected_status'],
  ['JSON that breaks off', body(sessionJson().slice(0, -1)), 'malformed'],
  ['two sessions', body(sessionJson() + sessionJson()), 'malformed'],
  ['null', body('null'), 'schema'],
  ['a text', body('"ACTIVE"'), 'schema'],
  ['a number', body('1'), 'schema'],
  ['an empty list', body('[]'), 'schema'],
  ['a list of sessions', body(`[${sessionJson()}]`), 'schema'],
  ['an empty object', body('{}'), 'schema'],
  ['an error with a 200', body(errorJson('E0000007')), 'schema'],
  ['10,000 brackets', body(`${'['.repeat(10_000)}${']'.repeat(10_000)}`), 'schema'],
  [
    'bytes that are no UTF-8',
    {
      over: 'http',
      answer: (_req, res) =>
        res.setHeader('Content-Type', 'application/json').end(Buffer.from([0x22, 0xff, 0x22])),
    },
    'malformed',
  ],
]

const REQUIRED = ['id', 'login', 'userId', 'status', 'expiresAt'] as const

const requiredFields = REQUIRED.flatMap((field): Row[] => [
  [`no ${field}`, session({ [field]: undefined }), 'schema'],
  [`${field} null`, session({ [field]: null }), 'schema'],
  [`${field} a number`, session({ [field]: 1 }), 'schema'],
  [`${field} empty`, session({ [field]: '' }), 'schema'],
  [`${field} a list`, session({ [field]: [sessionObject()[field]] }), 'schema'],
])

const optionalFields: readonly Row[] = [
  ['amr no list', session({ amr: 'mfa' }), 'active'],
  ['amr a list of numbers', session({ amr: [1, 2] }), 'active'],
  ['no amr', session({ amr: undefined }), 'active'],
  ['idp a list', session({ idp: [] }), 'active'],
  ['createdAt a number', session({ createdAt: 1_700_000_000 }), 'active'],
  ['lastPasswordVerification no date', session({ lastPasswordVerification: 'today' }), 'active'],
  ['mfaActive a text', session({ mfaActive: 'true' }), 'active'],
]

const statuses: readonly Row[] = [
  ['status MFA_REQUIRED', session({ status: 'MFA_REQUIRED' }), 'mfa_required'],
  ['status MFA_ENROLL', session({ status: 'MFA_ENROLL' }), 'mfa_enroll'],
  ['status EXPIRED', session({ status: 'EXPIRED' }), 'unknown_status'],
  ['status active', session({ status: 'active' }), 'unknown_status'],
  ['status with a space', session({ status: 'ACTIVE ' }), 'unknown_status'],
]

const inTwoHours = Date.now() + 7_200_000
const iso = new Date(inTwoHours).toISOString()

const dates = (
  [
    ['"0"', '0', 'schema'],
    ['"1"', '1', 'schema'],
    ['milliseconds', inTwoHours, 'schema'],
    ['milliseconds as text', String(inTwoHours), 'schema'],
    ['a date without a zone', iso.replace('Z', ''), 'schema'],
    ['a day', iso.slice(0, 10), 'schema'],
    ['month 13', '2099-13-01T00:00:00.000Z', 'schema'],
    ['30 February', '2096-02-30T00:00:00.000Z', 'schema'],
    ['hour 25', '2099-01-01T25:00:00.000Z', 'schema'],
    ['an HTTP date', new Date(inTwoHours).toUTCString(), 'schema'],
    ['a year of six digits', '+275760-09-13T00:00:00.000Z', 'schema'],
    ['a space around', ` ${iso}`, 'schema'],
    ['the past', '2020-01-01T00:00:00.000Z', 'expired'],
    ['a second ago', new Date(Date.now() - 1_000).toISOString(), 'expired'],
    [
      'another zone',
      new Date(inTwoHours + 7_200_000).toISOString().replace('Z', '+02:00'),
      'active',
    ],
    ['no milliseconds', iso.replace(/\.\d+/, ''), 'active'],
  ] as const
).map(([what, expiresAt, verdict]): Row => [`expiresAt ${what}`, session({ expiresAt }), verdict])

const OKTA = errorJson('E0000007')

/** Okta's word for "no such session", and what only looks like it. */
const noes: readonly Row[] = [
  ["a 404 in Okta's envelope", status(404, OKTA), 'not_found'],
  ["a 401 in Okta's envelope", status(401, errorJson('E0000004')), 'not_found'],
  ['a 404 of HTML', status(404, html, HTML), 'unexpected_status'],
  ['a 401 of HTML', status(401, html, HTML), 'unexpected_status'],
  [
    'a 401 with a password challenge',
    status(401, html, { ...HTML, 'WWW-Authenticate': 'Basic' }),
    'unexpected_status',
  ],
  ['a 404 of nothing', status(404, ''), 'unexpected_status'],
  ['a 404 of {}', status(404, '{}'), 'unexpected_status'],
  ['a 404 with a code of another kind', status(404, errorJson('E7')), 'unexpected_status'],
  ['a 404 with a code in a list', status(404, errorJson(['E0000007'])), 'unexpected_status'],
  ['a 404 with the envelope in a list', status(404, `[${OKTA}]`), 'unexpected_status'],
  [
    'a 404 with the envelope called text',
    status(404, OKTA, { 'Content-Type': 'text/plain' }),
    'unexpected_status',
  ],
  [
    'a 404 with the envelope called gzip',
    status(404, OKTA, { 'Content-Encoding': 'gzip' }),
    'unexpected_status',
  ],
  ['a 404 with a session', status(404, sessionJson()), 'unexpected_status'],
]

const bad = (code: number, verdict: Verdict, beyond: Beyond = {}): readonly Row[] => [
  [`a ${code} of HTML`, status(code, html, HTML), verdict, beyond],
  [`a ${code} in Okta's envelope`, status(code, errorJson('E0000009')), verdict, beyond],
]

const otherErrors: readonly Row[] = [
  ...bad(400, 'unexpected_status'),
  ...bad(403, 'forbidden'),
  ...bad(405, 'unexpected_status'),
  ...[406, 408, 410, 418, 421, 431, 451, 499].map(
    (code): Row => [`a ${code}`, status(code), 'unexpected_status'],
  ),
  ...bad(500, 'server_error'),
  ['a 501', status(501), 'server_error'],
  ...bad(502, 'server_error', { received: 2 }),
  ...bad(503, 'server_error', { received: 2 }),
  ...bad(504, 'server_error', { received: 2 }),
  [
    'a 503 with Retry-After',
    status(503, html, { 'Retry-After': '120' }),
    'server_error',
    { received: 2 },
  ],
  ['a 599', status(599), 'server_error'],
  ['a 600', status(600), 'unexpected_status'],
  ['a 999', status(999, sessionJson()), 'unexpected_status'],
]

const NOW = Math.floor(Date.now() / 1_000)
const limited = (headers: Readonly<Record<string, unknown>>, code = 'E0000047'): Fault => ({
  over: 'http',
  answer: json(429, errorJson(code), {
    Date: new Date(NOW * 1_000).toUTCString(),
    'X-Rate-Limit-Limit': 600,
    'X-Rate-Limit-Remaining': 0,
    ...headers,
  }),
})
const reset = (value: unknown) => limited({ 'X-Rate-Limit-Reset': value })
const heldOff = (retryAfter: number): Beyond => ({ again: 'rejected', retryAfter })
/** Where its figures can be believed, the minute is known to be spent. */
const spent = (retryAfter: number): Beyond => ({
  ...heldOff(retryAfter),
  secondVerdict: 'over_budget',
})

const tooMany: readonly Row[] = [
  ['a 429 with a reset', reset(NOW + 20), 'rate_limited', spent(21)],
  ['a 429 with a reset just now', reset(NOW), 'rate_limited', heldOff(1)],
  ['a 429 with a reset in 100 s', reset(NOW + 100), 'rate_limited', spent(60)],
  ['a 429 without a reset', reset(undefined), 'rate_limited', heldOff(5)],
  ['a 429 with a past reset', reset(NOW - 30), 'rate_limited', heldOff(5)],
  ['a 429 with an absurd reset', reset(NOW + 86_400), 'rate_limited', heldOff(5)],
  ['a 429 with a reset in milliseconds', reset((NOW + 20) * 1_000), 'rate_limited', heldOff(5)],
  ['a 429 with a reset of text', reset('soon'), 'rate_limited', heldOff(5)],
  ['a 429 with two resets', reset([NOW + 20, NOW + 20]), 'rate_limited', heldOff(5)],
  [
    'a 429 without any figures',
    limited({ 'X-Rate-Limit-Limit': undefined }),
    'rate_limited',
    heldOff(5),
  ],
  [
    "a 429 of a proxy's",
    status(429, html, { ...HTML, 'Retry-After': '7' }),
    'rate_limited',
    heldOff(7),
  ],
  [
    'a 429 for too many at once',
    limited({ 'X-Rate-Limit-Limit': 0, 'X-Rate-Limit-Reset': NOW + 20 }),
    'concurrency_limited',
    { again: 'rejected', retryAfter: 1 },
  ],
]

/** Written out: an object literal would set a prototype and not a key. */
const polluted = (json: string) => body(sessionJson().replace('{', `{${json},`))

const company: readonly Row[] = [
  [
    '__proto__ beside a session',
    polluted(`"__proto__":{"status":"${UPSTREAM}","polluted":1}`),
    'active',
  ],
  [
    'constructor beside a session',
    polluted('"constructor":{"prototype":{"polluted":1}}'),
    'active',
  ],
  ['toString beside a session', polluted('"toString":1,"valueOf":1,"toJSON":"x"'), 'active'],
  ['a session as __proto__', body(`{"__proto__":${sessionJson()}}`), 'schema'],
  ['a session in amr', session({ amr: ['pwd', { toString: null }] }), 'active'],
  ['headers called __proto__', session({}, { __proto__x: '1', constructor: 'x' }), 'active'],
  [
    'cookies set and deleted',
    session(
      {},
      {
        'Set-Cookie': [
          `sid=""; Max-Age=0; Path=/`,
          `JSESSIONID=${UPSTREAM}; Path=/`,
          'idx=; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
        ],
      },
    ),
    'active',
  ],
  [
    'cookies deleted with a 404',
    status(404, OKTA, { 'Set-Cookie': 'sid=""; Max-Age=0; Path=/' }),
    'not_found',
  ],
  [
    'cookies deleted with a 500',
    status(500, html, { 'Set-Cookie': 'sid=""; Max-Age=0; Path=/' }),
    'server_error',
  ],
]

export const answerFaults: readonly Row[] = [
  ...redirects,
  ...bodies,
  ...requiredFields,
  ...optionalFields,
  ...statuses,
  ...dates,
  ...noes,
  ...otherErrors,
  ...tooMany,
  ...company,
]
