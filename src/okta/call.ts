/** One call from request to answer, within one deadline: authorise, send, retry once where that can help, and publish on the call channel. */

import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { follow } from '../abort.js'
import { type CallMessage, type CallTraceMessage, publishers, trace, tracers } from '../channels.js'
import { misuse } from '../codes.js'
import type { CallOptions, Clock, OktaAnswer } from '../contracts.js'
import type { Operation } from '../errors.js'
import { type CallResult, type OperationSubject, requestIdOf } from './call-error.js'
import type { Authorization, Authorizer } from './credentials.js'
import type {
  HttpAbort,
  HttpAnswer,
  HttpFailure,
  HttpRequest,
  HttpResult,
  Send,
} from './exchange.js'
import type { ReadAnswer } from './okta-answer.js'
import { publishDrift } from './schema-drift.js'

export interface Call<T> {
  readonly subject: OperationSubject
  readonly request: HttpRequest
  /** Undefined for a call that sends no credentials. */
  readonly authorizer: Authorizer | undefined
  readonly read: ReadAnswer<T>
}

/** Per-call options inside this package. */
export interface OperationOptions extends CallOptions {
  /** Sent as they are: `X-Forwarded-For` for one. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Makes the call when it may be made; left out, it is made at once. */
  readonly limit?: LimitCall | undefined
}

/** Makes a call to this operation when it may be made; resolves without one where it may not. */
export type LimitCall = <T>(
  operation: Operation,
  call: () => Promise<OktaAnswer<T>>,
) => Promise<OktaAnswer<T>>

/**
 * Makes one call. Rejects with the signal's reason when the caller's signal fires, with a TypeError for a
 * signal that is none, and with the application's own error when its access token function fails.
 */
export type MakeCall = <T>(call: Call<T>, options?: OperationOptions) => Promise<CallResult<T>>

export interface CallParts {
  readonly org: string
  readonly orgUrl: string
  readonly timeoutMs: number
  readonly clock: Clock
  readonly send: Send
  readonly retries: Retries
}

export function createMakeCall(parts: CallParts): MakeCall {
  const { org, orgUrl, timeoutMs, clock, send, retries } = parts
  return async function makeCall(call, options = {}) {
    const { operation } = call.subject
    checkSignal(operation, options.signal)
    if (options.signal === undefined) return limited(call, options)
    const { signal, stop } = follow(options.signal)
    return limited(call, { ...options, signal }).finally(stop)
  }

  async function limited<T>(call: Call<T>, options: OperationOptions): Promise<CallResult<T>> {
    const { subject } = call
    const { limit, signal } = options
    const about = { org, operation: subject.operation }
    const make = () => announced(about, () => carryOut(call, options), signal)
    if (limit === undefined) return make()
    let made: CallResult<T> | undefined
    const limited = limit(subject.operation, async () => {
      signal?.throwIfAborted()
      made = await make()
      // Without a token the Sessions API was not called: that says nothing about it.
      if (made.subject.operation !== subject.operation) throw new NoTokenError()
      return made.answer
    })
    const answer = await limited.catch((error: unknown) => {
      if (error instanceof NoTokenError) return undefined
      throw error
    })
    if (made !== undefined) return made
    return { subject, result: NOT_MADE, answer: answer ?? { kind: 'unavailable', code: 'closed' } }
  }

  async function carryOut<T>(call: Call<T>, options: OperationOptions): Promise<CallResult<T>> {
    const { request, read } = call
    const deadline = startDeadline(timeoutMs, options.signal, clock)
    const target = { method: request.method, url: `${orgUrl}${request.path}` }
    const attempt = call.authorizer?.begin(target, deadline)
    const retry = retries.begin(request, deadline)
    let { subject } = call
    for (;;) {
      const shown = attempt === undefined ? NO_CREDENTIALS : await attempt.show()
      if (shown.kind === 'refused') return shown.tokenCall
      if (shown.kind !== 'headers') return ended(unlessAborted(shown))
      if (shown.secrets.length > 0)
        subject = { ...subject, secrets: [...subject.secrets, ...shown.secrets] }
      const headers = { ...request.headers, ...options.headers, ...shown.headers }
      const result = unlessAborted(await sendBefore(deadline, send, { ...request, headers }))
      const again =
        (result.kind === 'answered' && attempt?.reconsider(result) === true) ||
        (await retry(result))
      if (!again) return ended(result)
    }

    function ended(result: HttpAnswer | HttpFailure): CallResult<T> {
      const answer = read(subject.operation, result)
      if (publishers.schemaDrift.hasSubscribers) publishDrift(org, subject.operation, result)
      return { subject, result, answer }
    }
  }
}

const NO_CREDENTIALS: Authorization = { kind: 'headers', headers: {}, secrets: [] }

class NoTokenError extends Error {}

/** Stands for the exchange of a call that was not made. */
const NOT_MADE: HttpFailure = { kind: 'failed', code: 'over_budget' }

function checkSignal(operation: Operation, signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return
  throw misuse('EOS317', `${operation}: signal must be an AbortSignal`)
}

/** Sends with the time that is left; a call without any is not made. */
export async function sendBefore(
  deadline: Deadline,
  send: Send,
  request: HttpRequest,
): Promise<HttpResult> {
  const { signal } = deadline
  const timeoutMs = deadline.remainingMs()
  return timeoutMs > 0 ? send(request, { signal, timeoutMs }) : TIMEOUT
}

export const TIMEOUT: HttpFailure = { kind: 'failed', code: 'timeout' }

/** An abort of the caller's is no answer of Okta's: it rejects with the signal's own reason, as fetch does. */
function unlessAborted(result: HttpResult): HttpAnswer | HttpFailure {
  if (result.kind === 'aborted') throw result.reason
  return result
}

/** Runs the call and publishes how it ended; without subscribers it only runs the call. */
export function announced<T>(
  about: Pick<CallMessage, 'org' | 'operation'>,
  call: () => Promise<CallResult<T>>,
  signal?: AbortSignal,
): Promise<CallResult<T>> {
  return publishers.call.hasSubscribers || tracers.call.hasSubscribers
    ? announce({ ...about }, call, signal)
    : call()
}

async function announce<T>(
  message: CallTraceMessage,
  call: () => Promise<CallResult<T>>,
  signal: AbortSignal | undefined,
): Promise<CallResult<T>> {
  const { operation } = message
  const began = performance.now()
  return trace(tracers.call, message, call, (end) => {
    const durationMs = performance.now() - began
    if ('result' in end) {
      const fields = { ...describe(end.result), durationMs }
      // Without a token no call was made: the token request has published its own message.
      if (end.result.subject.operation === operation) publish(fields)
      return { fields, error: failureOf(operation, fields.outcome) }
    }
    // Any other rejection is the application's own error: no call was made.
    if (!signal?.aborted)
      return { fields: { durationMs }, error: new Error(`${operation}: not called`) }
    const outcome: 'timeout' | 'aborted' = isTimeout(signal.reason) ? 'timeout' : 'aborted'
    publish({ outcome, durationMs })
    return { fields: { outcome, durationMs }, error: failureOf(operation, outcome) }
  })

  function publish(fields: Omit<CallMessage, 'org' | 'operation'>): void {
    if (publishers.call.hasSubscribers) publishers.call.publish({ ...message, ...fields })
  }
}

function failureOf(operation: Operation, outcome: string): Error | undefined {
  if (outcome === 'yes' || outcome === 'no') return undefined
  return Object.assign(new Error(`${operation}: ${outcome}`), { code: outcome })
}

function describe({
  subject,
  result,
  answer,
}: CallResult<unknown>): Pick<CallMessage, 'outcome' | 'status' | 'requestId'> {
  return {
    outcome: answer.kind === 'unavailable' ? answer.code : answer.kind,
    status: answer.head?.status,
    requestId: result.kind === 'answered' ? requestIdOf(subject, result) : undefined,
  }
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof Error && reason.name === 'TimeoutError'
}

/** Each operation earns a tenth of a retry, so that an outage adds at most a tenth to the load. */
const EARNED_PER_OPERATION = 0.1
const MAX_SAVED_RETRIES = 5
const RETRIES_AT_START = 1
const MIN_PAUSE_MS = 50
const MAX_PAUSE_MS = 150

/** Whether to try once more, after a pause it has waited out. Rejects with the reason of the caller's signal. */
export type Retry = (result: HttpAnswer | HttpFailure) => Promise<boolean>

export interface Retries {
  /** Begins one operation, which may be retried once while the budget lasts. */
  begin(request: HttpRequest, deadline: Deadline): Retry
}

/** `random` gives 0 to 1 for the jitter of the pause. */
export function createRetries(random: () => number): Retries {
  let saved = RETRIES_AT_START
  return {
    begin(request, deadline) {
      saved = Math.min(MAX_SAVED_RETRIES, saved + EARNED_PER_OPERATION)
      let used = false
      return async function retry(result) {
        if (used || saved < 1 || !isRepeatable(request) || !isTransient(result)) return false
        const pauseMs = MIN_PAUSE_MS + random() * (MAX_PAUSE_MS - MIN_PAUSE_MS)
        if (deadline.remainingMs() <= pauseMs) return false
        used = true
        saved -= 1
        await sleep(pauseMs, undefined, { signal: deadline.signal }).catch(() =>
          deadline.signal?.throwIfAborted(),
        )
        return true
      }
    },
  }
}

/** A POST is never repeated: a session token works once. */
function isRepeatable({ method }: HttpRequest): boolean {
  return method === 'GET' || method === 'DELETE'
}

/** Whether an immediate retry could succeed: the org was not reached, or a gateway said so. */
function isTransient(result: HttpAnswer | HttpFailure): boolean {
  if (result.kind === 'failed') return ['dns', 'connect', 'reset'].includes(result.code)
  return [502, 503, 504].includes(result.status)
}

/** One deadline, with the caller's signal, for all that an operation does. */
export interface Deadline {
  readonly signal: AbortSignal | undefined
  /** Milliseconds left; never below 0. */
  remainingMs(): number
}

export function startDeadline(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  clock: Clock,
): Deadline {
  const endsAt = clock.monotonic() + timeoutMs
  return { signal, remainingMs: () => Math.max(0, endsAt - clock.monotonic()) }
}

/** Waits for work that knows nothing of deadlines. The work itself goes on; a rejection of it passes through. */
export async function within<T>(
  deadline: Deadline,
  work: Promise<T>,
): Promise<{ readonly kind: 'done'; readonly value: T } | HttpFailure | HttpAbort> {
  const { signal } = deadline
  const giveUp = new AbortController()
  const ended = new Promise<HttpFailure | HttpAbort>((resolve) => {
    const timer = setTimeout(() => resolve(TIMEOUT), deadline.remainingMs())
    const onAbort = () => resolve({ kind: 'aborted', reason: signal?.reason })
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort, { signal: giveUp.signal })
    giveUp.signal.addEventListener('abort', () => clearTimeout(timer))
  })
  try {
    return await Promise.race([work.then((value) => ({ kind: 'done' as const, value })), ended])
  } finally {
    giveUp.abort()
  }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}
