/** The faults that the console page offers. */
import type { Fault } from './fault.js'

export interface Preset {
  readonly label: string
  readonly fault: Fault
}

export const PRESETS: readonly Preset[] = [
  { label: '500 internal error', fault: { kind: 'status', status: 500 } },
  { label: '503 read-only mode', fault: { kind: 'status', status: 503 } },
  { label: '403 refused by policy', fault: { kind: 'status', status: 403 } },
  { label: '401 in Okta’s shape', fault: { kind: 'status', status: 401 } },
  {
    label: '404 of a proxy, not of Okta',
    fault: { kind: 'status', status: 404, body: 'Not here' },
  },
  { label: '502 of a proxy', fault: { kind: 'status', status: 502, body: 'Bad gateway' } },
  { label: '429 rate limit exceeded', fault: { kind: 'rate_limit' } },
  { label: '429 concurrency limit exceeded', fault: { kind: 'concurrency_limit' } },
  { label: 'late by half a second', fault: { kind: 'delay', delayMs: 500 } },
  { label: 'late by five seconds', fault: { kind: 'delay', delayMs: 5_000 } },
  { label: 'no answer at all', fault: { kind: 'hang' } },
  { label: 'connection reset', fault: { kind: 'reset' } },
  { label: 'reset after the operation took effect', fault: { kind: 'reset', performs: true } },
  { label: 'not HTTP', fault: { kind: 'not_http' } },
  { label: 'body over ten seconds', fault: { kind: 'slow_body', overMs: 10_000 } },
  { label: 'body cut off', fault: { kind: 'truncated_body' } },
  { label: 'body of broken JSON', fault: { kind: 'malformed_body' } },
  { label: 'body of a megabyte', fault: { kind: 'huge_body' } },
  { label: 'body compressed', fault: { kind: 'gzip_body' } },
  { label: 'an HTML page', fault: { kind: 'html' } },
  { label: 'a redirect', fault: { kind: 'redirect' } },
  { label: 'another content type', fault: { kind: 'content_type' } },
  { label: 'headers sent twice', fault: { kind: 'duplicate_headers' } },
  { label: 'no login', fault: { kind: 'fields', remove: ['login'] } },
  { label: 'expiresAt is a number', fault: { kind: 'fields', set: { expiresAt: 1_900_000_000 } } },
  { label: 'an unknown status', fault: { kind: 'fields', set: { status: 'LOCKED_OUT' } } },
  { label: 'more Set-Cookie', fault: { kind: 'set_cookie' } },
]
