/** Turns what an app wrote, and its environment, into checked settings, or into one TypeError that lists every fault. */
import type { CookieEntry } from '../contracts.js'
import { readCookieEntries, readSecrets } from './cookies.js'
import { type Environment, readCredentials, variable } from './credentials.js'
import { createFaults, type Faults, given, givenSecret } from './faults.js'
import { readCache, readTimeout, readUpstream } from './limits.js'
import { optionNames, refuseUnknownKeys } from './names.js'
import type { ApiSettings, OktaSessionOptions, SessionApiOptions, Settings } from './options.js'
import { readAgent, readCallback, readLogger, readProperty } from './parts.js'
import { readOrgUrl, readOrigin, readSignInUrl, readTrustedOrigins } from './urls.js'
import { type Group, isRecord, readGroup, readSwitch } from './values.js'

const API_OPTIONS = ['orgUrl', 'credentials', 'timeoutMs', 'agent']

/**
 * oktaSession()'s options. An option wins over its environment variable; an empty variable is none.
 * @throws TypeError that lists all faults, one a line, and shows no secret.
 */
export function parseOptions(options: OktaSessionOptions | undefined, env: Environment): Settings {
  const faults = createFaults()
  const top = topLevel('oktaSession()', options)
  refuseUnknownKeys(faults, '', top, optionNames[''])
  const upstream = readGroup(faults, 'upstream', top.upstream, optionNames.upstream)
  const api = readApi(faults, top, upstream, 'upstream', env)
  const cookies = readCookieEntries(faults, top.cookies, api.orgUrl)
  const cache = readCache(faults, top.cache)
  const settings: Settings = {
    api,
    appUrl: readAppUrl(faults, top, env),
    cookies,
    cache,
    secrets: readSecrets(faults, top.secret, whoNeedsSecret(cookies, cache)),
    upstream: readUpstream(faults, upstream),
    signInUrl: readSignIn(faults, top.signInUrl),
    trustedOrigins: readTrustedOrigins(faults, top.trustedOrigins),
    allowNonBrowserClients: readSwitch(faults, top, '', 'allowNonBrowserClients'),
    onDenied: readCallback(faults, top, 'onDenied', isOnDenied),
    logger: readLogger(faults, top.logger),
    property: readProperty(faults, top.property),
  }
  faults.throwIfAny('oktaSession()')
  return settings
}

/**
 * SessionApi's options, by the same rules and from the same environment.
 * @throws TypeError that lists all faults, one a line, and shows no secret.
 */
export function parseApiOptions(
  options: SessionApiOptions | undefined,
  env: Environment,
): ApiSettings {
  const faults = createFaults()
  const top = topLevel('SessionApi', options)
  refuseUnknownKeys(faults, '', top, API_OPTIONS, [
    ...API_OPTIONS,
    ...optionNames.credentials.map((name) => `credentials.${name}`),
  ])
  const settings = readApi(faults, top, top, '', env)
  faults.throwIfAny('SessionApi')
  return settings
}

/** An app or an array handed over by mistake has no options to report on: that alone is the fault. */
function topLevel(subject: string, options: unknown): Group {
  if (options === undefined) return {}
  if (isRecord(options)) return options
  throw new TypeError(
    `${subject}: options must be an object such as { orgUrl: "https://id.example.com" }; ${givenSecret(options)}`,
  )
}

/** `calls` is the group that holds timeoutMs and agent, `path` its name. */
function readApi(
  faults: Faults,
  top: Group,
  calls: Group,
  path: string,
  env: Environment,
): ApiSettings {
  const orgUrl =
    top.orgUrl === undefined
      ? readOrgUrl(faults, 'OKTA_CLIENT_ORGURL', variable(env, 'OKTA_CLIENT_ORGURL'))
      : readOrgUrl(faults, 'orgUrl', top.orgUrl)
  return {
    orgUrl,
    credentials: readCredentials(faults, top.credentials, env),
    timeoutMs: readTimeout(faults, calls, path),
    agent: readAgent(faults, path === '' ? 'agent' : `${path}.agent`, calls.agent, orgUrl),
  }
}

function readAppUrl(faults: Faults, top: Group, env: Environment): string | undefined {
  const fromEnv = variable(env, 'APP_BASE_URL')
  const [name, value] =
    top.appUrl === undefined ? ['APP_BASE_URL', fromEnv] : ['appUrl', top.appUrl]
  if (value === undefined) return undefined
  return readOrigin(faults, name, value, 'https://app.example.com')
}

function whoNeedsSecret(
  cookies: readonly CookieEntry[],
  cache: Settings['cache'],
): readonly string[] {
  const needing: string[] = []
  if (cache.store !== undefined) needing.push('cache.store')
  if (cookies.some(({ signed }) => signed)) needing.push('a signed cookie')
  return needing
}

function readSignIn(faults: Faults, value: unknown): Settings['signInUrl'] {
  if (value === undefined || isSignInFunction(value)) return value
  if (typeof value === 'string') return readSignInUrl(faults, value)
  const advice = 'must be a path, an http(s) URL, or a function (returnTo, req) => string'
  faults.add('signInUrl', given(value), advice)
  return undefined
}

type SignInFunction = Exclude<Settings['signInUrl'], string | undefined>

function isSignInFunction(value: unknown): value is SignInFunction {
  return typeof value === 'function'
}

function isOnDenied(value: unknown): value is NonNullable<Settings['onDenied']> {
  return typeof value === 'function'
}
