/** The data that the console shows: no cookie, no token, no internal id. */
import type { LoggedCall } from '../org/call-log.js'
import type { CountedCall } from '../org/calls.js'
import { type SessionSummary, summarize } from '../org/direct-control.js'
import type { ActiveFault } from '../org/faults.js'
import { currentPassCode } from '../org/second-factor.js'
import type { Engine } from '../org/sessions.js'
import type { Delivery } from '../pushes/courier.js'
import type { PushingOrg, ReceiverSummary } from '../pushes/pushes.js'

export interface ConsoleState {
  readonly url: string
  readonly engine: Engine
  /** ISO 8601, by the org's clock. */
  readonly now: string
  readonly users: readonly ConsoleUser[]
  /** The live ones: an expired session is not counted, whether or not it has been swept. */
  readonly sessionCount: number
  /** The newest {@link SESSIONS_SHOWN}, newest first. */
  readonly sessions: readonly SessionSummary[]
  readonly calls: Readonly<Record<CountedCall, number>>
  /** Newest first. */
  readonly recentCalls: readonly LoggedCall[]
  /** The calls in each of the last seconds, the current one last. */
  readonly callsPerSecond: readonly number[]
  readonly faults: readonly ActiveFault[]
  /** The registered receivers of pushes, without their secrets. */
  readonly receivers: readonly ReceiverSummary[]
  /** The last deliveries, newest first. */
  readonly pushes: readonly Delivery[]
}

export interface ConsoleUser {
  readonly login: string
  readonly password: string
  readonly userId: string
  readonly passCode: string
  readonly asksForPassCode: boolean
  readonly isSuspended: boolean
}

export const SESSIONS_SHOWN = 50

export function consoleState(org: PushingOrg): ConsoleState {
  const live = [...org.sessions.live()]
  return {
    url: org.url,
    engine: org.engine,
    now: new Date(org.clock.now()).toISOString(),
    users: org.users.all.map((user) => ({
      login: user.login,
      password: user.password,
      userId: user.userId,
      passCode: currentPassCode(org, user),
      asksForPassCode: user.mfa !== undefined,
      isSuspended: org.users.isSuspended(user),
    })),
    sessionCount: live.length,
    sessions: live.slice(-SESSIONS_SHOWN).reverse().map(summarize),
    calls: org.calls,
    recentCalls: org.callLog.recent(),
    callsPerSecond: org.callLog.perSecond(performance.now()),
    faults: org.faults.list(),
    receivers: org.pushes.receivers(),
    pushes: org.pushes.recent().toReversed(),
  }
}
