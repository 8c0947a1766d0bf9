/** The Next example: started as its server.js does, and built and started by Next's own program. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { createLocalOrg, type LocalOrg } from 'express-okta-session/local-org'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const folder = fileURLToPath(new URL('../../examples/next', import.meta.url))
const next = createRequire(import.meta.url).resolve('next/dist/bin/next')

const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'none', accept: 'text/html' }
const script = { 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin', accept: '*/*' }

const started: ChildProcess[] = []
/** What the programs print. */
let output = ''
afterAll(() => Promise.all(started.map((child) => end(child, 'SIGKILL'))))

describe('examples/next/server.js', { timeout: 120_000 }, () => {
  it('builds the app, serves it, and ends on SIGINT', async () => {
    const child = start(`${folder}/server.js`, [], { PORT: '0' })
    const [, origin = ''] = await lineOf(child, /^(http:\/\/localhost:\d+)\/account {3}sign in as /)
    expect(await (await fetch(`${origin}/`)).text()).toContain('<p>Hello</p>')
    const refused = await fetch(`${origin}/account`)
    expect([refused.status, await refused.json()]).toMatchObject([401, { reason: 'no_cookie' }])
    expect(await end(child, 'SIGINT')).toBe(0)
  })
})

describe('examples/next with next build and next start', { timeout: 60_000 }, () => {
  let org: LocalOrg
  let origin: string
  beforeAll(async () => {
    // Without an org: the build needs none.
    const build = start(next, ['build', folder], {})
    expect((await once(build, 'exit'))[0], output).toBe(0)
    org = await createLocalOrg()
    origin = await originOf(startNext({ OKTA_CLIENT_ORGURL: org.url }))
  }, 120_000)
  afterAll(() => org.close())

  it('names a wrong option when the server starts', async () => {
    const child = startNext({})
    await lineOf(child, /orgUrl: missing; write orgUrl/)
    await end(child, 'SIGKILL')
  })

  it('serves its page to everybody', async () => {
    const { status, body } = await send(`${origin}/`)
    expect([status, body]).toMatchObject([200, expect.stringContaining('<p>Hello</p>')])
  })

  it('proxy.js answers without a session: a problem to a script, a redirect to a navigation', async () => {
    const refused = await send(`${origin}/account`, { headers: script })
    expect(refused.status).toBe(401)
    expect(refused.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(refused.headers['cache-control']).toBe('private, no-store')
    expect(refused.headers.vary).toMatch(/cookie/i)
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'session_required' })

    const redirected = await send(`${origin}/account?tab=2`, { headers: navigation })
    expect(redirected.status).toBe(302)
    expect(redirected.headers.location).toMatch(/\/login\/login\.htm\?fromURI=.*account%3Ftab%3D2/)
    expect(redirected.headers['set-cookie']).toMatchObject([/^okta-sign-in-redirects=/])

    const posted = await send(`${origin}/account`, { method: 'POST', headers: navigation })
    expect([posted.status, posted.headers['content-type']]).toMatchObject([401, /^text\/html/])
  })

  it('a page and a route handler get the session, and the answer is private', async () => {
    const cookie = org.signIn('alice@example.com')
    const count = 'okta-sign-in-redirects=0.1'
    const page = await send(`${origin}/account`, {
      headers: { ...navigation, cookie: `${cookie}; ${count}` },
    })
    expect([page.status, page.body]).toMatchObject([200, expect.stringContaining('alice@example')])
    expect(page.headers['cache-control']).toBe('private, no-store')
    // The guard's own line, which ends the count of redirects.
    expect(page.headers['set-cookie']).toMatchObject([/^okta-sign-in-redirects=; Max-Age=0/])

    const route = await send(`${origin}/api/account`, { headers: { ...script, cookie } })
    expect([route.status, route.body]).toEqual([200, '{"login":"alice@example.com"}'])
    expect(route.headers['cache-control']).toBe('private, no-store')
    expect(route.headers.vary).toMatch(/cookie/i)

    const refused = await send(`${origin}/api/account`, { headers: script })
    expect([refused.status, JSON.parse(refused.body)]).toMatchObject([401, { reason: 'no_cookie' }])
  })

  it('a page that was prerendered is guarded and private as well', async () => {
    const refused = await send(`${origin}/account/help`, { headers: script })
    expect(refused.status).toBe(401)
    const cookie = org.signIn('alice@example.com')
    const page = await send(`${origin}/account/help`, { headers: { ...navigation, cookie } })
    expect([page.status, page.body]).toMatchObject([200, expect.stringContaining('Help for users')])
    expect(page.headers['x-nextjs-prerender']).toBeDefined()
    expect(page.headers['cache-control']).toBe('private, no-store')
  })

  it('a page outside of proxy.js asks for a session by itself', async () => {
    const redirected = await send(`${origin}/profile`, { headers: navigation })
    expect(redirected.status).toBe(307)
    expect(redirected.headers.location).toMatch(/\/login\/login\.htm\?fromURI=.*%2Fprofile/)
    const headers = { ...navigation, cookie: org.signIn('alice@example.com') }
    const { body } = await send(`${origin}/profile`, { headers })
    expect(body).toContain('alice@example.com')
  })

  it('all parts of the app share one instance: one lookup for the proxy, the page and the routes', async () => {
    const cookie = org.signIn('bob@example.com')
    const before = org.calls.getCurrentSession
    for (const path of ['/account', '/api/account', '/session', '/account'])
      expect((await send(`${origin}${path}`, { headers: { ...script, cookie } })).status).toBe(200)
    expect(org.calls.getCurrentSession).toBe(before + 1)
  })

  it('a rule holds in the proxy: a second factor', async () => {
    const cookie = org.signIn('alice@example.com')
    const refused = await send(`${origin}/admin`, { headers: { ...script, cookie } })
    expect([refused.status, JSON.parse(refused.body)]).toMatchObject([
      403,
      { code: 'mfa_required' },
    ])
    const page = await send(`${origin}/admin`, { headers: { ...navigation, cookie } })
    expect([page.status, page.headers['content-type']]).toMatchObject([403, /^text\/html/])
    org.stepUp(cookie)
    const strong = org.signIn('bob@example.com')
    org.stepUp(strong)
    const passed = await send(`${origin}/admin`, { headers: { ...navigation, cookie: strong } })
    expect([passed.status, passed.body]).toMatchObject([200, expect.stringContaining('Administr')])
  })

  it.each([
    ...[
      '.rsc',
      '?_rsc=1',
      '/',
      '.json',
      '.segments/_tree.segment.rsc',
      '/help.rsc',
      '/..;/account',
    ],
    ...['%2F', '%00', ';a=1', '/help', '/help?_rsc=1', '/./help', '/%2e/help'],
  ])('no spelling of a path gets around the guard: /account%s', async (ending) => {
    const cookie = org.signIn('alice@example.com')
    const spellings = ['/account', '//account', '/%61ccount', '/ACCOUNT', '/_next/data/x/account']
    const paths = [...spellings, '/./account'].map((path) => [path, {}] as const)
    // A session without a second factor.
    const admin = ['/admin', '//admin', '/%61dmin'].map((path) => [path, { cookie }] as const)
    for (const [path, brought] of [...paths, ...admin])
      for (const extra of [{}, { rsc: '1' }, { 'x-middleware-subrequest': 'proxy:proxy:proxy' }]) {
        const headers = { ...script, ...brought, ...extra }
        const { status, body } = await send(`${origin}${path}${ending}`, { headers })
        expect(body).not.toMatch(/Signed in|Help for users|Administrator/)
        expect(status).not.toBe(200)
      }
  })

  it('a session that has ended or expired is refused', async () => {
    const ended = org.signIn('alice@example.com')
    org.endSession(ended)
    const expired = org.signIn('alice@example.com')
    org.clock.advance(24 * 60 * 60_000)
    for (const cookie of [ended, expired]) {
      const refused = await send(`${origin}/account`, { headers: { ...script, cookie } })
      expect([refused.status, JSON.parse(refused.body)]).toMatchObject([
        401,
        { reason: 'not_found' },
      ])
    }
  })

  it('an outage of Okta is a 503 with Retry-After, and signs no user out', async () => {
    const recover = org.fail({ kind: 'status', status: 503 })
    const cookie = org.signIn('alice@example.com')
    const answer = await send(`${origin}/account`, { headers: { ...navigation, cookie } })
    recover()
    expect([answer.status, answer.headers['retry-after']]).toMatchObject([503, /^\d+$/])
    expect(answer.headers['set-cookie']).toMatchObject([/^okta-unavailable-since=/])
  })

  it('POST /session/refresh extends the session, and needs one', async () => {
    const cookie = org.signIn('alice@example.com')
    const post = { method: 'POST', headers: { ...script, origin, cookie } }
    const refreshed = await send(`${origin}/session/refresh`, post)
    expect([refreshed.status, JSON.parse(refreshed.body)]).toMatchObject([200, { refreshed: true }])
    const refused = await send(`${origin}/session/refresh`, {
      ...post,
      headers: { ...script, origin },
    })
    expect(refused.status).toBe(401)
    const got = await send(`${origin}/session/refresh`, { headers: { ...script, cookie } })
    expect([got.status, got.headers.allow]).toEqual([405, 'POST'])
    // The address that Next itself writes into X-Forwarded-For is none of a proxy.
    expect(output).not.toContain('through a proxy')
  })

  it('POST /logout ends the session in every part of the app, and reads the form itself', async () => {
    const cookie = org.signIn('alice@example.com')
    const form = {
      ...navigation,
      'sec-fetch-site': 'same-origin',
      origin,
      'content-type': 'application/x-www-form-urlencoded',
      cookie,
    }
    expect((await send(`${origin}/account`, { headers: { ...script, cookie } })).status).toBe(200)
    const out = await send(`${origin}/logout`, {
      method: 'POST',
      headers: form,
      body: 'returnTo=%2Fbye',
    })
    expect([out.status, out.headers.location]).toEqual([303, '/bye'])
    const lines = out.headers['set-cookie'] ?? []
    expect(lines.length).toBeGreaterThan(1)
    expect(lines).toContainEqual(expect.stringMatching(/^idx=; Max-Age=0/))
    for (const path of ['/account', '/api/account']) {
      const refused = await send(`${origin}${path}`, { headers: { ...script, cookie } })
      expect([refused.status, JSON.parse(refused.body)]).toMatchObject([
        401,
        { reason: 'signed_out' },
      ])
    }
  })

  it('an API route leaves the body to the handler: one that cannot be read does not prevent a sign-out', async () => {
    const cookie = org.signIn('alice@example.com')
    const headers = { ...script, origin, 'content-type': 'application/json', cookie }
    const out = await send(`${origin}/logout`, { method: 'POST', headers, body: '{' })
    expect([out.status, out.body]).toEqual([204, ''])
  })

  it('POST /logout of another site is refused, and a GET', async () => {
    const cookie = org.signIn('alice@example.com')
    for (const headers of [
      { ...script, origin: 'https://evil.example', cookie },
      { ...navigation, 'sec-fetch-site': 'cross-site', cookie },
    ]) {
      const refused = await send(`${origin}/logout`, { method: 'POST', headers })
      expect(refused.status).toBe(403)
    }
    expect((await send(`${origin}/logout`, { headers: { ...script, cookie } })).status).toBe(405)
    expect((await send(`${origin}/account`, { headers: { ...script, cookie } })).status).toBe(200)
  })

  it('no page and no line of Next holds the cookie or the id of the session', async () => {
    const cookie = org.signIn('alice@example.com')
    const { body } = await send(`${origin}/account`, { headers: { ...navigation, cookie } })
    expect(body).toContain('alice@example.com')
    const secret = cookie.slice(cookie.indexOf('=') + 1)
    for (const where of [body, output]) expect(where).not.toContain(secret)
    const answer = await fetch(`${org.url}/api/v1/sessions/me`, { headers: { cookie } })
    const { id } = (await answer.json()) as { id: string }
    for (const where of [body, output]) expect(where).not.toContain(id)
  })

  it('with TRUST_PROXY=1 clients have failure budgets of their own, by what the reverse proxy forwards', async () => {
    const trusting = await originOf(startNext({ OKTA_CLIENT_ORGURL: org.url, TRUST_PROXY: '1' }))
    const guess = async (from: string) => {
      const cookie = `idx=${Math.random().toString(36).slice(2).padEnd(30, 'x')}`
      const headers = { ...script, cookie, 'x-forwarded-for': `192.0.2.1, ${from}` }
      return (await send(`${trusting}/account`, { headers })).status
    }
    let status = 401
    for (let tried = 0; tried < 200 && status === 401; tried += 1)
      status = await guess('198.51.100.7')
    expect(status).toBe(429)
    expect(await guess('198.51.100.8')).toBe(401)
  })
})

function startNext(env: Readonly<Record<string, string>>): ChildProcess {
  return start(next, ['start', folder, '-p', '0', '-H', '127.0.0.1'], env)
}

async function originOf(child: ChildProcess): Promise<string> {
  const [, url = ''] = await lineOf(child, /(http:\/\/127\.0\.0\.1:\d+)/)
  return url
}

function start(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): ChildProcess {
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NEXT_TELEMETRY_DISABLED: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => {
      output += chunk
    })
  return child
}

/** The first line that the program prints and that matches. */
function lineOf(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    for (const input of [child.stdout, child.stderr])
      if (input !== null)
        createInterface({ input }).on('line', (line) => {
          const found = pattern.exec(line)
          if (found !== null) resolve(found)
        })
    child.once('exit', () => reject(new Error(`The program ended without ${pattern}: ${output}`)))
  })
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const ended = once(child, 'exit')
  child.kill(signal)
  const [code] = await ended
  return code
}

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
