/** Turns the options and the environment into checked settings, or into one TypeError that lists every fault. */
import { misuse } from '../codes.js'
import { readAgent, readProperty, readStore } from './app-objects.js'
import { readCookieEntries, readSecrets } from './cookies.js'
import { type Environment, readCredentials, variable } from './credentials.js'
import { createFaults, type Faults, given, givenSecret } from './faults.js'
import { isRecord, openGroup, pathsOf, type Values } from './group.js'
import type { ApiSettings, OktaSessionOptions, SessionApiOptions, Settings } from './options.js'
import { apiOptions, type Option, sessionOptions } from './table.js'
import { readHome, readOrgUrl, readOrigin, readSignInUrl, readTrustedOrigins } from './urls.js'

/**
 * The options of oktaSession(). An option wins over its environment variable; an empty variable is none.
 * @throws TypeError that lists all faults, one a line, and shows no secret.
 */
export function parseOptions(options: OktaSessionOptions | undefined, env: Environment): Settings {
  const faults = createFaults()
  const top = openGroup(faults, '', topLevel('oktaSession()', options), sessionOptions)
  const upstreamOptions = sessionOptions.upstream.options
  const upstream = openGroup(faults, 'upstream', top.get('upstream'), upstreamOptions)
  const allowInsecureOrg = top.get('allowInsecureOrg')
  const orgUrl = readOrg(faults, top.get('orgUrl'), allowInsecureOrg, env)
  const api = {
    orgUrl,
    credentials: readCredentials(faults, top.get('credentials'), env),
    timeoutMs: upstream.get('timeoutMs'),
    agent: readAgent(faults, 'upstream.agent', upstream.get('agent'), orgUrl),
  }
  const cookies = readCookieEntries(faults, top.get('cookies'), orgUrl)
  const cache = readCache(faults, top.get('cache'))
  const needsSecret = [
    ...(cache.store === undefined ? [] : ['cache.store']),
    ...(cookies.some(({ signed }) => signed) ? ['a signed cookie'] : []),
  ]
  const settings: Settings = {
    api,
    appUrl: readAppUrl(faults, top.get('appUrl'), env),
    cookies,
    cache,
    secrets: readSecrets(faults, top.get('secret'), needsSecret),
    upstream: {
      maxConcurrent: upstream.get('maxConcurrent'),
      maxQueueMs: upstream.get('maxQueueMs'),
      failedLookups: readBudget(
        faults,
        'failedLookups',
        upstream.get('failedLookups'),
        upstreamOptions.failedLookups.options,
      ),
      failedLookupsPerClient: readBudget(
        faults,
        'failedLookupsPerClient',
        upstream.get('failedLookupsPerClient'),
        upstreamOptions.failedLookupsPerClient.options,
      ),
      instances: upstream.get('instances'),
      forwardClientIp: upstream.get('forwardClientIp'),
    },
    signInUrl: readSignInUrl(faults, top.get('signInUrl')),
    trustedOrigins: readTrustedOrigins(faults, top.get('trustedOrigins')),
    allowInsecureOrg,
    allowNonBrowserClients: top.get('allowNonBrowserClients'),
    checkAtStart: top.get('checkAtStart'),
    onDenied: top.get('onDenied'),
    pages: readPages(faults, top.get('pages')),
    logger: top.get('logger') || undefined,
    property: readProperty(faults, top.get('property')),
  }
  faults.throwIfAny('oktaSession()')
  return settings
}

function readPages(faults: Faults, value: unknown): Settings['pages'] {
  const pages = openGroup(faults, 'pages', value, sessionOptions.pages.options)
  return {
    home: readHome(faults, pages.get('home')),
    texts: pages.get('texts'),
    render: pages.get('render'),
  }
}

function readBudget<Rate extends number | undefined>(
  faults: Faults,
  name: 'failedLookups' | 'failedLookupsPerClient',
  value: unknown,
  table: { readonly perSecond: Option<Rate>; readonly burst: Option<number> },
) {
  const bucket = openGroup<{ perSecond: Rate; burst: number }>(
    faults,
    `upstream.${name}`,
    value,
    table,
  )
  return { perSecond: bucket.get('perSecond'), burst: bucket.get('burst') }
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
  const given = topLevel('SessionApi', options)
  const top = openGroup(faults, '', given, apiOptions, pathsOf(apiOptions))
  const orgUrl = readOrg(faults, top.get('orgUrl'), top.get('allowInsecureOrg'), env)
  const settings = {
    orgUrl,
    credentials: readCredentials(faults, top.get('credentials'), env),
    timeoutMs: top.get('timeoutMs'),
    agent: readAgent(faults, 'agent', top.get('agent'), orgUrl),
  }
  faults.throwIfAny('SessionApi')
  return settings
}

/** Refuses what is no object, such as an app or an array: it has no options to report on. */
function topLevel(subject: string, options: unknown = {}): Values {
  if (isRecord(options)) return options
  throw misuse(
    'EOS203',
    `${subject}: options must be an object such as { orgUrl: "https://id.example.com" }; ${givenSecret(options)}`,
  )
}

/** The option where it is given, else its variable; and what a fault calls the one that counts. */
function optionOr(
  env: Environment,
  option: 'orgUrl' | 'appUrl',
  value: unknown,
): [name: string, value: unknown] {
  const name = sessionOptions[option].env
  return value === undefined ? [name, variable(env, name)] : [option, value]
}

function readAppUrl(faults: Faults, given: unknown, env: Environment): string | undefined {
  const [name, appUrl] = optionOr(env, 'appUrl', given)
  return appUrl === undefined
    ? undefined
    : readOrigin(faults, name, appUrl, 'https://app.example.com')
}

function readOrg(
  faults: Faults,
  orgUrl: unknown,
  allowInsecureOrg: boolean,
  env: Environment,
): string {
  if (allowInsecureOrg && env.NODE_ENV === 'production')
    faults.add(
      'EOS206',
      'allowInsecureOrg',
      'got true',
      'must be left out where NODE_ENV is production',
    )
  return readOrgUrl(faults, ...optionOr(env, 'orgUrl', orgUrl), allowInsecureOrg)
}

function readCache(faults: Faults, value: unknown): Settings['cache'] {
  const { options } = sessionOptions.cache
  const cache = openGroup(faults, 'cache', value, options)
  const ttlMs = cache.get('ttlMs')
  const maxTtlMs = cache.get('maxTtlMs')
  const isGiven = isRecord(value) && value.maxTtlMs === maxTtlMs
  if (isGiven && maxTtlMs < ttlMs) {
    const advice = `must be at least cache.ttlMs (${ttlMs}); equal to it is a hard bound`
    faults.add('EOS207', 'cache.maxTtlMs', given(maxTtlMs), advice)
  }
  return {
    ttlMs,
    // The default follows a longer ttlMs.
    maxTtlMs: Math.max(maxTtlMs, ttlMs),
    maxSessions: cache.get('maxSessions'),
    negativeTtlMs: cache.get('negativeTtlMs'),
    maxNegatives: cache.get('maxNegatives'),
    store: readStore(faults, cache.get('store')),
  }
}
