/** Who calls an administrator's operation: what the Authorization header proves. */
import { timingSafeEqual } from 'node:crypto'
import type { Answer, Header } from './answer.js'
import type { Ask } from './ask.js'
import { oktaError } from './okta-error.js'
import type { OrgParts } from './org-parts.js'
import { EXPIRED_CLASSIC } from './session-cookies.js'

export type Caller =
  | { readonly kind: 'api_token' }
  | { readonly kind: 'nobody' }
  | { readonly kind: 'refused'; readonly answer: Answer }

export function readCaller(org: OrgParts, ask: Ask): Caller {
  const { authorization } = ask.headers
  if (authorization === undefined) return { kind: 'nobody' }
  const [, scheme, token] = /^(SSWS) +([\x21-\x7e]+)$/i.exec(authorization) ?? []
  if (scheme === undefined || token === undefined) return refused(oktaError('E0000005'))
  return isSame(token, org.apiToken) ? { kind: 'api_token' } : refused(oktaError('E0000011'))
}

/** Every answer to an API token takes the browser's session cookies away and starts a servlet session. */
export function apiTokenCookies(): readonly Header[] {
  return [...EXPIRED_CLASSIC, SERVLET_SESSION]
}

export const SERVLET_SESSION: Header = [
  'set-cookie',
  'JSESSIONID=00000000000000000000000000000000; Path=/; HttpOnly',
]

function refused(answer: Answer): Caller {
  return { kind: 'refused', answer }
}

function isSame(given: string, expected: string): boolean {
  const a = Buffer.from(given)
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}
