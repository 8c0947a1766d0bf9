/** The API of a page on another origin: what its preflights, answers and refusals let a browser read. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { get } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { OktaSessionOptions } from 'express-okta-session'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type RunningSpa, startSpa } from './running-spa.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

async function start(options: OktaSessionOptions = {}) {
  const spa = await startSpa(options)
  onTestFinished(spa.close)
  const cookie = spa.org.signIn('alice@example.com')
  /** What a page of this origin sends. */
  const send = (path: string, { origin = spa.pageUrl, ...init }: Init = {}) =>
    fetch(spa.apiUrl + path, { ...init, headers: { origin, ...init.headers } })
  return { ...spa, cookie, send }
}

/** An app and what a page reads of its refusals: the status, the code, and whether there is a Retry-After. */
async function startRefusing(options: OktaSessionOptions = {}) {
  const { send, org, ...spa } = await start(options)
  async function refused(cookie: string) {
    const answer = await send('/account', { headers: { cookie } })
    expectReadable(answer, spa)
    expect(varyOf(answer.headers)).toEqual(['Origin', 'Cookie'])
    const body = (await answer.json()) as { readonly code: string }
    return [answer.status, body.code, answer.headers.has('retry-after')]
  }
  return { refused, org }
}

interface Init {
  readonly origin?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** The headers without which a browser gives the page nothing. */
function expectReadable({ headers }: Response, { pageUrl }: Pick<RunningSpa, 'pageUrl'>): void {
  expect(Object.fromEntries(headers)).toMatchObject({
    'access-control-allow-origin': pageUrl,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'Retry-After',
  })
  expect(varyOf(headers)).toContain('Origin')
}

function varyOf(headers: Headers): readonly string[] {
  return (headers.get('vary') ?? '').split(/\s*,\s*/)
}

const preflight = (method: string) => ({
  method: 'OPTIONS',
  headers: {
    'access-control-request-method': method,
    'access-control-request-headers': 'content-type',
  },
})

const routes = [
  ['/account', 'GET'],
  ['/note', 'PUT'],
  ['/session/refresh', 'POST'],
  ['/sign-out', 'POST'],
] as const

describe('the API of a page on another origin', () => {
  it.each(routes)('a preflight of %s meets no guard', async (path, method) => {
    const { send, org, ...spa } = await start()
    const answer = await send(path, preflight(method))
    expect(answer.status).toBe(204)
    expectReadable(answer, spa)
    expect(answer.headers.get('access-control-allow-methods')).toContain(method)
    expect(answer.headers.get('access-control-allow-headers')).toBe('content-type')
    expect(org.calls.getCurrentSession).toBe(0)
  })

  it.each(routes)('a preflight of %s from another origin allows nothing', async (path, method) => {
    const { send, untrustedUrl } = await start()
    const { headers } = await send(path, { origin: untrustedUrl, ...preflight(method) })
    expect(headers.get('access-control-allow-origin')).toBeNull()
    expect(varyOf(headers)).toContain('Origin')
  })

  it('the page reads the account, and writes', async () => {
    const { send, cookie, ...spa } = await start()
    const written = await send('/note', {
      method: 'PUT',
      headers: { cookie, 'content-type': 'application/json' },
      body: '{"note":"milk"}',
    })
    expectReadable(written, spa)
    const account = await send('/account', { headers: { cookie } })
    expectReadable(account, spa)
    expect(varyOf(account.headers)).toEqual(['Origin', 'Cookie'])
    expect(account.headers.get('cache-control')).toBe('private, no-store')
    expect(await account.json()).toMatchObject({ login: 'alice@example.com', note: 'milk' })
  })

  it('the page reads why it is refused: 401, 403, and 429 with Retry-After', async () => {
    const { refused, org } = await startRefusing({
      upstream: { failedLookupsPerClient: { perSecond: 0.01, burst: 1 } },
    })
    expect(await refused('')).toEqual([401, 'session_required', false])
    expect(await refused('idx=made-up')).toEqual([401, 'session_required', false])
    expect(await refused('idx=made-up-too')).toEqual([429, 'too_many_attempts', true])
    expect(org.calls.getCurrentSession).toBe(1)
  })

  it('the page reads why it is refused: 403 without the second factor, and 503 with Retry-After', async () => {
    const { refused, org } = await startRefusing()
    const incomplete = org.signIn('carol@example.com', { status: 'MFA_REQUIRED' })
    expect(await refused(incomplete)).toEqual([403, 'mfa_required', false])
    org.fail({ kind: 'reset' })
    expect(await refused(org.signIn('bob@example.com'))).toEqual([503, 'okta_unavailable', true])
  })

  it('the page refreshes and signs out, because its origin is one of trustedOrigins', async () => {
    const { send, cookie, org, ...spa } = await start()
    const post = { method: 'POST', headers: { cookie } }
    const refreshed = await send('/session/refresh', post)
    expectReadable(refreshed, spa)
    expect(await refreshed.json()).toMatchObject({ refreshed: true })
    const out = await send('/sign-out', post)
    expectReadable(out, spa)
    expect([out.status, org.sessions]).toEqual([204, []])
    expect((await send('/account', { headers: { cookie } })).status).toBe(401)
  })

  it('CORS alone lets no page post: without trustedOrigins the page reads a 403', async () => {
    const { send, cookie, org, ...spa } = await start({ trustedOrigins: [] })
    const answer = await send('/sign-out', { method: 'POST', headers: { cookie } })
    expectReadable(answer, spa)
    expect([answer.status, await answer.json()]).toMatchObject([403, { code: 'cross_site' }])
    expect(org.sessions).toHaveLength(1)
  })

  it.each(['/sign-out', '/session/refresh'])(
    'a post to %s from another origin changes nothing',
    async (path) => {
      const { send, cookie, org, untrustedUrl } = await start()
      const answer = await send(path, { origin: untrustedUrl, method: 'POST', headers: { cookie } })
      expect(answer.status).toBe(403)
      expect(answer.headers.get('access-control-allow-origin')).toBeNull()
      expect(org.sessions).toHaveLength(1)
      expect(org.calls.refreshCurrentSession).toBe(0)
    },
  )

  it('sign-in goes to Okta, and from there to a page of a listed origin only', async () => {
    const { apiUrl, pageUrl, untrustedUrl, org, cookie } = await start()
    const navigate = async (returnTo: string, headers = {}) => {
      const url = `${apiUrl}/sign-in?returnTo=${encodeURIComponent(returnTo)}`
      const [answer] = await once(
        get(url, { headers: { 'sec-fetch-mode': 'navigate', ...headers } }),
        'response',
      )
      answer.resume()
      return [answer.statusCode, answer.headers.location]
    }
    const back = `${apiUrl}/sign-in?returnTo=${encodeURIComponent(`${pageUrl}/list`)}`
    const okta = `${org.url}/login/login.htm?fromURI=${encodeURIComponent(back)}`
    expect(await navigate(`${pageUrl}/list`)).toEqual([302, okta])
    expect(await navigate(`${pageUrl}/list`, { cookie })).toEqual([303, `${pageUrl}/list`])
    for (const elsewhere of [
      untrustedUrl,
      `${untrustedUrl}/`,
      `${pageUrl}.evil.example/`,
      `${pageUrl}@evil.example/`,
      '//evil.example/',
      'javascript:alert(1)',
      '',
    ])
      expect(await navigate(elsewhere, { cookie })).toEqual([303, pageUrl])
  })
})

it('examples/spa serves its page and its API on two origins, and ends on SIGINT', async () => {
  const child = spawn(process.execPath, [join(root, 'examples/spa/server.js')], {
    env: { PATH: process.env.PATH, PORT: '0', API_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const [, pageUrl] =
    /^(http:\/\/localhost:\d+) {3}sign in as /.exec((await lines.next()).value) ?? []
  const [, apiUrl] =
    /^(http:\/\/localhost:\d+) {3}is its API/.exec((await lines.next()).value) ?? []
  const config = await (await fetch(`${pageUrl}/config.js`)).text()
  expect(config).toBe(`export const apiUrl = "${apiUrl}"\n`)
  expect(await (await fetch(`${pageUrl}/`)).text()).toContain('src="/main.js"')
  const refused = await fetch(`${apiUrl}/account`, { headers: { origin: String(pageUrl) } })
  expect(refused.status).toBe(401)
  expect(refused.headers.get('access-control-allow-origin')).toBe(pageUrl)
  const ended = once(child, 'exit')
  child.kill('SIGINT')
  expect(await ended).toEqual([0, null])
})
