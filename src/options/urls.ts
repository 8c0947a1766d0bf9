/** Reads the options that are URLs or origins, and says which exact text to write where one is not. */
import { type Faults, given, LONGEST_WORD, quote } from './faults.js'
import type { Settings } from './options.js'

/** The console of administrators. Sessions belong to the same host without `-admin`. */
const ADMIN_CONSOLE = /^([^.]+)-admin\.(okta[a-z-]*\.(?:com|mil))$/

/** The URL of the org: an https origin, or http on loopback. `name` is the option or its variable. */
export function readOrgUrl(faults: Faults, name: string, value: unknown): string {
  if (value === undefined) {
    faults.add(
      'orgUrl',
      'missing',
      'write orgUrl: "https://id.example.com", or set OKTA_CLIENT_ORGURL',
    )
    return ''
  }
  const admin = ADMIN_CONSOLE.exec(hostOf(value))
  if (admin !== null) {
    const advice = `that is the administrators' console; write "https://${admin[1]}.${admin[2]}"`
    faults.add(name, givenUrl(value), advice)
    return ''
  }
  const origin = readOrigin(faults, name, value, 'https://id.example.com')
  if (origin === undefined) return ''
  const { protocol, hostname } = new URL(origin)
  if (protocol === 'http:' && !isLoopback(hostname)) {
    const advice = `must be https (http is for localhost only); write "https://${hostname}"`
    faults.add(name, given(origin), advice)
  }
  return origin
}

function hostOf(value: unknown): string {
  return (typeof value === 'string' ? webUrl(value)?.hostname : undefined) ?? ''
}

/** An origin, with or without a slash at its end. Undefined when it is at fault. */
export function readOrigin(
  faults: Faults,
  name: string,
  value: unknown,
  example: string,
): string | undefined {
  const url = typeof value === 'string' ? webUrl(value) : undefined
  if (typeof value !== 'string' || url === undefined) {
    faults.add(name, givenUrl(value), `must be an origin; write ${instead(value, example)}`)
    return undefined
  }
  if (/^https?:\/\/[^/?#@]+\/?$/i.test(value)) return url.origin
  const advice = `must be an origin, without path, query, fragment or user info; write "${url.origin}"`
  faults.add(name, givenUrl(value), advice)
  return undefined
}

/** Exact origins, spelled as a browser sends them. */
export function readTrustedOrigins(faults: Faults, value: unknown): readonly string[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) {
    const advice = 'must be an array of origins, for example ["https://www.example.com"]'
    faults.add('trustedOrigins', givenUrl(value), advice)
    return []
  }
  return value.flatMap((entry, index) => {
    const name = `trustedOrigins[${index}]`
    if (typeof entry === 'string' && (entry === 'null' || entry.includes('*'))) {
      const advice =
        'patterns and "null" would admit origins of other sites; name each origin exactly'
      faults.add(name, given(entry), advice)
      return []
    }
    const origin = readOrigin(faults, name, entry, 'https://www.example.com')
    if (origin === undefined || origin === entry) return origin ?? []
    faults.add(name, given(entry), `must be spelled as browsers send it; write "${origin}"`)
    return []
  })
}

/** A path of this app, an absolute http(s) URL, or a function of the app. */
export function readSignInUrl(faults: Faults, value: unknown): Settings['signInUrl'] {
  if (value === undefined || isSignInFunction(value)) return value
  if (typeof value === 'string' && (isPath(value) || hasNoUser(webUrl(value)))) return value
  const advice =
    'must be a path ("/sign-in"), an http(s) URL, or a function (returnTo, req) => string'
  faults.add('signInUrl', givenUrl(value), advice)
  return undefined
}

function isSignInFunction(
  value: unknown,
): value is Exclude<Settings['signInUrl'], string | undefined> {
  return typeof value === 'function'
}

function hasNoUser(url: URL | undefined): boolean {
  return url?.username === '' && url.password === ''
}

/** Whether requests to a host stay on this machine. `URL` gives an IPv4 address in its canonical form. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname)
  )
}

function isPath(value: string): boolean {
  return /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(value)
}

/**
 * An http or https URL written out with its `//`. Refuses what `URL` accepts: whitespace, backslashes,
 * and the braces of a template in the host.
 */
function webUrl(value: string): URL | undefined {
  if (!/^https?:\/\/[^/\\][\x21-\x5b\x5d-\x7e]*$/i.test(value)) return undefined
  const url = URL.canParse(value) ? new URL(value) : undefined
  return url !== undefined && /^(?:[\w.-]+|\[.+\])$/.test(url.hostname) ? url : undefined
}

/** A URL may hold a password or a token: user info, query and fragment are not repeated. */
function givenUrl(value: unknown): string {
  if (typeof value !== 'string') return given(value)
  const url = webUrl(value)
  if (url !== undefined) {
    const user = url.username === '' && url.password === '' ? '' : '***@'
    const path = url.pathname.length <= LONGEST_WORD ? url.pathname : '/…'
    const shown = `${url.protocol}//${user}${url.host}${path}${url.search && '?…'}${url.hash && '#…'}`
    return `got ${quote(shown)}`
  }
  return looksLikeHost(value) ? `got ${quote(value)}` : `got a string of ${value.length} characters`
}

function instead(value: unknown, example: string): string {
  return typeof value === 'string' && looksLikeHost(value) ? `"https://${value}"` : quote(example)
}

/** `id.example.com`, written without its scheme. A token in the wrong place has no dots like these. */
function looksLikeHost(value: string): boolean {
  return value.length <= 80 && /^[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?$/.test(value)
}
