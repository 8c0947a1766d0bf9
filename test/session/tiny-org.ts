/** An org of a few lines that answers GetCurrentSession when the test lets it, and counts requests in flight. */
import type { RequestListener, ServerResponse } from 'node:http'
import type { OktaSession } from '../../src/okta-session-types.js'
import type { OktaSessionOptions } from '../../src/options/options.js'
import type { Session } from '../../src/public-types.js'
import { serve, startOkta } from '../front-door/door.js'
import { sessionFor, type TestClock } from './lookup-world.js'

export interface TinyOrg {
  readonly url: string
  calls: number
  inFlight: number
  mostInFlight: number
  /** Whether it answers; otherwise it keeps the request until answered or closed. */
  silent: boolean
  /** Epoch milliseconds of its clock; undefined: it sends no Date. */
  now: () => number | undefined
  /** When the session of a cookie value ends by its clock; undefined: no such session. */
  endsAt: (value: string) => number | undefined
  /** Further fields of each session. */
  fields: Partial<Session>
  /** Milliseconds before it answers. */
  takes: number
  /** Answers all waiting requests. */
  release(): void
}

/** Ends with the test. */
export async function tinyOrg(clock: TestClock): Promise<TinyOrg> {
  const waiting = new Set<() => void>()
  const reply: RequestListener = (req, res) => {
    org.calls += 1
    org.inFlight += 1
    org.mostInFlight = Math.max(org.mostInFlight, org.inFlight)
    res.once('close', () => {
      org.inFlight -= 1
    })
    const value = (req.headers.cookie ?? '').replace(/^\w+=/, '')
    const send = () => answer(value, res)
    if (org.silent) waiting.add(send)
    else if (org.takes > 0) setTimeout(send, org.takes)
    else send()
  }
  function answer(value: string, res: ServerResponse): void {
    const endsAt = org.endsAt(value)
    const now = org.now()
    res.sendDate = false
    if (now !== undefined) res.setHeader('Date', new Date(now).toUTCString())
    res.setHeader('Content-Type', 'application/json')
    res.statusCode = endsAt === undefined ? 404 : 200
    res.end(
      JSON.stringify(
        endsAt === undefined
          ? { errorCode: 'E0000007', errorSummary: 'Not found', errorCauses: [] }
          : sessionFor(value, endsAt, org.fields),
      ),
    )
  }
  const org: TinyOrg = {
    url: await serve(reply),
    calls: 0,
    inFlight: 0,
    mostInFlight: 0,
    silent: false,
    now: clock.now,
    endsAt: () => clock.now() + 7_200_000,
    fields: {},
    takes: 0,
    release() {
      org.silent = false
      for (const send of waiting) send()
      waiting.clear()
    },
  }
  return org
}

/** The middleware against such an org, closed with the test, on the test's clock, without jitter. */
export function middleware(
  org: TinyOrg,
  clock: TestClock,
  options: OktaSessionOptions = {},
): OktaSession {
  return startOkta({ orgUrl: org.url, ...options }, clock)
}

/** A request with this cookie, as far as authenticate() looks. */
export function requestWith(value: string): { headers: { cookie: string } } {
  return { headers: { cookie: `sid=${value}` } }
}
