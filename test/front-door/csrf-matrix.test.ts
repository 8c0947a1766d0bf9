/** Which posts the three handlers take for their own, by what a browser says of where they come from. */
import {
  Agent as HttpAgent,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestHttp,
} from 'node:http'
import {
  createServer as createHttpsServer,
  Agent as HttpsAgent,
  request as requestHttps,
} from 'node:https'
import express from 'express'
import type { OktaSessionOptions } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it, onTestFinished } from 'vitest'
import { sampleOf } from '../deep.js'
import { trustworthy } from '../okta/certificates.js'
import { listen, page, serve, startOkta, startParts, TestClock } from './door.js'

const trusted = 'https://www.example.com'
const foreign = 'https://evil.example'

/** An app with the three handlers; over `http`, or behind a proxy that ends TLS and keeps Host or not. */
async function open(way: Way, options: OktaSessionOptions = {}) {
  const front = way === 'http' ? undefined : createHttpsServer(trustworthy)
  const outside = front && (await listen(front, 'https'))
  const appUrl = way === 'a TLS proxy, and appUrl' ? { appUrl: outside } : {}
  const parts = await startParts({ okta: { trustedOrigins: [trusted], ...appUrl, ...options } })
  const app = express()
  app.post('/login', parts.okta.login())
  app.post('/refresh', parts.okta.refresh())
  app.post('/logout', parts.okta.logout())
  const inside = await serve(app)
  front?.on('request', (req, res) => {
    // One proxy hands Host on as it came, the other names the app's own.
    const { host, ...rest } = req.headers
    const headers = way === 'a TLS proxy' ? { host, ...rest } : rest
    const onward = requestHttp(
      inside + req.url,
      { method: req.method ?? '', headers },
      (answer) => {
        res.writeHead(answer.statusCode ?? 0, answer.headers)
        answer.pipe(res)
      },
    )
    req.pipe(onward)
  })
  return { ...parts, origin: outside ?? inside, post: posting(outside ?? inside) }
}

type Way = 'http' | 'a TLS proxy' | 'a TLS proxy, and appUrl'

/** Posts nothing over one kept connection; answers the status and the problem's code. */
function posting(url: string) {
  const isHttps = url.startsWith('https:')
  const agent = isHttps
    ? new HttpsAgent({ keepAlive: true, ca: trustworthy.cert })
    : new HttpAgent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  return (path: string, headers: OutgoingHttpHeaders): Promise<{ status: number; code: string }> =>
    new Promise((resolve, reject) => {
      const send = isHttps ? requestHttps : requestHttp
      const sent = { ...headers, 'content-length': 0 }
      const exchange = send(url + path, { method: 'POST', agent, headers: sent })
      exchange.on('error', reject)
      exchange.on('response', async (answer: IncomingMessage) => {
        const text = (await answer.setEncoding('utf8').toArray()).join('')
        const body: { code?: string } = text === '' ? {} : JSON.parse(text)
        resolve({ status: answer.statusCode ?? 0, code: body.code ?? '' })
      })
      exchange.end()
    })
}

const origins = ['ours', 'trusted', 'foreign', 'null', 'absent'] as const
const sites = ['same-origin', 'same-site', 'cross-site', 'none', 'junk', 'absent'] as const

/** Every combination, as headers, and whether it is ours: written from the rule, not from the code. */
function matrix(own: string, allowsClients: boolean) {
  const value = { ours: own, trusted, foreign, null: 'null', absent: undefined }
  return origins.flatMap((origin) =>
    sites.flatMap((site) =>
      ['absent', 'present'].map((requestedBy) => {
        const headers: OutgoingHttpHeaders = {
          ...(value[origin] !== undefined && { origin: value[origin] }),
          ...(site !== 'absent' && { 'sec-fetch-site': site }),
          ...(requestedBy === 'present' && { 'x-requested-by': 'a-client' }),
        }
        const isOurs =
          origin === 'ours' ||
          origin === 'trusted' ||
          (origin === 'null' && site === 'same-origin') ||
          (origin === 'absent' && (site === 'same-origin' || site === 'none')) ||
          (origin === 'absent' && site === 'absent' && requestedBy === 'present' && allowsClients)
        return { name: `${origin}, ${site}, X-Requested-By ${requestedBy}`, headers, isOurs }
      }),
    ),
  )
}

const ways = ['http', 'a TLS proxy', 'a TLS proxy, and appUrl'] as const

describe.each(ways)('over %s', (way) => {
  it.each([
    ['login', false, 400],
    ['login', true, 400],
    ['refresh', false, 200],
    ['refresh', true, 200],
    ['logout', false, 204],
    ['logout', true, 204],
  ] as const)(
    '%s, non-browser clients allowed: %s',
    async (handler, allowNonBrowserClients, status) => {
      const { org, origin, post } = await open(way, { allowNonBrowserClients })
      const outcomes: Record<string, string> = {}
      const expected: Record<string, string> = {}
      const posts = matrix(origin, allowNonBrowserClients)
      for (const { name, headers, isOurs } of sampleOf(posts, 20)) {
        const calls = () => Object.values(org.calls).reduce((sum, count) => sum + count, 0)
        const before = calls()
        const cookie = org.signIn('alice@example.com')
        const answer = await post(`/${handler}`, { ...headers, cookie })
        const outcome = calls() > before ? 'calls Okta' : 'no call'
        outcomes[name] = `${answer.status} ${answer.code}, ${outcome}`
        const refused = '403 cross_site, no call'
        const taken =
          handler === 'login' ? '400 invalid_request, no call' : `${status} , calls Okta`
        expected[name] = isOurs ? taken : refused
      }
      expect(posts).toHaveLength(60)
      expect(outcomes).toEqual(expected)
    },
  )

  it('a foreign host is refused, whatever X-Forwarded-Host says', async () => {
    const { post } = await open(way)
    for (const headers of [
      { origin: foreign, 'x-forwarded-host': 'evil.example' },
      { origin: foreign, forwarded: 'host=evil.example' },
      { origin: 'http://localhost.evil.example' },
      { origin: `${foreign}, ${trusted}` },
    ])
      expect(await post('/logout', headers)).toEqual({ status: 403, code: 'cross_site' })
  })
})

describe('a post that is refused', () => {
  it('a refused post is a problem for a script, a page for a form, and never cached', async () => {
    const { okta, org } = await startParts()
    const app = express().post('/', okta.logout())
    const url = await serve(app)
    const cookie = org.signIn('alice@example.com')
    const script = await request(url).post('/').set({ Origin: foreign, Cookie: cookie }).expect(403)
    expect(script.headers['content-type']).toBe('application/problem+json; charset=utf-8')
    expect(script.body).toEqual({
      type: 'about:blank',
      title: 'Forbidden',
      status: 403,
      code: 'cross_site',
      detail: expect.stringContaining('appUrl'),
    })
    const form = await request(url)
      .post('/')
      .set({ ...page, Origin: foreign, Cookie: cookie })
      .expect(403)
    expect(form.headers['content-type']).toBe('text/html; charset=utf-8')
    for (const { headers } of [script, form]) {
      expect(headers['cache-control']).toBe('no-store')
      expect(headers).not.toHaveProperty('set-cookie')
    }
  })
})

describe('without appUrl, a post from plain http on the same host', () => {
  /** Signs out without a cookie, which calls Okta never, and answers the status. */
  async function judge(
    front: 'http' | 'https',
    options: OktaSessionOptions,
    origin: (own: string) => string,
    headers: OutgoingHttpHeaders = {},
  ) {
    const okta = startOkta({ orgUrl: 'https://id.example.com', ...options }, new TestClock())
    const app = express().set('trust proxy', true).post('/logout', okta.logout())
    const url =
      front === 'http'
        ? await serve(app)
        : await listen(createHttpsServer(trustworthy, app), 'https')
    const { status } = await posting(url)('/logout', { ...headers, origin: origin(url) })
    return status
  }
  const overHttp = (own: string) => own.replace(/^https:/, 'http:')
  const overHttps = (own: string) => own.replace(/^http:/, 'https:')
  const localOrg = { orgUrl: 'http://localhost:1' }
  const host = 'app.example'

  it.each<[string, Parameters<typeof judge>]>([
    ['an app on https', ['https', {}, overHttp]],
    ['an app on https, with a local org', ['https', localOrg, overHttp]],
    [
      'an app behind a trusted proxy that ends TLS',
      ['http', localOrg, overHttp, { 'x-forwarded-proto': 'https' }],
    ],
    ['an org on https', ['http', {}, () => 'http://app.example', { host }]],
    [
      'an org on https, and the port written out',
      ['http', {}, () => 'http://app.example', { host: `${host}:80` }],
    ],
    [
      'the other scheme trusted',
      ['http', { trustedOrigins: ['https://app.example'] }, () => 'http://app.example', { host }],
    ],
  ])('without appUrl, a post from plain http on the same host is refused: %s', async (_, given) => {
    expect(await judge(...given)).toBe(403)
  })

  it.each<[string, Parameters<typeof judge>]>([
    ['this machine, where no network can forge it', ['http', {}, overHttp]],
    [
      'a local org, whose cookies need no https',
      ['http', localOrg, () => 'http://app.example', { host }],
    ],
    [
      'an origin that is trusted by name',
      ['http', { trustedOrigins: ['http://app.example'] }, () => 'http://app.example', { host }],
    ],
    [
      'an appUrl that says so',
      ['http', { appUrl: 'http://app.example' }, () => 'http://app.example', { host }],
    ],
  ])(
    'without appUrl, a post from plain http on the same host is accepted: %s',
    async (_, given) => {
      expect(await judge(...given)).toBe(204)
    },
  )

  it.each<[string, Parameters<typeof judge>]>([
    ['an app on https', ['https', {}, overHttps]],
    ['a proxy that ends TLS and says nothing', ['http', {}, overHttps]],
    [
      'a proxy that writes the port',
      ['http', {}, () => 'https://app.example', { host: `${host}:443` }],
    ],
  ])('without appUrl, a post from https on the same host is accepted: %s', async (_, given) => {
    expect(await judge(...given)).toBe(204)
  })
})
