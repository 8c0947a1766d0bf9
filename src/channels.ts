/** The diagnostics_channel names this package publishes on, what each message carries, and how operations are traced. Never a secret. */
import { channel, type TracingChannel, tracingChannel } from 'node:diagnostics_channel'
import type { Operation, UnavailableCode } from './errors.js'

/** What a tracing channel publishes: one object for each operation, filled in before its end. */
interface Traced {
  /** Why the operation has no usable result. It holds no secret. */
  error?: Error | undefined
}

/** Which org a message is about: an app may use several. */
interface AboutOrg {
  /** The host of the org's URL, with its port where it has one. */
  readonly org: string
}

/**
 * One call to Okta, its retry included: the middleware's, the SessionApi's, or the request for a service app's
 * token. `outcome` and what follows are filled in before the end.
 */
export interface CallTraceMessage extends AboutOrg, Traced {
  /** The operation that was called. */
  readonly operation: Operation
  /**
   * `yes`; `no`, Okta's word that there is no such session or sign-in; `aborted` by the caller's signal;
   * or why there is neither yes nor no.
   */
  outcome?: 'yes' | 'no' | 'aborted' | UnavailableCode | undefined
  /** The HTTP status of the last answer. */
  status?: number | undefined
  /** From the call to its end, without a wait for a slot. In milliseconds. */
  durationMs?: number | undefined
  /** Okta's `x-okta-request-id`. */
  requestId?: string | undefined
}

/** The same once it has ended. */
export interface CallMessage extends CallTraceMessage {
  readonly outcome: NonNullable<CallTraceMessage['outcome']>
  readonly durationMs: number
}

/** It was found out, or not, whose session a request's cookie is. */
export interface VerdictMessage extends AboutOrg {
  /** As on `req.okta`. */
  readonly state: 'active' | 'incomplete' | 'anonymous' | 'unavailable'
  /** Where the answer came from; present where the state is `active`. */
  readonly source?: 'memory' | 'shared' | 'okta' | 'stale' | undefined
  /** Why the state is not `active`. */
  readonly reason?: string | undefined
}

/** The revocation log changed: something learned before now no longer counts. */
export interface RevocationMessage extends AboutOrg {
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
export interface HoldOffMessage extends AboutOrg {
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
export interface StoreMessage extends AboutOrg {
  /** `unavailable`: this instance works alone. */
  readonly state: 'ready' | 'unavailable'
}

/**
 * One lookup of a cookie that is not answered from memory. Concurrent requests with the same cookie share it.
 * `state` and what follows are filled in before the end.
 */
export interface LookupMessage extends AboutOrg, Traced {
  /**
   * What is known of the cookie: it had an active session here (`seen`), or none (`unseen`); its session can
   * still be served (`stale`), or is asked for ahead of time, while it is served (`prefetch`).
   */
  readonly kind: 'seen' | 'unseen' | 'stale' | 'prefetch'
  /** As on `req.okta`. `unavailable`: a request may be served a stale session all the same. */
  state?: VerdictMessage['state'] | undefined
  /** Where the answer came from; present where the state is `active`. */
  source?: 'shared' | 'okta' | undefined
  /** Why the state is not `active`. */
  reason?: string | undefined
  /** From the start of the lookup to its end, waits included. In milliseconds. */
  durationMs?: number | undefined
}

/** Why a command to Redis has no usable reply. */
export type CommandFailure =
  | 'timeout'
  | 'not_ready'
  | 'circuit_open'
  | 'redis'
  | 'closed'
  | 'NOSCRIPT'
  | 'WRONGTYPE'

/**
 * One command to the store. Those that read the revocation log on a connection of their own wait for the next
 * record, and are not traced. `outcome` and `durationMs` are filled in before the end.
 */
export interface StoreCommandMessage extends AboutOrg, Traced {
  /** The name of the command, such as `EVALSHA`. */
  readonly command: string
  /** `ok`, or why there is no usable reply. */
  outcome?: 'ok' | CommandFailure | undefined
  /** In milliseconds. */
  durationMs?: number | undefined
}

/** A refresh of a session ended: at Okta, or since another instance has refreshed it within the period. */
export interface RefreshMessage extends AboutOrg {
  /** `over`: there is no such session (any more). */
  readonly outcome: 'refreshed' | 'recent' | 'over' | 'unavailable'
  /** Present where the outcome is `unavailable`. */
  readonly code?: UnavailableCode | undefined
}

/**
 * An answer about a session differs from what this package knows of Okta. Nothing fails for it: what is
 * unknown is left out of the session. An answer that lacks what it must hold is a call with the code `schema`.
 */
export interface SchemaDriftMessage extends AboutOrg {
  /** The operation that was answered. */
  readonly operation: Operation
  /** Names of fields that are not known. */
  readonly unknownFields: readonly string[]
  /** Values that are not known, as `field: value`, of `status`, `amr` and `idp.type`. */
  readonly unknownValues: readonly string[]
  /** Names of known fields that were left out, since they are not of their type. */
  readonly ignoredFields: readonly string[]
}

/**
 * The names to subscribe to with `node:diagnostics_channel`. Messages hold no secret.
 *
 * Channels: `call` ({@link CallMessage}) when a call has ended, `verdict` ({@link VerdictMessage}),
 * `revocation` ({@link RevocationMessage}), `refresh` ({@link RefreshMessage}), `holdOff`
 * ({@link HoldOffMessage}), `store` ({@link StoreMessage}), `schemaDrift` ({@link SchemaDriftMessage}).
 *
 * Tracing channels, for `diagnostics_channel.tracingChannel(name)`: `lookup` ({@link LookupMessage}), `call`
 * ({@link CallTraceMessage}) and `storeCommand` ({@link StoreCommandMessage}). `start` is published in the
 * context of the request; `asyncEnd` when the operation has ended; `error` before it where there is no usable
 * answer.
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
  refresh: 'express-okta-session:refresh',
  holdOff: 'express-okta-session:hold-off',
  store: 'express-okta-session:store',
  schemaDrift: 'express-okta-session:schema-drift',
  lookup: 'express-okta-session:lookup',
  storeCommand: 'express-okta-session:store-command',
} as const

/** The channel objects behind the names; publishing costs nothing without subscribers. */
export const publishers = {
  call: channel(channels.call),
  verdict: channel(channels.verdict),
  revocation: channel(channels.revocation),
  refresh: channel(channels.refresh),
  holdOff: channel(channels.holdOff),
  store: channel(channels.store),
  schemaDrift: channel(channels.schemaDrift),
} as const

/** Node has had `hasSubscribers` since 20.13; its types for Node 20 lack it. */
interface Tracer<M extends Traced> extends TracingChannel<unknown, M> {
  readonly hasSubscribers: boolean
}

/** The tracing channels behind the names. */
export const tracers = {
  lookup: tracingChannel(channels.lookup) as Tracer<LookupMessage>,
  call: tracingChannel(channels.call) as Tracer<CallTraceMessage>,
  storeCommand: tracingChannel(channels.storeCommand) as Tracer<StoreCommandMessage>,
} as const

/** How an operation ended. */
export interface TracedEnd<M> {
  readonly fields: Partial<M>
  readonly error?: Error | undefined
}

/**
 * Node's own `tracePromise` publishes the result, which may hold a session or a credential; this publishes
 * what `ended` says of it. Stores bound to the start are those of `run` and of all that it awaits. The caller
 * checks for subscribers first.
 */
export function trace<M extends Traced, T>(
  channel: TracingChannel<unknown, M>,
  message: M,
  run: () => Promise<T>,
  ended: (outcome: { readonly result: T } | { readonly thrown: unknown }) => TracedEnd<M>,
): Promise<T> {
  return channel.start.runStores(message, () => {
    const running = run().then(
      (result) => {
        publishEnd(ended({ result }))
        return result
      },
      (thrown: unknown) => {
        publishEnd(ended({ thrown }))
        throw thrown
      },
    )
    channel.end.publish(message)
    return running
  })

  function publishEnd({ fields, error }: TracedEnd<M>): void {
    Object.assign(message, fields)
    if (error !== undefined) {
      message.error = error
      channel.error.publish(message)
    }
    channel.asyncStart.publish(message)
    channel.asyncEnd.publish(message)
  }
}
