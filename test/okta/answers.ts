/** Answers as the exchange hands them over, made by hand for the pure functions that judge them. */
import type { Answered } from '../../src/okta/exchange.js'

export const SESSION = {
  id: 'l7FbDVqS8zHSy65uJD85',
  login: 'user@example.com',
  userId: '00u0abcdefghijklmnop',
  status: 'ACTIVE',
  createdAt: '2026-11-24T08:00:00.000Z',
  expiresAt: '2026-11-24T10:00:00.000Z',
  lastPasswordVerification: '2026-11-24T08:00:00.000Z',
  lastFactorVerification: null,
  amr: ['pwd'],
  idp: { id: '00o0abcdefghijklmnop', type: 'OKTA' },
  mfaActive: false,
  _links: { self: { href: 'https://id.example.com/api/v1/sessions/me' } },
} as const

export const ENVELOPE = {
  errorCode: 'E0000007',
  errorSummary: 'Not found: Resource not found: me (Session)',
  errorLink: 'E0000007',
  errorId: 'oaeAbCdEfGhIjKlMnOpQrStUv',
  errorCauses: [],
} as const

type HeaderFields = Readonly<Record<string, string | readonly string[]>>

const JSON_HEADERS = { 'content-type': 'application/json' }

/** `body`: text as it is, bytes as they are, anything else as JSON. */
export function answer(
  status: number,
  body: unknown = '',
  headers: HeaderFields = JSON_HEADERS,
): Answered {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(textOf(body))
  const lines = Object.entries(headers).map(([name, value]) => [name, [value].flat()] as const)
  return { kind: 'answered', status, headers: new Map(lines), body: bytes }
}

/** The same, with a body longer than the cap. */
export function longAnswer(status: number): Answered {
  return { ...answer(status), body: undefined }
}

function textOf(body: unknown): string {
  return typeof body === 'string' ? body : JSON.stringify(body)
}
