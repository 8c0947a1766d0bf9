/** Finds the option somebody meant: unknown keys are faults, and a fault says what to write instead. */
import { type Faults, quote } from './faults.js'

const NAMES = {
  '': [
    'orgUrl',
    'appUrl',
    'credentials',
    'cookies',
    'cache',
    'secret',
    'upstream',
    'signInUrl',
    'trustedOrigins',
    'allowNonBrowserClients',
    'onDenied',
    'logger',
    'property',
  ],
  cache: ['ttlMs', 'maxTtlMs', 'maxSessions', 'negativeTtlMs', 'maxNegatives', 'store'],
  upstream: [
    'timeoutMs',
    'maxConcurrent',
    'maxQueueMs',
    'failedLookups',
    'failedLookupsPerClient',
    'forwardClientIp',
    'agent',
  ],
  credentials: ['apiToken', 'accessToken', 'clientId', 'privateKey', 'keyId', 'scopes', 'dpop'],
} as const

/** The option names at each level of oktaSession()'s options; `''` is the top. */
export const optionNames = NAMES

const EVERYWHERE: readonly string[] = Object.entries(NAMES).flatMap(([group, names]) =>
  names.map((name) => (group === '' ? name : `${group}.${name}`)),
)

/** What other packages call these things, in lower case without punctuation. */
const KNOWN_ELSEWHERE: Readonly<Record<string, string>> = {
  issuer: 'orgUrl',
  issuerbaseurl: 'orgUrl',
  domain: 'orgUrl',
  oktadomain: 'orgUrl',
  oktaurl: 'orgUrl',
  oktaorgurl: 'orgUrl',
  org: 'orgUrl',
  baseurl: 'appUrl',
  appbaseurl: 'appUrl',
  origin: 'appUrl',
  token: 'credentials.apiToken',
  ssws: 'credentials.apiToken',
  bearertoken: 'credentials.accessToken',
  jwk: 'credentials.privateKey',
  pem: 'credentials.privateKey',
  kid: 'credentials.keyId',
  cookie: 'cookies',
  cookiename: 'cookies',
  ttl: 'cache.ttlMs',
  maxage: 'cache.ttlMs',
  ttlseconds: 'cache.ttlMs',
  maxttl: 'cache.maxTtlMs',
  max: 'cache.maxSessions',
  maxsize: 'cache.maxSessions',
  maxentries: 'cache.maxSessions',
  redis: 'cache.store',
  timeout: 'upstream.timeoutMs',
  concurrency: 'upstream.maxConcurrent',
  httpagent: 'upstream.agent',
  httpsagent: 'upstream.agent',
  dispatcher: 'upstream.agent',
  loginurl: 'signInUrl',
  loginpath: 'signInUrl',
  redirecturi: 'signInUrl',
  redirecturl: 'signInUrl',
  allowedorigins: 'trustedOrigins',
  log: 'logger',
  requestproperty: 'property',
  userproperty: 'property',
}

/**
 * Reports the keys of a group that are no options of it. Their values are not shown: one may be a secret.
 * `everywhere` holds the full paths that may be suggested besides the group's own names.
 */
export function refuseUnknownKeys(
  faults: Faults,
  path: string,
  group: Readonly<Record<string, unknown>>,
  known: readonly string[],
  everywhere: readonly string[] = EVERYWHERE,
): void {
  for (const key of Object.keys(group)) {
    if (known.includes(key)) continue
    const option = dotted(path, /^[A-Za-z_$][\w$]{0,40}$/.test(key) ? key : quote(key))
    const meant = nearest(simplify(key), known, everywhere)
    const advice = meant === undefined ? `known: ${known.join(', ')}` : `did you mean \`${meant}\`?`
    faults.add(option, 'no such option', advice)
  }
}

/** `cache` and `ttlMs` make `cache.ttlMs`. */
export function dotted(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

/** The option meant: of this group by its bare name, of another by its full path. */
function nearest(
  written: string,
  known: readonly string[],
  everywhere: readonly string[],
): string | undefined {
  const here = known.find((name) => [written, `${written}ms`].includes(simplify(name)))
  if (here !== undefined) return here
  const alias = Object.hasOwn(KNOWN_ELSEWHERE, written) ? KNOWN_ELSEWHERE[written] : undefined
  if (alias !== undefined && known.includes(lastName(alias))) return lastName(alias)
  if (alias !== undefined && everywhere.includes(alias)) return alias
  return (
    known.find((name) => isTypoOf(written, simplify(name))) ??
    everywhere.find((option) => simplify(lastName(option)) === written)
  )
}

function lastName(option: string): string {
  return option.slice(option.lastIndexOf('.') + 1)
}

function simplify(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

/** One slip in a short name, two in a longer one, or the same letters in another order. */
function isTypoOf(written: string, name: string): boolean {
  const allowed = name.length < 6 ? 1 : 2
  if (Math.abs(written.length - name.length) > allowed) return false
  return letters(written) === letters(name) || distance(written, name) <= allowed
}

function letters(word: string): string {
  return [...word].sort().join('')
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row += 1) {
    const line = [row]
    for (let column = 1; column <= b.length; column += 1) {
      const swap = at(above, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1)
      line.push(Math.min(swap, at(above, column) + 1, at(line, column - 1) + 1))
    }
    above = line
  }
  return at(above, b.length)
}

function at(line: readonly number[], column: number): number {
  return line[column] ?? Number.POSITIVE_INFINITY
}
