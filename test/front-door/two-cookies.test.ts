/** Two session cookies in one request: the one login() set decides, and no other makes its holder somebody else. */
import express from 'express'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { type Choices, cookiesOf, ownPage, serve, startOkta, startParts } from './door.js'

const ALICE = 'alice@example.com'
const BOB = 'bob@example.com'

async function open(choices: Choices = {}) {
  const parts = await startParts(choices)
  const found = (cookie: string, okta = parts.okta) => okta.authenticate({ headers: { cookie } })
  /** The user of the cookies, or why there is none. */
  const whose = async (cookie: string, okta = parts.okta) => {
    const context = await found(cookie, okta)
    return context.state === 'active' ? context.session.login : context.reason
  }
  return { ...parts, found, whose }
}

/** The same where login() is mounted, and alice has signed in with it. */
async function openSignedIn(choices: Choices = {}) {
  const door = await open(choices)
  const url = await serve(express().post('/', door.okta.login()))
  const signedIn = await request(url)
    .post('/')
    .set(ownPage)
    .send({ sessionToken: door.org.sessionToken(ALICE) })
    .expect(200)
  return { ...door, url, cookie: `sid=${cookiesOf(signedIn).sid?.value}` }
}

const orders = [
  ['before', (real: string, planted: string) => `${planted}; ${real}`],
  ['behind', (real: string, planted: string) => `${real}; ${planted}`],
] as const

describe.each(orders)('beside the cookie login() set, one planted %s it', (_, join) => {
  it.each([
    ['without a session', 'idx=unknown'],
    ['malformed', 'idx=%31'],
    ['empty', 'idx='],
    ['of several values', 'idx=one; idx=other'],
  ])('a planted cookie that is %s changes nothing', async (__, planted) => {
    const { cookie, whose } = await openSignedIn()
    expect(await whose(join(cookie, planted))).toBe(ALICE)
    expect(await whose(join(cookie, planted))).toBe(ALICE)
  })

  it('a planted cookie of another user signs no user in as that user', async () => {
    const { org, cookie, whose } = await openSignedIn()
    const planted = org.signIn(BOB)
    expect(await whose(join(cookie, planted))).toBe('ambiguous_cookie')
    expect(await whose(join(cookie, planted))).toBe('ambiguous_cookie')
    expect(await whose(cookie)).toBe(ALICE)
    expect(org.calls.getCurrentSession).toBe(2)
  })

  it('a planted cookie of the same user changes nothing', async () => {
    const { org, cookie, found } = await openSignedIn()
    const other = org.signIn(ALICE)
    const alone = await found(cookie)
    const both = await found(join(cookie, other))
    expect(both.session?.id).toBe(alone.session?.id)
  })

  it('a planted cookie that lacks a factor changes nothing', async () => {
    const { org, cookie, whose } = await openSignedIn()
    expect(await whose(join(cookie, org.signIn(BOB, { status: 'MFA_REQUIRED' })))).toBe(ALICE)
  })

  it('a planted cookie of another user who has signed out changes nothing', async () => {
    const { org, okta, cookie, whose } = await openSignedIn()
    const planted = org.signIn(BOB)
    expect(await whose(join(cookie, planted))).toBe('ambiguous_cookie')
    const leave = await serve(express().post('/', okta.logout()))
    await request(leave)
      .post('/')
      .set({ ...ownPage, Cookie: planted })
      .expect(204)
    expect(await whose(join(cookie, planted))).toBe(ALICE)
  })
})

describe('the order of the cookies', () => {
  it('the app’s order of cookies holds without login(), which changes it for its own instance alone', async () => {
    const { org, clock, okta, found } = await open()
    const other = startOkta({ orgUrl: org.url }, clock)
    const [idx, sid] = [org.signIn(ALICE), org.signIn(ALICE, { cookie: 'sid' })]
    const idOf = async (cookie: string, by: typeof okta) => (await found(cookie, by)).session?.id
    okta.login()
    expect(await idOf(`${idx}; ${sid}`, okta)).toBe(await idOf(sid, okta))
    expect(await idOf(`${idx}; ${sid}`, other)).toBe(await idOf(idx, other))
  })

  it('login() moves the first sid entry to the front, also when it is mounted twice', async () => {
    const cookies = ['idx', { name: 'app', as: 'sid' }, 'sid'] as const
    const { org, okta, found } = await open({ okta: { cookies } })
    okta.login()
    okta.login()
    const [idx, sid, own] = [
      org.signIn(ALICE),
      org.signIn(ALICE, { cookie: 'sid' }),
      org.signIn(ALICE, { cookie: 'sid' }).replace('sid=', 'app='),
    ]
    const ids = [`${idx}; ${sid}; ${own}`, own].map(async (cookie) => (await found(cookie)).session)
    const [all, alone] = await Promise.all(ids)
    expect(all?.id).toBe(alone?.id)
  })
})

describe('two live cookies of different people', () => {
  it('two live cookies of different users are ambiguous, whichever is first, also without login()', async () => {
    const { org, okta, whose } = await open()
    const both = `${org.signIn(ALICE)}; ${org.signIn(BOB, { cookie: 'sid' })}`
    expect(await whose(both)).toBe('ambiguous_cookie')
    const url = await serve(
      express().get('/', okta.requireSession(), (_req, res) => void res.send('let in')),
    )
    const answer = await request(url).get('/').set('Cookie', both).expect(401)
    expect(answer.body).toMatchObject({ code: 'session_required', reason: 'ambiguous_cookie' })
  })

  it('sessionInfo() reports two live cookies as ambiguous without a second call', async () => {
    const { org, okta, found } = await open()
    const [idx, sid] = [org.signIn(ALICE), org.signIn(BOB, { cookie: 'sid' })]
    await found(idx)
    await found(sid)
    const url = await serve(express().get('/', okta.sessionInfo()))
    const { body } = await request(url).get('/').set('Cookie', `${idx}; ${sid}`).expect(200)
    expect(body).toMatchObject({ state: 'anonymous', reason: 'ambiguous_cookie' })
    expect(org.calls.getCurrentSession).toBe(2)
  })

  it('two live cookies of different users are ambiguous to a rule with maxStalenessMs', async () => {
    const { org, okta } = await open()
    const both = `${org.signIn(ALICE)}; ${org.signIn(BOB, { cookie: 'sid' })}`
    const url = await serve(
      express().get('/', okta.requireSession({ maxStalenessMs: 0 }), (_req, res) => {
        res.send('let in')
      }),
    )
    await request(url).get('/').set('Cookie', both).expect(401)
  })
})

describe('what the second cookie costs', () => {
  it('a second cookie of the same user costs one call, not one a request', async () => {
    const { org, clock, whose } = await open()
    const both = `${org.signIn(ALICE)}; ${org.signIn(ALICE, { cookie: 'sid' })}`
    for (let round = 0; round < 50; round += 1) expect(await whose(both)).toBe(ALICE)
    expect(org.calls.getCurrentSession).toBe(2)
    // The first is looked up again after its ttl, the second when it is no longer cached.
    clock.advance(61_000)
    expect(await whose(both)).toBe(ALICE)
    expect(org.calls.getCurrentSession).toBe(3)
  })

  it('a second cookie without a session costs one call a day', async () => {
    const { org, clock, whose } = await open({
      org: { idleMinutes: 2_000, lifetimeMinutes: 2_000 },
    })
    const idx = org.signIn(ALICE)
    const alone = org.signIn(BOB)
    for (let hour = 0; hour < 20; hour += 1) {
      expect(await whose(`${idx}; sid=of-yesterday`)).toBe(ALICE)
      expect(await whose(alone)).toBe(BOB)
      clock.advance(3_600_000)
    }
    expect(org.calls.getCurrentSession).toBe(41)
    clock.advance(5 * 3_600_000)
    await whose(`${idx}; sid=of-yesterday`)
    expect(org.calls.getCurrentSession).toBe(43)
  })

  it('a cookie whose name ends alike, or whose octets can’t be sent, costs no call', async () => {
    const { org, whose } = await open()
    const idx = org.signIn(ALICE)
    for (const other of ['connect.sid=s%3Aabc', 'xsid=a', 'a=sid=b', 'sid=%31', 'sid="a"', 'sid='])
      expect([other, await whose(`${idx}; ${other}`)]).toEqual([other, ALICE])
    expect(org.calls.getCurrentSession).toBe(1)
  })

  it('unseen second cookies are charged to the session, and delay it alone once its budget is spent', async () => {
    const { org, whose } = await open({
      okta: { upstream: { failedLookups: { perSecond: 0.1, burst: 2 } } },
    })
    const idx = org.signIn(ALICE)
    for (let index = 0; index < 20; index += 1)
      expect(await whose(`${idx}; sid=planted-${index}`)).toBe(
        index < 3 ? ALICE : 'too_many_attempts',
      )
    expect(await whose(idx)).toBe(ALICE)
    expect(await whose(`${idx}; sid=planted-0`)).toBe(ALICE)
    expect(await whose('idx=unknown')).toBe('not_found')
    expect(org.calls.getCurrentSession).toBe(5)
  })

  it.each(['hang', 'html'] as const)(
    'an outage delays a request for its second cookie once: %s',
    async (kind) => {
      const { org, whose } = await open({ okta: { upstream: { timeoutMs: 300 } } })
      const idx = org.signIn(ALICE)
      expect(await whose(idx)).toBe(ALICE)
      const sid = org.signIn(BOB, { cookie: 'sid' })
      const stop = org.fail({ kind })
      for (let round = 0; round < 20; round += 1) expect(await whose(`${idx}; ${sid}`)).toBe(ALICE)
      expect(org.calls.getCurrentSession).toBeLessThanOrEqual(3)
      stop()
    },
  )

  it('a second cookie is looked up again after an outage', async () => {
    const { org, clock, whose } = await open()
    const idx = org.signIn(ALICE)
    await whose(idx)
    const sid = org.signIn(BOB, { cookie: 'sid' })
    org.failNext({ kind: 'html' })
    expect(await whose(`${idx}; ${sid}`)).toBe(ALICE)
    clock.advance(30_000)
    expect(await whose(`${idx}; ${sid}`)).toBe('ambiguous_cookie')
  })
})

describe('while the second cookie is looked up', () => {
  it('a sign-out of the first cookie counts while the second is looked up', async () => {
    const { org, okta, whose } = await open()
    const idx = org.signIn(ALICE)
    await whose(idx)
    const url = await serve(express().post('/', okta.logout()))
    const sid = org.signIn(ALICE, { cookie: 'sid' })
    org.failNext({ kind: 'delay', delayMs: 300 }, { operation: 'getCurrentSession' })
    const slow = okta.authenticate({ headers: { cookie: `${idx}; ${sid}` } })
    await expect.poll(() => org.calls.getCurrentSession).toBe(2)
    await request(url)
      .post('/')
      .set({ ...ownPage, Cookie: idx })
      .expect(204)
    const session = await okta.authenticate({ headers: { cookie: sid } })
    const { session: found } = await slow
    // The other cookie goes on, and decides where the first one's session is over.
    expect(found?.id).toBe(session.session?.id)
  })

  it('a first session that is forgotten while the second cookie is looked up is looked up again', async () => {
    const { org, okta, whose } = await open()
    const idx = org.signIn(ALICE)
    await whose(idx)
    org.failNext({ kind: 'delay', delayMs: 300 }, { operation: 'getCurrentSession' })
    const slow = whose(`${idx}; sid=unknown`)
    await expect.poll(() => org.calls.getCurrentSession).toBe(2)
    org.endSession(idx)
    await okta.forget({ userId: org.users[0]?.userId ?? '' })
    expect(await slow).toBe('not_found')
  })

  it('a caller may abort while the second cookie is looked up', async () => {
    const { org, okta, whose } = await open()
    const idx = org.signIn(ALICE)
    await whose(idx)
    org.failNext({ kind: 'delay', delayMs: 300 }, { operation: 'getCurrentSession' })
    const gone = new AbortController()
    const headers = { cookie: `${idx}; sid=unknown` }
    const slow = okta.authenticate({ headers }, { signal: gone.signal })
    gone.abort(new Error('gone'))
    await expect(slow).rejects.toThrow('gone')
  })
})
