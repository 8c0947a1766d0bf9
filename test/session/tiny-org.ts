/** An org of a few lines that answers GetCurrentSession when the test lets it, and counts requests in flight. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { composeOktaSession } from '../../src/okta-session.js'
import type { OktaSessionOptions } from '../../src/options/options.js'
import { parseOptions } from '../../src/options/parse-options.js'
import type { OktaSession, Session } from '../../src/public-types.js'
import { sessionFor, type TestClock } from './lookup-world.js'

export interface TinyOrg {
  readonly url: string
  calls: number
  inFlight: number
  mostInFlight: number
  /** Whether it answers; otherwise it keeps the request until answered or closed. */
  silent: boolean
  /** Epoch milliseconds of its clock. */
  now: () => number
  /** When the session of a cookie value ends by its clock; undefined: no such session. */
  endsAt: (value: string) => number | undefined
  /** Further fields of each session. */
  fields: Partial<Session>
  /** Milliseconds before it answers. */
  takes: number
  /** Answers all waiting requests. */
  release(): void
  close(): Promise<void>
}

export async function tinyOrg(clock: TestClock): Promise<TinyOrg> {
  const waiting = new Set<() => void>()
  const server = createServer((req, res) => {
    org.calls += 1
    org.inFlight += 1
    org.mostInFlight = Math.max(org.mostInFlight, org.inFlight)
    res.once('close', () => {
      org.inFlight -= 1
    })
    const value = (req.headers.cookie ?? '').replace(/^\w+=/, '')
    const reply = () => answer(value, res)
    if (org.silent) waiting.add(reply)
    else if (org.takes > 0) setTimeout(reply, org.takes)
    else reply()
  })
  function answer(value: string, res: ServerResponse): void {
    const endsAt = org.endsAt(value)
    res.setHeader('Date', new Date(org.now()).toUTCString())
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
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  const org: TinyOrg = {
    url: `http://127.0.0.1:${port}`,
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
      for (const reply of waiting) reply()
      waiting.clear()
    },
    async close() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
  return org
}

/** The middleware against such an org, on the test's clock, without jitter. */
export function middleware(
  org: TinyOrg,
  clock: TestClock,
  options: OktaSessionOptions = {},
): OktaSession {
  const settings = parseOptions({ orgUrl: org.url, logger: false, ...options }, {})
  return composeOktaSession(settings, { clock, random: () => 0 })
}

/** A request with this cookie, as far as authenticate() looks. */
export function requestWith(value: string): { headers: { cookie: string } } {
  return { headers: { cookie: `sid=${value}` } }
}
