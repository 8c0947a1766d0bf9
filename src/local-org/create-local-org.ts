/** The composition root of a local org: builds its parts from the options, starts its server, and returns its controls. */
import { checkFault } from './faults/check-fault.js'
import type { Fault } from './faults/fault.js'
import { type Listening, listenOn, listenOnLocalhost } from './http/listen.js'
import type { LocalOrg } from './local-org.js'
import { type CheckedOptions, checkOptions, type LocalOrgOptions } from './options.js'
import { AccessTokens, SCOPES } from './org/access-tokens.js'
import { CallLog } from './org/call-log.js'
import { noCalls } from './org/calls.js'
import {
  listSessions,
  signedInUser,
  signInWithoutPage,
  userById,
  userByLogin,
  withSession,
} from './org/direct-control.js'
import { ExpiringMap } from './org/expiring-map.js'
import { type FaultScope, Faults } from './org/faults.js'
import { newApiToken } from './org/okta-ids.js'
import { revokeSession, suspendUser, unsuspendUser } from './org/org-actions.js'
import { createOrgClock } from './org/org-clock.js'
import { OrgEvents } from './org/org-events.js'
import { type OrgParts, SESSION_TOKEN_MS } from './org/org-parts.js'
import { RateLimits } from './org/rate-limits.js'
import { addSecondFactor, currentPassCode } from './org/second-factor.js'
import { ServiceAppKeys } from './org/service-app.js'
import { Sessions } from './org/sessions.js'
import { SigningKey } from './org/signing-key.js'
import { Users } from './org/users.js'
import { pushControls } from './pushes/push-controls.js'
import { Pushes, type PushingOrg } from './pushes/pushes.js'
import { createServe } from './serving/serve.js'
import { issueSessionToken } from './wire/authn-api.js'

/**
 * Starts an Okta org on localhost, for development and tests.
 *
 * @example
 * const org = await createLocalOrg()
 * const response = await fetch(`${org.url}/api/v1/sessions/me`, {
 *   headers: { cookie: org.signIn('alice@example.com') },
 * })
 * await org.close()
 *
 * @throws TypeError for invalid options; the error of listening otherwise, such as `EADDRINUSE`.
 */
export async function createLocalOrg(options: LocalOrgOptions = {}): Promise<LocalOrg> {
  const checked = checkOptions(options)
  const { host, port, allowedHosts } = checked
  const listening = await (host === undefined ? listenOnLocalhost(port) : listenOn(host, port))
  const name = host === undefined ? 'localhost' : (allowedHosts[0] ?? 'localhost')
  const parts = buildParts(checked, `http://${name}:${listening.port}`)
  const org = { ...parts, pushes: new Pushes(parts, checked) }
  listening.onRequest(createServe(org, checked))
  return toLocalOrg(org, listening)
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

function buildParts(options: CheckedOptions, url: string): OrgParts {
  const { engine } = options
  const clock = createOrgClock(options.clock)
  return {
    url,
    engine,
    clock,
    users: new Users(options.users),
    sessions: new Sessions(clock, engine, options),
    events: new OrgEvents(),
    sessionTokens: new ExpiringMap(clock, SESSION_TOKEN_MS),
    stateTokens: new ExpiringMap(clock, SESSION_TOKEN_MS),
    apiToken: options.apiToken ?? newApiToken(),
    trustedOrigins: options.trustedOrigins,
    serviceApp: new ServiceAppKeys(options.serviceApp),
    signingKey: new SigningKey(),
    accessTokens: new AccessTokens(clock),
    usedTokenIds: new ExpiringMap(clock, HOUR_MS),
    dpopNonces: new ExpiringMap(clock, DAY_MS),
    dpop: options.dpop,
    faults: new Faults(),
    rateLimits: new RateLimits(clock, options.rateLimitPerMinute),
    callLog: new CallLog(),
    calls: noCalls(),
  }
}

function toLocalOrg(org: PushingOrg, listening: Listening): LocalOrg {
  return {
    url: org.url,
    engine: org.engine,
    apiToken: org.apiToken,
    users: org.users.all,
    serviceApp: org.serviceApp,
    calls: org.calls,
    clock: org.clock,
    get sessions() {
      return listSessions(org)
    },
    get faults() {
      return org.faults.list()
    },
    get pushes() {
      return org.pushes.recent()
    },
    signIn: (login, how) => signInWithoutPage(org, login, how),
    sessionToken: (login) => issueSessionToken(org, signedInUser(org, login)),
    passCode: (login) => currentPassCode(org, userByLogin(org, login)),
    stepUp: (named) => withSession(org, named, (session) => addSecondFactor(org, session)),
    endSession: (named) => withSession(org, named, (session) => revokeSession(org, session)),
    suspendUser: (userId) => suspendUser(org, userById(org, userId)),
    unsuspendUser: (userId) => unsuspendUser(org, userById(org, userId)),
    accessToken: (scopes = SCOPES) => org.accessTokens.issue({ scopes }),
    revokeAccessToken: (token) => org.accessTokens.revoke(token),
    failNext: (fault, scope = {}) => switchOn(org, fault, scope.times ?? 1, scope),
    fail: (fault, scope = {}) => switchOn(org, fault, undefined, scope),
    clearFaults: () => org.faults.clear(),
    ...pushControls(org),
    async close() {
      await Promise.all([listening.close(), org.pushes.close()])
    },
  }
}

function switchOn(
  org: OrgParts,
  fault: Fault,
  times: number | undefined,
  { operation }: FaultScope,
): () => void {
  checkFault(fault)
  const id = org.faults.add(fault, times, operation === undefined ? {} : { operation })
  return () => {
    org.faults.stop(id)
  }
}
