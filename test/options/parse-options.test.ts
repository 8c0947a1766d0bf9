import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { inspect } from 'node:util'
import { describe, expect, it, test } from 'vitest'
import { faultsOf, linesOf, parse, parseApi, thrownBy } from './faults-of.js'

const org = 'https://id.example.com'
const secret = 's'.repeat(32)
const store = {}

describe('parseOptions', () => {
  it('parseOptions fills in every default', () => {
    const { logger, ...settings } = parse({ orgUrl: org })
    expect(logger).toBe(console)
    expect(settings).toEqual({
      api: { orgUrl: org, credentials: undefined, timeoutMs: 3_000, agent: undefined },
      appUrl: undefined,
      cookies: [
        { name: 'idx', as: 'idx', signed: false },
        { name: 'sid', as: 'sid', signed: false },
      ],
      cache: {
        ttlMs: 60_000,
        maxTtlMs: 300_000,
        maxSessions: 50_000,
        negativeTtlMs: 10_000,
        maxNegatives: 65_536,
        store: undefined,
      },
      secrets: [],
      upstream: {
        maxConcurrent: 5,
        maxQueueMs: 1_000,
        failedLookups: { perSecond: undefined, burst: 50 },
        failedLookupsPerClient: { perSecond: 1, burst: 20 },
        instances: 1,
        forwardClientIp: false,
      },
      signInUrl: undefined,
      trustedOrigins: [],
      allowNonBrowserClients: false,
      allowInsecureOrg: false,
      checkAtStart: false,
      onDenied: undefined,
      pages: { home: '/', texts: undefined, render: undefined },
      property: 'okta',
    })
  })

  it('parseOptions takes everything an app may write', () => {
    const agent = new HttpsAgent()
    const onDenied = () => {}
    const pages = { home: '/start', texts: () => undefined, render: () => '<p>ours</p>' }
    const logger = { warn() {} }
    const settings = parse({
      orgUrl: `${org}/`,
      appUrl: 'https://app.example.com/',
      credentials: { apiToken: '00abc' },
      cookies: [{ name: '__Host-okta', as: 'sid', signed: true }, 'idx'],
      cache: { ttlMs: 1, maxTtlMs: 1, maxSessions: 1, negativeTtlMs: 1, maxNegatives: 1, store },
      secret: [secret, 'p'.repeat(32)],
      upstream: {
        timeoutMs: 500,
        maxConcurrent: 10,
        maxQueueMs: 0,
        failedLookups: { perSecond: 10 },
        failedLookupsPerClient: { burst: 5 },
        forwardClientIp: true,
        agent,
      },
      signInUrl: '/sign-in?a=b',
      trustedOrigins: ['https://www.example.com', 'http://localhost:3000'],
      allowNonBrowserClients: true,
      onDenied,
      pages,
      logger,
      property: 'oktaAdmin',
    })
    expect(settings.api).toMatchObject({ orgUrl: org, timeoutMs: 500 })
    expect(settings.api.agent).toBe(agent)
    expect(settings.api.credentials).toEqual({ apiToken: '00abc' })
    expect(settings.appUrl).toBe('https://app.example.com')
    expect(settings.cookies[0]).toEqual({ name: '__Host-okta', as: 'sid', signed: true })
    expect(settings.cache).toMatchObject({ ttlMs: 1, maxTtlMs: 1, store })
    expect(settings.secrets).toEqual([secret, 'p'.repeat(32)])
    expect(settings.upstream.failedLookups).toEqual({ perSecond: 10, burst: 50 })
    expect(settings.upstream.failedLookupsPerClient).toEqual({ perSecond: 1, burst: 5 })
    expect(settings.signInUrl).toBe('/sign-in?a=b')
    expect(settings.onDenied).toBe(onDenied)
    expect(settings.pages).toEqual(pages)
    expect(settings.logger).toBe(logger)
    expect(settings.property).toBe('oktaAdmin')
  })

  it('parseOptions takes undefined for an option left out, at every level', () => {
    expect(
      parse({
        orgUrl: org,
        appUrl: undefined,
        credentials: undefined,
        cookies: undefined,
        cache: { ttlMs: undefined, store: undefined },
        secret: undefined,
        upstream: { agent: undefined, failedLookups: { burst: undefined } },
        logger: undefined,
        property: undefined,
      }),
    ).toEqual(parse({ orgUrl: org }))
  })

  it('parseOptions raises the default of maxTtlMs to a longer ttlMs', () => {
    expect(parse({ orgUrl: org, cache: { ttlMs: 600_000 } }).cache.maxTtlMs).toBe(600_000)
  })

  it('parseOptions reads the environment where an option is left out, and the option where both are given', () => {
    const env = { OKTA_CLIENT_ORGURL: org, APP_BASE_URL: 'https://app.example.com' }
    expect(parse(undefined, env)).toMatchObject({
      api: { orgUrl: org },
      appUrl: 'https://app.example.com',
    })
    expect(
      parse({ orgUrl: 'https://other.example.com', appUrl: 'https://x.example' }, env),
    ).toMatchObject({ api: { orgUrl: 'https://other.example.com' }, appUrl: 'https://x.example' })
    expect(parse({ orgUrl: org }, { APP_BASE_URL: ' ' }).appUrl).toBeUndefined()
  })

  it('parseOptions makes no logger with logger: false', () => {
    expect(parse({ orgUrl: org, logger: false }).logger).toBeUndefined()
  })

  it('parseOptions reads a URL object as signInUrl as its text', () => {
    const signInUrl = new URL('https://id.example.com/a?b=c')
    expect(parse({ orgUrl: org, signInUrl }).signInUrl).toBe('https://id.example.com/a?b=c')
  })

  it('parseOptions takes a URL and false as pages.home', () => {
    const home = 'https://www.example.com/start'
    expect(parse({ orgUrl: org, pages: { home } }).pages.home).toBe(home)
    expect(parse({ orgUrl: org, pages: { home: false } }).pages.home).toBeUndefined()
    expect(parse({ orgUrl: org, pages: { texts: undefined } }).pages.home).toBe('/')
  })

  it('parseOptions keeps a signInUrl function', () => {
    const signInUrl = () => '/'
    expect(parse({ orgUrl: org, signInUrl }).signInUrl).toBe(signInUrl)
  })

  test.each([
    'http://localhost:8080',
    'http://id.localhost',
    'http://127.0.0.1:1',
    'http://127.8.9.10',
    'http://[::1]:8080',
    'https://localhost',
    'https://dev-1.okta.com',
  ])('parseOptions takes the org %s', (orgUrl) => {
    expect(parse({ orgUrl }).api.orgUrl).toBe(orgUrl)
  })

  test.each([
    ['HTTPS://ID.Example.com:443', org],
    ['http://127.1', 'http://127.0.0.1'],
  ])('parseOptions makes an origin of %s', (orgUrl, origin) => {
    expect(parse({ orgUrl }).api.orgUrl).toBe(origin)
  })

  test.each<[string, unknown]>([
    ['an Express app', () => {}],
    ['an array', []],
    ['null', null],
    ['a URL alone', org],
    ['a number', 3],
  ])('parseOptions refuses %s in place of options', (_, options) => {
    expect(() => parse(options)).toThrow(TypeError)
    expect(() => parse(options)).toThrow(/options must be an object such as \{ orgUrl: /)
  })

  it('parseOptions names a missing org', () => {
    expect(faultsOf({})).toEqual([
      'orgUrl: missing; write orgUrl: "https://id.example.com", or set OKTA_CLIENT_ORGURL',
    ])
  })

  it('parseOptions tells all faults together, one a line', () => {
    const faults = faultsOf({
      orgUrl: 'http://id.example.com',
      issuer: org,
      cache: { ttlMs: 'x', maxTtl: 5 },
      upstream: { timeoutMs: -1, failedLookups: { burst: 0 } },
      secret: 'short',
      cookies: ['sid', 'sid'],
      credentials: {},
      property: 'url',
      logger: 'yes',
    })
    expect(faults.map((fault) => fault.slice(0, fault.indexOf(':')))).toEqual([
      'issuer',
      'orgUrl',
      'credentials',
      'upstream.timeoutMs',
      'cookies',
      'cache.maxTtl',
      'cache.ttlMs',
      'secret',
      'upstream.failedLookups.burst',
      'logger',
      'property',
    ])
    expect(() => parse({ issuer: org })).toThrow(/^oktaSession\(\): 2 options are wrong\n {2}/)
  })

  it('parseOptions names the variable where the fault is in the environment', () => {
    expect(faultsOf({}, { OKTA_CLIENT_ORGURL: 'id.example.com', APP_BASE_URL: 'app' })).toEqual([
      expect.stringMatching(/^OKTA_CLIENT_ORGURL: got "id\.example\.com"/),
      expect.stringMatching(/^APP_BASE_URL: got a string of 3 characters/),
    ])
  })

  it('parseOptions shows no secret, whichever option it was put in', () => {
    const hidden = 'hunter2HUNTER2'
    const inputs: object[] = [
      { secret: hidden },
      { secret: [hidden, hidden] },
      { credentials: hidden },
      { credentials: { apiToken: `${hidden} ` } },
      { credentials: { accessToken: `${hidden}\n` } },
      { credentials: { clientId: 'a', privateKey: hidden } },
      { credentials: { clientId: 'a', privateKey: { kty: 'RSA', d: hidden } } },
      { credentials: { token: hidden } },
      { apiToken: hidden },
      { orgUrl: hidden },
      { orgUrl: `https://user:${hidden}@id.example.com` },
      { orgUrl: `https://${hidden}@id.example.com/x` },
      { orgUrl: `https://id.example.com/?token=${hidden}` },
      { orgUrl: `https://id.example.com/#${hidden}` },
      { signInUrl: `https://user:${hidden}@id.example.com` },
      { cache: hidden },
      { cache: { store: hidden } },
      { upstream: hidden },
    ]
    for (const input of inputs) {
      const error = thrownBy(() => parse({ orgUrl: org, ...input }))
      expect(error).toBeInstanceOf(TypeError)
      expect(inspect(error, { depth: null, showHidden: true })).not.toContain(hidden.slice(0, 7))
    }
    const variables = ['TOKEN', 'ACCESSTOKEN', 'PRIVATEKEY', 'ORGURL']
    for (const name of variables) {
      const env = { OKTA_CLIENT_CLIENTID: 'a', [`OKTA_CLIENT_${name}`]: `${hidden} x` }
      const error = thrownBy(() => parse({}, env))
      expect(error).toBeInstanceOf(TypeError)
      expect(inspect(error, { depth: null })).not.toContain(hidden)
    }
  })

  it('parseOptions changes nothing the app passed in', () => {
    const options = Object.freeze({
      orgUrl: org,
      cookies: Object.freeze(['sid']),
      cache: Object.freeze({ ttlMs: 5 }),
    })
    expect(() => parse(options)).not.toThrow()
  })
})

describe('parseApiOptions', () => {
  it('parseApiOptions fills in defaults and reads the environment', () => {
    expect(parseApi(undefined, { OKTA_CLIENT_ORGURL: org, OKTA_CLIENT_TOKEN: '00abc' })).toEqual({
      orgUrl: org,
      credentials: { apiToken: '00abc' },
      timeoutMs: 3_000,
      agent: undefined,
    })
  })

  it('parseApiOptions takes the timeout and the agent at the top level', () => {
    const agent = new HttpAgent()
    const settings = parseApi({ orgUrl: 'http://localhost:1', timeoutMs: 100, agent })
    expect(settings).toMatchObject({ timeoutMs: 100 })
    expect(settings.agent).toBe(agent)
  })

  test.each<[string, object, RegExp]>([
    ['timeout', { timeout: 5 }, /^timeout: no such option; did you mean `timeoutMs`\?/],
    ['token', { token: 'x' }, /^token: no such option; did you mean `credentials\.apiToken`\?/],
    ['oktaDomain', { oktaDomain: 'x' }, /did you mean `orgUrl`\?/],
    [
      'options of oktaSession',
      { cache: {} },
      /^cache: no such option; known: orgUrl, credentials, timeoutMs, agent/,
    ],
    ['timeoutMs as text', { timeoutMs: '5' }, /^timeoutMs: got "5"/],
    ['an agent that is none', { agent: 5 }, /^agent: got 5/],
  ])('parseApiOptions refuses %s', (_, options, fault) => {
    const error = thrownBy(() => parseApi({ orgUrl: org, ...options }))
    expect(linesOf(error)).toEqual([expect.stringMatching(fault)])
    expect(String(error)).toMatch(/^TypeError: SessionApi: an option is wrong\n/)
  })

  it('parseApiOptions refuses what is no options object', () => {
    expect(() => parseApi(org)).toThrow(/^SessionApi: options must be an object/)
  })
})
