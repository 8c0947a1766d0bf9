/** One request from socket to socket: found, counted, answered or spoilt, written, logged. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Fault } from '../faults/fault.js'
import { type Answer, type Header, textAnswer } from '../http/answer.js'
import { type Ask, toAsk } from '../http/ask.js'
import { createIsNamed } from '../org/host-names.js'
import { newRequestId } from '../org/okta-ids.js'
import type { OrgParts } from '../org/org-parts.js'
import { type RateFigures, rateHeaders } from '../org/rate-limits.js'
import { isApiToken } from '../wire/authorization.js'
import { corsHeaders } from '../wire/cors.js'
import { oktaError } from '../wire/okta-error.js'
import { after, deliver, isWordless } from './deliver.js'
import { replacementFor, spoil } from './fault-answer.js'
import { findRoute, type Route } from './routes.js'

export interface ServeOptions {
  /** Requests at once; above it, Okta's other 429. */
  readonly maxConcurrent: number
  /** Milliseconds by which the Date header is off the org's time. */
  readonly dateSkewMs: number
  /** The names it answers to besides those of this machine. */
  readonly allowedHosts: readonly string[]
}

export type Serve = (req: IncomingMessage, res: ServerResponse) => void

export function createServe(org: OrgParts, options: ServeOptions): Serve {
  const isNamed = createIsNamed(options.allowedHosts)
  let underWay = 0
  return function serve(req, res) {
    // Before anything is found, counted or spoilt.
    if (!isNamed(req)) {
      deliver(res, misdirected(org, options), undefined)
      return
    }
    underWay += 1
    res.once('close', () => {
      underWay -= 1
    })
    const exchange = begin(org, toAsk(req), res, options, underWay)
    // The client went away while its body was read, or the org has a fault of its own.
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

function misdirected(org: OrgParts, { dateSkewMs }: ServeOptions): Answer {
  const text = `This local org does not answer to the Host of this request, or it has none or several.
It answers to localhost, 127.0.0.1 and [::1]. Give other names to createLocalOrg() as allowedHosts,
or to the command line as --allow-hosts.
`
  const headers = [dateHeader(org, dateSkewMs), ['x-content-type-options', 'nosniff']] as const
  return textAnswer(421, 'text/plain; charset=utf-8', text, headers)
}

interface Exchange {
  readonly org: OrgParts
  readonly ask: Ask
  readonly route: Route
  readonly res: ServerResponse
  readonly dateSkewMs: number
  readonly startedAt: number
  readonly fault: Fault | undefined
  /** Undefined for pages, which have no limits. */
  readonly figures: RateFigures | undefined
}

function begin(
  org: OrgParts,
  ask: Ask,
  res: ServerResponse,
  options: ServeOptions,
  underWay: number,
): Exchange {
  const route = findRoute(ask)
  const { call, bucket } = route
  if (call !== undefined) org.calls[call] += 1
  const isOver = underWay > options.maxConcurrent
  return {
    org,
    ask,
    route,
    res,
    dateSkewMs: options.dateSkewMs,
    startedAt: performance.now(),
    fault: call === undefined ? undefined : org.faults.take(call),
    figures: bucket && figuresFor(org, ask, bucket, isOver ? 'too_many_at_once' : 'counted'),
  }
}

function figuresFor(
  org: OrgParts,
  ask: Ask,
  bucket: NonNullable<Route['bucket']>,
  kind: 'counted' | 'too_many_at_once',
): RateFigures {
  if (kind === 'too_many_at_once') return org.rateLimits.concurrencyFigures()
  return org.rateLimits.count(bucket, isApiToken(org, ask))
}

function answerTo(exchange: Exchange): Answer | Promise<Answer> {
  const { org, fault, figures } = exchange
  if (fault === undefined || figures === undefined) return ownAnswer(exchange)
  const replacement = isWordless(fault)
    ? NOTHING
    : replacementFor(fault, org.url, org.rateLimits, figures)
  if (replacement === undefined) return ownAnswer(exchange)
  const performs = 'performs' in fault && fault.performs === true
  return performs ? Promise.resolve(ownAnswer(exchange)).then(() => replacement) : replacement
}

/** What stands for an answer where none is sent. */
const NOTHING: Answer = { status: 0, headers: [], body: '' }

function ownAnswer({ org, ask, route, figures }: Exchange): Answer | Promise<Answer> {
  if (figures === undefined) return route.answer(org, ask)
  if (figures.exceeded) return withFigures(oktaError('E0000047'), figures)
  const answer = route.answer(org, ask)
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
  const { org, ask, res, fault, dateSkewMs } = exchange
  const dated: Answer = {
    ...answer,
    headers: [
      dateHeader(org, dateSkewMs),
      ['x-okta-request-id', newRequestId()],
      ...corsHeaders(org, ask),
      ...answer.headers,
    ],
  }
  log(exchange, answer)
  deliver(res, fault === undefined ? dated : spoil(fault, dated), fault)
}

function dateHeader(org: OrgParts, skewMs: number): Header {
  return ['date', new Date(org.clock.now() + skewMs).toUTCString()]
}

function log({ org, route, fault, startedAt }: Exchange, answer: Answer): void {
  if (route.call === undefined) return
  const now = performance.now()
  const call = {
    at: org.clock.now(),
    call: route.call,
    status: answer === NOTHING ? undefined : answer.status,
    durationMs: now - startedAt,
    fault: fault?.kind,
  }
  org.callLog.add(call, now)
}
