/** refreshOnActivity(): the session of a user who does something is extended behind the request's back. */
import { once } from 'node:events'
import { Agent, IncomingMessage, ServerResponse, request as sendRequest } from 'node:http'
import { Socket } from 'node:net'
import express, { type Express } from 'express'
import type { OktaSession } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runs, sampleOf } from '../deep.js'
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
  app.all('/guarded', okta.requireSession(), (req, res) => {
    res.status(Number(req.query.answer ?? 200)).send('here')
  })
  app.all('/cut-off', (req) => void req.socket.destroy())
  app.all('/forbidden', okta.requireSession({ allow: () => false }))
  app.all('/answer/:status', (req, res) => void res.status(Number(req.params.status)).send('here'))
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

interface Said {
  readonly method: 'GET' | 'POST'
  readonly mode: string
  readonly site: string
  readonly user: string
  readonly dest: string
  readonly accept: string
  readonly origin: string
}

/** Every combination of what a browser could say; '' is nothing. */
const combinations: readonly Said[] = (['GET', 'POST'] as const).flatMap((method) =>
  ['navigate', 'cors', 'no-cors', ''].flatMap((mode) =>
    ['same-origin', 'same-site', 'cross-site', 'none', ''].flatMap((site) =>
      ['?1', ''].flatMap((user) =>
        ['document', 'iframe', 'embed', 'empty', ''].flatMap((dest) =>
          ['text/html', '*/*'].flatMap((accept) =>
            ['ours', 'foreign', 'null', ''].map((origin) => ({
              method,
              mode,
              site,
              user,
              dest,
              accept,
              origin,
            })),
          ),
        ),
      ),
    ),
  ),
)

function headersOf(said: Said, own: string): Record<string, string> {
  const origins: Record<string, string> = { ours: own, foreign: 'https://evil.example' }
  const headers = {
    accept: said.accept,
    origin: origins[said.origin] ?? said.origin,
    'sec-fetch-mode': said.mode,
    'sec-fetch-site': said.site,
    'sec-fetch-user': said.user,
    'sec-fetch-dest': said.dest,
  }
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ''))
}

/** Written from the rule and not from the code. */
function isPersons({ method, mode, site, user, dest, accept, origin }: Said): boolean {
  if (method === 'GET') {
    const isPage = mode === 'navigate' || (mode === '' && accept === 'text/html')
    if (!isPage) return false
    if (!['document', ''].includes(dest)) return user === '?1' && site === 'same-origin'
    return user === '?1' || ['same-origin', 'none', ''].includes(site)
  }
  if (mode === 'no-cors') return false
  if (origin === '') return ['same-origin', 'none'].includes(site)
  return origin === 'ours' || (origin === 'null' && site === 'same-origin')
}

async function exchange(
  url: string,
  agent: Agent,
  method: string,
  headers: Record<string, string>,
) {
  const sent = sendRequest(url, { method, agent, headers: { ...headers, 'content-length': 0 } })
  sent.end()
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  await answer.toArray()
}

describe.each(['identity', 'classic'] as const)('on the %s engine', (engine) => {
  it('a navigation refreshes the session and its cache entry', async () => {
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
  type Row = [string, Record<string, string>, 'get' | 'post' | 'head']
  const click = { ...page, 'Sec-Fetch-Dest': 'document', 'Sec-Fetch-User': '?1' } as const
  const scripted = { ...page, 'Sec-Fetch-Dest': 'document' } as const
  const frame = { ...page, 'Sec-Fetch-Dest': 'iframe' } as const
  const crossSite = { 'Sec-Fetch-Site': 'cross-site' } as const
  const foreign = { ...crossSite, Origin: 'https://evil.example' } as const
  const accept = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } as const

  it.each<Row>([
    ['a link somebody clicks', { ...click, ...ownPage }, 'get'],
    ['an address somebody types', { ...click, 'Sec-Fetch-Site': 'none' }, 'get'],
    ['a link on another site somebody clicks', { ...click, ...crossSite }, 'get'],
    ['a link on a neighbour’s page', { ...click, 'Sec-Fetch-Site': 'same-site' }, 'get'],
    ['a page somebody reloads', { ...click, ...ownPage, 'Cache-Control': 'max-age=0' }, 'get'],
    ['a page of ours that leads on', { ...scripted, ...ownPage }, 'get'],
    ['a tab the browser opens again', { ...scripted, 'Sec-Fetch-Site': 'none' }, 'get'],
    ['a click in a frame of our own', { ...frame, ...ownPage, 'Sec-Fetch-User': '?1' }, 'get'],
    ['an old browser that says only what it accepts', accept, 'get'],
    ['a post by a script of ours', { ...api, ...ownPage }, 'post'],
    ['a post by a form of ours', { ...page, ...ownPage }, 'post'],
    ['a form of ours that says no more than null', { ...page, ...ownPage, Origin: 'null' }, 'post'],
  ])('%s counts as activity', async (_, headers, method) => {
    const { org, send } = await open()
    await send(headers, { method })
    expect(org.calls.refreshCurrentSession).toBe(1)
  })

  it.each<Row>([
    ['a post of another site', { ...page, ...foreign }, 'post'],
    ['a post of another site somebody clicked', { ...click, ...foreign }, 'post'],
    [
      'a post of a neighbour',
      { ...page, 'Sec-Fetch-Site': 'same-site', Origin: 'http://localhost:1' },
      'post',
    ],
    ['a post from a sandbox', { ...page, ...crossSite, Origin: 'null' }, 'post'],
    [
      'a post of another site in an old browser',
      { ...accept, Origin: 'https://evil.example' },
      'post',
    ],
    ['a post that says nothing', {}, 'post'],
    ['a post by a script of another site', { ...api, ...foreign }, 'post'],
    ['a beacon', { ...ownPage, 'Sec-Fetch-Mode': 'no-cors' }, 'post'],
    ['a report', { ...ownPage, 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'report' }, 'post'],
    ['a script of another site that leads here', { ...scripted, ...crossSite }, 'get'],
    ['a script of a neighbour', { ...scripted, 'Sec-Fetch-Site': 'same-site' }, 'get'],
    ['a frame in another site', { ...frame, ...crossSite }, 'get'],
    [
      'a click that opens a frame in another site',
      { ...frame, ...crossSite, 'Sec-Fetch-User': '?1' },
      'get',
    ],
    ['a frame in a neighbour’s page', { ...frame, 'Sec-Fetch-Site': 'same-site' }, 'get'],
    ['a frame that reloads itself', { ...frame, ...ownPage }, 'get'],
    ['an embed', { ...scripted, ...crossSite, 'Sec-Fetch-Dest': 'embed' }, 'get'],
    ['an object', { ...scripted, ...crossSite, 'Sec-Fetch-Dest': 'object' }, 'get'],
    ['a fenced frame', { ...click, ...crossSite, 'Sec-Fetch-Dest': 'fencedframe' }, 'get'],
    [
      'a page that reloads itself',
      { ...scripted, ...ownPage, 'Cache-Control': 'max-age=0' },
      'get',
    ],
    [
      'a page that reloads itself past caches',
      { ...scripted, ...ownPage, 'Cache-Control': 'no-cache' },
      'get',
    ],
    [
      'a typed page that reloads itself',
      { ...scripted, 'Sec-Fetch-Site': 'none', 'Cache-Control': 'max-age=0' },
      'get',
    ],
    [
      'a page that leads to itself',
      { ...scripted, ...ownPage, Referer: 'http://localhost/page' },
      'get',
    ],
    ['a poll', { ...api, ...ownPage }, 'get'],
    ['a poll by a client that says nothing', {}, 'get'],
    ['a poll that accepts HTML', { ...api, ...ownPage, ...accept }, 'get'],
    ['a HEAD by a script', { ...api, ...ownPage }, 'head'],
    ['an image', { 'Sec-Fetch-Mode': 'no-cors' }, 'get'],
    ['a prefetch', { ...scripted, ...ownPage, 'Sec-Purpose': 'prefetch' }, 'get'],
    [
      'a prefetch of another site',
      { ...click, ...crossSite, 'Sec-Purpose': 'prefetch;anonymous-client-ip' },
      'get',
    ],
    ['a prerender', { ...click, ...ownPage, 'Sec-Purpose': 'prefetch;prerender' }, 'get'],
    ['an older prefetch', { ...page, Purpose: 'prefetch' }, 'get'],
    ['an older prefetch of Firefox’s', { ...page, 'X-Moz': 'prefetch' }, 'get'],
    ['a preview of Safari’s', { ...page, 'X-Purpose': 'preview' }, 'get'],
  ])('%s does not count as activity', async (_, headers, method) => {
    const { org, send } = await open()
    await send(headers, { method })
    expect(org.calls.refreshCurrentSession).toBe(0)
  })

  it.each([
    ['a route behind a guard', '/guarded', 1],
    ['a route that finds fault with what was sent', '/guarded?answer=422', 1],
    ['a route that checks by itself', '/answer/201', 1],
    ['a route that leads on', '/answer/303', 1],
    ['a path that does not exist', '/nowhere', 0],
    ['a path behind a guard that does not exist', '/guarded?answer=404', 0],
    ['a route that takes no posts', '/guarded?answer=405', 0],
    ['a guard that refuses', '/forbidden', 0],
    ['a route that refuses by itself', '/answer/403', 0],
  ] as const)('a change counts by what becomes of it: %s, %s, %i', async (_, path, calls) => {
    const { org, send } = await open()
    await send({ ...api, ...ownPage }, { method: 'post', path })
    expect(org.calls.refreshCurrentSession).toBe(calls)
  })

  it('a request whose answer never came does not count as activity', async () => {
    const { org, okta, cookie, url, responseEnded } = await open()
    const headers = { ...api, ...ownPage, Cookie: cookie }
    await expect(request(url).post('/cut-off').set(headers)).rejects.toThrow('socket hang up')
    await responseEnded()
    await okta.settled()
    expect(org.calls).toMatchObject({ getCurrentSession: 1, refreshCurrentSession: 0 })
  })

  it('a post from a trusted origin counts as activity, and from appUrl alone where that is set', async () => {
    const appUrl = 'https://app.example'
    const { org, clock, send, url } = await open(
      { everyMs: 0 },
      { okta: { appUrl, trustedOrigins: ['https://www.example.com'] } },
    )
    const counted: string[] = []
    for (const origin of [appUrl, 'https://www.example.com', url, 'https://evil.example']) {
      clock.advance(1_000)
      const before = org.calls.refreshCurrentSession
      await send({ ...api, Origin: origin }, { method: 'post' })
      if (org.calls.refreshCurrentSession > before) counted.push(origin)
    }
    expect(counted).toEqual([appUrl, 'https://www.example.com'])
  })

  it('activity follows the written rule for the combinations of what browsers send', async () => {
    const { org, okta, clock, url, cookie, responseEnded } = await open({ everyMs: 0 })
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    const outcomes: string[] = []
    const expected: string[] = []
    const sample = sampleOf(combinations, 200)
    for (const said of sample) {
      clock.advance(1_000)
      const before = org.calls.refreshCurrentSession
      await exchange(`${url}/page`, agent, said.method, { cookie, ...headersOf(said, url) })
      await responseEnded()
      await okta.settled()
      const name = JSON.stringify(said)
      if (org.calls.refreshCurrentSession > before) outcomes.push(name)
      if (isPersons(said)) expected.push(name)
    }
    expect(combinations).toHaveLength(3_200)
    expect(expected.length).toBeGreaterThan(sample.length / 32)
    expect(outcomes).toEqual(expected)
  }, 60_000)

  it('sessionInfo(), which a page polls, does not count as activity', async () => {
    const { org, send } = await open()
    for (let times = 0; times < 3; times += 1) await send(api, { path: '/info' })
    expect(org.calls.refreshCurrentSession).toBe(0)
  })

  it('counts() decides what counts as activity where the app gives it', async () => {
    const { org, clock, send } = await open({ counts: (req) => req.url === '/page?tick' })
    await send(page)
    await send({ ...api, ...ownPage }, { method: 'post' })
    expect(org.calls.refreshCurrentSession).toBe(0)
    clock.advance(1_000)
    await send(api, { path: '/page?tick' })
    expect(org.calls.refreshCurrentSession).toBe(1)
    clock.advance(300_000)
    await send({ ...page, Origin: 'https://evil.example' }, { method: 'post', path: '/page?tick' })
    expect(org.calls.refreshCurrentSession).toBe(2)
  })

  it('a request without a session does not count as activity', async () => {
    const { org, send } = await open()
    await send({ ...page, Cookie: '' })
    await send({ ...page, Cookie: 'idx=unknown' })
    org.fail({ kind: 'html' })
    await send({ ...page, Cookie: 'idx=other' })
    expect(org.calls.refreshCurrentSession).toBe(0)
  })
})

describe('ten hours on the clock, where a session ends after two without activity', () => {
  const evil = { ...page, 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' } as const
  const frame = { ...page, 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'iframe' } as const
  const ours = { ...page, ...ownPage } as const
  type Sent = Parameters<Awaited<ReturnType<typeof open>>['send']>
  const without: Record<string, Sent> = {
    'posts of another site': [evil, { method: 'post' }],
    'posts of another site to a guarded route': [evil, { method: 'post', path: '/guarded' }],
    'posts of another site to unknown paths': [evil, { method: 'post', path: '/nowhere' }],
    'frames in another site': [frame],
    'frames in another site that reload themselves': [{ ...frame, ...ownPage }],
    prefetches: [{ ...ours, 'Sec-Purpose': 'prefetch' }],
    polls: [{ ...api, ...ownPage }],
    'a page that reloads itself': [{ ...ours, 'Cache-Control': 'max-age=0' }],
    'posts of our own to unknown paths': [ours, { method: 'post', path: '/nowhere' }],
  }
  const mounts: Record<string, (app: Express, okta: OktaSession) => void> = {
    'attachSession()': (app, okta) => app.use(okta.refreshOnActivity(), okta.attachSession()),
    'a guard in front of everything': (app, okta) =>
      app.use(okta.refreshOnActivity(), okta.requireSession()),
  }

  const everyMs = runs(600_000, 300_000)

  describe.each(Object.keys(mounts))('with %s', (mounted) => {
    /** Sends these every ten minutes, or five, and answers how many hours the session lived. */
    async function hours(...all: readonly Sent[]): Promise<number> {
      const { org, clock, send } = await open(
        undefined,
        { org: { idleMinutes: 120 } },
        mounts[mounted],
      )
      const start = clock.now()
      for (let times = 0; times < (10 * 3_600_000) / everyMs; times += 1) {
        for (const sent of all) await send(...sent)
        clock.advance(everyMs)
        if (org.sessions.length === 0) break
      }
      return (clock.now() - start) / 3_600_000
    }

    it.each(Object.keys(without))('%s keep no session alive', async (name) => {
      expect(await hours(without[name] ?? [{}])).toBe(2)
    })

    it('requests without a user’s activity keep no session alive, all of them together', async () => {
      expect(await hours(...Object.values(without))).toBe(2)
    })

    it('activity of a user keeps the session alive', async () => {
      expect(await hours([{ ...ours, 'Sec-Fetch-User': '?1' }])).toBe(10)
      expect(await hours([ours, { method: 'post', path: '/guarded' }])).toBe(10)
    })
  })
})

describe('how often Okta is called', () => {
  it('Okta is called to refresh once in five minutes, however active the user is', async () => {
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

  it('Okta is called to refresh as often as everyMs says', async () => {
    const { org, clock, send } = await open({ everyMs: 1_000 })
    await send(page)
    clock.advance(1_000)
    await send(page)
    expect(org.calls.refreshCurrentSession).toBe(2)
  })

  it('a refresh by refresh() counts towards the interval of refreshOnActivity()', async () => {
    const { org, send } = await open()
    await send({ ...api, ...ownPage }, { method: 'post', path: '/refresh' })
    await send(page)
    expect(org.calls.refreshCurrentSession).toBe(1)
  })

  it('Okta is not called to refresh while half of the rate-limit window is used', async () => {
    const { org, send } = await open(undefined, { org: { rateLimitPerMinute: 4 } })
    for (let times = 0; times < 2; times += 1)
      await send({ ...api, Cookie: org.signIn('bob@example.com') })
    await send(page)
    expect(org.calls.refreshCurrentSession).toBe(0)
  })
})

describe('the place of refreshOnActivity()', () => {
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
  ])('refreshOnActivity() works at any place: %s', async (_, mount) => {
    const { org, send } = await open(undefined, {}, mount)
    expect((await send(page)).text).toBe('here')
    expect(org.calls.refreshCurrentSession).toBe(1)
  })
})

describe('a failed refresh', () => {
  it('a failed refresh does not change the answer to the request', async () => {
    const { org, send } = await open()
    await send(api)
    org.fail({ kind: 'html' }, { operation: 'refreshCurrentSession' })
    expect((await send(page)).text).toBe('here')
  })

  it('a request does not wait for its refresh', async () => {
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

  it('a refresh that Okta answers with 404 ends the cached session', async () => {
    const { org, cookie, send } = await open()
    await send(api)
    org.endSession(cookie)
    expect((await send(page)).text).toBe('here')
    const { body } = await send(api, { path: '/info' })
    expect(body).toMatchObject({ state: 'anonymous', reason: 'not_found' })
  })

  it.each([
    ['yes', true, 1],
    ['no', false, 0],
  ])('an async counts() is awaited: %s', async (_, counted, calls) => {
    const { org, send } = await open({ counts: async () => counted })
    await send(page)
    await expect.poll(() => org.calls.refreshCurrentSession).toBe(calls)
  })

  it('an async counts() that rejects is logged once, and ends no process', async () => {
    const lines: unknown[] = []
    const { org, send } = await open(
      { counts: () => Promise.reject(new Error('boom')) },
      { okta: { logger: { warn: (...line) => lines.push(line) } } },
    )
    await send(page)
    await send(page)
    expect(lines).toEqual([
      [
        expect.stringMatching(/^refreshOnActivity\(\) failed \(EOS137: /),
        { event: 'EOS137', org: new URL(org.url).host, error: 'Error: boom' },
      ],
    ])
    expect(org.calls.refreshCurrentSession).toBe(0)
  })

  it('a counts() that throws is logged once', async () => {
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
    expect(lines).toEqual([
      [
        expect.stringMatching(/^refreshOnActivity\(\) failed \(EOS137: /),
        { event: 'EOS137', org: expect.any(String), error: 'Error: boom' },
      ],
    ])
  })
})

describe('a response that ends', () => {
  async function openBare() {
    const { okta, org } = await startParts()
    const activity = okta.refreshOnActivity({ everyMs: 0 })
    const attach = okta.attachSession()
    const cookie = org.signIn('alice@example.com')
    /** As the adapters of serverless platforms do: no socket, and so no `close`. */
    const answer = async (ends: readonly ('finish' | 'close')[]) => {
      const req = Object.assign(new IncomingMessage(new Socket()), {
        method: 'GET',
        url: '/page',
        headers: { cookie, ...lowerCase(page) },
      })
      const res = new ServerResponse(req)
      await new Promise<unknown>((next) => activity(req, res, () => attach(req, res, next)))
      for (const end of ends) {
        res.emit(end)
        await new Promise(setImmediate)
        await okta.settled()
      }
    }
    return { org, answer }
  }

  const lowerCase = (headers: Record<string, string>) =>
    Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

  it.each<[string, readonly ('finish' | 'close')[]]>([
    ['finish alone', ['finish']],
    ['close alone', ['close']],
    ['close after the refresh that finish began', ['finish', 'close']],
  ])('a response refreshes the session once: %s', async (_, ends) => {
    const { org, answer } = await openBare()
    await answer(ends)
    expect(org.calls).toMatchObject({ getCurrentSession: 1, refreshCurrentSession: 1 })
  })
})

describe('a sign-out', () => {
  it('a sign-out is not undone by the refresh of its own request', async () => {
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

  it('a sign-out is not undone by a request that ends after it, though Okta still says ACTIVE', async () => {
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
