/** The seven operations of the Sessions API: which of them a request means. */

const SESSION_OPERATIONS = [
  'getCurrentSession',
  'refreshCurrentSession',
  'closeCurrentSession',
  'createSession',
  'getSession',
  'refreshSession',
  'revokeSession',
] as const

/** Whatever is counted, logged, and can be made to fail. */
export const CALL_NAMES = [
  ...SESSION_OPERATIONS,
  'authenticate',
  'verifyFactor',
  'token',
  'keys',
] as const

export type SessionOperation = (typeof SESSION_OPERATIONS)[number]
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

export type Match =
  | { readonly kind: 'operation'; readonly operation: SessionOperation; readonly id: string }
  | { readonly kind: 'unknown_method' }
  | { readonly kind: 'unknown_path' }

export const SESSIONS_PATH = '/api/v1/sessions'

/** `id` is the session id of the path, `me` and empty included. */
export function matchOperation(method: string, path: string): Match {
  const rest = path.slice(SESSIONS_PATH.length)
  if (rest === '' || rest === '/') return pick(method, '', { POST: 'createSession' })
  const [empty, segment = '', ...tail] = rest.split('/')
  if (empty !== '' || segment === '') return { kind: 'unknown_path' }
  const id = decode(segment)
  const byMethod = operationsAt(tail.join('/'), id === 'me')
  return byMethod === undefined ? { kind: 'unknown_path' } : pick(method, id, byMethod)
}

type ByMethod = Readonly<Partial<Record<string, SessionOperation>>>

function operationsAt(tail: string, isMe: boolean): ByMethod | undefined {
  if (tail === '') {
    return isMe
      ? { GET: 'getCurrentSession', DELETE: 'closeCurrentSession' }
      : { GET: 'getSession', DELETE: 'revokeSession' }
  }
  if (tail !== 'lifecycle/refresh') return undefined
  return { POST: isMe ? 'refreshCurrentSession' : 'refreshSession' }
}

function pick(method: string, id: string, byMethod: ByMethod): Match {
  const operation = Object.hasOwn(byMethod, method) ? byMethod[method] : undefined
  return operation === undefined ? { kind: 'unknown_method' } : { kind: 'operation', operation, id }
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    // Not percent-encoding after all: an id nobody has.
    return segment
  }
}
