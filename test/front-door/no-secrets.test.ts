/** Nothing anybody may read holds a cookie, a token or an id that is one: not an answer, not a log line, not a channel. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import express from 'express'
import { channels } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it, onTestFinished } from 'vitest'
import { api, cookiesOf, ownPage, page, serve, startParts } from './door.js'

/** Everything that is said beside the answers, from now on. */
const LIBRARY_CHANNELS = [
  'lru-cache:metrics',
  'got:request:create',
  'got:request:start',
  'got:request:retry',
  'got:request:error',
  'got:response:start',
  'got:response:end',
  'got:response:redirect',
]
const TRACED = [channels.lookup, channels.call, channels.storeCommand].flatMap((name) =>
  ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((event) => `tracing:${name}:${event}`),
)
const CHANNELS = [...Object.values(channels), ...TRACED, ...LIBRARY_CHANNELS]

function eavesdrop() {
  const said: unknown[] = []
  // A message of a library's is a live object: what it holds now is what a subscriber reads.
  const listen = (message: unknown) => said.push(inspect(message, { depth: 10, showHidden: true }))
  for (const name of CHANNELS) subscribe(name, listen)
  const writes = { out: process.stdout.write, err: process.stderr.write }
  const consoles = { ...console }
  const keep = (text: unknown) => said.push(String(text)) > 0
  process.stdout.write = keep as typeof process.stdout.write
  process.stderr.write = keep as typeof process.stderr.write
  for (const name of ['debug', 'log', 'info', 'warn', 'error'] as const)
    console[name] = (...line) => void said.push(line)
  const stop = () => {
    for (const name of CHANNELS) unsubscribe(name, listen)
    process.stdout.write = writes.out
    process.stderr.write = writes.err
    Object.assign(console, consoles)
  }
  onTestFinished(stop)
  return { said, stop }
}

const faults = [
  { kind: 'html' },
  { kind: 'reset' },
  { kind: 'rate_limit' },
  { kind: 'redirect' },
  { kind: 'malformed_body' },
  { kind: 'not_http' },
  { kind: 'status', status: 403 },
  { kind: 'status', status: 500, errorSummary: 'upstream says hello' },
  { kind: 'fields', set: { login: 7 } },
] as const

describe.each(['identity', 'classic'] as const)('on the %s engine', (engine) => {
  it('no answer, log line or channel message holds a secret', async () => {
    const lines: unknown[] = []
    const log = (...line: unknown[]) => lines.push(line)
    const apiToken = '00-the-api-token'
    const { okta, org, clock } = await startParts({
      org: { engine, apiToken },
      okta: {
        credentials: { apiToken },
        logger: { warn: log, info: log },
        upstream: { timeoutMs: 1_000 },
      },
    })
    const { said, stop } = eavesdrop()
    const app = express()
    app.use(okta.refreshOnActivity(), okta.attachSession())
    app.get('/account', okta.requireSession(), (_req, res) => void res.json('let in'))
    app.get('/admin', okta.requireSession({ mfa: true }), (_req, res) => void res.json('let in'))
    app.get('/info', okta.sessionInfo())
    app.get('/auth', okta.forwardAuth())
    app.post('/sign-in', okta.login())
    app.post('/refresh', okta.refresh())
    app.post('/sign-out', okta.logout())
    app.use(((error, _req, res, _next) => {
      res.status(500).end(inspect(error, { depth: 10, showHidden: true }))
    }) as express.ErrorRequestHandler)
    const url = await serve(app)

    const secrets = new Set([apiToken])
    const answers: string[] = []
    const send = async (method: 'get' | 'post', path: string, headers: object, body?: object) => {
      const sent = request(url)
        [method](path)
        .set({ ...headers, ...ownPage })
      const answer = await (body === undefined ? sent : sent.send(body))
      const { 'set-cookie': cookies, ...others } = answer.headers
      answers.push(`${path} ${answer.status} ${JSON.stringify(others)} ${answer.text}`)
      const { sid, idx } = cookiesOf(answer)
      for (const value of [sid?.value, idx?.value]) if (value) secrets.add(value)
      return answer
    }
    const everything = async (Cookie: string) => {
      secrets.add(Cookie.split('=')[1] ?? '')
      for (const kind of [page, api])
        for (const path of ['/account', '/admin', '/info', '/auth'])
          await send('get', path, { ...kind, Cookie })
      for (const path of ['/refresh', '/sign-out']) await send('post', path, { ...page, Cookie })
    }
    const signIn = async (sessionToken: string) => {
      secrets.add(sessionToken)
      return send('post', '/sign-in', api, { sessionToken, returnTo: '/account' })
    }

    const { sid } = cookiesOf(await signIn(org.sessionToken('alice@example.com')))
    await everything(`sid=${sid?.value}`)
    await signIn('an-unknown-token')
    for (const fault of faults) {
      const cookie = org.signIn('bob@example.com')
      await request(url).get('/account').set('Cookie', cookie)
      clock.advance(20_000)
      org.fail(fault)
      await everything(cookie)
      await everything(`${engine === 'identity' ? 'idx' : 'sid'}=never-seen-${fault.kind}`)
      await signIn(org.sessionToken('alice@example.com'))
      org.clearFaults()
    }
    await okta.close()
    stop()

    expect(secrets.size).toBeGreaterThan(25)
    expect(answers.length).toBeGreaterThan(150)
    expect(said.length).toBeGreaterThan(100)
    const texts = [
      ...answers,
      ...[...lines, ...said, okta.stats()].map((each) =>
        typeof each === 'string' ? each : inspect(each, { depth: 10, showHidden: true }),
      ),
    ]
    const found = [...secrets].filter((secret) => texts.some((text) => text.includes(secret)))
    expect(found).toEqual([])
    expect(texts.filter((text) => text.includes('upstream says hello'))).toEqual([])
    expect(answers.filter((text) => / {4}at .+:\d+:\d+/.test(text))).toEqual([])
  })
})
