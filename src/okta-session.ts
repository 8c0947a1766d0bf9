/** The composition root: options become parts, parts become handlers. The only place that builds things. */
import type { Clock, Logger } from './contracts.js'
import { createAuthenticator } from './http/authenticate.js'
import { createCheck } from './http/check.js'
import { clientIp as addressForOkta, createClientAddress } from './http/client-address.js'
import { createSessionCookies } from './http/cookies.js'
import { createIsSameOrigin } from './http/csrf.js'
import { createDenials } from './http/denials.js'
import { checkedOptions, soleArgument } from './http/handler-options.js'
import { createAttachSession } from './http/handlers/attach-session.js'
import { createForwardAuth } from './http/handlers/forward-auth.js'
import { createLogin } from './http/handlers/login.js'
import { createLogout } from './http/handlers/logout.js'
import { createRefresh } from './http/handlers/refresh.js'
import { createRefreshOnActivity } from './http/handlers/refresh-on-activity.js'
import { createRequireSession } from './http/handlers/require-session.js'
import { createSessionInfo } from './http/handlers/session-info.js'
import type { Kit } from './http/kit.js'
import { missingGuard, refuseCapitals, refuseResponse, refuseToBeMounted } from './http/misuse.js'
import { createSignInAgainUrl, createSignInUrl } from './http/sign-in-url.js'
import { createVerdicts } from './http/verdicts.js'
import { createWatch } from './http/watch.js'
import { Limiter } from './limiter/limiter.js'
import { systemClock } from './okta/call.js'
import { connect } from './okta/connect.js'
import type { OktaSession, OktaSessionStats } from './okta-session-types.js'
import { unfailing } from './options/app-objects.js'
import { enter, leave, refuseAnotherOrg } from './options/cookies.js'
import type { OktaSessionOptions, Settings } from './options/options.js'
import { parseOptions } from './options/parse-options.js'
import type { RequestLike, SessionContext } from './public-types.js'
import { plainContext } from './session/contexts.js'
import { Lookup } from './session/lookup.js'
import { Refresher } from './session/refresh.js'
import { RevocationLog } from './session/revocations.js'
import { openStore } from './session/shared-cache.js'
import { SignOut } from './session/sign-out.js'
import { Watches } from './session/watch.js'
import { beginDebugLines } from './telemetry/debug-lines.js'

/** What the composition takes from outside besides its settings; tests bring their own. */
export interface Surroundings {
  readonly clock: Clock
  /** 0 to 1. */
  readonly random: () => number
  /** How the org is reached; default: over HTTP. */
  readonly connect?: typeof connect
  /** Called at each close(). */
  readonly onClose?: () => void
}

const here: Surroundings = {
  clock: systemClock,
  random: Math.random,
}

/**
 * Okta's own session as your app's session.
 *
 * Every option has a default but the org's URL, which may come from the environment
 * (`OKTA_CLIENT_ORGURL`). Durations are milliseconds.
 *
 * Two instances for two orgs in one process need cookies of different names, since each would send the
 * other's live cookie to its org, and a `property` each. While both are left to read the default cookies
 * the second is refused, until the first is closed; `cookies` written out on one of them says that they
 * serve different hosts, or have different names. Orgs on http (loopback: development and tests) are exempt.
 * Under one `property` each guard still judges its own org's session, but the request holds what the last
 * of them found, and the other's `session(req)` throws.
 *
 * @throws TypeError that names every fault in the options at once, or the two orgs.
 * @example
 * const okta = oktaSession({ orgUrl: 'https://id.example.com' })
 * app.use(okta.attachSession())
 * app.get('/account', okta.requireSession(), (req, res) => {
 *   res.send(`Hello ${okta.session(req).login}`)
 * })
 */
export function oktaSession(options?: OktaSessionOptions): OktaSession {
  refuseToBeMounted(options)
  beginDebugLines()
  const settings = parseOptions(options, process.env)
  if (options?.cookies !== undefined) return composeOktaSession(settings, here)
  const { api } = settings
  refuseAnotherOrg(api)
  const okta = composeOktaSession(settings, { ...here, onClose: () => leave(api) })
  enter(api)
  return okta
}

const MAX_RECORDS = 200_000
const MAX_PROVISIONAL_RECORDS = 10_000

/** The same over settings already checked, in surroundings of the caller's. */
export function composeOktaSession(settings: Settings, surroundings: Surroundings): OktaSession {
  const logger = unfailing(settings.logger)
  const core = composeCore(settings, surroundings, logger)
  const kit = composeKit(settings, surroundings.clock, logger, core)
  let closing: Promise<void> | undefined

  return {
    api: core.org.api,

    attachSession(...mounted: [object?]) {
      checkedOptions('attachSession', mounted[0])
      return createAttachSession(kit)
    },
    requireSession: (...given) => createRequireSession(kit, soleArgument('requireSession', given)),
    login: (options) => createLogin(kit, options),
    refresh: (options) => createRefresh(kit, options),
    logout: (options) => createLogout(kit, options),
    refreshOnActivity: (options) => createRefreshOnActivity(kit, options),
    sessionInfo: (options) => createSessionInfo(kit, options),
    forwardAuth: (...given) => createForwardAuth(kit, soleArgument('forwardAuth', given)),
    check: createCheck(kit),
    watch: createWatch(kit),

    session(req) {
      const session = kit.verdicts.guarded(req)
      if (session === undefined) throw missingGuard(settings.property)
      return session
    },

    authenticate(req, options) {
      // Thrown, not rejected: a handler mounted by mistake has no caller that awaits it.
      refuseResponse(options)
      return authenticate(kit, req, options?.signal)
    },

    async forget(target) {
      await kit.lookup.forget(checkedTarget(target))
    },

    stats: () => statsOf(core),

    async settled() {
      const { limiter, lookup, refresher, signOut } = core
      const parts = [limiter, lookup, refresher, signOut]
      await Promise.all(parts.map((part) => part.settled()))
    },

    close() {
      surroundings.onClose?.()
      closing ??= core.close()
      return closing
    },
  }
}

async function authenticate(
  { authenticator }: Kit,
  req: RequestLike,
  signal: AbortSignal | undefined,
): Promise<SessionContext> {
  refuseCapitals(req)
  return plainContext(await authenticator.find(req, signal && { signal }))
}

type Core = ReturnType<typeof composeCore>

function statsOf({ limiter, lookup, watches }: Core): OktaSessionStats {
  const { heldOff, quota, ...gauges } = limiter.stats()
  return {
    ...lookup.stats(),
    ...gauges,
    watched: watches.size,
    ...(heldOff !== undefined && { heldOff }),
    ...(quota !== undefined && { quota }),
  }
}

/** From credential to verdict. */
function composeCore(
  { api, cache, upstream, secrets }: Settings,
  surroundings: Surroundings,
  logger: Logger | undefined,
) {
  const { clock } = surroundings
  const { timeoutMs } = api
  const reach = surroundings.connect ?? connect
  const org = reach(api, clock, (sessionId) =>
    lookup.forget({ sessionId }).catch((error: unknown) => {
      // Okta has done what was asked: the caller hears of that, and the operator of this.
      logger?.warn('Other instances could not be told of a change made through okta.api', {
        error: String(error),
      })
    }),
  )
  const store = openStore(cache.store, secrets, api.orgUrl)
  const shared = store?.shared
  const log = new RevocationLog({
    clock,
    retentionMs: cache.maxTtlMs + 2 * timeoutMs + upstream.maxQueueMs,
    maxRecords: MAX_RECORDS,
    maxProvisional: MAX_PROVISIONAL_RECORDS,
    shared,
    nameSubject: store?.nameSubject,
  })
  const limiter = new Limiter({ upstream, logger, ...surroundings })
  const { fetchSession, refreshSession } = org
  const lookup = new Lookup({
    ...surroundings,
    cache,
    timeoutMs,
    limiter,
    log,
    fetchSession,
    shared,
  })
  const { maxSessions, maxTtlMs } = cache
  const refresher = new Refresher({ limiter, lookup, clock, refreshSession, maxSessions })
  const signOut = new SignOut({ ...org, limiter, lookup, log, timeoutMs, logger })
  const watches = new Watches({ lookup, log, clock, maxTtlMs, logger })

  async function close(): Promise<void> {
    limiter.close()
    watches.close()
    signOut.close()
    log.close()
    lookup.close()
    await Promise.all([org.close(), shared?.close()])
  }

  return { org, limiter, log, lookup, refresher, signOut, watches, close }
}

/** From request to verdict: what the handlers share. */
function composeKit(settings: Settings, clock: Clock, logger: Logger | undefined, core: Core): Kit {
  const { lookup } = core
  const { now, monotonic } = clock
  const cookies = createSessionCookies(settings, now)
  const clientAddress = createClientAddress(logger)
  const clientIp = settings.upstream.forwardClientIp ? addressForOkta : () => undefined
  const authenticator = createAuthenticator({
    lookup,
    cookies: settings.cookies,
    open: cookies.open,
    clientAddress,
    clientIp,
    monotonic,
  })
  const signInUrl = createSignInUrl(settings)
  return {
    ...core,
    createSession: core.org.createSession,
    settings,
    logger,
    monotonic,
    oktaNow: () => lookup.oktaNow(),
    authenticator,
    verdicts: createVerdicts(settings.property, (context) => lookup.isCurrent(context)),
    cookies,
    signInUrl,
    denials: createDenials({
      onDenied: settings.onDenied,
      signInUrl,
      signInAgainUrl: createSignInAgainUrl(settings, signInUrl),
      now,
      secure: cookies.secure,
    }),
    isSameOrigin: createIsSameOrigin(settings),
    clientAddress,
    clientIp,
  }
}

/** Exactly one of the two: a target that names nothing would revoke nothing without a word. */
function checkedTarget(target: {
  readonly sessionId?: string | undefined
  readonly userId?: string | undefined
}): { readonly sessionId: string } | { readonly userId: string } {
  const { sessionId, userId } = target ?? {}
  if (isId(sessionId) && userId === undefined) return { sessionId }
  if (isId(userId) && sessionId === undefined) return { userId }
  throw new TypeError(
    'forget(target): exactly one of { sessionId } and { userId }, a non-empty string',
  )
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
