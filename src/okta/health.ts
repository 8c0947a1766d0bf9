/** Judges how the org answers one GetCurrentSession without a cookie: reachability, clock, rate limit. For ready() and the command `doctor`. */
import type { Clock, OktaAnswer } from '../contracts.js'
import type { RateLimit, UnavailableCode } from '../errors.js'
import type { Finding, Session } from '../public-types.js'
import type { CallResult } from './call-error.js'
import { isConcurrencyLimit, soleValue } from './http-answer.js'

/** One call without a cookie, and when it was made. Times are epoch milliseconds by this machine's clock. */
export interface OrgProbe {
  readonly answer: OktaAnswer<Session>
  readonly sentAt: number
  readonly arrivedAt: number
  readonly durationMs: number
  /** Why no answer came. */
  readonly cause?: Error | undefined
  /** The origin that a redirect leads to. */
  readonly redirectedTo?: string | undefined
}

/** Makes the call, which never rejects, and measures it. */
export async function probeOrg(
  call: () => Promise<CallResult<Session>>,
  clock: Clock,
): Promise<OrgProbe> {
  const sentAt = clock.now()
  const began = clock.monotonic()
  const { answer, result } = await call()
  const durationMs = Math.round(clock.monotonic() - began)
  const times = { sentAt, arrivedAt: clock.now(), durationMs }
  if (result.kind === 'failed') return { answer, ...times, cause: result.cause }
  return { answer, ...times, redirectedTo: originOf(soleValue(result.headers, 'location')) }
}

/** The rest of a URL may hold a token. */
function originOf(location: string | undefined): string | undefined {
  try {
    return location === undefined ? undefined : new URL(location).origin
  } catch {
    // A path: it leads to the same origin.
    return undefined
  }
}

/** What the call shows. The last two are absent where no answer came. */
export function findingsOf(probe: OrgProbe): readonly Finding[] {
  if (probe.answer.kind === 'unavailable' && probe.answer.head === undefined)
    return [judgeOrg(probe)]
  return [judgeOrg(probe), judgeClock(probe), judgeRateLimit(probe)]
}

/** A visitor whose session is not cached waits for as long. */
const SLOW_MS = 1_500
/** The default of `upstream.timeoutMs`. */
const TOO_SLOW_MS = 3_000

function judgeOrg(probe: OrgProbe): Finding {
  const { answer, durationMs } = probe
  const check = 'org'
  if (answer.kind === 'yes')
    return {
      check,
      level: 'fault',
      message: 'GET /sessions/me without a cookie is answered with a session',
      advice:
        'A proxy in front of Okta caches answers or adds a cookie: each visitor would be that user. Switch that off before anything else',
    }
  if (answer.kind === 'unavailable' && !isRateLimited(answer.code)) return unusable(probe, answer)
  if (durationMs > SLOW_MS) return slow(durationMs)
  const { status = 0 } = answer.head ?? {}
  if (answer.kind === 'no' && status !== 404)
    return {
      check,
      level: 'warning',
      message: `Okta answers ${status} without a cookie, in its own error shape; 404 is usual. It counts as no session`,
      advice: 'Ask the administrators of the org and of the proxies in front of it what changed',
    }
  return {
    check,
    level: 'ok',
    message: `Okta answers ${status} without a cookie, in ${durationMs} ms`,
  }
}

function isRateLimited(code: UnavailableCode): boolean {
  return code === 'rate_limited' || code === 'concurrency_limited'
}

function slow(durationMs: number): Finding {
  const isTooSlow = durationMs > TOO_SLOW_MS
  return {
    check: 'org',
    level: isTooSlow ? 'fault' : 'warning',
    message: isTooSlow
      ? `Okta answers after ${durationMs} ms: later than the default of upstream.timeoutMs`
      : `Okta answers after ${durationMs} ms. Each visitor who is not cached waits for as long`,
    advice: 'Look at the network between this machine and Okta, and at the status page of Okta',
  }
}

type Unavailable = Extract<OktaAnswer<never>, { kind: 'unavailable' }>

function unusable(probe: OrgProbe, { code, head, errorCode }: Unavailable): Finding {
  const { message, advice } = EXPLANATIONS[code] ?? OTHER
  const details = [
    head === undefined ? undefined : `status ${head.status}`,
    errorCode,
    probe.cause === undefined ? undefined : causeText(probe.cause),
    probe.redirectedTo === undefined ? undefined : `to ${probe.redirectedTo}`,
  ].filter((detail) => detail !== undefined)
  const shown = details.length === 0 ? '' : ` (${details.join(', ')})`
  return {
    check: 'org',
    level: 'fault',
    message: `${message}${shown}`,
    advice: (code === 'tls' ? tlsAdvice(probe.cause) : undefined) ?? advice,
  }
}

function causeText(cause: Error): string {
  return 'code' in cause ? String(cause.code) : cause.message
}

interface Explanation {
  readonly message: string
  readonly advice: string
}

const OTHER: Explanation = {
  message: 'Okta gave no usable answer',
  advice: 'Look at what stands between this machine and Okta',
}

const ANOTHER_SERVER =
  'Something else than Okta answers: check the URL of the org, and that each proxy on the way passes /api/v1 to Okta unchanged'

const STATUS_PAGE =
  'Look at the status page of Okta. Meanwhile the app serves the sessions that it knows for up to cache.maxTtlMs, and signs no user out'

const EXPLANATIONS: { readonly [code in UnavailableCode]?: Explanation } = {
  dns: {
    message: 'The host name of the org was not resolved',
    advice: 'Check the spelling of the org, and the DNS of this machine',
  },
  connect: {
    message: 'No connection to the org',
    advice:
      'Check the host, the port and the firewalls; where calls go out through a proxy, set upstream.agent',
  },
  reset: {
    message: 'The connection to the org was lost before the answer was complete',
    advice: 'Look at the proxies and firewalls between this machine and Okta',
  },
  timeout: { message: 'No answer from Okta in time', advice: STATUS_PAGE },
  tls: {
    message: 'No trusted TLS connection to the org',
    advice: 'Check the certificate of the host, and which authorities this machine trusts',
  },
  redirect: {
    message: 'GET /sessions/me is answered with a redirect, which Okta never sends',
    advice:
      'Write the host that Okta itself uses: your custom domain, or https://your-org.okta.com. On one host the proxy must pass /api/v1 to Okta, not to the app',
  },
  content_type: { message: 'The answer is not JSON', advice: ANOTHER_SERVER },
  malformed: { message: 'The answer is not well-formed', advice: ANOTHER_SERVER },
  schema: { message: 'The answer lacks what a session must hold', advice: ANOTHER_SERVER },
  too_large: { message: 'The answer is longer than 64 KiB', advice: ANOTHER_SERVER },
  encoding: {
    message: 'The answer is compressed, though none was asked for',
    advice: 'Switch compression off for /api/v1 at the proxy in front of Okta',
  },
  unexpected_status: {
    message: 'The answer has a status or a shape that Okta does not use for this',
    advice: ANOTHER_SERVER,
  },
  forbidden: {
    message: 'Okta, or a proxy, refuses this machine',
    advice:
      'Look at the network zones and policies of the org, and at the proxies in front of it: this machine must be allowed to call /api/v1/sessions/me',
  },
  server_error: { message: 'Okta, or a gateway, answers with an error', advice: STATUS_PAGE },
  closed: { message: 'This instance is closed', advice: 'Call ready() before close()' },
}

const PRIVATE_CA =
  'The certificate is of an authority that this machine does not trust: give Node its certificate in NODE_EXTRA_CA_CERTS, or set upstream.agent. TLS checks cannot be switched off'

const TLS_ADVICE: readonly (readonly [RegExp, string])[] = [
  [/SELF_SIGNED|UNABLE_TO/, PRIVATE_CA],
  [
    /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/,
    'Renew the certificate, or correct the clock of this machine',
  ],
  [
    /ALTNAME/,
    'The certificate is for another name: check the host of the org, and the custom domain',
  ],
  [/EPROTO|SSL/, 'The port does not speak TLS, or no version in common: check the port'],
]

function tlsAdvice(cause: Error | undefined): string | undefined {
  const text = cause === undefined ? '' : causeText(cause)
  return TLS_ADVICE.find(([pattern]) => pattern.test(text))?.[1]
}

/** `Date` is in whole seconds, and a minute's sessions must not end seconds early. */
const CLOCK_TOLERANCE_MS = 5_000
/** Beyond this the `Date` of answers is ignored. */
const CLOCK_IGNORED_MS = 10 * 60_000

function judgeClock({ answer, sentAt, arrivedAt }: OrgProbe): Finding {
  const check = 'clock'
  const oktaTime = answer.head?.oktaTime
  if (oktaTime === undefined)
    return {
      check,
      level: 'warning',
      message: 'The answer has no usable Date: it is missing, sent twice, or no HTTP date',
      advice:
        "Sessions end by this machine's clock meanwhile. Look at the proxies in front of Okta, and keep that clock right (NTP)",
    }
  const aheadMs = aheadOf(oktaTime, sentAt, arrivedAt)
  const seconds = Math.round(Math.abs(aheadMs) / 1_000)
  if (Math.abs(aheadMs) <= CLOCK_TOLERANCE_MS)
    return { check, level: 'ok', message: "This machine's clock agrees with Okta's" }
  const message = `This machine's clock is ${seconds} s ${aheadMs > 0 ? 'behind' : 'ahead of'} Okta's`
  if (Math.abs(aheadMs) <= CLOCK_IGNORED_MS)
    return {
      check,
      level: 'warning',
      message,
      advice:
        'Set it by NTP. Sessions end by the clock of Okta, but tokens of a service app and a shared store need a right clock',
    }
  return {
    check,
    level: 'fault',
    message,
    advice:
      "Set it by NTP, or look for a proxy with a wrong clock. By more than ten minutes, Okta's Date is ignored: sessions end too early or too late, and Okta refuses the service app",
  }
}

/** Okta's clock minus this one's, as far as the way of the call and the whole seconds of `Date` leave no doubt. */
function aheadOf(oktaTime: number, sentAt: number, arrivedAt: number): number {
  if (oktaTime > arrivedAt) return oktaTime - arrivedAt
  return Math.min(0, oktaTime + 999 - sentAt)
}

/** Below these parts of the window the limiter postpones lookups that can wait, and rejects unseen cookies. */
const AMPLE = 0.5
const KEPT_FOR_SEEN = 0.2

function judgeRateLimit({ answer }: OrgProbe): Finding {
  const check = 'rate_limit'
  const rateLimit = answer.head?.rateLimit
  if (answer.kind === 'unavailable' && isRateLimited(answer.code)) return limited(rateLimit)
  if (rateLimit === undefined)
    return {
      check,
      level: 'warning',
      message: 'The answer has no usable X-Rate-Limit headers: missing, or sent twice',
      advice:
        'Without them calls are paced by their failures alone. Look at the proxies in front of Okta',
    }
  const { limit, remaining } = rateLimit
  const message = `${remaining} of ${limit} calls to /api/v1/sessions are left in this minute`
  if (remaining > limit * AMPLE) return { check, level: 'ok', message }
  const isShort = remaining <= limit * KEPT_FOR_SEEN
  return {
    check,
    level: 'warning',
    message,
    advice: `${isShort ? 'What is left is kept for sessions already seen; new visitors get 503' : 'Sessions are served older than cache.ttlMs, to save calls'}. Look for what else calls the Sessions API of this org, raise cache.ttlMs, or ask Okta for a higher limit`,
  }
}

function limited(rateLimit: RateLimit | undefined): Finding {
  const check = 'rate_limit'
  if (isConcurrencyLimit(rateLimit))
    return {
      check,
      level: 'fault',
      message: 'Okta answers 429: too many simultaneous requests of all clients of the org',
      advice:
        'Look for a client of the org that makes many requests at once; lower upstream.maxConcurrent, or set upstream.instances',
    }
  return {
    check,
    level: 'fault',
    message: `Okta answers 429: ${rateLimit === undefined ? 'the rate limit is' : `all ${rateLimit.limit} calls of this minute are`} used up`,
    advice:
      'Look for what else calls the Sessions API of this org. Raise cache.ttlMs, set upstream.instances or use a shared store, or ask Okta for a higher limit',
  }
}
