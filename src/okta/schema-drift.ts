/** Publishes how an answer about a session differs from what this package knows of Okta, for operators to hear of early. */
import { publishers, type SchemaDriftMessage } from '../channels.js'
import type { Operation } from '../errors.js'
import type { HttpAnswer, HttpFailure } from './exchange.js'
import { isObject, readJson } from './http-answer.js'
import { parseSession } from './parse-session.js'

/** The operations that answer with a session. */
const SESSION_OPERATIONS: ReadonlySet<Operation> = new Set([
  ...(['getCurrentSession', 'refreshCurrentSession', 'createSession'] as const),
  ...(['getSession', 'refreshSession'] as const),
])

/** Fields that parseSession() reads. */
const READ_FIELDS = [
  ...['id', 'login', 'userId', 'status', 'expiresAt', 'createdAt', 'lastPasswordVerification'],
  ...['lastFactorVerification', 'amr', 'idp', 'mfaActive'],
] as const
const KNOWN_FIELDS: ReadonlySet<string> = new Set([...READ_FIELDS, '_links'])

/** The values in Okta's own description of the Sessions API. */
const KNOWN_VALUES = {
  status: ['ACTIVE', 'MFA_ENROLL', 'MFA_REQUIRED'],
  amr: ['fpt', 'geo', 'hwk', 'kba', 'mca', 'mfa', 'otp', 'pwd', 'sc', 'sms', 'swk', 'tel'],
  'idp.type': ['ACTIVE_DIRECTORY', 'FEDERATION', 'LDAP', 'OKTA', 'SOCIAL'],
} as const

/** Longer texts, and texts of other characters, are not published: they could be anything. */
const NAME = /^\w{1,40}$/
const VALUE = /^(?:[A-Z][A-Z0-9_]{0,31}|[a-z][a-z_]{0,15})$/
const MAX_NAMES = 10

/** Publishes nothing for an answer without a session, or with all as expected. */
export function publishDrift(
  org: string,
  operation: Operation,
  result: HttpAnswer | HttpFailure,
): void {
  if (!SESSION_OPERATIONS.has(operation)) return
  if (result.kind !== 'answered' || result.status !== 200) return
  const body = readJson(result)
  if (body.kind === 'unusable' || !isObject(body.value)) return
  const drift = driftIn(body.value)
  if (Object.values(drift).some((names) => names.length > 0))
    publishers.schemaDrift.publish({ org, operation, ...drift })
}

function driftIn(
  body: Readonly<Record<string, unknown>>,
): Pick<SchemaDriftMessage, 'unknownFields' | 'unknownValues' | 'ignoredFields'> {
  const session = parseSession(body)
  const unknownFields = Object.keys(body).filter((name) => !KNOWN_FIELDS.has(name))
  const ignoredFields = READ_FIELDS.filter(
    (name) => body[name] != null && session !== undefined && session[name] === undefined,
  )
  const { status, amr, idp } = session ?? {}
  const unknownValues = [
    ...unknownIn('status', [status]),
    ...unknownIn('amr', amr ?? []),
    ...unknownIn('idp.type', [idp?.type]),
  ]
  return {
    unknownFields: unknownFields
      .map((name) => (NAME.test(name) ? name : '(other)'))
      .slice(0, MAX_NAMES),
    unknownValues: unknownValues.slice(0, MAX_NAMES),
    ignoredFields,
  }
}

function unknownIn(
  field: keyof typeof KNOWN_VALUES,
  values: readonly (string | undefined)[],
): string[] {
  const known: readonly string[] = KNOWN_VALUES[field]
  return values
    .filter((value) => value !== undefined && !known.includes(value))
    .map((value) => `${field}: ${VALUE.test(value ?? '') ? value : '(other)'}`)
}
