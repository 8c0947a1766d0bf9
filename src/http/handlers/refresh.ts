/** refresh(): extends the session at Okta. A page calls it when its user is active. */
import type {
  Handler,
  RefreshAnswer,
  RefreshOptions,
  Reply,
  RequestLike,
} from '../../public-types.js'
import { anonymous, type FoundContext, type FoundSession } from '../../session/contexts.js'
import type { SessionCookie } from '../cookie-header.js'
import { type Denied, deniedFor, Guard, settle } from '../decide.js'
import { checkedOptions } from '../handler-options.js'
import type { Kit } from '../kit.js'
import { json, type ReplyHeaders } from '../reply.js'
import { createPostHandler } from './post-handler.js'

export function createRefresh(kit: Kit, options: RefreshOptions | undefined): Handler {
  const { authenticator, refresher, cookies } = kit
  const { everyMs } = checkedOptions('refresh', options)
  const guard = new Guard(kit, {})

  return createPostHandler(kit, 'refresh', async (req) => {
    const decided = await settle(guard, req)
    return decided.state === 'denied' ? decided : extend(decided, req)
  })

  async function extend(found: FoundSession, req: RequestLike): Promise<Reply | Denied> {
    const { session } = found
    const cookie = authenticator.cookieOf(req, session)
    if (cookie === undefined) return answer(session.expiresAt, false)
    const target = { ...cookie, session, clientIp: kit.clientIp(req) }
    const refreshed = await refresher.refresh(target, everyMs, 'seen')
    switch (refreshed.kind) {
      case 'refreshed': {
        const lines = cookies.relay(cookie.entry, refreshed.setCookies)
        return answer(refreshed.session.expiresAt, true, { 'set-cookie': lines })
      }
      case 'recent':
        return answer(refreshed.expiresAt, false)
      case 'over':
        return ended(refreshed.context, cookie, req)
      case 'unavailable': {
        const { code, retryAfterMs = 1_000 } = refreshed
        return deniedFor({ state: 'unavailable', reason: code, retryAfterMs })
      }
    }
  }

  /** Another cookie of the request may have an active session: then that cookie decides, as everywhere. */
  async function ended(
    context: Exclude<FoundContext, { state: 'active' }>,
    cookie: SessionCookie,
    req: RequestLike,
  ): Promise<Reply | Denied> {
    const now = await authenticator.find(req)
    if (now.state === 'active') {
      const other = authenticator.cookieOf(req, now.session)
      if (other !== undefined && other.key !== cookie.key)
        return answer(now.session.expiresAt, false)
    }
    // The other cookie's session may be live: it is not taken for what could not be found out.
    if (now.state === 'unavailable' || now === anonymous.ambiguous_cookie) return deniedFor(now)
    return context.state === 'anonymous' && now.state !== 'incomplete'
      ? { ...deniedFor(context), headers: { 'set-cookie': cookies.expireAll() } }
      : deniedFor(context)
  }
}

function answer(expiresAt: string, refreshed: boolean, headers: ReplyHeaders = {}): Reply {
  const body = { expiresAt, refreshed } satisfies RefreshAnswer
  return json(200, body, { ...headers, vary: 'Cookie' })
}
