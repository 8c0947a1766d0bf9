/** Where a request's verdict is kept: under one property of the request, in an object only this instance can have put there. */
import type { ActiveContext, Session } from '../public-types.js'
import type { FoundContext, FoundSession } from '../session/contexts.js'

/**
 * The verdicts of one instance. A guard trusts only what its own instance put on this very request: not
 * what another instance found (another org), not what something else wrote to `req.okta`, not a verdict
 * that belongs to another request, and nothing that was changed in one.
 */
export interface Verdicts {
  readonly property: string
  of(req: object): FoundContext | undefined
  /** The same where it still stands at this moment; see {@link stands}. */
  current(req: object): FoundContext | undefined
  /**
   * Whether a context may be acted on now: an active session is asked about again when anything has been
   * revoked since its lookup began (it may have been this one), when the session has ended, and when the
   * answer is older than maxTtlMs.
   */
  stands(context: FoundContext): boolean
  put(req: object, context: FoundContext): void
  /** Remembers that a guard let this session through. */
  letThrough(req: object, session: Session): void
  /** The session a guard let through. */
  guarded(req: object): Session | undefined
}

/**
 * One property, because Express gives each request a prototype of the app's, and from then on V8 makes a
 * new hidden class for each property that is added: a microsecond and over a kilobyte every time.
 */
export function createVerdicts(
  property: string,
  isCurrent: (context: FoundSession) => boolean,
): Verdicts {
  function stands(context: FoundContext): boolean {
    return context.state !== 'active' || isCurrent(context)
  }

  // Made here, so that another instance's verdicts lack this one's private fields.
  class Verdict {
    readonly #req: object
    readonly #context: FoundContext
    #guarded: Session | undefined

    constructor(req: object, context: FoundContext) {
      this.#req = req
      this.#context = context
    }

    // Static, so that none of it can be reached through `req.okta`.
    static on(req: object): Verdict | undefined {
      const value = carrier(req)[property]
      const isOurs = typeof value === 'object' && value !== null && #req in value
      return isOurs && value.#req === req ? value : undefined
    }

    static context(verdict: Verdict | undefined): FoundContext | undefined {
      return verdict === undefined ? undefined : verdict.#context
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

    constructor(req: object, context: FoundSession) {
      super(req, context)
      this.session = context.session
      this.source = context.source
      this.askedAt = context.askedAt
    }
  }

  return {
    property,
    of: (req) => Verdict.context(Verdict.on(req)),
    current(req) {
      const context = Verdict.context(Verdict.on(req))
      return context !== undefined && stands(context) ? context : undefined
    },
    stands,
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
function carrier(req: object): { [property: string]: unknown } {
  return req as { [property: string]: unknown }
}
