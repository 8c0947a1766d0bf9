import { describe, expect, it, test } from 'vitest'
import { createIsSameOrigin, judgePost, type PostRules } from '../../src/http/csrf.js'
import type { RequestLike } from '../../src/public-types.js'

const origins = {
  ours: 'https://app.example',
  trusted: 'https://www.example.com',
  foreign: 'https://evil.example',
  null: 'null',
  absent: undefined,
} as const
const sites = ['same-origin', 'same-site', 'cross-site', 'none', 'junk', undefined] as const

/** The whole matrix, written out from the rule and not from the code. */
function expected(
  origin: keyof typeof origins,
  site: (typeof sites)[number],
  requestedBy: string | undefined,
  allowNonBrowserClients: boolean,
): 'ours' | 'cross_site' {
  switch (origin) {
    case 'ours':
    case 'trusted':
      return 'ours'
    case 'foreign':
      return 'cross_site'
    case 'null':
      return site === 'same-origin' ? 'ours' : 'cross_site'
    case 'absent':
      if (site === 'same-origin' || site === 'none') return 'ours'
      if (site === undefined && requestedBy !== undefined && allowNonBrowserClients) return 'ours'
      return 'cross_site'
  }
}

const matrix = (Object.keys(origins) as (keyof typeof origins)[]).flatMap((origin) =>
  sites.flatMap((site) =>
    [undefined, 'fetch'].flatMap((requestedBy) =>
      [false, true].flatMap((allow) =>
        ['https://app.example', undefined].map((appUrl) => ({
          origin,
          site,
          requestedBy,
          allow,
          appUrl,
        })),
      ),
    ),
  ),
)

const rules: PostRules = {
  api: { orgUrl: 'https://id.example.com' },
  appUrl: undefined,
  trustedOrigins: ['https://www.example.com'],
  allowNonBrowserClients: false,
}

const post = (headers: Record<string, string | undefined>): RequestLike => ({
  method: 'POST',
  headers: { host: 'app.example', ...headers },
})

describe('judgePost', () => {
  test.each(matrix)(
    'judgePost: origin $origin, site $site, X-Requested-By $requestedBy, clients allowed: $allow, appUrl $appUrl',
    ({ origin, site, requestedBy, allow, appUrl }) => {
      const req = post({
        origin: origins[origin],
        'sec-fetch-site': site,
        'x-requested-by': requestedBy,
      })
      expect(judgePost(req, { ...rules, appUrl, allowNonBrowserClients: allow })).toBe(
        expected(origin, site, requestedBy, allow),
      )
    },
  )

  test.each<[string, string, string]>([
    ['the same host', 'https://app.example', 'app.example'],
    ['plain http', 'http://localhost:3000', 'localhost:3000'],
    ['https in front of an http server', 'https://app.example', 'app.example'],
    ['the default port written out by a proxy', 'https://app.example', 'app.example:443'],
    ['the default port of http', 'http://localhost', 'localhost:80'],
    ['a Host in capitals', 'https://app.example', 'APP.example'],
    ['a port of its own', 'https://app.example:8443', 'app.example:8443'],
    ['an IPv6 address', 'http://[::1]:3000', '[::1]:3000'],
  ])('judgePost compares with Host where appUrl is not set: %s', (_, origin, host) => {
    expect(judgePost(post({ origin, host }), rules)).toBe('ours')
  })

  test.each<[string, string, string | undefined]>([
    ['another port', 'https://app.example:8443', 'app.example'],
    ['another port the other way', 'https://app.example', 'app.example:8443'],
    ['the default port of another scheme', 'https://app.example', 'app.example:80'],
    ['the default port of another scheme the other way', 'http://localhost', 'localhost:443'],
    ['a subdomain', 'https://x.app.example', 'app.example'],
    ['a longer name', 'https://app.example.evil.example', 'app.example'],
    ['no Host', 'https://app.example', undefined],
    ['an empty Host', 'https://app.example', ''],
    ['a Host with a path', 'https://app.example', 'app.example/x'],
    ['a Host with user info', 'https://app.example', 'x@app.example'],
    ['two Hosts', 'https://app.example', 'app.example, app.example'],
  ])('judgePost refuses what does not match Host: %s', (_, origin, host) => {
    expect(judgePost(post({ origin, host }), rules)).toBe('cross_site')
  })

  it('judgePost refuses an Origin that is a blob URL of a trusted origin', () => {
    const origin = 'blob:https://www.example.com'
    expect(judgePost(post({ origin, host: 'app.example' }), rules)).toBe('cross_site')
  })

  const orgs = { https: 'https://id.example.com', http: 'http://localhost:4000' }
  /** How a request came, as far as the app can know it, and whether it then knows of https. */
  const arrivals: Record<string, readonly [parts: object, isHttps: boolean]> = {
    'over http': [{ socket: {} }, false],
    'over https': [{ socket: { encrypted: true } }, true],
    'from a trusted proxy that ended TLS': [{ socket: {}, protocol: 'https' }, true],
    'from a trusted proxy called over http': [{ socket: {}, protocol: 'http' }, false],
    'over https from a trusted proxy called over http': [
      { socket: { encrypted: true }, protocol: 'http' },
      false,
    ],
    somehow: [{}, false],
  }
  const schemes = (Object.keys(orgs) as (keyof typeof orgs)[]).flatMap((org) =>
    Object.keys(arrivals).flatMap((arrival) =>
      ['app.example', 'app.localhost:3000', '127.0.0.1', '[::1]:80'].map((host) => ({
        org,
        arrival,
        host,
      })),
    ),
  )

  test.each(schemes)(
    'judgePost takes http for the app’s scheme only where it can be: org on $org, $arrival, $host',
    ({ org, arrival, host }) => {
      const [parts, isHttps] = arrivals[arrival] ?? [{}, false]
      const judge = (origin: string, more: Partial<PostRules> = {}) =>
        judgePost(
          { ...post({ host, origin, 'sec-fetch-site': 'same-origin' }), ...parts },
          { ...rules, ...more, api: { orgUrl: orgs[org] } },
        )
      const bare = host.replace(/:80$/, '')
      const holdsCookies = org === 'http' || host !== 'app.example'
      const expected = !isHttps && holdsCookies ? 'ours' : 'cross_site'
      expect(judge(`http://${bare}`)).toBe(expected)
      expect(judge(`http://${bare}`, { trustedOrigins: [`https://${bare}`] })).toBe(expected)
      expect(judge(`http://${bare}`, { trustedOrigins: [`http://${bare}`] })).toBe('ours')
      expect(judge(`http://${bare}`, { appUrl: `http://${bare}` })).toBe('ours')
      expect(judge(`http://${bare}`, { appUrl: `https://${bare}` })).toBe('cross_site')
      // A page of https can't be forged, and a proxy may have ended TLS: always ours.
      if (!host.endsWith(':80')) expect(judge(`https://${host}`)).toBe('ours')
    },
  )

  test.each([
    ['an empty Origin', ''],
    ['two origins', 'https://app.example, https://evil.example'],
    ['two of the same', 'https://app.example https://app.example'],
    ['a path', 'https://app.example/'],
    ['user info', 'https://evil.example@app.example'],
    ['no scheme', 'app.example'],
    ['another scheme', 'ftp://app.example'],
    ['an extension', 'chrome-extension://app.example'],
    ['capital NULL', 'NULL'],
    ['a backslash', 'https:\\\\app.example'],
  ])('judgePost refuses an Origin that is no origin: %s', (_, origin) => {
    const req = post({ origin, 'sec-fetch-site': 'same-origin', 'x-requested-by': 'x' })
    expect(judgePost(req, { ...rules, allowNonBrowserClients: true })).toBe('cross_site')
    expect(judgePost(req, { ...rules, appUrl: 'https://app.example' })).toBe('cross_site')
  })

  it('judgePost compares with appUrl alone where that is set', () => {
    const withApp = { ...rules, appUrl: 'https://app.example' }
    const host = 'internal:8080'
    expect(judgePost(post({ host, origin: 'https://app.example' }), withApp)).toBe('ours')
    expect(judgePost(post({ host, origin: 'http://app.example' }), withApp)).toBe('cross_site')
    expect(judgePost(post({ host, origin: 'http://internal:8080' }), withApp)).toBe('cross_site')
  })

  it('judgePost takes :authority before the Host header', () => {
    const headers = { ':authority': 'app.example', host: 'evil.example' }
    expect(judgePost(post({ ...headers, origin: 'https://app.example' }), rules)).toBe('ours')
    expect(judgePost(post({ ...headers, origin: 'https://evil.example' }), rules)).toBe(
      'cross_site',
    )
  })

  it('judgePost never reads X-Forwarded-Host', () => {
    const req = post({ origin: 'https://evil.example', 'x-forwarded-host': 'evil.example' })
    expect(judgePost(req, rules)).toBe('cross_site')
  })

  it('judgePost does not accept an empty X-Requested-By', () => {
    const req = post({ 'x-requested-by': '' })
    expect(judgePost(req, { ...rules, allowNonBrowserClients: true })).toBe('cross_site')
  })

  it('judgePost reads Fetch headers too', () => {
    const headers = new Headers({ host: 'app.example', origin: 'https://app.example' })
    expect(createIsSameOrigin(rules)({ headers })).toBe(true)
    headers.set('origin', 'https://evil.example')
    expect(createIsSameOrigin(rules)({ headers })).toBe(false)
  })
})
