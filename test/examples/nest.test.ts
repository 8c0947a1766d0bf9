/** The Nest example: compiled as its first line says, started as a user would, and asked over sockets. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { Controller, Get, type INestApplication, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { type OktaSession, oktaSession } from 'express-okta-session'
import { createLocalOrg, type LocalOrg } from 'express-okta-session/local-org'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OktaSessionModule, RequireSession } from '../../examples/nest/adapter.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const dist = `${root}/examples/nest/dist`

const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'none', accept: 'text/html' }
const script = { 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin', accept: '*/*' }

beforeAll(async () => {
  const tsc = `${root}/node_modules/typescript/bin/tsc`
  await promisify(execFile)(process.execPath, [tsc, '-p', `${root}/examples/nest`])
}, 60_000)

/** The method asks for less than its controller. */
@Controller()
@RequireSession({ mfa: true })
class StrictController {
  @Get()
  @RequireSession()
  passed() {
    return 'passed'
  }
}

describe('examples/nest/server.ts', () => {
  it('serves its page, refuses without a session, and ends on SIGINT', async () => {
    const child = spawn(process.execPath, [`${dist}/server.js`], {
      env: { PATH: process.env.PATH, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    try {
      const [line] = await once(createInterface({ input: child.stdout }), 'line')
      const found = /^(http:\/\/localhost:\d+)\/account {3}sign in as /.exec(String(line))
      const [, origin = ''] = found ?? []
      expect(await (await fetch(`${origin}/`)).text()).toBe('Hello')
      const refused = await fetch(`${origin}/account`)
      expect([refused.status, await refused.json()]).toMatchObject([401, { reason: 'no_cookie' }])
      child.kill('SIGINT')
      expect((await ended)[0]).toBe(0)
    } finally {
      child.kill('SIGKILL')
    }
  })
})

describe('examples/nest', () => {
  let org: LocalOrg
  let okta: OktaSession
  let app: INestApplication
  let origin: string
  beforeAll(async () => {
    org = await createLocalOrg()
    okta = oktaSession({ orgUrl: org.url, logger: false })
    const { AppModule } = await import(pathToFileURL(`${dist}/app.js`).href)
    app = await NestFactory.create(AppModule.with(okta), { logger: false })
    // In front of Nest's parsers: the receiver reads the body itself.
    app.use('/okta/events', okta.eventHook({ secret: 'the secret of the hook' }))
    await app.listen(0, '127.0.0.1')
    const { port } = app.getHttpServer().address() as AddressInfo
    origin = `http://127.0.0.1:${port}`
  })
  afterAll(async () => {
    await app.close()
    await org.close()
  })

  it('the guard answers without a session: a problem to a script, a redirect to a navigation', async () => {
    const refused = await send(`${origin}/account`, { headers: script })
    expect(refused.status).toBe(401)
    expect(refused.headers).toMatchObject({
      'content-type': 'application/problem+json; charset=utf-8',
      'cache-control': 'private, no-store',
      vary: 'Cookie',
    })
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'session_required' })

    const redirected = await send(`${origin}/account?tab=2`, { headers: navigation })
    expect(redirected.status).toBe(302)
    expect(redirected.headers.location).toMatch(/\/login\/login\.htm\?fromURI=.*account%3Ftab%3D2/)
    expect(redirected.headers['set-cookie']).toMatchObject([/^okta-sign-in-redirects=/])
  })

  it('a method gets the session as a parameter, and the answer is private', async () => {
    const cookie = org.signIn('alice@example.com')
    const answer = await send(`${origin}/account`, {
      headers: { ...script, cookie: `${cookie}; okta-sign-in-redirects=0.1` },
    })
    expect([answer.status, answer.body]).toEqual([200, '{"login":"alice@example.com"}'])
    expect(answer.headers).toMatchObject({ 'cache-control': 'private, no-store', vary: 'Cookie' })
    expect(answer.headers['set-cookie']).toMatchObject([/^okta-sign-in-redirects=; Max-Age=0/])
    expect(answer.body).not.toContain(cookie.slice(cookie.indexOf('=') + 1))
  })

  it('the rule of a controller holds for a method that asks for less', async () => {
    const own = oktaSession({ orgUrl: org.url, logger: false })
    @Module({ imports: [OktaSessionModule.forRoot(own)], controllers: [StrictController] })
    class StrictModule {}
    const strict = await NestFactory.create(StrictModule, { logger: false })
    const server = await strict.listen(0, '127.0.0.1')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const cookie = org.signIn('alice@example.com')
    expect((await send(url, { headers: { ...script, cookie } })).status).toBe(403)
    const strong = org.signIn('bob@example.com')
    org.stepUp(strong)
    const passed = await send(url, { headers: { ...script, cookie: strong } })
    expect([passed.status, passed.body]).toEqual([200, 'passed'])
    await strict.close()
  })

  it('a rule of a method is answered as the guard would, with one lookup', async () => {
    const cookie = org.signIn('alice@example.com')
    const before = org.calls.getCurrentSession
    const refused = await send(`${origin}/admin`, { headers: { ...script, cookie } })
    expect([refused.status, JSON.parse(refused.body)]).toMatchObject([
      403,
      { code: 'mfa_required' },
    ])
    const page = await send(`${origin}/admin`, { headers: { ...navigation, cookie } })
    expect([page.status, page.headers['content-type']]).toMatchObject([403, /^text\/html/])
    expect(org.calls.getCurrentSession).toBe(before + 1)
    const strong = org.signIn('bob@example.com')
    org.stepUp(strong)
    const passed = await send(`${origin}/admin`, { headers: { ...script, cookie: strong } })
    expect([passed.status, passed.body]).toEqual([200, '{"administrator":"bob@example.com"}'])
  })

  it('a session that has ended or expired is refused', async () => {
    const ended = org.signIn('alice@example.com')
    org.endSession(ended)
    const expired = org.signIn('alice@example.com')
    org.clock.advance(24 * 60 * 60_000)
    for (const cookie of [ended, expired]) {
      const { status, body } = await send(`${origin}/account`, { headers: { ...script, cookie } })
      expect([status, JSON.parse(body)]).toMatchObject([401, { reason: 'not_found' }])
    }
  })

  it('an outage of Okta is a 503 with Retry-After', async () => {
    const recover = org.fail({ kind: 'status', status: 503 })
    const cookie = org.signIn('alice@example.com')
    const answer = await send(`${origin}/account`, { headers: { ...navigation, cookie } })
    recover()
    expect([answer.status, answer.headers['retry-after']]).toMatchObject([503, /^\d+$/])
    expect(answer.headers['set-cookie']).toMatchObject([/^okta-unavailable-since=/])
  })

  it('POST /session/refresh extends the session, and needs one', async () => {
    const cookie = org.signIn('alice@example.com')
    const headers = { ...script, origin, cookie }
    const refreshed = await send(`${origin}/session/refresh`, { method: 'POST', headers })
    expect([refreshed.status, JSON.parse(refreshed.body)]).toMatchObject([200, { refreshed: true }])
    const refused = await send(`${origin}/session/refresh`, {
      method: 'POST',
      headers: { ...script, origin },
    })
    expect(refused.status).toBe(401)
    const info = await send(`${origin}/session`, { headers: { ...script, cookie } })
    expect([info.status, JSON.parse(info.body)]).toMatchObject([200, { state: 'active' }])
  })

  it('POST /logout ends the session, takes the form that Nest has parsed, and refuses other sites', async () => {
    const cookie = org.signIn('alice@example.com')
    for (const headers of [
      { ...script, origin: 'https://evil.example', cookie },
      { ...navigation, 'sec-fetch-site': 'cross-site', cookie },
    ])
      expect((await send(`${origin}/logout`, { method: 'POST', headers })).status).toBe(403)
    expect((await send(`${origin}/logout`, { headers: { ...script, cookie } })).status).toBe(405)
    expect((await send(`${origin}/account`, { headers: { ...script, cookie } })).status).toBe(200)
    const out = await send(`${origin}/logout`, {
      method: 'POST',
      headers: {
        ...navigation,
        'sec-fetch-site': 'same-origin',
        origin,
        'content-type': 'application/x-www-form-urlencoded',
        cookie,
      },
      body: 'returnTo=%2Fbye',
    })
    expect([out.status, out.headers.location]).toEqual([303, '/bye'])
    const lines = out.headers['set-cookie'] ?? []
    expect(lines.length).toBeGreaterThan(1)
    expect(lines).toContainEqual(expect.stringMatching(/^idx=; Max-Age=0/))
    const refused = await send(`${origin}/account`, { headers: { ...script, cookie } })
    expect([refused.status, JSON.parse(refused.body)]).toMatchObject([
      401,
      { reason: 'signed_out' },
    ])
  })

  it('a receiver of pushes that app.use() mounts reads the body before Nest does', async () => {
    const answer = await send(`${origin}/okta/events`, {
      method: 'POST',
      headers: { authorization: 'the secret of the hook', 'content-type': 'application/json' },
      body: '{"eventId":"1","data":{"events":[]}}',
    })
    expect([answer.status, answer.body]).toEqual([204, ''])
  })

  it('the app closes the instance with itself', async () => {
    const closing = oktaSession({ orgUrl: org.url, logger: false })
    const { AppModule } = await import(pathToFileURL(`${dist}/app.js`).href)
    const other = await NestFactory.create(AppModule.with(closing), { logger: false })
    await other.init()
    await other.close()
    const cookie = org.signIn('alice@example.com')
    expect(await closing.authenticate({ headers: { cookie } })).toMatchObject({
      state: 'unavailable',
      reason: 'closed',
    })
  })
})

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** fetch() would set Sec-Fetch-Mode by itself, and follow redirects. */
async function send(
  url: string,
  options: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
  } = {},
): Promise<Answer> {
  const { method = 'GET', headers = {}, body = '' } = options
  const req = request(url, { method, headers, agent: false })
  req.end(body)
  const [res] = await once(req, 'response')
  return { status: res.statusCode ?? 0, headers: res.headers, body: await text(res) }
}
