/** Subject identifiers (RFC 9493) of pushed tokens, as sessions, users and logins. Pure functions. */
import type { PushedSubject, SubjectFault } from '../contracts.js'
import { idIn } from './hook-events.js'
import { isObject, type JsonObject, own } from './http-answer.js'

/** Aliases may not contain aliases, and the parts of a complex subject no complex one. */
const MAX_ALIASES = 20

/**
 * `iss_sub` of this org is a user, `email` a login, `opaque` a session or a user. Of a complex subject the
 * session counts, else its user; of aliases each one that can be mapped.
 */
export function subjectsIn(
  subject: unknown,
  issuers: readonly string[],
): readonly PushedSubject[] | SubjectFault {
  if (!isObject(subject)) return 'malformed'
  const format = own(subject, 'format')
  if (format === 'aliases') return aliasesIn(subject, issuers)
  if (format === 'complex' || (format === undefined && isComplex(subject)))
    return complexIn(subject, issuers)
  return simpleIn(subject, issuers)
}

/** The subject in the body of a Universal Logout call. */
export function subjectInBody(
  body: unknown,
  issuers: readonly string[],
): readonly PushedSubject[] | SubjectFault {
  // Earlier drafts of the protocol called it `subject`.
  return isObject(body)
    ? subjectsIn(own(body, 'sub_id') ?? own(body, 'subject'), issuers)
    : 'malformed'
}

function simpleIn(
  subject: JsonObject,
  issuers: readonly string[],
): readonly PushedSubject[] | SubjectFault {
  switch (own(subject, 'format')) {
    case 'iss_sub': {
      const id = idIn(subject, 'sub')
      const iss = own(subject, 'iss')
      if (id === undefined || typeof iss !== 'string') return 'malformed'
      // The user of another issuer: the same id may be another's here.
      return issuers.includes(iss) ? [{ kind: 'user', id }] : 'unmapped'
    }
    case 'email': {
      const login = idIn(subject, 'email')
      return login === undefined ? 'malformed' : [{ kind: 'login', login }]
    }
    case 'opaque': {
      const id = idIn(subject, 'id')
      return id === undefined ? 'malformed' : [{ kind: 'either', id }]
    }
    case undefined:
      return 'malformed'
    default:
      return 'unmapped'
  }
}

function isComplex(subject: JsonObject): boolean {
  return isObject(own(subject, 'user')) || isObject(own(subject, 'session'))
}

function complexIn(
  subject: JsonObject,
  issuers: readonly string[],
): readonly PushedSubject[] | SubjectFault {
  const [session, user] = ['session', 'user'].map((part) => {
    const given = own(subject, part)
    return isObject(given) ? simpleIn(given, issuers) : undefined
  })
  const sessionId = firstId(session)
  if (sessionId !== undefined) {
    const userId = firstId(user)
    // Without a user's id the user is revoked too: the session may be unknown here.
    const whole = userId === undefined && typeof user === 'object' ? user : []
    return [{ kind: 'session', id: sessionId, userId }, ...whole]
  }
  return user ?? (session === undefined ? 'unmapped' : session)
}

function firstId(
  subjects: readonly PushedSubject[] | SubjectFault | undefined,
): string | undefined {
  const [subject] = typeof subjects === 'object' ? subjects : []
  return subject === undefined || subject.kind === 'login' ? undefined : subject.id
}

function aliasesIn(
  subject: JsonObject,
  issuers: readonly string[],
): readonly PushedSubject[] | SubjectFault {
  const identifiers = own(subject, 'identifiers')
  if (!Array.isArray(identifiers) || identifiers.length === 0 || identifiers.length > MAX_ALIASES)
    return 'malformed'
  const found = identifiers.map((each) => (isObject(each) ? simpleIn(each, issuers) : 'malformed'))
  if (found.includes('malformed')) return 'malformed'
  const subjects = found.flatMap((each) => (typeof each === 'object' ? each : []))
  return subjects.length === 0 ? 'unmapped' : subjects
}
