/** refresh(): what a page calls when its user is active, so that the session does not end under their hands. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ActiveContext, Handler, RequestLike, SessionContext } from '../../public-types.js'
import type { Refreshed, Refresher } from '../../session/refresh.js'
import { isAnswered } from '../answered.js'
import { json, varyByCookie } from '../answers.js'
import type { SessionCookie } from '../authenticate.js'
import type { SessionCookies } from '../cookies.js'
import type { SelectCookie } from '../deciding-candidate.js'
import type { Deny } from '../deny.js'
import { orFail } from '../failure.js'
import { createGuard, type GuardParts } from '../guard.js'
import { refusalOf } from '../judge.js'
import { later } from '../later.js'
import { type IsSameOrigin, sameOriginPost } from '../own-post.js'

export interface RefreshOptions {
  /** At most one call to Okta per session in this many milliseconds. Default 60,000. */
  readonly everyMs?: number | undefined
}

/** The body refresh() answers with. */
export interface RefreshAnswer {
  /** ISO 8601, by Okta's clock. Okta does not always move it. */
  readonly expiresAt: string
  /** Whether Okta was asked just now. */
  readonly refreshed: boolean
}

export interface RefreshParts {
  readonly isOurs: IsSameOrigin
  readonly guard: GuardParts
  readonly deny: Deny
  readonly decidingCandidate: SelectCookie
  readonly refresher: Refresher
  readonly cookies: SessionCookies
  readonly clientIp: (req: RequestLike) => string | undefined
}

type Next = (error?: unknown) => void

export function createRefresh(parts: RefreshParts, everyMs: number): Handler {
  const { deny, decidingCandidate, refresher, cookies } = parts
  const guard = createGuard(
    parts.guard,
    {},
    {
      pass(context, req, res, next) {
        later(extend(context, req, res, next), res, next, () => {})
      },
      refuse: deny,
    },
  )

  return sameOriginPost('refresh', parts.isOurs, async (req, res, next) => {
    varyByCookie(res)
    guard(req, res, next)
  })

  async function extend(
    context: ActiveContext,
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
  ): Promise<void> {
    const candidate = decidingCandidate(req, context.session)
    if (candidate === undefined) {
      answer(context.session.expiresAt, false, res)
      return
    }
    const target = { ...candidate, session: context.session, clientIp: parts.clientIp(req) }
    const refreshed = await refresher.refresh(target, everyMs, 'seen')
    if (!isAnswered(res)) conclude(refreshed, candidate, req, res, next)
  }

  function conclude(
    refreshed: Refreshed,
    candidate: SessionCookie,
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
  ): void {
    switch (refreshed.kind) {
      case 'refreshed':
        cookies.relay(res, candidate.entry, refreshed.setCookies)
        answer(refreshed.session.expiresAt, true, res)
        return
      case 'recent':
        answer(refreshed.expiresAt, false, res)
        return
      case 'over':
        afterwards(refreshed.context, candidate, req, res, next)
        return
      case 'unavailable':
        refuse({
          state: 'unavailable',
          reason: refreshed.code,
          retryAfterMs: refreshed.retryAfterMs ?? 1_000,
        })
    }

    function refuse(context: Exclude<SessionContext, ActiveContext>): void {
      deny(refusalOf(context), context, req, res, next)
    }
  }

  /** A browser may bring another cookie whose session goes on: then that one decides, as it does everywhere. */
  function afterwards(
    over: Exclude<SessionContext, ActiveContext>,
    candidate: SessionCookie,
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
  ): void {
    later(Promise.resolve(parts.guard.authenticator.find(req)), res, next, (context) =>
      orFail(res, next, () => {
        const other = context.state === 'active' && decidingCandidate(req, context.session)
        if (context.state === 'active' && other && other.key !== candidate.key) {
          answer(context.session.expiresAt, false, res)
          return
        }
        if (over.state === 'anonymous') cookies.expireAll(res)
        deny(refusalOf(over), over, req, res, next)
      }),
    )
  }
}

function answer(expiresAt: string, refreshed: boolean, res: ServerResponse): void {
  json(res, 200, { expiresAt, refreshed } satisfies RefreshAnswer)
}
