/** The composition root of a local org: options to parts, parts to a server and the object that steers it. */
import { issueSessionToken } from './authn-api.js'
import { ExpiringMap } from './expiring-map.js'
import { listenOnLocalhost } from './listen.js'
import type { LocalOrg } from './local-org.js'
import { newApiToken } from './okta-ids.js'
import { type CheckedOptions, checkOptions, type LocalOrgOptions } from './options.js'
import { createOrgClock } from './org-clock.js'
import { type OrgParts, SESSION_TOKEN_MS } from './org-parts.js'
import type { CountedCall } from './routes.js'
import { serve } from './serve.js'
import { Sessions } from './sessions.js'
import { endById, listSessions, signedInUser, signInWithoutPage, userCalled } from './steering.js'
import { Users } from './users.js'

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
 * @throws TypeError for options that cannot be; whatever listening throws, `EADDRINUSE` for a taken port.
 */
export async function createLocalOrg(options: LocalOrgOptions = {}): Promise<LocalOrg> {
  const checked = checkOptions(options)
  const listening = await listenOnLocalhost(checked.port)
  const org = buildParts(checked, `http://localhost:${listening.port}`)
  const calls = noCalls()
  listening.onRequest((req, res) => serve({ org, calls }, req, res))
  return {
    url: org.url,
    engine: org.engine,
    apiToken: org.apiToken,
    users: org.users.all,
    calls,
    clock: org.clock,
    get sessions() {
      return listSessions(org)
    },
    signIn: (login, how) => signInWithoutPage(org, login, how),
    sessionToken: (login) => issueSessionToken(org, signedInUser(org, login)),
    endSession: (id) => endById(org, id),
    suspendUser(userId) {
      const user = userCalled(org, userId)
      org.users.suspend(user)
      return org.sessions.endAllOf(user)
    },
    unsuspendUser: (userId) => org.users.unsuspend(userCalled(org, userId)),
    close: () => listening.close(),
  }
}

function buildParts(options: CheckedOptions, url: string): OrgParts {
  const { engine } = options
  const clock = createOrgClock(options.clock)
  return {
    url,
    engine,
    clock,
    users: new Users(options.users),
    sessions: new Sessions(clock, engine, options),
    sessionTokens: new ExpiringMap(clock, SESSION_TOKEN_MS),
    apiToken: options.apiToken ?? newApiToken(),
    trustedOrigins: options.trustedOrigins,
  }
}

function noCalls(): Record<CountedCall, number> {
  return {
    getCurrentSession: 0,
    refreshCurrentSession: 0,
    closeCurrentSession: 0,
    createSession: 0,
    getSession: 0,
    refreshSession: 0,
    revokeSession: 0,
    authenticate: 0,
  }
}
