/** Reads which cookies carry a session, and the secret that seals what leaves the process. */
import type { CookieEntry, CookieKind } from '../contracts.js'
import { type Faults, given, givenSecret, quote } from './faults.js'
import { isRecord, openGroup } from './group.js'
import { cookieOptions } from './table.js'

/** Names of the cookies that this package sets, or that Okta sets beside the session. */
const TAKEN: readonly string[] = ['xids', 'okta-sign-in-redirects', 'okta-unavailable-since']

const SECRET_BYTES = 32
const RANDOM = `a random string of at least ${SECRET_BYTES} bytes`

/** The cookies to read, in order. `orgUrl` is '' when it is itself at fault. */
export function readCookieEntries(
  faults: Faults,
  value: unknown,
  orgUrl: string,
): readonly CookieEntry[] {
  if (!Array.isArray(value) || value.length === 0) {
    faults.add(
      'EOS203',
      'cookies',
      given(value),
      'must be an array with at least one cookie, for example ["idx", "sid"]',
    )
    return []
  }
  const entries = value.flatMap((each, index) => readEntry(faults, `cookies[${index}]`, each) ?? [])
  for (const [index, { name, signed }] of entries.entries()) {
    if (entries.slice(0, index).some((earlier) => earlier.name === name))
      faults.add('EOS207', 'cookies', `${quote(name)} given twice`, 'name each cookie once')
    // Over http this package sets no `Secure`, and browsers refuse these names without it.
    if (!orgUrl.startsWith('http:') || !/^__(?:Host|Secure)-/.test(name)) continue
    const what = signed ? 'a signed cookie' : `the name ${quote(name)}`
    // Two orgs in one app need a name each in development, too.
    const plain = signed ? 'sid' : name.replace(/^__(?:Host|Secure)-/, '')
    const advice = `needs an https orgUrl; use ${quote(plain)} in development`
    faults.add('EOS207', 'cookies', `${what} with an http orgUrl`, advice)
  }
  return entries
}

function readEntry(faults: Faults, path: string, value: unknown): CookieEntry | undefined {
  if (isKind(value)) return Object.freeze({ name: value, as: value, signed: false })
  if (!isRecord(value)) {
    const advice = 'must be "idx", "sid" or { name, as: "idx" | "sid", signed? }'
    return faults.add('EOS203', path, given(value), advice)
  }
  const entry = openGroup(faults, path, value, cookieOptions, [])
  const name = readName(faults, `${path}.name`, entry.get('name'))
  const signed = entry.get('signed')
  const { as } = value
  if (!isKind(as))
    return faults.add(
      'EOS203',
      `${path}.as`,
      given(as),
      'must be "idx" or "sid", the name Okta knows it by',
    )
  if (name === undefined) return undefined
  if (signed && !name.startsWith('__Host-')) {
    const advice = `a signed cookie is bound to this host; write "__Host-${name.replace(/^__Secure-/, '')}"`
    faults.add('EOS206', `${path}.name`, given(name), advice)
  }
  return Object.freeze({ name, as, signed })
}

function isKind(value: unknown): value is CookieKind {
  return value === 'idx' || value === 'sid'
}

function readName(faults: Faults, path: string, name: unknown): string | undefined {
  const fault = (advice: string) => faults.add('EOS210', path, given(name), advice)
  // RFC 6265 section 4.1.1: a cookie name is an HTTP token.
  if (typeof name !== 'string' || name.length > 128 || !/^[!#$%&'*+.^_`|~\w-]+$/.test(name))
    return fault("must be a cookie name: letters, digits and !#$%&'*+-.^_`|~, at most 128")
  if (TAKEN.includes(name)) return fault('this name is in use here; choose another')
  const [prefix = ''] = /^__(?:host|secure)-/i.exec(name) ?? []
  const exact = ['', '__Host-', '__Secure-'].find((each) => each.length === prefix.length) ?? ''
  if (prefix === exact && name !== exact) return name
  return fault(`browsers compare the prefix without case; write "${exact}" and a name`)
}

/** `[]`, `[current]` or `[current, previous]`. `neededBy` names the options that need a secret. */
export function readSecrets(
  faults: Faults,
  value: unknown,
  neededBy: readonly string[],
): readonly string[] {
  if (value === undefined) {
    const advice = `write secret: ${RANDOM}, from the environment`
    if (neededBy.length > 0)
      faults.add('EOS205', 'secret', `missing, and needed by ${neededBy.join(' and ')}`, advice)
    return []
  }
  if (Array.isArray(value) && value.length !== 2) {
    faults.add('EOS209', 'secret', givenSecret(value), 'must be one string, or [current, previous]')
    return []
  }
  return [value].flat().flatMap((secret, index) => {
    if (typeof secret === 'string' && Buffer.byteLength(secret) >= SECRET_BYTES) return secret
    const name = Array.isArray(value) ? `secret[${index}]` : 'secret'
    return faults.add('EOS209', name, givenSecret(secret), `must be ${RANDOM}`) ?? []
  })
}
