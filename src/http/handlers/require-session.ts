/** requireSession(): the guard. One layer: it looks the session up by itself where attachSession() did not run. */
import type { Handler, SessionRule } from '../../public-types.js'
import { createGuard } from '../decide.js'
import { checkedRule } from '../handler-options.js'
import type { Kit } from '../kit.js'
import { isAnswered } from '../later.js'
import { keepPrivate, setHeaders } from '../reply.js'
import { endRedirects } from '../sign-in-loop.js'
import { createGuarded } from './guarded.js'

export function createRequireSession(kit: Kit, rule: SessionRule | undefined): Handler {
  const { verdicts, denials, cookies } = kit
  const guarded = createGuarded(createGuard(kit, checkedRule('requireSession', rule)), {
    pass(found, req, res, next) {
      if (found.source === 'okta')
        setHeaders(res, { 'set-cookie': endRedirects(req, cookies.secure) })
      verdicts.letThrough(req, found.session)
      next()
    },
    deny: denials.answer,
  })

  return function requireSession(req, res, next) {
    if (isAnswered(res)) return
    keepPrivate(res)
    guarded(req, res, next)
  }
}
