/** Where a request's verdict is kept: under one property of the request, in an object only this instance can have put there. */
import type { IncomingMessage } from 'node:http'
import type { ActiveContext, SessionContext } from '../model/context.js'
import type { Session } from '../model/session.js'

/**
 * The verdicts of one instance. A guard trusts only what its own instance put on this very request: not
 * what another instance found (another org), not what something else wrote to `req.okta`, not a verdict
 * that belongs to another request, and nothing that was changed in one.
 */
export interface Verdicts {
  readonly property: string
  of(req: IncomingMessage): SessionContext | undefined
  /** The same, unless it is a yes and something has been revoked since: it may have been this. */
  current(req: IncomingMessage): SessionContext | undefined
  put(req: IncomingMessage, context: SessionContext): void
  /** Remembers that a guard let this session through. */
  letThrough(req: IncomingMessage, session: Session): void
  /** The session a guard let through. */
  guarded(req: IncomingMessage): Session | undefined
}

/**
 * One property, because Express gives each request a prototype of the app's, and from then on V8 makes a
 * new hidden class for each property that is added: a microsecond and over a kilobyte every time.
 */
export function createVerdicts(property: string, logPosition: () => number): Verdicts {
  // Made here, so that another instance's verdicts lack this one's private fields.
  class Verdict {
    readonly #req: IncomingMessage
    readonly #context: SessionContext
    readonly #position: number
    #guarded: Session | undefined

    constructor(req: IncomingMessage, context: SessionContext) {
      this.#req = req
      this.#context = context
      this.#position = logPosition()
    }

    // Static, so that none of it can be reached through `req.okta`.
    static on(req: IncomingMessage): Verdict | undefined {
      const value = carrier(req)[property]
      const isOurs = typeof value === 'object' && value !== null && #req in value
      return isOurs && value.#req === req ? value : undefined
    }

    static context(verdict: Verdict | undefined): SessionContext | undefined {
      return verdict === undefined ? undefined : verdict.#context
    }

    static current(verdict: Verdict | undefined): SessionContext | undefined {
      if (verdict === undefined) return undefined
      const mayBeRevoked =
        verdict.#context.state === 'active' && verdict.#position !== logPosition()
      return mayBeRevoked ? undefined : verdict.#context
    }

    static guarded(verdict: Verdict | undefined): Session | undefined {
      return verdict === undefined ? undefined : verdict.#guarded
    }

    static letThrough(verdict: Verdict | undefined, session: Session): void {
      if (verdict !== undefined) verdict.#guarded = session
    }
  }

  /** The common case with its fields in place. They are for the app to read; a guard goes by the private ones. */
  class ActiveVerdict extends Verdict implements ActiveContext {
    readonly state = 'active'
    readonly session: Session
    readonly source: ActiveContext['source']
    readonly askedAt: number

    constructor(req: IncomingMessage, context: ActiveContext) {
      super(req, context)
      this.session = context.session
      this.source = context.source
      this.askedAt = context.askedAt
    }
  }

  return {
    property,
    of: (req) => Verdict.context(Verdict.on(req)),
    current: (req) => Verdict.current(Verdict.on(req)),
    put(req, context) {
      carrier(req)[property] =
        context.state === 'active'
          ? new ActiveVerdict(req, context)
          : Object.assign(new Verdict(req, context), context)
    },
    letThrough(req, session) {
      Verdict.letThrough(Verdict.on(req), session)
    },
    guarded: (req) => Verdict.guarded(Verdict.on(req)),
  }
}

/** The one place where a property is added to a request that Node's types do not know. */
function carrier(req: IncomingMessage): { [property: string]: unknown } {
  return req as unknown as { [property: string]: unknown }
}
