/** Reads which cookies carry a session, and the secret that seals what leaves the process. */
import type { CookieEntry, CookieKind } from '../contracts.js'
import { type Faults, given, givenSecret, quote } from './faults.js'
import { refuseUnknownKeys } from './names.js'
import { type Group, isRecord, readSwitch } from './values.js'

const DEFAULT: readonly CookieEntry[] = [entryOf('idx'), entryOf('sid')]

/** Cookies this package expires or counts with itself. */
const TAKEN: readonly string[] = ['xids', 'okta-sign-in-redirects']

const SECRET_BYTES = 32

/** The cookies to read, in order. `orgUrl` is '' when it was at fault itself. */
export function readCookieEntries(
  faults: Faults,
  value: unknown,
  orgUrl: string,
): readonly CookieEntry[] {
  if (value === undefined) return DEFAULT
  if (!Array.isArray(value) || value.length === 0) {
    const advice = 'must name at least one cookie, for example ["idx", "sid"]'
    faults.add('cookies', given(value), advice)
    return DEFAULT
  }
  const entries = value.flatMap(
    (entry, index) => readEntry(faults, `cookies[${index}]`, entry) ?? [],
  )
  entries.forEach((entry, index) => {
    if (entries.findIndex(({ name }) => name === entry.name) !== index)
      faults.add('cookies', `${quote(entry.name)} given twice`, 'name each cookie once')
    if (orgUrl.startsWith('http:')) refuseOnHttp(faults, entry)
  })
  return entries
}

function entryOf(kind: CookieKind): CookieEntry {
  return Object.freeze({ name: kind, as: kind, signed: false })
}

function readEntry(faults: Faults, path: string, value: unknown): CookieEntry | undefined {
  if (isKind(value)) return entryOf(value)
  if (!isRecord(value)) {
    const advice = 'must be "idx", "sid" or { name, as: "idx" | "sid", signed? }'
    faults.add(path, given(value), advice)
    return undefined
  }
  refuseUnknownKeys(faults, path, value, ['name', 'as', 'signed'], [])
  const name = readName(faults, path, value)
  const signed = readSwitch(faults, value, path, 'signed')
  if (!isKind(value.as)) {
    faults.add(`${path}.as`, given(value.as), 'must be "idx" or "sid", the name Okta knows it by')
    return undefined
  }
  if (name === undefined) return undefined
  if (signed && !name.startsWith('__Host-')) {
    const advice = `a signed cookie is bound to this host; write "__Host-${name.replace(/^__Secure-/, '')}"`
    faults.add(`${path}.name`, given(name), advice)
  }
  return Object.freeze({ name, as: value.as, signed })
}

function isKind(value: unknown): value is CookieKind {
  return value === 'idx' || value === 'sid'
}

function readName(faults: Faults, path: string, { name }: Group): string | undefined {
  // RFC 6265 section 4.1.1: a cookie name is an HTTP token.
  if (typeof name !== 'string' || name.length > 128 || !/^[!#$%&'*+.^_`|~\w-]+$/.test(name)) {
    const advice = "must be a cookie name: letters, digits and !#$%&'*+-.^_`|~, at most 128"
    faults.add(`${path}.name`, given(name), advice)
    return undefined
  }
  if (TAKEN.includes(name)) {
    faults.add(`${path}.name`, given(name), 'this name is in use here; choose another')
    return undefined
  }
  const prefix = ['__Host-', '__Secure-'].find((prefix) =>
    name.toLowerCase().startsWith(prefix.toLowerCase()),
  )
  if (prefix !== undefined && (!name.startsWith(prefix) || name === prefix)) {
    const advice = `browsers compare the prefix without case; write "${prefix}" and a name`
    faults.add(`${path}.name`, given(name), advice)
    return undefined
  }
  return name
}

/** Over http on loopback our cookies lack `Secure`, and browsers refuse these names without it. */
function refuseOnHttp(faults: Faults, { name, signed }: CookieEntry): void {
  if (!signed && !name.startsWith('__Host-') && !name.startsWith('__Secure-')) return
  const what = signed ? 'a signed cookie' : `the name ${quote(name)}`
  faults.add(
    'cookies',
    `${what} with an http orgUrl`,
    'needs an https orgUrl; use "sid" in development',
  )
}

/** `[]`, `[current]` or `[current, previous]`. `neededBy` names the options that cannot do without. */
export function readSecrets(
  faults: Faults,
  value: unknown,
  neededBy: readonly string[],
): readonly string[] {
  if (value === undefined) {
    if (neededBy.length > 0) {
      const advice = `write secret: a random string of at least ${SECRET_BYTES} bytes, from the environment`
      faults.add('secret', `missing, and needed by ${neededBy.join(' and ')}`, advice)
    }
    return []
  }
  if (Array.isArray(value) && value.length !== 2) {
    faults.add('secret', givenSecret(value), 'must be one string, or [current, previous]')
    return []
  }
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.flatMap((secret, index) => {
    if (typeof secret === 'string' && Buffer.byteLength(secret) >= SECRET_BYTES) return secret
    const name = list.length === 1 ? 'secret' : `secret[${index}]`
    const advice = `must be a random string of at least ${SECRET_BYTES} bytes`
    faults.add(name, givenSecret(secret), advice)
    return []
  })
}
