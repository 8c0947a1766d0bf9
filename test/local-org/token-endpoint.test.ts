import { randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair } from 'jose'
import { describe, expect, it } from 'vitest'
import { createLocalOrg, type LocalOrg } from '../../src/local-org/index.js'
import { bodyOf, NOW, orgs, stillClock } from './orgs.js'
import {
  askToken,
  assertion,
  ath,
  type Claims,
  type DpopKey,
  dpopKey,
  tokenUrl,
} from './service-app.js'

const startOrg = orgs()

/** EC keys are made in no time. */
const start: typeof startOrg = (options) =>
  startOrg({ serviceApp: { alg: 'ES256' }, clock: stillClock, ...options })

const getSession = (org: LocalOrg, headers: Readonly<Record<string, string>>, method = 'GET') =>
  fetch(`${org.url}/api/v1/sessions/${org.sessions[0]?.id}`, { method, headers })

describe('the service app', () => {
  it('the service app gets an RSA key when it is first read, and keeps it', async () => {
    const org = await startOrg()
    const { clientId, privateKey, keyId } = org.serviceApp
    expect(clientId).toMatch(/^0oa\w{17}$/)
    expect(privateKey).toMatchObject({ kty: 'RSA', alg: 'RS256', kid: keyId, use: 'sig' })
    expect(org.serviceApp.privateKey).toEqual(privateKey)
    expect((await askToken(org, await assertion(org))).status).toBe(200)
  })

  it('the service app takes a key of yours', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    const jwk = { ...(await exportJWK(privateKey)), kid: 'mine' }
    const org = await startOrg({ serviceApp: { clientId: 'me', privateKey: jwk } })
    expect(org.serviceApp).toMatchObject({ clientId: 'me', keyId: 'mine' })
    expect((await askToken(org, await assertion(org))).status).toBe(200)
  })

  it.each([
    { kty: 'oct', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQ' },
    { kty: 'RSA', n: 'only-public', e: 'AQAB' },
    {},
  ])(
    'the service app refuses what is no private key, and does not repeat it',
    async (privateKey) => {
      const refused = createLocalOrg({ serviceApp: { privateKey } })
      await expect(refused).rejects.toThrow(/serviceApp.privateKey must be/)
      await expect(refused).rejects.not.toThrow(/c2Vj|only-public/)
    },
  )
})

describe('POST /oauth2/v1/token', () => {
  it('the token endpoint gives an access token for an hour, for the requested scopes', async () => {
    const org = await start()
    const answer = await askToken(org, await assertion(org), { scope: 'okta.sessions.read' })
    const body = await bodyOf(answer)
    expect(answer.headers.get('cache-control')).toContain('no-store')
    expect(body).toEqual({
      token_type: 'Bearer',
      expires_in: 3600,
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      scope: 'okta.sessions.read',
    })
    org.signIn('alice@example.com')
    const headers = { authorization: `Bearer ${String(body.access_token)}` }
    expect((await getSession(org, headers)).status).toBe(200)
    expect((await getSession(org, headers, 'DELETE')).status).toBe(403)
    org.clock.advance(3_600_000)
    org.signIn('alice@example.com')
    expect((await getSession(org, headers)).status).toBe(401)
  })

  const seconds = NOW / 1_000
  it.each<[string, Claims, RegExp]>([
    ['for another endpoint', { aud: 'http://localhost/oauth2/v1/token' }, /audience/],
    ['of another issuer', { iss: 'somebody' }, /issuer/],
    ['of another subject', { sub: 'somebody' }, /issuer/],
    ['that has expired', { exp: seconds - 10 }, /expired/],
    ['good for more than an hour', { exp: seconds + 3_601 }, /too far into the future/],
    ['without an end', { exp: undefined }, /exp/],
    ['without an id', { jti: undefined }, /jti/],
  ])('the token endpoint refuses an assertion %s', async (_name, change, description) => {
    const org = await start()
    const answer = await askToken(org, await assertion(org, change))
    expect(answer.status).toBe(401)
    expect(await bodyOf(answer)).toEqual({
      error: 'invalid_client',
      error_description: expect.stringMatching(description),
    })
  })

  it('the token endpoint accepts an assertion of just under an hour', async () => {
    const org = await start()
    expect((await askToken(org, await assertion(org, { exp: seconds + 3_600 }))).status).toBe(200)
  })

  it('the token endpoint refuses an assertion used before, and only that', async () => {
    const org = await start()
    const used = await assertion(org)
    expect((await askToken(org, used)).status).toBe(200)
    const again = await askToken(org, used)
    expect(again.status).toBe(401)
    expect((await bodyOf(again)).error_description).toContain('jti')
    expect((await askToken(org, await assertion(org, { jti: randomUUID() }))).status).toBe(200)
  })

  it('the token endpoint refuses the key of another org, an unknown kid, and what is no token', async () => {
    const org = await start()
    const other = await start()
    const { clientId } = org.serviceApp
    const foreign = await assertion(other, { iss: clientId, sub: clientId, aud: tokenUrl(org) })
    for (const [wrong, description] of [
      [foreign, /signature/],
      [await assertion(org, {}, { kid: 'another' }), /kid/],
      ['a.b.c', /./],
      ['', /./],
    ] as const) {
      const answer = await askToken(org, wrong)
      expect(answer.status).toBe(401)
      const body = await bodyOf(answer)
      expect(body.error).toBe('invalid_client')
      expect(body.error_description).toMatch(description)
    }
  })

  it.each([
    [{ grant_type: 'password' }, 400, 'unsupported_grant_type'],
    [{ scope: 'okta.users.read' }, 400, 'invalid_scope'],
    [{ scope: '' }, 400, 'invalid_scope'],
    [{ client_assertion_type: 'jwt' }, 401, 'invalid_client'],
    [{ client_id: 'somebody' }, 401, 'invalid_client'],
  ])(
    'the token endpoint answers %j with %i %s, in OAuth’s shape',
    async (change, status, error) => {
      const org = await start()
      const answer = await askToken(org, await assertion(org), change)
      expect(answer.status).toBe(status)
      expect(await bodyOf(answer)).toEqual({ error, error_description: expect.any(String) })
    },
  )

  it('the token endpoint requires a form', async () => {
    const org = await start()
    const answer = await fetch(tokenUrl(org), { method: 'POST', body: '{}' })
    expect(answer.status).toBe(400)
    expect(await bodyOf(answer)).toMatchObject({ error: 'invalid_request' })
  })

  it('the token endpoint ignores DPoP proofs while they are off', async () => {
    const org = await start()
    const answer = await askToken(org, await assertion(org), {}, { dpop: 'nonsense' })
    expect(await bodyOf(answer)).toMatchObject({ token_type: 'Bearer' })
  })
})

describe('DPoP, where it is required', () => {
  const forToken = (org: LocalOrg) => ({ htm: 'POST', htu: tokenUrl(org) })

  async function boundToken(org: LocalOrg, key: DpopKey): Promise<string> {
    const first = await askToken(
      org,
      await assertion(org),
      {},
      { dpop: await key.proof(org, forToken(org)) },
    )
    expect(first.status).toBe(400)
    expect(await bodyOf(first)).toMatchObject({ error: 'use_dpop_nonce' })
    const nonce = first.headers.get('dpop-nonce') ?? ''
    const second = await askToken(
      org,
      await assertion(org),
      {},
      { dpop: await key.proof(org, { ...forToken(org), nonce }) },
    )
    const body = await bodyOf(second)
    expect(body).toMatchObject({ token_type: 'DPoP', expires_in: 3600 })
    return String(body.access_token)
  }

  const forSession = (org: LocalOrg, token: string) => ({
    htm: 'GET',
    htu: `${org.url}/api/v1/sessions/${org.sessions[0]?.id}`,
    ath: ath(token),
  })

  it('required DPoP gives a nonce, then a token bound to its proof', async () => {
    const org = await start({ dpop: 'required' })
    const key = await dpopKey()
    const token = await boundToken(org, key)
    org.signIn('alice@example.com')
    const answer = await getSession(org, {
      authorization: `DPoP ${token}`,
      dpop: await key.proof(org, forSession(org, token)),
    })
    expect(answer.status).toBe(200)
  })

  it('required DPoP accepts the assertion again that came without the nonce', async () => {
    const org = await start({ dpop: 'required' })
    const key = await dpopKey()
    const same = await assertion(org)
    const first = await askToken(org, same, {}, { dpop: await key.proof(org, forToken(org)) })
    const nonce = first.headers.get('dpop-nonce') ?? ''
    const proof = await key.proof(org, { ...forToken(org), nonce })
    expect((await askToken(org, same, {}, { dpop: proof })).status).toBe(200)
  })

  it('required DPoP gives no token without a good proof', async () => {
    const org = await start({ dpop: 'required' })
    const key = await dpopKey()
    const send = async (dpop?: string) =>
      askToken(org, await assertion(org), {}, dpop === undefined ? {} : { dpop })
    for (const proof of [
      undefined,
      'a.b.c',
      await key.proof(org, { ...forToken(org), htm: 'GET' }),
      await key.proof(org, { ...forToken(org), htu: org.url }),
      await key.proof(org, { ...forToken(org), iat: NOW / 1_000 - 600 }),
      await key.proof(org, { ...forToken(org), jti: undefined }),
      await key.proof(org, forToken(org), 'JWT'),
      await assertion(org),
    ]) {
      const answer = await send(proof)
      expect(answer.status).toBe(400)
      expect(await bodyOf(answer)).toMatchObject({ error: 'invalid_dpop_proof' })
    }
    const stale = await send(await key.proof(org, { ...forToken(org), nonce: 'old' }))
    expect(await bodyOf(stale)).toMatchObject({ error: 'use_dpop_nonce' })
    expect(stale.headers.get('dpop-nonce')).toMatch(/.{20}/)
  })

  it('required DPoP refuses the token without a proof of the same key', async () => {
    const org = await start({ dpop: 'required' })
    const [key, other] = [await dpopKey(), await dpopKey()]
    const token = await boundToken(org, key)
    org.signIn('alice@example.com')
    const claims = forSession(org, token)
    const used = await key.proof(org, claims)
    await getSession(org, { authorization: `DPoP ${token}`, dpop: used })
    const attempts: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
      [{ authorization: `Bearer ${token}` }, /^Bearer .*invalid_token/],
      [{ authorization: `DPoP ${token}` }, /^DPoP .*invalid_dpop_proof/],
      [{ authorization: `DPoP ${token}`, dpop: used }, /invalid_dpop_proof/],
      [
        { authorization: `DPoP ${token}`, dpop: await other.proof(org, claims) },
        /^DPoP .*invalid_token/,
      ],
      [
        {
          authorization: `DPoP ${token}`,
          dpop: await key.proof(org, { ...claims, ath: ath('another') }),
        },
        /invalid_dpop_proof/,
      ],
      [
        {
          authorization: `DPoP ${token}`,
          dpop: await key.proof(org, { ...claims, htm: 'DELETE' }),
        },
        /invalid_dpop_proof/,
      ],
      [
        {
          authorization: `DPoP ${org.accessToken()}`,
          dpop: await key.proof(org, claims),
        },
        /^DPoP .*invalid_token/,
      ],
    ]
    for (const [headers, challenge] of attempts) {
      const answer = await getSession(org, headers)
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toMatch(challenge)
      expect(await bodyOf(answer)).toMatchObject({ errorCode: 'E0000011' })
    }
  })
})

describe('access tokens got elsewhere', () => {
  it('an access token can be issued without a token request, and revoked', async () => {
    const org = await start()
    org.signIn('alice@example.com')
    const token = org.accessToken(['okta.sessions.read'])
    const headers = { authorization: `Bearer ${token}` }
    expect((await getSession(org, headers)).status).toBe(200)
    expect(org.revokeAccessToken(token)).toBe(true)
    expect(org.revokeAccessToken(token)).toBe(false)
    expect((await getSession(org, headers)).status).toBe(401)
  })
})

describe('GET /oauth2/v1/keys', () => {
  it('GET /oauth2/v1/keys publishes the org’s public key, and only that', async () => {
    const org = await start()
    const send = async () => bodyOf(await fetch(`${org.url}/oauth2/v1/keys`))
    const body = await send()
    expect(body).toEqual({
      keys: [
        {
          kty: 'RSA',
          alg: 'RS256',
          use: 'sig',
          kid: expect.any(String),
          n: expect.any(String),
          e: 'AQAB',
        },
      ],
    })
    expect(await send()).toEqual(body)
  })
})
