/** What a wrong setting of the proxy or the app looks like: the rows of the table in docs/reverse-proxies.md. */
import express, { type Express } from 'express'
import type { OktaSession, OktaSessionOptions } from 'express-okta-session'
import { expect, it } from 'vitest'
import { createAuthService } from '../../examples/proxies/auth-service.js'
import { api, page } from '../front-door/door.js'
import { describeProxy } from './programs.js'
import { origin, type SiteChoices, signIn, startSite } from './site.js'

interface AppChoices {
  readonly trustProxy?: boolean
  /** Where the app mounts its routes. */
  readonly prefix?: string
}

const createApp =
  ({ trustProxy = true, prefix = '/' }: AppChoices) =>
  (okta: OktaSession): Express => {
    const app = express()
    if (trustProxy) app.set('trust proxy', 'loopback')
    const routes = express.Router()
    routes.get('/account', okta.requireSession(), (_req, res) => void res.json({}))
    routes.post('/refresh', okta.refresh())
    return app.use(prefix, routes)
  }

async function open({ breaks, okta, ...app }: Pick<SiteChoices, 'breaks' | 'okta'> & AppChoices) {
  const site = await startSite('nginx', {
    recipe: 'one-host',
    app: createApp(app),
    ...(breaks !== undefined && { breaks }),
    okta: { appUrl: undefined, ...okta },
  })
  const { org, browser } = site
  /** Where sign-in sends the browser that asks for this page. */
  const returnAddress = async (path: string) => {
    const { headers } = await browser.send('GET', origin + path, page)
    return new URL(headers.location ?? '').searchParams.get('fromURI')
  }
  const ownPost = async (path: string) => {
    signIn(org, browser)
    const { status, body } = await browser.send('POST', origin + path, { ...api, origin })
    const { code, detail }: { code?: string; detail?: string } = JSON.parse(body)
    return { status, code, detail }
  }
  return { ...site, returnAddress, ownPost }
}

/** A logger and its lines. */
function collected() {
  const lines: string[] = []
  const logger: OktaSessionOptions['logger'] = { warn: (line) => void lines.push(line) }
  return { lines, logger }
}

const withoutHost = { 'proxy_set_header Host $host;': '' }

describeProxy('nginx', () => {
  it('without Host and without appUrl, own posts are cross_site and sign-in returns to the upstream’s name', async () => {
    const { returnAddress, ownPost } = await open({ breaks: withoutHost })
    expect(await returnAddress('/account')).toBe('https://app/account')
    const refused = await ownPost('/refresh')
    expect(refused).toMatchObject({ status: 403, code: 'cross_site' })
    expect(refused.detail).toContain('appUrl')
  })

  it('appUrl makes up for a proxy that does not keep Host', async () => {
    const { returnAddress, ownPost } = await open({ breaks: withoutHost, okta: { appUrl: origin } })
    expect(await returnAddress('/account')).toBe(`${origin}/account`)
    expect(await ownPost('/refresh')).toMatchObject({ status: 200 })
  })

  it.each([
    ['trust proxy', { trustProxy: false }],
    ['X-Forwarded-Proto', { breaks: { 'proxy_set_header X-Forwarded-Proto $scheme;': '' } }],
  ])('without %s and without appUrl, sign-in returns to http', async (_what, choices) => {
    const { returnAddress } = await open(choices)
    expect(await returnAddress('/account')).toBe('http://www.example.com/account')
  })

  it('without trust proxy, clients share one budget, and one log line names the setting', async () => {
    const { lines, logger } = collected()
    const { browser } = await open({ trustProxy: false, okta: { logger, appUrl: origin } })
    for (const guess of ['one', 'two'])
      await browser.send('GET', `${origin}/account`, { ...api, cookie: `idx=${guess}` })
    expect(lines.filter((line) => line.includes('trust proxy'))).toHaveLength(1)
  })

  it('a proxy that removes a prefix makes sign-in return to the path without it', async () => {
    const breaks = {
      'location / {': 'location /app/ {',
      'proxy_pass http://app;': 'proxy_pass http://app/;',
    }
    const { browser, returnAddress } = await open({ breaks, okta: { appUrl: origin } })
    expect(await returnAddress('/app/account')).toBe(`${origin}/account`)
    expect((await browser.send('GET', `${origin}/account`, page)).status).toBe(404)
  })

  it('an app that is mounted at the prefix which the proxy keeps returns to it', async () => {
    const { returnAddress, ownPost } = await open({
      breaks: { 'location / {': 'location /app/ {' },
      okta: { appUrl: origin },
      prefix: '/app',
    })
    expect(await returnAddress('/app/account')).toBe(`${origin}/app/account`)
    expect(await ownPost('/app/refresh')).toMatchObject({ status: 200 })
  })

  it('without error_page, auth_request answers a redirect and an outage with 500', async () => {
    const { org, browser } = await startSite('nginx', {
      recipe: 'forward-auth',
      breaks: { 'error_page 401 403 500 = @denied;': '' },
      app: (okta) => createAuthService({ okta }),
      program: (_req, res) => void res.end(),
    })
    expect((await browser.send('GET', `${origin}/`, page)).status).toBe(500)
    org.fail({ kind: 'status', status: 500 })
    signIn(org, browser)
    const { status, headers } = await browser.send('GET', `${origin}/`, api)
    expect(status).toBe(500)
    expect(headers).not.toHaveProperty('retry-after')
  })
})
