/** The arguments of `express-okta-session doctor`. No message quotes an argument that may hold a secret. */
import { parseArgs } from 'node:util'
import type { CookieKind } from '../../contracts.js'
import { variable } from '../../options/credentials.js'
import { createFaults } from '../../options/faults.js'
import { parseUrl, readOrgUrl } from '../../options/urls.js'

export const USAGE = `Usage: express-okta-session doctor --org URL [options]

Checks what sessions need: Okta, the app's host and proxy, Redis, the event hook. Each line is ok, a warning
or a fault, with what to do. It signs no user in or out, and makes at most 15 requests to Okta.

  --org URL            the org (default: OKTA_CLIENT_ORGURL)
  --app URL            a page of the app that requires a session, as browsers see it (default: APP_BASE_URL)
  --cookie-name N      idx or sid, where the app reads one of them alone (default: both)
  --active-users N     how many users are active at once, for the headroom of the rate limit
  --instances N        how many processes the app runs (default: 1)
  --redis URL          the shared store, redis: or rediss: (default: REDIS_URL)
  --hook URL           the URL of the app's event hook, as registered at Okta
  --json               print one line of JSON
  --help               print this text

Secrets come from the environment alone, and are never printed: the credentials that the app uses
(OKTA_CLIENT_TOKEN, or OKTA_CLIENT_CLIENTID with OKTA_CLIENT_PRIVATEKEY, or OKTA_CLIENT_ACCESSTOKEN), and in
OKTA_COOKIE a cookie of a signed-in user to look up, such as idx=....

Exit status: 0 without faults, 1 with faults, 2 for wrong usage.
`

export type Environment = Readonly<Record<string, string | undefined>>

export interface DoctorCommand {
  /** An origin. */
  readonly orgUrl: string
  readonly app: URL | undefined
  readonly cookieNames: readonly CookieKind[]
  /** `idx=...` or `sid=...`: a secret. */
  readonly cookie: string | undefined
  readonly activeUsers: number | undefined
  readonly instances: number
  /** May hold a password. */
  readonly redis: URL | undefined
  readonly hook: URL | undefined
  readonly json: boolean
}

/** @throws Error that says which argument is wrong. */
export function parseCommand(args: readonly string[], env: Environment): DoctorCommand | 'help' {
  const values = valuesOf(args)
  if (values.help) return 'help'
  return {
    orgUrl: orgOf(values.org ?? variable(env, 'OKTA_CLIENT_ORGURL')),
    app: webUrlOf('--app', values.app ?? variable(env, 'APP_BASE_URL')),
    cookieNames: cookieNamesOf(values['cookie-name']),
    cookie: cookieOf(variable(env, 'OKTA_COOKIE')),
    activeUsers: countOf('--active-users', values['active-users']),
    instances: countOf('--instances', values.instances) ?? 1,
    redis: redisOf(values.redis ?? variable(env, 'REDIS_URL')),
    hook: webUrlOf('--hook', values.hook),
    json: values.json,
  }
}

function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      options: {
        org: { type: 'string' },
        app: { type: 'string' },
        'cookie-name': { type: 'string' },
        'active-users': { type: 'string' },
        instances: { type: 'string' },
        redis: { type: 'string' },
        hook: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    // Node's message quotes the argument, which may be a token.
    if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL')
      throw new Error('An argument stands without an option in front of it')
    throw error
  }
}

function orgOf(value: string | undefined): string {
  if (value === undefined)
    throw new Error(
      '--org is missing: write --org https://id.example.com, or set OKTA_CLIENT_ORGURL',
    )
  const faults = createFaults()
  const orgUrl = readOrgUrl(faults, '--org', value)
  faults.throwIfAny('doctor')
  return orgUrl
}

function webUrlOf(name: string, value: string | undefined): URL | undefined {
  if (value === undefined) return undefined
  const url = parseUrl(value)
  const isWeb = url !== undefined && /^https?:$/.test(url.protocol)
  if (isWeb && url.username === '' && url.password === '') return url
  throw new Error(`${name} must be an http or https URL without a user name and a password`)
}

function redisOf(value: string | undefined): URL | undefined {
  if (value === undefined) return undefined
  const url = parseUrl(value)
  if (url !== undefined && /^rediss?:$/.test(url.protocol) && url.hostname !== '') return url
  throw new Error('--redis must be a URL such as redis://redis.internal:6379 or rediss://...')
}

function cookieNamesOf(value: string | undefined): readonly CookieKind[] {
  if (value === undefined) return ['idx', 'sid']
  if (value === 'idx' || value === 'sid') return [value]
  throw new Error('--cookie-name must be idx or sid')
}

function cookieOf(value: string | undefined): string | undefined {
  if (
    value === undefined ||
    /^(?:idx|sid)=[\x21\x23\x24\x26-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,4096}$/.test(value)
  )
    return value
  throw new Error('OKTA_COOKIE must be one pair: idx=<value> or sid=<value>')
}

function countOf(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value)
  throw new Error(`${name} must be a whole number from 1 up`)
}
