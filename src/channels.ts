/** The diagnostics_channel names this package publishes on, and what each message carries. Never a secret. */
import { channel } from 'node:diagnostics_channel'
import type { Operation, UnavailableCode } from './errors.js'

/**
 * One call to Okta ended, its retry included: the middleware's, the SessionApi's, or the request for a
 * service app's token.
 */
export interface CallMessage {
  /** The operation that was called. */
  readonly operation: Operation
  /**
   * `yes`; `no`, Okta's word that there is no such session or sign-in; `aborted` by the caller's signal;
   * or why there is neither yes nor no.
   */
  readonly outcome: 'yes' | 'no' | 'aborted' | UnavailableCode
  /** The HTTP status of the last answer. */
  readonly status?: number | undefined
  /** From the call to its end. In milliseconds. */
  readonly durationMs: number
  /** Okta's `x-okta-request-id`. */
  readonly requestId?: string | undefined
}

/** It was found out, or not, whose session a request's cookie is. */
export interface VerdictMessage {
  /** As on `req.okta`. */
  readonly state: 'active' | 'incomplete' | 'anonymous' | 'unavailable'
  /** Where the answer came from; present where the state is `active`. */
  readonly source?: 'memory' | 'shared' | 'okta' | 'stale' | undefined
  /** Why the state is not `active`. */
  readonly reason?: string | undefined
}

/** The revocation log changed: something learned before now no longer counts. */
export interface RevocationMessage {
  /**
   * `forget`: everything learned of the subject; `refuse`: a sign-out began; `confirm`: Okta confirmed it;
   * `withdraw`: Okta does not know the cookie; `suspend`: everything learned, after a clock jumped.
   */
  readonly kind: 'forget' | 'refuse' | 'confirm' | 'withdraw' | 'suspend'
  /** What it concerns. */
  readonly scope: 'credential' | 'session' | 'user' | 'all'
  /** The position in the revocation log. */
  readonly position: number
}

/** A circuit opened, so that calls to Okta are rejected for a while, or closed. */
export interface HoldOffMessage {
  /** Whether it opened. */
  readonly on: boolean
  /**
   * Which calls: all lookups (every call where Okta can't be reached or limits the rate), those of unseen
   * cookies, sign-ins, refreshes, or sign-outs.
   */
  readonly who: 'everybody' | 'newcomers' | 'sign_ins' | 'refreshes' | 'sign_outs'
  /** Why it opened. */
  readonly code: UnavailableCode
  /** How long it stays open. In milliseconds. */
  readonly forMs?: number | undefined
}

/** The store that instances share can be used again, or can not. */
export interface StoreMessage {
  /** `unavailable`: this instance works alone. */
  readonly state: 'ready' | 'unavailable'
}

/**
 * The names to subscribe to with `node:diagnostics_channel`:
 * `call` ({@link CallMessage}), `verdict` ({@link VerdictMessage}), `revocation`
 * ({@link RevocationMessage}), `holdOff` ({@link HoldOffMessage}), `store` ({@link StoreMessage}). Messages
 * hold no secret.
 *
 * @example
 * diagnostics_channel.subscribe(channels.call, (message) => {
 *   const { operation, outcome, durationMs } = message as CallMessage
 *   console.log(`${operation}: ${outcome} after ${durationMs} ms`)
 * })
 * @see https://nodejs.org/api/diagnostics_channel.html
 */
export const channels = {
  call: 'express-okta-session:call',
  verdict: 'express-okta-session:verdict',
  revocation: 'express-okta-session:revocation',
  holdOff: 'express-okta-session:hold-off',
  store: 'express-okta-session:store',
} as const

/** The channel objects behind the names; publishing costs nothing without subscribers. */
export const publishers = {
  call: channel(channels.call),
  verdict: channel(channels.verdict),
  revocation: channel(channels.revocation),
  holdOff: channel(channels.holdOff),
  store: channel(channels.store),
} as const
