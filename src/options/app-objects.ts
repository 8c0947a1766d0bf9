/** Reads the options that concern objects of the app: the agent, the store, and the property of its requests. */
import { Agent as HttpAgent, IncomingMessage } from 'node:http'
import type { SessionStore } from '../contracts.js'
import { type Faults, given, givenSecret } from './faults.js'
import { isRecord } from './group.js'

/** An agent of Node's http or https, or of a proxy library built on them. */
export function readAgent(
  faults: Faults,
  path: string,
  value: unknown,
  orgUrl: string,
): HttpAgent | undefined {
  if (value === undefined) return undefined
  if (!isAgent(value)) {
    // The address of a proxy may hold a password.
    const what = typeof value === 'string' ? givenSecret(value) : given(value)
    return faults.add('EOS203', path, what, agentAdvice(value))
  }
  const options: unknown = Reflect.get(value, 'options')
  if (isRecord(options) && options.rejectUnauthorized === false) {
    const advice = 'certificates are always checked; give a private CA as new Agent({ ca })'
    faults.add('EOS206', path, 'its rejectUnauthorized is false', advice)
  }
  if (isRecord(options) && acceptsOtherHosts(options.checkServerIdentity, orgUrl)) {
    const advice =
      'return what checkServerIdentity() of node:tls returns, besides checks of your own'
    faults.add('EOS206', path, "its checkServerIdentity accepts another host's certificate", advice)
  }
  // A plain http.Agent has its own protocol; the agents of proxy libraries compute theirs.
  const protocol: unknown = Object.getOwnPropertyDescriptor(value, 'protocol')?.value
  if (orgUrl !== '' && typeof protocol === 'string' && !orgUrl.startsWith(protocol)) {
    const advice = `orgUrl is ${orgUrl.slice(0, orgUrl.indexOf('/'))}; give an agent of the same protocol`
    faults.add('EOS207', path, `an agent for ${protocol}`, advice)
  }
  return value
}

/** Those fields of another host's certificate that a host name check reads. */
const OTHER_HOST = { subject: { CN: 'other.invalid' }, subjectaltname: 'DNS:other.invalid' }

/** Calls it as Node does on a connection: a falsy answer accepts the certificate. */
function acceptsOtherHosts(checkServerIdentity: unknown, orgUrl: string): boolean {
  if (typeof checkServerIdentity !== 'function') return false
  const host = orgUrl === '' ? 'org.invalid' : new URL(orgUrl).hostname
  try {
    return !Reflect.apply(checkServerIdentity, undefined, [host, OTHER_HOST])
  } catch {
    // It reads parts of the certificate that are missing here, so it does not accept every certificate.
    return false
  }
}

function isAgent(value: unknown): value is HttpAgent {
  if (value instanceof HttpAgent) return true
  return has(value, 'addRequest') && has(value, 'destroy')
}

function agentAdvice(value: unknown): string {
  if (has(value, 'dispatch')) return 'that is a dispatcher of undici; give an agent of node:https'
  if (isRecord(value) && (isAgent(value.https) || isAgent(value.http)))
    return 'give the agent itself, not { https: agent }'
  if (typeof value === 'string' || value instanceof URL)
    return "give an agent for that proxy, for example hpagent's new HttpsProxyAgent({ proxy, keepAlive: true })"
  return 'must be an https.Agent (or http.Agent for an http orgUrl)'
}

function has(value: unknown, method: string): boolean {
  return isRecord(value) && typeof value[method] === 'function'
}

/** A store made by redisStore(); a bare Redis client is the likely mistake. */
export function readStore(faults: Faults, value: unknown): SessionStore | undefined {
  if (value === undefined) return undefined
  const isClient = has(value, 'sendCommand') || has(value, 'call')
  // The contract of a store is not public; redisStore() makes objects.
  if (isRecord(value) && !isClient) return value as object as SessionStore
  return faults.add(
    'EOS203',
    'cache.store',
    isClient ? 'got a Redis client itself' : givenSecret(value),
    'must be redisStore({ client }) of "express-okta-session/redis"; leave it out to keep sessions in this process alone',
  )
}

/** Names in use on requests by Express, its usual middleware or Node, besides those of the prototype. */
const TAKEN =
  'app baseUrl body cookies files fresh host hostname ip ips originalUrl params path protocol query res ' +
  'route secret secure session sessionID sessionStore signedCookies stale subdomains xhr accepts ' +
  'acceptsCharsets acceptsEncodings acceptsLanguages get header is next param range socket client method ' +
  'url httpVersion httpVersionMajor httpVersionMinor complete aborted upgrade rawHeaders rawTrailers ' +
  'joinDuplicateHeaders statusCode statusMessage'

/** The request property that holds the context: an identifier that is not in use on requests. */
export function readProperty(faults: Faults, value: unknown): string {
  const isTaken =
    typeof value === 'string' &&
    (TAKEN.split(' ').includes(value) || value in IncomingMessage.prototype)
  if (typeof value === 'string' && /^[A-Za-z$][\w$]{0,63}$/.test(value) && !isTaken) return value
  const advice = isTaken
    ? 'requests have that already; choose another, for example "oktaAdmin"'
    : 'must be an identifier that begins with a letter, for example "oktaAdmin"'
  faults.add('EOS210', 'property', given(value), advice)
  return 'okta'
}
