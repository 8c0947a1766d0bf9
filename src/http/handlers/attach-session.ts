/** attachSession(): puts each request's session context on the request. It never answers a request and never fails one. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Handler, SessionContext } from '../../public-types.js'
import type { FoundContext } from '../../session/contexts.js'
import { checkedOptions } from '../handler-options.js'
import type { Kit } from '../kit.js'
import { once } from '../misuse.js'
import { isAnswered, keepPrivate, later, type Next, varyByCookie } from '../reply.js'

export function createAttachSession(kit: Kit, options?: object): Handler {
  checkedOptions('attachSession', options)
  const { authenticator, verdicts, ownLookups, logger } = kit
  const warnMountedTwice = once(() =>
    logger?.warn(
      'EOS131',
      'attachSession() runs for a request that has its context already: mount it once, in front of the guards',
    ),
  )

  return function attachSession(req, res, next) {
    if (verdicts.of(req) !== undefined) {
      warnMountedTwice()
      next()
      return
    }
    const found = authenticator.find(req)
    if (found instanceof Promise) {
      if (!isAnswered(res)) keepPrivate(res)
      wait(found, req, res, next)
      return
    }
    if (!isAnswered(res)) protect(res, found)
    verdicts.put(req, found)
    next()
  }

  /** A separate function: a cache hit allocates no closure. */
  function wait(
    found: Promise<FoundContext>,
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
  ): void {
    later(ownLookups.follow(req, found), res, next, (context) => {
      verdicts.put(req, context)
      next()
    })
  }
}

/** Static files behind this stay cacheable for requests without a session cookie. */
function protect(res: ServerResponse, context: SessionContext): void {
  if (context.state === 'anonymous' && context.reason === 'no_cookie') varyByCookie(res)
  else keepPrivate(res)
}
