/**
 * With everything switched on that prints (DEBUG=*, all channels, spans, metrics, two loggers), every handler used and
 * each fault of Okta's in turn, no output, answer or value in Redis holds a secret, in any spelling.
 */
import { inspect } from 'node:util'
import { channels, type OktaSessionOptions } from 'express-okta-session'
import type { Fault, LocalOrg, LocalOrgOptions } from 'express-okta-session/local-org'
import request from 'supertest'
import { describe, expect, it, onTestFinished } from 'vitest'
import { deep, sampleOf } from '../deep.js'
import { dumpOf } from '../redis/redis-dump.js'
import { describeRedis, type RedisServer, startRedis } from '../redis/redis-server.js'
import { type Canary, leaksIn, spellingsOf, startCanary } from './canary-world.js'
import { api, cookiesOf, ownPage, page, startOrg } from './door.js'

const ALICE = 'alice@example.com'
const BOB = 'bob@example.com'
const AUDIENCE = 'https://app.example.com/okta/signals'
const CLIENT_ID = '0oa1example'

/** With characters that percent-encoding, JSON and base64 spell differently. */
const HOOK_SECRET = 'hook/secret+of "the" canary=and%more'
const SECRET = 'the/secret+that "seals" the=values%of-the-store'
const REDIS_PASSWORD = 'redis/password+of@the:canary?and=more'

/** Usable, with what the package does not know. */
const drift: Fault = { kind: 'fields', set: { amr: ['new'], somethingNew: 'a value' } }

const faults: readonly Fault[] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 401 },
  { kind: 'status', status: 403 },
  { kind: 'status', status: 404, body: 'Not here' },
  { kind: 'status', status: 400, errorCode: 'E0000015' },
  { kind: 'html' },
  { kind: 'redirect' },
  { kind: 'delay', delayMs: 50 },
  { kind: 'malformed_body' },
  { kind: 'huge_body' },
  { kind: 'gzip_body' },
  { kind: 'content_type' },
  { kind: 'fields', set: { login: 7 } },
  { kind: 'duplicate_headers' },
  { kind: 'set_cookie' },
  { kind: 'hang' },
  { kind: 'reset' },
  { kind: 'reset', performs: true },
  { kind: 'not_http' },
  { kind: 'slow_body', overMs: 1_000 },
  { kind: 'truncated_body' },
]

interface Variant {
  readonly name: string
  /** Used last: its circuit stays open until the window of the rate limit ends. */
  readonly limit: Fault
  readonly library: 'redis' | 'ioredis'
  readonly org: LocalOrgOptions
  readonly credentials: (org: LocalOrg) => NonNullable<OktaSessionOptions['credentials']>
}

const variants: readonly Variant[] = [
  {
    name: 'an API token, Identity Engine, node-redis',
    library: 'redis',
    limit: { kind: 'rate_limit' },
    org: { engine: 'identity', apiToken: '00-the-api-token-of-the-canary-of-40-bytes' },
    credentials: ({ apiToken }) => ({ apiToken }),
  },
  {
    name: 'a service app with DPoP, Classic, ioredis',
    library: 'ioredis',
    limit: { kind: 'concurrency_limit' },
    org: { engine: 'classic', dpop: 'required' },
    credentials: ({ serviceApp: { clientId, privateKey, keyId } }) => ({
      ...{ clientId, keyId },
      privateKey: JSON.stringify(privateKey),
      dpop: true,
    }),
  },
  {
    name: 'an access token, Identity Engine, node-redis',
    library: 'redis',
    limit: { kind: 'rate_limit', performs: true },
    org: { engine: 'identity' },
    credentials: (org) => ({ accessToken: org.accessToken() }),
  },
]

describeRedis('with everything that prints switched on', () => {
  it.each(variants)('nothing holds a secret: $name', { timeout: 120_000 }, async (variant) => {
    const org = await startOrg(variant.org)
    const redis = await startRedis({ config: [`user app on ">${REDIS_PASSWORD}" ~* &* +@all`] })
    onTestFinished(() => redis.stop())
    const credentials = variant.credentials(org)
    const canary = await startCanary({
      options: {
        ...{ orgUrl: org.url, secret: SECRET, credentials },
        cache: { ttlMs: 1_000, maxTtlMs: 2_000, negativeTtlMs: 100 },
        upstream: { timeoutMs: 500, failedLookups: { burst: 5_000 } },
      },
      redis: {
        url: `redis://app:${encodeURIComponent(REDIS_PASSWORD)}@127.0.0.1:${redis.port}`,
        library: variant.library,
      },
      ...{ hookSecret: HOOK_SECRET, audience: AUDIENCE, clientId: CLIENT_ID },
    })
    await registerPushes(org, canary)
    const client = new Client(canary, org)
    client.secrets.set(SECRET, 'secret').set(HOOK_SECRET, "the hook's secret")
    client.secrets.set(REDIS_PASSWORD, 'the password of Redis').set(org.apiToken, 'the API token')
    for (const [name, value] of Object.entries(org.serviceApp.privateKey))
      if (['d', 'p', 'q', 'dp', 'dq', 'qi'].includes(name))
        client.secrets.set(String(value), `the private key's ${name}`)
    if ('accessToken' in credentials)
      client.secrets.set(String(credentials.accessToken), 'the access token')

    await client.useEverything()
    await client.sendJunk()
    for (const fault of [drift, ...sampleOf(faults, 4)]) {
      await client.during(fault)
      await client.untilOktaAnswers()
    }
    await client.withoutRedis(redis)
    await client.usePushes()
    await client.during(variant.limit)
    const metrics = await (await fetch(`${canary.url}/metrics`)).text()
    const dump = (await dumpOf(redis)).toString('latin1')
    const output = await canary.end()
    for (const id of canary.created) client.secrets.set(id, 'the id of a created session')

    expectReach(output, metrics, dump, client)
    const texts = { output, metrics, dump, answers: client.answers.join('\n') }
    expect(leaksIn(texts, client.secrets)).toEqual([])
    // Access tokens and client assertions, which the test does not know.
    const tokens = Object.values(texts).flatMap((text) => text.match(/eyJ[\w-]{8,}\.eyJ/g) ?? [])
    expect(tokens).toEqual([])
  })
})

describe('the search for secrets', () => {
  it.each([...spellingsOf('a/long+secret of "more" than 32 bytes=%').keys()])(
    'finds the middle of one: %s',
    (spelling) => {
      const secret = 'a/long+secret of "more" than 32 bytes=%'
      const text = `before ${spellingsOf(secret).get(spelling)} after`
      expect(leaksIn({ text }, new Map([[secret, 'it']]))[0]).toContain('it (')
      expect(leaksIn({ text: 'before after' }, new Map([[secret, 'it']]))).toEqual([])
    },
  )

  it.each(['x', 'xx', 'xxx', 'xxxx'])('finds one in base64 behind %s', (before) => {
    const secret = 'a/long+secret of "more" than 32 bytes=%'
    for (const encoding of ['base64', 'base64url'] as const) {
      const text = Buffer.from(`${before}${secret}, after`).toString(encoding)
      expect(leaksIn({ text }, new Map([[secret, 'it']])).length).toBeGreaterThan(0)
    }
  })

  it('finds one that inspect() shows as a buffer or as a list', () => {
    const secret = 'a secret of 20 bytes'
    for (const value of [Buffer.from(secret), new Uint8Array(Buffer.from(secret)), secret])
      expect(
        leaksIn({ text: inspect({ value }, { breakLength: Infinity }) }, new Map([[secret, 'it']]))
          .length,
      ).toBeGreaterThan(0)
  })
})

async function registerPushes(org: LocalOrg, { url }: Canary): Promise<void> {
  await org.addEventHook({ url: `${url}/okta/events`, authorization: HOOK_SECRET })
  org.addSignals({ url: `${url}/okta/signals`, audience: AUDIENCE })
  org.addUniversalLogout({ url: `${url}/okta/signals`, audience: AUDIENCE, clientId: CLIENT_ID })
}

/** The search is worth what was said: each source said something. */
function expectReach(output: string, metrics: string, dump: string, client: Client): void {
  const said = [
    ...Object.values(channels).flatMap((name) =>
      name.endsWith(':lookup') || name.endsWith(':store-command')
        ? [`channel tracing:${name}:start`, `channel tracing:${name}:asyncEnd`]
        : [`channel ${name}`],
    ),
    ...[`channel tracing:${channels.call}:error`, 'channel got:request:start'],
    ...['express-okta-session:call', 'router', 'span ', 'GET /api/v1/sessions/{sessionId}'],
    ...['log warn', '"level":40', 'created ', 'OktaUnavailableError', 'EOS101', 'at the end'],
  ]
  expect(said.filter((text) => !output.includes(text))).toEqual([])
  expect(metrics).toContain('okta_session_requests_total')
  expect(dump.length).toBeGreaterThan(500)
  expect(client.secrets.size).toBeGreaterThan(deep ? 60 : 25)
  const statuses = new Set(client.answers.map((answer) => answer.split(' ')[0]))
  for (const status of ['200', '302', '303', '400', '401', '403', '503'])
    expect([...statuses]).toContain(status)
}

/** Sends requests, and keeps the answers without Set-Cookie, and the secrets that were sent. */
class Client {
  readonly answers: string[] = []
  readonly secrets = new Map<string, string>()
  readonly #url: string
  readonly #org: LocalOrg

  constructor({ url }: Canary, org: LocalOrg) {
    this.#url = url
    this.#org = org
  }

  async useEverything(): Promise<void> {
    const cookie = this.#signIn(ALICE)
    for (const path of ['/account', '/admin', '/fresh', '/info', '/auth', '/auth-page', '/forget'])
      for (const kind of [page, api]) await this.#send('get', path, { cookie, ...kind })
    await this.#send('post', '/refresh', { cookie, ...ownPage })
    await this.#postToken(this.#token())
    const { id = '' } = this.#org.sessions[0] ?? {}
    for (const operation of ['getSession', 'refreshSession', 'revokeSession', 'getSession'])
      await this.#byId(operation, id)
    await this.#byId('createSession', { sessionToken: this.#token() })
    await this.#send('post', '/sign-out', { cookie, ...ownPage, ...page })
  }

  /** Made-up cookies, live ones in the wrong place, and bodies that are none. */
  async sendJunk(): Promise<void> {
    const [one, other] = [this.#signIn(ALICE), this.#signIn(BOB)]
    for (const cookie of [
      ...[`${one}; ${other}`, `${one}"`, `${one};${'x'.repeat(4_000)}`, `idx=${one}`],
      ...[`sid=%FF${one}`, `__proto__=${one}; idx=made-up`, encodeURIComponent(one)],
    ])
      for (const path of ['/account', '/info', '/auth', '/fresh'])
        await this.#send('get', path, { cookie, ...page })
    const token = this.#token()
    for (const [type, body] of [
      ['application/json', `{"sessionToken":"${token}"`],
      ['application/json', JSON.stringify({ sessionToken: [token] })],
      ['application/json', JSON.stringify({ __proto__: 1, sessionToken: `${token} ` })],
      ['text/plain', token],
      ['application/x-www-form-urlencoded', `sessionToken=${token}&sessionToken=${token}`],
      ['application/x-www-form-urlencoded', `sessionToken=${'x'.repeat(70_000)}${token}`],
    ] as const)
      for (const headers of [ownPage, { origin: 'https://elsewhere.example' }])
        await this.#send('post', '/sign-in', { 'content-type': type, ...headers }, body)
    for (const path of ['/sign-out', '/refresh'])
      await this.#send('post', path, { cookie: one, origin: 'https://elsewhere.example' })
    for (const authorization of [`${HOOK_SECRET}x`, HOOK_SECRET.slice(1), `Bearer ${one}`])
      for (const path of ['/okta/events', '/okta/signals'])
        await this.#send('post', path, { authorization }, '{"events"')
    await this.#send('post', '/okta/events', { authorization: HOOK_SECRET }, `{"data":"${one}"}`)
  }

  /** Everything with a session that is cached, one that is not, and none. */
  async during(fault: Fault): Promise<void> {
    const seen = this.#signIn(ALICE)
    await this.#send('get', '/account', { cookie: seen })
    const token = this.#token()
    this.#org.fail(fault)
    for (const cookie of [seen, this.#signIn(BOB)]) {
      await this.#send('get', '/fresh', { cookie, ...page })
      await this.#send('get', '/account', { cookie, ...api })
      await this.#send('post', '/refresh', { cookie, ...ownPage })
    }
    await this.#postToken(token)
    const { id = '' } = this.#org.sessions[0] ?? {}
    await Promise.all(
      ['getSession', 'refreshSession', 'revokeSession'].map((each) => this.#byId(each, id)),
    )
    await this.#byId('createSession', { sessionToken: this.#token() })
    await this.#send('post', '/sign-out', { cookie: seen, ...ownPage })
    this.#org.clearFaults()
  }

  /** Commands are refused, and connections end. */
  async withoutRedis(redis: RedisServer): Promise<void> {
    await redis.command('ACL', 'SETUSER', 'app', '-@scripting', '-get', '-xadd')
    const cookie = this.#signIn(ALICE)
    for (const path of ['/account', '/forget']) await this.#send('get', path, { cookie })
    await this.#send('post', '/sign-out', { cookie, ...ownPage })
    await redis.command('CLIENT', 'KILL', 'TYPE', 'normal')
    await this.#send('get', '/account', { cookie: this.#signIn(BOB) })
    await redis.command('ACL', 'SETUSER', 'app', '+@all')
    await this.untilOktaAnswers()
  }

  async usePushes(): Promise<void> {
    const cookie = this.#signIn(ALICE)
    await this.#send('get', '/account', { cookie })
    const session = this.#org.sessions.at(-1)
    this.#org.endSession(session?.id ?? '')
    this.#org.endUserSessions(session?.userId ?? '')
    await this.#org.pushesSettled()
    await this.#send('get', '/account', { cookie })
  }

  /** A circuit may be open for a second. */
  async untilOktaAnswers(): Promise<void> {
    await expect
      .poll(() => this.#send('get', '/account', { cookie: this.#signIn(BOB) }), { timeout: 15_000 })
      .toBe(200)
  }

  #signIn(login: string): string {
    const cookie = this.#org.signIn(login)
    this.secrets.set(cookie.split('=')[1] ?? '', 'a cookie')
    return cookie
  }

  #token(): string {
    const token = this.#org.sessionToken(ALICE)
    this.secrets.set(token, 'a session token')
    return token
  }

  async #postToken(sessionToken: string): Promise<void> {
    const headers = { 'content-type': 'application/json', ...ownPage, ...api }
    const body = JSON.stringify({ sessionToken, returnTo: '/account' })
    await this.#send('post', '/sign-in', headers, body)
    const form = new URLSearchParams({ sessionToken: this.#token() }).toString()
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    await this.#send('post', '/sign-in', { ...type, ...ownPage, ...page }, form)
  }

  #byId(operation: string, argument: unknown): Promise<number> {
    const headers = { 'content-type': 'application/json' }
    return this.#send('post', '/by-id', headers, JSON.stringify({ operation, argument }))
  }

  async #send(
    method: 'get' | 'post',
    path: string,
    headers: Readonly<Record<string, string>>,
    body?: string,
  ): Promise<number> {
    const sent = request(this.#url)[method](path).set(headers)
    const answer = await (body === undefined ? sent : sent.send(body))
    const { 'set-cookie': cookies, ...others } = answer.headers
    const { sid, idx } = cookiesOf(answer)
    for (const cookie of [sid, idx])
      if (cookie?.value) this.secrets.set(cookie.value, `a cookie of ${path}`)
    this.answers.push(`${answer.status} ${path} ${inspect(others)} ${answer.text}`)
    return answer.status
  }
}
