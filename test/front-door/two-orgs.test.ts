/** Two instances for two orgs in one process: neither org may see the other's cookies by oversight. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import express from 'express'
import { type OktaSession, type OktaSessionOptions, oktaSession } from 'express-okta-session'
import request from 'supertest'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { api, serve, startOkta, startOrg, TestClock } from './door.js'

const one = 'https://one.example.com'
const two = 'https://two.example.com'
const own = [{ name: '__Host-two', as: 'sid' }] as const

/** An instance that ends with the test. */
function make(orgUrl: string, options: OktaSessionOptions = {}): OktaSession {
  const okta = oktaSession({ orgUrl, logger: false, ...options })
  onTestFinished(() => okta.close())
  return okta
}

afterEach(() => vi.unstubAllEnvs())

describe('a second instance for another org', () => {
  it('a second instance for another org is refused while both read the default cookies', () => {
    make(one)
    const second = () => make(two, { credentials: { apiToken: '00-the-secret-token' } })
    expect(second).toThrow(TypeError)
    expect(second).toThrow(
      /two instances for two orgs.*https:\/\/one\.example\.com.*https:\/\/two\.example\.com.*`idx`.*`sid`.*send the other's live cookie.*`cookies`.*`property`.*close\(\)/s,
    )
    expect(second).not.toThrow(/secret/)
  })

  it.each<[string, OktaSessionOptions]>([
    ['cookies: undefined', { cookies: undefined }],
    ['another property', { property: 'other' }],
    ['another appUrl', { appUrl: 'https://app.example.com' }],
  ])('a second instance for another org is refused with %s', (_, options) => {
    make(one)
    expect(() => make(two, options)).toThrow(/two orgs/)
  })

  it('a second instance is refused where the environment names the other org', () => {
    make(one)
    vi.stubEnv('OKTA_CLIENT_ORGURL', two)
    expect(() => oktaSession({ logger: false })).toThrow(/two orgs/)
  })

  it('a second instance with invalid options reports those first', () => {
    make(one)
    expect(() => make(two, { cache: { ttlMs: -1 } })).toThrow(/cache\.ttlMs/)
  })

  it('a second instance that was refused leaves no trace', async () => {
    const first = make(one)
    expect(() => make(two)).toThrow(/two orgs/)
    make(one)
    await first.close()
    expect(() => make(two)).toThrow(/two orgs/)
  })

  it.each<[string, OktaSessionOptions, OktaSessionOptions]>([
    ['the first', { cookies: own }, {}],
    ['the second', {}, { cookies: own }],
    ['one of them, though by the same names', {}, { cookies: ['idx', 'sid'] }],
  ])('a second instance is accepted where cookies are named by %s', (_, first, second) => {
    make(one, first)
    make(two, second)
  })

  it('a second instance is accepted once the first is closed', async () => {
    const first = make(one)
    await first.close()
    make(two)
    await first.close()
    expect(() => make(one)).toThrow(/two orgs/)
  })

  it('a second instance for the same org is accepted, however its URL is written', () => {
    make(one)
    make('https://ONE.example.com:443/')
  })

  it.each(['http://localhost:1', 'http://127.0.0.1:2', 'http://[::1]:3'])(
    'a second instance is accepted where one org is on this machine: %s',
    (local) => {
      make('http://localhost:4')
      make(one)
      make(local)
    },
  )
})

describe('an instance that is no longer used', () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')

  async function isLetIn(orgUrl: string): Promise<boolean> {
    await new Promise(setImmediate)
    collect()
    try {
      make(orgUrl)
      return true
    } catch {
      return false
    }
  }

  it('an unreferenced instance is collected, although it was not closed', async () => {
    oktaSession({ orgUrl: one, logger: false })
    await expect.poll(() => isLetIn(two)).toBe(true)
  })

  it.each<[string, (okta: OktaSession) => object]>([
    ['attachSession()', (okta) => okta.attachSession()],
    ['requireSession()', (okta) => okta.requireSession()],
    ['refreshOnActivity()', (okta) => okta.refreshOnActivity()],
    ['refresh()', (okta) => okta.refresh()],
    ['login()', (okta) => okta.login()],
    ['logout()', (okta) => okta.logout()],
    ['sessionInfo()', (okta) => okta.sessionInfo()],
    ['forwardAuth()', (okta) => okta.forwardAuth()],
    ['authenticate', (okta) => okta.authenticate],
    ['watch', (okta) => okta.watch],
  ])('an instance is not collected while %s is in use', async (_, part) => {
    // Only this part is held: nothing here may refer to the instance itself, not even to close it.
    const kept = part(oktaSession({ orgUrl: one, logger: false }))
    const outcomes: boolean[] = []
    for (let times = 0; times < 3; times += 1) outcomes.push(await isLetIn(two))
    expect(outcomes).toEqual([false, false, false])
    expect(kept).toBeDefined()
  })
})

describe('two orgs on one request', () => {
  async function open(property: string) {
    const clock = new TestClock()
    const [first, second] = await Promise.all([startOrg({ clock }), startOrg({ clock })])
    const a = startOkta({ orgUrl: first.url, cookies: ['idx'] }, clock)
    const b = startOkta(
      { orgUrl: second.url, cookies: [{ name: 'b', as: 'idx' }], property },
      clock,
    )
    const app = express().use(a.attachSession(), b.attachSession())
    const sessionOf = (okta: OktaSession, req: express.Request) => {
      try {
        return okta.session(req).login
      } catch (error) {
        return String(error).slice(0, 9)
      }
    }
    const tell: express.RequestHandler = (req, res) =>
      void res.json({ a: sessionOf(a, req), b: sessionOf(b, req), okta: req.okta?.session?.login })
    app.get('/a', a.requireSession(), tell)
    app.get('/b', b.requireSession(), tell)
    app.get('/both', a.requireSession(), b.requireSession(), tell)
    const url = await serve(app)
    const alice = first.signIn('alice@example.com')
    const bob = second.signIn('bob@example.com').replace(/^idx=/, 'b=')
    const get = (path: string, Cookie: string) =>
      request(url)
        .get(path)
        .set({ ...api, Cookie })
    return { first, second, alice, bob, get }
  }

  it('each of two guards judges its own org’s session, whatever the other has found', async () => {
    for (const property of ['okta', 'other']) {
      const { first, second, alice, bob, get } = await open(property)
      await get('/a', bob).expect(401)
      await get('/b', alice).expect(401)
      await get('/both', alice).expect(401)
      await get('/both', `${alice}; ${bob}`).expect(200)
      expect([first.calls.getCurrentSession, second.calls.getCurrentSession]).toEqual([1, 1])
    }
  })

  it('two instances with two properties set both contexts', async () => {
    const { alice, bob, get } = await open('other')
    const { body } = await get('/both', `${alice}; ${bob}`).expect(200)
    expect(body).toEqual({
      a: 'alice@example.com',
      b: 'bob@example.com',
      okta: 'alice@example.com',
    })
  })

  it('under one property the last instance’s context is set, and the other logs it', async () => {
    const { alice, bob, get } = await open('okta')
    const { body } = await get('/both', `${alice}; ${bob}`).expect(200)
    expect(body).toEqual({ a: 'TypeError', b: 'bob@example.com', okta: 'bob@example.com' })
  })
})
