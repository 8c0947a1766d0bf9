/** The session cookies: reads them from a request, sets and expires them in an answer. */
import type { Header } from '../http/answer.js'
import type { Engine, LiveSession, Sessions } from './sessions.js'

export interface SessionCookies {
  readonly idx?: string
  readonly sid?: string
}

/** Returns the raw values; of a name sent twice, the first. */
export function readSessionCookies(header: string | undefined): SessionCookies {
  if (header === undefined) return {}
  const idx = cookieValue(header, 'idx')
  const sid = cookieValue(header, 'sid')
  return { ...(idx !== undefined && { idx }), ...(sid !== undefined && { sid }) }
}

function cookieValue(header: string, name: string): string | undefined {
  for (const part of header.split(';')) {
    const pair = part.trim()
    if (pair.startsWith(`${name}=`)) return pair.slice(name.length + 1)
  }
  return undefined
}

/**
 * The cookies that a sign-in in the browser sets. Unlike Okta's they lack `Secure`: over plain http not
 * every browser and cookie jar would store them.
 */
export function signInCookies(
  engine: Engine,
  sessions: Sessions,
  session: LiveSession,
): readonly Header[] {
  if (engine === 'classic') return classicCookies(session)
  return [idxCookie(sessions.issueIdx(session))]
}

export function classicCookies(session: LiveSession): readonly Header[] {
  return [
    ['set-cookie', `sid=${session.internalId};Version=1;Path=/`],
    ['set-cookie', `xids=${session.externalId};Version=1;Path=/`],
  ]
}

export function idxCookie(value: string): Header {
  return ['set-cookie', `idx=${value};Path=/;HttpOnly`]
}

/** The Set-Cookie headers of a sign-out. */
export function expiredCookies(engine: Engine): readonly Header[] {
  return engine === 'classic' ? EXPIRED_CLASSIC : [EXPIRED_IDX, ...EXPIRED_CLASSIC]
}

export const EXPIRED_CLASSIC: readonly Header[] = [
  ['set-cookie', 'sid="";Version=1;Path=/;Max-Age=0'],
  ['set-cookie', 'xids="";Version=1;Path=/;Max-Age=0'],
]

const EXPIRED_IDX: Header = ['set-cookie', 'idx="";Path=/;Max-Age=0;HttpOnly']
