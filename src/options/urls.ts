/** Reads the options that are URLs or origins. A fault says which text to write. */
import { misuse } from '../codes.js'
import { type Faults, given, givenSecret, LONGEST_WORD, quote } from './faults.js'
import type { Settings } from './options.js'

/** The host of the administrators' console. Sessions are at the same host without `-admin`. */
const ADMIN_CONSOLE = /^([^.]+)-admin\.(okta[a-z-]*\.(?:com|mil))$/

/** The URL of the org: an https origin, or http on loopback or where that is allowed; '' where it is at fault. */
export function readOrgUrl(
  faults: Faults,
  name: string,
  value: unknown,
  allowInsecure = false,
): string {
  if (value === undefined) {
    const advice = 'write orgUrl: "https://id.example.com", or set OKTA_CLIENT_ORGURL'
    return faults.add('EOS205', 'orgUrl', 'missing', advice) ?? ''
  }
  const admin = ADMIN_CONSOLE.exec(webUrl(value)?.hostname ?? '')
  if (admin !== null) {
    const advice = `that is the administrators' console; write "https://${admin[1]}.${admin[2]}"`
    return faults.add('EOS208', name, givenUrl(value), advice) ?? ''
  }
  const origin = readOrigin(faults, name, value, 'https://id.example.com')
  if (origin === undefined) return ''
  const { protocol, hostname, host } = new URL(origin)
  if (protocol === 'http:' && !isLoopback(hostname) && !allowInsecure) {
    const advice = `must be https (http is for localhost only); write "https://${host}"`
    faults.add('EOS206', name, given(origin), advice)
  }
  return origin
}

/** An origin, with or without a slash at its end. Undefined when it is at fault. */
export function readOrigin(
  faults: Faults,
  name: string,
  value: unknown,
  example: string,
): string | undefined {
  const url = webUrl(value)
  if (typeof value !== 'string' || url === undefined) {
    const instead = looksLikeHost(value) ? withScheme(String(value)) : example
    return faults.add('EOS208', name, givenUrl(value), `must be an origin; write "${instead}"`)
  }
  if (/^https?:\/\/[^/?#@]+\/?$/i.test(value)) return url.origin
  const advice = `must be an origin, without path, query, fragment or user info; write "${url.origin}"`
  return faults.add('EOS208', name, givenUrl(value), advice)
}

/** Exact origins, spelled as a browser sends them. */
export function readTrustedOrigins(faults: Faults, value: unknown): readonly string[] {
  if (!Array.isArray(value)) {
    const advice = 'must be an array of origins, for example ["https://www.example.com"]'
    return faults.add('EOS203', 'trustedOrigins', givenUrl(value), advice) ?? []
  }
  return value.flatMap((entry: unknown, index) => {
    const name = `trustedOrigins[${index}]`
    if (typeof entry === 'string' && (entry === 'null' || entry.includes('*'))) {
      const advice =
        'patterns and "null" would admit origins of other sites; name each origin exactly'
      return faults.add('EOS206', name, given(entry), advice) ?? []
    }
    const origin = readOrigin(faults, name, entry, 'https://www.example.com')
    if (origin === undefined || origin === entry) return origin ?? []
    return (
      faults.add(
        'EOS208',
        name,
        given(entry),
        `must be spelled as browsers send it; write "${origin}"`,
      ) ?? []
    )
  })
}

/** A path of this app, an absolute http(s) URL, or a function of the app. */
export function readSignInUrl(faults: Faults, value: unknown): Settings['signInUrl'] {
  if (value === undefined || typeof value === 'function') return value as Settings['signInUrl']
  const text = textOfUrl(value)
  if (isPathOrUrl(text)) return text
  const advice =
    'must be a path ("/sign-in"), an http(s) URL, or a function (returnTo, req) => string'
  return faults.add('EOS208', 'signInUrl', givenUrl(text), advice)
}

/** Where the link to the home page of the app leads; undefined where there is none. */
export function readHome(faults: Faults, value: unknown): string | undefined {
  if (value === false || isPathOrUrl(value)) return value || undefined
  const advice = 'must be a path ("/start"), an http(s) URL, or false for no link'
  return faults.add('EOS208', 'pages.home', givenUrl(value), advice)
}

/**
 * What the app's `signInUrl` function gave, as a header may hold it.
 *
 * @throws TypeError for anything but a path of this app and an absolute http(s) URL.
 */
export function checkedSignInUrl(value: unknown): string {
  const text = textOfUrl(value)
  const encoded =
    typeof text === 'string' ? text.replace(/[ \u0080-\uffff]+/g, encodedText) : undefined
  if (isPathOrUrl(encoded)) return encoded
  throw misuse(
    'EOS319',
    `signInUrl(returnTo, req): ${givenUrl(text)}; it must return a path ("/sign-in"), an http(s) URL, or a promise of one`,
  )
}

/** Percent-encoded UTF-8, also where the text holds half a surrogate pair. */
function encodedText(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString())
}

/** A URL object's text, of whichever realm: test runners have their own. */
function textOfUrl(value: unknown): unknown {
  return Object.prototype.toString.call(value) === '[object URL]' ? String(value) : value
}

function isPathOrUrl(value: unknown): value is string {
  const url = webUrl(value)
  return typeof value === 'string' && (isPath(value) || (url !== undefined && !hasUser(url)))
}

function hasUser({ username, password }: URL): boolean {
  return username !== '' || password !== ''
}

/** Whether requests to a host stay on this machine. `URL` gives an IPv4 address in its canonical form. */
export function isLoopback(hostname: string): boolean {
  return /^(?:(?:.*\.)?localhost|\[::1\]|127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/.test(hostname)
}

function isPath(value: string): boolean {
  return /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(value)
}

/**
 * An http or https URL written out with its `//`. Refuses what `URL` accepts: whitespace, backslashes,
 * and the braces of a template in the host.
 */
function webUrl(value: unknown): URL | undefined {
  if (typeof value !== 'string') return undefined
  if (!/^https?:\/\/[^/\\][\x21-\x5b\x5d-\x7e]*$/i.test(value)) return undefined
  const url = parseUrl(value)
  return url !== undefined && /^(?:[\w.-]+|\[.+\])$/.test(url.hostname) ? url : undefined
}

/** Undefined for a text that is not a URL. */
export function parseUrl(text: string, base?: string): URL | undefined {
  try {
    // Node 20's `URL.canParse` answers false for text beyond ASCII once V8 has optimized its caller.
    return new URL(text, base)
  } catch {
    return undefined
  }
}

/** A URL may hold a password or a token: user info, query and fragment are not repeated. */
function givenUrl(value: unknown): string {
  const url = webUrl(value)
  if (url !== undefined) {
    const path = url.pathname.length <= LONGEST_WORD ? url.pathname : '/…'
    const host = `${hasUser(url) ? '***@' : ''}${url.host}`
    return `got ${quote(`${url.protocol}//${host}${path}${url.search && '?…'}${url.hash && '#…'}`)}`
  }
  if (typeof value !== 'string') return given(value)
  return looksLikeHost(value) ? `got ${quote(value)}` : givenSecret(value)
}

/** Whether it is a host without its scheme, such as `id.example.com`. A token does not match. */
function looksLikeHost(value: unknown): boolean {
  return (
    typeof value === 'string' &&
    value.length <= 80 &&
    /^(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::\d+)?$/.test(value)
  )
}

function withScheme(host: string): string {
  return `${isLoopback(host.replace(/:\d+$/, '')) ? 'http' : 'https'}://${host}`
}
