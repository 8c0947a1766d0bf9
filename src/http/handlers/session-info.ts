/** sessionInfo(): tells a page in the browser about its session, never the session id or a cookie. */
import type {
  Handler,
  Reply,
  RequestLike,
  SessionContext,
  SessionInfo,
  SessionInfoOptions,
} from '../../public-types.js'
import type { FoundContext } from '../../session/contexts.js'
import { checkedOptions } from '../handler-options.js'
import type { Kit } from '../kit.js'
import { json, later, methodNotAllowed, orFail, PRIVATE, send } from '../reply.js'
import { isGetOrHead } from '../request.js'

/**
 * Answers from the cache, and asks Okta only beyond `maxStalenessMs`: a page that polls must not keep its
 * session alive.
 */
export function createSessionInfo(kit: Kit, options: SessionInfoOptions | undefined): Handler {
  const { authenticator, oktaNow, monotonic, settings } = kit
  const { maxTtlMs } = settings.cache
  const { maxStalenessMs = maxTtlMs } = checkedOptions('sessionInfo', options)
  // The cache serves nothing older than maxTtlMs anyway.
  const limit = maxStalenessMs < maxTtlMs ? maxStalenessMs : undefined
  const demand = limit === undefined ? undefined : { maxStalenessMs: limit }

  return function sessionInfo(req, res, next) {
    if (req.method === 'OPTIONS') {
      next()
      return
    }
    if (!isGetOrHead(req)) {
      const misuse = { code: 'method_not_allowed', detail: METHOD_DETAIL } as const
      kit.logMisuse(misuse, { handler: 'sessionInfo', method: req.method })
      send(res, methodNotAllowed('GET, HEAD', METHOD_DETAIL, PRIVATE))
      return
    }
    const answer = (context: SessionContext) => orFail(res, next, () => send(res, info(context)))
    const found = cached(req) ?? authenticator.find(req, demand)
    if (found instanceof Promise) later(found, res, next, answer)
    else answer(found)
  }

  function cached(req: RequestLike): FoundContext | undefined {
    const context = authenticator.cached(req)
    if (context?.state !== 'active' || limit === undefined) return context
    return monotonic() - context.startedMono <= limit ? context : undefined
  }

  function info(context: SessionContext): Reply {
    return json(200, describe(context, new Date(oktaNow()).toISOString()), PRIVATE)
  }
}

const METHOD_DETAIL =
  'sessionInfo() answers GET: fetch it without a method, or mount it with app.get().'

function describe(context: SessionContext, serverTime: string): SessionInfo {
  if (context.state !== 'active')
    return { state: context.state, reason: context.reason, serverTime }
  const { userId, login, amr, expiresAt } = context.session
  return { state: 'active', user: { id: userId, login }, amr, expiresAt, serverTime }
}
