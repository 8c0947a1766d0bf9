/** An app with the middleware in front of a local org, each on a socket of its own; all gone when the test is over. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { OktaSession, OktaSessionOptions } from 'express-okta-session'
import { createLocalOrg, type LocalOrg, type LocalOrgOptions } from 'express-okta-session/local-org'
import { onTestFinished } from 'vitest'
import type { Clock } from '../../src/contracts.js'
import { composeOktaSession } from '../../src/okta-session.js'
import { parseOptions } from '../../src/options/parse-options.js'
import { TestClock } from '../session/lookup-world.js'

export { TestClock }

/** What a browser says of itself when a person opens a page, sends a form, or a script of the page fetches. */
export const page = {
  'Sec-Fetch-Mode': 'navigate',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
} as const
export const api = { 'Sec-Fetch-Mode': 'cors', Accept: '*/*' } as const
/** Of a post: it comes from a page of the same origin. */
export const ownPage = { 'Sec-Fetch-Site': 'same-origin' } as const

export interface Parts {
  readonly org: LocalOrg
  readonly okta: OktaSession
  /** The one clock of the app and of the org. It stands still until it is moved. */
  readonly clock: TestClock
}

export interface Choices {
  readonly org?: LocalOrgOptions
  readonly okta?: OktaSessionOptions
}

/** An org and an instance of the middleware that calls it. */
export async function startParts(choices: Choices = {}): Promise<Parts> {
  const clock = new TestClock()
  const org = await startOrg({ clock, ...choices.org })
  return { org, clock, okta: startOkta({ orgUrl: org.url, ...choices.okta }, clock) }
}

export async function startOrg(options: LocalOrgOptions): Promise<LocalOrg> {
  const org = await createLocalOrg(options)
  onTestFinished(() => org.close())
  return org
}

/** The machine's clock, for tests in which real time passes. */
export const machineClock: Clock = { now: Date.now, monotonic: () => performance.now() }

/** lru-cache allocates its arrays at once: the default sizes cost each instance some 25 ms. */
const SMALL_CACHE = { maxSessions: 1_000, maxNegatives: 1_000 } as const

/** An instance of the middleware, without the machine's environment and with small caches. */
export function startOkta(
  options: OktaSessionOptions,
  clock: Clock = new TestClock(),
  random = () => 0,
): OktaSession {
  const cache = { ...SMALL_CACHE, ...options.cache }
  const settings = parseOptions({ logger: false, ...options, cache }, {})
  const okta = composeOktaSession(settings, { clock, random, maxSkewMs: 10 * 60_000 })
  onTestFinished(() => okta.close())
  return okta
}

/** Serves on a free port of this machine; answers the origin. */
export async function serve(listener: RequestListener): Promise<string> {
  return listen(createServer(listener), 'http')
}

export async function listen(server: Server, scheme: 'http' | 'https'): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `${scheme}://localhost:${address.port}`
}

/** A cookie of an answer, taken apart. */
export interface SetCookie {
  readonly value: string
  /** The attributes as they were sent, sorted. */
  readonly attributes: readonly string[]
}

/** The cookies an answer sets, by name, in the order in which they came. */
export function cookiesOf(answer: {
  readonly headers: object
}): Readonly<Record<string, SetCookie>> {
  const lines: unknown = 'set-cookie' in answer.headers ? answer.headers['set-cookie'] : []
  const cookies: Record<string, SetCookie> = {}
  for (const line of Array.isArray(lines) ? lines : []) {
    const [pair = '', ...attributes] = String(line).split('; ')
    const [name = '', value = ''] = pair.split(/=(.*)/s)
    if (Object.hasOwn(cookies, name)) throw new Error(`${name} is set twice in one answer`)
    cookies[name] = { value, attributes: attributes.sort() }
  }
  return cookies
}

/** How a cookie of ours is taken from a browser, where the org is on http. */
export const taken: SetCookie = {
  value: '',
  attributes: [
    'Expires=Thu, 01 Jan 1970 00:00:00 GMT',
    'HttpOnly',
    'Max-Age=0',
    'Path=/',
    'SameSite=Lax',
  ],
}
