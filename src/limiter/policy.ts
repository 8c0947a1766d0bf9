/** Decides whether a call to Okta may be made now: one pure function of one state, in which all rules meet. */
import type { UnavailableCode } from '../errors.js'

/**
 * What a call is for, in the order in which calls are rejected when quota is short: `prefetch` (a
 * background lookup) and `stale` (between ttlMs and maxTtlMs, can be served stale) first; `unseen` (a cookie
 * without a result here, a sign-in) next; `seen` (nothing left to serve, a sign-out) last.
 */
export type CallKind = 'seen' | 'unseen' | 'stale' | 'prefetch'

/** A token bucket as it stands. */
export interface BucketLevel {
  readonly tokens: number
  readonly perSecond: number
}

/** The org's rate-limit window as its last answer gave it. */
export interface RateLimitWindow {
  readonly limit: number
  readonly remaining: number
  /** Monotonic milliseconds. */
  readonly resetAt: number
}

/** No calls until then, and why. At its end one trial call is made. */
export interface OpenCircuit {
  readonly code: 'rate_limited' | 'concurrency_limited' | 'breaker_open'
  /** Monotonic milliseconds. */
  readonly until: number
  /** Whether the trial call is under way. */
  readonly probing: boolean
  /** Whether a call for a seen session was rejected meanwhile: the trial is then reserved for one, for a while. */
  readonly knownWaits: boolean
}

export interface AdmissionState {
  readonly closed: boolean
  /** The asking client's failure budget; undefined when its address is not known. */
  readonly client: BucketLevel | undefined
  /** Whether that budget is one of many clients that can't be told apart. */
  readonly clientIsShared: boolean
  /** Everybody's failure budget. */
  readonly everybody: BucketLevel
  /** What is left of the calls the asking credential may cause; undefined when it has no share. */
  readonly credentialShare: BucketLevel | undefined
  /** What is left of the early calls the asking client may cause; undefined when this ask is none. */
  readonly clientShare: BucketLevel | undefined
  /** Whether the credential or its client holds all the places in the queue that it may. */
  readonly queueShareTaken: boolean
  readonly quota: RateLimitWindow | undefined
  /** Whether calls for unseen cookies were rejected for want of quota, and their retries are due. */
  readonly newcomersWait: boolean
  /** The open circuit that concerns this call for longest. */
  readonly holdOff: OpenCircuit | undefined
  readonly inFlight: number
  readonly maxConcurrent: number
  /** Queued calls that would go before this one. */
  readonly queued: number
  readonly maxQueued: number
}

/** What there was too little of, and how much of it there is a second. */
export interface Scarce {
  readonly what: 'failures' | 'calls'
  readonly perSecond: number
}

export type Admission =
  | { readonly admit: 'now' | 'probe' | 'queue' }
  | {
      readonly admit: 'no'
      readonly code: UnavailableCode
      readonly retryAfterMs: number
      readonly scarce?: Scarce
    }

/** The part of the rate-limit window reserved for seen sessions. */
const KEPT_FOR_KNOWN = 0.2
/** Below this part of the rate-limit window no call is made that can wait. */
const AMPLE = 0.5
/** How long the trial is reserved for a seen session after the circuit's time has passed. */
const KNOWN_FIRST_MS = 1_000

const atOnce: Admission = { admit: 'now' }
const probe: Admission = { admit: 'probe' }
const queue: Admission = { admit: 'queue' }

/**
 * Judges one ask. Syntax and the negative cache come before it: they answer without there being an ask.
 * `now` is monotonic milliseconds.
 */
export function admit(state: AdmissionState, kind: CallKind, now: number): Admission {
  if (state.closed) return refuse('closed', 1_000)
  return (
    overShare(state) ??
    (kind === 'unseen' ? overBudget(state) : undefined) ??
    overQuota(state, kind, now) ??
    heldOff(state, kind, now) ??
    place(state, kind)
  )
}

/** Rejects a credential or client over its share, before it displaces others. */
function overShare(state: AdmissionState): Admission | undefined {
  const { credentialShare, clientShare, clientIsShared } = state
  if (credentialShare !== undefined && credentialShare.tokens < 1)
    return refuse('too_many_attempts', refillMs(credentialShare))
  if (clientShare === undefined || clientShare.tokens >= 1) return undefined
  return refuse(clientIsShared ? 'over_budget' : 'too_many_attempts', refillMs(clientShare))
}

function overBudget(state: AdmissionState): Admission | undefined {
  const { client, clientIsShared, everybody } = state
  if (client !== undefined && client.tokens < 1)
    // The sender may not be the one that spent a shared budget.
    return clientIsShared
      ? refuse('over_budget', refillMs(client), scarceFailures(client))
      : refuse('too_many_attempts', refillMs(client))
  if (everybody.tokens >= 1) return undefined
  return refuse('over_budget', refillMs(everybody), scarceFailures(everybody))
}

function scarceFailures({ perSecond }: BucketLevel): Scarce {
  return { what: 'failures', perSecond }
}

function overQuota(state: AdmissionState, kind: CallKind, now: number): Admission | undefined {
  const { quota, newcomersWait } = state
  if (quota === undefined || now >= quota.resetAt) return undefined
  if (quota.remaining > quota.limit * keptFrom(kind, newcomersWait)) return undefined
  const scarce = { what: 'calls', perSecond: (quota.limit * (1 - KEPT_FOR_KNOWN)) / 60 } as const
  return refuse('over_budget', quota.resetAt - now, scarce)
}

/** The part of the minute this kind of ask may not touch. */
function keptFrom(kind: CallKind, newcomersWait: boolean): number {
  if (kind === 'seen') return 0
  if (kind === 'unseen') return KEPT_FOR_KNOWN
  return newcomersWait ? 1 : AMPLE
}

function heldOff(state: AdmissionState, kind: CallKind, now: number): Admission | undefined {
  const { holdOff, inFlight, maxConcurrent } = state
  if (holdOff === undefined) return undefined
  const { code, until, probing, knownWaits } = holdOff
  if (now < until) return refuse(code, until - now)
  // What strangers send may fail for its own sake: they don't get to say that Okta is still down.
  const leftToKnown = kind === 'unseen' && knownWaits && now < until + KNOWN_FIRST_MS
  // The probe has a user's own question behind it: nothing is asked of a struggling Okta that could wait.
  if (probing || leftToKnown || kind === 'prefetch' || inFlight >= maxConcurrent)
    return refuse(code, 1_000)
  return probe
}

function place(state: AdmissionState, kind: CallKind): Admission {
  if (state.inFlight < state.maxConcurrent && state.queued === 0) return atOnce
  if (kind === 'prefetch' || state.queued >= state.maxQueued) return refuse('queue_full', 1_000)
  if (state.queueShareTaken)
    return refuse(state.clientIsShared ? 'over_budget' : 'too_many_attempts', 1_000)
  return queue
}

function refillMs(bucket: BucketLevel): number {
  return bucket.perSecond > 0 ? ((1 - bucket.tokens) / bucket.perSecond) * 1_000 : 60_000
}

function refuse(code: UnavailableCode, forMs: number, scarce?: Scarce): Admission {
  const retryAfterMs = Math.max(1, Math.ceil(forMs))
  return { admit: 'no', code, retryAfterMs, ...(scarce !== undefined && { scarce }) }
}
