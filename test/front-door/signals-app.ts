/** An app that receives Okta's signed pushes, in Express or on node:http alone, and what it does after one. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer, type RequestListener } from 'node:http'
import express, { type RequestHandler } from 'express'
import { channels, type OktaSession, type SharedSignalsOptions } from 'express-okta-session'
import {
  exportJWK,
  generateKeyPair,
  type JWTHeaderParameters,
  type JWTPayload,
  SignJWT,
} from 'jose'
import { onTestFinished } from 'vitest'
import {
  type Choices,
  listen,
  type Parts,
  serve,
  startOkta,
  startParts,
  TestClock,
} from './door.js'

export const AUDIENCE = 'https://app.example.com/okta/signals'
export const CLIENT_ID = '0oa1example'
export const SET_TYPE = 'application/secevent+jwt'
export const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/'
export const SESSION_REVOKED = `${CAEP}session-revoked`

export const servers = ['Express', 'node:http'] as const

export interface SignalsChoices extends Choices {
  readonly server?: (typeof servers)[number]
  readonly signals?: Partial<SharedSignalsOptions>
  /** In front of the receiver, in Express. */
  readonly before?: RequestHandler
}

export interface Line {
  readonly message: string
  readonly fields: unknown
}

/** The receiver at `url`, and the pages of one app at `origin`. */
export async function startSignals(choices: SignalsChoices = {}) {
  const lines: Line[] = []
  const logger = { warn: (message: string, fields?: unknown) => lines.push({ message, fields }) }
  const parts = await startParts({ ...choices, okta: { logger, ...choices.okta } })
  const origin = await serveApp(parts.okta, choices)
  const url = `${origin}/okta/signals`
  const push = (token: string, headers: Readonly<Record<string, string>> = {}) =>
    post(url, token, { 'content-type': SET_TYPE, ...headers })
  const logOut = (token: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
    post(url, typeof body === 'string' ? body : JSON.stringify(body), {
      'content-type': 'application/json',
      authorization: `Bearer ${token}`,
      ...headers,
    })
  return { ...parts, ...visitsOf(parts, origin), lines, origin, url, push, logOut }
}

export async function serveApp(okta: OktaSession, choices: SignalsChoices): Promise<string> {
  const receive = okta.sharedSignals({ audience: AUDIENCE, ...choices.signals })
  const guard = okta.requireSession()
  if (choices.server === 'node:http') return serve(bareApp(receive, guard))
  const app = express()
  if (choices.before !== undefined) app.use(choices.before)
  app.use('/okta/signals', receive)
  app.get('/me', guard, (_req, res) => void res.send('me'))
  return serve(app)
}

function bareApp(
  receive: ReturnType<OktaSession['sharedSignals']>,
  guard: ReturnType<OktaSession['requireSession']>,
): RequestListener {
  return (req, res) => {
    if (req.url === '/me') guard(req, res, () => res.end('me'))
    else receive(req, res, () => res.writeHead(500).end())
  }
}

/** Signs users in, and tells whether a request of theirs is answered from the cache. */
function visitsOf({ org }: Parts, origin: string) {
  const visit = (cookie: string) => fetch(`${origin}/me`, { headers: { cookie } })
  /** A user whose session is cached. */
  async function visitor(login: string) {
    const before = new Set(org.sessions.map(({ id }) => id))
    const cookie = org.signIn(login)
    await visit(cookie)
    const session = org.sessions.find(({ id }) => !before.has(id))
    if (session === undefined) throw new Error('no session')
    return { login, cookie, id: session.id, userId: session.userId }
  }
  /** How many calls of Okta a request makes: 0 from the cache, 1 after a revocation. */
  async function calls({ cookie }: { readonly cookie: string }): Promise<number> {
    const before = org.calls.getCurrentSession
    const { status } = await visit(cookie)
    if (status !== 200) throw new Error(`answered ${status}`)
    return org.calls.getCurrentSession - before
  }
  return { visitor, calls, visit }
}

export interface PushReply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

export async function post(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<PushReply> {
  const answer = await fetch(url, { method: 'POST', body, headers })
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}

/** The revocations that are made from now on. */
export function revocationsFromNow(): readonly unknown[] {
  const heard: unknown[] = []
  const hear = (message: unknown) => heard.push(message)
  subscribe(channels.revocation, hear)
  onTestFinished(() => void unsubscribe(channels.revocation, hear))
  return heard
}

export async function keyPair(kid: string, alg = 'RS256') {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }
  return { kid, privateKey, publicKey, jwk }
}

export type TestKey = Awaited<ReturnType<typeof keyPair>>

/** The receiver of an org that serves its keys alone, with whose key a test signs what it likes. */
export async function startKeysOrg(choices: SignalsChoices = {}) {
  const key = await keyPair('the-key')
  const served = { fetches: 0, status: 200, type: 'application/json', body: keySet(key.jwk) }
  const keysServer = createServer((_req, res) => {
    served.fetches += 1
    res.writeHead(served.status, { 'content-type': served.type }).end(served.body)
  })
  const orgUrl = await listen(keysServer, 'http')
  const lines: Line[] = []
  const logger = { warn: (message: string, fields?: unknown) => lines.push({ message, fields }) }
  const clock = new TestClock()
  const okta = startOkta({ orgUrl, logger, ...choices.okta }, clock)
  const url = `${await serveApp(okta, choices)}/okta/signals`
  const now = () => Math.floor(clock.now() / 1_000)

  /** The claims of a Security Event Token that revokes, with these in their place. */
  const claims = (over: Readonly<Record<string, unknown>> = {}): JWTPayload => ({
    iss: orgUrl,
    aud: AUDIENCE,
    iat: now(),
    jti: 'an-event',
    sub_id: { format: 'iss_sub', iss: orgUrl, sub: '00u-alice' },
    events: { [SESSION_REVOKED]: { event_timestamp: now() } },
    ...over,
  })
  const sign = (
    over: Readonly<Record<string, unknown>> = {},
    header: Readonly<Partial<JWTHeaderParameters>> = {},
    by: Pick<TestKey, 'privateKey'> = key,
  ) =>
    new SignJWT(claims(over))
      .setProtectedHeader({ alg: 'RS256', kid: key.kid, typ: 'secevent+jwt', ...header })
      .sign(by.privateKey)
  const push = (token: string, headers: Readonly<Record<string, string>> = {}) =>
    post(url, token, { 'content-type': SET_TYPE, ...headers })
  return { okta, clock, orgUrl, url, key, served, lines, claims, sign, push, now }
}

export function keySet(...keys: readonly object[]): string {
  return JSON.stringify({ keys })
}
