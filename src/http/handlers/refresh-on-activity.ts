/** refreshOnActivity(): extends the session of an active user, after the response. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Handler, RefreshOnActivityOptions } from '../../public-types.js'
import { isActivity } from '../activity.js'
import { checkedOptions } from '../handler-options.js'
import type { Kit } from '../kit.js'
import { once } from '../misuse.js'
import { isThenable } from '../reply.js'

/**
 * Reads the verdict when the response ends, so that it may stand before or behind the guard, and never
 * delays or fails the request. It can't relay cookies: where Okta's cookie is persistent use refresh().
 */
export function createRefreshOnActivity(
  kit: Kit,
  options: RefreshOnActivityOptions | undefined,
): Handler {
  const { authenticator, verdicts, refresher, logger } = kit
  const { everyMs, counts } = checkedOptions('refreshOnActivity', options)
  const rules = {
    isOurs: kit.isSameOrigin,
    wasGuarded: (req: IncomingMessage) => verdicts.guarded(req) !== undefined,
  }
  // The response has ended: only the log can tell of a failure.
  const onError = once((error: unknown) =>
    logger?.warn('EOS137', 'refreshOnActivity() failed', { error: String(error) }),
  )

  return function refreshOnActivity(req, res, next) {
    // Read now: a closed socket has no address.
    const clientIp = kit.clientIp(req)
    const onEnd = once(() =>
      refresher.inBackground(refreshIfActive(req, res, clientIp).catch(onError)),
    )
    // The adapters of serverless platforms emit no `close`, and a response that is cut off no `finish`.
    res.once('finish', onEnd).once('close', onEnd)
    next()
  }

  async function refreshIfActive(
    req: IncomingMessage,
    res: ServerResponse,
    clientIp: string | undefined,
  ): Promise<void> {
    const context = verdicts.of(req)
    if (context?.state !== 'active') return
    const isCounted = counts === undefined ? isActivity(req, res, rules) : counts(req)
    if (!(isThenable(isCounted) ? await isCounted : isCounted)) return
    const cookie = authenticator.cookieOf(req, context.session)
    if (cookie === undefined || refresher.isResting(cookie.key, everyMs)) return
    const target = { ...cookie, session: context.session, clientIp }
    await refresher.refresh(target, everyMs, 'stale')
  }
}
