/** One operation from request to outcome: authorise, send, retry where that can help, judge, and publish on the call channel. */
import { type CallMessage, publishers } from '../channels.js'
import type { CallOptions, Clock, Outcome } from '../contracts.js'
import type { Operation } from '../errors.js'
import { checkSignal } from './arguments.js'
import type { Authorizer } from './credentials.js'
import { type Deadline, startDeadline } from './deadline.js'
import type { Ended, ExchangeRequest, ExchangeResult, Send } from './exchange.js'
import type { OperationSubject } from './redact.js'
import { toAnswer } from './responses.js'
import type { Retries } from './retry.js'

export interface Call<T> {
  readonly question: OperationSubject
  readonly request: ExchangeRequest
  readonly authorizer: Authorizer
  /** Makes the outcome of how the last exchange ended. */
  readonly judge: (question: OperationSubject, ended: Ended) => Outcome<T>
}

/** Per-call options inside this package: `headers` go along as they are, `X-Forwarded-For` for one. */
export interface OperationOptions extends CallOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export type Ask = <T>(call: Call<T>, options?: OperationOptions) => Promise<Outcome<T>>

export interface AskParts {
  readonly orgUrl: string
  readonly timeoutMs: number
  readonly clock: Clock
  readonly send: Send
  readonly retries: Retries
}

export function createAsk({ orgUrl, timeoutMs, clock, send, retries }: AskParts): Ask {
  return async function ask<T>(call: Call<T>, options: OperationOptions = {}): Promise<Outcome<T>> {
    const { operation } = call.question
    checkSignal(operation, options.signal)
    return announced(operation, () => carryOut(call, options), options.signal)
  }

  async function carryOut<T>(call: Call<T>, options: OperationOptions): Promise<Outcome<T>> {
    const { request, judge } = call
    const deadline = startDeadline(timeoutMs, options.signal, clock)
    const target = { method: request.method, url: `${orgUrl}${request.path}` }
    const attempt = call.authorizer.begin(target, deadline)
    const retry = retries.begin(request, deadline)
    return tryWith(call.question)

    async function tryWith(asked: OperationSubject): Promise<Outcome<T>> {
      const shown = await attempt.show()
      if (shown.kind === 'refused') return shown.outcome
      if (shown.kind !== 'headers') return judge(asked, unlessAborted(shown))
      const question = { ...asked, secrets: [...asked.secrets, ...shown.secrets] }
      const headers = { ...request.headers, ...options.headers, ...shown.headers }
      const ended = unlessAborted(await sendBefore(deadline, { ...request, headers }))
      const again = (ended.kind === 'answered' && attempt.reconsider(ended)) || (await retry(ended))
      return again ? tryWith(question) : judge(question, ended)
    }
  }

  async function sendBefore(deadline: Deadline, request: ExchangeRequest): Promise<ExchangeResult> {
    const { signal } = deadline
    const left = deadline.remainingMs()
    return left > 0
      ? send(request, { signal, timeoutMs: left })
      : { kind: 'failed', code: 'timeout' }
  }
}

/** The caller ended it, so that is no outcome of Okta's: it rejects with the signal's own reason, as fetch does. */
function unlessAborted(result: ExchangeResult): Ended {
  if (result.kind === 'aborted') throw result.reason
  return result
}

/** Makes the call; without subscribers that is all it does. */
export function announced<T>(
  operation: Operation,
  call: () => Promise<Outcome<T>>,
  signal?: AbortSignal,
): Promise<Outcome<T>> {
  return publishers.call.hasSubscribers ? announce(operation, call, signal) : call()
}

async function announce<T>(
  operation: Operation,
  call: () => Promise<Outcome<T>>,
  signal: AbortSignal | undefined,
): Promise<Outcome<T>> {
  const began = performance.now()
  const publish = (how: Pick<CallMessage, 'outcome' | 'status' | 'requestId'>) =>
    publishers.call.publish({ operation, ...how, durationMs: performance.now() - began })
  try {
    const outcome = await call()
    // No token, no call: the token request has told how that ended.
    const made = outcome.kind === 'ok' || outcome.error.operation === operation
    if (made) publish(describe(operation, outcome))
    return outcome
  } catch (error) {
    // Whatever else it rejects with is the application's own: no call was made.
    if (signal?.aborted) publish({ outcome: isTimeout(signal.reason) ? 'timeout' : 'aborted' })
    throw error
  }
}

function describe(operation: Operation, outcome: Outcome<unknown>) {
  const answer = toAnswer(operation, outcome)
  return {
    outcome: answer.kind === 'unavailable' ? answer.code : answer.kind,
    status: answer.head?.status,
    requestId: answer.head?.requestId,
  }
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof Error && reason.name === 'TimeoutError'
}
