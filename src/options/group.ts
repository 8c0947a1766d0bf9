/** Reads a group of options by its table, and suggests an option for an unknown key. */
import type { FaultCode } from '../codes.js'
import { type Faults, given, givenSecret, quote } from './faults.js'
import { type Option, sessionOptions, type Table } from './table.js'

export type Values = Readonly<Record<string, unknown>>

/** The options of a group; `V` holds the type of each. */
type TableOf<V> = { readonly [K in keyof V]: Option<V[K]> }

/** Reports the unknown keys of a group. An absent or wrong group reads as empty. */
export function openGroup<V>(
  faults: Faults,
  path: string,
  value: unknown,
  table: TableOf<V>,
  everywhere: readonly string[] = SESSION_PATHS,
): { get<K extends keyof V & string>(name: K): V[K] } {
  const known = Object.keys(table)
  const prefix = path === '' ? '' : `${path}.`
  if (value !== undefined && !isRecord(value))
    faults.add(
      'EOS203',
      path,
      givenSecret(value),
      `must be an object with any of ${known.join(', ')}`,
    )
  const values = isRecord(value) ? value : {}
  for (const key of Object.keys(values))
    if (!known.includes(key))
      refuseUnknown(faults, prefix + printable(key), meant(key, known, everywhere), known)
  return {
    /** The option, or its default where it is left out or at fault. */
    get(name) {
      const option = table[name]
      const value = values[name]
      if (value === undefined) return option.default
      if (option.accepts(value)) return value
      faults.add(faultOf(option, value), prefix + name, given(value), option.allowed)
      return option.default
    },
  }
}

/** The kind of fault of a value that the option does not accept. */
export function faultOf({ min }: Option<unknown>, value: unknown): FaultCode {
  return typeof value === 'number' && min !== undefined ? 'EOS204' : 'EOS203'
}

/** Reports an unknown key. `instead` is the option that was probably meant. */
export function refuseUnknown(
  faults: Faults,
  path: string,
  instead: string | undefined,
  known: readonly string[],
): undefined {
  if (instead !== undefined)
    return faults.add('EOS202', path, 'no such option', `did you mean \`${instead}\`?`)
  const advice = known.length === 0 ? 'there are no options here' : `known: ${known.join(', ')}`
  return faults.add('EOS201', path, 'no such option', advice)
}

export function isRecord(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A key as a fault shows it. The value is not shown, because it may be a secret. */
export function printable(key: string | symbol): string {
  if (typeof key === 'symbol') return String(key)
  return /^[A-Za-z_$][\w$]{0,40}$/.test(key) ? key : quote(key)
}

/** The full paths of all options in a table. */
export function pathsOf(table: Table): readonly string[] {
  return Object.entries(table).flatMap(([name, option]) =>
    'options' in option && isRecord(option.options)
      ? [name, ...Object.keys(option.options).map((inner) => `${name}.${inner}`)]
      : name,
  )
}

const SESSION_PATHS = pathsOf(sessionOptions)

/** Names of these options in other packages, in lower case without punctuation. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  orgUrl: 'issuer issuerbaseurl domain oktadomain oktaurl oktaorgurl org',
  appUrl: 'baseurl appbaseurl origin',
  'credentials.apiToken': 'token ssws',
  'credentials.accessToken': 'bearertoken',
  'credentials.privateKey': 'jwk pem',
  'credentials.keyId': 'kid',
  cookies: 'cookie cookiename',
  'cache.ttlMs': 'ttl maxage ttlseconds',
  'cache.maxTtlMs': 'maxttl',
  'cache.maxSessions': 'max maxsize maxentries',
  'cache.store': 'redis',
  'upstream.timeoutMs': 'timeout',
  'upstream.maxConcurrent': 'concurrency',
  'upstream.agent': 'httpagent httpsagent dispatcher proxy proxyurl httpsproxy',
  signInUrl: 'loginurl loginpath redirecturi redirecturl',
  trustedOrigins: 'allowedorigins',
  logger: 'log',
  property: 'requestproperty userproperty',
}

/**
 * What was probably meant by an unknown key: an option of this group by its name, an option elsewhere by its
 * path, or undefined.
 */
export function meant(
  unknown: string,
  known: readonly string[],
  everywhere: readonly string[] = [],
): string | undefined {
  const key = simplified(unknown)
  const [alias = ''] =
    Object.entries(OTHER_NAMES).find(([, names]) => names.split(' ').includes(key)) ?? []
  return (
    known.find((name) => [key, `${key}ms`].includes(simplified(name))) ??
    known.find((name) => name === lastName(alias)) ??
    everywhere.find((path) => path === alias) ??
    known.find((name) => isTypoOf(key, simplified(name))) ??
    everywhere.find((path) => simplified(lastName(path)) === key)
  )
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1)
}

function simplified(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

/** Whether two names differ in one place, by at most two letters (added, missing, replaced or swapped). */
function isTypoOf(key: string, name: string): boolean {
  const shorter = Math.min(key.length, name.length)
  const longer = Math.max(key.length, name.length)
  let start = 0
  while (start < shorter && key[start] === name[start]) start += 1
  let end = 0
  while (end < shorter - start && key.at(-1 - end) === name.at(-1 - end)) end += 1
  return start + end >= Math.max(2, longer - 2)
}
