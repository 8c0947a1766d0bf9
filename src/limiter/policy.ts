/** Decides whether a call to Okta may be made now: one pure function of one state, in which all rules meet. */
import type { UnavailableCode } from '../errors.js'

/**
 * What a call is for, in the order in which calls are rejected when quota is short: `prefetch` (a
 * background lookup), `api` (a call of the app's own, through `okta.api`) and `stale` (between ttlMs and
 * maxTtlMs, can be served stale) first; `unseen` (a cookie without a result here, a sign-in) next; `seen`
 * (nothing left to serve, a sign-out) last.
 */
export type CallKind = 'seen' | 'unseen' | 'stale' | 'api' | 'prefetch'

/** What Okta is asked to do. It may fail in one of these and answer the others. */
export type CallOperation = 'lookup' | 'sign_in' | 'refresh' | 'sign_out' | 'api'

/** Okta counts calls made with an API token, such as sign-ins, apart from the other calls. */
export type Account = 'lookup' | 'sign_in'

/** What a call is for, and what it is charged to. */
export interface CallRequest {
  readonly kind: CallKind
  /** The credential, by which a retry is recognised; undefined when there is none. */
  readonly key?: string | undefined
  /** The client's address, normalised, or its shared peer; undefined when neither is known. */
  readonly client?: string | undefined
  /**
   * The key of the active session that came in the same request: the failure is charged to that session
   * and to no client.
   */
  readonly beside?: string | undefined
  /** `lookup` when left out. */
  readonly operation?: CallOperation | undefined
  /** That of the operation when left out. */
  readonly account?: Account | undefined
  /** Whether a usable answer or a negative one is cached: the call then counts against its client's share. */
  readonly early?: boolean | undefined
  /** Whether the failure budget is also charged for a rejection and for an answer that can't be used. */
  readonly chargeSilence?: boolean | undefined
}

/** A token bucket as it stands. */
export interface BucketLevel {
  readonly tokens: number
  readonly perSecond: number
}

/** The org's rate-limit window as its last answer gave it. */
export interface RateLimitWindow {
  readonly limit: number
  readonly remaining: number
  /** The calls that this process has made in the window. */
  readonly used: number
  /** Monotonic milliseconds. */
  readonly resetAt: number
}

/** No calls are made before `until`. Then one half-open trial is. */
export interface OpenCircuit {
  readonly code: 'rate_limited' | 'concurrency_limited' | 'breaker_open'
  /** Monotonic milliseconds. */
  readonly until: number
  /** Whether the trial is under way. */
  readonly inTrial: boolean
  /** Whether a call for a seen session was rejected meanwhile: the trial is then reserved for one, for a while. */
  readonly seenRejected: boolean
  /** Whether a call that is not suspect was rejected meanwhile: the trial is then reserved for one, for a while. */
  readonly othersRejected: boolean
}

export interface AdmissionState {
  readonly closed: boolean
  /** The failure budget of the client; undefined when its address is not known. */
  readonly client: BucketLevel | undefined
  /** Whether clients that can't be distinguished share that budget. */
  readonly clientIsShared: boolean
  /** Whether the client has less than half of that budget left. */
  readonly clientFailsOften: boolean
  /** The failure budget of all clients together. */
  readonly global: BucketLevel
  /** What is left of the calls that the credential may cause; undefined when it has no share. */
  readonly credentialShare: BucketLevel | undefined
  /** What is left of the early calls that the client may cause; undefined when this call is none. */
  readonly clientShare: BucketLevel | undefined
  /** Whether the credential or its client has taken all the places in the queue that it may. */
  readonly queueShareTaken: boolean
  readonly quota: RateLimitWindow | undefined
  /** How many processes share the window. */
  readonly instances: number
  /** Whether calls for unseen cookies were rejected for want of quota, and their retries are due. */
  readonly retriesDue: boolean
  /** The open circuit that stops this call for longest. */
  readonly circuit: OpenCircuit | undefined
  /** Whether the client lately had unusable answers, or the last trial failed with this credential. */
  readonly isSuspect: boolean
  readonly inFlight: number
  readonly maxConcurrent: number
  /** Whether calls of this operation have taken all the slots that they may. */
  readonly operationIsFull: boolean
  /** Queued calls that would go before this one. */
  readonly queued: number
  readonly maxQueued: number
}

/** The resource that is short, and how much of it is granted a second. */
export interface Scarce {
  readonly what: 'failures' | 'calls'
  readonly perSecond: number
}

export interface Rejection {
  readonly admit: 'no'
  readonly code: UnavailableCode
  readonly retryAfterMs: number
  readonly scarce?: Scarce
}

export type Admission = { readonly admit: 'now' | 'trial' | 'queue' } | Rejection

/** The part of the rate-limit window reserved for seen sessions. */
const KEPT_FOR_SEEN = 0.2
/** Below this part of the rate-limit window no call is made that can wait. */
const AMPLE = 0.5
/** How long the trial is reserved after the circuit's time has passed. */
const RESERVED_MS = 1_000

/**
 * Decides about one call. The cookie's syntax and the negative cache are checked before: they answer
 * without a call. `now` is monotonic milliseconds.
 */
export function admit(state: AdmissionState, kind: CallKind, now: number): Admission {
  if (state.closed) return reject('closed', 1_000)
  return (
    overShare(state) ??
    (kind === 'unseen' ? overBudget(state) : undefined) ??
    overQuota(state, kind, now) ??
    stopped(state, kind, now) ??
    slot(state, kind)
  )
}

/** Rejects a credential or client over its share, before it displaces others. */
function overShare(state: AdmissionState): Admission | undefined {
  const { credentialShare, clientShare, clientIsShared } = state
  if (credentialShare !== undefined && credentialShare.tokens < 1)
    return reject('too_many_attempts', refillMs(credentialShare))
  if (clientShare === undefined || clientShare.tokens >= 1) return undefined
  return reject(clientIsShared ? 'over_budget' : 'too_many_attempts', refillMs(clientShare))
}

function overBudget(state: AdmissionState): Admission | undefined {
  const { client, clientIsShared, global } = state
  const isClientOver = client !== undefined && client.tokens < 1
  if (isClientOver && !clientIsShared) return reject('too_many_attempts', refillMs(client))
  // A shared budget may have been spent by another client.
  const over = isClientOver ? client : global
  if (over.tokens >= 1) return undefined
  return reject('over_budget', refillMs(over), { what: 'failures', perSecond: over.perSecond })
}

function overQuota(state: AdmissionState, kind: CallKind, now: number): Admission | undefined {
  const { quota, instances, retriesDue } = state
  if (quota === undefined || now >= quota.resetAt) return undefined
  const { limit, remaining, used } = quota
  // While calls are scarce, a client with many failed lookups is rejected first.
  const kept = keptFrom(kind === 'unseen' && state.clientFailsOften ? 'stale' : kind, retriesDue)
  // A seen session with nothing left to serve may use what the other instances have left.
  const isOwnPartUsed = kind !== 'seen' && used >= (limit * (1 - kept)) / instances
  if (remaining > limit * kept && !isOwnPartUsed) return undefined
  const perSecond = (limit * (1 - KEPT_FOR_SEEN)) / 60 / instances
  const scarce = { what: 'calls', perSecond } as const
  return reject('over_budget', quota.resetAt - now, scarce)
}

/** The part of the rate-limit window that calls of this kind may not use. */
function keptFrom(kind: CallKind, retriesDue: boolean): number {
  if (kind === 'seen') return 0
  if (kind === 'unseen') return KEPT_FOR_SEEN
  return retriesDue ? 1 : AMPLE
}

function stopped(state: AdmissionState, kind: CallKind, now: number): Admission | undefined {
  const { circuit, isSuspect, inFlight, maxConcurrent, operationIsFull } = state
  if (circuit === undefined) return undefined
  const { code, until, inTrial, seenRejected, othersRejected } = circuit
  if (now < until) return reject(code, until - now)
  // An unseen cookie, or what a client sends again and again, may itself be what fails: its failure must not
  // keep the circuit open for others.
  const othersFirst = (kind === 'unseen' && seenRejected) || (isSuspect && othersRejected)
  const isReserved = othersFirst && now < until + RESERVED_MS
  const isFull = inFlight >= maxConcurrent || operationIsFull
  // A trial has a request behind it: a struggling Okta is not called for what can wait.
  if (inTrial || isReserved || kind === 'prefetch' || kind === 'api' || isFull)
    return reject(code, 1_000)
  return { admit: 'trial' }
}

function slot(state: AdmissionState, kind: CallKind): Admission {
  const isFull = state.inFlight >= state.maxConcurrent || state.operationIsFull
  if (!isFull && state.queued === 0) return { admit: 'now' }
  if (kind === 'prefetch' || state.queued >= state.maxQueued) return reject('queue_full', 1_000)
  if (state.queueShareTaken)
    return reject(state.clientIsShared ? 'over_budget' : 'too_many_attempts', 1_000)
  return { admit: 'queue' }
}

function refillMs(bucket: BucketLevel): number {
  return bucket.perSecond > 0 ? ((1 - bucket.tokens) / bucket.perSecond) * 1_000 : 60_000
}

function reject(code: UnavailableCode, forMs: number, scarce?: Scarce): Rejection {
  const retryAfterMs = Math.max(1, Math.ceil(forMs))
  return { admit: 'no', code, retryAfterMs, ...(scarce !== undefined && { scarce }) }
}
