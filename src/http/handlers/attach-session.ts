/** attachSession(): tells every request who its user is, and stands in nobody's way. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Handler, SessionContext } from '../../public-types.js'
import type { FoundContext } from '../../session/contexts.js'
import { isAnswered } from '../answered.js'
import { keepPrivate, varyByCookie } from '../answers.js'
import type { Authenticator } from '../authenticate.js'
import { later } from '../later.js'
import type { Verdicts } from '../verdicts.js'

export function createAttachSession(
  authenticator: Authenticator,
  verdicts: Verdicts,
  onMountedTwice: () => void,
): Handler {
  return function attachSession(req, res, next) {
    if (verdicts.of(req) !== undefined) {
      onMountedTwice()
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

  /** Apart, so that a remembered session pays for no closure. */
  function wait(
    found: Promise<FoundContext>,
    req: IncomingMessage,
    res: ServerResponse,
    next: () => void,
  ) {
    later(found, res, next, (context) => {
      verdicts.put(req, context)
      next()
    })
  }
}

/** Static files behind this stay cacheable for those who bring no session cookie. */
function protect(res: ServerResponse, context: SessionContext): void {
  if (context.state === 'anonymous' && context.reason === 'no_cookie') varyByCookie(res)
  else keepPrivate(res)
}
