/** What the developer of an app, or of a client, is told of a request that is refused for their mistake. */
import express from 'express'
import type { OktaSessionOptions } from 'express-okta-session'
import helmet from 'helmet'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, ownPage, page, serve, startParts } from './door.js'

async function open(options: OktaSessionOptions = {}) {
  const lines: [message: string, fields: unknown][] = []
  const logger = {
    warn: (message: string, fields?: unknown) => void lines.push([message, fields]),
  }
  const parts = await startParts({ okta: { logger, ...options } })
  const { okta } = parts
  const app = express()
  app.use(helmet())
  app.use('/eaten', (req, _res, next) => void req.resume().once('end', () => next()))
  app.post('/eaten/login', okta.login())
  app.all('/login', okta.login())
  app.all('/refresh', okta.refresh())
  app.all('/logout', okta.logout())
  app.all('/info', okta.sessionInfo())
  return { ...parts, url: await serve(app), lines }
}

const json = { ...api, ...ownPage, 'Content-Type': 'application/json' }

/** Each a mistake of a developer: the code of its problem, and what its detail says to do. */
const mistakes: readonly [
  code: string,
  method: 'get' | 'put' | 'post' | 'delete',
  path: string,
  headers: Record<string, string>,
  body: string | undefined,
  ...says: RegExp[],
][] = [
  [
    'cross_site',
    'post',
    '/logout',
    { Origin: 'https://app.example.com' },
    undefined,
    /appUrl/,
    /proxy_set_header Host/,
    /trustedOrigins/,
  ],
  ['cross_site', 'post', '/refresh', {}, undefined, /allowNonBrowserClients/, /X-Requested-By/],
  ['cross_site', 'post', '/login', { 'Sec-Fetch-Site': 'cross-site' }, '{}', /appUrl/],
  [
    'method_not_allowed',
    'get',
    '/logout',
    api,
    undefined,
    /logout\(\) takes POST/,
    /method="post"/,
  ],
  ['method_not_allowed', 'delete', '/logout', api, undefined, /fetch\(url, \{ method: 'POST' \}\)/],
  ['method_not_allowed', 'get', '/login', page, undefined, /login\(\) takes POST/],
  ['method_not_allowed', 'put', '/refresh', json, '{}', /refresh\(\) takes POST/],
  ['method_not_allowed', 'post', '/info', json, '{}', /sessionInfo\(\) answers GET/],
  ['invalid_request', 'post', '/login', json, '{}', /sessionToken/],
  ['invalid_request', 'post', '/login', json, '{', /JSON/],
  [
    'unsupported_media_type',
    'post',
    '/login',
    { ...json, 'Content-Type': 'text/plain' },
    'x',
    /application\/json/,
  ],
  ['body_already_read', 'post', '/eaten/login', json, '{"sessionToken":"x"}', /express\.json\(\)/],
  ['body_too_large', 'post', '/login', json, `{"sessionToken":"${'x'.repeat(17_000)}"}`, /16384/],
]

describe('a problem a developer could cause', () => {
  it.each(mistakes)(
    '%s says what to do: %s %s %o',
    async (code, method, path, headers, body, ...says) => {
      const { url } = await open()
      const answer = await request(url)[method](path).set(headers).send(body)
      expect(answer.type).toBe('application/problem+json')
      expect(answer.body.code).toBe(code)
      for (const each of says) expect(answer.body.detail).toMatch(each)
    },
  )

  it.each([
    ['without appUrl', {}],
    ['with another appUrl', { appUrl: 'https://app.example.com' }],
  ])(
    'a post that seems to come from another site is one line in the log, %s',
    async (_, options) => {
      const { url, lines } = await open(options)
      const origin = 'https://www.example.com'
      for (const headers of [api, page])
        for (const path of ['/logout', '/login', '/refresh'])
          await request(url)
            .post(path)
            .set({ ...headers, Origin: origin })
            .expect(403)
      expect(lines).toHaveLength(1)
      const [[message = '', fields] = []] = lines
      for (const name of ['appUrl', 'Host', 'allowNonBrowserClients'])
        expect(message).toContain(name)
      expect(fields).toMatchObject({
        handler: 'logout',
        origin,
        host: new URL(url).host,
        ...options,
      })
    },
  )

  it('the line about a post from another site says what its browser said, cut short', async () => {
    const { url, lines } = await open()
    await request(url)
      .post('/logout')
      .set({ 'Sec-Fetch-Site': 'cross-site', Origin: `https://${'x'.repeat(2_000)}` })
      .expect(403)
    expect(lines[0]?.[1]).toMatchObject({ secFetchSite: 'cross-site' })
    expect(JSON.stringify(lines[0]?.[1]).length).toBeLessThan(1_000)
  })

  it('a method that is not taken is one line for each handler', async () => {
    const { url, lines } = await open()
    for (let times = 0; times < 2; times += 1)
      for (const path of ['/logout', '/refresh', '/login', '/info'])
        await request(url).delete(path).set(api).expect(405)
    expect(lines.map(([, fields]) => fields)).toEqual(
      ['logout', 'refresh', 'login', 'sessionInfo'].map((handler) =>
        expect.objectContaining({ handler, method: 'DELETE' }),
      ),
    )
    for (const [message, fields] of lines) expect(message).toContain(`${Object(fields).handler}() `)
  })

  it('a post that login() cannot read is one line for each reason, without what was posted', async () => {
    const { url, lines } = await open()
    const post = (path: string, body: string) => request(url).post(path).set(json).send(body)
    for (let times = 0; times < 2; times += 1) {
      await post('/login', '{"token":"xyzzy"}').expect(400)
      await post('/login', '{"sessionToken":"xyzzy').expect(400)
      await post('/login', `{"sessionToken":"${'xyzzy'.repeat(4_000)}"}`).expect(413)
      await post('/login', 'xyzzy').set('Content-Type', 'text/plain').expect(415)
      await post('/eaten/login', '{"sessionToken":"xyzzy"}').expect(400)
    }
    expect(lines.map(([message]) => /refused with (\w+)/.exec(message)?.[1])).toEqual([
      'invalid_request',
      'invalid_request',
      'body_too_large',
      'unsupported_media_type',
      'body_already_read',
    ])
    expect(JSON.stringify(lines)).not.toContain('xyzzy')
  })
})

describe('logout() opened in a browser', () => {
  it.each(['get', 'head'] as const)(
    '%s is a page with a button, and signs no user out',
    async (method) => {
      const { org, url, lines } = await open()
      const cookie = org.signIn('alice@example.com')
      const answer = await request(url)
        [method]('/logout?returnTo=/bye')
        .set({ ...page, Cookie: cookie })
        .expect(405)
      expect(answer.headers).toMatchObject({
        allow: 'POST',
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        // Under the app's no-referrer an older browser would send `Origin: null`.
        'referrer-policy': 'same-origin',
      })
      const policy = answer.headers['content-security-policy'] ?? ''
      expect(policy).toContain("form-action 'self' https:")
      expect(policy).toContain("default-src 'none'")
      if (method === 'get')
        expect(answer.text).toContain('<form method="post"><button>Sign out</button>')
      expect(org.sessions).toHaveLength(1)
      expect(lines).toEqual([])
    },
  )

  it('pages without a form still allow none', async () => {
    const { url } = await open()
    const { headers } = await request(url)
      .post('/logout')
      .set({ ...page, Origin: 'https://evil.example' })
      .expect(403)
    expect(headers['content-security-policy']).toContain("form-action 'none'")
  })
})
