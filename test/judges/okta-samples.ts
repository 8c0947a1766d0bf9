/** Answers as Okta's are known to be, typed by hand, each with the question it answers and what it means to SessionApi. */
import type { Engine, Fault, LocalOrgOptions } from '../../src/local-org/index.js'
import type { SessionApi } from '../../src/okta/session-api.js'
import type { Session } from '../../src/public-types.js'
import { assertion, dpopKey } from '../local-org/service-app.js'
import type { HeaderLine, SentRequest, SentResponse } from './recorded-org.js'
import type { World } from './ways.js'

export interface Sample {
  readonly what: string
  readonly answer: SentResponse
  /** How to put the question to an org. */
  readonly engine: Engine
  readonly org?: LocalOrgOptions
  readonly fault?: Fault
  question(world: World): Partial<SentRequest> | Promise<Partial<SentRequest>>
  /** The call of SessionApi that the answer is given to, and what it comes to. */
  readonly credentials?: 'service app'
  call(api: SessionApi): Promise<unknown>
  readonly value?: Session | 'nothing'
  readonly error?: Readonly<Record<string, unknown>>
}

export const ORG = 'https://id.example.com'
export const AT = '2026-11-24T08:00:00.000Z'
export const INTERNAL = '102aBcDeFgHiJkLmNoPqRsTuV'
export const EXTERNAL = '102zYxWvUtSrQpOnMlKjIhGfE'
export const USER = { login: 'user@example.com', userId: '00u1abcdefghijklmnop', password: 'p' }
export const IDP = '00o1abcdefghijklmnop'
export const ERROR_ID = 'oaeAbCdEfGhIjKlMnOpQrStUv'
export const REQUEST_ID = 'ZxYwVuTsRqPoNmLk0123456789abcdef'
export const SERVLET = 'JSESSIONID=E0F6A1B2C3D4E5F60718293A4B5C6D7E; Path=/; HttpOnly'

const MINUTE_LATER = 1_795_507_260
const RATE = { limit: 600, remaining: 599, resetAt: MINUTE_LATER * 1_000 }
/** An API token has half of the org's rate-limit window. */
const TOKEN_RATE = { ...RATE, limit: 300, remaining: 299 }
/** The token endpoint counts in a bucket of its own. */
const UNLIMITED = { ...RATE, limit: 1_000_000, remaining: 999_999 }

function head(rate: typeof RATE, ...more: HeaderLine[]): HeaderLine[] {
  return [
    ['date', 'Tue, 24 Nov 2026 08:00:00 GMT'],
    ['x-okta-request-id', REQUEST_ID],
    ['x-rate-limit-limit', String(rate.limit)],
    ['x-rate-limit-remaining', String(rate.remaining)],
    ['x-rate-limit-reset', String(rate.resetAt / 1_000)],
    ...more,
  ]
}

function json(status: number, rate: typeof RATE, body: object, ...more: HeaderLine[]) {
  const headers = head(rate, ['content-type', 'application/json'], ...more)
  return { status, headers, body: JSON.stringify(body) }
}

function nothing(rate: typeof RATE, ...more: HeaderLine[]): SentResponse {
  return { status: 204, headers: head(rate, ...more), body: '' }
}

/** Every answer to an API token takes the browser's session cookies away. */
const DELETIONS: readonly HeaderLine[] = [
  ['set-cookie', 'sid="";Version=1;Path=/;Max-Age=0'],
  ['set-cookie', 'xids="";Version=1;Path=/;Max-Age=0'],
  ['set-cookie', SERVLET],
]

const COOKIES: readonly HeaderLine[] = [
  ['set-cookie', `sid=${INTERNAL};Version=1;Path=/;Secure`],
  ['set-cookie', `xids=${EXTERNAL};Version=1;Path=/;Secure`],
]

function links(session: string, user: string): object {
  const self = `${ORG}/api/v1/sessions/${session}`
  return {
    self: { href: self, hints: { allow: ['GET', 'DELETE'] } },
    refresh: { href: `${self}/lifecycle/refresh`, hints: { allow: ['POST'] } },
    user: { name: USER.login, href: `${ORG}/api/v1/users/${user}`, hints: { allow: ['GET'] } },
  }
}

const PASSWORD: Session = {
  id: EXTERNAL,
  login: USER.login,
  userId: USER.userId,
  createdAt: AT,
  expiresAt: '2026-11-24T10:00:00.000Z',
  status: 'ACTIVE',
  lastPasswordVerification: AT,
  lastFactorVerification: null,
  amr: ['pwd'],
  mfaActive: false,
}
const CLASSIC: Session = { ...PASSWORD, idp: { id: IDP, type: 'OKTA' } }
const TWO_FACTORS: Session = {
  ...CLASSIC,
  lastFactorVerification: AT,
  amr: ['pwd', 'otp', 'mfa'],
  mfaActive: true,
}

const ofMe = (session: Session) => ({ ...session, _links: links('me', 'me') })
const byId = (session: Session) => ({ ...session, _links: links(EXTERNAL, USER.userId) })

function envelope(errorCode: string, errorSummary: string) {
  return { errorCode, errorSummary, errorLink: errorCode, errorId: ERROR_ID, errorCauses: [] }
}

/** An error answer, and the OktaApiError it becomes. */
function refusal(
  operation: string,
  status: number,
  rate: typeof RATE,
  body: ReturnType<typeof envelope>,
  ...more: HeaderLine[]
): Pick<Sample, 'answer' | 'error'> {
  const summary = body.errorSummary.replace(EXTERNAL, '{sessionId}')
  const known = { name: 'OktaApiError', operation, status, ...body, errorSummary: summary }
  const message = `${operation}: ${status} ${body.errorCode} ${summary}`
  return {
    answer: json(status, rate, body, ...more),
    error: { ...known, message, requestId: REQUEST_ID, rateLimit: rate },
  }
}

const me = '/api/v1/sessions/me'
const withCookie = ({ cookie }: World): Partial<SentRequest> => ({
  target: me,
  headers: [['cookie', cookie]],
})
const withoutCookie = () => ({ target: me })
const CURRENT = 'Not found: Resource not found: me (Session)'

const ofCookie: readonly Sample[] = [
  {
    what: 'whose session a cookie is, in Identity Engine: no idp',
    engine: 'identity',
    question: withCookie,
    answer: json(200, RATE, ofMe(PASSWORD)),
    call: (api) => api.getCurrentSession('idx=abc'),
    value: PASSWORD,
  },
  {
    what: 'the same in Classic, after two factors',
    engine: 'classic',
    org: { users: [{ ...USER, mfa: true }] },
    question: withCookie,
    answer: json(200, RATE, ofMe(TWO_FACTORS)),
    call: (api) => api.getCurrentSession('sid=abc'),
    value: TWO_FACTORS,
  },
  {
    what: 'a cookie without a session',
    engine: 'identity',
    question: withoutCookie,
    ...refusal('getCurrentSession', 404, RATE, envelope('E0000007', CURRENT)),
    call: (api) => api.getCurrentSession(),
  },
  {
    what: 'a refresh a moment after the sign-in: the end is where it was, and the cookies come again',
    engine: 'classic',
    question: (world) => ({
      ...withCookie(world),
      method: 'POST',
      target: `${me}/lifecycle/refresh`,
    }),
    answer: json(200, RATE, ofMe(CLASSIC), ...COOKIES),
    call: (api) => api.refreshCurrentSession('sid=abc'),
    value: CLASSIC,
  },
  {
    what: 'a sign-out: the browser is told to drop its cookies',
    engine: 'classic',
    question: (world) => ({ ...withCookie(world), method: 'DELETE' }),
    answer: nothing(RATE, ...DELETIONS.slice(0, 2)),
    call: (api) => api.closeCurrentSession('sid=abc'),
    value: 'nothing',
  },
  {
    what: 'a second sign-out',
    engine: 'classic',
    question: () => ({ ...withoutCookie(), method: 'DELETE' }),
    ...refusal('closeCurrentSession', 404, RATE, envelope('E0000007', CURRENT)),
    call: (api) => api.closeCurrentSession('sid=abc'),
  },
]

const TYPE: HeaderLine = ['content-type', 'application/json']
const ssws = ({ org }: World): HeaderLine => ['authorization', `SSWS ${org.apiToken}`]
const creation = { method: 'POST', target: '/api/v1/sessions' } as const

const ofSessionToken: readonly Sample[] = [
  {
    what: 'a session made of a session token: its id is the cookie, its links tell the other one',
    engine: 'classic',
    question: (world) => ({
      ...creation,
      headers: [TYPE, ssws(world)],
      body: JSON.stringify({ sessionToken: world.org.sessionToken(USER.login) }),
    }),
    answer: json(200, TOKEN_RATE, byId({ ...CLASSIC, id: INTERNAL }), ...DELETIONS),
    call: (api) => api.createSession({ sessionToken: 'token' }),
    value: { ...CLASSIC, id: INTERNAL },
  },
  {
    what: 'no body',
    engine: 'classic',
    question: (world) => ({ ...creation, headers: [TYPE, ssws(world)] }),
    ...refusal(
      'createSession',
      400,
      TOKEN_RATE,
      envelope('E0000003', 'The request body was not well-formed.'),
      ...DELETIONS,
    ),
    call: (api) => api.createSession({ sessionToken: 'token' }),
  },
  {
    what: 'a session token that was used',
    engine: 'classic',
    question: () => ({ ...creation, headers: [TYPE], body: '{"sessionToken":"used"}' }),
    ...refusal('createSession', 401, RATE, envelope('E0000004', 'Authentication failed')),
    call: (api) => api.createSession({ sessionToken: 'token' }),
  },
]

const session = (id: string, action = '') => `/api/v1/sessions/${id}${action}`
const byToken = (world: World, id = world.external): Partial<SentRequest> => ({
  target: session(id),
  headers: [ssws(world)],
})
const gone = `Not found: Resource not found: ${EXTERNAL} (AppSession)`

const ofId: readonly Sample[] = [
  {
    what: 'a session by its external id',
    engine: 'classic',
    question: (world) => byToken(world),
    answer: json(200, TOKEN_RATE, byId(CLASSIC), ...DELETIONS),
    call: (api) => api.getSession(EXTERNAL),
    value: CLASSIC,
  },
  {
    what: 'a session by its internal id, under which it is given back',
    engine: 'classic',
    question: (world) => byToken(world, world.internal),
    answer: json(200, TOKEN_RATE, byId({ ...CLASSIC, id: INTERNAL }), ...DELETIONS),
    call: (api) => api.getSession(INTERNAL),
    value: { ...CLASSIC, id: INTERNAL },
  },
  {
    what: 'a refresh by id: with both cookies of the session',
    engine: 'classic',
    question: (world) => ({
      ...byToken(world),
      method: 'POST',
      target: session(world.external, '/lifecycle/refresh'),
    }),
    answer: json(200, TOKEN_RATE, byId(CLASSIC), ...COOKIES, ['set-cookie', SERVLET]),
    call: (api) => api.refreshSession(EXTERNAL),
    value: CLASSIC,
  },
  {
    what: 'a revocation',
    engine: 'classic',
    question: (world) => ({ ...byToken(world), method: 'DELETE' }),
    answer: nothing(TOKEN_RATE, ...DELETIONS),
    call: (api) => api.revokeSession(EXTERNAL),
    value: 'nothing',
  },
  {
    what: 'a second revocation',
    engine: 'classic',
    question: (world) => {
      world.org.endSession(world.external)
      return { ...byToken(world), method: 'DELETE' }
    },
    ...refusal('revokeSession', 404, TOKEN_RATE, envelope('E0000007', gone), ...DELETIONS),
    call: (api) => api.revokeSession(EXTERNAL),
  },
  {
    what: 'no Authorization',
    engine: 'identity',
    question: ({ external }) => ({ target: session(external) }),
    ...refusal('getSession', 403, RATE, envelope('E0000005', 'Invalid session')),
    call: (api) => api.getSession(EXTERNAL),
  },
  {
    what: 'an unknown token',
    engine: 'identity',
    question: ({ external }) => ({
      target: session(external),
      headers: [['authorization', 'SSWS 00nobody']],
    }),
    ...refusal('getSession', 401, RATE, envelope('E0000011', 'Invalid token provided')),
    call: (api) => api.getSession(EXTERNAL),
  },
]

const FORBIDDEN = 'You do not have permission to perform the requested action'

const ofTheOrg: readonly Sample[] = [
  {
    what: 'an access token without the scope',
    engine: 'identity',
    question: ({ org, external }) => ({
      method: 'DELETE',
      target: session(external),
      headers: [['authorization', `Bearer ${org.accessToken(['okta.sessions.read'])}`]],
    }),
    answer: json(403, RATE, envelope('E0000006', FORBIDDEN), [
      'www-authenticate',
      'Bearer error="insufficient_scope"',
    ]),
    call: (api) => api.revokeSession(EXTERNAL),
    error: {
      status: 403,
      errorCode: 'E0000006',
      challenge: { error: 'insufficient_scope' },
      message: `revokeSession: 403 E0000006 ${FORBIDDEN} (insufficient_scope)`,
    },
  },
  {
    what: 'a minute that is used up',
    engine: 'identity',
    org: { rateLimitPerMinute: 600 },
    fault: { kind: 'rate_limit' },
    question: withCookie,
    ...refusal('getCurrentSession', 429, { ...RATE, remaining: 0 }, tooMany()),
    call: (api) => api.getCurrentSession('idx=abc'),
  },
  {
    what: 'too many at once',
    engine: 'identity',
    fault: { kind: 'concurrency_limit' },
    question: withCookie,
    ...refusal('getCurrentSession', 429, { ...RATE, limit: 0, remaining: 0 }, tooMany()),
    call: (api) => api.getCurrentSession('idx=abc'),
  },
  {
    what: 'a method that is none',
    engine: 'identity',
    question: () => ({ target: '/api/v1/sessions/' }),
    ...refusal(
      'getSession',
      405,
      RATE,
      envelope('E0000022', 'The endpoint does not support the provided HTTP method'),
    ),
    call: (api) => api.getSession(EXTERNAL),
  },
  {
    what: 'a fault of Okta’s own',
    engine: 'identity',
    fault: { kind: 'status', status: 500 },
    question: withCookie,
    ...refusal('getCurrentSession', 500, RATE, envelope('E0000009', 'Internal Server Error')),
    call: (api) => api.getCurrentSession('idx=abc'),
  },
  {
    what: 'maintenance',
    engine: 'identity',
    fault: { kind: 'status', status: 503 },
    question: (world) => ({
      ...withCookie(world),
      method: 'POST',
      target: `${me}/lifecycle/refresh`,
    }),
    ...refusal(
      'refreshCurrentSession',
      503,
      RATE,
      envelope('E0000010', 'Service is in read only mode'),
    ),
    call: (api) => api.refreshCurrentSession('idx=abc'),
  },
]

function tooMany() {
  return envelope('E0000047', 'API call exceeded rate limit due to too many requests.')
}

export const ACCESS_TOKEN = 'eyJraWQiOiJhYmMifQ.eyJ2ZXIiOjF9.c2lnbmF0dXJl'
export const NONCE = 'rnB2bGFyZ2Ugbm9uY2U'

async function tokenRequest(
  { org }: World,
  change: Readonly<Record<string, string>> = {},
): Promise<Partial<SentRequest>> {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    scope: 'okta.sessions.read okta.sessions.manage',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await assertion(org),
    ...change,
  })
  const headers: HeaderLine[] = [['content-type', 'application/x-www-form-urlencoded']]
  return { method: 'POST', target: '/oauth2/v1/token', headers, body: form.toString() }
}

/** Its errors are not in the envelope. */
const ofTheTokenEndpoint: readonly Sample[] = [
  {
    what: 'an access token for an hour',
    engine: 'identity',
    question: (world) => tokenRequest(world),
    answer: json(200, UNLIMITED, {
      token_type: 'Bearer',
      expires_in: 3600,
      access_token: ACCESS_TOKEN,
      scope: 'okta.sessions.read okta.sessions.manage',
    }),
    credentials: 'service app',
    call: (api) => api.getSession(EXTERNAL),
    // The token was taken: the next answer, which is the same, is no session.
    error: { name: 'OktaUnavailableError', operation: 'getSession', code: 'schema' },
  },
  {
    what: 'a proof that has no nonce yet',
    engine: 'identity',
    org: { dpop: 'required' },
    question: async (world) => {
      const { headers = [], ...request } = await tokenRequest(world)
      const htu = `${world.org.url}/oauth2/v1/token`
      const proof = await (await dpopKey()).proof(world.org, { htm: 'POST', htu })
      return { ...request, headers: [...headers, ['dpop', proof]] }
    },
    answer: json(
      400,
      UNLIMITED,
      {
        error: 'use_dpop_nonce',
        error_description: 'Authorization server requires nonce in DPoP proof.',
      },
      ['dpop-nonce', NONCE],
    ),
    credentials: 'service app',
    call: (api) => api.getSession(EXTERNAL),
    error: {
      name: 'OktaApiError',
      operation: 'requestToken',
      status: 400,
      errorCode: 'use_dpop_nonce',
      errorSummary: 'Authorization server requires nonce in DPoP proof.',
    },
  },
  {
    what: 'an assertion that is too old',
    engine: 'identity',
    question: async (world) => {
      const exp = Date.parse(AT) / 1_000 - 60
      return tokenRequest(world, { client_assertion: await assertion(world.org, { exp }) })
    },
    answer: json(401, UNLIMITED, {
      error: 'invalid_client',
      error_description: 'The client_assertion token has expired.',
    }),
    credentials: 'service app',
    call: (api) => api.getSession(EXTERNAL),
    error: {
      name: 'OktaApiError',
      operation: 'requestToken',
      status: 401,
      errorCode: 'invalid_client',
      errorSummary: 'The client_assertion token has expired.',
    },
  },
]

export const samples: readonly Sample[] = [
  ...ofCookie,
  ...ofSessionToken,
  ...ofId,
  ...ofTheOrg,
  ...ofTheTokenEndpoint,
]
