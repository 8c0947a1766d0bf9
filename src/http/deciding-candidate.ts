/** Tells which of a request's cookies a session came from: the one to refresh, or to watch. */
import type { RequestLike, Session, SessionContext } from '../public-types.js'
import type { Authenticator, SessionCookie } from './authenticate.js'

export type SelectCookie = (req: RequestLike, session: Session) => SessionCookie | undefined

/** The first cookie, in the order in which they are asked, that is known to stand for the session. */
export function createSelectCookie(
  authenticator: Authenticator,
  peek: (key: string) => SessionContext | undefined,
): SelectCookie {
  return function decidingCandidate(req, session) {
    const candidates = authenticator.candidates(req)
    if (candidates.length === 1) return candidates[0]
    return candidates.find(({ key }) => peek(key)?.session?.id === session.id)
  }
}
