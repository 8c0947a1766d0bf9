/** Both majors of Express: the whole way through, and what a body may look like when it comes to login(). */
import express, { type Express } from 'express'
import type { LocalOrg } from 'express-okta-session/local-org'
import express4 from 'express4'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, cookiesOf, ownPage, page, serve, startParts } from './door.js'

type Make = typeof express

const majors: [string, Make][] = [
  ['Express 4', express4 as unknown as Make],
  ['Express 5', express],
]

describe.each(majors)('%s', (_, make) => {
  it('an app signs in, guards, refreshes, informs and signs out', async () => {
    const { okta, org } = await startParts()
    const app = make()
    app.use(okta.attachSession(), okta.refreshOnActivity())
    app.post('/sign-in', okta.login())
    app.post('/refresh', okta.refresh())
    app.post('/sign-out', okta.logout())
    app.get('/info', okta.sessionInfo())
    app.get('/auth', okta.forwardAuth())
    const router = make.Router()
    router.get('/:tab', okta.requireSession(), (req, res) => {
      res.json([okta.session(req).login, req.params.tab, req.okta?.state])
    })
    app.use('/account', router)
    const url = await serve(app)

    await request(url).get('/account/home').set(api).expect(401)
    const sessionToken = org.sessionToken('alice@example.com')
    const signedIn = await request(url)
      .post('/sign-in')
      .set({ ...page, ...ownPage })
      .type('form')
      .send({ sessionToken, returnTo: '/account/home' })
      .expect(303)
    expect(signedIn.headers.location).toBe('/account/home')
    const Cookie = `sid=${cookiesOf(signedIn).sid?.value}`
    const account = await request(url)
      .get('/account/home')
      .set({ ...page, Cookie })
      .expect(200)
    expect(account.body).toEqual(['alice@example.com', 'home', 'active'])
    await okta.settled()
    expect((await request(url).get('/info').set({ Cookie })).body.state).toBe('active')
    await request(url).get('/auth').set({ Cookie }).expect(200)
    await request(url)
      .post('/refresh')
      .set({ ...ownPage, Cookie })
      .expect(200)
    await request(url)
      .post('/sign-out')
      .set({ ...ownPage, Cookie })
      .expect(204)
    expect(org.sessions).toEqual([])
    await request(url)
      .get('/account/home')
      .set({ ...api, Cookie })
      .expect(401)
    expect(org.calls.getCurrentSession).toBe(1)
  })

  it('an error of the app’s handler behind a guard that had to wait reaches the app’s error handler', async () => {
    const { okta, org } = await startParts()
    const app = make()
    app.get('/', okta.requireSession(), () => {
      throw new Error('boom')
    })
    app.use(((error, _req, res, _next) => {
      res.status(500).end(String(error))
    }) as express.ErrorRequestHandler)
    const Cookie = org.signIn('alice@example.com')
    const { text } = await request(await serve(app))
      .get('/')
      .set({ Cookie })
      .expect(500)
    expect(text).toBe('Error: boom')
  })
})

/** Where a body goes before login() sees it. */
const parsers: [string, (make: Make, app: Express) => unknown][] = [
  ['no parser', () => {}],
  ['express.json()', (make, app) => app.use(make.json())],
  ['express.urlencoded()', (make, app) => app.use(make.urlencoded({ extended: false }))],
  ['both', (make, app) => app.use(make.json(), make.urlencoded({ extended: true }))],
  [
    'an app that keeps something else on req.body',
    (_make, app) =>
      app.use((req, _res, next) => {
        req.body = { traceId: '7' }
        next()
      }),
  ],
]

const kinds = majors.flatMap(([major, make]) =>
  parsers.map(([parser, mount]) => [major, parser, make, mount] as const),
)

/** Bodies with a token, by what they show. */
const good: [string, string, (token: string) => string][] = [
  ['JSON', 'application/json', (sessionToken) => JSON.stringify({ sessionToken, other: [1] })],
  [
    'JSON that says its charset',
    'application/json; charset=utf-8',
    (sessionToken) => JSON.stringify({ sessionToken }),
  ],
  ['a form', 'application/x-www-form-urlencoded', (token) => `a=b&sessionToken=${token}`],
  [
    'a form that says its charset',
    'Application/X-WWW-Form-Urlencoded;charset=UTF-8',
    (token) => `sessionToken=${token}&a=b&a=c`,
  ],
  ['escapes', 'application/x-www-form-urlencoded', (token) => `session%54oken=${token}`],
]

/** Bodies without a token that could be told, by what they show, and the status they get. */
const bad: [string, string | undefined, string | undefined, number][] = [
  ['no body', undefined, undefined, 400],
  ['no body of a type', 'application/json', undefined, 400],
  ['an empty object', 'application/json', '{}', 400],
  ['an empty token', 'application/json', '{"sessionToken":""}', 400],
  ['a null token', 'application/json', '{"sessionToken":null}', 400],
  ['a number', 'application/json', '{"sessionToken":7}', 400],
  ['an object', 'application/json', '{"sessionToken":{"a":"b"}}', 400],
  ['an array', 'application/json', '{"sessionToken":["a"]}', 400],
  ['a list of objects', 'application/json', '[{"sessionToken":"a"}]', 400],
  ['text in JSON', 'application/json', '"sessionToken"', 400],
  ['broken JSON', 'application/json', '{"sessionToken":"a"', 400],
  ['a form without it', 'application/x-www-form-urlencoded', 'returnTo=/a', 400],
  ['a form with two', 'application/x-www-form-urlencoded', 'sessionToken=a&sessionToken=b', 400],
  [
    'a form with two alike',
    'application/x-www-form-urlencoded',
    'sessionToken=a&sessionToken=a',
    400,
  ],
  [
    'a form with two ways back',
    'application/x-www-form-urlencoded',
    'sessionToken=a&returnTo=/a&returnTo=/b',
    400,
  ],
  ['plain text', 'text/plain', 'sessionToken=a', 415],
  ['multipart', 'multipart/form-data; boundary=x', '--x\r\n\r\n--x--', 415],
  ['another JSON', 'application/vnd.api+json', '{"sessionToken":"a"}', 415],
  ['no type', undefined, '{"sessionToken":"a"}', 415],
  [
    'too long a token',
    'application/json',
    JSON.stringify({ sessionToken: 'a'.repeat(16_400) }),
    413,
  ],
  [
    'too much besides',
    'application/x-www-form-urlencoded',
    `sessionToken=a&x=${'x'.repeat(16_400)}`,
    413,
  ],
]

describe.each(kinds)('login() on %s, behind %s', (_, __, make, mount) => {
  async function open() {
    const { okta, org } = await startParts()
    const app = make()
    mount(make, app)
    app.post('/', okta.login())
    const url = await serve(app)
    const post = (type: string | undefined, body: string | undefined) =>
      fetch(url, {
        method: 'POST',
        headers: { ...ownPage, ...(type !== undefined && { 'content-type': type }) },
        ...(body !== undefined && { body: Buffer.from(body) }),
      })
    return { org, post }
  }

  it('login() reads JSON and forms', async () => {
    const { org, post } = await open()
    const statuses: Record<string, number> = {}
    for (const [name, type, body] of good)
      statuses[name] = (await post(type, body(org.sessionToken('alice@example.com')))).status
    expect(statuses).toEqual(Object.fromEntries(good.map(([name]) => [name, 200])))
    expect(org.calls.createSession).toBe(good.length)
  })

  it('login() refuses every other content type without a call and without a cookie', async () => {
    const { org, post } = await open()
    const statuses: Record<string, number> = {}
    for (const [name, type, body] of bad) {
      const { status, headers } = await post(type, body)
      statuses[name] = status
      expect(headers.getSetCookie()).toEqual([])
    }
    expect(statuses).toEqual(Object.fromEntries(bad.map(([name, , , status]) => [name, status])))
    expect(org.calls.createSession).toBe(0)
  })
})

describe.each(majors)('login() on %s', (_, make) => {
  async function open(mount: (app: Express) => unknown = () => {}) {
    const { okta, org } = await startParts()
    const app = make()
    mount(app)
    app.post('/', okta.login())
    const url = await serve(app)
    return { org, url }
  }
  const tokenOf = (org: LocalOrg) => org.sessionToken('alice@example.com')

  it.each<[string, string]>([
    ['as it is', '{"sessionToken":"a","sessionToken":"b"}'],
    ['with escapes', '{"sessionToken":"a","session\\u0054oken":"b"}'],
    ['with escapes alone', '{"\\u0073essionToken":"a","session\\u0054oken":"b"}'],
    ['the other way round', '{"returnTo":"/a","sessionToken":"a","returnTo":"/b"}'],
  ])('login() refuses JSON that gives a field twice: %s', async (_, body) => {
    const { org, url } = await open()
    const answer = await request(url).post('/').set(ownPage).type('json').send(body).expect(400)
    expect(answer.body.detail).toMatch(/is given twice/)
    expect(org.calls.createSession).toBe(0)
  })

  it('login() says which field is missing', async () => {
    const { url } = await open()
    const { body } = await request(url).post('/').set(ownPage).send({}).expect(400)
    expect(body).toMatchObject({ code: 'invalid_request', status: 400 })
    expect(body.detail).toContain('sessionToken is missing: send { sessionToken, returnTo? }')
  })

  it.each<[string, (app: Express) => unknown]>([
    ['text', (app) => app.use(make.text({ type: '*/*' }))],
    ['bytes', (app) => app.use(make.raw({ type: '*/*' }))],
    [
      'nothing at all',
      (app) =>
        app.use((req, _res, next) => {
          req.resume().on('end', next)
        }),
    ],
  ])('login() says that the body was read before, and left as %s', async (_, mount) => {
    const { org, url } = await open(mount)
    const sessionToken = tokenOf(org)
    const { body } = await request(url).post('/').set(ownPage).send({ sessionToken }).expect(400)
    expect(body.code).toBe('body_already_read')
    expect(body.detail).toContain('use express.json() or express.urlencoded()')
    expect(org.calls.createSession).toBe(0)
  })

  it('login() reads no session token from the URL', async () => {
    const { org, url } = await open()
    await request(url)
      .post(`/?sessionToken=${tokenOf(org)}`)
      .set(ownPage)
      .expect(400)
    expect(org.calls.createSession).toBe(0)
  })

  it('login() bounds a body without Content-Length', async () => {
    const { org, url } = await open()
    const send = (fields: object) =>
      fetch(url, {
        method: 'POST',
        headers: { ...ownPage, 'content-type': 'application/json' },
        body: new Blob([JSON.stringify(fields)]).stream(),
        duplex: 'half',
      } as RequestInit)
    expect((await send({ sessionToken: 'a'.repeat(20_000) })).status).toBe(413)
    expect((await send({ sessionToken: 'a', more: 'x'.repeat(20_000) })).status).toBe(413)
    expect(org.calls.createSession).toBe(0)
    expect((await send({ sessionToken: tokenOf(org) })).status).toBe(200)
  })

  it('login() refuses a compressed body', async () => {
    const { org, url } = await open()
    await request(url)
      .post('/')
      .set({ ...ownPage, 'Content-Encoding': 'gzip' })
      .send({ sessionToken: 'a' })
      .expect(415)
    expect(org.calls.createSession).toBe(0)
  })

  it('login() answers on the same connection after a body that was too large', async () => {
    const { org, url } = await open()
    const large = await fetch(url, {
      method: 'POST',
      headers: { ...ownPage, 'content-type': 'application/json' },
      body: 'x'.repeat(300_000),
    })
    expect(large.status).toBe(413)
    expect(await large.json()).toMatchObject({ code: 'body_too_large' })
    const next = await fetch(url, {
      method: 'POST',
      headers: { ...ownPage, 'content-type': 'application/json' },
      body: JSON.stringify({ sessionToken: tokenOf(org) }),
    })
    expect(next.status).toBe(200)
  })

  it('login() answers an unreadable body with a page only where a page sent it', async () => {
    const { url } = await open()
    const send = (headers: object) =>
      request(url)
        .post('/')
        .set({ ...headers, ...ownPage })
        .type('form')
        .send('a=b')
    const form = await send(page).expect(400)
    expect(form.text).toContain('The form was not complete')
    expect((await send(api).expect(400)).body.code).toBe('invalid_request')
    // A browser that does not say, then one that accepts JSON.
    expect((await send({}).expect(400)).headers['content-type']).toContain('text/html')
    expect((await send({ Accept: 'application/json' }).expect(400)).body.code).toBe(
      'invalid_request',
    )
  })
})
