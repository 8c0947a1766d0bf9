/** The receivers of pushes: what is registered with the org, and its validation. */
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { isLoopback } from '../http/loopback.js'

/**
 * An event hook, as registered at Okta under Workflow > Event Hooks.
 *
 * @example
 * await org.addEventHook({ url: 'http://localhost:3000/okta/events', authorization: 'hook-secret' })
 */
export interface EventHook {
  /** The URL to post events to: https, or http on this machine. */
  readonly url: string
  /** The value of the header, the only secret of an event hook. */
  readonly authorization: string
  /** The name of the header. Default `authorization`. */
  readonly header?: string
  /** The event types that the hook subscribes to, such as `user.session.end`. Default: all. */
  readonly events?: readonly string[]
}

/**
 * A receiver of Security Event Tokens (a stream of the Shared Signals Framework), pushed as RFC 8935 says.
 *
 * @example
 * org.addSignals({ url: 'http://localhost:3000/okta/signals', audience: 'https://app.example.com' })
 */
export interface SignalsReceiver {
  /** The URL to post tokens to: https, or http on this machine. */
  readonly url: string
  /** The `aud` of the tokens. */
  readonly audience: string
  /** The value of an Authorization header to send with each token. Default: none is sent. */
  readonly authorization?: string
}

/**
 * An app that takes part in Universal Logout (global token revocation).
 *
 * @example
 * org.addUniversalLogout({ url: 'http://localhost:3000/okta/logout', clientId: '0oa1example' })
 */
export interface LogoutReceiver {
  /** The URL to post logouts to: https, or http on this machine. */
  readonly url: string
  /** The `sub` of the tokens: the client id of the app. */
  readonly clientId: string
  /** The `aud` of the tokens. Default: the URL. */
  readonly audience?: string
  /** How the user is named: by issuer and user id, or by the login. Default `iss_sub`. */
  readonly subject?: 'iss_sub' | 'email'
}

/** @throws TypeError that names every fault, and no secret. */
export function checkEventHook(value: unknown): asserts value is EventHook {
  check('An event hook', HOOK_RULES, value)
}

/** @throws TypeError that names every fault, and no secret. */
export function checkSignals(value: unknown): asserts value is SignalsReceiver {
  check('A signals receiver', SIGNALS_RULES, value)
}

/** @throws TypeError that names every fault, and no secret. */
export function checkUniversalLogout(value: unknown): asserts value is LogoutReceiver {
  check('A Universal Logout receiver', LOGOUT_RULES, value)
}

/** The URL under which receivers are compared. */
export function normalizedUrl(url: string): string {
  return URL.canParse(url) ? new URL(url).href : url
}

interface Rule {
  readonly says: string
  readonly optional?: true
  holds(value: unknown): boolean
}

type Rules = Readonly<Record<string, Rule>>

const url: Rule = {
  says: 'an https URL, or an http URL on this machine, without a user name or password',
  holds: (value) => typeof value === 'string' && isPushUrl(value),
}
const text: Rule = {
  says: 'a string, not empty',
  holds: (value) => typeof value === 'string' && value !== '',
}
const secret: Rule = {
  says: 'a valid header value, not empty',
  holds: (value) => text.holds(value) && isValid(() => validateHeaderValue('x', String(value))),
}
const headerName: Rule = {
  says: 'the name of a header that describes no body and no connection',
  holds: (value) =>
    text.holds(value) &&
    isValid(() => validateHeaderName(String(value))) &&
    !/^(content-.*|transfer-encoding|connection|host|accept|expect|upgrade|te)$/i.test(
      String(value),
    ),
}
const eventTypes: Rule = {
  says: 'a list of event types such as user.session.end',
  holds: (value) => Array.isArray(value) && value.length > 0 && value.every(text.holds),
}
const subject: Rule = {
  says: `'iss_sub' or 'email'`,
  holds: (value) => value === 'iss_sub' || value === 'email',
}

const HOOK_RULES: Rules = {
  url,
  authorization: secret,
  header: { ...headerName, optional: true },
  events: { ...eventTypes, optional: true },
}
const SIGNALS_RULES: Rules = {
  url,
  audience: text,
  authorization: { ...secret, optional: true },
}
const LOGOUT_RULES: Rules = {
  url,
  clientId: text,
  audience: { ...text, optional: true },
  subject: { ...subject, optional: true },
}

function check(what: string, rules: Rules, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${what} must be an object`)
  const given = new Map<string, unknown>(Object.entries(value))
  const unknown = [...given.keys()]
    .filter((name) => !Object.hasOwn(rules, name))
    .map((name) => `${name} is unknown; known: ${Object.keys(rules).join(', ')}`)
  const wrong = Object.entries(rules)
    .filter(([name, rule]) => !(rule.optional && given.get(name) === undefined))
    .filter(([name, rule]) => !rule.holds(given.get(name)))
    .map(([name, rule]) => `${name} must be ${rule.says}`)
  const faults = [...unknown, ...wrong]
  if (faults.length > 0) throw new TypeError(`${what}: ${faults.join('; ')}`)
}

function isPushUrl(value: string): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, hostname, username, password } = new URL(value)
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}

function isValid(validate: () => void): boolean {
  try {
    validate()
    return true
  } catch {
    // The caller says which values are valid, without quoting this one.
    return false
  }
}
