/** sharedSignals() and what is no token of the org's: refused, without a revocation, a secret in the answer, or a needless call. */
import { createHmac } from 'node:crypto'
import { request } from 'node:http'
import express from 'express'
import { base64url, exportSPKI, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import {
  AUDIENCE,
  CLIENT_ID,
  keyPair,
  revocationsFromNow,
  SESSION_REVOKED,
  startKeysOrg,
} from './signals-app.js'

type KeysOrg = Awaited<ReturnType<typeof startKeysOrg>>
type Forge = (org: KeysOrg) => Promise<string> | string
type Row = readonly [name: string, forge: Forge]

const json = (value: unknown) => base64url.encode(JSON.stringify(value))
const header = (over: object) => ({ alg: 'RS256', kid: 'the-key', typ: 'secevent+jwt', ...over })

/** Hostile tokens are not to revoke, and leave the receiver able to take the org's own token. */
async function refusedBy(org: KeysOrg, token: string, err: string, fetches: number) {
  const revocations = revocationsFromNow()
  const reply = await org.push(token)
  expect([reply.status, JSON.parse(reply.text)]).toEqual([
    400,
    { err, description: expect.any(String) },
  ])
  expect(reply.headers.get('content-type')).toMatch(/^application\/json(;|$)/)
  expect(org.served.fetches).toBe(fetches)
  expect(revocations).toEqual([])
  expect(org.okta.stats().pushes).toEqual({ events: 0, revocations: 0, refused: 1 })
  const said = `${reply.text}${JSON.stringify(org.lines)}${JSON.stringify([...reply.headers])}`
  for (const part of token.split('.').filter(({ length }) => length > 16))
    expect(said).not.toContain(part)
  expect((await org.push(await org.sign())).status).toBe(202)
  expect(org.okta.stats().pushes).toMatchObject({ events: 1, revocations: 1 })
}

const unsigned =
  (alg: unknown): Forge =>
  ({ claims }) =>
    `${json(header({ alg }))}.${json(claims())}.`

const withSecret =
  (secretOf: (org: KeysOrg) => Promise<string | Buffer> | string | Buffer): Forge =>
  async (org) => {
    const text = `${json(header({ alg: 'HS256' }))}.${json(org.claims())}`
    const hmac = createHmac('sha256', await secretOf(org)).update(text)
    return `${text}.${hmac.digest('base64url')}`
  }

const claiming =
  (over: (org: KeysOrg) => Readonly<Record<string, unknown>>): Forge =>
  (org) =>
    org.sign(over(org))

const headed =
  (over: Readonly<Record<string, unknown>>): Forge =>
  ({ claims }) =>
    `${json(header(over))}.${json(claims())}.${'A'.repeat(342)}`

const withoutKey: Readonly<Record<string, readonly Row[]>> = {
  invalid_key: [
    ['alg none', unsigned('none')],
    ['alg None', unsigned('None')],
    ['alg NONE', unsigned('NONE')],
    ['alg nOnE', unsigned('nOnE')],
    ['no alg', unsigned(undefined)],
    ['an empty alg', unsigned('')],
    ['alg in an array', unsigned(['RS256'])],
    ['HS256 by the public key as PEM', withSecret(({ key }) => exportSPKI(key.publicKey))],
    [
      'HS256 by the public key as DER',
      withSecret(async ({ key }) => {
        const lines = (await exportSPKI(key.publicKey)).split('\n')
        return Buffer.from(lines.filter((line) => !line.startsWith('-')).join(''), 'base64')
      }),
    ],
    ['HS256 by the public key as JWK', withSecret(({ key }) => JSON.stringify(key.jwk))],
    ['HS256 by nothing', withSecret(() => '')],
  ],
  invalid_issuer: [
    ['no iss', claiming(() => ({ iss: undefined }))],
    ['another iss', claiming(() => ({ iss: 'https://evil.example.com' }))],
    ['iss with a slash', claiming(({ orgUrl }) => ({ iss: `${orgUrl}/` }))],
    ['a longer iss', claiming(({ orgUrl }) => ({ iss: `${orgUrl}.evil.example.com` }))],
    ['iss in an array', claiming(({ orgUrl }) => ({ iss: [orgUrl] }))],
  ],
  invalid_audience: [
    ['no aud', claiming(() => ({ aud: undefined }))],
    ['no aud in the array', claiming(() => ({ aud: [] }))],
    ['another aud', claiming(() => ({ aud: 'https://other.example.com' }))],
    ['other auds', claiming(() => ({ aud: ['https://other.example.com', 'x'] }))],
    ['a longer aud', claiming(() => ({ aud: `${AUDIENCE}/x` }))],
    ['a shorter aud', claiming(() => ({ aud: AUDIENCE.slice(0, -1) }))],
    ['aud in an object', claiming(() => ({ aud: { 0: AUDIENCE } }))],
  ],
  invalid_request: [
    ['nothing', () => ''],
    ['JSON', () => '{"events":{}}'],
    ['points alone', () => '..'],
    ['two parts', ({ claims }) => `${json(header({}))}.${json(claims())}`],
    ['four parts', async ({ sign }) => `${await sign()}.AAAA`],
    [
      'a JWE',
      () =>
        `${json({ alg: 'RSA-OAEP', enc: 'A256GCM', typ: 'secevent+jwt' })}.${'A'.repeat(342)}.AAAA.AAAA.AAAA`,
    ],
    ['a payload that is no object', () => `${json(header({}))}.${json([1])}.AAAA`],
    ['no typ', headed({ typ: undefined })],
    ['typ JWT', headed({ typ: 'JWT' })],
    ['typ in an array', headed({ typ: ['secevent+jwt'] })],
    ['the typ of a logout', headed({ typ: 'global-token-revocation+jwt' })],
    ['crit', headed({ crit: ['x'], x: 1 })],
    ['an empty crit', headed({ crit: [] })],
    ['an unencoded payload', headed({ crit: ['b64'], b64: false })],
    ['expired', claiming(({ now }) => ({ exp: now() - 61 }))],
    ['exp as text', claiming(({ now }) => ({ exp: String(now() + 300) }))],
    ['exp null', claiming(() => ({ exp: null }))],
    ['not valid yet', claiming(({ now }) => ({ nbf: now() + 61 }))],
    ['nbf as text', claiming(() => ({ nbf: '0' }))],
    ['jti in an object', claiming(() => ({ jti: { id: 'x' } }))],
    ['jti a number', claiming(() => ({ jti: 7 }))],
    ['an empty jti', claiming(() => ({ jti: '' }))],
    ['jti of 1,025 characters', claiming(() => ({ jti: 'x'.repeat(1_025) }))],
  ],
}

const needingKey: Readonly<Record<string, readonly Row[]>> = {
  authentication_failed: [
    ['another key under the kid of the org', async ({ sign }) => sign({}, {}, await keyPair('x'))],
    [
      'its own jwk in the header',
      async ({ claims }) => {
        const { privateKey, publicKey } = await keyPair('x')
        const { exportJWK } = await import('jose')
        return new SignJWT(claims())
          .setProtectedHeader(header({ jwk: await exportJWK(publicKey) }))
          .sign(privateKey)
      },
    ],
    [
      'jku and x5c of its own',
      async ({ sign, url }) => sign({}, { jku: `${url}/k`, x5c: ['AAAA'] }, await keyPair('x')),
    ],
    ['an empty signature', ({ claims }) => `${json(header({}))}.${json(claims())}.`],
    [
      'other claims under the signature of the org',
      async ({ sign, claims }) => {
        const [head, , signature] = (await sign()).split('.')
        return `${head}.${json(claims({ jti: 'other' }))}.${signature}`
      },
    ],
  ],
  invalid_request: [
    ['no jti', claiming(() => ({ jti: undefined }))],
    ['no events', claiming(() => ({ events: undefined }))],
    ['empty events', claiming(() => ({ events: {} }))],
    ['events in an array', claiming(() => ({ events: [SESSION_REVOKED] }))],
    ['events as text', claiming(() => ({ events: SESSION_REVOKED }))],
    ['events null', claiming(() => ({ events: null }))],
  ],
}

const rows = (of: Readonly<Record<string, readonly Row[]>>) =>
  Object.entries(of).flatMap(([err, each]) =>
    each.map(([name, forge]) => [name, err, forge] as const),
  )

describe('hostile tokens', () => {
  it.each(rows(withoutKey))(
    'a token is refused without a fetch of the keys: %s, %s',
    async (_, err, forge) => {
      const org = await startKeysOrg()
      await refusedBy(org, await forge(org), err, 0)
    },
  )

  it.each(rows(needingKey))(
    'a token is refused after one fetch of the keys: %s, %s',
    async (_, err, forge) => {
      const org = await startKeysOrg()
      await refusedBy(org, await forge(org), err, 1)
    },
  )

  it('an event named __proto__ is one of no consequence', async () => {
    const org = await startKeysOrg()
    const events = JSON.parse(`{"__proto__":{"${SESSION_REVOKED}":{}}}`)
    expect((await org.push(await org.sign({ events }))).status).toBe(202)
    expect(org.okta.stats().pushes).toEqual({ events: 1, revocations: 0, refused: 0 })
  })

  it('the typ of a token may be written as a media type, in any case', async () => {
    const org = await startKeysOrg()
    const token = await org.sign({ exp: org.now() - 59 }, { typ: 'application/SecEvent+JWT' })
    expect((await org.push(token)).status).toBe(202)
  })
})

describe('hostile bodies', () => {
  it.each<[string, Readonly<Record<string, string>>, number]>([
    ['another content type', { 'content-type': 'application/jwt' }, 400],
    ['JSON', { 'content-type': 'application/json' }, 400],
    ['none that is known', { 'content-type': 'application/secevent+jwt2' }, 400],
    ['an encoding', { 'content-encoding': 'gzip' }, 400],
    [
      'a bearer token and JSON',
      { 'content-type': 'application/json', authorization: 'Bearer a.b.c' },
      404,
    ],
  ])('a token in another content type is refused: %s', async (_, headers, status) => {
    const org = await startKeysOrg()
    expect((await org.push(await org.sign(), headers)).status).toBe(status)
    expect(org.served.fetches).toBe(0)
  })

  it.each([
    ['express.json()', express.json({ type: () => true, strict: false }), 400],
    ['express.text()', express.text({ type: () => true }), 202],
    ['express.raw()', express.raw({ type: () => true }), 202],
    ['express.json() for its own type', express.json(), 202],
  ] as const)('a token is read behind a body parser: %s', async (_, before, status) => {
    const org = await startKeysOrg({ before })
    expect((await org.push(await org.sign())).status).toBe(status)
  })

  it('a token of 65 KiB is refused with 413', async () => {
    const org = await startKeysOrg()
    const reply = await org.push(await org.sign({ pad: 'x'.repeat(49_000) }))
    expect([reply.status, JSON.parse(reply.text)]).toMatchObject([413, { err: 'invalid_request' }])
    expect(org.served.fetches).toBe(0)
  })

  it('a body of 10 MB is refused with 413 and not read', async () => {
    const org = await startKeysOrg()
    const reply = await org.push('x'.repeat(10_000_000)).catch(() => undefined)
    // The connection ends meanwhile.
    if (reply !== undefined) expect(reply.status).toBe(413)
    expect(org.okta.stats().pushes).toMatchObject({ revocations: 0, refused: 1 })
    expect((await org.push(await org.sign())).status).toBe(202)
  })

  it('a body that trickles is answered 408 with an error body', async () => {
    const org = await startKeysOrg()
    const req = request(org.url, {
      method: 'POST',
      headers: { 'content-type': 'application/secevent+jwt', 'content-length': '1000' },
    })
    req.on('error', () => {})
    const timer = setInterval(() => req.write('x'), 100)
    const [status, text] = await new Promise<[number | undefined, string]>((resolve) => {
      req.on('response', async (res) => resolve([res.statusCode, await res.toArray().then(String)]))
    })
    clearInterval(timer)
    req.destroy()
    expect([status, JSON.parse(text)]).toMatchObject([408, { err: 'invalid_request' }])
  })
})

describe('a Universal Logout', () => {
  it('a Security Event Token is no bearer of a Universal Logout', async () => {
    const org = await startKeysOrg({ signals: { universalLogout: { clientId: CLIENT_ID } } })
    const token = await org.sign({ sub: CLIENT_ID, exp: org.now() + 60 })
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    const body = JSON.stringify({ sub_id: { format: 'email', email: 'alice@example.com' } })
    expect((await org.push(body, headers)).status).toBe(401)
    expect(org.okta.stats().pushes).toEqual({ events: 0, revocations: 0, refused: 1 })
  })
})
