/** Reads the credentials by-id operations use, from the options or from the environment Okta's SDKs read. */
import { type Faults, given, givenSecret } from './faults.js'
import { optionNames, refuseUnknownKeys } from './names.js'
import type { CheckedCredentials } from './options.js'
import { readPrivateKey } from './private-key.js'
import { type Group, isRecord, readSwitch } from './values.js'

export type Environment = Readonly<Record<string, string | undefined>>

type Kind = 'apiToken' | 'accessToken' | 'privateKey'

/** What OKTA_CLIENT_AUTHORIZATIONMODE may say. */
const MODES: Readonly<Record<string, Kind>> = {
  SSWS: 'apiToken',
  BearerToken: 'accessToken',
  PrivateKey: 'privateKey',
}

const VARIABLES: Readonly<Record<Kind, string>> = {
  apiToken: 'OKTA_CLIENT_TOKEN',
  accessToken: 'OKTA_CLIENT_ACCESSTOKEN',
  privateKey: 'OKTA_CLIENT_PRIVATEKEY',
}

/** Options win over the environment, as a whole. Undefined: none given anywhere. */
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
  refuseUnknownKeys(faults, 'credentials', value, optionNames.credentials, [])
  const kinds = kindsGiven(value)
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) {
    const found = kinds.length === 0 ? 'none of them given' : `${kinds.join(' and ')} given`
    faults.add(
      'credentials',
      found,
      'exactly one of apiToken, accessToken, clientId with privateKey',
    )
    return undefined
  }
  return read[kind](faults, value, optionNameOf)
}

function kindsGiven(group: Group): readonly Kind[] {
  const kinds: Kind[] = []
  if (group.apiToken !== undefined) kinds.push('apiToken')
  if (group.accessToken !== undefined) kinds.push('accessToken')
  if (group.clientId !== undefined || group.privateKey !== undefined) kinds.push('privateKey')
  return kinds
}

/** A client id alone chooses nothing: other Okta libraries read it too. */
function fromEnvironment(faults: Faults, env: Environment): CheckedCredentials | undefined {
  const kinds = (['apiToken', 'accessToken', 'privateKey'] as const).filter(
    (kind) => variable(env, VARIABLES[kind]) !== undefined,
  )
  const kind = chosen(faults, env, kinds)
  if (kind === undefined) return undefined
  if (!kinds.includes(kind)) {
    const advice = `OKTA_CLIENT_AUTHORIZATIONMODE=${variable(env, 'OKTA_CLIENT_AUTHORIZATIONMODE')} needs it`
    faults.add(VARIABLES[kind], 'missing', advice)
    return undefined
  }
  return read[kind](faults, groupFromEnvironment(env), variableNameOf)
}

function chosen(faults: Faults, env: Environment, kinds: readonly Kind[]): Kind | undefined {
  const mode = variable(env, 'OKTA_CLIENT_AUTHORIZATIONMODE')
  if (mode !== undefined) {
    const kind = Object.hasOwn(MODES, mode) ? MODES[mode] : undefined
    if (kind !== undefined) return kind
    const advice = `must be ${Object.keys(MODES).join(', ')}`
    faults.add('OKTA_CLIENT_AUTHORIZATIONMODE', given(mode), advice)
    return undefined
  }
  if (kinds.length < 2) return kinds[0]
  const found = kinds.map((kind) => VARIABLES[kind]).join(' and ')
  const advice = `choose with OKTA_CLIENT_AUTHORIZATIONMODE=${Object.keys(MODES).join(' | ')}, or unset all but one`
  faults.add('credentials', `${found} are set`, advice)
  return undefined
}

function groupFromEnvironment(env: Environment): Group {
  const scopes = variable(env, 'OKTA_CLIENT_SCOPES')
  return {
    apiToken: variable(env, 'OKTA_CLIENT_TOKEN'),
    accessToken: variable(env, 'OKTA_CLIENT_ACCESSTOKEN'),
    clientId: variable(env, 'OKTA_CLIENT_CLIENTID'),
    // A PEM in one line, as many deployment tools store it, carries its line ends as \n.
    privateKey: variable(env, 'OKTA_CLIENT_PRIVATEKEY')?.replaceAll('\\n', '\n'),
    keyId: variable(env, 'OKTA_CLIENT_KEYID'),
    scopes: scopes?.split(/[\s,]+/).filter((scope) => scope !== ''),
  }
}

/** A variable set to nothing counts as not set. */
export function variable(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim()
  return value === '' ? undefined : value
}

type NameOf = (option: string) => string

const optionNameOf: NameOf = (option) => `credentials.${option}`

const variableNameOf: NameOf = (option) =>
  option === 'apiToken' ? 'OKTA_CLIENT_TOKEN' : `OKTA_CLIENT_${option.toUpperCase()}`

/** One reader for each kind; `nameOf` says what to call an option in a fault. */
const read: Readonly<
  Record<Kind, (faults: Faults, group: Group, nameOf: NameOf) => CheckedCredentials | undefined>
> = {
  apiToken(faults, { apiToken }, nameOf) {
    if (isHeaderSafe(apiToken)) return { apiToken }
    faults.add(nameOf('apiToken'), givenToken(apiToken), TOKEN_RULE)
    return undefined
  },
  accessToken(faults, { accessToken }, nameOf) {
    if (isTokenFunction(accessToken) || isHeaderSafe(accessToken)) return { accessToken }
    faults.add(
      nameOf('accessToken'),
      givenToken(accessToken),
      `${TOKEN_RULE}, or a function that returns it`,
    )
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

function readServiceApp(
  faults: Faults,
  group: Group,
  nameOf: NameOf,
): CheckedCredentials | undefined {
  const { clientId, keyId } = group
  if (!isHeaderSafe(clientId)) {
    faults.add(nameOf('clientId'), givenSecret(clientId), 'must be the service app’s client id')
  }
  if (keyId !== undefined && !isHeaderSafe(keyId)) {
    faults.add(nameOf('keyId'), givenSecret(keyId), 'must be the key’s `kid` at Okta')
  }
  const key = readPrivateKey(faults, group.privateKey, nameOf('privateKey'))
  const scopes = readScopes(faults, group.scopes, nameOf('scopes'))
  const dpop =
    group.dpop === undefined ? undefined : readSwitch(faults, group, 'credentials', 'dpop')
  if (!isHeaderSafe(clientId) || key === undefined) return undefined
  return { clientId, ...key, keyId: isHeaderSafe(keyId) ? keyId : key.keyId, scopes, dpop }
}

const DEFAULT_SCOPES: readonly string[] = ['okta.sessions.read', 'okta.sessions.manage']

function readScopes(faults: Faults, value: unknown, name: string): readonly string[] {
  if (value === undefined) return DEFAULT_SCOPES
  const fits =
    Array.isArray(value) && value.length > 0 && value.every((scope) => isHeaderSafe(scope))
  if (fits) return value.map(String)
  const advice = 'must be scopes, for example ["okta.sessions.read", "okta.sessions.manage"]'
  faults.add(name, given(value), advice)
  return DEFAULT_SCOPES
}
