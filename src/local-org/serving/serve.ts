/** Serves a request: checks its host, counts it, answers it with or without a fault, and logs it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Fault } from '../faults/fault.js'
import { type Answer, type Header, textAnswer } from '../http/answer.js'
import { type OrgRequest, toOrgRequest } from '../http/request.js'
import { createHasAllowedHost } from '../org/host-names.js'
import { newRequestId } from '../org/okta-ids.js'
import { type RateFigures, rateHeaders } from '../org/rate-limits.js'
import type { PushingOrg } from '../pushes/pushes.js'
import { isApiToken } from '../wire/authorization.js'
import { corsHeaders } from '../wire/cors.js'
import { oktaError } from '../wire/okta-error.js'
import { after, deliver, sendsNoAnswer } from './deliver.js'
import { alter, replacementFor } from './fault-answer.js'
import { findRoute, type Route } from './routes.js'

export interface ServeOptions {
  /** Concurrent requests above which the org answers the concurrency limit's 429. */
  readonly maxConcurrent: number
  /** Milliseconds added to the org's time in the Date header. */
  readonly dateSkewMs: number
  /** The host names that are accepted besides those of this machine. */
  readonly allowedHosts: readonly string[]
}

export type Serve = (req: IncomingMessage, res: ServerResponse) => void

export function createServe(org: PushingOrg, options: ServeOptions): Serve {
  const hasAllowedHost = createHasAllowedHost(options.allowedHosts)
  let concurrent = 0
  return function serve(req, res) {
    // First, so that no fault and no counter applies to such a request.
    if (!hasAllowedHost(req)) {
      deliver(res, misdirected(org, options), undefined)
      return
    }
    concurrent += 1
    res.once('close', () => {
      concurrent -= 1
    })
    const exchange = begin(org, toOrgRequest(req), res, options, concurrent)
    // Either the client disconnected while its body was read, or the org has a bug.
    const fail = () => finish(exchange, oktaError('E0000009'))
    try {
      const answer = answerTo(exchange)
      if (answer instanceof Promise) answer.then((ready) => finish(exchange, ready)).catch(fail)
      else finish(exchange, answer)
    } catch {
      fail()
    }
  }
}

function misdirected(org: PushingOrg, { dateSkewMs }: ServeOptions): Answer {
  const text = `The Host header of this request is missing, repeated, or not a name of this local org.
It answers to localhost, 127.0.0.1 and [::1]. Add other names with the allowedHosts option of
createLocalOrg(), or with --allow-hosts on the command line.
`
  const headers = [dateHeader(org, dateSkewMs), ['x-content-type-options', 'nosniff']] as const
  return textAnswer(421, 'text/plain; charset=utf-8', text, headers)
}

interface Exchange {
  readonly org: PushingOrg
  readonly request: OrgRequest
  readonly route: Route
  readonly res: ServerResponse
  readonly dateSkewMs: number
  readonly startedAt: number
  readonly fault: Fault | undefined
  /** Undefined for pages, which have no rate limit. */
  readonly figures: RateFigures | undefined
}

function begin(
  org: PushingOrg,
  request: OrgRequest,
  res: ServerResponse,
  options: ServeOptions,
  concurrent: number,
): Exchange {
  const route = findRoute(request, org)
  const { call, bucket } = route
  if (call !== undefined) org.calls[call] += 1
  const isOver = concurrent > options.maxConcurrent
  return {
    org,
    request,
    route,
    res,
    dateSkewMs: options.dateSkewMs,
    startedAt: performance.now(),
    fault: call === undefined ? undefined : org.faults.take(call),
    figures:
      bucket && figuresFor(org, request, bucket, isOver ? 'concurrency_limit' : 'rate_limit'),
  }
}

function figuresFor(
  org: PushingOrg,
  request: OrgRequest,
  bucket: NonNullable<Route['bucket']>,
  limit: 'rate_limit' | 'concurrency_limit',
): RateFigures {
  if (limit === 'concurrency_limit') return org.rateLimits.concurrencyFigures()
  return org.rateLimits.count(bucket, isApiToken(org, request))
}

function answerTo(exchange: Exchange): Answer | Promise<Answer> {
  const { org, fault, figures } = exchange
  if (fault === undefined || figures === undefined) return ownAnswer(exchange)
  const replacement = sendsNoAnswer(fault)
    ? NO_ANSWER
    : replacementFor(fault, org.url, org.rateLimits, figures)
  if (replacement === undefined) return ownAnswer(exchange)
  const performs = 'performs' in fault && fault.performs === true
  return performs ? Promise.resolve(ownAnswer(exchange)).then(() => replacement) : replacement
}

/** A placeholder for faults that send no answer. */
const NO_ANSWER: Answer = { status: 0, headers: [], body: '' }

function ownAnswer({ org, request, route, figures }: Exchange): Answer | Promise<Answer> {
  if (figures === undefined) return route.answer(org, request)
  if (figures.exceeded) return withFigures(oktaError('E0000047'), figures)
  const answer = route.answer(org, request)
  return answer instanceof Promise
    ? answer.then((ready) => withFigures(ready, figures))
    : withFigures(answer, figures)
}

function withFigures(answer: Answer, figures: RateFigures): Answer {
  return { ...answer, headers: [...rateHeaders(figures), ...answer.headers] }
}

function finish(exchange: Exchange, answer: Answer): void {
  const delayMs = exchange.fault?.delayMs ?? 0
  if (delayMs > 0) after(delayMs, exchange.res, () => send(exchange, answer))
  else send(exchange, answer)
}

function send(exchange: Exchange, answer: Answer): void {
  const { org, request, res, fault, dateSkewMs } = exchange
  const dated: Answer = {
    ...answer,
    headers: [
      dateHeader(org, dateSkewMs),
      ['x-okta-request-id', newRequestId()],
      ...corsHeaders(org, request),
      ...answer.headers,
    ],
  }
  log(exchange, answer)
  deliver(res, fault === undefined ? dated : alter(fault, dated), fault)
}

function dateHeader(org: PushingOrg, skewMs: number): Header {
  return ['date', new Date(org.clock.now() + skewMs).toUTCString()]
}

function log({ org, route, fault, startedAt }: Exchange, answer: Answer): void {
  if (route.call === undefined) return
  const now = performance.now()
  const call = {
    at: org.clock.now(),
    call: route.call,
    status: answer === NO_ANSWER ? undefined : answer.status,
    durationMs: now - startedAt,
    fault: fault?.kind,
  }
  org.callLog.add(call, now)
}
