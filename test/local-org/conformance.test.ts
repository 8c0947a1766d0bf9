import { describe, expect, it } from 'vitest'
import type { Engine, LocalOrg } from '../../src/local-org/index.js'
import { bodyOf, NOW, orgs, stillClock } from './orgs.js'

const start = orgs()
const ENGINES: readonly Engine[] = ['identity', 'classic']

const LOGIN = 'alice@example.com'
const ABSENT = '102AAAAAAAAAAAAAAAAAAAAAA'
const MINUTE = 60_000

/** What a request brings. `session` is a live one of alice's, before anything is done to it. */
interface Case {
  readonly headers?: (org: LocalOrg, session: Ids) => Readonly<Record<string, string>>
  readonly id?: (session: Ids) => string
  readonly body?: (org: LocalOrg) => string
  /** What happens before the request. */
  readonly before?: (org: LocalOrg, session: Ids) => unknown
  readonly status: number
  readonly code?: string
  readonly summary?: string | ((session: Ids) => string)
  readonly challenge?: RegExp
  /** Set-Cookie by name: a deletion is `-name`. */
  readonly setCookie?: readonly string[]
}

interface Ids {
  readonly cookie: string
  readonly internal: string
  readonly external: string
}

const DELETIONS = ['-sid', '-xids', 'JSESSIONID']
const NOT_SIGNED_IN = {
  status: 404,
  code: 'E0000007',
  summary: 'Not found: Resource not found: me (Session)',
  setCookie: [],
} as const

const ssws = (org: LocalOrg) => ({ authorization: `SSWS ${org.apiToken}` })
const ownCookie = (_org: LocalOrg, session: Ids) => ({ cookie: session.cookie })
const bearer =
  (...scopes: string[]) =>
  (org: LocalOrg) => ({ authorization: `Bearer ${org.accessToken(scopes)}` })
const expire = (org: LocalOrg) => org.clock.advance(120 * MINUTE)

/** A live session of alice's, its cookie, and both its ids. */
async function liveSession(org: LocalOrg): Promise<Ids> {
  const cookie = org.signIn(LOGIN)
  const external = org.sessions.at(-1)?.id ?? ''
  const refreshed = await fetch(`${org.url}/api/v1/sessions/${external}/lifecycle/refresh`, {
    method: 'POST',
    headers: ssws(org),
  })
  const [, internal = ''] =
    /sid=(102[\w-]{22});/.exec(refreshed.headers.getSetCookie().join()) ?? []
  return { cookie, internal, external }
}

async function send(org: LocalOrg, method: string, path: string, row: Case) {
  const session = await liveSession(org)
  await row.before?.(org, session)
  const id = row.id?.(session) ?? ''
  const body = row.body?.(org)
  const response = await fetch(org.url + path.replace('{id}', encodeURIComponent(id)), {
    method,
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...row.headers?.(org, session),
    },
    ...(body !== undefined && { body }),
  })
  return { response, session, id }
}

/** What is the same for every answer of the API. */
function expectCommon(response: Response): void {
  expect(response.headers.get('date')).toMatch(/^Tue, 15 Jan 2030 1\d:\d\d:\d\d GMT$/)
  expect(response.headers.get('x-okta-request-id')).toMatch(/^[0-9a-f]{32}$/)
  expect(response.headers.get('x-rate-limit-limit')).toMatch(/^\d+$/)
  expect(response.headers.get('x-rate-limit-remaining')).toMatch(/^\d+$/)
  expect(Number(response.headers.get('x-rate-limit-reset'))).toBeGreaterThan(NOW / 1_000)
  expect(response.headers.get('cache-control')).toContain('no-store')
}

async function expectEnvelope(response: Response, code: string): Promise<string> {
  expect(response.headers.get('content-type')).toBe('application/json')
  const body = await bodyOf(response)
  expect(body).toEqual({
    errorCode: code,
    errorSummary: expect.any(String),
    errorLink: code,
    errorId: expect.stringMatching(/^oae[\w-]{22}$/),
    errorCauses: [],
  })
  return String(body.errorSummary)
}

function setCookieNames(response: Response): readonly string[] {
  return response.headers
    .getSetCookie()
    .map((line) => (line.includes('Max-Age=0') ? '-' : '') + (line.split('=')[0] ?? ''))
}

function check(
  engine: Engine,
  method: string,
  path: string,
  rows: Readonly<Record<string, Case>>,
  onSuccess: (response: Response, session: Ids, id: string, org: LocalOrg) => Promise<void>,
): void {
  describe(`${method} ${path} on ${engine}`, () => {
    for (const [name, row] of Object.entries(rows)) {
      it(`answers ${row.status} ${row.code ?? ''} ${name}`, async () => {
        const org = await start({ engine, clock: stillClock })
        const { response, session, id } = await send(org, method, path, row)
        expect(response.status).toBe(row.status)
        expectCommon(response)
        expect(setCookieNames(response)).toEqual(row.setCookie ?? [])
        const challenge = response.headers.get('www-authenticate') ?? ''
        expect(challenge).toMatch(row.challenge ?? /^$/)
        if (row.code === undefined) {
          await onSuccess(response, session, id, org)
          return
        }
        const summary = await expectEnvelope(response, row.code)
        const { summary: wanted } = row
        if (wanted !== undefined) {
          expect(summary).toBe(typeof wanted === 'string' ? wanted : wanted(session))
        }
      })
    }
  })
}

/** Okta's Session object, field for field. */
function sessionObject(org: LocalOrg, engine: Engine, id: string, name: string) {
  const self = `${org.url}/api/v1/sessions/${name}`
  const userId = org.users.find((user) => user.login === LOGIN)?.userId ?? ''
  return {
    id,
    login: LOGIN,
    userId,
    createdAt: '2030-01-15T12:00:00.000Z',
    expiresAt: '2030-01-15T14:00:00.000Z',
    status: 'ACTIVE',
    lastPasswordVerification: '2030-01-15T12:00:00.000Z',
    lastFactorVerification: null,
    amr: ['pwd'],
    ...(engine === 'classic' && {
      idp: { id: expect.stringMatching(/^00o\w{17}$/), type: 'OKTA' },
    }),
    mfaActive: false,
    _links: {
      self: { href: self, hints: { allow: ['GET', 'DELETE'] } },
      refresh: { href: `${self}/lifecycle/refresh`, hints: { allow: ['POST'] } },
      user: {
        name: LOGIN,
        href: `${org.url}/api/v1/users/${name === 'me' ? 'me' : userId}`,
        hints: { allow: ['GET'] },
      },
    },
  }
}

/** What a cookie operation makes of each thing a request can bring. */
function cookieRows(engine: Engine, ok: Pick<Case, 'status' | 'setCookie'>) {
  return {
    'for the cookie of the engine': { headers: ownCookie, ...ok },
    'for that cookie among others': {
      headers: (_org: LocalOrg, { cookie }: Ids) => ({ cookie: `theme=dark; ${cookie}; lang=en` }),
      ...ok,
    },
    'without a cookie': NOT_SIGNED_IN,
    'for that value under another name': {
      headers: (_org: LocalOrg, { cookie }: Ids) => ({ cookie: `my-${cookie}` }),
      ...NOT_SIGNED_IN,
    },
    'for an API token instead of a cookie': { headers: ssws, ...NOT_SIGNED_IN },
    'for an unknown cookie': {
      headers: () => ({ cookie: engine === 'classic' ? `sid=${ABSENT}` : 'idx=eyJ6.a.b.c' }),
      ...NOT_SIGNED_IN,
    },
    'for an external id as sid, which is no credential': {
      headers: (_org: LocalOrg, { external }: Ids) => ({ cookie: `sid=${external}` }),
      ...NOT_SIGNED_IN,
    },
    'for a session that has expired': { headers: ownCookie, before: expire, ...NOT_SIGNED_IN },
    'for a session that was ended': {
      headers: ownCookie,
      before: (org: LocalOrg, { external }: Ids) => org.endSession(external),
      ...NOT_SIGNED_IN,
    },
    'for a session whose user was suspended': {
      headers: ownCookie,
      before: (org: LocalOrg) => org.suspendUser(org.users[0]?.userId ?? ''),
      ...NOT_SIGNED_IN,
    },
  }
}

const sidInstead = (_org: LocalOrg, { internal }: Ids) => ({ cookie: `sid=${internal}` })

for (const engine of ENGINES) {
  const own = engine === 'classic' ? ['sid', 'xids'] : ['idx']
  const gone = engine === 'classic' ? ['-sid', '-xids'] : ['-idx', '-sid', '-xids']

  check(
    engine,
    'GET',
    '/api/v1/sessions/me',
    {
      ...cookieRows(engine, { status: 200 }),
      'for a sid, as createSession makes it': { headers: sidInstead, status: 200 },
    },
    async (response, { external }, _id, org) => {
      expect(await response.json()).toEqual(sessionObject(org, engine, external, 'me'))
    },
  )

  check(
    engine,
    'POST',
    '/api/v1/sessions/me/lifecycle/refresh',
    {
      ...cookieRows(engine, { status: 200, setCookie: own }),
      'for a sid, as createSession makes it': {
        headers: sidInstead,
        status: 200,
        setCookie: ['sid', 'xids'],
      },
      'where a minimal answer is preferred': {
        headers: (_org, { cookie }) => ({ cookie, prefer: 'return=minimal' }),
        status: 204,
        setCookie: own,
      },
    },
    async (response, { external, cookie }, _id, org) => {
      expect(response.headers.getSetCookie().join()).toContain(
        response.headers.getSetCookie()[0]?.startsWith('idx') ? cookie : 'sid=102',
      )
      if (response.status === 204) expect(await response.text()).toBe('')
      else expect(await response.json()).toEqual(sessionObject(org, engine, external, 'me'))
    },
  )

  check(
    engine,
    'DELETE',
    '/api/v1/sessions/me',
    {
      ...cookieRows(engine, { status: 204, setCookie: gone }),
      'for a sid, as createSession makes it': {
        headers: sidInstead,
        status: 204,
        setCookie: gone,
      },
    },
    async (response, _session, _id, org) => {
      expect(await response.text()).toBe('')
      expect(org.sessions).toEqual([])
    },
  )

  const newToken = (org: LocalOrg) => JSON.stringify({ sessionToken: org.sessionToken(LOGIN) })
  check(
    engine,
    'POST',
    '/api/v1/sessions',
    {
      'for a session token and an API token': {
        headers: ssws,
        body: newToken,
        status: 200,
        setCookie: DELETIONS,
      },
      'for a session token alone': { body: newToken, status: 200 },
      'for a session token that is unknown': {
        headers: ssws,
        body: () => '{"sessionToken":"20111abc"}',
        status: 401,
        code: 'E0000004',
        summary: 'Authentication failed',
        setCookie: DELETIONS,
      },
      'without a body': {
        headers: ssws,
        status: 400,
        code: 'E0000003',
        summary: 'The request body was not well-formed.',
        setCookie: DELETIONS,
      },
      'for broken JSON': { body: () => '{"sessionToken":', status: 400, code: 'E0000003' },
      'for a session token that is no text': {
        body: () => '{"sessionToken":1}',
        status: 400,
        code: 'E0000003',
      },
      'for an unknown API token': {
        headers: () => ({ authorization: 'SSWS 00nobody' }),
        body: newToken,
        status: 401,
        code: 'E0000011',
      },
      'for an access token: it has no scope for this': {
        headers: bearer('okta.sessions.read', 'okta.sessions.manage'),
        body: newToken,
        status: 403,
        code: 'E0000006',
        challenge: /^Bearer .*error="insufficient_scope"/,
      },
    },
    async (response, _session, _id, org) => {
      const created = await bodyOf(response)
      expect(created.id).toMatch(/^102[\w-]{22}$/)
      const { id: external } = org.sessions.at(-1) ?? { id: '' }
      expect(external).not.toBe(created.id)
      expect(created).toEqual(sessionObject(org, engine, String(created.id), external))
      const cookie = `sid=${String(created.id)}`
      const me = await fetch(`${org.url}/api/v1/sessions/me`, { headers: { cookie } })
      expect(await bodyOf(me)).toMatchObject({ id: external, login: LOGIN })
    },
  )

  for (const [operation, method, path, scope] of [
    ['getSession', 'GET', '/api/v1/sessions/{id}', 'read'],
    ['refreshSession', 'POST', '/api/v1/sessions/{id}/lifecycle/refresh', 'manage'],
    ['revokeSession', 'DELETE', '/api/v1/sessions/{id}', 'manage'],
  ] as const) {
    const isRefresh = operation === 'refreshSession'
    const status = operation === 'revokeSession' ? 204 : 200
    const byToken = { status, setCookie: isRefresh ? ['sid', 'xids', 'JSESSIONID'] : DELETIONS }
    const external = (session: Ids) => session.external
    const unknown = (id: string) => ({
      headers: ssws,
      status: 404,
      code: 'E0000007',
      summary: `Not found: Resource not found: ${id} (AppSession)`,
      setCookie: DELETIONS,
    })
    check(
      engine,
      method,
      path,
      {
        'for the external id': { headers: ssws, id: external, ...byToken },
        'for the internal id': { headers: ssws, id: ({ internal }) => internal, ...byToken },
        'for an access token of the right scope': {
          headers: bearer(`okta.sessions.${scope}`),
          id: external,
          status,
          setCookie: isRefresh ? ['sid', 'xids'] : [],
        },
        'for an access token of the other scope': {
          headers: bearer(scope === 'read' ? 'okta.sessions.manage' : 'okta.sessions.read'),
          id: external,
          status: 403,
          code: 'E0000006',
          challenge: new RegExp(`scope="okta.sessions.${scope}", error="insufficient_scope"`),
        },
        'for an unknown access token': {
          headers: () => ({ authorization: 'Bearer a.b.c' }),
          id: external,
          status: 401,
          code: 'E0000011',
          challenge: /^Bearer .*error="invalid_token"/,
        },
        'for an access token an hour old': {
          headers: (org) => {
            const expired = bearer(`okta.sessions.${scope}`)(org)
            org.clock.advance(60 * MINUTE)
            return expired
          },
          id: external,
          status: 401,
          code: 'E0000011',
          challenge: /error="invalid_token"/,
        },
        'without Authorization': {
          headers: ownCookie,
          id: external,
          status: 403,
          code: 'E0000005',
          summary: 'Invalid session',
        },
        'for another kind of Authorization': {
          headers: (org) => ({ authorization: `Basic ${org.apiToken}` }),
          id: external,
          status: 403,
          code: 'E0000005',
        },
        'for an unknown API token': {
          headers: () => ({ authorization: 'SSWS 00nobody' }),
          id: external,
          status: 401,
          code: 'E0000011',
          summary: 'Invalid token provided',
        },
        'for an unknown id': { id: () => ABSENT, ...unknown(ABSENT) },
        'for an id that is no id, which it repeats': {
          id: () => "a b/../$&'<é>",
          ...unknown("a b/../$&'<é>"),
        },
        'for a session that has expired': {
          ...unknown(''),
          id: external,
          before: expire,
          summary: (session) => `Not found: Resource not found: ${session.external} (AppSession)`,
        },
        'the second time after a revocation': {
          ...unknown(''),
          id: external,
          before: (org, session) =>
            fetch(`${org.url}/api/v1/sessions/${session.external}`, {
              method: 'DELETE',
              headers: ssws(org),
            }),
          summary: (session) => `Not found: Resource not found: ${session.external} (AppSession)`,
        },
      },
      async (response, session, id, org) => {
        if (status === 204) {
          expect(await response.text()).toBe('')
          expect(org.sessions).toEqual([])
        } else {
          const wanted = sessionObject(org, engine, id, session.external)
          expect(await response.json()).toEqual(wanted)
        }
      },
    )
  }
}

describe('a session token', () => {
  it('a session token works once', async () => {
    const org = await start()
    const body = JSON.stringify({ sessionToken: org.sessionToken(LOGIN) })
    const create = () =>
      fetch(`${org.url}/api/v1/sessions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
    const answers = await Promise.all([create(), create(), create()])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401])
  })

  it('a session token is refused once its user is suspended', async () => {
    const org = await start()
    const sessionToken = org.sessionToken(LOGIN)
    org.suspendUser(org.users[0]?.userId ?? '')
    const answer = await fetch(`${org.url}/api/v1/sessions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sessionToken }),
    })
    expect(answer.status).toBe(401)
  })

  it('a session token is read from JSON only', async () => {
    const org = await start()
    const answer = await fetch(`${org.url}/api/v1/sessions`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: JSON.stringify({ sessionToken: org.sessionToken(LOGIN) }),
    })
    expect(answer.status).toBe(415)
    expect(await expectEnvelope(answer, 'E0000021')).toContain('Content-Type')
  })
})

describe('two cookies in one browser', () => {
  it('of two cookies idx decides, then sid', async () => {
    const org = await start()
    const idx = org.signIn('alice@example.com')
    const sid = org.signIn('bob@example.com', { cookie: 'sid' })
    const whose = async (cookie: string) =>
      (await bodyOf(await fetch(`${org.url}/api/v1/sessions/me`, { headers: { cookie } }))).login
    expect(await whose(`${sid}; ${idx}`)).toBe('alice@example.com')
    org.endSession(idx)
    expect(await whose(`${sid}; ${idx}`)).toBe('bob@example.com')
  })

  it('closing the session ends both cookies', async () => {
    const org = await start()
    const idx = org.signIn('alice@example.com')
    const sid = org.signIn('bob@example.com', { cookie: 'sid' })
    const headers = { cookie: `${idx}; ${sid}` }
    const answer = await fetch(`${org.url}/api/v1/sessions/me`, { method: 'DELETE', headers })
    expect(answer.status).toBe(204)
    expect(org.sessions).toEqual([])
  })

  it('an idx cookie means nothing to a Classic org', async () => {
    const org = await start({ engine: 'classic' })
    const answer = await fetch(`${org.url}/api/v1/sessions/me`, { headers: { cookie: 'idx=a.b' } })
    expect(answer.status).toBe(404)
    expect(() => org.signIn(LOGIN, { cookie: 'idx' })).toThrow('classic')
  })
})

describe('addresses and methods the org does not know', () => {
  it.each([
    ['GET', '/api/v1/sessions', 405, 'E0000022'],
    ['GET', '/api/v1/sessions/', 405, 'E0000022'],
    ['PUT', '/api/v1/sessions/me', 405, 'E0000022'],
    ['POST', '/api/v1/sessions/me', 405, 'E0000022'],
    ['GET', '/api/v1/sessions/me/lifecycle/refresh', 405, 'E0000022'],
    ['PATCH', '/api/v1/sessions/102abc', 405, 'E0000022'],
    ['GET', '/api/v1/authn', 405, 'E0000022'],
    ['GET', '/oauth2/v1/token', 405, 'E0000022'],
    ['DELETE', '/login/login.htm', 405, 'E0000022'],
    ['GET', '/api/v1/sessions/me/lifecycle/other', 404, 'E0000007'],
    ['GET', '/api/v1/sessionsandmore', 404, 'E0000007'],
    ['GET', '/api/v1/users/00u1', 404, 'E0000007'],
    ['GET', '/nowhere', 404, 'E0000007'],
    ['GET', '/__proto__', 404, 'E0000007'],
  ])(
    'an unknown address or method is refused: %s %s with %i %s',
    async (method, path, status, code) => {
      const org = await start()
      const answer = await fetch(org.url + path, { method })
      expect(answer.status).toBe(status)
      await expectEnvelope(answer, code)
    },
  )
})

describe('the counters', () => {
  it('the counters count each operation by its name in Okta’s SDKs, refused or not', async () => {
    const org = await start()
    const { external } = await liveSession(org)
    const calls = { ...org.calls }
    const by = async (method: string, path: string) => {
      await fetch(`${org.url}/api/v1/sessions${path}`, { method, headers: ssws(org) })
    }
    await by('GET', '/me')
    await by('GET', '/me')
    await by('POST', '/me/lifecycle/refresh')
    await by('DELETE', '/me')
    await by('POST', '')
    await by('GET', `/${external}`)
    await by('POST', `/${external}/lifecycle/refresh`)
    await by('DELETE', `/${external}`)
    expect(org.calls).toEqual({
      ...calls,
      getCurrentSession: 2,
      refreshCurrentSession: 1,
      closeCurrentSession: 1,
      createSession: 1,
      getSession: 1,
      refreshSession: calls.refreshSession + 1,
      revokeSession: 1,
    })
  })
})
