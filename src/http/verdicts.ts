/** Where a request's verdict is kept: on the request, for the app under one property, for our guards under a key of this instance's own. */
import type { IncomingMessage } from 'node:http'
import type { SessionContext } from '../model/context.js'
import type { Session } from '../model/session.js'

/**
 * The verdicts of one instance. A guard trusts only what its own instance put there: not what another
 * instance found (another org), nor what something else wrote to `req.okta`.
 */
export interface Verdicts {
  readonly property: string
  of(req: IncomingMessage): SessionContext | undefined
  put(req: IncomingMessage, context: SessionContext): void
  /** Remembers that a guard let this session through. */
  letThrough(req: IncomingMessage, session: Session): void
  /** The session a guard let through. */
  guarded(req: IncomingMessage): Session | undefined
}

export function createVerdicts(property: string): Verdicts {
  const own = Symbol('express-okta-session')
  const passed = Symbol('express-okta-session guard')
  // The one place where a property is added to a request that Node's types do not know.
  type Carrier = { [own]?: SessionContext; [passed]?: Session; [property: string]: unknown }
  const carrier = (req: IncomingMessage) => req as unknown as Carrier
  return {
    property,
    of: (req) => carrier(req)[own],
    put(req, context) {
      const target = carrier(req)
      target[own] = context
      target[property] = context
    },
    letThrough(req, session) {
      carrier(req)[passed] = session
    },
    guarded: (req) => carrier(req)[passed],
  }
}
