/** refreshOnActivity(): extends the session of a user who is doing something, behind the request's back. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Handler, RequestLike } from '../../public-types.js'
import type { Refresher } from '../../session/refresh.js'
import { isActivity } from '../activity.js'
import type { SelectCookie } from '../deciding-candidate.js'
import type { IsSameOrigin } from '../own-post.js'
import type { Verdicts } from '../verdicts.js'

export interface RefreshOnActivityOptions {
  /** At most one refresh per session in this many milliseconds. Default 300,000. */
  readonly everyMs?: number | undefined
  /**
   * Whether a request with an active session is its user's activity. It decides alone. Default, by what
   * browsers say in their `Sec-Fetch-` headers:
   *
   * - pages a person opened (`Sec-Fetch-User: ?1`), also over a link on another site; in a frame only from
   *   a page of this origin;
   * - other navigations of the tab that this origin or the browser itself began, unless they are told to
   *   be reloads: by `Cache-Control: max-age=0` or `no-cache`, or by the page's own address as `Referer`;
   * - changes (POST, PUT, PATCH, DELETE) from a page of ours, judged as `login()` judges its posts, that a
   *   guard let through or that were answered below 400, and not with 404 or 405.
   *
   * Not: posts, frames and scripted navigations of other sites, prefetches and prerenders, GET by a script
   * (a poll, sessionInfo), beacons and reports.
   *
   * What can't be told: a page that reloads itself in a browser that sends neither of the two signs, or
   * under another query each time; a poll that is a POST; a prerendered page once it is shown. Where
   * browsers send no `Sec-Fetch-` headers (over plain http elsewhere than on loopback, and before 2023 in
   * Safari), every GET that prefers HTML counts, in a frame of another site too, and posts count by `Origin`.
   * An app with such pages or browsers decides here.
   */
  counts?(req: IncomingMessage): boolean
}

export interface ActivityParts {
  readonly decidingCandidate: SelectCookie
  readonly isOurs: IsSameOrigin
  readonly verdicts: Verdicts
  readonly refresher: Refresher
  readonly clientIp: (req: RequestLike) => string | undefined
  readonly onError: (error: unknown) => void
}

/**
 * Reads the verdict when the response ends, so that it may stand before or behind the guard, and never
 * delays or fails the request. It can't relay cookies: where Okta's cookie is persistent use refresh().
 */
export function createRefreshOnActivity(
  parts: ActivityParts,
  { everyMs = 300_000, counts }: RefreshOnActivityOptions,
): Handler {
  const { isOurs, verdicts } = parts
  const rules = {
    isOurs,
    wasGuarded: (req: IncomingMessage) => verdicts.guarded(req) !== undefined,
  }

  return function refreshOnActivity(req, res, next) {
    // A closed socket has no address any more.
    const clientIp = parts.clientIp(req)
    res.once('close', () => {
      try {
        refreshBehind(req, res, clientIp)
      } catch (error) {
        // The response is long gone: there is nobody left to fail but the log.
        parts.onError(error)
      }
    })
    next()
  }

  function refreshBehind(
    req: IncomingMessage,
    res: ServerResponse,
    clientIp: string | undefined,
  ): void {
    const context = verdicts.of(req)
    if (context?.state !== 'active') return
    const isUsers = counts === undefined ? isActivity(req, res, rules) : counts(req)
    if (!isUsers) return
    const candidate = parts.decidingCandidate(req, context.session)
    if (candidate === undefined || parts.refresher.isRecent(candidate.key, everyMs)) return
    const target = { ...candidate, session: context.session, clientIp }
    parts.refresher.refresh(target, everyMs, 'stale').catch(parts.onError)
  }
}
