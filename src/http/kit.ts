/** Builds the kit, the parts that all handlers share. Each handler is made from the kit and its own options. */
import type { Clock, Log, OktaAnswer, PushReaders } from '../contracts.js'
import type { Limiter } from '../limiter/limiter.js'
import type { Settings } from '../options/options.js'
import type { RequestLike, Session } from '../public-types.js'
import type { Lookup } from '../session/lookup.js'
import type { PushedRevocations } from '../session/pushed-revocations.js'
import type { Refresher } from '../session/refresh.js'
import type { SignOut } from '../session/sign-out.js'
import type { Watches } from '../session/watch.js'
import { Authenticator, createVerdicts, type Verdicts } from './authenticate.js'
import { clientIp as addressForOkta, createClientAddress, noClientIp } from './client-address.js'
import { CookieReader } from './cookie-header.js'
import { createSessionCookies, type SessionCookies } from './cookies.js'
import { createIsSameOrigin } from './csrf.js'
import { type GuardParts, OwnLookups } from './decide.js'
import { createDenials, type Denials } from './denials.js'
import { createMisuseLog } from './misuse.js'
import { type AnswerWithPage, createPages } from './pages.js'
import { header, requestHost } from './request.js'
import { createSignInAgainUrl, createSignInUrl } from './return-to.js'

/** CreateSession. Never rejects. */
export type CreateSession = (
  sessionToken: string,
  options: { readonly clientIp?: string | undefined },
) => Promise<OktaAnswer<Session>>

/** The sign-out of all session cookies of a request, in progress. */
export interface SignOutOfRequest {
  /** Each resolves with whether Okta has closed the session. */
  readonly closing: readonly Promise<boolean>[]
  /** Whether these are all the request's session cookies: their number is limited. */
  readonly isComplete: boolean
  /** The `Set-Cookie` lines that expire its cookies. */
  readonly expired: readonly string[]
}

/** What the kit is made from. */
export interface KitParts {
  readonly settings: Settings
  /** The host of the org, for messages. */
  readonly orgHost: string
  readonly logger: Log | undefined
  readonly limiter: Limiter
  readonly lookup: Lookup
  readonly refresher: Refresher
  readonly signOut: SignOut
  readonly watches: Watches
  readonly createSession: CreateSession
  readonly pushes: PushReaders
  readonly pushed: PushedRevocations
}

export interface Kit extends GuardParts, KitParts {
  readonly authenticator: Authenticator
  readonly verdicts: Verdicts
  readonly ownLookups: OwnLookups
  readonly cookies: SessionCookies
  readonly denials: Denials
  readonly answerWithPage: AnswerWithPage
  /**
   * Signs out every session cookie of the request before it returns, and starts to close the sessions at Okta.
   * Cookies that contradict each other are also expired at each parent path of `path`; default: `/` only.
   */
  readonly signOutEvery: (req: RequestLike, path?: string) => SignOutOfRequest
  readonly logMisuse: ReturnType<typeof createMisuseLog>
  /** Whether a post comes from a page of this origin, or of a trusted one. */
  readonly isSameOrigin: (req: RequestLike) => boolean
  /** The client's address for its own failure budget. */
  readonly clientAddress: (req: RequestLike) => string | undefined
  /** The client's address as it is sent to Okta; undefined where none is sent. */
  readonly clientIp: (req: RequestLike) => string | undefined
}

export function createKit(parts: KitParts, { now, monotonic }: Clock): Kit {
  const { settings, logger, lookup } = parts
  const cookies = createSessionCookies(settings, now)
  const clientAddress = createClientAddress(logger)
  const clientIp = settings.upstream.forwardClientIp ? addressForOkta : noClientIp
  const { secure } = cookies
  const reader = new CookieReader(settings.cookies, cookies.open)
  const authenticator = new Authenticator({
    org: parts.orgHost,
    lookup,
    reader,
    clientAddress,
    clientIp,
    monotonic,
  })
  const answerWithPage = createPages(settings, logger)
  const contested = (req: RequestLike) => reader.contested(header(req, 'cookie') ?? '')

  function signOutEvery(req: RequestLike, path = '/'): SignOutOfRequest {
    const of = { client: clientAddress(req), clientIp: clientIp(req) }
    const { cookies: brought, isComplete } = authenticator.everyCookie(req)
    const closing = brought.map(({ key, credential }) =>
      parts.signOut.signOut({ key, credential, ...of }),
    )
    const host = settings.appUrl?.replace(/^https?:\/\//, '') ?? requestHost(req)
    return {
      closing,
      isComplete,
      expired: cookies.expireAll({ names: contested(req), host, path }),
    }
  }

  return {
    ...parts,
    monotonic,
    oktaNow: lookup.oktaNow.bind(lookup),
    authenticator,
    verdicts: createVerdicts(settings.property, lookup.isCurrent.bind(lookup)),
    ownLookups: new OwnLookups(monotonic),
    cookies,
    answerWithPage,
    denials: createDenials({
      onDenied: settings.onDenied,
      answerWithPage,
      appUrl: settings.appUrl,
      signInUrl: createSignInUrl(settings),
      signInAgainUrl: createSignInAgainUrl(settings),
      contested,
      signOutEvery,
      logger,
      now,
      secure,
    }),
    signOutEvery,
    logMisuse: createMisuseLog(logger),
    isSameOrigin: createIsSameOrigin(settings),
    clientAddress,
    clientIp,
  }
}
