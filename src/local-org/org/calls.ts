/** The named calls of an org: those that it counts and logs, and that faults apply to. */

const SESSION_OPERATIONS = [
  'getCurrentSession',
  'refreshCurrentSession',
  'closeCurrentSession',
  'createSession',
  'getSession',
  'refreshSession',
  'revokeSession',
] as const

export const CALL_NAMES = [
  ...SESSION_OPERATIONS,
  'authenticate',
  'verifyFactor',
  'token',
  'keys',
] as const

export type SessionOperation = (typeof SESSION_OPERATIONS)[number]
/** The name of a call: an operation of the Sessions API, a step of primary authentication, or an OAuth endpoint. */
export type CountedCall = (typeof CALL_NAMES)[number]

export function isCountedCall(value: unknown): value is CountedCall {
  return CALL_NAMES.some((name) => name === value)
}

export function noCalls(): Record<CountedCall, number> {
  return {
    getCurrentSession: 0,
    refreshCurrentSession: 0,
    closeCurrentSession: 0,
    createSession: 0,
    getSession: 0,
    refreshSession: 0,
    revokeSession: 0,
    authenticate: 0,
    verifyFactor: 0,
    token: 0,
    keys: 0,
  }
}
