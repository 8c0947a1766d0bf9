/** Reads Okta's Session object from JSON of any shape: what a session must have, and what is left out. */

import { inspect } from 'node:util'
import type { Session, SessionIdentityProvider } from '../public-types.js'
import { isObject, own } from './http-answer.js'

/**
 * The session in a parsed body, deeply frozen; undefined when the body is not one.
 *
 * Required: `id`, `login`, `userId`, `status` as non-empty strings and `expiresAt` as an RFC 3339
 * date-time with a zone. Every other field is left out when it is missing or not of its type: a change of
 * Okta's to one of them ends no session, and an absent field never satisfies a rule, since rules only
 * require fields. Fields this package does not know are dropped.
 */
export function parseSession(body: unknown): Session | undefined {
  const fields = readFields(body)
  return fields === undefined ? undefined : Object.freeze(fields)
}

/**
 * The same, with `id` hidden from util.inspect and console.log: for operations that take or return the
 * value of the `sid` cookie. JSON and the object's keys stay complete.
 */
export function parseSessionWithSecretId(body: unknown): Session | undefined {
  const fields = readFields(body)
  if (fields === undefined) return undefined
  const hideId = (_depth: number, options: object) =>
    inspect({ ...fields, id: '[a live credential, hidden]' }, options)
  return Object.freeze(Object.defineProperty(fields, inspect.custom, { value: hideId }))
}

/** Whether this is an RFC 3339 date-time with a zone, of a day and time that exist. */
export function isDateTime(value: unknown): value is string {
  if (typeof value !== 'string' || !DATE_TIME.test(value)) return false
  const day = Number(value.slice(8, 10))
  return day <= 28 || day <= daysIn(Number(value.slice(0, 4)), Number(value.slice(5, 7)))
}

/** No leap second: Okta sends none, and Date.parse gives NaN for it. */
const DATE_TIME =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

function readFields(body: unknown): Session | undefined {
  if (!isObject(body)) return undefined
  const id = own(body, 'id')
  const login = own(body, 'login')
  const userId = own(body, 'userId')
  const status = own(body, 'status')
  const expiresAt = own(body, 'expiresAt')
  const createdAt = own(body, 'createdAt')
  const lastPasswordVerification = own(body, 'lastPasswordVerification')
  const lastFactorVerification = own(body, 'lastFactorVerification')
  const mfaActive = own(body, 'mfaActive')
  if (!isText(id) || !isText(login) || !isText(userId) || !isText(status)) return undefined
  if (!isDateTime(expiresAt)) return undefined
  return {
    id,
    login,
    userId,
    status,
    expiresAt,
    ...(isDateTime(createdAt) && { createdAt }),
    ...(isDateTimeOrNull(lastPasswordVerification) && { lastPasswordVerification }),
    ...(isDateTimeOrNull(lastFactorVerification) && { lastFactorVerification }),
    amr: readAmr(own(body, 'amr')),
    ...readIdp(own(body, 'idp')),
    ...(typeof mfaActive === 'boolean' && { mfaActive }),
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isDateTimeOrNull(value: unknown): value is string | null {
  return value === null || isDateTime(value)
}

function readAmr(value: unknown): readonly string[] {
  const methods = Array.isArray(value) ? value.filter(isText) : []
  return Object.freeze(methods)
}

function readIdp(value: unknown): { idp?: SessionIdentityProvider } {
  if (!isObject(value)) return {}
  const id = own(value, 'id')
  const type = own(value, 'type')
  return { idp: Object.freeze({ ...(isText(id) && { id }), ...(isText(type) && { type }) }) }
}
