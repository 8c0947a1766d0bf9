/** What a web page elsewhere can make a browser on this machine send to a local org, and what comes of it. */
import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { createLocalOrg, type LocalOrg } from '../../src/local-org/index.js'
import { ROUTES } from '../../src/local-org/serving/routes.js'
import { SESSIONS_PATH } from '../../src/local-org/wire/operations.js'
import { orgs, postForm, postJson } from './orgs.js'
import { type RawAnswer, rawExchange } from './raw-exchange.js'

const start = orgs()

/** Every address the org has, with its methods; the operations by id are no table of their own. */
const addresses = [
  ...[...ROUTES].flatMap(([path, byMethod]) =>
    [...byMethod.keys()].map((method) => ({ method, path })),
  ),
  { method: 'POST', path: SESSIONS_PATH },
  { method: 'GET', path: `${SESSIONS_PATH}/me` },
  { method: 'DELETE', path: `${SESSIONS_PATH}/me` },
  { method: 'POST', path: `${SESSIONS_PATH}/me/lifecycle/refresh` },
  { method: 'GET', path: `${SESSIONS_PATH}/101abc` },
  { method: 'DELETE', path: `${SESSIONS_PATH}/101abc` },
  { method: 'POST', path: '/api/v1/authn/factors/ost1/verify' },
  { method: 'OPTIONS', path: '/api/v1/authn' },
  { method: 'GET', path: '/nowhere' },
]

/** The forms and the control endpoint: all that is posted to and is no API. */
const forms = addresses
  .filter(({ method, path }) => method === 'POST' && !/^\/(api|oauth2)\//.test(path))
  .map(({ path }) => path)

const NONE: readonly string[] = []

/** One request with its Host lines as given. */
function askRaw(
  org: LocalOrg,
  hosts: readonly string[],
  { method = 'GET', path = '/api/v1/sessions/me', version = '1.1', more = NONE } = {},
): Promise<RawAnswer> {
  const lines = [
    `${method} ${path} HTTP/${version}`,
    ...hosts.map((host) => `Host: ${host}`),
    ...more,
    'Content-Length: 0',
    'Connection: close',
  ]
  return rawExchange(org.url, `${lines.join('\r\n')}\r\n\r\n`, 2_000)
}

const statusOf = ({ head }: RawAnswer) => Number(head.split(' ')[1])

/** Posts a form with any Host and any headers a browser sets, which fetch() would not send. */
function post(
  org: LocalOrg,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<number | undefined> {
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers: { ...type, ...headers }, agent: false }
    const sent = request(org.url + path, options, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
    sent.on('error', reject)
    sent.end('username=alice%40example.com&password=local-password&minutes=1')
  })
}

/** What a request changes when the org obeys it. */
function worldOf(org: LocalOrg) {
  const { sessions, faults, calls, users } = org
  return { sessions, faults: [...faults], calls: { ...calls }, users }
}

describe('the names a local org answers to', () => {
  it.each(addresses)(
    'the local org refuses foreign names for $method $path',
    async ({ method, path }) => {
      const org = await start({ trustedOrigins: ['http://evil.example'] })
      org.signIn('alice@example.com')
      org.fail({ kind: 'hang' })
      const before = worldOf(org)
      const more = ['Origin: http://evil.example', 'Access-Control-Request-Method: POST']
      const answer = await askRaw(org, ['evil.example'], { method, path, more })
      expect(statusOf(answer)).toBe(421)
      expect(worldOf(org)).toEqual(before)
    },
  )

  it('a refused name is answered with what to do, unreadable for pages', async () => {
    const org = await start({ trustedOrigins: ['http://evil.example'] })
    const { head, headers, body } = await askRaw(org, ['evil.example'], {
      more: ['Origin: http://evil.example'],
    })
    expect(head).toMatch(/^HTTP\/1\.1 421 Misdirected Request/)
    expect(body.toString()).toContain('allowedHosts')
    expect(body.toString()).toContain('--allow-hosts')
    const fields = Object.fromEntries(headers)
    expect(fields['content-type']).toBe('text/plain; charset=utf-8')
    expect(Object.keys(fields).filter((name) => name.startsWith('access-control-'))).toEqual([])
    expect(body.toString()).not.toContain('evil.example')
  })

  it.each([
    'localhost',
    'localhost:4000',
    'LOCALHOST:1',
    '127.0.0.1',
    '127.0.0.1:65535',
    '[::1]',
    '[::1]:4000',
  ])('the local org answers to names of this machine: %s', async (host) => {
    expect(statusOf(await askRaw(await start(), [host]))).toBe(404)
  })

  it.each([
    'evil.example',
    'localhost.evil.example',
    'evil.example:localhost',
    'localhost@evil.example',
    'evil.example@localhost',
    'localhost:80@evil.example',
    'localhost/',
    'localhost?',
    'localhost.',
    'localhost:port',
    'localhost, evil.example',
    'a.localhost',
    '127.0.0.2',
    '127.1',
    '0x7f.0.0.1',
    '0.0.0.0',
    '::1',
    '[::]',
    '[::ffff:127.0.0.1]',
    '',
  ])('the local org answers to no other names: %j', async (host) => {
    expect(statusOf(await askRaw(await start(), [host]))).toBe(421)
  })

  it.each([
    ['none', [], '1.1'],
    ['none, by HTTP/1.0', [], '1.0'],
    ['two', ['localhost', 'evil.example'], '1.1'],
    ['the same twice', ['localhost', 'localhost'], '1.1'],
  ])('a request has one host name: one with %s is refused', async (_name, hosts, version) => {
    expect(statusOf(await askRaw(await start(), hosts, { version }))).toBe(421)
  })

  it('the local org answers to the names it was given, on any port', async () => {
    const org = await start({ allowedHosts: ['Org.Test', '192.0.2.7', '[2001:db8::1]'] })
    const given = ['org.test', 'ORG.test:8080', '192.0.2.7', '[2001:DB8::1]:443', 'localhost']
    for (const host of given) expect(statusOf(await askRaw(org, [host]))).toBe(404)
    for (const host of ['a.org.test', 'org.test.evil.example', '192.0.2.8'])
      expect(statusOf(await askRaw(org, [host]))).toBe(421)
  })

  it.each([
    [['org.test:4000']],
    [['http://org.test']],
    [['org.test/']],
    [['*']],
    [['*.org.test']],
    [['me@org.test']],
    [['2001:db8::1']],
    [['']],
    ['org.test'],
    [[7]],
    [null],
  ])('allowHosts refuses what is no name: %j', async (allowedHosts) => {
    // @ts-expect-error: some of them only a JavaScript caller may write
    await expect(createLocalOrg({ allowedHosts })).rejects.toThrow(
      /createLocalOrg\(\): allowedHosts/,
    )
  })
})

describe('a form of the org', () => {
  it('the list of forms is complete', () => {
    expect([...forms].sort()).toEqual([
      '/console/add-hook',
      '/console/add-signals',
      '/console/add-universal-logout',
      '/console/advance',
      '/console/end-everywhere',
      '/console/fail',
      '/console/remove-pushes',
      '/console/revoke',
      '/console/step-up',
      '/console/stop',
      '/console/suspend',
      '/console/unsuspend',
      '/login/login.htm',
      '/login/second-step',
      '/login/step-up',
    ])
  })

  describe.each(forms)('at %s', (path) => {
    it.each([
      ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
      ['an app on another port here', { origin: 'http://localhost:3000' }],
      ['the org by another of its names', { origin: 'http://127.0.0.1:4000' }],
      ['the same host by another scheme', { origin: 'https://localhost:4000' }],
      ['a trusted origin of another host', { origin: 'https://org.test' }],
      [
        'another site that a browser calls the same',
        { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-origin' },
      ],
      ['a sandboxed frame', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
      ['a form without an origin', { origin: 'null' }],
      ['a null origin of a navigation', { origin: 'null', 'sec-fetch-site': 'none' }],
      ['an empty origin', { origin: '' }],
      ['a browser that hides where from', { 'sec-fetch-site': 'cross-site' }],
      ['a browser that hides which port', { 'sec-fetch-site': 'same-site' }],
    ])('a form takes no post from %s', async (_name, headers) => {
      const org = await start({ trustedOrigins: ['https://org.test'] })
      const before = worldOf(org)
      expect(await post(org, path, { host: 'localhost:4000', ...headers })).toBe(403)
      expect(worldOf(org)).toEqual(before)
    })

    it('a form takes no post from a page under a rebound name', async () => {
      const org = await start()
      const before = worldOf(org)
      const headers = {
        host: 'evil.example',
        origin: 'http://evil.example',
        'sec-fetch-site': 'same-origin',
      }
      expect(await post(org, path, headers)).toBe(421)
      expect(worldOf(org)).toEqual(before)
    })

    it.each([
      ['its own page', { origin: 'http://localhost:4000', 'sec-fetch-site': 'same-origin' }],
      ['its own page, by IPv6', { host: '[::1]:4000', origin: 'http://[::1]:4000' }],
      ['its own page, by a name it was given', { host: 'org.test', origin: 'http://org.test' }],
      ['its own page, through a TLS proxy', { host: 'org.test', origin: 'https://org.test' }],
      [
        'its own page where a policy hides the origin',
        { origin: 'null', 'sec-fetch-site': 'same-origin' },
      ],
      ['its own page without an origin', { 'sec-fetch-site': 'same-origin' }],
      ['a person', { 'sec-fetch-site': 'none' }],
      ['a program', {}],
    ])('a form takes a post from %s', async (_name, headers) => {
      const org = await start({
        allowedHosts: ['org.test'],
        trustedOrigins: ['https://org.test'],
      })
      expect(await post(org, path, { host: 'localhost:4000', ...headers })).not.toBeOneOf([
        403, 421,
      ])
    })
  })

  it('a foreign post is refused before its path is looked up', async () => {
    const org = await start()
    const headers = { host: 'localhost:4000', origin: 'https://evil.example' }
    expect(await post(org, '/login/added-later', headers)).toBe(403)
  })

  it('every form on the local org’s pages is in the list', async () => {
    const org = await start()
    const cookie = org.signIn('alice@example.com')
    org.fail({ kind: 'hang' }, { operation: 'keys' })
    const carol = { username: 'carol@example.com', password: 'local-password' }
    const pages = await Promise.all([
      fetch(`${org.url}/login/login.htm`),
      fetch(`${org.url}/login/step-up`, { headers: { cookie } }),
      postForm(`${org.url}/login/login.htm`, carol),
      fetch(`${org.url}/console`),
    ])
    const markup = (await Promise.all(pages.map((page) => page.text()))).join('')
    const shown = [...markup.matchAll(/<form[^>]* action="([^"]*)"/g)].map(([, action]) => action)
    expect(new Set(shown).size).toBeGreaterThan(6)
    for (const action of shown) expect(forms).toContain(action)
  })
})

describe('an address that changes something when it is read', () => {
  const site = 'Sec-Fetch-Site: cross-site'

  it.each([
    ['an image', ['Sec-Fetch-Mode: no-cors', 'Sec-Fetch-Dest: image']],
    ['a frame', ['Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: iframe']],
    ['a script’s request', ['Sec-Fetch-Mode: no-cors', 'Sec-Fetch-Dest: empty']],
  ])('a sign-out URL ends no session by %s of another site', async (_name, how) => {
    const org = await start()
    const cookie = `Cookie: ${org.signIn('alice@example.com')}`
    const more = [site, ...how, cookie]
    const answer = await askRaw(org, [new URL(org.url).host], { path: '/login/signout', more })
    expect(statusOf(answer)).toBe(403)
    expect(answer.headers.map(([name]) => name)).not.toContain('set-cookie')
    expect(org.sessions).toHaveLength(1)
  })

  it.each([
    ['a link of another site', [site, 'Sec-Fetch-Dest: document']],
    ['a script of an app on this machine', ['Sec-Fetch-Site: same-site', 'Sec-Fetch-Dest: empty']],
    ['a program', []],
  ])('a sign-out URL ends the session by %s', async (_name, how) => {
    const org = await start()
    const more = [...how, `Cookie: ${org.signIn('alice@example.com')}`]
    const answer = await askRaw(org, [new URL(org.url).host], { path: '/login/signout', more })
    expect(statusOf(answer)).toBe(302)
    expect(org.sessions).toEqual([])
  })
})

describe('the console’s state', () => {
  it('the console’s state can’t be loaded by pages of other origins', async () => {
    const org = await start()
    const { headers } = await fetch(`${org.url}/console/state`)
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('the JSON API', () => {
  it('the JSON API takes a post of another origin', async () => {
    const org = await start()
    const headers = { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' }
    const alice = { username: 'alice@example.com', password: 'local-password' }
    const answer = await postJson(`${org.url}/api/v1/authn`, alice, headers)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('access-control-allow-origin')).toBe('http://localhost:3000')
    for (const path of ['/api/v1/sessions', '/oauth2/v1/token'])
      expect((await postJson(org.url + path, {}, headers)).status).not.toBe(403)
  })
})
