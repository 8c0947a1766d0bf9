/** sessionInfo(): what a page in the browser may know, and how few calls it costs. */
import express from 'express'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, type Choices, serve, startParts } from './door.js'

async function open(choices: Choices = {}, options?: { maxStalenessMs: number }) {
  const parts = await startParts(choices)
  const app = express()
  app.all('/info', parts.okta.sessionInfo(options))
  app.get('/account', parts.okta.requireSession(), (_req, res) => void res.end())
  const url = await serve(app)
  const get = (path: string) => (cookie?: string) =>
    request(url)
      .get(path)
      .set(cookie === undefined ? api : { ...api, Cookie: cookie })
  return { ...parts, url, info: get('/info'), account: get('/account') }
}

describe.each(['identity', 'classic'] as const)('on the %s engine', (engine) => {
  it('sessionInfo() tells who is signed in and until when, and neither id nor cookie', async () => {
    const { org, clock, info } = await open({ org: { engine } })
    const cookie = org.signIn('alice@example.com')
    const [session] = org.sessions
    const answer = await info(cookie).expect(200)
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
    expect(answer.body).toEqual({
      state: 'active',
      user: { id: session?.userId, login: 'alice@example.com' },
      amr: ['pwd'],
      expiresAt: session?.expiresAt,
      serverTime: new Date(clock.now()).toISOString(),
    })
    expect(answer.text).not.toContain(session?.id)
    expect(answer.text).not.toContain(cookie.split('=')[1])
  })
})

describe('whatever the state', () => {
  it('sessionInfo() answers every state with a 200 that is not cached', async () => {
    const { org, clock, info } = await open()
    const serverTime = new Date(clock.now()).toISOString()
    const incomplete = org.signIn('alice@example.com', { status: 'MFA_REQUIRED' })
    const states: [string | undefined, object][] = [
      [undefined, { state: 'anonymous', reason: 'no_cookie' }],
      ['idx=unknown', { state: 'anonymous', reason: 'not_found' }],
      ['idx="x"', { state: 'anonymous', reason: 'invalid_cookie' }],
      ['idx=a; idx=b', { state: 'anonymous', reason: 'ambiguous_cookie' }],
      [incomplete, { state: 'incomplete', reason: 'mfa_required' }],
    ]
    for (const [cookie, expected] of states) {
      const { body, headers } = await info(cookie).expect(200)
      expect(body).toEqual({ ...expected, serverTime })
      expect(headers).toMatchObject({ 'cache-control': 'private, no-store', vary: 'Cookie' })
      expect(headers).not.toHaveProperty('set-cookie')
    }
    org.fail({ kind: 'html' })
    const { body } = await info('idx=other').expect(200)
    expect(body).toEqual({ state: 'unavailable', reason: 'content_type', serverTime })
  })

  it('sessionInfo() gives the time by Okta’s clock, as expiresAt is', async () => {
    const { org, clock, info } = await open({ org: { dateSkewMs: 90_000 } })
    const { body } = await info(org.signIn('alice@example.com')).expect(200)
    expect(body.serverTime).toBe(new Date(clock.now() + 90_000).toISOString())
  })
})

describe('a page that polls', () => {
  it('sessionInfo() answers from the cache, and extends no session', async () => {
    const { org, clock, info, account } = await open()
    const cookie = org.signIn('alice@example.com')
    await account(cookie).expect(200)
    // Four minutes of polls; before the first, the account page had called Okta.
    for (let times = 0; times < 8; times += 1) {
      clock.advance(30_000)
      expect((await info(cookie).expect(200)).body.state).toBe('active')
    }
    expect(org.calls).toMatchObject({ getCurrentSession: 1, refreshCurrentSession: 0 })
  })

  it('sessionInfo() calls Okta when the cache entry has ended, and reports an ended session', async () => {
    const { org, clock, info } = await open({ org: { idleMinutes: 10 } })
    const cookie = org.signIn('alice@example.com')
    const states: string[] = []
    for (let minute = 0; minute <= 12; minute += 1) {
      states.push((await info(cookie).expect(200)).body.state)
      clock.advance(60_000)
    }
    expect(states).toEqual([...Array(10).fill('active'), ...Array(3).fill('anonymous')])
    expect(org.calls.getCurrentSession).toBeLessThanOrEqual(6)
  })

  it('sessionInfo() serves a cached session while Okta is down', async () => {
    const { org, clock, info } = await open()
    const cookie = org.signIn('alice@example.com')
    await info(cookie)
    org.fail({ kind: 'reset' })
    clock.advance(299_000)
    expect((await info(cookie).expect(200)).body.state).toBe('active')
    clock.advance(1_000)
    expect((await info(cookie).expect(200)).body.state).toBe('unavailable')
  })

  it('sessionInfo() reports a sign-out at once', async () => {
    const { org, okta, info } = await open()
    const cookie = org.signIn('alice@example.com')
    await info(cookie)
    org.endSession(cookie)
    const [user] = org.users
    await okta.forget({ userId: user?.userId ?? '' })
    expect((await info(cookie).expect(200)).body.reason).toBe('not_found')
  })
})

describe('maxStalenessMs', () => {
  it.each([1_000, 30_000, 120_000])(
    'maxStalenessMs of %i ms bounds the age of an answer',
    async (maxStalenessMs) => {
      const { org, clock, info } = await open({}, { maxStalenessMs })
      const cookie = org.signIn('alice@example.com')
      await info(cookie)
      clock.advance(maxStalenessMs)
      await info(cookie)
      expect(org.calls.getCurrentSession).toBe(1)
      clock.advance(1)
      await info(cookie)
      expect(org.calls.getCurrentSession).toBe(2)
    },
  )

  it('maxStalenessMs holds while Okta is down', async () => {
    const { org, clock, info } = await open({}, { maxStalenessMs: 1_000 })
    const cookie = org.signIn('alice@example.com')
    await info(cookie)
    org.fail({ kind: 'reset' })
    clock.advance(1_001)
    expect((await info(cookie).expect(200)).body.state).toBe('unavailable')
  })

  it('maxStalenessMs extends no answer beyond maxTtlMs', async () => {
    const { org, clock, info } = await open({}, { maxStalenessMs: 86_400_000 })
    const cookie = org.signIn('alice@example.com')
    await info(cookie)
    clock.advance(300_000)
    await info(cookie)
    expect(org.calls.getCurrentSession).toBe(2)
  })
})

describe('methods', () => {
  it('sessionInfo() handles GET and HEAD, and leaves OPTIONS to the app', async () => {
    const { org, url } = await open()
    for (const method of ['post', 'put', 'delete'] as const) {
      const { headers, body } = await request(url)[method]('/info').expect(405)
      expect(headers.allow).toBe('GET, HEAD')
      expect(body.code).toBe('method_not_allowed')
    }
    await request(url).head('/info').expect(200)
    await request(url).options('/info').expect(404)
    expect(org.calls.getCurrentSession).toBe(0)
  })
})
