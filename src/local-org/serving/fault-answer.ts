/** Applies a fault to an answer: pure functions from answer to answer. */
import { gzipSync } from 'node:zlib'
import type { AnswerFault, Fault } from '../faults/fault.js'
import { type Answer, type Header, jsonAnswer, redirectAnswer, textAnswer } from '../http/answer.js'
import { type RateFigures, type RateLimits, rateHeaders } from '../org/rate-limits.js'
import { envelope, isOktaErrorCode, oktaError } from '../wire/okta-error.js'

/** The answer that replaces Okta's own; undefined for a fault that does not replace it. */
export function replacementFor(
  fault: Fault,
  orgUrl: string,
  rateLimits: RateLimits,
  figures: RateFigures,
): Answer | undefined {
  switch (fault.kind) {
    case 'status':
      return withFigures(statusAnswer(fault), figures)
    case 'rate_limit':
      return withFigures(oktaError('E0000047'), { ...figures, remaining: 0 })
    case 'concurrency_limit':
      return withFigures(oktaError('E0000047'), rateLimits.concurrencyFigures())
    case 'html':
      return textAnswer(fault.status ?? 200, 'text/html; charset=utf-8', HTML)
    case 'redirect':
      return {
        ...redirectAnswer(302, fault.location ?? `${orgUrl}/login/login.htm`),
        status: fault.status ?? 302,
      }
    default:
      return undefined
  }
}

/** Okta's own answer with the fault applied to it. */
export function alter(fault: Fault, answer: Answer): Answer {
  switch (fault.kind) {
    case 'malformed_body':
      return { ...answer, body: firstHalf(bytesOf(answer)) }
    case 'huge_body':
      return { ...answer, body: Buffer.concat([bytesOf(answer), blanks(fault.bytes ?? MIB)]) }
    case 'gzip_body':
      return {
        ...answer,
        headers: [...answer.headers, ['content-encoding', 'gzip']],
        body: gzipSync(bytesOf(answer)),
      }
    case 'content_type':
      return withContentType(answer, fault.contentType)
    case 'fields':
      return { ...answer, body: editFields(answer.body, fault.remove ?? [], fault.set ?? {}) }
    case 'duplicate_headers':
      return { ...answer, headers: [...answer.headers, ...doubles(answer.headers, fault.names)] }
    case 'set_cookie':
      return {
        ...answer,
        headers: [...answer.headers, ...setCookies(fault.lines ?? UNRELATED_COOKIES)],
      }
    default:
      return answer
  }
}

export function firstHalf(bytes: Buffer): Buffer {
  return bytes.subarray(0, Math.floor(bytes.length / 2))
}

export function bytesOf(answer: Answer): Buffer {
  return typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body
}

const MIB = 1024 * 1024

const HTML = '<!doctype html><html lang="en"><title>Hello</title><h1>This is not JSON</h1></html>'

/** The cookies that real orgs also set: a device token, a theme, a servlet session, expired session cookies. */
const UNRELATED_COOKIES = [
  'DT=DI0zzzzzzzzzzzzzzzzzzzzzz;Version=1;Path=/;Max-Age=63072000;Secure;HttpOnly',
  't=default; Path=/',
  'JSESSIONID=00000000000000000000000000000000; Path=/; Secure; HttpOnly',
  'sid="";Version=1;Path=/;Max-Age=0',
  'xids="";Version=1;Path=/;Max-Age=0',
]

const USUAL_CODES: Readonly<Record<number, string>> = {
  400: 'E0000003',
  401: 'E0000011',
  403: 'E0000006',
  404: 'E0000007',
  405: 'E0000022',
  429: 'E0000047',
  503: 'E0000010',
}

function statusAnswer(fault: Extract<AnswerFault, { kind: 'status' }>): Answer {
  const more = Object.entries(fault.headers ?? {})
  const { status, contentType, body } = fault
  if (typeof body === 'string') return textAnswer(status, contentType ?? 'text/plain', body, more)
  const code = fault.errorCode ?? USUAL_CODES[status] ?? 'E0000009'
  const summary = fault.errorSummary ?? usualSummary(code)
  const answer = jsonAnswer(status, body === undefined ? envelope(code, summary) : body, more)
  return contentType === undefined ? answer : withContentType(answer, contentType)
}

function usualSummary(code: string): string {
  if (!isOktaErrorCode(code)) return 'An injected fault'
  const body: unknown = JSON.parse(String(oktaError(code, { what: 'me (Session)' }).body))
  const hasSummary = typeof body === 'object' && body !== null && 'errorSummary' in body
  return hasSummary ? String(body.errorSummary) : ''
}

function withFigures(answer: Answer, figures: RateFigures): Answer {
  return { ...answer, headers: [...rateHeaders(figures), ...answer.headers] }
}

function withContentType(answer: Answer, contentType: string | null = 'text/plain'): Answer {
  const others = answer.headers.filter(([name]) => name !== 'content-type')
  const type: readonly Header[] = contentType === null ? [] : [['content-type', contentType]]
  return { ...answer, headers: [...type, ...others] }
}

/** Leaves a body that is not a JSON object unchanged. */
function editFields(
  body: string | Buffer,
  remove: readonly string[],
  set: Readonly<Record<string, unknown>>,
): string | Buffer {
  if (!String(body).startsWith('{')) return body
  const fields = new Map<string, unknown>(Object.entries(JSON.parse(String(body))))
  for (const name of remove) fields.delete(name)
  return JSON.stringify({ ...Object.fromEntries(fields), ...set })
}

function doubles(
  headers: readonly Header[],
  names: readonly string[] = [
    'date',
    'x-rate-limit-limit',
    'x-rate-limit-remaining',
    'x-rate-limit-reset',
  ],
): readonly Header[] {
  return headers
    .filter(([name]) => names.includes(name))
    .map(([name, value]) => [name, another(name, value)])
}

function another(name: string, value: string): string {
  if (name === 'date') return new Date(Date.parse(value) + 3_600_000).toUTCString()
  return /^\d+$/.test(value) ? String(Number(value) + 1) : `${value}-again`
}

function setCookies(lines: readonly string[]): readonly Header[] {
  return lines.map((line) => ['set-cookie', line])
}

function blanks(bytes: number): Buffer {
  return Buffer.alloc(bytes, ' ')
}
