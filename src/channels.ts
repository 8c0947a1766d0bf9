/** The diagnostics_channel names this package publishes on, and what each message carries. Never a secret. */
import { channel } from 'node:diagnostics_channel'
import type { Operation, UnavailableCode } from './errors.js'

/**
 * One call to Okta ended, its retry included: the middleware's, the SessionApi's, or the request for a
 * service app's token.
 */
export interface CallMessage {
  readonly operation: Operation
  /**
   * `yes`; `no`, Okta's word that there is no such session or sign-in; `aborted` by the caller's signal;
   * or why there is neither yes nor no.
   */
  readonly outcome: 'yes' | 'no' | 'aborted' | UnavailableCode
  /** The HTTP status of the last answer. */
  readonly status?: number | undefined
  readonly durationMs: number
  /** Okta's `x-okta-request-id`. */
  readonly requestId?: string | undefined
}

/** A request was answered without a call having been made, or with the one it waited for. */
export interface VerdictMessage {
  readonly state: 'active' | 'incomplete' | 'anonymous' | 'unavailable'
  readonly source?: 'memory' | 'shared' | 'okta' | 'stale' | undefined
  readonly reason?: string | undefined
}

/** Something learned before now no longer counts. */
export interface RevocationMessage {
  readonly kind: 'forget' | 'refuse' | 'confirm' | 'withdraw' | 'suspend'
  readonly scope: 'credential' | 'session' | 'user' | 'all'
  /** The position in the revocation log. */
  readonly position: number
}

/** Calls to Okta are held off, or no longer. */
export interface HoldOffMessage {
  readonly on: boolean
  /** Whose calls: everybody's, those for cookies never seen before, or sign-ins. */
  readonly who: 'everybody' | 'newcomers' | 'sign_ins'
  readonly code: UnavailableCode
  readonly forMs?: number | undefined
}

/**
 * The names to subscribe to with `node:diagnostics_channel`:
 * `call` ({@link CallMessage}), `verdict` ({@link VerdictMessage}), `revocation`
 * ({@link RevocationMessage}), `holdOff` ({@link HoldOffMessage}).
 */
export const channels = {
  call: 'express-okta-session:call',
  verdict: 'express-okta-session:verdict',
  revocation: 'express-okta-session:revocation',
  holdOff: 'express-okta-session:hold-off',
} as const

/** The channel objects behind the names; publishing costs nothing without subscribers. */
export const publishers = {
  call: channel(channels.call),
  verdict: channel(channels.verdict),
  revocation: channel(channels.revocation),
  holdOff: channel(channels.holdOff),
} as const
