/** refreshOnActivity(): extends the session of a user who is doing something, behind the request's back. */
import type { IncomingMessage } from 'node:http'
import type { Refresher } from '../lookup/refresher.js'
import type { Handler, RequestLike } from '../model/context.js'
import type { DecidingCandidate } from './deciding-candidate.js'
import { header, isPrefetch } from './headers.js'
import type { Verdicts } from './verdicts.js'

export interface RefreshOnActivityOptions {
  /** At most one refresh per session in this many milliseconds. Default 300,000. */
  readonly everyMs?: number | undefined
  /** Whether a request is its user's activity. Default: navigations and unsafe methods, not prefetches. */
  counts?(req: IncomingMessage): boolean
}

export interface ActivityParts {
  readonly decidingCandidate: DecidingCandidate
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
  { everyMs = 300_000, counts = isActivity }: RefreshOnActivityOptions,
): Handler {
  return function refreshOnActivity(req, res, next) {
    // A closed socket has no address any more.
    const clientIp = parts.clientIp(req)
    res.once('close', () => {
      try {
        refreshBehind(req, clientIp)
      } catch (error) {
        // The response is long gone: there is nobody left to fail but the log.
        parts.onError(error)
      }
    })
    next()
  }

  function refreshBehind(req: IncomingMessage, clientIp: string | undefined): void {
    const context = parts.verdicts.of(req)
    if (context?.state !== 'active' || !counts(req)) return
    const candidate = parts.decidingCandidate(req, context.session)
    if (candidate === undefined || parts.refresher.isRecent(candidate.key, everyMs)) return
    const target = { ...candidate, session: context.session, clientIp }
    parts.refresher.refresh(target, everyMs, 'aging').catch(parts.onError)
  }
}

const safeMethods: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** A person navigating or changing something; not a poll, not a prefetch. */
function isActivity(req: IncomingMessage): boolean {
  if (isPrefetch(req)) return false
  if (!safeMethods.has(req.method)) return true
  const mode = header(req, 'sec-fetch-mode')
  if (mode !== undefined) return mode === 'navigate'
  return (header(req, 'accept') ?? '').includes('text/html')
}
