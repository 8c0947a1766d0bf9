/** Mistakes an app makes once, and the line that sets each right. */
import express, { type Express } from 'express'
import { type OktaSessionOptions, oktaSession } from 'express-okta-session'
import express4 from 'express4'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { serve, startParts } from './door.js'

/** What the app's error handler gets. */
async function errorOf(mount: (app: Express) => void, make: () => Express = express) {
  const app = make()
  mount(app)
  app.use(((error: Error, _req, res, _next) => {
    res.status(500).json({ name: error.name, message: error.message })
  }) as express.ErrorRequestHandler)
  const { body } = await request(await serve(app))
    .get('/')
    .expect(500)
  return body
}

const factories = [
  'attachSession',
  'requireSession',
  'login',
  'refresh',
  'logout',
  'sessionInfo',
  'forwardAuth',
  'refreshOnActivity',
] as const

describe.each([
  ['Express 5', express],
  ['Express 4', express4 as unknown as typeof express],
] as const)('mounted without being called, on %s', (_, make) => {
  it.each(factories)(
    'okta.%s mounted without being called says to write the parentheses',
    async (name) => {
      const { okta } = await startParts()
      const { name: kind, message } = await errorOf((app) => app.use(okta[name] as never), make)
      expect(kind).toBe('TypeError')
      expect(message).toContain(`write okta.${name}() with the parentheses`)
    },
  )

  it('oktaSession mounted without being called says what is called once, and what is mounted', async () => {
    const { message } = await errorOf((app) => app.use(oktaSession as never), make)
    expect(message).toContain('const okta = oktaSession({ orgUrl })')
    expect(message).toContain('app.use(okta.attachSession())')
  })

  it('okta.authenticate mounted as a handler does not leave the request hanging', async () => {
    const { okta } = await startParts()
    const { message } = await errorOf((app) => app.use(okta.authenticate as never), make)
    expect(message).toContain('mount okta.attachSession() or okta.requireSession()')
  })
})

describe('okta.session(req)', () => {
  it('okta.session(req) without the guard names the guard', async () => {
    const { okta, org } = await startParts()
    const { message } = await errorOf((app) => {
      app.use(okta.attachSession(), (req, res) => void res.json(okta.session(req)))
    })
    expect(message).toContain('put okta.requireSession() in front of this handler')
    expect(message).toContain('req.okta')
    expect(org.calls.getCurrentSession).toBe(0)
  })

  it('okta.session(req) names the property the app has chosen', async () => {
    const { okta } = await startParts({ okta: { property: 'identity' } })
    const { message } = await errorOf((app) => {
      app.use((req, res) => void res.json(okta.session(req)))
    })
    expect(message).toContain('req.identity')
  })

  it('okta.session(req) behind another instance’s guard throws as without one', async () => {
    const [one, other] = [await startParts(), await startParts()]
    const app = express()
    app.get('/', one.okta.requireSession(), (req, res) => {
      expect(() => other.okta.session(req)).toThrow(/requireSession/)
      res.end('let in')
    })
    const cookie = one.org.signIn('alice@example.com')
    await request(await serve(app))
      .get('/')
      .set('Cookie', cookie)
      .expect(200, 'let in')
  })
})

describe('options that can’t be', () => {
  it.each<[string, OktaSessionOptions, RegExp]>([
    [
      'an http org',
      { orgUrl: 'http://id.example.com' },
      /orgUrl.*must be https.*write "https:\/\/id\.example\.com"/,
    ],
    [
      'too short a secret',
      { orgUrl: 'https://id.example.com', secret: 'short' },
      /secret.*at least 32 bytes/,
    ],
    [
      'a signed cookie without a secret',
      {
        orgUrl: 'https://id.example.com',
        cookies: [{ name: '__Host-okta', as: 'sid', signed: true }],
      },
      /secret.*missing/,
    ],
    [
      'a signed cookie with an http org',
      {
        orgUrl: 'http://localhost:8080',
        secret: 's'.repeat(32),
        cookies: [{ name: '__Host-okta', as: 'sid', signed: true }],
      },
      /https orgUrl/,
    ],
  ])('a handler refuses invalid options: %s', (_, options, expected) => {
    expect(() => oktaSession({ logger: false, ...options })).toThrow(TypeError)
    expect(() => oktaSession({ logger: false, ...options })).toThrow(expected)
  })

  it('login() without a sid entry to write throws when it is made', async () => {
    const { okta } = await startParts({ okta: { cookies: ['idx'] } })
    expect(() => okta.login()).toThrow(TypeError)
    expect(() => okta.login()).toThrow(/no cookie is read as one; add "sid"/)
  })

  it('a handler with several invalid options throws one TypeError that names them all', async () => {
    const { okta } = await startParts()
    for (const [make, fault] of [
      [
        () => okta.login({ returnTo: '//evil.example' }),
        /login\(\).*returnTo: .*must be a path on this app/s,
      ],
      [() => okta.logout({ returnTo: 'https://evil.example' }), /logout\(\).*returnTo/s],
      [
        () => okta.refresh({ everyMs: -1 }),
        /refresh\(\).*everyMs: got -1; must be a number of milliseconds of 0 or more/s,
      ],
      [
        () => okta.refresh({ every: 1 } as never),
        /refresh\(\).*every: no such option; did you mean `everyMs`\?/s,
      ],
      [() => okta.sessionInfo({ maxStalenessMs: Number.NaN }), /sessionInfo\(\).*maxStalenessMs/s],
      [
        () => okta.refreshOnActivity({ everyMs: '1', counts: true } as never),
        /refreshOnActivity\(\).*everyMs.*counts: got true; must be a function/s,
      ],
      [() => okta.requireSession(null as never), /requireSession/],
      [
        () => okta.requireSession((() => true) as never),
        /requireSession.*got a function; write \{ allow: \(session, req\)/,
      ],
      [() => okta.login('x' as never), /login\(options\): must be an object/],
    ] as const) {
      expect(make).toThrow(TypeError)
      expect(make).toThrow(fault)
    }
  })

  it('forget() names its invalid arguments', async () => {
    const { okta } = await startParts()
    for (const target of [
      {},
      { sessionId: '' },
      { userid: 'x' },
      { sessionId: 'x', userId: 'x' },
      undefined,
      'x',
    ])
      await expect(okta.forget(target as never)).rejects.toThrow(/\{ sessionId \} and \{ userId \}/)
  })
})

describe('every handler', () => {
  it('every handler is a named function', async () => {
    const { okta } = await startParts()
    expect(factories.map((name) => okta[name]().name)).toEqual(factories)
  })
})
