/** What `signInUrl` may be and give, and that whatever else it gives fails its own request and no other. */
import { EventEmitter, once } from 'node:events'
import type { RequestListener } from 'node:http'
import connect from 'connect'
import express from 'express'
import type { Denial, Handler, OktaSessionOptions } from 'express-okta-session'
import express4 from 'express4'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, page, serve, startParts } from './door.js'

type SignInUrl = OktaSessionOptions['signInUrl']

/** For check(): Node's header names are in lower case. */
const anonymous = {
  method: 'GET',
  url: '/',
  headers: { 'sec-fetch-mode': 'navigate', accept: page.Accept },
}

interface App {
  use(handler: Handler): unknown
  use(handler: (error: Error, req: object, res: never, next: () => void) => void): unknown
}

const frameworks: readonly [string, () => App & RequestListener][] = [
  ['Express 5', express as never],
  ['Express 4', express4 as never],
  ['Connect', connect as never],
]

/** The named handlers, each in an app of its own whose error handler answers with the error. */
async function open(
  signInUrl: SignInUrl,
  make = frameworks[0]?.[1],
  more: OktaSessionOptions = {},
) {
  const denials: Denial[] = []
  const parts = await startParts({
    okta: {
      signInUrl,
      onDenied(denial) {
        denials.push(denial)
        return false
      },
      ...more,
    },
  })
  const errors: Error[] = []
  async function mount(handler: Handler) {
    const app = make?.() as App & RequestListener
    app.use(handler)
    app.use((error: Error, _req: object, res: never, _next: () => void) => {
      errors.push(error)
      const answer: import('node:http').ServerResponse = res
      answer.statusCode = 500
      answer.end(`${error.name}: ${error.message}`)
    })
    return serve(app)
  }
  return { ...parts, mount, denials, errors }
}

const href = 'https://sign-in.example.com/a?b=c&returnTo=%2F'

const forms: readonly [string, SignInUrl, string][] = [
  ['a URL object', new URL('https://sign-in.example.com/a?b=c'), href],
  ['a function that returns a path', () => '/sign-in', '/sign-in'],
  ['a function that returns a URL object', () => new URL(href), href],
  ['an async function', async () => href, href],
  ['an async function that gives a path', async (to) => `/sign-in?to=${to}`, '/sign-in?to=/'],
  ['an async function that gives a URL object', async () => new URL(href), href],
  ['an async function with blanks and umlauts', async () => '/für dich', '/f%C3%BCr%20dich'],
]

describe.each(frameworks)('on %s', (_, make) => {
  it.each(forms)('signInUrl may be %s', async (_form, signInUrl, location) => {
    const { okta, org, mount, denials } = await open(signInUrl, make)
    const guarded = await mount(okta.requireSession())
    await request(guarded).get('/').set(page).expect(302).expect('Location', location)
    await request(guarded).get('/').set(page).set('Cookie', 'idx=made-up').expect(302)
    await request(guarded).get('/').set(api).expect(401)
    const { text } = await request(guarded).post('/').set(page).expect(401)
    expect(text).toContain(`<a href="${location.replaceAll('&', '&amp;')}"`)
    const strict = await mount(okta.requireSession({ mfa: true }))
    const stepUp = await request(strict)
      .get('/')
      .set({ ...page, Cookie: org.signIn('alice@example.com') })
      .expect(403)
    expect(stepUp.text).toContain(`<a href="${location.replaceAll('&', '&amp;')}"`)
    expect(denials.map((denial) => denial.signInUrl)).toEqual(Array(5).fill(location))

    const proxied = await mount(okta.forwardAuth({ redirect: true }))
    await request(proxied).get('/').set(page).expect(302).expect('Location', location)
    const decision = await okta.check(anonymous)
    expect(decision).toMatchObject({
      ok: false,
      denial: { signInUrl: location },
      reply: { status: 302, headers: { location } },
    })
  })

  it('the page that ends a loop of redirects links to what an async signInUrl gives', async () => {
    const { okta, mount } = await open(async () => 'https://sign-in.example.com/', make)
    const url = await mount(okta.requireSession())
    const agent = request.agent(url)
    const ask = () => agent.get('/').set({ ...page, Referer: 'https://sign-in.example.com/' })
    let answer = await ask()
    for (let trip = 0; answer.status === 302 && trip < 20; trip += 1) answer = await ask()
    expect(answer.text).toContain('Signing in did not work')
    expect(answer.text).toContain('<a href="https://sign-in.example.com/"')
  })
})

const unusable: readonly [string, unknown][] = [
  ['nothing', undefined],
  ['null', null],
  ['an empty text', ''],
  ['a script', 'javascript:alert(1)'],
  ['a URL object of a script', new URL('javascript:alert(1)')],
  ['a relative path', 'sign-in'],
  ['a path of another host', '//evil.example/'],
  ['a path with a backslash', '/\\evil.example/'],
  ['a line end', '/a\r\nSet-Cookie: b=c'],
  ['an invalid URL', 'https://'],
  ['a user in a URL', 'https://user:secret@id.example.com/'],
  ['an object', { href: '/sign-in' }],
  ['a number', 7],
]

describe.each([
  ['returns', (value: unknown) => () => value],
  ['resolves with', (value: unknown) => async () => value],
] as const)('a signInUrl function that %s', (verb, functionOf) => {
  it.each(unusable)(`${verb} %s fails its request with a TypeError`, async (_, value) => {
    const { okta, mount, denials } = await open(functionOf(value) as never)
    for (const handler of [okta.requireSession(), okta.forwardAuth({ redirect: true })]) {
      const answer = await request(await mount(handler))
        .get('/')
        .set(page)
        .expect(500)
      expect(answer.text).toMatch(
        /^TypeError: signInUrl\(returnTo, req\): got .*it must return a path/,
      )
      expect(answer.headers).not.toHaveProperty('location')
      expect(answer.text).not.toContain('secret')
    }
    const checked = okta.check(anonymous)
    await expect(checked).rejects.toThrow(/^signInUrl\(returnTo, req\): got /)
    expect(denials).toEqual([])
  })
})

describe('a signInUrl function that fails', () => {
  it.each([
    [
      'throws',
      () => {
        throw new RangeError('boom')
      },
    ],
    ['rejects', () => Promise.reject(new RangeError('boom'))],
  ])('%s fails its request with its error', async (_, signInUrl) => {
    const { okta, mount, errors } = await open(signInUrl)
    for (const handler of [okta.requireSession(), okta.forwardAuth({ redirect: true })]) {
      const url = await mount(handler)
      await request(url).get('/').set(page).expect(500, 'RangeError: boom')
      await request(url).get('/').set('Cookie', 'idx=x').set(page).expect(500, 'RangeError: boom')
    }
    expect(errors).toHaveLength(4)
    await expect(okta.check(anonymous)).rejects.toThrow('boom')
  })

  it.each([undefined, 'route'])('rejects with %j is no way past the guard', async (thrown) => {
    const { okta, mount } = await open(() => Promise.reject(thrown))
    const { text } = await request(await mount(okta.requireSession()))
      .get('/')
      .expect(500)
    expect(text).toBe(`Error: failed with ${thrown} in place of an error`)
  })

  it('a signInUrl function gives a promise that never settles: a TimeoutError after upstream.timeoutMs', async () => {
    const more = { upstream: { timeoutMs: 100 } }
    const { okta, mount } = await open(() => new Promise(() => {}), undefined, more)
    const message = /gave a promise that has not settled within upstream\.timeoutMs \(100 ms\)/
    const { text } = await request(await mount(okta.requireSession()))
      .get('/')
      .expect(500)
    expect(text).toMatch(/^TimeoutError: /)
    expect(text).toMatch(message)
    await expect(okta.check(anonymous)).rejects.toThrow(message)
  })
})

describe('while the promise of a signInUrl function is pending', () => {
  it.each([
    ['resolves', '/sign-in'],
    ['rejects', new Error('boom')],
  ])('another handler may answer; nothing is written when it %s', async (_, end) => {
    const called = new EventEmitter()
    let settle = () => {}
    const { okta, mount, errors, denials } = await open(async () => {
      await new Promise<void>((resolve) => {
        settle = resolve
        called.emit('called')
      })
      if (end instanceof Error) throw end
      return end as string
    })
    const guard = okta.requireSession()
    const url = await mount((req, res, next) => {
      called.once('called', () => {
        res.statusCode = 408
        res.end('late')
        settle()
      })
      guard(req, res, next)
    })
    await request(url).get('/').set(page).expect(408, 'late')
    expect(errors).toEqual([])
    expect(denials).toEqual([])
    called.once('called', () => settle())
    await request(url).get('/').set(page).expect(408, 'late')
  })

  it('the client may leave; onDenied is not called', async () => {
    const called = new EventEmitter()
    let settle = () => {}
    const { okta, mount, errors, denials } = await open(
      () =>
        new Promise<string>((resolve) => {
          settle = () => resolve('/sign-in')
          called.emit('called')
        }),
    )
    const guard = okta.requireSession()
    const url = await mount((req, res, next) => {
      res.once('close', () => called.emit('closed'))
      guard(req, res, next)
    })
    const abort = new AbortController()
    const asked = fetch(url, { headers: page, signal: abort.signal })
    const closed = once(called, 'closed')
    await once(called, 'called')
    abort.abort()
    await expect(asked).rejects.toThrow()
    await closed
    settle()
    await new Promise(setImmediate)
    expect({ errors, denials }).toEqual({ errors: [], denials: [] })
  })
})

describe('check()', () => {
  it.each<[string, SignInUrl]>([
    ['not given', undefined],
    ['a path', '/sign-in'],
    ['a URL object', new URL(href)],
    ['a function that returns a path', () => '/sign-in'],
  ])('answers at once where signInUrl is %s', async (_, signInUrl) => {
    const { okta } = await open(signInUrl)
    expect(okta.check(anonymous)).toMatchObject({ ok: false, reply: { status: 302 } })
  })

  it('check() does not call signInUrl for a session that passes, is refused by allow, or is unavailable', async () => {
    let calls = 0
    const { okta, org } = await open(async () => {
      calls += 1
      return '/sign-in'
    })
    const req = {
      ...anonymous,
      headers: { ...anonymous.headers, cookie: org.signIn('alice@example.com') },
    }
    expect(await okta.check(req)).toMatchObject({ ok: true })
    expect(okta.check(req)).toMatchObject({ ok: true })
    expect(okta.check(req, { allow: () => false })).toMatchObject({ ok: false })
    await org.close()
    const other = { ...anonymous, headers: { ...anonymous.headers, cookie: 'idx=unseen' } }
    expect(await okta.check(other)).toMatchObject({ denial: { status: 503 } })
    expect(calls).toBe(0)
    expect(await okta.check(anonymous)).toMatchObject({ denial: { signInUrl: '/sign-in' } })
    expect(calls).toBe(1)
  })
})
