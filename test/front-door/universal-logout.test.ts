/** sharedSignals() as the receiver of Okta's Universal Logout. */
import { request } from 'node:http'
import { redisStore } from 'express-okta-session/redis'
import { createClient } from 'redis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { describeRedis, startRedis } from '../redis/redis-server.js'
import { startProxy } from '../redis/tcp-proxy.js'
import { AUDIENCE, CLIENT_ID, revocationsFromNow, servers, startSignals } from './signals-app.js'

const ALICE = 'alice@example.com'
const BOB = 'bob@example.com'
const signals = { universalLogout: { clientId: CLIENT_ID } }
const alices = { sub_id: { format: 'email', email: ALICE } }

type Choices = Parameters<typeof startSignals>[0]

async function open(choices: Choices = {}) {
  const app = await startSignals({ signals, ...choices })
  const token = (claims: Readonly<Record<string, unknown>> = {}, audience = AUDIENCE) =>
    app.org.universalLogoutToken(CLIENT_ID, audience, claims)
  return { ...app, token }
}

describe.each(servers)('in %s', (server) => {
  it.each(['iss_sub', 'email'] as const)(
    'a Universal Logout makes the next request of its user ask Okta again: %s',
    async (format) => {
      const { org, url, visitor, calls, okta } = await open({ server })
      const [alice, bob] = [await visitor(ALICE), await visitor(BOB)]
      org.addUniversalLogout({ url, clientId: CLIENT_ID, audience: AUDIENCE })
      const [delivery] = await org.deliverUniversalLogout(ALICE, { format })
      expect(delivery).toMatchObject({ status: 204, delivered: true })
      expect([await calls(alice), await calls(bob)]).toEqual([1, 0])
      expect(okta.stats().pushes).toEqual({ events: 1, revocations: 1, refused: 0 })
    },
  )
})

it('the audience of a Universal Logout may be another than that of the events', async () => {
  const audience = 'https://app.example.com/logout'
  const universalLogout = { clientId: CLIENT_ID, audience }
  const { logOut, token } = await open({ signals: { universalLogout } })
  expect((await logOut(await token({}, audience), alices)).status).toBe(204)
  expect((await logOut(await token({}, AUDIENCE), alices)).status).toBe(401)
})

describe('refusals', () => {
  it.each<[string, unknown, number, string]>([
    ['no body', '', 400, 'invalid_request'],
    ['no JSON', '{', 400, 'invalid_request'],
    ['an array', [alices], 400, 'invalid_request'],
    ['no subject', {}, 400, 'invalid_request'],
    ['a subject without its members', { sub_id: { format: 'email' } }, 400, 'invalid_request'],
    ['17 KiB', { ...alices, pad: 'x'.repeat(17_000) }, 413, 'body_too_large'],
    [
      'a format that names no user',
      { sub_id: { format: 'phone_number', phone_number: '+1' } },
      422,
      'subject_not_supported',
    ],
    [
      'a user of another issuer',
      { sub_id: { format: 'iss_sub', iss: 'https://other.example.com', sub: '00u' } },
      422,
      'subject_not_supported',
    ],
  ])('a Universal Logout with a wrong body is refused: %s', async (_, body, status, code) => {
    const { logOut, token, okta } = await open()
    const bearer = await token()
    const reply = await logOut(bearer, body)
    expect([reply.status, JSON.parse(reply.text)]).toMatchObject([status, { code }])
    expect(okta.stats().pushes).toEqual({ events: 0, revocations: 0, refused: 1 })
    // The token is not used up.
    expect((await logOut(bearer, alices)).status).toBe(204)
  })

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['no exp', { exp: undefined }],
    ['no jti', { jti: undefined }],
    ['no sub', { sub: undefined }],
    ['sub in an array', { sub: [CLIENT_ID] }],
    ['expired', { exp: 1 }],
    ['another aud', { aud: 'https://other.example.com' }],
    ['another iss', { iss: 'https://other.example.com' }],
  ])('a Universal Logout with a wrong token is answered 401: %s', async (_, claims) => {
    const { logOut, token, okta, lines } = await open()
    const revocations = revocationsFromNow()
    const bearer = await token(claims)
    const reply = await logOut(bearer, alices)
    expect([reply.status, JSON.parse(reply.text)]).toMatchObject([401, { code: 'invalid_token' }])
    expect(reply.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
    expect(revocations).toEqual([])
    expect(okta.stats().pushes).toEqual({ events: 0, revocations: 0, refused: 1 })
    for (const part of bearer.split('.')) expect(JSON.stringify([reply, lines])).not.toContain(part)
  })

  it('a token of another client is answered 403', async () => {
    const { logOut, token, okta } = await open()
    const reply = await logOut(await token({ sub: '0oa-other' }), alices)
    expect([reply.status, JSON.parse(reply.text)]).toMatchObject([403, { code: 'other_client' }])
    expect(okta.stats().pushes).toMatchObject({ revocations: 0, refused: 1 })
  })

  it('without the option a Universal Logout is answered 404, and the log says what to set', async () => {
    const { logOut, token, lines, org } = await open({ signals: {} })
    const reply = await logOut(await token(), alices)
    expect([reply.status, JSON.parse(reply.text)]).toMatchObject([404, { code: 'not_configured' }])
    expect(lines.map(({ message }) => message)).toContainEqual(
      expect.stringContaining('option universalLogout'),
    )
    expect(org.calls.keys).toBe(0)
  })

  it('a logout token is no Security Event Token', async () => {
    const { push, token } = await open()
    const reply = await push(await token())
    expect([reply.status, JSON.parse(reply.text)]).toMatchObject([400, { err: 'invalid_request' }])
  })

  it('a token that was used is answered 401, for another user too', async () => {
    const { logOut, token, okta, visitor, calls } = await open()
    const bob = await visitor(BOB)
    const bearer = await token()
    const replies = [
      await logOut(bearer, alices),
      await logOut(bearer, alices),
      await logOut(bearer, { sub_id: { format: 'email', email: BOB } }),
    ]
    expect(replies.map(({ status }) => status)).toEqual([204, 401, 401])
    expect(await calls(bob)).toBe(0)
    expect(okta.stats().pushes).toEqual({ events: 1, revocations: 1, refused: 2 })
  })

  it('of two concurrent deliveries of one token one is answered 204', async () => {
    const { logOut, token } = await open()
    const bearer = await token()
    const replies = await Promise.all([logOut(bearer, alices), logOut(bearer, alices)])
    expect(replies.map(({ status }) => status).sort()).toEqual([204, 401])
  })
})

it('a call with two Authorization headers is refused', async () => {
  const { url, token, okta } = await open()
  const bearers = [`Bearer ${await token()}`, `Bearer ${await token()}`]
  const headers = ['host', 'localhost', ...bearers.flatMap((one) => ['authorization', one])]
  const req = request(url, { method: 'POST', headers })
  const status = new Promise((resolve) => req.on('response', (res) => resolve(res.statusCode)))
  req.end(JSON.stringify(alices))
  expect(await status).toBe(400)
  expect(okta.stats().pushes).toEqual({ events: 0, revocations: 0, refused: 1 })
})

describeRedis('with a store that can’t record', () => {
  it('a token that was answered 503 is accepted once the store is back, and once only', async () => {
    const server = await startRedis()
    const proxy = await startProxy(server.port)
    const client = createClient({ url: proxy.url })
    client.on('error', () => {})
    onTestFinished(async () => {
      client.destroy()
      await proxy.close()
      await server.stop()
    })
    await client.connect()
    const secret = 'a secret of the store, 36 characters'
    const cache = { store: redisStore({ client }) }
    const { logOut, token, clock } = await open({ okta: { cache, secret } })
    const bearer = await token()
    await proxy.cut()
    const first = await logOut(bearer, alices)
    expect([first.status, JSON.parse(first.text)]).toMatchObject([
      503,
      { code: 'revocation_not_recorded' },
    ])
    expect(first.headers.get('retry-after')).toBe('5')
    expect((await logOut(bearer, alices)).status).toBe(503)
    await proxy.restore()
    await expect
      .poll(
        async () => {
          clock.advance(1_000)
          return (await logOut(bearer, alices)).status
        },
        { timeout: 10_000 },
      )
      .toBe(204)
    expect((await logOut(bearer, alices)).status).toBe(401)
  }, 20_000)
})
