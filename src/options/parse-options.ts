/** Turns the options and the environment into checked settings, or into one TypeError that lists every fault. */
import type { CookieEntry } from '../contracts.js'
import { readAgent, readLogger, readProperty, readStore } from './app-objects.js'
import { readCookieEntries, readSecrets } from './cookies.js'
import { type Environment, readCredentials, variable } from './credentials.js'
import { createFaults, type Faults, given, givenSecret } from './faults.js'
import { API_PATHS, isRecord, openGroup, type Values } from './group.js'
import type {
  ApiSettings,
  Budget,
  OktaSessionOptions,
  SessionApiOptions,
  Settings,
} from './options.js'
import { apiOptions, sessionOptions } from './table.js'
import { readOrgUrl, readOrigin, readSignInUrl, readTrustedOrigins } from './urls.js'

/**
 * The options of oktaSession(). An option wins over its environment variable; an empty variable is none.
 * @throws TypeError that lists all faults, one a line, and shows no secret.
 */
export function parseOptions(options: OktaSessionOptions | undefined, env: Environment): Settings {
  const faults = createFaults()
  const top = openGroup(faults, '', topLevel('oktaSession()', options), sessionOptions)
  const upstreamOptions = sessionOptions.upstream.options
  const upstream = openGroup(faults, 'upstream', top.get('upstream'), upstreamOptions)
  const calls = {
    path: 'upstream.agent',
    timeoutMs: () => upstream.get('timeoutMs'),
    agent: upstream.get('agent'),
  }
  const api = readApi(faults, top.get('orgUrl'), top.get('credentials'), calls, env)
  const cookies = readCookieEntries(faults, top.get('cookies'), api.orgUrl)
  const cache = readCache(faults, top.get('cache'))
  const settings: Settings = {
    api,
    appUrl: readAppUrl(faults, top.get('appUrl'), env),
    cookies,
    cache,
    secrets: readSecrets(faults, top.get('secret'), whatNeedsSecret(cookies, cache)),
    upstream: {
      maxConcurrent: upstream.get('maxConcurrent'),
      maxQueueMs: upstream.get('maxQueueMs'),
      failedLookups: budget('failedLookups'),
      failedLookupsPerClient: budget('failedLookupsPerClient'),
      forwardClientIp: upstream.get('forwardClientIp'),
    },
    signInUrl: readSignInUrl(faults, top.get('signInUrl')),
    trustedOrigins: readTrustedOrigins(faults, top.get('trustedOrigins')),
    allowNonBrowserClients: top.get('allowNonBrowserClients'),
    onDenied: top.get('onDenied'),
    logger: readLogger(faults, top.get('logger')),
    property: readProperty(faults, top.get('property')),
  }
  faults.throwIfAny('oktaSession()')
  return settings

  function budget(name: 'failedLookups' | 'failedLookupsPerClient'): Budget {
    const { options } = upstreamOptions[name]
    const bucket = openGroup(faults, `upstream.${name}`, upstream.get(name), options)
    return { perSecond: bucket.get('perSecond'), burst: bucket.get('burst') }
  }
}

/**
 * The options of SessionApi, by the same rules and from the same environment.
 * @throws TypeError that lists all faults, one a line, and shows no secret.
 */
export function parseApiOptions(
  options: SessionApiOptions | undefined,
  env: Environment,
): ApiSettings {
  const faults = createFaults()
  const top = openGroup(faults, '', topLevel('SessionApi', options), apiOptions, API_PATHS)
  const calls = { path: 'agent', timeoutMs: () => top.get('timeoutMs'), agent: top.get('agent') }
  const settings = readApi(faults, top.get('orgUrl'), top.get('credentials'), calls, env)
  faults.throwIfAny('SessionApi')
  return settings
}

/** An app or an array given by mistake has no options to report on: that alone is the fault. */
function topLevel(subject: string, options: unknown): Values {
  if (options === undefined) return {}
  if (isRecord(options)) return options
  throw new TypeError(
    `${subject}: options must be an object such as { orgUrl: "https://id.example.com" }; ${givenSecret(options)}`,
  )
}

/** The options of single calls, which oktaSession() has under `upstream` and SessionApi at the top. */
interface Calls {
  readonly path: string
  timeoutMs(): number
  readonly agent: unknown
}

function readApi(
  faults: Faults,
  orgUrlOption: unknown,
  credentialsOption: unknown,
  calls: Calls,
  env: Environment,
): ApiSettings {
  const orgUrl =
    orgUrlOption === undefined
      ? readOrgUrl(faults, 'OKTA_CLIENT_ORGURL', variable(env, 'OKTA_CLIENT_ORGURL'))
      : readOrgUrl(faults, 'orgUrl', orgUrlOption)
  return {
    orgUrl,
    credentials: readCredentials(faults, credentialsOption, env),
    timeoutMs: calls.timeoutMs(),
    agent: readAgent(faults, calls.path, calls.agent, orgUrl),
  }
}

function readAppUrl(faults: Faults, option: unknown, env: Environment): string | undefined {
  const [name, value] =
    option === undefined ? ['APP_BASE_URL', variable(env, 'APP_BASE_URL')] : ['appUrl', option]
  return value === undefined
    ? undefined
    : readOrigin(faults, name, value, 'https://app.example.com')
}

function readCache(faults: Faults, value: unknown): Settings['cache'] {
  const { options } = sessionOptions.cache
  const cache = openGroup(faults, 'cache', value, options)
  const ttlMs = cache.get('ttlMs')
  const maxTtlMs = cache.get('maxTtlMs', Math.max(options.maxTtlMs.default, ttlMs))
  if (maxTtlMs < ttlMs) {
    const advice = `must be at least cache.ttlMs (${ttlMs}); equal to it is a hard bound`
    faults.add('cache.maxTtlMs', given(maxTtlMs), advice)
  }
  return {
    ttlMs,
    maxTtlMs,
    maxSessions: cache.get('maxSessions'),
    negativeTtlMs: cache.get('negativeTtlMs'),
    maxNegatives: cache.get('maxNegatives'),
    store: readStore(faults, cache.get('store')),
  }
}

function whatNeedsSecret(
  cookies: readonly CookieEntry[],
  cache: Settings['cache'],
): readonly string[] {
  const needing: string[] = []
  if (cache.store !== undefined) needing.push('cache.store')
  if (cookies.some(({ signed }) => signed)) needing.push('a signed cookie')
  return needing
}
