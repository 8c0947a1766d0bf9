/** Tells which of a request's cookies a session came from: the one to refresh, or to watch. */
import type { RequestLike, SessionContext } from '../model/context.js'
import type { Session } from '../model/session.js'
import type { Authenticator, Candidate } from './authenticate.js'

export type DecidingCandidate = (req: RequestLike, session: Session) => Candidate | undefined

/** The first cookie, in the order in which they are asked, that is known to stand for the session. */
export function createDecidingCandidate(
  authenticator: Authenticator,
  peek: (key: string) => SessionContext | undefined,
): DecidingCandidate {
  return function decidingCandidate(req, session) {
    const candidates = authenticator.candidates(req)
    if (candidates.length === 1) return candidates[0]
    return candidates.find(({ key }) => peek(key)?.session?.id === session.id)
  }
}
