/** refreshOnActivity(): the session of a user who does something is extended behind the request's back. */
import { once } from 'node:events'
import express, { type Express } from 'express'
import type { OktaSession } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, type Choices, ownPage, page, serve, startParts } from './door.js'

type Options = Parameters<OktaSession['refreshOnActivity']>[0]

async function open(
  options?: Options,
  choices: Choices = {},
  mount: (app: Express, okta: OktaSession) => void = (app, okta) => {
    app.use(okta.refreshOnActivity(options), okta.attachSession())
  },
) {
  const parts = await startParts(choices)
  const { okta, org } = parts
  const app = express()
  let ended: Promise<unknown> = Promise.resolve()
  app.use((_req, res, next) => {
    ended = once(res, 'close')
    next()
  })
  mount(app, okta)
  app.get('/info', okta.sessionInfo())
  app.post('/sign-out', okta.logout())
  app.post('/refresh', okta.refresh())
  app.all('/page', (_req, res) => void res.send('here'))
  const url = await serve(app)
  const cookie = org.signIn('alice@example.com')
  const send = async (
    headers: Record<string, string>,
    { method = 'get', path = '/page' }: { method?: 'get' | 'post' | 'head'; path?: string } = {},
  ) => {
    const answer = await request(url)
      [method](path)
      .set({ Cookie: cookie, ...headers })
    await responseEnded()
    await okta.settled()
    return answer
  }
  /** When a refresh behind the last request has begun, if there is to be one. */
  const responseEnded = async () => {
    await ended
    await new Promise(setImmediate)
  }
  return { ...parts, cookie, url, send, responseEnded }
}

describe.each(['identity', 'classic'] as const)('on the %s engine', (engine) => {
  it('extends the session of who navigates, and what is remembered of it', async () => {
    const { org, clock, send } = await open(undefined, { org: { engine } })
    await send(api)
    clock.advance(1_800_000)
    const answer = await send(page)
    expect(answer.text).toBe('here')
    expect(answer.headers).not.toHaveProperty('set-cookie')
    const expiresAt = new Date(clock.now() + 7_200_000).toISOString()
    expect(org.sessions[0]?.expiresAt).toBe(expiresAt)
    const info = await send(api, { path: '/info' })
    expect(info.body.expiresAt).toBe(expiresAt)
    expect(org.calls).toMatchObject({ refreshCurrentSession: 1, getCurrentSession: 2 })
  })
})

describe('what counts as activity', () => {
  it.each<[string, Record<string, string>, 'get' | 'post' | 'head', number]>([
    ['a navigation', page, 'get', 1],
    [
      'a navigation of a browser that says no more than what it accepts',
      { Accept: 'text/html' },
      'get',
      1,
    ],
    ['a post by a script', api, 'post', 1],
    ['a post by a form', page, 'post', 1],
    ['a poll', api, 'get', 0],
    ['a poll by a client that says nothing', {}, 'get', 0],
    ['a HEAD by a script', api, 'head', 0],
    ['an image', { 'Sec-Fetch-Mode': 'no-cors' }, 'get', 0],
    ['a prefetch', { ...page, 'Sec-Purpose': 'prefetch' }, 'get', 0],
    ['a prerender', { ...page, 'Sec-Purpose': 'prefetch;prerender' }, 'get', 0],
    ['an older prefetch', { ...page, Purpose: 'prefetch' }, 'get', 0],
  ])('%s', async (_, headers, method, calls) => {
    const { org, send } = await open()
    await send(headers, { method })
    expect(org.calls.refreshCurrentSession).toBe(calls)
  })

  it('is not sessionInfo, which a page polls', async () => {
    const { org, send } = await open()
    for (let times = 0; times < 3; times += 1) await send(api, { path: '/info' })
    expect(org.calls.refreshCurrentSession).toBe(0)
  })

  it('is what the app says, where it says', async () => {
    const { org, clock, send } = await open({ counts: (req) => req.url === '/page?tick' })
    await send(page)
    await send(api, { method: 'post' })
    expect(org.calls.refreshCurrentSession).toBe(0)
    clock.advance(1_000)
    await send(api, { path: '/page?tick' })
    expect(org.calls.refreshCurrentSession).toBe(1)
  })

  it('is nobody’s who is not signed in', async () => {
    const { org, send } = await open()
    await send({ ...page, Cookie: '' })
    await send({ ...page, Cookie: 'idx=nobody' })
    org.fail({ kind: 'html' })
    await send({ ...page, Cookie: 'idx=other' })
    expect(org.calls.refreshCurrentSession).toBe(0)
  })
})

describe('how often Okta is asked', () => {
  it('is once in five minutes, however much somebody does', async () => {
    const { org, clock, send } = await open()
    for (let times = 0; times < 10; times += 1) {
      await send(page)
      clock.advance(29_999)
    }
    expect(org.calls.refreshCurrentSession).toBe(1)
    clock.advance(10)
    await send(page)
    expect(org.calls.refreshCurrentSession).toBe(2)
  })

  it('is as the app says', async () => {
    const { org, clock, send } = await open({ everyMs: 1_000 })
    await send(page)
    clock.advance(1_000)
    await send(page)
    expect(org.calls.refreshCurrentSession).toBe(2)
  })

  it('counts what refresh() has asked', async () => {
    const { org, send } = await open()
    await send({ ...api, ...ownPage }, { method: 'post', path: '/refresh' })
    await send(page)
    expect(org.calls.refreshCurrentSession).toBe(1)
  })

  it('is not at all while the org’s minute is half used up', async () => {
    const { org, send } = await open(undefined, { org: { rateLimitPerMinute: 4 } })
    for (let times = 0; times < 2; times += 1)
      await send({ ...api, Cookie: org.signIn('bob@example.com') })
    await send(page)
    expect(org.calls.refreshCurrentSession).toBe(0)
  })
})

describe('where it stands', () => {
  it.each<[string, (app: Express, okta: OktaSession) => void]>([
    [
      'before attachSession()',
      (app, okta) => app.use(okta.refreshOnActivity(), okta.attachSession()),
    ],
    [
      'behind attachSession()',
      (app, okta) => app.use(okta.attachSession(), okta.refreshOnActivity()),
    ],
    [
      'before the guard alone',
      (app, okta) => app.use(okta.refreshOnActivity(), okta.requireSession()),
    ],
    ['behind the guard', (app, okta) => app.use(okta.requireSession(), okta.refreshOnActivity())],
  ])('does not matter: %s', async (_, mount) => {
    const { org, send } = await open(undefined, {}, mount)
    expect((await send(page)).text).toBe('here')
    expect(org.calls.refreshCurrentSession).toBe(1)
  })
})

describe('a refresh that does not come off', () => {
  it('is nothing the request hears of', async () => {
    const { org, send } = await open()
    await send(api)
    org.fail({ kind: 'html' }, { operation: 'refreshCurrentSession' })
    expect((await send(page)).text).toBe('here')
  })

  it('is not waited for', async () => {
    const { org, cookie, url } = await open(undefined, { okta: { upstream: { timeoutMs: 200 } } })
    await request(url)
      .get('/page')
      .set({ ...api, Cookie: cookie })
    org.fail({ kind: 'hang' }, { operation: 'refreshCurrentSession' })
    const answers: string[] = []
    for (const _ of ['one', 'two'])
      answers.push(
        (
          await request(url)
            .get('/page')
            .set({ ...page, Cookie: cookie })
        ).text,
      )
    expect(answers).toEqual(['here', 'here'])
    expect(org.calls.refreshCurrentSession).toBe(1)
  })

  it('ends what is remembered where Okta says no', async () => {
    const { org, cookie, send } = await open()
    await send(api)
    org.endSession(cookie)
    expect((await send(page)).text).toBe('here')
    const { body } = await send(api, { path: '/info' })
    expect(body).toMatchObject({ state: 'anonymous', reason: 'not_found' })
  })

  it('is logged once where the app’s own function throws', async () => {
    const lines: unknown[] = []
    const { send } = await open(
      {
        counts: () => {
          throw new Error('boom')
        },
      },
      { okta: { logger: { warn: (...line) => lines.push(line) } } },
    )
    expect((await send(page)).text).toBe('here')
    expect((await send(page)).text).toBe('here')
    expect(lines).toEqual([['refreshOnActivity() failed', { error: 'Error: boom' }]])
  })
})

describe('a sign-out', () => {
  it('is not undone by the refresh of its own request', async () => {
    const { org, cookie, url, send, responseEnded } = await open()
    await send(api)
    org.fail({ kind: 'html' }, { operation: 'closeCurrentSession' })
    await request(url)
      .post('/sign-out')
      .set({ ...ownPage, Cookie: cookie })
      .expect(200)
    await responseEnded()
    expect(org.calls).toMatchObject({ closeCurrentSession: 1, refreshCurrentSession: 0 })
  })

  it('is not undone by a request that ends after it, though Okta still says ACTIVE', async () => {
    const { okta, org } = await startParts()
    let finish = () => {}
    const app = express().use(okta.refreshOnActivity(), okta.attachSession())
    app.get('/slow', (_req, res) => {
      finish = () => void res.send('done')
      started()
    })
    app.post('/sign-out', okta.logout())
    app.get('/info', okta.sessionInfo())
    let started = () => {}
    const reached = new Promise<void>((resolve) => {
      started = resolve
    })
    const url = await serve(app)
    const cookie = org.signIn('alice@example.com')
    const slow = request(url)
      .get('/slow')
      .set({ ...page, Cookie: cookie })
    const answered = slow.then(({ text }) => text)
    await reached
    org.fail({ kind: 'html' }, { operation: 'closeCurrentSession' })
    await request(url)
      .post('/sign-out')
      .set({ ...ownPage, Cookie: cookie })
      .expect(200)
    finish()
    expect(await answered).toBe('done')
    await new Promise(setImmediate)
    const { body } = await request(url).get('/info').set('Cookie', cookie)
    expect(body).toMatchObject({ state: 'anonymous', reason: 'signed_out' })
    expect(org.calls.refreshCurrentSession).toBe(0)
    expect(org.sessions).toHaveLength(1)
  })
})
