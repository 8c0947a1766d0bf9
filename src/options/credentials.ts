/** Reads the credentials of by-id operations from the options, or from the variables that Okta's SDKs read. */
import { type Faults, given, givenSecret } from './faults.js'
import { isRecord, openGroup, type Values } from './group.js'
import type { AccessTokenCredentials, CheckedCredentials, ServiceApp } from './options.js'
import { readPrivateKey } from './private-key.js'
import { sessionOptions } from './table.js'

export type Environment = Readonly<Record<string, string | undefined>>

const { options } = sessionOptions.credentials

type TokenFunction = Exclude<AccessTokenCredentials['accessToken'], string>

type OptionName = keyof typeof options

/** What a fault calls an option: its path, or its variable. */
type NameOf = (option: OptionName) => string

const MODE = 'OKTA_CLIENT_AUTHORIZATIONMODE'

/** The values of OKTA_CLIENT_AUTHORIZATIONMODE. Each names a kind of credentials, shown here by its main option. */
const MODES = new Map<string, OptionName>([
  ['SSWS', 'apiToken'],
  ['BearerToken', 'accessToken'],
  ['PrivateKey', 'privateKey'],
])

const KINDS = [...MODES.values()]

/** Options replace the environment as a whole. Undefined: none are given. */
export function readCredentials(
  faults: Faults,
  value: unknown,
  env: Environment,
): CheckedCredentials | undefined {
  if (value === undefined) return fromEnvironment(faults, env)
  if (!isRecord(value)) {
    const advice = 'must be { apiToken }, { accessToken } or { clientId, privateKey }'
    return faults.add('EOS203', 'credentials', givenSecret(value), advice)
  }
  openGroup(faults, 'credentials', value, options, [])
  const kinds = KINDS.filter(
    (kind) => value[kind] !== undefined || (kind === 'privateKey' && value.clientId !== undefined),
  )
  if (kinds.length === 1) return readKind(kinds[0], faults, value, (name) => `credentials.${name}`)
  const found = kinds.length === 0 ? 'none of them given' : `${kinds.join(' and ')} given`
  const advice = 'exactly one of apiToken, accessToken, clientId with privateKey'
  return faults.add('EOS207', 'credentials', found, advice)
}

/** A client id without a key is ignored, because other Okta libraries read the same variable. */
function fromEnvironment(faults: Faults, env: Environment): CheckedCredentials | undefined {
  const values = valuesIn(env)
  const kinds = KINDS.filter((kind) => values[kind] !== undefined)
  const mode = variable(env, MODE)
  const kind = mode === undefined ? kinds[0] : MODES.get(mode)
  if (mode !== undefined && kind === undefined)
    return faults.add('EOS203', MODE, given(mode), `must be ${[...MODES.keys()].join(', ')}`)
  if (mode === undefined && kinds.length > 1) {
    const advice = `choose with ${MODE}=${[...MODES.keys()].join(' | ')}, or unset all but one`
    return faults.add(
      'EOS207',
      'credentials',
      `${kinds.map(variableOf).join(' and ')} are set`,
      advice,
    )
  }
  if (kind !== undefined && values[kind] === undefined)
    return faults.add('EOS205', variableOf(kind), 'missing', `${MODE}=${mode} needs it`)
  return readKind(kind, faults, values, variableOf)
}

function variableOf(option: OptionName): string {
  return options[option].env ?? option
}

function valuesIn(env: Environment): Values {
  const read = (option: OptionName) => variable(env, variableOf(option))
  const scopes = read('scopes')
  return {
    apiToken: read('apiToken'),
    accessToken: read('accessToken'),
    clientId: read('clientId'),
    // Many deployment tools store a PEM in one line, with its line ends written as \n.
    privateKey: read('privateKey')?.replaceAll('\\n', '\n'),
    keyId: read('keyId'),
    scopes: scopes?.split(/[\s,]+/).filter(Boolean),
  }
}

/** A variable set to nothing counts as not set. */
export function variable(env: Environment, name: string): string | undefined {
  return env[name]?.trim() || undefined
}

function readKind(
  kind: OptionName | undefined,
  faults: Faults,
  values: Values,
  nameOf: NameOf,
): CheckedCredentials | undefined {
  const { apiToken, accessToken } = values
  const rule = 'must be the token alone, without scheme, spaces or line ends'
  if (kind === 'apiToken') {
    if (isHeaderSafe(apiToken)) return { apiToken }
    return faults.add('EOS209', nameOf(kind), givenToken(apiToken), rule)
  }
  if (kind === 'accessToken') {
    if (isHeaderSafe(accessToken)) return { accessToken }
    if (typeof accessToken === 'function') return { accessToken: accessToken as TokenFunction }
    const advice = `${rule}, or a function that returns it`
    return faults.add('EOS209', nameOf(kind), givenToken(accessToken), advice)
  }
  return kind === undefined ? undefined : readServiceApp(faults, values, nameOf)
}

function isHeaderSafe(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)
}

function givenToken(value: unknown): string {
  const isFlawed = typeof value === 'string' && /[^\x21-\x7e]/.test(value)
  return givenSecret(value) + (isFlawed ? ' with white space or a control character in it' : '')
}

function readServiceApp(faults: Faults, values: Values, nameOf: NameOf): ServiceApp | undefined {
  const { clientId, keyId, dpop } = values
  if (!isHeaderSafe(clientId))
    faults.add(
      'EOS209',
      nameOf('clientId'),
      givenSecret(clientId),
      'must be the service app’s client id',
    )
  if (keyId !== undefined && !isHeaderSafe(keyId))
    faults.add('EOS209', nameOf('keyId'), givenSecret(keyId), 'must be the key’s `kid` at Okta')
  const key = readPrivateKey(faults, values.privateKey, nameOf('privateKey'))
  const scopes = readScopes(faults, values.scopes ?? options.scopes.default, nameOf('scopes'))
  const isDpop = dpop === undefined || options.dpop.accepts(dpop)
  if (!isDpop) faults.add('EOS203', nameOf('dpop'), given(dpop), options.dpop.allowed)
  if (!isHeaderSafe(clientId) || key === undefined) return undefined
  return {
    clientId,
    ...key,
    keyId: isHeaderSafe(keyId) ? keyId : key.keyId,
    scopes,
    dpop: isDpop ? dpop : undefined,
  }
}

function readScopes(faults: Faults, value: unknown, name: string): readonly string[] {
  if (Array.isArray(value) && value.length > 0 && value.every(isHeaderSafe))
    return value.map(String)
  const advice = `must be scopes, for example ${JSON.stringify(options.scopes.default)}`
  return faults.add('EOS203', name, given(value), advice) ?? []
}
