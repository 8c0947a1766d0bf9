/** Whether a call to Okta may be made now: one pure judgement over one state, so that every rule meets every other here. */
import type { UnavailableCode } from '../errors.js'

/**
 * Who asks, in the order in which they give way when quota is short:
 * `ahead` (a background refresh) and `aging` (between ttlMs and maxTtlMs, can be served stale) give way
 * first; `newcomer` (a cookie never seen here, a sign-in) next; `known` (nothing left to serve, a
 * sign-out) last.
 */
export type CallKind = 'seen' | 'unseen' | 'stale' | 'prefetch'

/** A token bucket as it stands. */
export interface BucketLevel {
  readonly tokens: number
  readonly perSecond: number
}

/** The org's minute as its last answer told it. */
export interface RateLimitWindow {
  readonly limit: number
  readonly remaining: number
  /** Monotonic milliseconds. */
  readonly resetAt: number
}

/** Until when nobody calls, and why. At its end one probe goes out. */
export interface OpenCircuit {
  readonly code: 'rate_limited' | 'concurrency_limited' | 'breaker_open'
  /** Monotonic milliseconds. */
  readonly until: number
  /** Whether the probe is out. */
  readonly probing: boolean
  /** Whether a known session was turned away meanwhile: then the probe is left to one for a while. */
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
  /** Whether newcomers were turned away for want of calls and are still to come back. */
  readonly newcomersWait: boolean
  /** The one that holds this ask off longest. */
  readonly holdOff: OpenCircuit | undefined
  readonly inFlight: number
  readonly maxConcurrent: number
  /** How many wait that this ask would have to stand behind. */
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

/** The part of the org's minute kept for sessions already known. */
const KEPT_FOR_KNOWN = 0.2
/** The part of the org's minute above which nothing is asked that can wait. */
const AMPLE = 0.5
/** How long after the end of a hold-off the probe is left to a known session that was turned away. */
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

/** One credential or client that asks too much is refused as such, before others have to give way to it. */
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
