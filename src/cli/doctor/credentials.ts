/** The credentials for operations by session id: each is tried on a session id that is made up, which changes nothing. */
import { randomBytes } from 'node:crypto'
import { OktaApiError } from '../../errors.js'
import { startDeadline, systemClock } from '../../okta/call.js'
import { type CallResult, errorOf } from '../../okta/call-error.js'
import { createAuthorizer } from '../../okta/credentials.js'
import { createExchange } from '../../okta/exchange.js'
import { createOperations, type Operations } from '../../okta/operations.js'
import type { ApiSettings, CheckedCredentials, ServiceApp } from '../../options/options.js'
import { parseApiOptions } from '../../options/parse-options.js'
import { sessionOptions } from '../../options/table.js'
import type { Finding } from '../../public-types.js'
import type { Environment } from './command.js'

const check = 'credentials'
const [READ = ''] = sessionOptions.credentials.options.scopes.default as readonly string[]

export async function checkCredentials(
  orgUrl: string,
  env: Environment,
  timeoutMs: number,
): Promise<readonly Finding[]> {
  let settings: ApiSettings
  try {
    settings = parseApiOptions({ orgUrl, timeoutMs }, env)
  } catch (error) {
    return [invalid(error)]
  }
  const { credentials } = settings
  if (credentials === undefined) return [NONE]
  const operations = createOperations(settings, systemClock)
  try {
    const findings = await tryBoth(operations, credentials)
    const isRefused = findings.some(({ message }) => message === REFUSED_SCOPES)
    if (!isRefused || !isServiceApp(credentials)) return findings
    return [await refusedScopes(settings, credentials)]
  } finally {
    await operations.close()
  }
}

const NONE: Finding = {
  check,
  level: 'ok',
  message:
    'None are set: the middleware needs none; getSession, refreshSession and revokeSession do',
}

/** The faults of the options, each on an indented line, quote no secret. */
function invalid(error: unknown): Finding {
  const text = error instanceof Error ? error.message : ''
  const lines = text.split('\n').filter((line) => line.startsWith('  '))
  return {
    check,
    level: 'fault',
    message: `The environment holds wrong credentials: ${lines.map((line) => line.trim()).join('; ')}`,
    advice: 'Correct the variables: oktaSession() throws the same faults at start',
  }
}

function isServiceApp(credentials: CheckedCredentials): credentials is ServiceApp {
  return 'clientId' in credentials
}

/** Reading needs one scope of an access token, changing another; an API token has the rights of its administrator. */
async function tryBoth(
  operations: Operations,
  credentials: CheckedCredentials,
): Promise<readonly Finding[]> {
  const sessionId = `102${randomBytes(16).toString('base64url')}`
  const read = judge(await operations.getSession(sessionId), credentials)
  if (read.level !== 'ok' && !read.message.includes(READ)) return [read]
  const manage = judge(await operations.refreshSession(sessionId), credentials)
  if (read.level === 'ok') return manage.level === 'ok' ? [read] : [manage]
  return manage.level === 'ok' ? [read] : [read, manage]
}

const REFUSED_SCOPES = 'Okta grants the service app no token with the scopes asked for'

function judge(call: CallResult<unknown>, credentials: CheckedCredentials): Finding {
  const { answer } = call
  const name = nameOf(credentials)
  if (answer.kind === 'no') return { check, level: 'ok', message: `Okta accepts ${name}` }
  if (answer.kind === 'yes')
    return {
      check,
      level: 'fault',
      message: 'Okta answers with a session for an id that is made up',
      advice: 'Something else than Okta answers: look at the proxies in front of it',
    }
  const error = errorOf({ ...call, answer })
  if (!(error instanceof OktaApiError))
    return {
      check,
      level: 'fault',
      message: `The call with ${name} has no usable answer: ${error.code}`,
      advice: 'Look at the proxies in front of Okta: this call has an Authorization header',
    }
  const { operation, status, errorCode, challenge } = error
  const fault = (message: string, advice: string): Finding => ({
    check,
    level: 'fault',
    message,
    advice,
  })
  if (operation === 'requestToken') {
    if (errorCode === 'invalid_scope') return fault(REFUSED_SCOPES, '')
    return fault(
      `Okta refuses the service app a token: ${status} ${errorCode ?? ''}`.trim(),
      'Check the client id, the private key and its kid at Okta, and the clock of this machine',
    )
  }
  if (challenge?.error === 'insufficient_scope')
    return fault(
      `The token lacks the scope ${challenge.scope ?? 'of the operation'}`,
      'Grant it to the app at Okta, and request it (OKTA_CLIENT_SCOPES)',
    )
  const shown = `${status} ${errorCode ?? 'without an error of Okta'}`
  if (status === 401)
    return fault(
      `Okta refuses ${name}: ${shown}`,
      'It is expired, revoked, or of another org: make a new one',
    )
  if (status === 403)
    return fault(
      `${capital(name)} may not read sessions: ${shown}`,
      'It needs an administrator who may see sessions, and a network zone that allows this machine',
    )
  return fault(`The call with ${name} failed: ${shown}`, 'Look at the status page of Okta')
}

function nameOf(credentials: CheckedCredentials): string {
  if ('apiToken' in credentials) return 'the API token'
  if ('accessToken' in credentials) return 'the access token'
  return 'the service app'
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Each takes up to three requests. */
const MAX_SCOPES = 3

/** Okta does not say which of the scopes it refuses: each is requested alone. */
async function refusedScopes(settings: ApiSettings, credentials: ServiceApp): Promise<Finding> {
  const missing: string[] = []
  const { orgUrl, timeoutMs } = settings
  const exchange = createExchange(settings)
  const { host: org } = new URL(orgUrl)
  const parts = { org, orgUrl, timeoutMs, clock: systemClock, send: exchange.send }
  const target = { method: 'GET', url: orgUrl }
  for (const scope of new Set(credentials.scopes.slice(0, MAX_SCOPES))) {
    const authorizer = createAuthorizer({ ...credentials, scopes: [scope] }, parts)
    const deadline = startDeadline(timeoutMs, undefined, systemClock)
    const shown = await authorizer?.begin(target, deadline).show()
    if (shown?.kind === 'refused') missing.push(scope)
  }
  await exchange.close()
  return {
    check,
    level: 'fault',
    message: `Okta grants the service app no token with the scopes asked for${missing.length === 0 ? ' together' : `; missing: ${missing.join(', ')}`}`,
    advice:
      'Grant the scopes to the app at Okta, or request those alone that it has (OKTA_CLIENT_SCOPES)',
  }
}
