/** sessionInfo(): what a page in the browser may know of its session. Never the id, never a cookie. */
import type { IncomingMessage } from 'node:http'
import type { Handler, SessionContext } from '../../public-types.js'
import { isAnswered } from '../answered.js'
import { isGetOrHead, json, methodNotAllowed, varyByCookie } from '../answers.js'
import type { Authenticator } from '../authenticate.js'
import { orFail } from '../failure.js'
import { later } from '../later.js'

export interface SessionInfoOptions {
  /** How old an answer may be before Okta is asked; default `cache.maxTtlMs`, which is also the most. */
  readonly maxStalenessMs?: number
}

/** The body sessionInfo() answers with. */
export interface SessionInfo {
  readonly state: SessionContext['state']
  readonly reason?: string
  readonly user?: { readonly id: string; readonly login: string }
  readonly amr?: readonly string[]
  /** ISO 8601, by Okta's clock. */
  readonly expiresAt?: string
  /** ISO 8601, by Okta's clock: what `expiresAt` is to be compared with. */
  readonly serverTime: string
}

export interface SessionInfoParts {
  readonly authenticator: Authenticator
  readonly oktaNow: () => number
  /** The monotonic clock, milliseconds. */
  readonly monotonic: () => number
}

/**
 * Answers from what is known here, and asks Okta only beyond `maxStalenessMs`: a page that polls must
 * not keep its session alive. Undefined: whatever may still be served at all will do.
 */
export function createSessionInfo(
  parts: SessionInfoParts,
  maxStalenessMs: number | undefined,
): Handler {
  const demand = maxStalenessMs === undefined ? undefined : { maxStalenessMs }

  return function sessionInfo(req, res, next) {
    if (req.method === 'OPTIONS') {
      next()
      return
    }
    if (isAnswered(res)) return
    res.setHeader('Cache-Control', 'private, no-store')
    varyByCookie(res)
    if (!isGetOrHead(req)) {
      methodNotAllowed(res, 'GET, HEAD')
      return
    }
    const answer = (context: SessionContext) =>
      orFail(res, next, () => json(res, 200, info(context)))
    const found = known(req) ?? parts.authenticator.find(req, demand)
    if (found instanceof Promise) later(found, res, next, answer)
    else answer(found)
  }

  function known(req: IncomingMessage): SessionContext | undefined {
    const context = parts.authenticator.known(req)
    if (context?.state !== 'active' || maxStalenessMs === undefined) return context
    return parts.monotonic() - context.askedMono <= maxStalenessMs ? context : undefined
  }

  function info(context: SessionContext): SessionInfo {
    const serverTime = new Date(parts.oktaNow()).toISOString()
    if (context.state !== 'active')
      return { state: context.state, reason: context.reason, serverTime }
    const { userId, login, amr, expiresAt } = context.session
    return { state: 'active', user: { id: userId, login }, amr, expiresAt, serverTime }
  }
}
