/** Calls to Okta through a company's proxy, as the recipe makes them. */
import { spawn } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import express from 'express'
import { channels, OktaUnavailableError, oktaSession, SessionApi } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { outgoingAgent } from '../../examples/recipes/outgoing-proxy.js'
import type { Clock } from '../../src/contracts.js'
import {
  api,
  listen,
  machineClock,
  serve,
  startOkta,
  startOrg,
  TestClock,
} from '../front-door/door.js'
import { type Identity, misnamed, trustworthy } from './certificates.js'
import { type ConnectProxy, type ProxyMode, startConnectProxy } from './connect-proxy.js'

const password = 'p@ss word/of+the:proxy'
const encoded = encodeURIComponent(password)
const basic = `Basic ${Buffer.from(`app:${password}`).toString('base64')}`

/** The spellings in which the proxy's credentials could be read. */
const secrets = [password, encoded, basic.slice('Basic '.length)]

interface Choices {
  /** The certificate of the authority that the agent is told of. */
  readonly trusts?: Identity
  readonly clock?: Clock
  /** The certificate of a proxy that speaks TLS itself. */
  readonly proxyIdentity?: Identity
}

/** An org behind TLS whose certificate the system's authorities do not know, and a proxy in front of it. */
async function start({
  trusts = trustworthy,
  clock = new TestClock(),
  proxyIdentity,
}: Choices = {}) {
  const org = await startOrg({ clock })
  const sources: (number | undefined)[] = []
  const server = createTlsServer(trustworthy, (socket) => {
    sources.push(socket.remotePort)
    const inner = connect(Number(new URL(org.url).port), '127.0.0.1')
    socket.pipe(inner).pipe(socket)
    socket.on('error', () => inner.destroy())
    inner.on('error', () => socket.destroy())
  })
  const orgUrl = await listen(server, 'https')
  const proxy = await startConnectProxy(proxyIdentity)
  const ca = await certificateFile(trusts)
  const agent = outgoingAgent({
    HTTPS_PROXY: `http${proxyIdentity ? 's' : ''}://app:${encoded}@${proxy.host}`,
    OUTGOING_CA: ca,
  })
  onTestFinished(() => agent?.destroy())
  return { org, orgUrl, proxy, agent, ca, sources, cookie: org.signIn('alice@example.com') }
}

async function certificateFile({ cert }: Identity): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'outgoing-proxy-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'ca.pem')
  await writeFile(file, cert)
  return file
}

/** Everything that an error, a log line or the statistics would show. */
function allOf(value: unknown): string {
  return inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true })
}

function expectNoSecret(...values: readonly unknown[]): void {
  const texts = values.map((value) => (typeof value === 'string' ? value : allOf(value)))
  expect(secrets.filter((secret) => texts.some((text) => text.includes(secret)))).toEqual([])
}

/** What is published from now on, by this package and by the HTTP client. */
function messagesOfChannels(): readonly string[] {
  const said: string[] = []
  const listener = (message: unknown) => void said.push(allOf(message))
  const client = ['create', 'start', 'retry', 'error'].map((name) => `got:request:${name}`)
  const names = [...Object.values(channels), ...client]
  for (const name of names) subscribe(name, listener)
  onTestFinished(() => {
    for (const name of names) unsubscribe(name, listener)
  })
  return said
}

async function failureOf(call: Promise<unknown>): Promise<OktaUnavailableError> {
  const error = await call.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(error instanceof OktaUnavailableError)) throw new Error(`got ${allOf(error)}`)
  return error
}

describe('the recipe for a proxy on the way out', () => {
  it('calls pass through the proxy and only through it, over one tunnel', async () => {
    const { orgUrl, proxy, agent, sources, cookie } = await start()
    const sessions = new SessionApi({ orgUrl, agent })
    for (let call = 0; call < 3; call += 1)
      expect(await sessions.getCurrentSession(cookie)).toMatchObject({ login: 'alice@example.com' })
    expect(proxy.asked).toEqual([{ to: new URL(orgUrl).host, credentials: basic }])
    expect(sources).toEqual([...proxy.ports])
  })

  it('a call over a tunnel that was cut while idle opens another', async () => {
    const { orgUrl, proxy, agent, cookie } = await start()
    const sessions = new SessionApi({ orgUrl, agent })
    await sessions.getCurrentSession(cookie)
    proxy.cutTunnels()
    expect(await sessions.refreshCurrentSession(cookie)).toMatchObject({ status: 'ACTIVE' })
    expect(proxy.asked).toHaveLength(2)
  })

  it('a proxy that speaks TLS itself may have a certificate of the private authority', async () => {
    const { orgUrl, proxy, agent, cookie } = await start({ proxyIdentity: trustworthy })
    const session = await new SessionApi({ orgUrl, agent }).getCurrentSession(cookie)
    expect(session).toMatchObject({ login: 'alice@example.com' })
    expect(proxy.asked).toHaveLength(1)
  })

  it('a proxy with a certificate of an unknown authority gets no credentials', async () => {
    const { orgUrl, proxy, agent, cookie } = await start({ proxyIdentity: misnamed })
    const error = await failureOf(new SessionApi({ orgUrl, agent }).getCurrentSession(cookie))
    expect(error).toMatchObject({ code: 'tls', cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } })
    expect(proxy.asked).toEqual([])
  })

  it('an unknown authority is refused, and the error names the cause', async () => {
    const { orgUrl, agent, cookie, org } = await start({ trusts: misnamed })
    const error = await failureOf(new SessionApi({ orgUrl, agent }).getCurrentSession(cookie))
    expect(error).toMatchObject({ code: 'tls', cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } })
    expectNoSecret(error)
    expect(org.calls.getCurrentSession).toBe(0)
  })

  it('NODE_TLS_REJECT_UNAUTHORIZED switches no check off, of the org or of the proxy', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    onTestFinished(() => void vi.unstubAllEnvs())
    for (const proxyIdentity of [undefined, misnamed]) {
      const trusts = proxyIdentity === undefined ? misnamed : trustworthy
      const { orgUrl, agent, cookie } = await start({
        trusts,
        ...(proxyIdentity && { proxyIdentity }),
      })
      const error = await failureOf(new SessionApi({ orgUrl, agent }).getCurrentSession(cookie))
      expect(error.code).toBe('tls')
    }
  })

  it.each<[mode: ProxyMode, code: string, message: RegExp | undefined]>([
    [407, 'connect', /407/],
    [502, 'connect', /502/],
    ['silent', 'timeout', undefined],
    ['cut', 'reset', /disconnected before secure TLS connection/],
  ])(
    'a proxy in mode %s is an outage: seen sessions go on, new ones get 503',
    async (mode, code, message) => {
      const clock = new TestClock()
      const { org, orgUrl, proxy, agent, cookie } = await start({ clock })
      const lines: unknown[] = []
      const log = (...line: unknown[]) => lines.push(line)
      const okta = startOkta(
        { orgUrl, logger: { warn: log, info: log }, upstream: { agent, timeoutMs: 300 } },
        clock,
      )
      const app = express()
      app.get(
        '/account',
        okta.requireSession(),
        (req, res) => void res.json(okta.session(req).login),
      )
      const get = (session: string) =>
        request(app)
          .get('/account')
          .set({ ...api, Cookie: session })
      await get(cookie).expect(200)

      const said = messagesOfChannels()
      proxy.mode = mode
      proxy.cutTunnels()
      // The result is stale, so that it is looked up again.
      clock.advance(61_000)
      const seen = await get(cookie)
      const unseen = await get(org.signIn('bob@example.com'))
      const error = await failureOf(
        new SessionApi({ orgUrl, agent, timeoutMs: 300 }).getCurrentSession(cookie),
      )
      expect(seen.status).toBe(200)
      expect([unseen.status, unseen.body]).toMatchObject([503, { code: 'okta_unavailable' }])
      expect(unseen.headers).toMatchObject({ 'retry-after': expect.stringMatching(/^\d+$/) })
      expect(unseen.headers).not.toHaveProperty('set-cookie')
      expect(error.code).toBe(code)
      if (message !== undefined) expect(String(error.cause)).toMatch(message)
      expect(lines.length).toBeGreaterThan(0)
      expect(said.length).toBeGreaterThan(0)
      expectNoSecret(error, unseen.text, lines, said, okta.stats())

      proxy.mode = 'tunnel'
      clock.advance(61_000)
      await get(cookie).expect(200)
      expect(org.sessions).toHaveLength(2)
    },
  )

  it('DEBUG=* shows no credentials, and NODE_EXTRA_CA_CERTS adds a private authority', async () => {
    const { orgUrl, proxy, ca, cookie } = await start({ clock: machineClock })
    const program = `
      const { startOkta } = await import(${JSON.stringify(recipe)})
      const { okta, close } = startOkta(process.env)
      console.log((await okta.authenticate({ headers: { cookie: process.env.COOKIE } })).state)
      await fetch(process.env.CONTROL)
      const context = await okta.authenticate({ headers: { cookie: 'sid=unseen' } })
      console.log(context.state, context.reason)
      console.log(okta.stats())
      await okta.api.getCurrentSession('sid=another').catch(console.log)
      await close()`
    const control = await controlOf(proxy)
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: {
        PATH: process.env.PATH,
        DEBUG: '*',
        NODE_EXTRA_CA_CERTS: ca,
        HTTPS_PROXY: `http://app:${encoded}@${proxy.host}`,
        OKTA_CLIENT_ORGURL: orgUrl,
        COOKIE: cookie,
        CONTROL: control,
      },
    })
    const output: string[] = []
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => output.push(text))
    expect(await once(child, 'close')).toEqual([0, null])
    const text = output.join('')
    expect(text).toMatch(/^active$/m)
    expect(text).toMatch(/^unavailable connect$/m)
    expect(text).toContain('Bad response: 407')
    expect(text).toContain('express-okta-session:call')
    expectNoSecret(text)
  })

  it.each([
    'app:secret-of-the-proxy@localhost:8080',
    'http://app:secret-of#the-proxy@localhost:8080',
    'http://app:99/secret-of-the-proxy@localhost:8080',
    'http://app:99#secret-of-the-proxy@localhost:8080',
    'http://app:99?secret-of-the-proxy@localhost:8080',
    'http://app:100%secret-of-the-proxy@localhost:8080',
    'socks5://app:secret-of-the-proxy@localhost:1080',
    'secret-of-the-proxy',
  ])('HTTPS_PROXY=%s is refused without a word of it', (HTTPS_PROXY) => {
    let error: unknown
    try {
      outgoingAgent({ HTTPS_PROXY })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(TypeError)
    expect(allOf(error)).toContain('HTTPS_PROXY must be http://')
    expect(allOf(error)).not.toMatch(/secret-of|the-proxy/)
  })

  it('without HTTPS_PROXY there is no agent', () => {
    expect(outgoingAgent({})).toBeUndefined()
  })
})

it('the address of a proxy in place of its agent is a fault that does not quote it', () => {
  const orgUrl = 'https://id.example.com'
  for (const proxy of ['http://a:b@proxy:8080', new URL('http://a:b@proxy:8080')]) {
    // @ts-expect-error the options take an agent
    const start = () => oktaSession({ orgUrl, upstream: { agent: proxy } })
    expect(start).toThrow(/upstream\.agent: got an? .+ give an agent for that proxy/)
    expect(start).not.toThrow(/a:b/)
  }
  // @ts-expect-error the options have no proxy
  const start = () => oktaSession({ orgUrl, upstream: { proxy: 'http://a:b@proxy:8080' } })
  expect(start).toThrow(/upstream\.proxy: no such option; did you mean `agent`\?/)
  expect(start).not.toThrow(/a:b/)
})

const recipe = new URL('../../examples/recipes/outgoing-proxy.js', import.meta.url).href

/** An address that makes the proxy refuse from then on. */
function controlOf(proxy: ConnectProxy): Promise<string> {
  return serve((_req, res) => {
    proxy.mode = 407
    proxy.cutTunnels()
    res.end()
  })
}
