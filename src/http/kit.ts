/** What the handlers are made of: each takes the kit and its own options. */
import type { Logger, OktaAnswer } from '../contracts.js'
import type { Limiter } from '../limiter/limiter.js'
import type { Settings } from '../options/options.js'
import type { RequestLike, Session } from '../public-types.js'
import type { Lookup } from '../session/lookup.js'
import type { Refresher } from '../session/refresh.js'
import type { SignOut } from '../session/sign-out.js'
import type { Watches } from '../session/watch.js'
import type { Authenticator } from './authenticate.js'
import type { SessionCookies } from './cookies.js'
import type { GuardParts } from './decide.js'
import type { Denials } from './denials.js'
import type { SignInUrlFor } from './sign-in-url.js'
import type { Verdicts } from './verdicts.js'

/** CreateSession. Never rejects. */
export type CreateSession = (
  sessionToken: string,
  options: { readonly clientIp?: string | undefined },
) => Promise<OktaAnswer<Session>>

export interface Kit extends GuardParts {
  readonly settings: Settings
  readonly logger: Logger | undefined
  readonly limiter: Limiter
  readonly lookup: Lookup
  readonly refresher: Refresher
  readonly signOut: SignOut
  readonly watches: Watches
  readonly createSession: CreateSession
  readonly authenticator: Authenticator
  readonly verdicts: Verdicts
  readonly cookies: SessionCookies
  readonly denials: Denials
  readonly signInUrl: SignInUrlFor
  /** Whether a post comes from a page of this origin, or of a trusted one. */
  readonly isSameOrigin: (req: RequestLike) => boolean
  /** The client's address for its own failure budget. */
  readonly clientAddress: (req: RequestLike) => string | undefined
  /** The client's address as Okta is told it; undefined where it is not told. */
  readonly clientIp: (req: RequestLike) => string | undefined
}
