/** requireSession(): the guard. One layer: it looks up by itself where attachSession() did not run. */
import type { Handler, SessionRule } from '../model/context.js'
import { keepPrivate } from './answers.js'
import type { Deny } from './deny.js'
import { createGuard, type GuardParts } from './guard.js'

export function createRequireSession(parts: GuardParts, rule: SessionRule, deny: Deny): Handler {
  const guard = createGuard(parts, rule, {
    pass(context, req, _res, next) {
      parts.verdicts.letThrough(req, context.session)
      next()
    },
    refuse: deny,
  })
  return function requireSession(req, res, next) {
    keepPrivate(res)
    guard(req, res, next)
  }
}
