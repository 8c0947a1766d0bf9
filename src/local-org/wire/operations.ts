/** Matches a request to one of the seven operations of the Sessions API. */
import type { SessionOperation } from '../org/calls.js'

export type Match =
  | { readonly kind: 'operation'; readonly operation: SessionOperation; readonly id: string }
  | { readonly kind: 'unknown_method' }
  | { readonly kind: 'unknown_path' }

export const SESSIONS_PATH = '/api/v1/sessions'

/** `id` in the result is the session id of the path, which may be `me` or empty. */
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
    // Malformed percent-encoding: no session has such an id.
    return segment
  }
}
