/** A shared entry as text, and back: what comes from Redis is checked field by field, although it was sealed. */
import type { Session, SessionIdentityProvider } from '../public-types.js'
import type { SharedEntry } from '../session/shared-cache.js'

/** The public fields of the session, and nothing else that the object may carry. */
export function textOfEntry({ session, askedAt, oktaAheadMs, position }: SharedEntry): string {
  const { id, login, userId, status, expiresAt, createdAt, amr, idp, mfaActive } = session
  const { lastPasswordVerification, lastFactorVerification } = session
  return JSON.stringify({
    session: {
      ...{ id, login, userId, status, expiresAt, createdAt, amr, mfaActive },
      ...{ lastPasswordVerification, lastFactorVerification },
      idp: idp && { id: idp.id, type: idp.type },
    },
    askedAt,
    oktaAheadMs,
    position,
  })
}

/** Undefined for anything that {@link textOfEntry} does not write. */
export function readEntry(text: string): SharedEntry | undefined {
  const fields = parseObject(text)
  const session = fields && readSession(fields.session)
  if (fields === undefined || session === undefined) return undefined
  const { askedAt, oktaAheadMs, position } = fields
  if (!isTime(askedAt) || !Number.isFinite(oktaAheadMs) || !isText(position)) return undefined
  return { session, askedAt, oktaAheadMs: Number(oktaAheadMs), position }
}

/** The object that a JSON text holds. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    // Not JSON.
    return undefined
  }
}

/** Whole epoch milliseconds. */
export function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

export function isDate(value: unknown): value is string {
  return typeof value === 'string' && Number.isFinite(Date.parse(value))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readSession(value: unknown): Session | undefined {
  if (!isObject(value)) return undefined
  const { id, login, userId, status, expiresAt, createdAt, amr, idp, mfaActive } = value
  const { lastPasswordVerification: password, lastFactorVerification: factor } = value
  if (!isText(id) || !isText(login) || !isText(userId)) return undefined
  // Other states are not shared: a session that lacks a factor may have it a second later.
  if (status !== 'ACTIVE' || !isDate(expiresAt) || !isList(amr)) return undefined
  if (!isOptional(createdAt, isDate) || !isOptional(mfaActive, isBoolean)) return undefined
  if (!isOptional(password, isDateOrNull) || !isOptional(factor, isDateOrNull)) return undefined
  if (!isOptional(idp, isProvider)) return undefined
  return Object.freeze({
    ...{ id, login, userId, status, expiresAt },
    ...(createdAt !== undefined && { createdAt }),
    ...(password !== undefined && { lastPasswordVerification: password }),
    ...(factor !== undefined && { lastFactorVerification: factor }),
    amr: Object.freeze(amr),
    ...(idp !== undefined && { idp: Object.freeze(idp) }),
    ...(mfaActive !== undefined && { mfaActive }),
  })
}

function isOptional<T>(value: unknown, is: (value: unknown) => value is T): value is T | undefined {
  return value === undefined || is(value)
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean'
}

function isDateOrNull(value: unknown): value is string | null {
  return value === null || isDate(value)
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isText)
}

function isProvider(value: unknown): value is SessionIdentityProvider {
  if (!isObject(value)) return false
  return isOptional(value.id, isText) && isOptional(value.type, isText)
}
