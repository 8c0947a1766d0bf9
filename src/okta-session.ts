/** The composition root: options become parts, parts become handlers. The only place that builds things. */
import type { Clock, Log } from './contracts.js'
import { createAuthenticate, createCheck, createSessionOf } from './http/check.js'
import { createAttachSession } from './http/handlers/attach-session.js'
import { createEventHook } from './http/handlers/event-hook.js'
import { createForwardAuth } from './http/handlers/forward-auth.js'
import { createLogin } from './http/handlers/login.js'
import { createLogout } from './http/handlers/logout.js'
import { createRefresh } from './http/handlers/refresh.js'
import { createRefreshOnActivity } from './http/handlers/refresh-on-activity.js'
import { createRequireSession } from './http/handlers/require-session.js'
import { createSessionInfo } from './http/handlers/session-info.js'
import { createSharedSignals } from './http/handlers/shared-signals.js'
import { createKit } from './http/kit.js'
import { checkedTarget, refuseToBeMounted } from './http/misuse.js'
import { addInstance, refuseAnotherOrg, removeInstance } from './http/second-org.js'
import { createWatch } from './http/watch.js'
import { addRunning } from './instances.js'
import { Limiter } from './limiter/limiter.js'
import { type LimitCall, systemClock } from './okta/call.js'
import { connect } from './okta/connect.js'
import { createReadinessCheck } from './okta/readiness.js'
import type { OktaSession, OktaSessionStats } from './okta-session-types.js'
import type { OktaSessionOptions, Settings } from './options/options.js'
import { parseOptions } from './options/parse-options.js'
import { Lookup } from './session/lookup.js'
import { PushedRevocations } from './session/pushed-revocations.js'
import { Refresher } from './session/refresh.js'
import { RevocationLog } from './session/revocations.js'
import { openStore } from './session/shared-cache.js'
import { SignOut } from './session/sign-out.js'
import { Watches } from './session/watch.js'
import { beginDebugLines, createLog } from './telemetry/log-lines.js'

/** What the composition takes from outside besides its settings; tests bring their own. */
export interface Surroundings {
  readonly clock: Clock
  /** 0 to 1. */
  readonly random: () => number
  /** How the org is reached; default: over HTTP. */
  readonly connect?: typeof connect
  /** The largest difference of Okta's clock that is trusted; without limit by default for an org on http (loopback). */
  readonly maxSkewMs?: number
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
  warnOfInsecureOrg(settings)
  if (options?.cookies !== undefined) return composeOktaSession(settings, here)
  const { api } = settings
  refuseAnotherOrg(api)
  const okta = composeOktaSession(settings, { ...here, onClose: () => removeInstance(api) })
  addInstance(api)
  return okta
}

function warnOfInsecureOrg({ api, allowInsecureOrg, logger }: Settings): void {
  if (allowInsecureOrg && api.orgUrl.startsWith('http:'))
    createLog(logger, new URL(api.orgUrl).host)?.warn(
      'EOS136',
      'allowInsecureOrg: cookies and tokens cross the network to the org in clear. Never use this with real users',
    )
}

const MAX_RECORDS = 200_000
const MAX_PROVISIONAL_RECORDS = 10_000

/** The same over settings already checked, in surroundings of the caller's. */
export function composeOktaSession(settings: Settings, surroundings: Surroundings): OktaSession {
  const { host: orgHost } = new URL(settings.api.orgUrl)
  const logger = createLog(settings.logger, orgHost)
  const core = composeCore(settings, { ...surroundings, org: orgHost }, logger)
  const { createSession, pushes } = core.org
  const parts = { ...core, settings, orgHost, logger, createSession, pushes }
  const kit = createKit(parts, surroundings.clock)
  const removeRunning = addRunning(core.limiter, { org: orgHost, stats: () => statsOf(core) })
  const readiness = createReadinessCheck({ check: core.org.check, ...surroundings, logger })
  let closing: Promise<void> | undefined
  if (settings.checkAtStart) void readiness.ready()

  return {
    api: core.org.api,

    attachSession: (...given: [object?]) => createAttachSession(kit, ...given),
    requireSession: (...given) => createRequireSession(kit, given),
    login: (options) => createLogin(kit, options),
    refresh: (options) => createRefresh(kit, options),
    logout: (options) => createLogout(kit, options),
    refreshOnActivity: (options) => createRefreshOnActivity(kit, options),
    sessionInfo: (options) => createSessionInfo(kit, options),
    forwardAuth: (...given) => createForwardAuth(kit, given),
    eventHook: (options) => createEventHook(kit, options),
    sharedSignals: (options) => createSharedSignals(kit, options),
    session: createSessionOf(kit),
    authenticate: createAuthenticate(kit),
    check: createCheck(kit),
    watch: createWatch(kit),

    async forget(target) {
      await core.lookup.forget(checkedTarget(target))
    },

    ready: readiness.ready,

    stats: () => statsOf(core),

    async settled() {
      const { limiter, lookup, refresher, signOut, pushed, shared } = core
      const parts = [limiter, lookup, refresher, signOut, pushed, readiness]
      await Promise.all(parts.map((part) => part.settled()))
      // What they found is being written.
      await shared?.settled()
    },

    close() {
      surroundings.onClose?.()
      removeRunning()
      readiness.close()
      closing ??= core.close()
      return closing
    },
  }
}

/** The calls of `okta.api`: those with a cookie alone count against the account of the lookups. */
function limitApiCalls(limiter: Limiter): LimitCall {
  return async (operation, call) => {
    const account = operation.includes('Current') ? 'lookup' : 'sign_in'
    const { called, ...answer } = await limiter.call(
      { kind: 'api', operation: 'api', account },
      call,
    )
    return answer
  }
}

type Core = ReturnType<typeof composeCore>

function statsOf({ limiter, lookup, watches, pushed, shared }: Core): OktaSessionStats {
  const { heldOff, quota, ...gauges } = limiter.stats()
  return {
    ...lookup.stats(),
    ...gauges,
    watched: watches.size,
    ...(pushed.isExpected && { pushes: pushed.stats() }),
    ...(shared !== undefined && { store: shared.stats() }),
    ...(heldOff !== undefined && { heldOff }),
    ...(quota !== undefined && { quota }),
  }
}

/** `org`: the host of the org, for messages. */
type NamedSurroundings = Surroundings & { readonly org: string }

/** The revocation log, and the store in which instances share it with their sessions. */
function openRevocationLog(
  { api, cache, upstream, secrets }: Pick<Settings, 'api' | 'cache' | 'upstream' | 'secrets'>,
  { org, clock, random }: NamedSurroundings,
  logger: Log | undefined,
) {
  const { timeoutMs, orgUrl: orgOrigin } = api
  const { maxTtlMs } = cache
  const context = { org, orgOrigin, secrets, clock, random, logger, maxTtlMs, timeoutMs }
  const store = openStore(cache.store, context)
  const log = new RevocationLog({
    org,
    clock,
    retentionMs: maxTtlMs + 2 * timeoutMs + upstream.maxQueueMs,
    maxRecords: MAX_RECORDS,
    maxProvisional: MAX_PROVISIONAL_RECORDS,
    shared: store?.shared,
    nameSubject: store?.nameSubject,
  })
  return { log, shared: store?.shared }
}

/** Okta has done what was asked of `okta.api`: the caller hears of that, and the operator of this. */
function warnOfUntold(logger: Log | undefined, error: unknown): void {
  logger?.warn('EOS126', 'Other instances could not be told of a change made through okta.api', {
    error: String(error),
  })
}

/** From credential to verdict. */
function composeCore(
  { api, cache, upstream, secrets }: Settings,
  surroundings: NamedSurroundings,
  logger: Log | undefined,
) {
  const { clock } = surroundings
  const { timeoutMs } = api
  const reach = surroundings.connect ?? connect
  const onChanged = (sessionId: string) =>
    lookup.forget({ sessionId }).catch((error: unknown) => warnOfUntold(logger, error))
  const limiter = new Limiter({ upstream, logger, ...surroundings })
  const org = reach(api, clock, limitApiCalls(limiter), onChanged, logger)
  const { log, shared } = openRevocationLog({ api, cache, upstream, secrets }, surroundings, logger)
  const { fetchSession, refreshSession } = org
  const lookup = new Lookup({
    ...surroundings,
    cache,
    timeoutMs,
    limiter,
    log,
    fetchSession,
    shared,
    logger,
    // The clock of a local org is moved by hand; its http says that no proxy is in between.
    maxSkewMs:
      surroundings.maxSkewMs ??
      (api.orgUrl.startsWith('http:') ? Number.POSITIVE_INFINITY : undefined),
  })
  const { maxSessions, maxTtlMs } = cache
  const refresher = new Refresher({
    limiter,
    lookup,
    ...surroundings,
    refreshSession,
    maxSessions,
    shared,
  })
  shared?.onInstances((count) => limiter.setInstances(count))
  const signOut = new SignOut({ ...org, limiter, lookup, log, timeoutMs, logger })
  const pushed = new PushedRevocations(lookup)
  const watches = new Watches({ lookup, log, clock, maxTtlMs, logger })

  async function close(): Promise<void> {
    limiter.close()
    watches.close()
    signOut.close()
    pushed.close()
    log.close()
    lookup.close()
    await Promise.all([org.close(), shared?.close()])
  }

  return { org, limiter, log, lookup, refresher, signOut, watches, pushed, shared, close }
}
