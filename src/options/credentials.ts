/** Reads the credentials of by-id operations, from the options or from the environment that the SDKs of Okta read. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { type Faults, given, givenSecret } from './faults.js'
import { isRecord, openGroup, type Values } from './group.js'
import type { CheckedCredentials, ServiceApp } from './options.js'
import { sessionOptions } from './table.js'

export type Environment = Readonly<Record<string, string | undefined>>

const { options } = sessionOptions.credentials

type Kind = 'apiToken' | 'accessToken' | 'privateKey'

const KINDS: readonly Kind[] = ['apiToken', 'accessToken', 'privateKey']

const MODE = 'OKTA_CLIENT_AUTHORIZATIONMODE'

/** The values of OKTA_CLIENT_AUTHORIZATIONMODE. */
const MODES: ReadonlyMap<string, Kind> = new Map([
  ['SSWS', 'apiToken'],
  ['BearerToken', 'accessToken'],
  ['PrivateKey', 'privateKey'],
])

/** Options win over the environment, as a whole. Undefined: none are given. */
export function readCredentials(
  faults: Faults,
  value: unknown,
  env: Environment,
): CheckedCredentials | undefined {
  if (value === undefined) return fromEnvironment(faults, env)
  if (!isRecord(value)) {
    const advice = 'must be { apiToken }, { accessToken } or { clientId, privateKey }'
    faults.add('credentials', givenSecret(value), advice)
    return undefined
  }
  openGroup(faults, 'credentials', value, options, [])
  const kinds = KINDS.filter(
    (kind) => value[kind] !== undefined || (kind === 'privateKey' && value.clientId !== undefined),
  )
  const [kind] = kinds
  if (kind !== undefined && kinds.length === 1)
    return readKind[kind](faults, value, (option) => `credentials.${option}`)
  const found = kinds.length === 0 ? 'none of them given' : `${kinds.join(' and ')} given`
  const advice = 'exactly one of apiToken, accessToken, clientId with privateKey'
  faults.add('credentials', found, advice)
  return undefined
}

/** A client id alone chooses no kind: other Okta libraries read it too. */
function fromEnvironment(faults: Faults, env: Environment): CheckedCredentials | undefined {
  const kinds = KINDS.filter((kind) => variable(env, variableOf(kind)) !== undefined)
  const kind = chosenKind(faults, env, kinds)
  if (kind === undefined) return undefined
  if (kinds.includes(kind)) return readKind[kind](faults, valuesIn(env), variableOf)
  faults.add(variableOf(kind), 'missing', `${MODE}=${variable(env, MODE)} needs it`)
  return undefined
}

function chosenKind(faults: Faults, env: Environment, kinds: readonly Kind[]): Kind | undefined {
  const mode = variable(env, MODE)
  if (mode !== undefined) {
    const kind = MODES.get(mode)
    if (kind === undefined) faults.add(MODE, given(mode), `must be ${[...MODES.keys()].join(', ')}`)
    return kind
  }
  if (kinds.length < 2) return kinds[0]
  const found = kinds.map(variableOf).join(' and ')
  const advice = `choose with ${MODE}=${[...MODES.keys()].join(' | ')}, or unset all but one`
  faults.add('credentials', `${found} are set`, advice)
  return undefined
}

type OptionName = keyof typeof options

function variableOf(option: OptionName): string {
  return options[option].env ?? option
}

function valuesIn(env: Environment): Values {
  const read = (option: OptionName) => variable(env, variableOf(option))
  return {
    apiToken: read('apiToken'),
    accessToken: read('accessToken'),
    clientId: read('clientId'),
    // Many deployment tools store a PEM in one line, with its line ends written as \n.
    privateKey: read('privateKey')?.replaceAll('\\n', '\n'),
    keyId: read('keyId'),
    scopes: read('scopes')
      ?.split(/[\s,]+/)
      .filter((scope) => scope !== ''),
  }
}

/** A variable set to nothing counts as not set. */
export function variable(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim()
  return value === '' ? undefined : value
}

/** What a fault calls an option: its path, or its variable. */
type NameOf = (option: OptionName) => string

type ReadKind = (faults: Faults, values: Values, nameOf: NameOf) => CheckedCredentials | undefined

const readKind: Readonly<Record<Kind, ReadKind>> = {
  apiToken(faults, { apiToken }, nameOf) {
    if (isHeaderSafe(apiToken)) return { apiToken }
    faults.add(nameOf('apiToken'), givenToken(apiToken), TOKEN_RULE)
    return undefined
  },
  accessToken(faults, { accessToken }, nameOf) {
    if (isTokenFunction(accessToken) || isHeaderSafe(accessToken)) return { accessToken }
    const advice = `${TOKEN_RULE}, or a function that returns it`
    faults.add(nameOf('accessToken'), givenToken(accessToken), advice)
    return undefined
  },
  privateKey: readServiceApp,
}

const TOKEN_RULE = 'must be the token alone, without scheme, spaces or line ends'

function isTokenFunction(value: unknown): value is () => string | Promise<string> {
  return typeof value === 'function'
}

function isHeaderSafe(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)
}

function givenToken(value: unknown): string {
  const flaw = typeof value === 'string' && /[^\x21-\x7e]/.test(value)
  return givenSecret(value) + (flaw ? ' with white space or a control character in it' : '')
}

function readServiceApp(faults: Faults, values: Values, nameOf: NameOf): ServiceApp | undefined {
  const { clientId, keyId } = values
  if (!isHeaderSafe(clientId))
    faults.add(nameOf('clientId'), givenSecret(clientId), 'must be the service app’s client id')
  if (keyId !== undefined && !isHeaderSafe(keyId))
    faults.add(nameOf('keyId'), givenSecret(keyId), 'must be the key’s `kid` at Okta')
  const key = readPrivateKey(faults, values.privateKey, nameOf('privateKey'))
  const scopes = readScopes(faults, values.scopes, nameOf('scopes'))
  const { dpop } = values
  if (dpop !== undefined && !options.dpop.accepts(dpop))
    faults.add(nameOf('dpop'), given(dpop), options.dpop.allowed)
  if (!isHeaderSafe(clientId) || key === undefined) return undefined
  return {
    clientId,
    ...key,
    keyId: isHeaderSafe(keyId) ? keyId : key.keyId,
    scopes,
    dpop: options.dpop.accepts(dpop) ? dpop : undefined,
  }
}

const DEFAULT_SCOPES: readonly string[] = ['okta.sessions.read', 'okta.sessions.manage']

function readScopes(faults: Faults, value: unknown, name: string): readonly string[] {
  if (value === undefined) return DEFAULT_SCOPES
  if (Array.isArray(value) && value.length > 0 && value.every(isHeaderSafe))
    return value.map(String)
  const advice = `must be scopes, for example ${JSON.stringify(DEFAULT_SCOPES)}`
  faults.add(name, given(value), advice)
  return DEFAULT_SCOPES
}

/** What a key can sign with, by its curve or else its type; the first is the default. */
const ALGORITHMS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  rsa: ['RS256', 'RS384', 'RS512'],
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
}

type SigningKey = Pick<ServiceApp, 'privateKey' | 'algorithm' | 'keyId'>

/**
 * A JWK (an object or its JSON) or a PEM (PKCS #8, PKCS #1, SEC 1). RSA signs with RS256, a curve with
 * its own ES algorithm, unless the JWK's `alg` names another of its family.
 */
export function readPrivateKey(
  faults: Faults,
  value: unknown,
  name: string,
): SigningKey | undefined {
  const key = parseKey(typeof value === 'string' ? (parseJson(value) ?? value) : value)
  if (typeof key !== 'string') return key
  const advice =
    'must be a private JWK or PEM, RSA of 2,048 bits or more, or EC on P-256, P-384 or P-521'
  faults.add(name, `${givenSecret(value)}${key}`, advice)
  return undefined
}

function parseJson(text: string): unknown {
  if (!text.trimStart().startsWith('{')) return undefined
  try {
    return JSON.parse(text)
  } catch {
    // Not JSON: read as a PEM it fails without a quotation of the text.
    return undefined
  }
}

/** The key, or what is wrong with it. */
function parseKey(material: unknown): SigningKey | string {
  if (typeof material === 'string' && material.includes('ENCRYPTED')) return ', an encrypted key'
  if (typeof material === 'string' && material.includes('PUBLIC KEY')) return ', a public key'
  if (material instanceof Uint8Array) return ' of bytes: read the file as text'
  const jwk = isRecord(material) ? material : undefined
  if (jwk !== undefined && jwk.d === undefined) return ' without the private part `d`'
  const privateKey = importKey(material)
  if (privateKey === undefined) return ' that cannot be read as a key'
  const { asymmetricKeyType, asymmetricKeyDetails = {} } = privateKey
  const { modulusLength = 0, namedCurve } = asymmetricKeyDetails
  if (asymmetricKeyType === 'rsa' && modulusLength < 2048) return `, RSA of ${modulusLength} bits`
  const algorithms = ALGORITHMS[namedCurve ?? asymmetricKeyType ?? '']
  if (algorithms === undefined)
    return `, a key of type ${asymmetricKeyType} ${namedCurve ?? ''}`.trimEnd()
  const algorithm =
    jwk?.alg === undefined ? algorithms[0] : algorithms.find((each) => each === jwk.alg)
  if (algorithm === undefined) return `, whose alg is none of ${algorithms.join(', ')}`
  return { privateKey, algorithm, keyId: typeof jwk?.kid === 'string' ? jwk.kid : undefined }
}

function importKey(material: unknown): KeyObject | undefined {
  try {
    if (typeof material === 'string') return createPrivateKey(material)
    if (isRecord(material)) return createPrivateKey({ key: { ...material }, format: 'jwk' })
    return undefined
  } catch {
    // OpenSSL's reason could quote the key.
    return undefined
  }
}
