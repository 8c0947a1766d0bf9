import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it, test } from 'vitest'
import type { Credentials } from '../../src/options/options.js'
import { linesOf, parseApi, thrownBy } from './faults-of.js'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
const ed = generateKeyPairSync('ed25519')

const pem = pkcs8(rsa.privateKey)
const jwk = { ...rsa.privateKey.export({ format: 'jwk' }), kid: 'k1' }
const app = { clientId: '0oa1', privateKey: pem }

/** Credentials as they are kept, the parsed key shown as PKCS #8. */
function read(credentials: unknown, env: Record<string, string> = {}): unknown {
  const kept = parseApi({ orgUrl: 'https://id.example.com', credentials }, env).credentials
  if (kept === undefined || !('privateKey' in kept)) return kept
  return { ...kept, privateKey: pkcs8(kept.privateKey) }
}

const keptApp = {
  clientId: '0oa1',
  privateKey: pem,
  algorithm: 'RS256',
  keyId: undefined,
  scopes: ['okta.sessions.read', 'okta.sessions.manage'],
  dpop: undefined,
}

describe('credentials in the options', () => {
  const accessToken = async () => 'eyJ'
  test.each<[string, Credentials, object?]>([
    ['an API token', { apiToken: '00abc-_' }],
    ['an access token', { accessToken: 'eyJ.abc.def' }],
    ['a function', { accessToken }],
    ['a service app with a PEM', app, keptApp],
    ['a service app with a PKCS #1 PEM', { ...app, privateKey: pkcs1() }, keptApp],
    [
      'a service app with a JWK',
      { clientId: '0oa1', privateKey: jwk, keyId: 'k2' },
      { ...keptApp, keyId: 'k2' },
    ],
    ['a JWK with its kid', { clientId: '0oa1', privateKey: jwk }, { ...keptApp, keyId: 'k1' }],
    [
      'an EC key',
      { clientId: '0oa1', privateKey: { ...ec.privateKey.export({ format: 'jwk' }) } },
      { ...keptApp, privateKey: pkcs8(ec.privateKey), algorithm: 'ES256' },
    ],
    [
      'a JWK with its alg',
      { clientId: '0oa1', privateKey: { ...jwk, alg: 'RS512' } },
      { ...keptApp, keyId: 'k1', algorithm: 'RS512' },
    ],
    [
      'scopes and DPoP',
      { ...app, scopes: ['okta.sessions.read'], dpop: false },
      { ...keptApp, scopes: ['okta.sessions.read'], dpop: false },
    ],
  ])('credentials may be %s', (_, credentials, kept = credentials) => {
    expect(read(credentials)).toEqual(kept)
  })

  it('credentials show nothing of the key when they are printed', () => {
    const kept = parseApi({ orgUrl: 'https://id.example.com', credentials: app }).credentials
    expect(inspect(kept, { depth: null, showHidden: true })).not.toMatch(/MII|BEGIN/)
    expect(JSON.stringify(kept)).not.toMatch(/MII|BEGIN/)
  })

  it('credentials may hold a JWK as JSON', () => {
    const credentials = { clientId: '0oa1', privateKey: ` ${JSON.stringify(jwk)}\n` }
    expect(read(credentials)).toEqual({ ...keptApp, keyId: 'k1' })
  })

  test.each<[string, unknown, RegExp]>([
    [
      'none',
      {},
      /^credentials: none of them given; exactly one of apiToken, accessToken, clientId/,
    ],
    [
      'two',
      { apiToken: 'a', accessToken: 'b' },
      /^credentials: apiToken and accessToken given; exactly one/,
    ],
    [
      'three',
      { apiToken: 'a', accessToken: 'b', ...app },
      /apiToken and accessToken and privateKey given/,
    ],
    ['text', 'SSWS 00abc', /^credentials: got a string of 10 characters; must be \{ apiToken \}/],
    ['null', null, /^credentials: got null/],
    [
      'a token with its scheme',
      { apiToken: 'SSWS 00abc' },
      /^credentials\.apiToken: got a string of 10 characters with white space/,
    ],
    [
      'a token with a line end',
      { apiToken: '00abc\r\n' },
      /^credentials\.apiToken: .+the token alone/,
    ],
    ['an empty token', { apiToken: '' }, /^credentials\.apiToken: got a string of 0 characters;/],
    ['a token of letters beyond ASCII', { apiToken: '00äbc' }, /^credentials\.apiToken/],
    [
      'a token that is a function',
      { apiToken: () => 'x' },
      /^credentials\.apiToken: got a function/,
    ],
    [
      'an access token with its scheme',
      { accessToken: 'Bearer x' },
      /^credentials\.accessToken: .+or a function/,
    ],
    ['a client without a key', { clientId: '0oa1' }, /^credentials\.privateKey: got undefined/],
    ['a key without a client', { privateKey: pem }, /^credentials\.clientId: got undefined/],
    ['an empty keyId', { ...app, keyId: '' }, /^credentials\.keyId/],
    [
      'scopes as text',
      { ...app, scopes: 'okta.sessions.read' },
      /^credentials\.scopes: got "okta\.sessions\.read"; must be scopes/,
    ],
    ['no scopes', { ...app, scopes: [] }, /^credentials\.scopes/],
    ['scopes in one', { ...app, scopes: ['a b'] }, /^credentials\.scopes/],
    [
      'dpop as text',
      { ...app, dpop: 'required' },
      /^credentials\.dpop: got "required"; must be true or false/,
    ],
  ])('credentials may not be %s', (_, credentials, fault) => {
    expect(faultsOf(credentials)).toEqual([expect.stringMatching(fault)])
  })

  test.each<[string, unknown, RegExp]>([
    ['no key', 'key', /got a string of 3 characters that cannot be read as a key;/],
    ['half a PEM', pem.slice(0, 200), /that cannot be read as a key/],
    ['a path to a key', './key.pem', /that cannot be read as a key/],
    ['broken JSON', '{"kty":"RSA"', /that cannot be read as a key/],
    ['a public PEM', publicPem(), /, a public key;/],
    [
      'a public JWK',
      { ...rsa.publicKey.export({ format: 'jwk' }) },
      /without the private part `d`/,
    ],
    [
      'a public JWK as JSON',
      JSON.stringify(rsa.publicKey.export({ format: 'jwk' })),
      /private part/,
    ],
    ['an encrypted PEM', encrypted(), /, an encrypted key;/],
    [
      'a short RSA key',
      { ...weak.privateKey.export({ format: 'jwk' }) },
      /, RSA of 1024 bits; .+2,048/,
    ],
    [
      'a curve Okta does not take',
      { ...koblitz.privateKey.export({ format: 'jwk' }) },
      /, a key of type ec secp256k1/,
    ],
    ['an Ed25519 key', { ...ed.privateKey.export({ format: 'jwk' }) }, /, a key of type ed25519;/],
    [
      'an alg of another family',
      { ...jwk, alg: 'ES256' },
      /, whose alg is none of RS256, RS384, RS512;/,
    ],
    ['an alg Okta does not take', { ...jwk, alg: 'PS256' }, /, whose alg is none of/],
    ['a number', 5, /^credentials\.privateKey: got a number/],
  ])('credentials may not hold %s as the private key', (_, privateKey, fault) => {
    expect(faultsOf({ clientId: '0oa1', privateKey })).toEqual([expect.stringMatching(fault)])
  })
})

describe('credentials in the environment', () => {
  const token = { OKTA_CLIENT_TOKEN: '00abc' }
  const access = { OKTA_CLIENT_ACCESSTOKEN: 'eyJ' }
  const service = { OKTA_CLIENT_CLIENTID: '0oa1', OKTA_CLIENT_PRIVATEKEY: pem }
  const all = { ...token, ...access, ...service }
  const mode = (name: string) => ({ OKTA_CLIENT_AUTHORIZATIONMODE: name })

  test.each<[string, Record<string, string>, object | undefined]>([
    ['nothing', {}, undefined],
    ['empty variables', { OKTA_CLIENT_TOKEN: '', OKTA_CLIENT_ACCESSTOKEN: ' ' }, undefined],
    ['a client id alone', { OKTA_CLIENT_CLIENTID: '0oa1' }, undefined],
    ['a token', token, { apiToken: '00abc' }],
    ['a token from a file', { OKTA_CLIENT_TOKEN: '00abc\n' }, { apiToken: '00abc' }],
    [
      'a token beside a client id',
      { ...token, OKTA_CLIENT_CLIENTID: '0oa1' },
      { apiToken: '00abc' },
    ],
    ['an access token', access, { accessToken: 'eyJ' }],
    ['a service app', service, keptApp],
    ['SSWS chosen of all', { ...all, ...mode('SSWS') }, { apiToken: '00abc' }],
    ['BearerToken chosen of all', { ...all, ...mode('BearerToken') }, { accessToken: 'eyJ' }],
    ['PrivateKey chosen of all', { ...all, ...mode('PrivateKey') }, keptApp],
    [
      'a key in one line, its id and scopes',
      {
        ...service,
        OKTA_CLIENT_PRIVATEKEY: pem.trim().replaceAll('\n', '\\n'),
        OKTA_CLIENT_KEYID: 'k1',
        OKTA_CLIENT_SCOPES: 'okta.sessions.read, okta.sessions.manage  okta.users.read',
      },
      {
        ...keptApp,
        keyId: 'k1',
        scopes: ['okta.sessions.read', 'okta.sessions.manage', 'okta.users.read'],
      },
    ],
    [
      'a JWK',
      { ...service, OKTA_CLIENT_PRIVATEKEY: JSON.stringify(jwk) },
      { ...keptApp, keyId: 'k1' },
    ],
  ])('credentials in the environment are read from %s', (_, env, credentials) => {
    expect(read(undefined, env)).toEqual(credentials)
  })

  it('credentials in the options replace those of the environment as a whole', () => {
    expect(read({ accessToken: 'x' }, { ...all, ...mode('nonsense') })).toEqual({
      accessToken: 'x',
    })
  })

  test.each<[string, Record<string, string>, RegExp]>([
    [
      'several and none chosen',
      { ...token, ...access },
      /^credentials: OKTA_CLIENT_TOKEN and OKTA_CLIENT_ACCESSTOKEN are set; choose with OKTA_CLIENT_AUTHORIZATIONMODE=SSWS \| BearerToken \| PrivateKey/,
    ],
    [
      'a mode that is none',
      { ...token, ...mode('Bearer') },
      /^OKTA_CLIENT_AUTHORIZATIONMODE: got "Bearer"; must be SSWS, BearerToken, PrivateKey/,
    ],
    [
      'a mode without its variable',
      { ...token, ...mode('BearerToken') },
      /^OKTA_CLIENT_ACCESSTOKEN: missing; OKTA_CLIENT_AUTHORIZATIONMODE=BearerToken needs it/,
    ],
    [
      'a mode of Object',
      { ...token, ...mode('constructor') },
      /^OKTA_CLIENT_AUTHORIZATIONMODE: got "constructor"/,
    ],
    [
      'a token with its scheme',
      { OKTA_CLIENT_TOKEN: 'SSWS 00abc' },
      /^OKTA_CLIENT_TOKEN: got a string of 10 characters with white space/,
    ],
    [
      'a key without a client',
      { OKTA_CLIENT_PRIVATEKEY: pem },
      /^OKTA_CLIENT_CLIENTID: got undefined/,
    ],
    [
      'a key that is none',
      { ...service, OKTA_CLIENT_PRIVATEKEY: 'x' },
      /^OKTA_CLIENT_PRIVATEKEY: got a string of 1 characters that cannot be read/,
    ],
    [
      'scopes of commas',
      { ...service, OKTA_CLIENT_SCOPES: ', ,' },
      /^OKTA_CLIENT_SCOPES: got an array of 0/,
    ],
  ])('credentials in the environment are refused with %s', (_, env, fault) => {
    expect(faultsOf(undefined, env)).toEqual([expect.stringMatching(fault)])
  })
})

function faultsOf(credentials: unknown, env: Record<string, string> = {}): readonly string[] {
  return linesOf(thrownBy(() => read(credentials, env)))
}

function pkcs8(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function pkcs1(): string {
  return rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
}

function publicPem(): string {
  return rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString()
}

function encrypted(): string {
  const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const
  return rsa.privateKey.export(options).toString()
}
