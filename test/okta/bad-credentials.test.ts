/** Invalid credentials, given to oktaSession() and to SessionApi: the fault names the option and shows no part of a secret. */
import { generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { OktaApiError } from '../../src/errors.js'
import { createLocalOrg, type LocalOrg } from '../../src/local-org/index.js'
import { SessionApi } from '../../src/okta/session-api.js'
import { oktaSession } from '../../src/okta-session.js'
import type { Credentials } from '../../src/options/options.js'

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const PEM = RSA.export({ format: 'pem', type: 'pkcs8' }).toString()
const JWK = RSA.export({ format: 'jwk' })
const TOKEN = '00sEcReTsEcReTsEcReTsEcReTsEcReTsEcReTsEcR'
const JWT = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzZWNyZXQifQ.c2VjcmV0LXNpZ25hdHVyZQ'
const app = { clientId: '0oa1', privateKey: PEM }

/** What no message may contain: tokens, the lines of the PEM, the private members of the JWK. */
const SECRETS = [
  TOKEN,
  JWT,
  ...JWT.split('.'),
  ...PEM.split('\n').filter((line) => line.length > 20 && !line.startsWith('-')),
  ...[JWK.d, JWK.p, JWK.q, JWK.dp, JWK.dq, JWK.qi].map(String),
]

function expectNoSecret(value: unknown): void {
  const shown =
    inspect(value, { depth: Infinity, showHidden: true, maxStringLength: Infinity }) +
    JSON.stringify(value)
  for (const secret of SECRETS) expect(shown).not.toContain(secret.slice(0, 24))
}

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const each of open.splice(0).reverse()) await each.close()
})

const orgUrl = 'https://id.example.com'
const doors: readonly (readonly [string, (options: object) => unknown])[] = [
  ['new SessionApi()', (options) => new SessionApi({ ...options })],
  ['oktaSession()', (options) => oktaSession({ ...options })],
]

function faultAt(door: (options: object) => unknown, options: object): TypeError {
  try {
    door(options)
  } catch (error) {
    if (error instanceof TypeError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe.each(doors)('%s', (_name, door) => {
  it.each<[string, unknown, RegExp]>([
    ['a token instead of an object', TOKEN, /credentials: got a string of 42 characters/],
    ['a token with its scheme', { apiToken: `SSWS ${TOKEN}` }, /credentials\.apiToken: got a str/],
    ['a token with a line end', { apiToken: `${TOKEN}\n` }, /credentials\.apiToken: .*token alone/],
    ['a token under .NET’s name', { token: TOKEN }, /credentials\.token/],
    ['a token in another case', { apitoken: TOKEN }, /credentials\.apitoken.*apiToken/],
    ['a token as a list', { apiToken: [TOKEN] }, /credentials\.apiToken: got an array of 1/],
    ['a header for an access token', { accessToken: `Bearer ${JWT}` }, /credentials\.accessToken/],
    [
      'a promise of an access token',
      { accessToken: Promise.resolve(JWT) },
      /accessToken: got an o/,
    ],
    ['two of three', { apiToken: TOKEN, accessToken: JWT }, /apiToken and accessToken given/],
    ['a client secret', { clientId: '0oa1', clientSecret: TOKEN }, /credentials\.clientSecret/],
    ['half a PEM', { ...app, privateKey: PEM.slice(0, 900) }, /credentials\.privateKey: got a str/],
    [
      'a PEM without its frame',
      { ...app, privateKey: PEM.split('\n')[1] },
      /cannot be read as a k/,
    ],
    ['a PEM as bytes', { ...app, privateKey: Buffer.from(PEM) }, /privateKey: .*bytes.* as text/],
    ['a KeyObject', { ...app, privateKey: RSA }, /credentials\.privateKey: got an object/],
    ['half a JWK', { ...app, privateKey: { ...JWK, qi: undefined } }, /cannot be read as a key/],
    ['half a JSON', { ...app, privateKey: JSON.stringify(JWK).slice(0, -40) }, /cannot be read/],
    ['a JWK in a set', { ...app, privateKey: { keys: [JWK] } }, /without the private part/],
    [
      'a key as its own id',
      { ...app, keyId: PEM },
      /credentials\.keyId: got a string of \d+ chara/,
    ],
    [
      'a key for a client',
      { clientId: PEM, privateKey: PEM },
      /credentials\.clientId: got a strin/,
    ],
    ['a token for a scope', { ...app, scopes: JWT }, /credentials\.scopes: got a string of/],
    ['scopes in one text', { ...app, scopes: 'okta.sessions.read' }, /got "okta\.sessions\.read"/],
    ['a token for a switch', { ...app, dpop: TOKEN }, /credentials\.dpop: got a string of/],
  ])('bad credentials are refused: %s', (_what, credentials, fault) => {
    const error = faultAt(door, { orgUrl, credentials })
    expect(error.message).toMatch(fault)
    expectNoSecret(error)
  })

  it.each<[string, Record<string, string>, RegExp]>([
    [
      'OKTA_CLIENT_TOKEN',
      { OKTA_CLIENT_TOKEN: `SSWS ${TOKEN}` },
      /OKTA_CLIENT_TOKEN: got a string/,
    ],
    [
      'OKTA_CLIENT_ACCESSTOKEN',
      { OKTA_CLIENT_ACCESSTOKEN: `Bearer ${JWT}` },
      /OKTA_CLIENT_ACCESSTOKEN: got a string/,
    ],
    [
      'OKTA_CLIENT_PRIVATEKEY',
      { OKTA_CLIENT_CLIENTID: '0oa1', OKTA_CLIENT_PRIVATEKEY: PEM.slice(0, 900) },
      /OKTA_CLIENT_PRIVATEKEY: got a string of \d+ characters that cannot be read/,
    ],
    [
      'OKTA_CLIENT_KEYID',
      { OKTA_CLIENT_CLIENTID: '0oa1', OKTA_CLIENT_PRIVATEKEY: PEM, OKTA_CLIENT_KEYID: PEM },
      /OKTA_CLIENT_KEYID: got a string/,
    ],
    [
      'OKTA_CLIENT_AUTHORIZATIONMODE',
      { OKTA_CLIENT_AUTHORIZATIONMODE: TOKEN },
      /OKTA_CLIENT_AUTHORIZATIONMODE: got a string of 42 characters; must be SSWS/,
    ],
    [
      'credentials',
      { OKTA_CLIENT_TOKEN: TOKEN, OKTA_CLIENT_ACCESSTOKEN: JWT },
      /credentials: OKTA_CLIENT_TOKEN and OKTA_CLIENT_ACCESSTOKEN are set; choose/,
    ],
  ])('the error for bad credentials names %s of the environment', (_variable, env, fault) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    const error = faultAt(door, { orgUrl })
    expect(error.message).toMatch(fault)
    expectNoSecret(error)
  })
})

describe('credentials that have expired', () => {
  async function expired(credentials: (org: LocalOrg) => Credentials): Promise<unknown> {
    const org = await createLocalOrg({ serviceApp: { privateKey: JWK } })
    const api = new SessionApi({ orgUrl: org.url, credentials: credentials(org) })
    open.push(org, api)
    org.signIn('alice@example.com')
    const id = org.sessions[0]?.id ?? ''
    expect((await api.getSession(id)).id).toBe(id)
    org.clock.advance(61 * 60_000)
    return api.getSession(id).catch((error: unknown) => error)
  }

  it('an expired access token rejects with Okta’s error and the reason', async () => {
    let token = ''
    const error = await expired((org) => {
      token = org.accessToken()
      return { accessToken: token }
    })
    expect(error).toBeInstanceOf(OktaApiError)
    expect(error).toMatchObject({
      message:
        'getSession: 401 E0000011 Invalid token provided (invalid_token: okta.sessions.read)',
      challenge: { error: 'invalid_token', scope: 'okta.sessions.read' },
    })
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(token.slice(0, 24))
  })

  it('a token function is called again when its token has expired', async () => {
    const answer = await expired((org) => {
      let current = org.accessToken()
      let calls = 0
      return {
        // Like a cache that does not know the expiry: the same token until it is called again.
        accessToken: () => {
          calls += 1
          if (calls === 3) current = org.accessToken()
          return current
        },
      }
    })
    expect(answer).toMatchObject({ login: 'alice@example.com' })
  })

  it('a service app whose clock is too far behind gets an error that says so', async () => {
    const error = await expired((org) => {
      const { clientId, privateKey } = org.serviceApp
      return { clientId, privateKey: { ...privateKey } }
    })
    expect(error).toMatchObject({
      operation: 'requestToken',
      message: 'requestToken: 401 invalid_client The client_assertion token has expired.',
    })
    expectNoSecret(error)
  })
})
