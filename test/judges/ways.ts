/** Every way there is to make a local org answer one of the documented operations, as a request sent by hand. */
import type { Engine, Fault, LocalOrg, LocalOrgOptions } from '../../src/local-org/index.js'
import { assertion, ath, type DpopKey, dpopKey } from '../local-org/service-app.js'
import type { HeaderLine, SentRequest } from './recorded-org.js'

export interface Way {
  readonly operationId: string
  readonly status: number
  readonly what: string
  readonly org?: LocalOrgOptions
  readonly fault?: Fault
  request(world: World): Partial<SentRequest> | Promise<Partial<SentRequest>>
}

/** A live session of alice's, and what it is called. */
export interface World {
  readonly org: LocalOrg
  readonly cookie: string
  readonly internal: string
  readonly external: string
}

const ALICE = 'alice@example.com'
const SESSIONS = '/api/v1/sessions'
const ABSENT = '102AAAAAAAAAAAAAAAAAAAAAA'
const LATER = 121 * 60_000

export function worldOf(org: LocalOrg, kind: 'idx' | 'sid'): World {
  const [{ login } = { login: ALICE }] = org.users
  const cookie = org.signIn(login, { cookie: kind })
  const external = org.sessions.at(-1)?.id ?? ''
  const sid = kind === 'sid' ? cookie : org.signIn(login, { cookie: 'sid' })
  const internal = sid.slice('sid='.length)
  return { org, cookie, external, internal }
}

export function waysOf(engine: Engine): readonly Way[] {
  const kinds = engine === 'identity' ? (['idx', 'sid'] as const) : (['sid'] as const)
  return [...creations, ...kinds.flatMap(cookieWays), ...byIdWays, ...tokenWays]
}

/** Answers that do not belong to the request. */
export const troubles: readonly (readonly [status: number, fault: Fault])[] = [
  [429, { kind: 'rate_limit' }],
  [429, { kind: 'concurrency_limit' }],
  ...[400, 403, 500, 503].map((status) => [status, { kind: 'status', status }] as const),
]

const json: HeaderLine = ['content-type', 'application/json']
const ssws = (org: LocalOrg): HeaderLine => ['authorization', `SSWS ${org.apiToken}`]
const wrongToken: HeaderLine = ['authorization', 'SSWS 00wrong']

const creations: readonly Way[] = (
  [
    [200, 'a session token', ({ org }) => [[json], tokenBody(org)]],
    [200, 'a session token, with an API token', ({ org }) => [[json, ssws(org)], tokenBody(org)]],
    [400, 'no body', ({ org }) => [[json, ssws(org)], '']],
    [400, 'half a body', () => [[json], '{"sessionToken":']],
    [400, 'another body', () => [[json], '{"sessionToken":1}']],
    [401, 'an unknown session token', ({ org }) => [[json, ssws(org)], '{"sessionToken":"2011"}']],
    [401, 'a wrong API token', ({ org }) => [[json, wrongToken], tokenBody(org)]],
    [401, 'an unknown access token', ({ org }) => [[json, bearer('a.b.c')], tokenBody(org)]],
    [403, 'an access token', ({ org }) => [[json, bearer(org.accessToken())], tokenBody(org)]],
    [403, 'another scheme', ({ org }) => [[json, ['authorization', 'Basic a']], tokenBody(org)]],
    [415, 'text', ({ org }) => [[['content-type', 'text/plain']], tokenBody(org)]],
  ] as const satisfies readonly (readonly [
    number,
    string,
    (world: World) => readonly [readonly HeaderLine[], string],
  ])[]
).map(([status, what, parts]) => ({
  operationId: 'createSession',
  status,
  what,
  request(world) {
    const [headers, body] = parts(world)
    return { method: 'POST', target: SESSIONS, headers, body }
  },
}))

function tokenBody(org: LocalOrg): string {
  return JSON.stringify({ sessionToken: org.sessionToken(ALICE) })
}

function bearer(token: string): HeaderLine {
  return ['authorization', `Bearer ${token}`]
}

const CURRENT = [
  ['getCurrentSession', 'GET', `${SESSIONS}/me`, 200],
  ['refreshCurrentSession', 'POST', `${SESSIONS}/me/lifecycle/refresh`, 200],
  ['closeCurrentSession', 'DELETE', `${SESSIONS}/me`, 204],
] as const

function cookieWays(kind: 'idx' | 'sid'): readonly Way[] {
  return CURRENT.flatMap(([operationId, method, target, status]): readonly Way[] => {
    const way = (
      code: number,
      what: string,
      headers: (world: World) => readonly HeaderLine[],
    ): Way => ({
      operationId,
      status: code,
      what,
      request: (world) => ({ method, target, headers: headers(world) }),
    })
    return [
      way(status, `the ${kind}`, ({ cookie }) => [['cookie', cookie]]),
      way(status, `the ${kind} of a second factor`, ({ org }) => [
        ['cookie', org.signIn('carol@example.com', { cookie: kind })],
      ]),
      way(status, `the ${kind} of a sign-in half done`, ({ org }) => [
        ['cookie', org.signIn(ALICE, { cookie: kind, status: 'MFA_REQUIRED' })],
      ]),
      way(404, 'no cookie', () => []),
      way(404, `an unknown ${kind}`, () => [['cookie', `${kind}=${ABSENT}`]]),
      way(404, `the ${kind} of a session that has ended`, ({ org, cookie }) => {
        org.clock.advance(LATER)
        return [['cookie', cookie]]
      }),
      ...(operationId === 'refreshCurrentSession'
        ? [
            way(204, `the ${kind}, and little is wanted`, ({ cookie }) => [
              ['cookie', cookie],
              ['prefer', 'return=minimal'],
            ]),
          ]
        : []),
    ]
  })
}

const BY_ID = [
  ['getSession', 'GET', '', 200, 'read'],
  ['refreshSession', 'POST', '/lifecycle/refresh', 200, 'manage'],
  ['revokeSession', 'DELETE', '', 204, 'manage'],
] as const

const byIdWays: readonly Way[] = BY_ID.flatMap(([operationId, method, action, status, scope]) => {
  const way = (
    code: number,
    what: string,
    headers: (world: World, target: string) => readonly HeaderLine[] | Promise<HeaderLine[]>,
    id: (world: World) => string = ({ external }) => external,
  ): Way => ({
    operationId,
    status: code,
    what,
    async request(world) {
      const target = `${SESSIONS}/${id(world)}${action}`
      return { method, target, headers: await headers(world, target) }
    },
  })
  const byToken = ({ org }: World) => [ssws(org)]
  const other = scope === 'read' ? 'manage' : 'read'
  return [
    way(status, 'an API token', byToken),
    way(status, 'an API token and the internal id', byToken, ({ internal }) => internal),
    way(status, 'an access token', ({ org }) => [
      bearer(org.accessToken([`okta.sessions.${scope}`])),
    ]),
    {
      ...way(status, 'a bound access token', (world, target) => bound(world.org, method, target)),
      org: { dpop: 'required' },
    },
    {
      ...way(401, 'a bound access token without its proof', async (world, target) =>
        (await bound(world.org, method, target)).filter(([name]) => name !== 'dpop'),
      ),
      org: { dpop: 'required' },
    },
    way(401, 'a wrong API token', () => [wrongToken]),
    way(401, 'an unknown access token', () => [bearer('a.b.c')]),
    way(403, 'no Authorization', () => []),
    way(403, 'another scheme', () => [['authorization', 'Basic a']]),
    way(403, 'a token without the scope', ({ org }) => [
      bearer(org.accessToken([`okta.sessions.${other}`])),
    ]),
    way(404, 'an unknown id', byToken, () => ABSENT),
    way(
      404,
      'an unknown id and an access token',
      ({ org }) => [bearer(org.accessToken())],
      () => encodeURIComponent("a b/../$&'<é>"),
    ),
    way(404, 'a session that has ended', ({ org }) => {
      org.clock.advance(LATER)
      return [ssws(org)]
    }),
  ]
})

/** An access token bound to a new key, got by the nonce dance, and the proof for one request. */
async function bound(org: LocalOrg, method: string, target: string): Promise<HeaderLine[]> {
  const key = await dpopKey()
  const answer = await fetch(`${org.url}${TOKEN}`, {
    method: 'POST',
    headers: { dpop: await proofWithNonce(org, key) },
    body: await tokenForm(org),
  })
  const body: unknown = await answer.json()
  const token =
    typeof body === 'object' && body !== null && 'access_token' in body
      ? String(body.access_token)
      : ''
  const claims = { htm: method, htu: org.url + target, ath: ath(token) }
  return [
    ['authorization', `DPoP ${token}`],
    ['dpop', await key.proof(org, claims)],
  ]
}

const TOKEN = '/oauth2/v1/token'
const form: HeaderLine = ['content-type', 'application/x-www-form-urlencoded']

async function tokenForm(org: LocalOrg, change: Readonly<Record<string, string>> = {}) {
  return new URLSearchParams({
    grant_type: 'client_credentials',
    scope: 'okta.sessions.read okta.sessions.manage',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await assertion(org),
    ...change,
  })
}

function proofFor(org: LocalOrg, key: DpopKey, claims: Readonly<Record<string, string>> = {}) {
  return key.proof(org, { htm: 'POST', htu: org.url + TOKEN, ...claims })
}

async function proofWithNonce(org: LocalOrg, key: DpopKey): Promise<string> {
  const answer = await fetch(org.url + TOKEN, {
    method: 'POST',
    headers: { dpop: await proofFor(org, key) },
    body: await tokenForm(org),
  })
  return proofFor(org, key, { nonce: answer.headers.get('dpop-nonce') ?? '' })
}

const tokenWays: readonly Way[] = [
  tokenWay(200, 'an assertion', {}),
  tokenWay(200, 'an assertion for one scope', { scope: 'okta.sessions.read' }),
  tokenWay(400, 'another grant', { grant_type: 'password' }),
  tokenWay(400, 'a scope that was not granted', { scope: 'okta.users.manage' }),
  tokenWay(401, 'no assertion type', { client_assertion_type: '' }),
  tokenWay(401, 'no assertion to speak of', { client_assertion: 'a.b.c' }),
  { ...tokenWay(400, 'no proof where one is required', {}), org: { dpop: 'required' } },
  { ...tokenWay(400, 'a proof without a nonce', {}, proofFor), org: { dpop: 'required' } },
  { ...tokenWay(200, 'a proof with its nonce', {}, proofWithNonce), org: { dpop: 'required' } },
  {
    operationId: 'requestToken',
    status: 400,
    what: 'JSON',
    request: () => ({ method: 'POST', target: TOKEN, headers: [json], body: '{}' }),
  },
]

function tokenWay(
  status: number,
  what: string,
  change: Readonly<Record<string, string>>,
  proof?: (org: LocalOrg, key: DpopKey) => Promise<string>,
): Way {
  return {
    operationId: 'requestToken',
    status,
    what,
    async request({ org }) {
      const body = (await tokenForm(org, change)).toString()
      const dpop: HeaderLine[] =
        proof === undefined ? [] : [['dpop', await proof(org, await dpopKey())]]
      return { method: 'POST', target: TOKEN, headers: [form, ...dpop], body }
    },
  }
}
