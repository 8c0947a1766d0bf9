import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Clock } from '../../src/contracts.js'
import { systemClock } from '../../src/okta/call.js'
import type { CallResult } from '../../src/okta/call-error.js'
import { createOperations, type Operations } from '../../src/okta/operations.js'
import type { Credentials, PrivateKeyCredentials } from '../../src/options/options.js'
import { parseApiOptions } from '../../src/options/parse-options.js'
import { machineClock, startOkta } from '../front-door/door.js'
import { TestClock } from '../session/lookup-world.js'
import { ENVELOPE, endingOf, SESSION } from './answers.js'
import { latch } from './raw-server.js'
import { CLIENT_ID, type TokenOrg, type TokenOrgOptions, tokenOrg } from './token-org.js'

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 })
const JWK = RSA.privateKey.export({ format: 'jwk' })

const orgs: TokenOrg[] = []
afterEach(async () => {
  await Promise.all(orgs.splice(0).map((org) => org.close()))
})

async function orgWith(options: Partial<TokenOrgOptions> = {}): Promise<TokenOrg> {
  const org = await tokenOrg({ publicKey: RSA.publicKey, ...options })
  orgs.push(org)
  return org
}

interface Setup {
  readonly credentials?: Partial<PrivateKeyCredentials>
  readonly timeoutMs?: number
  readonly clock?: Clock
}

function operationsOf(
  org: TokenOrg,
  { credentials, timeoutMs = 3_000, clock }: Setup = {},
): Operations {
  const all = { clientId: CLIENT_ID, privateKey: JWK, ...credentials }
  const settings = parseApiOptions({ orgUrl: org.url, credentials: all, timeoutMs }, {})
  return createOperations(settings, clock ?? systemClock)
}

function summary(call: CallResult<unknown>): unknown[] {
  const outcome = endingOf(call)
  if (outcome.kind === 'ok') return ['ok']
  const { operation } = outcome.error
  if (outcome.kind === 'unavailable') return [operation, outcome.error.code]
  return [operation, outcome.error.status, outcome.error.errorCode]
}

describe('a service app', () => {
  it('a service app requests a token with its key and sends it as Bearer', async () => {
    const org = await orgWith()
    const operations = operationsOf(org)
    expect(endingOf(await operations.getSession('abc')).kind).toBe('ok')
    expect(endingOf(await operations.refreshSession('abc')).kind).toBe('ok')
    expect(endingOf(await operations.revokeSession('abc')).kind).toBe('ok')
    const { token, api } = org.received()
    expect(token).toHaveLength(1)
    expect(token[0]).toMatchObject({
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect(token[0]?.headers).not.toHaveProperty('dpop')
    expect(new URLSearchParams(token[0]?.body).get('scope')).toBe(
      'okta.sessions.read okta.sessions.manage',
    )
    const bearer = `Bearer ${org.tokens[0]}`
    expect(api.map(({ headers }) => headers.authorization)).toEqual([bearer, bearer, bearer])
  })

  it('a service app requests the configured scopes', async () => {
    const org = await orgWith()
    await operationsOf(org, { credentials: { scopes: ['okta.sessions.read'] } }).getSession('abc')
    const form = new URLSearchParams(org.received().token[0]?.body)
    expect(form.get('scope')).toBe('okta.sessions.read')
  })

  it('a service app never sends its token with createSession or the cookie operations', async () => {
    const org = await orgWith()
    const operations = operationsOf(org)
    await operations.createSession({ sessionToken: 'abc' })
    await operations.getCurrentSession('sid=abc')
    expect(org.received().token).toHaveLength(0)
    for (const { headers } of org.seen) expect(headers).not.toHaveProperty('authorization')
  })
})

describe('keys', () => {
  const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve })
  const pem = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1') =>
    key.export({ format: 'pem', type: type as 'pkcs8' }).toString()
  const p256 = ec('P-256')
  const p384 = ec('P-384')
  const p521 = ec('P-521')

  it.each([
    ['an RSA JWK', JWK, RSA.publicKey, 'RS256'],
    ['the JSON of one', JSON.stringify(JWK), RSA.publicKey, 'RS256'],
    ['an RSA JWK for RS384', { ...JWK, alg: 'RS384' }, RSA.publicKey, 'RS384'],
    ['an RSA JWK for RS512', { ...JWK, alg: 'RS512' }, RSA.publicKey, 'RS512'],
    ['a PKCS #8 PEM', pem(RSA.privateKey, 'pkcs8'), RSA.publicKey, 'RS256'],
    ['a PKCS #1 PEM', pem(RSA.privateKey, 'pkcs1'), RSA.publicKey, 'RS256'],
    ['a P-256 JWK', p256.privateKey.export({ format: 'jwk' }), p256.publicKey, 'ES256'],
    ['a P-256 SEC 1 PEM', pem(p256.privateKey, 'sec1'), p256.publicKey, 'ES256'],
    ['a P-384 PEM', pem(p384.privateKey, 'pkcs8'), p384.publicKey, 'ES384'],
    ['a P-521 PEM', pem(p521.privateKey, 'pkcs8'), p521.publicKey, 'ES512'],
  ] as const)('a service app signs with %s', async (_what, privateKey, publicKey, algorithm) => {
    const org = await orgWith({ publicKey, algorithm })
    const key: PrivateKeyCredentials['privateKey'] =
      typeof privateKey === 'string' ? privateKey : { ...privateKey }
    const outcome = await operationsOf(org, { credentials: { privateKey: key } }).getSession('abc')
    expect(summary(outcome)).toEqual(['ok'])
  })

  it('a service app names its key by keyId, else by the kid of the JWK', async () => {
    const privateKey = { ...JWK, kid: 'own' }
    const named = await orgWith({ keyId: 'given' })
    const credentials = { privateKey, keyId: 'given' }
    expect(summary(await operationsOf(named, { credentials }).getSession('abc'))).toEqual(['ok'])
    const own = await orgWith({ keyId: 'own' })
    const outcome = await operationsOf(own, { credentials: { privateKey } }).getSession('abc')
    expect(summary(outcome)).toEqual(['ok'])
  })

  it.each([
    ['text', 'not-a-key-secret'],
    ['JSON that breaks off', '{"kty":"RSA","d":"secret'],
    ['a JWK with a hole', { ...JWK, d: 'secret', n: undefined }],
    ['a public JWK', { kty: 'RSA', n: JWK.n, e: JWK.e, kid: 'secret' }],
    ['a PEM cut short', pem(RSA.privateKey, 'pkcs8').slice(0, 200)],
    [
      'a public PEM',
      createPublicKey(RSA.privateKey).export({ format: 'pem', type: 'spki' }).toString(),
    ],
    [
      'an RSA key that is too short',
      pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey, 'pkcs8'),
    ],
    ['a key on another curve', pem(ec('secp256k1').privateKey, 'pkcs8')],
    ['an Ed25519 key', pem(generateKeyPairSync('ed25519').privateKey, 'pkcs8')],
    ['a JWK for an algorithm Okta lacks', { ...JWK, alg: 'PS256' }],
    ['a JWK for another family', { ...JWK, alg: 'ES256' }],
  ])(
    'a private key that is %s is a TypeError that names the option and nothing of the key',
    async (_what, privateKey) => {
      const org = await orgWith()
      const create = () => operationsOf(org, { credentials: { privateKey: privateKey as string } })
      expect(create).toThrow(TypeError)
      expect(create).toThrow(/\n {2}credentials\.privateKey: /)
      try {
        create()
      } catch (error) {
        const shown = inspect(error, { depth: Infinity, showHidden: true })
        expect(shown).not.toMatch(/secret|MII|MIG|cause/)
      }
    },
  )
})

describe('the token', () => {
  it('a token is requested once, however many calls wait for it', async () => {
    const org = await orgWith()
    const operations = operationsOf(org)
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => operations.getSession('abc')),
    )
    expect(outcomes.every((outcome) => endingOf(outcome).kind === 'ok')).toBe(true)
    expect(org.received()).toMatchObject({ token: { length: 1 }, api: { length: 20 } })
  })

  it('a token is used until a minute before its end', async () => {
    const org = await orgWith()
    let monotonic = 0
    const clock: Clock = { now: Date.now, monotonic: () => monotonic }
    const operations = operationsOf(org, { clock })
    await operations.getSession('abc')
    monotonic = 3_539_000
    await operations.getSession('abc')
    expect(org.tokens).toHaveLength(1)
    monotonic = 3_541_000
    await operations.getSession('abc')
    expect(org.tokens).toHaveLength(2)
  })

  it('a token with a short life is used for nine tenths of it', async () => {
    const org = await orgWith({ expiresIn: 10 })
    let monotonic = 0
    const operations = operationsOf(org, { clock: { now: Date.now, monotonic: () => monotonic } })
    for (const at of [0, 8_900, 9_100]) {
      monotonic = at
      await operations.getSession('abc')
    }
    expect(org.tokens).toHaveLength(2)
  })

  it('a token that Okta no longer accepts is renewed once for all calls with a 401', async () => {
    const org = await orgWith()
    const operations = operationsOf(org)
    await operations.getSession('abc')
    org.expireTokens()
    const outcomes = await Promise.all([1, 2, 3].map(() => operations.getSession('abc')))
    expect(outcomes.map(summary)).toEqual([['ok'], ['ok'], ['ok']])
    expect(org.tokens).toHaveLength(2)
  })

  it('a late 401 of an old token does not discard the new one', async () => {
    const org = await orgWith()
    const operations = operationsOf(org)
    await operations.getSession('abc')
    org.expireTokens()
    const lateIsHere = latch()
    const renewed = latch()
    org.apiFault = ({ url }, res) => {
      if (!url.endsWith('/late') || org.tokens.length > 1) return false
      lateIsHere.resolve()
      void renewed.promise.then(() => res.writeHead(401).end())
      return true
    }
    const late = operations.getSession('late')
    await lateIsHere.promise
    expect(summary(await operations.getSession('abc'))).toEqual(['ok'])
    renewed.resolve()
    expect(summary(await late)).toEqual(['ok'])
    expect(org.tokens).toHaveLength(2)
  })

  it('a 401 for a new token stands', async () => {
    const org = await orgWith()
    org.apiFault = (_req, res) => {
      res.writeHead(401, { 'content-type': 'application/json' })
      res.end(JSON.stringify({ ...ENVELOPE, errorCode: 'E0000011' }))
      return true
    }
    const outcome = await operationsOf(org).getSession('abc')
    expect(summary(outcome)).toEqual(['getSession', 401, 'E0000011'])
    expect(org.received()).toMatchObject({ token: { length: 2 }, api: { length: 2 } })
  })

  it('while the API refuses every token, one token is requested each 30 s, and one warning names the error', async () => {
    const org = await orgWith()
    let refuses = true
    org.apiFault = (_req, res) => {
      if (!refuses) return false
      res.writeHead(401, { 'content-type': 'application/json' })
      res.end(JSON.stringify({ ...ENVELOPE, errorCode: 'E0000011' }))
      return true
    }
    const warn = vi.fn()
    const clock = new TestClock()
    // The token endpoint refuses assertions from the future.
    clock.wall = Date.now() - 60_000
    const credentials = { clientId: CLIENT_ID, privateKey: JWK }
    const okta = startOkta({ orgUrl: org.url, credentials, logger: { warn } }, clock)
    const getSession = () => okta.api.getSession('abc')
    const refused = () => expect(getSession()).rejects.toMatchObject({ errorCode: 'E0000011' })
    for (let times = 0; times < 10; times += 1) await refused()
    await Promise.all(Array.from({ length: 10 }, refused))
    expect(org.tokens).toHaveLength(2)
    clock.advance(29_999)
    await refused()
    expect(org.tokens).toHaveLength(2)
    clock.advance(1)
    for (let times = 0; times < 10; times += 1) await refused()
    expect(org.tokens).toHaveLength(3)
    expect(warn.mock.calls.map(([, fields]) => fields.errorCode)).toEqual(['E0000011'])
    refuses = false
    await getSession()
    expect(org.tokens).toHaveLength(3)
  })

  it('a token request may lose one caller and serve the others', async () => {
    const org = await orgWith()
    const received = latch()
    const go = latch()
    org.tokenFault = async (res) => {
      received.resolve()
      await go.promise
      res.writeHead(200, { 'content-type': 'application/json' })
      res.end(JSON.stringify({ access_token: 'x', token_type: 'Bearer', expires_in: 60 }))
    }
    org.apiFault = (req, res) => {
      if (req.headers.authorization === 'Bearer x') res.writeHead(204).end()
      return true
    }
    const operations = operationsOf(org)
    const controller = new AbortController()
    const leaving = operations.revokeSession('abc', { signal: controller.signal })
    const staying = operations.revokeSession('abc')
    await received.promise
    controller.abort()
    await expect(leaving).rejects.toMatchObject({ name: 'AbortError' })
    go.resolve()
    expect(endingOf(await staying).kind).toBe('ok')
  })
})

describe('a refusal of the credentials', () => {
  it('twenty operations make one token request that is refused, and the next after 30 s', async () => {
    const org = await orgWith({
      publicKey: generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey,
    })
    const clock = new TestClock()
    clock.wall = Date.now()
    const operations = operationsOf(org, { clock })
    for (let times = 0; times < 20; times += 1)
      expect(summary(await operations.getSession('abc'))).toEqual([
        'requestToken',
        401,
        'invalid_client',
      ])
    expect(org.received().token).toHaveLength(1)
    clock.advance(29_999)
    await operations.getSession('abc')
    expect(org.received().token).toHaveLength(1)
    clock.advance(1)
    await operations.getSession('abc')
    expect(org.received().token).toHaveLength(2)
  })

  it('a refusal is one warning of oktaSession(), without a secret', async () => {
    const org = await orgWith({
      publicKey: generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey,
    })
    const warn = vi.fn()
    const credentials = { clientId: CLIENT_ID, privateKey: JWK }
    const okta = startOkta({ orgUrl: org.url, credentials, logger: { warn } }, machineClock)
    for (let times = 0; times < 5; times += 1)
      await expect(okta.api.getSession('abc')).rejects.toThrow('invalid_client')
    expect(warn).toHaveBeenCalledTimes(1)
    expect(warn.mock.calls[0]?.[0]).toContain('clientId')
    expect(inspect(warn.mock.calls, { depth: 9 })).not.toContain(String(JWK.d))
  })

  const oauth = { error: 'invalid_scope' }
  it.each([
    [400, oauth],
    [401, oauth],
    [403, oauth],
    [403, { ...ENVELOPE, errorCode: 'E0000006' }],
  ])('a %i of the token endpoint with %o is a refusal', async (status, body) => {
    const { org, getSession, warn } = await refusingOnce(status, JSON.stringify(body))
    for (let times = 0; times < 2; times += 1)
      await expect(getSession()).rejects.toMatchObject({ operation: 'requestToken', status })
    expect(org.received().token).toHaveLength(1)
    expect(warn).toHaveBeenCalledTimes(1)
  })

  it.each([
    [429, JSON.stringify(oauth)],
    [500, JSON.stringify(oauth)],
    [503, ''],
    [500, JSON.stringify({ ...ENVELOPE, errorCode: 'E0000009' })],
    [403, '<p>Blocked by a proxy'],
    [401, ''],
    [400, '{"message":"of a proxy"}'],
  ])('a %i of the token endpoint with %j is no refusal', async (status, body) => {
    const { getSession, warn } = await refusingOnce(status, body)
    await expect(getSession()).rejects.toMatchObject({ operation: 'requestToken', status })
    await expect(getSession()).resolves.toMatchObject({ id: SESSION.id })
    expect(warn).not.toHaveBeenCalled()
  })

  /** An instance of oktaSession() whose first token request is answered so. */
  async function refusingOnce(status: number, body: string) {
    const org = await orgWith()
    org.tokenFault = (res) =>
      res.writeHead(status, { 'content-type': 'application/json' }).end(body)
    const warn = vi.fn()
    const clock = new TestClock()
    clock.wall = Date.now()
    const credentials = { clientId: CLIENT_ID, privateKey: JWK }
    const okta = startOkta({ orgUrl: org.url, credentials, logger: { warn } }, clock)
    return { org, warn, getSession: () => okta.api.getSession('abc') }
  }
})

describe('DPoP', () => {
  it('DPoP is discovered, nonce included, and then kept', async () => {
    const org = await orgWith({ dpop: 'required' })
    const operations = operationsOf(org)
    expect(summary(await operations.getSession('abc'))).toEqual(['ok'])
    expect(summary(await operations.revokeSession('abc'))).toEqual(['ok'])
    const { token, api } = org.received()
    expect(token.map(({ headers }) => headers.dpop !== undefined)).toEqual([false, true, true])
    expect(api.map(({ headers }) => headers.authorization)).toEqual(
      Array(2).fill(`DPoP ${org.tokens[0]}`),
    )
    expect(new Set(api.map(({ headers }) => headers.dpop)).size).toBe(2)
  })

  it('dpop: true saves the discovery', async () => {
    const org = await orgWith({ dpop: 'required' })
    const operations = operationsOf(org, { credentials: { dpop: true } })
    expect(summary(await operations.getSession('abc'))).toEqual(['ok'])
    org.expireTokens()
    expect(summary(await operations.getSession('abc'))).toEqual(['ok'])
    expect(org.received().token).toHaveLength(3)
  })

  it('dpop: false leaves the refusal standing', async () => {
    const org = await orgWith({ dpop: 'required' })
    const outcome = await operationsOf(org, { credentials: { dpop: false } }).getSession('abc')
    expect(summary(outcome)).toEqual(['requestToken', 400, 'invalid_dpop_proof'])
    expect(org.received().token).toHaveLength(1)
  })

  it('DPoP follows a nonce the token endpoint has changed', async () => {
    const org = await orgWith({ dpop: 'required' })
    const operations = operationsOf(org)
    await operations.getSession('abc')
    org.changeNonce('token', 'nonce-token-2')
    org.expireTokens()
    expect(summary(await operations.getSession('abc'))).toEqual(['ok'])
    expect(org.received().token).toHaveLength(5)
  })

  it('DPoP follows the nonce of the API, with the same token', async () => {
    const org = await orgWith({ dpop: 'required', apiNonce: true })
    const operations = operationsOf(org)
    expect(summary(await operations.getSession('abc'))).toEqual(['ok'])
    expect(org.received().api).toHaveLength(2)
    expect(summary(await operations.getSession('abc'))).toEqual(['ok'])
    expect(org.received().api).toHaveLength(3)
    org.changeNonce('api', 'nonce-api-2')
    expect(summary(await operations.getSession('abc'))).toEqual(['ok'])
    expect(org.received()).toMatchObject({ token: { length: 3 }, api: { length: 5 } })
  })

  it('DPoP follows a new nonce and renews the token in one call, when both have ended', async () => {
    const org = await orgWith({ dpop: 'required', apiNonce: true })
    const operations = operationsOf(org)
    await operations.getSession('abc')
    org.changeNonce('api', 'nonce-api-2')
    org.expireTokens()
    expect(summary(await operations.getSession('abc'))).toEqual(['ok'])
  })

  it('DPoP gives up on nonces that are never right', async () => {
    const org = await orgWith({ dpop: 'required' })
    const never = (res: ServerResponse) => {
      org.tokenFault = never
      const headers = { 'content-type': 'application/json', 'dpop-nonce': 'never' }
      res.writeHead(400, headers).end('{"error":"use_dpop_nonce"}')
    }
    org.tokenFault = never
    const outcome = await operationsOf(org).getSession('abc')
    expect(summary(outcome)).toEqual(['requestToken', 400, 'use_dpop_nonce'])
    expect(org.received().token).toHaveLength(4)
  })

  it('DPoP signs each try of a retried call anew', async () => {
    const org = await orgWith({ dpop: 'required' })
    let failures = 1
    org.apiFault = (_req, res) => {
      if (failures-- <= 0) return false
      res.writeHead(503).end()
      return true
    }
    expect(summary(await operationsOf(org).getSession('abc'))).toEqual(['ok'])
    const proofs = org.received().api.map(({ headers }) => headers.dpop)
    expect(new Set(proofs).size).toBe(2)
  })
})

describe('what can go wrong', () => {
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey

  it('a key Okta does not know rejects with the token endpoint’s error', async () => {
    const org = await orgWith()
    const privateKey = { ...other.export({ format: 'jwk' }) }
    const outcome = endingOf(
      await operationsOf(org, { credentials: { privateKey } }).getSession('abc'),
    )
    if (outcome.kind !== 'error') throw new Error(outcome.kind)
    expect(outcome.error).toMatchObject({
      operation: 'requestToken',
      status: 401,
      errorCode: 'invalid_client',
      errorSummary: 'The client_assertion signature is invalid.',
      message: 'requestToken: 401 invalid_client The client_assertion signature is invalid.',
    })
    expect(outcome.answer).toBe('unavailable')
  })

  it('a scope the app was not granted rejects with the token endpoint’s error', async () => {
    const org = await orgWith({ scopes: ['okta.sessions.read'] })
    expect(summary(await operationsOf(org).getSession('abc'))).toEqual([
      'requestToken',
      400,
      'invalid_scope',
    ])
  })

  it('the error for a scope the token lacks names it in message and challenge', async () => {
    const org = await orgWith()
    const credentials = { scopes: ['okta.sessions.read'] }
    const outcome = endingOf(await operationsOf(org, { credentials }).revokeSession('abc'))
    if (outcome.kind !== 'error') throw new Error(outcome.kind)
    expect(outcome.error.challenge).toEqual({
      error: 'insufficient_scope',
      scope: 'okta.sessions.manage',
    })
    expect(outcome.error.message).toMatch(/\(insufficient_scope: okta\.sessions\.manage\)$/)
  })

  const json = { 'content-type': 'application/json' }
  const token = (fields: object) => (res: ServerResponse) =>
    res
      .writeHead(200, json)
      .end(JSON.stringify({ access_token: 'x', token_type: 'Bearer', ...fields }))
  it.each([
    ['down', (res: ServerResponse) => res.socket?.resetAndDestroy(), ['requestToken', 'reset']],
    [
      'in trouble',
      (res: ServerResponse) => res.writeHead(500).end(),
      ['requestToken', 500, undefined],
    ],
    [
      'in trouble and saying so',
      (res: ServerResponse) =>
        res.writeHead(500, json).end(JSON.stringify({ ...ENVELOPE, errorCode: 'E0000009' })),
      ['requestToken', 500, 'E0000009'],
    ],
    [
      'over its limit',
      (res: ServerResponse) => res.writeHead(429, json).end('{}'),
      ['requestToken', 429, undefined],
    ],
    [
      'a page',
      (res: ServerResponse) => res.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
      ['requestToken', 'content_type'],
    ],
    [
      'a redirect',
      (res: ServerResponse) => res.writeHead(302, { location: '/' }).end(),
      ['requestToken', 'redirect'],
    ],
    ['giving no token', token({ access_token: undefined }), ['requestToken', 'schema']],
    [
      'giving a token no header can carry',
      token({ access_token: 'a\nb' }),
      ['requestToken', 'schema'],
    ],
    ['giving a token of an unknown kind', token({ token_type: 'mac' }), ['requestToken', 'schema']],
    [
      'giving an array',
      (res: ServerResponse) => res.writeHead(200, json).end('[]'),
      ['requestToken', 'schema'],
    ],
  ])('a call fails with a token endpoint that is %s', async (_what, fault, expected) => {
    const org = await orgWith()
    const operations = operationsOf(org)
    org.tokenFault = fault
    expect(summary(await operations.getSession('abc'))).toEqual(expected)
    expect(org.received()).toMatchObject({ token: { length: 1 }, api: { length: 0 } })
    // A failure is not kept.
    expect(summary(await operations.getSession('abc'))).toEqual(['ok'])
  })

  it('one deadline covers token request and call together', async () => {
    const org = await orgWith()
    org.tokenFault = () => {}
    const outcome = endingOf(await operationsOf(org, { timeoutMs: 60 }).getSession('abc'))
    expect(outcome).toMatchObject({ kind: 'unavailable', error: { code: 'timeout' } })
    expect(org.received().api).toHaveLength(0)
  })

  it('no error and no request of a service app holds a secret', async () => {
    const privateKey = { ...JWK }
    const shown: string[] = []
    const faults: ((org: TokenOrg) => void)[] = [
      (org) => {
        org.tokenFault = (res) => res.socket?.resetAndDestroy()
      },
      (org) => {
        org.tokenFault = (res) => {
          const body = org.received().token.at(-1)?.body ?? ''
          const echo = new URLSearchParams(body).get('client_assertion')
          res.writeHead(400, json).end(JSON.stringify({ error: 'x', error_description: echo }))
        }
      },
      (org) => {
        org.apiFault = ({ headers }, res) => {
          const errorSummary = `${headers.authorization} ${headers.dpop}`
          res.writeHead(403, json).end(JSON.stringify({ ...ENVELOPE, errorSummary }))
          return true
        }
      },
    ]
    for (const dpop of ['off', 'required'] as const)
      for (const fault of faults) {
        const org = await orgWith({ dpop })
        const operations = operationsOf(org, { credentials: { privateKey } })
        fault(org)
        const outcome = endingOf(await operations.getSession('abc'))
        if (outcome.kind === 'ok') throw new Error('no failure')
        const { error } = outcome
        shown.push(inspect([error, error.stack, operations], { depth: Infinity, showHidden: true }))
        shown.push(JSON.stringify(error))
        const { token, api } = org.received()
        const secrets = [
          String(JWK.d),
          String(JWK.p),
          ...org.tokens,
          ...[...token, ...api].flatMap(({ headers }) => headers.dpop ?? []),
          ...token.map(({ body }) => String(new URLSearchParams(body).get('client_assertion'))),
        ]
        for (const secret of secrets) expect(shown.join('\n')).not.toContain(secret)
      }
  })
})

describe('jose', () => {
  it('jose is loaded by the first token request and by nothing else', async () => {
    vi.resetModules()
    const loaded = vi.fn()
    vi.doMock('jose', async (original) => {
      loaded()
      return original()
    })
    const fresh = await import('../../src/okta/operations.js')
    const org = await orgWith()
    const settingsWith = (credentials: Credentials) =>
      parseApiOptions({ orgUrl: org.url, credentials, timeoutMs: 2_000 }, {})
    const plain = fresh.createOperations(settingsWith({ apiToken: 'x' }), systemClock)
    await plain.getSession('abc')
    expect(loaded).not.toHaveBeenCalled()
    const credentials = { clientId: CLIENT_ID, privateKey: { ...JWK } }
    await fresh.createOperations(settingsWith(credentials), systemClock).getSession('abc')
    expect(loaded).toHaveBeenCalled()
    vi.doUnmock('jose')
  })
})
