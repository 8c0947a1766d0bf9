/** requireSession(): the guard. One layer: it looks up by itself where attachSession() did not run. */
import type { Handler, SessionRule } from '../../public-types.js'
import { isAnswered } from '../answered.js'
import { keepPrivate } from '../answers.js'
import type { Deny } from '../deny.js'
import { createGuard, type GuardParts } from '../guard.js'
import { endOfLoop } from '../sign-in-loop.js'

export function createRequireSession(
  parts: GuardParts,
  rule: SessionRule,
  deny: Deny,
  secure: boolean,
): Handler {
  const guard = createGuard(parts, rule, {
    pass(context, req, res, next) {
      if (context.source === 'okta') endOfLoop(req, res, secure)
      parts.verdicts.letThrough(req, context.session)
      next()
    },
    refuse: deny,
  })
  return function requireSession(req, res, next) {
    if (isAnswered(res)) return
    keepPrivate(res)
    guard(req, res, next)
  }
}
